"""Compares what the reader says of a note with what its label says: a fact is a (status, concept) of the note.

* Of each note a set is compared: a thing said twice counts once. Statuses are those of the labels; a fact of somebody
  else is `other` whatever else it is, one that is over is `historical`, and so on (`status_of`). Planned, hypothetical,
  historical and other facts are one group, `aside`: a label of one of them is met by any of them, as none of them may
  be acted upon.
* `may …` is neutral: neither asked for nor held against the reader. `gone X` is met by "negated" and "historical"; it
  is counted with the negated.
* Recall: of the labels of a group, how many were read.
* Precision of `affirmed`: of all that was read as affirmed, how much is in the label. Whatever is not is an error.
* Precision of the others: of what was read in that group *of concepts that the label speaks of*, how much it says in
  that way. A denial of which the label says nothing may be an omission of the label; it is counted as `unlisted`.
* A target (`TARGETS`) is of the plan as much as of now: the reader's "planned" meets "affirmed", and is counted so.
* Not judged: plain numbers (`hr`, `k`, …), `infection.level`, and concepts that the labels could not speak of:
  neither in `concepts.txt` nor in any label of the notes scored. `resp.crackles` in a label, which names no side, is
  met by either side's concept. What a label implies (`IMPLIED`) is neutral: a haemorrhagic shock is a bleeding.
"""

import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from math import sqrt
from pathlib import Path
from typing import Any, NamedTuple

from guidelines.notes.reading import read
from schemas.clinical.facts import Experiencer, NoteFact, Temporality
from schemas.events import Note

LABELLED = Path(__file__).parents[2] / "tests" / "knowledge" / "notes"
NOT_JUDGED = frozenset({"hr", "rr", "spo2", "urine", "k", "glucose", "o2.fio2", "temp", "infection.level"})
SIDES = {"resp.crackles_bilat": "resp.crackles", "resp.crackles_focal": "resp.crackles"}
IMPLIED = {  # what is so where the label says the other, with the same status
    "bleed.unspecified": (
        "shock.hemorrhagic",
        "bleed.gi",
        "bleed.site",
        "bleed.lower",
        "bleed.hematemesis",
        "bleed.melena",
    ),
    "limit.no_escalation": ("limit.comfort_care",),
    "resp.dyspnea": ("resp.sudden_dyspnea",),
    "neuro.seizure": ("neuro.seizure_ongoing",),
    "cardiac.chest_pain": ("chest.pleuritic",),
    "dx.heart_failure": ("cardiac.adhf",),
    "resp.imv": ("resp.intubated",),
    "resp.intubated": ("resp.imv",),
    "resp.pulm_oedema": ("resp.frothy",),
}
TARGETS = frozenset({"bp.target", "o2.target"})
GROUPS = ("affirmed", "negated", "uncertain", "aside")
ASIDE = frozenset({"other", "historical", "planned", "hypothetical"})
AT = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
Z = 1.959964  # of 95 %


class Said(NamedTuple):
    """One statement about a note, of its label or of the reader."""

    status: str
    concept: str

    @property
    def group(self) -> str:
        if self.status == "gone":
            return "negated"
        return "aside" if self.status in ASIDE else self.status


class Fault(NamedTuple):
    """A statement that was missed, or made and wrong."""

    said: Said
    missed: bool
    text: str


@dataclass
class Counts:
    """Of one group of statuses."""

    asked: int = 0
    found: int = 0
    judged: int = 0
    right: int = 0
    unlisted: int = 0

    @property
    def recall(self) -> float:
        return self.found / self.asked if self.asked else 1.0

    @property
    def precision(self) -> float:
        return self.right / self.judged if self.judged else 1.0


@dataclass
class Score:
    """Of a set of notes."""

    notes: int = 0
    groups: dict[str, Counts] = field(default_factory=lambda: {group: Counts() for group in GROUPS})
    faults: list[Fault] = field(default_factory=list)

    def worst(self, most: int) -> list[tuple[str, int]]:
        """The statements that are wrong most often: "missed negated temp.high", "wrongly affirmed perf.cool"."""
        names = Counter(f"{'missed' if f.missed else 'wrongly'} {f.said.status} {f.said.concept}" for f in self.faults)
        return sorted(names.items(), key=lambda named: (-named[1], named[0]))[:most]

    def shown(self) -> dict[str, dict[str, Any]]:
        """Precision and recall of each group with Wilson intervals, as a result file keeps them."""
        return {
            name: {
                "precision": _rate(c.right, c.judged),
                "recall": _rate(c.found, c.asked),
                "unlisted": c.unlisted,
            }
            for name, c in self.groups.items()
        }


