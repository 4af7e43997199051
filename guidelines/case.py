"""One snapshot under judgement: what is asked of it, each thing worked out at most once.

Everything here is light (tuples that hold the events themselves); `guidelines.evidence` turns what is reported into
the words of `schemas.clinical.findings`. Rules of reading: reference §0.3.
"""

from collections.abc import Callable, Hashable, Mapping
from datetime import datetime, timedelta
from functools import cache
from itertools import pairwise
from math import inf
from typing import Any, NamedTuple, TypeVar

from schemas.clinical.facts import Experiencer, NoteFact, Polarity, Temporality
from schemas.clinical.findings import Truth
from schemas.clinical.forecasts import Outlook
from schemas.clinical.snapshot import Snapshot
from schemas.codes.drugs import DRUGS, classes, drugs_of
from schemas.events import Action, Quality, Reading, Treatment

INFUSION_VALID = timedelta(hours=24)
"""An infusion of which nothing was heard for longer is not known to run (our choice; the reference is silent)."""

NOTES_VALID = timedelta(hours=24)
"""Reference §3.1, data and freshness: notes at most 24 h old say that nobody noted a thing."""

MAINTENANCE_ML_H = 125.0
"""Crystalloid at this rate or slower is maintenance, not resuscitation (reference §3.0)."""

URINE_GAP = timedelta(hours=4)
OBESE_BMI = 30.0

T = TypeVar("T")


class Want(NamedTuple):
    """What would settle an open question; `why` is worked out from the snapshot where it is None."""

    subject: str
    why: str | None = None


class Computed(NamedTuple):
    """A number worked out from others: a score, a ratio, a sum. `missing` is what a score could not count."""

    subject: str
    value: float
    at: datetime
    sources: "tuple[Cite, ...]"
    missing: tuple[Want, ...] = ()


class Personal(NamedTuple):
    """Something of the patient record."""

    subject: str
    label: str
    shown: str
    value: float | None = None


class Foreseen(NamedTuple):
    """A number that a forecaster gave."""

    subject: str
    value: float
    ahead: timedelta
    origin: str
    origin_at: datetime


Cite = Reading | NoteFact | Treatment | Computed | Personal | Foreseen
"""What a claim can rest on."""


class Known(NamedTuple):
    """A number, or the range it must lie in: `low == high` when fully known, minus to plus infinity when not at all."""

    low: float
    high: float
    cites: tuple[Cite, ...] = ()
    wants: tuple[Want, ...] = ()


class Answer(NamedTuple):
    """Kleene's value with what made it so, or what would settle it. `met` (0 to 1): how much is known to hold."""

    truth: Truth
    cites: tuple[Cite, ...] = ()
    wants: tuple[Want, ...] = ()
    met: float = 0.0


class Sample(NamedTuple):
    """One value of a quantity at one time."""

    at: datetime
    value: float
    cite: Cite


class Urine(NamedTuple):
    """What was collected over the charted hours of a window."""

    ml: float
    hours: float
    cites: tuple[Reading, ...]


class Stretch(NamedTuple):
    """An infusion at one rate from `start` to `end`."""

    start: datetime
    end: datetime
    rate: float
    cite: Treatment


NO = Answer(Truth.NO)


def yes(*cites: Cite) -> Answer:
    return Answer(Truth.YES, cites, (), 1.0)


def no(*cites: Cite) -> Answer:
    return Answer(Truth.NO, cites)


def unknown(*wants: Want) -> Answer:
    return Answer(Truth.UNKNOWN, (), wants)


def open_range(*wants: Want) -> Known:
    return Known(-inf, inf, (), wants)


@cache
def missing(subject: str) -> Known:
    """A number that is not known because its measurement is not."""
    return open_range(Want(subject))


@cache
def members(item: str) -> frozenset[str]:
    """The drug ids that a drug id or class names."""
    if item in classes():
        return frozenset(d.id for d in drugs_of(item))
    return frozenset((item,))


