"""One snapshot under judgement: how a condition looks at it, and until when what it saw stays so without news.

Rules of reading: reference §0.3 (the newest `ok` value within its validity, else unknown; windows by `observed_at`).

Time alone changes answers: a value grows too old, a dose leaves its window. Whoever looks at something that time will
change says so with `stays`: `until` is the earliest such moment, and up to it (exclusive) the same question has the
same answer. So a bed is asked again when something new is known, or when the time of an answer is up, and not before.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from guidelines.rules.answers import Answer, Computed, Interval, Missing, Sample, open_range
from schemas.clinical.facts import Experiencer, NoteFact, Polarity, Temporality
from schemas.clinical.forecasts import Outlook
from schemas.clinical.snapshot import Snapshot
from schemas.codes.drugs import DRUGS, classes, drugs_of
from schemas.events import Action, Quality, Reading, Treatment

if TYPE_CHECKING:
    from guidelines.rules.graph import Graph, Node

FAR = datetime.max.replace(tzinfo=UTC)
MOMENT = timedelta(microseconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)

INFUSION_VALID = timedelta(hours=24)
"""An infusion of which nothing was heard for longer is not known to run (our choice; the reference is silent)."""

NOTES_VALID = timedelta(hours=24)
"""Reference §3.1, data and freshness: notes at most 24 h old say that nobody noted a thing."""

MAINTENANCE_ML_H = 125.0
"""Crystalloid at this rate or slower is maintenance, not resuscitation (reference §3.0)."""

URINE_GAP = timedelta(hours=4)
NOTHING_REPORTED = "no treatment was ever reported"

FILLED: Mapping[str, tuple[str, ...]] = {"map": ("sbp", "dbp"), "gcs_total": ("gcs_e", "gcs_v", "gcs_m")}
"""What is worked out of its parts where it was not charted."""

TUBES = ("imv", "trach")
DEVICE_HELD = timedelta(hours=24)
"""A tube charted longer ago says nothing of a coma scale of now (our choice, as of a ventilated patient's limits)."""

_OK = Quality.OK
T = TypeVar("T")


class Urine(NamedTuple):
    """What was collected over the charted hours of a window."""

    ml: float
    hours: float
    entries: tuple[Reading, ...]


class Stretch(NamedTuple):
    """An infusion at one rate from `start` to `end` (exclusive). `runs`: it still does, so that `end` is now."""

    start: datetime
    end: datetime
    rate: float
    treatment: Treatment
    runs: bool


class Volume(NamedTuple):
    """A sum in mL: of doses, and of infusions up to the last full minute, so that it stands still in between.

    `noted`: the amounts of a note, which tells of the same fluid: the larger of the two sums counts.
    """

    over: timedelta
    doses: tuple[Treatment, ...]
    runs: tuple[Stretch, ...]
    noted: tuple[NoteFact, ...] = ()

    def at(self, minute: datetime) -> float:
        """The sum at a full minute, as long as no dose comes or leaves."""
        return max(self._reported(minute), self._told)

    def counted(self, minute: datetime) -> tuple[Treatment, ...] | tuple[NoteFact, ...]:
        """What the sum is made of, oldest first."""
        if self._told > self._reported(minute):
            return self.noted
        parts = [*self.doses, *(run.treatment for run in self.runs if self._lasted(run, minute) > 0)]
        return tuple(sorted(parts, key=lambda t: (t.observed_at, t.item)))

    @property
    def _told(self) -> float:
        return sum(word.value or 0.0 for word in self.noted)

    def _reported(self, minute: datetime) -> float:
        run_in = sum(run.rate * lasted for run in self.runs if (lasted := self._lasted(run, minute)) > 0)
        return sum(t.amount or 0.0 for t in self.doses) + run_in / (HOUR / MOMENT)

    def turn(self, minute: datetime, side: Callable[[float], int]) -> datetime | None:
        """The first full minute after this one at which the sum is on another `side` of its bound; None: never.

        The sum is linear between the minutes at which a run begins, ends or starts to leave: only those are looked at,
        and where it turns between two of them, the minute is found by halving.
        """
        now, before = side(self.at(minute)), minute
        for after in self._corners(minute):
            if side(self.at(after)) != now:
                return self._first(before, after, lambda m: side(self.at(m)) != now)
            before = after
        return None

    def _lasted(self, run: Stretch, minute: datetime) -> int:
        """Microseconds of it that lie in the window; in whole numbers, so that equal sums are equal to the bit."""
        end = minute if run.runs else min(run.end, minute)
        return (end - max(run.start, minute - self.over)) // MOMENT

    def _corners(self, minute: datetime) -> list[datetime]:
        found = set()
        for run in self.runs:
            ends = (run.start,) if run.runs else (run.start, run.end)
            for edge in (*ends, *(end + self.over for end in ends)):
                found |= {full_minute(edge), full_minute(edge) + MINUTE}
        return sorted(corner for corner in found if corner > minute)

    @staticmethod
    def _first(before: datetime, after: datetime, turned: Callable[[datetime], bool]) -> datetime:
        while after - before > MINUTE:
            half = full_minute(before + (after - before) / 2)
            before, after = (before, half) if turned(half) else (half, after)
        return after


@cache
def members(item: str) -> frozenset[str]:
    """The drug ids that a drug id or class names."""
    if item in classes():
        return frozenset(d.id for d in drugs_of(item))
    return frozenset((item,))


def full_minute(moment: datetime) -> datetime:
    """The last full minute: running volumes are counted up to it, so that they stand still in between."""
    return moment.replace(second=0, microsecond=0)


class Case:
    """One snapshot with its outlook, asked about the nodes of one graph; each node is answered at most once."""

    def __init__(self, snapshot: Snapshot, outlook: Outlook, graph: "Graph", other: "Case | None" = None) -> None:
        """`other`: another look at the same instant; what it has looked up and worked out in full is not done again."""
        self.snapshot, self.outlook, self.graph = snapshot, outlook, graph
        self.now = snapshot.now
        self.until = FAR
        self._latest: dict[str, tuple[Reading | None, datetime]] = {} if other is None else other._latest
        self._memory: dict[Any, Any] = {} if other is None else other._memory
        self._answers: dict[int, tuple[Any, datetime]] = {} if other is None else other._answers

    # -- time

    def stays(self, until: datetime) -> None:
        """What was just looked at stays as it is until then (exclusive)."""
        if until < self.until:
            self.until = until

    def leaves(self, at: datetime, span: timedelta) -> None:
        """Something observed at `at` was seen in the closed window [now - span, now], and will leave it."""
        self.stays(at + span + MOMENT)

    # -- nodes

    def ask(self, node: "Node") -> Any:
        """The value of a node, in full: with what made it so."""
        known = self._answers.get(node.index)
        if known is None:
            outer, self.until = self.until, FAR
            value = node.work(self)
            known = self._answers[node.index] = value, self.until
            self.until = outer
        self.stays(known[1])
        return known[0]

    def rises(self, node: "Node") -> datetime:
        """When, at the earliest, time alone may make a node TRUE."""
        del node
        return FAR

    def number(self, name: str) -> Interval:
        """A registered quantity (`guidelines.quantities`)."""
        found: Interval = self.ask(self.graph.named[name])
        return found

    def holds(self, name: str) -> Answer:
        """A registered predicate or a definition of the knowledge base."""
        found: Answer = self.ask(self.graph.named[name])
        return found

    def once(self, key: Any, work: "Callable[[Case], T]") -> T:
        """The result of a work that time alone does not change, done the first time it is asked for."""
        if key in self._memory:
            return self._memory[key]  # type: ignore[no-any-return]
        found = self._memory[key] = work(self)
        return found

    # -- readings

    def has(self, concept: str) -> bool:
        """Whether the concept was ever read at all."""
        return concept in self.snapshot.readings

    def latest(self, concept: str) -> Reading | None:
        """The newest `ok` reading that is still valid (reference §0.3: `x`); None means unknown."""
        known = self._latest.get(concept)
        if known is None:
            known = self._latest[concept] = self._newest_valid(concept)
        if known[1] < self.until:
            self.until = known[1]
        return known[0]

    def _newest_valid(self, concept: str) -> tuple[Reading | None, datetime]:
        for reading in reversed(self.snapshot.readings.get(concept, ())):
            if reading.quality is _OK:
                end = reading.observed_at + self.snapshot.validity(reading) + MOMENT
                return (reading, end) if self.now < end else (None, FAR)
        return None, FAR

    def value(self, concept: str) -> float | None:
        """The value of the newest valid reading."""
        reading = self.latest(concept)
        return None if reading is None else reading.value

    def recent(self, concept: str, span: timedelta) -> list[Reading]:
        """The `ok` readings of [now - span, now], newest first. Who rests on one of them says when it `leaves`."""
        start, now, found = self.now - span, self.now, []
        for reading in reversed(self.snapshot.readings.get(concept, ())):
            at = reading.observed_at
            if at < start:
                break
            if reading.quality is _OK:
                if at <= now:
                    found.append(reading)
                else:
                    self.stays(at)  # a source that is ahead of us: it comes in when its time comes
        return found

    def series(self, quantity: str, span: timedelta) -> list[Sample]:
        """The samples of a measured concept in [now - span, now], newest first; with those worked out (`FILLED`)."""
        samples = [Sample(r.observed_at, r.value, r) for r in self.recent(quantity, span) if r.value is not None]
        parts = FILLED.get(quantity, ())
        if parts and self.has(parts[0]):
            known = {s.at for s in samples}
            filled = [s for s in self._filled(quantity, span) if s.at not in known]
            if filled:
                samples = sorted([*samples, *filled], key=lambda s: s.at, reverse=True)
        return samples

    def newest_value(self, concept: str) -> Sample | None:
        """The newest valid value, as a sample."""
        reading = self.latest(concept)
        return None if reading is None or reading.value is None else Sample(reading.observed_at, reading.value, reading)

    def newest(self, quantity: str) -> Sample | None:
        """The newest valid value: charted, or worked out where only its parts came later, all of them valid."""
        charted, parts = self.newest_value(quantity), [self.latest(part) for part in FILLED.get(quantity, ())]
        first = parts[0] if parts else None
        if first is None or None in parts or (charted is not None and first.observed_at <= charted.at):
            return charted
        known = [*self._filled(quantity, self.now - first.observed_at), *(() if charted is None else (charted,))]
        return max(known, key=lambda sample: sample.at, default=None)

    def _filled(self, quantity: str, span: timedelta) -> list[Sample]:
        return self._computed_maps(span) if quantity == "map" else self._summed_gcs(span)

    def _summed_gcs(self, span: timedelta) -> list[Sample]:
        """Sums of eye, verbal and motor of one instant; through a tube nobody speaks, and the sum says nothing."""
        verbal = {r.observed_at: r for r in self.recent("gcs_v", span)}
        motor = {r.observed_at: r for r in self.recent("gcs_m", span)}
        found = []
        for eye in self.recent("gcs_e", span):
            parts = (eye, verbal.get(eye.observed_at), motor.get(eye.observed_at))
            values = [r.value for r in parts if r is not None and r.value is not None]
            if len(values) == len(parts) and not (values[1] == 1 and self.had_tube(eye.observed_at)):
                made = Computed("gcs_total", sum(values), eye.observed_at, tuple(r for r in parts if r is not None))
                found.append(Sample(eye.observed_at, sum(values), made))
        return found

    def had_tube(self, at: datetime) -> bool:
        """Whether the patient breathed through a tube then, by the last device of the day before."""
        devices = (r for r in reversed(self.snapshot.readings.get("o2_device", ())) if r.quality is _OK)
        return next((r.code in TUBES for r in devices if at - DEVICE_HELD <= r.observed_at <= at), False)

    def _computed_maps(self, span: timedelta) -> list[Sample]:
        diastolic = {(r.observed_at, r.method): r for r in self.recent("dbp", span)}
        found = []
        for systolic in self.recent("sbp", span):
            pair = diastolic.get((systolic.observed_at, systolic.method))
            if pair is not None and systolic.value is not None and pair.value is not None:
                mean = pair.value + (systolic.value - pair.value) / 3  # reference §1.7
                made = Computed("map", mean, pair.observed_at, (systolic, pair))
                found.append(Sample(systolic.observed_at, mean, made))
        return found

    def urine(self, span: timedelta) -> Urine | None:
        """Urine of the entries in (now - span, now] over the time they cover: each covers the time since the last.

        None without two entries, or where a gap is so long (4 h) that nobody charted hourly (reference §1.11).
        """
        entries = [r for r in self.recent("urine", span + URINE_GAP) if r.value is not None][::-1]
        inside = [i for i, r in enumerate(entries) if r.observed_at > self.now - span]
        if entries:
            self.leaves(entries[0].observed_at, span + URINE_GAP)
        if not inside or inside[-1] == 0:
            return None
        self.stays(entries[inside[0]].observed_at + span)
        first = max(inside[0] - 1, 0)  # the entry before the window opens it
        used = entries[first:]
        if any(b.observed_at - a.observed_at > URINE_GAP for a, b in pairwise(used)):
            return None
        hours = (used[-1].observed_at - used[0].observed_at) / timedelta(hours=1)
        if hours <= 0:
            return None
        return Urine(sum(r.value or 0.0 for r in used[1:]), hours, tuple(used[1:]))

    # -- notes

    def mentions(self) -> Mapping[str, Sequence[NoteFact]]:
        """What notes say of the patient now (not copied, planned or hypothetical), by concept, newest first."""
        return self.once("mentions", _mentions)

    def notes_heard(self) -> bool:
        """Whether any note was read in the last 24 h: only then has "nobody noted it" a meaning."""
        newest = self.once("newest fact", _newest_fact)
        if newest is None or newest + NOTES_VALID <= self.now:
            return False
        self.stays(newest + NOTES_VALID)
        return True

    def said(self, fact: str, within: timedelta) -> list[NoteFact]:
        """The newest word on each fact of that name (or family `x.*`) in the window."""
        if not self.snapshot.facts:
            return []
        mentions = self.mentions()
        if fact.endswith("*"):
            lists = [facts for concept, facts in mentions.items() if concept.startswith(fact[:-1])]
        else:
            lists = [mentions[fact]] if fact in mentions else []
        found = []
        for facts in lists:
            for word in facts:
                if word.effective_at > self.now:
                    self.stays(word.effective_at)  # written for later: it speaks when its time comes
                    continue
                if word.effective_at + within > self.now:
                    self.stays(word.effective_at + within)
                    found.append(word)
                break
        return found

    # -- treatments

    @property
    def treatments_heard(self) -> bool:
        """Whether anything was ever heard of treatments; silence of a feed is not "nothing given"."""
        return bool(self.snapshot.treatments)

    def by_item(self) -> Mapping[str, Sequence[Treatment]]:
        return self.once("by item", _by_item)

    def of(self, item: str) -> list[Treatment]:
        """The treatments of a drug id or class, oldest first."""
        if not self.snapshot.treatments:
            return []
        lists = self.by_item()
        return [t for name in sorted(members(item) & lists.keys()) for t in lists[name]]

    def given(self, item: str, within: timedelta) -> Treatment | None:
        """The newest administration in (now - within, now]: a dose, or the start of an infusion."""
        newest: Treatment | None = None
        for t in self.of(item):
            if t.action not in (Action.GIVEN, Action.START):
                continue
            if t.observed_at > self.now:
                self.stays(t.observed_at)
            elif t.observed_at + within > self.now and (newest is None or t.observed_at > newest.observed_at):
                newest = t
        if newest is not None:
            self.stays(newest.observed_at + within)
        return newest

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

    def is_fresh(self, infusion: Treatment) -> bool:
        """Whether its last word is recent enough to believe that it still runs."""
        end = infusion.observed_at + INFUSION_VALID + MOMENT
        if self.now < end:
            self.stays(end)
            return True
        return False

    def began(self, treatment: Treatment) -> datetime:
        """When it was first given within a day; of an infusion when this run of it was started, as far as was heard."""
        began = treatment.observed_at
        if treatment.action is Action.GIVEN:
            doses = [t.observed_at for t in self.by_item()[treatment.item] if t.action is Action.GIVEN]
            return min([at for at in doses if self.now - NOTES_VALID < at <= began], default=began)
        for t in reversed(self.by_item().get(treatment.item, ())):
            if t.observed_at > treatment.observed_at or t.action not in (Action.START, Action.CHANGE, Action.STOP):
                continue
            if t.observed_at < treatment.observed_at and (t.action is Action.STOP or t.rate == 0):
                break
            began = t.observed_at
        return began

    def stretches(self, item: str) -> list[Stretch]:
        """When infusions of one drug id ran and at which rate, oldest first, up to now."""
        found: list[Stretch] = []
        last: Treatment | None = None
        for t in self.by_item().get(item, ()):
            if t.action not in (Action.START, Action.CHANGE, Action.STOP):
                continue
            if last is not None and last.action is not Action.STOP and last.rate:
                found.append(Stretch(last.observed_at, t.observed_at, last.rate, last, False))
            last = t
        if last is not None and last.action is not Action.STOP and last.rate:
            end = last.observed_at + INFUSION_VALID
            if self.now < end:
                self.stays(end)
            found.append(Stretch(last.observed_at, min(self.now, end), last.rate, last, self.now < end))
        return found

    def rate(self, item: str) -> Interval:
        """The summed rate of what runs now of one drug id or class, in the canonical unit of each."""
        running = self.running(item)
        if not running:
            return Interval(0.0, 0.0) if self.treatments_heard else open_range(Missing(item, NOTHING_REPORTED))
        fresh = [self.is_fresh(t) for t in running]
        if not all(fresh) or any(t.rate is None for t in running):
            return open_range(Missing(item, "rate not known"))
        total = sum(t.rate or 0.0 for t in running)
        return Interval(total, total, tuple(running))

    def volume(self, item: str, over: timedelta) -> Volume | None:
        """What was given of a drug id or class for resuscitation, as a sum that goes on with time; None: not reported.

        Doses count while they are in (now - over, now], infusions at more than maintenance (125 mL/h).
        """
        if not self.treatments_heard:
            return None
        doses: list[Treatment] = []
        for t in self.of(item):
            bolus = t.action is Action.GIVEN or (t.action is Action.START and t.rate is None)
            if not bolus or not t.amount or t.amount_unit not in (None, "mL"):
                continue
            if t.observed_at > self.now:
                self.stays(t.observed_at)
            elif t.observed_at + over > self.now:
                self.stays(t.observed_at + over)
                doses.append(t)
        runs = [run for name in sorted(members(item) & self.by_item().keys()) for run in self.stretches(name)]
        return Volume(over, tuple(doses), tuple([run for run in runs if run.rate > MAINTENANCE_ML_H]))

    def stays_with(self, volume: Volume, side: Callable[[float], int]) -> None:
        """What was just looked at stays while the sum is on the same `side` of its bound."""
        turn = volume.turn(full_minute(self.now), side)
        if turn is not None:
            self.stays(turn)


def _mentions(case: Case) -> dict[str, list[NoteFact]]:
    found: dict[str, list[NoteFact]] = {}
    for fact in reversed(case.snapshot.facts):
        current = fact.temporality is Temporality.CURRENT and fact.experiencer is Experiencer.PATIENT
        if current and not fact.copied:
            found.setdefault(fact.concept, []).append(fact)
    for facts in found.values():
        # Within one moment the affirmed word stands before the hedged and the negated one: the more careful reading.
        facts.sort(key=lambda f: (f.effective_at, f.available_at, _WEIGHT[f.polarity]), reverse=True)
    return found


_WEIGHT = {Polarity.AFFIRMED: 2, Polarity.UNCERTAIN: 1, Polarity.NEGATED: 0}


def _newest_fact(case: Case) -> datetime | None:
    return max((fact.effective_at for fact in case.snapshot.facts), default=None)


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


def _last_infusion_event(treatments: Sequence[Treatment]) -> Treatment | None:
    for t in reversed(treatments):
        if t.action in (Action.START, Action.CHANGE, Action.STOP):
            return t
    return None


def item_name(item: str) -> str:
    """What a person calls a drug id or class."""
    return DRUGS[item].name if item in DRUGS else item.replace("_", " ")
