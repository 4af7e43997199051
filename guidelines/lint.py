"""What a sentence of a warning must not do. An empty list is what every sentence must give.

* a number that is bound to no evidence, or that its evidence does not hold;
* a value without its time, which stands in the same part of the sentence, as the clocks of the ward show it;
* a value told as present that is older than its validity, or that a newer one has replaced;
* a normal value given as a reason, unless it was held against what is usual of this patient.
"""

import re
from collections.abc import Iterator
from datetime import datetime

from guidelines.evidence import PARTS, amount
from guidelines.wording import TIME, is_normal
from schemas.clinical.findings import Evidence, Sentence
from schemas.clinical.snapshot import Snapshot
from schemas.codes.concepts import CONCEPTS
from schemas.codes.drugs import DRUGS
from schemas.events import identity
from schemas.local_time import clock_and_day

_WORDS = {word for c in CONCEPTS.values() for word in (c.name, c.short)} | {drug.name for drug in DRUGS.values()}
NAMES = sorted((word for word in _WORDS if re.search(r"[0-9]", word)), key=lambda word: (-len(word), word))
"""Names of quantities and drugs that hold a digit (NEWS2, 0.9 % saline): no number of a patient."""

_NUMBER = re.compile(r"[0-9]+(?:[.,][0-9]+)?")
_SLOT = re.compile(r"\{([0-9]+)\}")
_DAY, _FROM_UTC = r"(?:[0-9]{1,2} [A-Z][a-z]{2} (?:[0-9]{4} )?)?", r"(?: UTC[+-][0-9]{1,2}(?::[0-9]{2})?)?"
_CLOCK = re.compile(f"{_DAY}[0-9]{{2}}:([0-9]{{2}}){_FROM_UTC}")
"""As `schemas.local_time` tells a time: with the day and the year, or the distance from UTC, where that is needed."""
_REASONS = re.compile(r"\(([^)]*)\)")
_TIMED = ("reading", "score", "note", "treatment", "forecast")


def faults(sentence: Sentence, seen: Snapshot) -> list[str]:
    """All that is wrong with a sentence about what was known then."""
    if unbound(sentence):
        return [f"not bound: {n}" for n in unbound(sentence)]
    return [*_untimed(sentence, seen), *_stale(sentence, seen), *_normal(sentence)]


def _shown(template: str, sentence: Sentence) -> list[Evidence]:
    return [sentence.evidence[int(n)] for n in _SLOT.findall(template)]


def _untimed(sentence: Sentence, seen: Snapshot) -> Iterator[str]:
    """Values whose time does not stand in their part of the sentence, and times that the clocks here never showed."""
    for part, before in _parts(sentence.template):
        told = {e.shown for e in _shown(before + part, sentence) if e.label == TIME}
        for item in _shown(part, sentence):
            at = "" if item.at is None else clock_and_day(item.at, seen.now, seen.zone)
            if item.label == TIME and item.shown != at:
                yield f"no time here: {item.shown}"
            elif item.kind in _TIMED and at and at not in told:
                yield f"no time: {item.shown}"


def _parts(template: str) -> Iterator[tuple[str, str]]:
    """Each part of a sentence that must hold its own times; those in brackets, with what stands before the bracket."""
    for whole in template.split(". "):
        head, _, reasons = whole.partition(" (")
        yield from ((part, "") for part in head.split(";"))
        yield from ((part, head) for part in reasons.split(";"))


def _stale(sentence: Sentence, seen: Snapshot) -> list[str]:
    """Readings that are told as present and are not: too old, or replaced by a newer one."""
    found = []
    for match in _SLOT.finditer(sentence.template):
        item = sentence.evidence[int(match[1])]
        before, after = sentence.template[: match.start()], sentence.template[match.end() :]
        is_past = before.endswith(" was ") or after.startswith(" → ") or item.label == TIME
        if not is_past and not _is_present(item, seen):
            found.append(f"told as present: {item.label} {item.shown}")
    return found


def _is_present(item: Evidence, seen: Snapshot) -> bool:
    """Of a reading that it is the newest valid one; of a mean or sum that none is newer, and its parts are valid."""
    newest = seen.latest(item.subject) if item.kind in ("reading", "score") else None
    if item.kind == "reading":
        return newest is not None and identity(newest) == item.ref
    if newest is not None and item.at is not None and newest.observed_at > item.at:
        return False
    parts = PARTS.get(item.subject, ()) if item.kind == "score" else ()
    refs = item.ref.split(" + ")
    used = [r for part in parts for r in seen.readings.get(part, ()) if identity(r) in refs]
    return len(used) >= len(parts) and all(seen.now - r.observed_at <= seen.validity(r) for r in used)


def _normal(sentence: Sentence) -> list[str]:
    """Normal values among the reasons: what stands in brackets behind the claim."""
    found = []
    usual = {e.subject for e in sentence.evidence if e.kind == "patient"}
    for reasons in _REASONS.finditer(sentence.template):
        for match in _SLOT.finditer(reasons[1]):
            item = sentence.evidence[int(match[1])]
            if item.label != TIME and is_normal(item, usual) and not reasons[1][match.end() :].startswith(" → "):
                found.append(f"normal, given as a reason: {item.label} {item.shown}")
    return found


def unbound(sentence: Sentence) -> list[str]:
    """The numbers of a sentence that do not come from its evidence."""
    template = sentence.template
    for name in NAMES:
        template = template.replace(name, "")
    loose = _NUMBER.findall(_SLOT.sub("", template))
    used = {int(n) for n in _SLOT.findall(sentence.template)}
    missing = [f"{{{i}}}" for i in sorted(used) if i >= len(sentence.evidence)]
    wrong = [n for i in sorted(used) if i < len(sentence.evidence) for n in _false_numbers(sentence.evidence[i])]
    return loose + missing + wrong


def _false_numbers(item: Evidence) -> list[str]:
    """The numbers that an evidence shows and does not hold: not its value, nor its time, nor the words of its note."""
    if item.label == TIME:
        return [] if item.ref and item.at is not None and _is_time(item.shown, item.at) else _NUMBER.findall(item.shown)
    shown = item.shown
    quoted = item.kind == "note" and item.note_start is not None and shown.startswith("“")
    if quoted and item.ref:
        return []
    if not item.ref:
        return _NUMBER.findall(shown)
    unit = amount(item.subject, 0.0).lstrip("-0. ") if item.subject in CONCEPTS else ""
    shown = shown.replace(unit, "") if unit else shown
    return [n for n in _NUMBER.findall(shown) if not _agrees(n, item.value)]


def _is_time(shown: str, at: datetime) -> bool:
    """Whether this is that moment on a clock somewhere: zones differ by quarters of an hour."""
    minutes = _CLOCK.fullmatch(shown)
    return minutes is not None and (int(minutes[1]) - at.minute) % 15 == 0


def _agrees(text: str, value: float | None) -> bool:
    if value is None:
        return False
    decimals = len(text.partition(".")[2])
    return bool(abs(abs(value) - float(text.replace(",", "."))) <= 0.5 * 10.0**-decimals + 1e-9)