def wilson(good: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share, by Wilson's score."""
    if not of:
        return 0.0, 1.0
    share, square = good / of, Z * Z
    middle = (share + square / (2 * of)) / (1 + square / of)
    half = Z * sqrt(share * (1 - share) / of + square / (4 * of * of)) / (1 + square / of)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def _rate(good: int, of: int) -> dict[str, Any]:
    low, high = wilson(good, of)
    share = round(good / of, 3) if of else None
    return {"share": share, "interval": [round(low, 3), round(high, 3)], "of": of}


def labelled(path: Path) -> list[dict[str, Any]]:
    """The notes of a file: their text and their facts."""
    found: list[dict[str, Any]] = tomllib.loads(path.read_text(encoding="utf-8"))["note"]
    return found


@cache
def known() -> frozenset[str]:
    """The concepts that a label could speak of."""
    return frozenset((LABELLED / "concepts.txt").read_text(encoding="utf-8").split())


def status_of(fact: NoteFact) -> str:
    if fact.experiencer is not Experiencer.PATIENT:
        return "other"
    if fact.temporality is Temporality.PLANNED and fact.concept in TARGETS:
        return str(fact.polarity)
    if fact.temporality is not Temporality.CURRENT:
        return str(fact.temporality)
    if fact.copied:
        return "historical"
    return str(fact.polarity)


def read_of(text: str, more: Set[str] = frozenset()) -> set[Said]:
    """What the reader says of a note, as far as it is judged; `more` are concepts judged beside the known ones."""
    facts = read(Note(encounter="e1", text=text, observed_at=AT, available_at=AT))
    said = {Said(status_of(f), f.concept) for f in facts if f.concept not in NOT_JUDGED}
    return {s for s in said if s.concept in known() or s.concept in more or s.concept in SIDES}


def _meets(read_: Said, label: Said) -> bool:
    """Whether what was read is what the label says."""
    concept = label.concept in (read_.concept, SIDES.get(read_.concept))
    ways = {"negated", "historical"} if label.status == "gone" else {label.status}
    return concept and (read_.status in ways or (read_.group == label.group == "aside"))


def _speaks_of(labels: Iterable[Said], concept: str) -> bool:
    return any(label.concept in (concept, SIDES.get(concept)) for label in labels)


def judge(score: Score, text: str, facts: Sequence[str], more: Set[str] = frozenset()) -> None:
    """Add one labelled note to the score; its label may both affirm and deny a concept."""
    may = [Said(*f.removeprefix("may ").split()) for f in facts if f.startswith("may ")]
    must = [Said(*f.split()) for f in facts if not f.startswith("may ")]
    may += [Said(s.status, implied) for s in (*may, *must) for implied, of in IMPLIED.items() if s.concept in of]
    found = read_of(text, more)
    score.notes += 1
    for label in dict.fromkeys(label for label in must if label.concept not in NOT_JUDGED):
        group = score.groups[label.group]
        group.asked += 1
        if any(_meets(said, label) for said in found):
            group.found += 1
        else:
            score.faults.append(Fault(label, True, text))
    for said in sorted(found):
        group = score.groups[said.group]
        right = any(_meets(said, label) for label in must)
        if not right and any(_meets(said, label) for label in may):
            continue
        if not right and said.group != "affirmed" and not _speaks_of((*must, *may), said.concept):
            group.unlisted += 1
            continue
        group.judged += 1
        group.right += right
        if not right:
            score.faults.append(Fault(said, False, text))


def scored(notes: Iterable[dict[str, Any]]) -> Score:
    score, notes = Score(), list(notes)
    spoken = frozenset(fact.split()[-1] for note in notes for fact in note["facts"])
    for note in notes:
        judge(score, note["text"], note["facts"], spoken)
    return score