class Case:
    """One snapshot with its outlook and a memory that lives for one judgement."""

    __slots__ = ("_kept", "_memory", "definitions", "now", "outlook", "snapshot")

    def __init__(
        self, snapshot: Snapshot, outlook: Outlook, definitions: "Mapping[str, Callable[[Case], Answer]]"
    ) -> None:
        self.snapshot = snapshot
        self.now = snapshot.now
        self.outlook = outlook
        self.definitions = definitions
        self._memory: dict[Hashable, Any] = {}
        self._kept: list[Cite] = []

    def once(self, key: Hashable, work: "Callable[[Case], T]") -> T:
        """The result of `work` on this case, worked out the first time it is asked for."""
        memory = self._memory
        if key in memory:
            return memory[key]  # type: ignore[no-any-return]
        found = memory[key] = work(self)
        return found

    def keep(self, cite: Cite) -> None:
        """Keep a cite alive as long as this judgement, so that its id stays its own."""
        self._kept.append(cite)

    # -- readings

    def has(self, concept: str) -> bool:
        """Whether the concept was ever read at all."""
        return concept in self.snapshot.readings

    def latest(self, concept: str) -> Reading | None:
        """The newest `ok` reading that is still valid."""
        memory = self._memory
        if concept in memory:
            return memory[concept]  # type: ignore[no-any-return]
        found = memory[concept] = self.snapshot.latest(concept) if concept in self.snapshot.readings else None
        return found

    def value(self, concept: str) -> float | None:
        """The value of the newest valid reading."""
        reading = self.latest(concept)
        return None if reading is None else reading.value

    def recent(self, concept: str, span: timedelta) -> list[Reading]:
        """The `ok` readings of [now - span, now], newest first."""
        start, found = self.now - span, []
        for reading in reversed(self.snapshot.readings.get(concept, ())):
            if reading.observed_at < start:
                break
            if reading.quality is Quality.OK and reading.observed_at <= self.now:
                found.append(reading)
        return found

    def series(self, quantity: str, span: timedelta) -> list[Sample]:
        """The samples of a measured concept in [now - span, now], newest first; MAP is filled from SBP and DBP."""
        samples = [Sample(r.observed_at, r.value, r) for r in self.recent(quantity, span) if r.value is not None]
        if quantity == "map":
            known = {s.at for s in samples}
            samples += [s for s in self._computed_maps(span) if s.at not in known]
            samples.sort(key=lambda s: s.at, reverse=True)
        return samples

    def newest_value(self, concept: str) -> Sample | None:
        """The newest valid value, as a sample."""
        reading = self.latest(concept)
        return None if reading is None or reading.value is None else Sample(reading.observed_at, reading.value, reading)

    def newest_map(self) -> Sample | None:
        """The newest valid MAP: charted, or worked out where only SBP and DBP came later."""
        return self.once("newest_map", Case._newest_map)

    def _newest_map(self) -> Sample | None:
        charted, systolic = self.newest_value("map"), self.latest("sbp")
        if systolic is not None and (charted is None or systolic.observed_at > charted.at):
            samples = self.series("map", self.now - systolic.observed_at)
            if samples:
                return samples[0]
        return charted

    def _computed_maps(self, span: timedelta) -> list[Sample]:
        diastolic = {(r.observed_at, r.method): r for r in self.recent("dbp", span)}
        found = []
        for systolic in self.recent("sbp", span):
            pair = diastolic.get((systolic.observed_at, systolic.method))
            if pair is not None and systolic.value is not None and pair.value is not None:
                mean = pair.value + (systolic.value - pair.value) / 3  # reference §1.7
                found.append(
                    Sample(systolic.observed_at, mean, Computed("map", mean, pair.observed_at, (systolic, pair)))
                )
        return found

    def urine(self, span: timedelta) -> Urine | None:
        """Urine of the entries in (now - span, now] over the time they cover: each covers the time since the last.

        None without two entries, or where a gap is so long (4 h) that nobody charted hourly (reference §1.11).
        """
        entries = [r for r in self.recent("urine", span + URINE_GAP) if r.value is not None][::-1]
        inside = [i for i, r in enumerate(entries) if r.observed_at > self.now - span]
        if not inside or inside[-1] == 0:
            return None
        first = max(inside[0] - 1, 0)  # the entry before the window opens it
        used = entries[first:]
        if any(b.observed_at - a.observed_at > URINE_GAP for a, b in pairwise(used)):
            return None
        hours = (used[-1].observed_at - used[0].observed_at) / timedelta(hours=1)
        if hours <= 0:
            return None
        return Urine(sum(r.value or 0.0 for r in used[1:]), hours, tuple(used[1:]))

    # -- notes

    def mentions(self) -> dict[str, list[NoteFact]]:
        """What notes say of the patient now (not copied, planned or hypothetical), by concept, newest first."""
        return self.once("mentions", _mentions)

    def notes_heard(self) -> bool:
        """Whether any note was read in the last 24 h: only then has "nobody noted it" a meaning."""
        return self.once("notes_heard", _notes_heard)

    def said(self, fact: str, within: timedelta) -> list[NoteFact]:
        """The newest word on each fact of that name (or family `x.*`) in the window."""
        if not self.snapshot.facts:
            return []
        start = self.now - within
        if fact.endswith("*"):
            lists = [facts for concept, facts in self.mentions().items() if concept.startswith(fact[:-1])]
        else:
            lists = [self.mentions().get(fact, [])]
        return [facts[0] for facts in lists if facts and facts[0].effective_at > start]

    # -- treatments

    @property
    def treatments_heard(self) -> bool:
        """Whether anything was ever heard of treatments; silence of a feed is not "nothing given"."""
        return bool(self.snapshot.treatments)

    def by_item(self) -> dict[str, list[Treatment]]:
        return self.once("by_item", _by_item)

    def of(self, item: str) -> list[Treatment]:
        """The treatments of a drug id or class, oldest first."""
        if not self.snapshot.treatments:
            return []
        lists = self.by_item()
        return [t for name in sorted(members(item) & lists.keys()) for t in lists[name]]

    def given(self, item: str, within: timedelta) -> Treatment | None:
        """The newest administration in the window: a dose, or the start of an infusion."""
        start = self.now - within
        done = [
            t for t in self.of(item) if t.action in (Action.GIVEN, Action.START) and start < t.observed_at <= self.now
        ]
        return max(done, key=lambda t: t.observed_at, default=None)

    def orders(self) -> tuple[Treatment, ...]:
        """The orders that were neither given, started nor cancelled since."""
        return self.once("orders", _open_orders)

    def running(self, item: str) -> list[Treatment]:
        """The last word on each infusion that runs now."""
        if not self.snapshot.treatments:
            return []
        found = []
        for name in sorted(members(item) & self.by_item().keys()):
            last = _last_infusion_event(self.by_item()[name])
            if last is not None and last.action is not Action.STOP and last.rate != 0:
                found.append(last)
        return found

    def stretches(self, item: str) -> list[Stretch]:
        """When infusions of one drug id ran and at which rate, oldest first, up to now."""
        found: list[Stretch] = []
        last: Treatment | None = None
        for t in self.by_item().get(item, ()):
            if t.action not in (Action.START, Action.CHANGE, Action.STOP):
                continue
            if last is not None and last.action is not Action.STOP and last.rate:
                found.append(Stretch(last.observed_at, t.observed_at, last.rate, last))
            last = t
        if last is not None and last.action is not Action.STOP and last.rate:
            end = min(self.now, last.observed_at + INFUSION_VALID)
            found.append(Stretch(last.observed_at, end, last.rate, last))
        return found

    def rate(self, item: str) -> Known:
        """The summed rate of what runs now of one drug id or class, in the canonical unit of each."""
        running = self.running(item)
        if not running:
            return (
                Known(0.0, 0.0) if self.treatments_heard else open_range(Want(item, "no treatment was ever reported"))
            )
        old = [t for t in running if self.now - t.observed_at > INFUSION_VALID]
        if old or any(t.rate is None for t in running):
            return open_range(Want(item, "rate not known"))
        total = sum(t.rate or 0.0 for t in running)
        return Known(total, total, tuple(running))

    def volume(self, item: str, over: timedelta) -> Known:
        """mL given in (now - over, now]: doses and resuscitation rates; maintenance (at most 125 mL/h) is left out."""
        if not self.treatments_heard:
            return open_range(Want(item, "no treatment was ever reported"))
        start, total = self.now - over, 0.0
        cites: list[Treatment] = []
        for t in self.of(item):
            bolus = t.action is Action.GIVEN or (t.action is Action.START and t.rate is None)
            if bolus and t.amount and t.amount_unit in (None, "mL") and start < t.observed_at <= self.now:
                total += t.amount
                cites.append(t)
        for name in sorted(members(item) & self.by_item().keys()):
            for run in self.stretches(name):
                hours = (min(run.end, self.now) - max(run.start, start)) / timedelta(hours=1)
                if run.rate > MAINTENANCE_ML_H and hours > 0:
                    total += run.rate * hours
                    cites.append(run.cite)
        cites.sort(key=lambda t: (t.observed_at, t.item))
        return Known(total, total, tuple(cites))

    # -- the body

    def dosing_weight(self) -> Sample | None:
        """kg to dose fluid by: actual; adjusted where BMI is known to be above 30 (reference §1.16, §3.0)."""
        return self.once("dosing_weight", _dosing_weight)


def _mentions(case: Case) -> dict[str, list[NoteFact]]:
    found: dict[str, list[NoteFact]] = {}
    for fact in reversed(case.snapshot.facts):
        current = fact.temporality is Temporality.CURRENT and fact.experiencer is Experiencer.PATIENT
        if current and not fact.copied and fact.effective_at <= case.now:
            found.setdefault(fact.concept, []).append(fact)
    for facts in found.values():
        # Within one moment the affirmed word stands before the hedged and the negated one: the more careful reading.
        facts.sort(key=lambda f: (f.effective_at, f.available_at, _WEIGHT[f.polarity]), reverse=True)
    return found


_WEIGHT = {Polarity.AFFIRMED: 2, Polarity.UNCERTAIN: 1, Polarity.NEGATED: 0}


def _notes_heard(case: Case) -> bool:
    start = case.now - NOTES_VALID
    return any(fact.effective_at > start for fact in case.snapshot.facts)


def _by_item(case: Case) -> dict[str, list[Treatment]]:
    found: dict[str, list[Treatment]] = {}
    for t in case.snapshot.treatments:
        found.setdefault(t.item, []).append(t)
    return found


def _open_orders(case: Case) -> tuple[Treatment, ...]:
    done = (Action.GIVEN, Action.START, Action.CANCELLED)
    return tuple(
        t
        for t in case.snapshot.treatments
        if t.action is Action.ORDERED
        and not any(o.action in done and o.observed_at >= t.observed_at for o in case.by_item()[t.item])
    )


def _last_infusion_event(treatments: list[Treatment]) -> Treatment | None:
    for t in reversed(treatments):
        if t.action in (Action.START, Action.CHANGE, Action.STOP):
            return t
    return None


def predicted_weight(height_cm: float, sex: str | None) -> float:
    """Predicted body weight in kg (reference §1.16); sex unknown counts as female, the smaller one."""
    return (50.0 if sex == "male" else 45.5) + 0.91 * (height_cm - 152.4)


def _dosing_weight(case: Case) -> Sample | None:
    weight, height = case.latest("weight"), case.latest("height")
    if weight is None or weight.value is None:
        return None
    if height is None or height.value is None or weight.value / (height.value / 100) ** 2 <= OBESE_BMI:
        return Sample(weight.observed_at, weight.value, weight)
    predicted = predicted_weight(height.value, case.snapshot.patient.sex)
    adjusted = predicted + 0.4 * (weight.value - predicted)
    return Sample(weight.observed_at, adjusted, Computed("weight", adjusted, weight.observed_at, (weight, height)))


def item_name(item: str) -> str:
    """What a person calls a drug id or class."""
    return DRUGS[item].name if item in DRUGS else item.replace("_", " ")
