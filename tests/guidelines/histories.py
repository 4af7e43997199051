"""Histories of made-up beds and books of made-up rules, for tests of what must hold of all of them.

Times are drawn from few distances, so that events meet each other and the ends of windows; values lie on both sides of
the bounds that rules ask for. A note's text is a number: what is read in it is drawn, too (`FACTS`).
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date, datetime, timedelta
from functools import cache
from random import Random
from typing import Any, NamedTuple
from unittest.mock import patch
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from msgspec import convert
from msgspec.structs import replace

from forecasting.contract import ModelState, Seen
from guidelines.book.compiled import compiled
from guidelines.book.load import Book, load
from guidelines.book.records import Block, Guideline, Slot, StepRule, Trigger
from guidelines.book.records import Choice as SlotChoice
from guidelines.rules.registry import NUMBERS, PREDICATES
from schemas import conditions as c
from schemas.clinical.facts import Experiencer, NoteFact, Polarity, Temporality
from schemas.clinical.forecasts import HORIZONS_H, LEVELS, Fan, Odds, Outlook, Unavailable
from schemas.clinical.snapshot import Snapshot
from schemas.events import (
    Action,
    Allergy,
    Event,
    Movement,
    Note,
    Patient,
    Quality,
    Reading,
    Response,
    Severity,
    Source,
    Status,
    Treatment,
    identity,
)
from streams.core.bed import Bed
from tests.streams.bedside import EIGHT

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SPANS = tuple(timedelta(minutes=m) for m in (1, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720, 1440, 2880))
STEPS = tuple(timedelta(seconds=s) for s in (0, 0, 1, 30, 60, 120, 180, 300, 300, 600, 900, 1800, 3600, 7200, 21600))
AGES = tuple(timedelta(minutes=m) for m in (0, 0, 0, 0, 1, 3, 5, 15, 60, 180, 720, 1500, -1, -4))
LATENESS = timedelta(minutes=10)

NUMERIC: dict[str, tuple[float, ...]] = {
    "map": (44, 58, 64, 65, 66, 80, 110), "sbp": (70, 84, 89, 90, 101, 140, 222), "dbp": (40, 48, 60, 90),
    "hr": (38, 90, 92, 112, 131), "rr": (7, 12, 21, 22, 25), "spo2": (80, 91, 93, 96, 99), "temp": (34.8, 36.5, 39.2),
    "lactate": (0.9, 2, 2.1, 4, 6), "creatinine": (0.8, 1.1, 1.3, 1.7, 3.4, 4.2), "urine": (0, 10, 40, 120),
    "weight": (60, 80, 140), "height": (160, 185), "gcs_total": (6, 13, 14, 15), "gcs_e": (1, 2, 4), "gcs_v": (3, 5),
    "gcs_m": (2, 5, 6), "fio2": (0.21, 0.4, 0.5, 0.9), "o2_flow": (0, 2, 4, 15), "pao2": (55, 80, 120),
    "paco2": (30, 45), "platelets": (15, 45, 120, 200), "bilirubin": (0.8, 1.5, 8), "crt": (2, 4), "mottling": (0, 2),
    "wbc": (3, 8, 14), "bands": (2, 12), "cvp": (8, 17), "lvef": (25, 55), "rass": (-4, -1, 0), "glucose": (90, 185),
    "hb": (6.5, 9), "egfr": (20, 60), "news2": (4, 7), "ned": (0.1, 0.3),
}  # fmt: skip
CODED = {"acvpu": ("A", "C", "V", "P", "U"), "o2_device": ("air", "nc", "nrb", "hfnc", "imv")}
FACT_NAMES = (
    "infection.level", "infection.source_lung", "infection.rigors", "culture.positive", "culture.sent", "abx.started",
    "perf.mottled", "perf.cool", "perf.crt", "resp.pulm_oedema", "resp.crackles_bilat", "img.pulm_oedema", "o2.up",
    "bleed.gi", "cardiac.lvef", "fluid.responsive", "limit.no_escalation", "allergy.rash", "allergy.anaphylaxis",
    "infection.sepsis", "abx.prophylaxis", "cardiac.stemi", "shock.obstructive", "limit.comfort_care", "limit.dnr",
    "ob.pregnant", "tx.norepi", "tx.norepi", "tx.vasopressor", "tx.fluid_bolus", "tx.fluid_bolus", "tx.insulin_gtt",
    "tx.blood", "person.weight", "dx.heart_failure", "renal.dialysis", "gi.cirrhosis", "dx.copd", "o2.target",
)  # fmt: skip
ITEMS = (
    "norepinephrine", "vasopressin", "dobutamine", "dopamine", "lactated_ringer", "saline_0_9", "plasma_lyte",
    "meropenem", "piperacillin_tazobactam", "blood_culture", "propofol", "morphine", "rocuronium", "insulin_regular",
    "hydrocortisone", "metoprolol", "passive_leg_raise", "packed_red_cells",
)  # fmt: skip
CLASSES = ("vasopressor", "crystalloid", "antimicrobial", "sedative", "penicillin", "culture", "insulin", "opioid")
RATES = (None, 0.0, 0.05, 0.3, 6.0, 100.0, 125.0, 500.0, 2000.0)
OFTEN = ("map", "map", "map", "sbp", "hr", "lactate") * 6
"""Concepts that most events and most conditions are about: else they would seldom meet."""

DETAILS = (None, "possible", "definite", "penicillin", "meropenem", "lactated_ringer", "88-92")
OFTEN_GIVEN = ("norepinephrine", "lactated_ringer", "saline_0_9", "meropenem") * 5
OFTEN_NOTED = ("infection.level", "resp.pulm_oedema", "perf.mottled") * 6
FACTS: dict[str, tuple[NoteFact, ...]] = {}
"""What is read in a note, by its text."""


class Press(NamedTuple):
    """A person answers something that the bed says then: which alert, which step and how follow from the number."""

    number: int

    def answer(self, bed: Bed, now: datetime) -> Response | None:
        """None while the bed says nothing."""
        if not bed.episodes:
            return None
        episode = bed.episodes[sorted(bed.episodes)[self.number % len(bed.episodes)]]
        steps = sorted({step.id for finding in (episode.finding, *episode.others) for step in finding.steps})
        step = steps[self.number // 3 % len(steps)] if steps and self.number % 3 else None
        verb = "acknowledge" if step is None else ("step_done", "step_done", "step_undone")[self.number % 3]
        times = {"encounter": "e1", "observed_at": now, "available_at": now}
        return convert({**times, "alert": episode.id, "verb": verb, "step": step}, Response)


# -- events


@st.composite
def _readings(draw: st.DrawFn, now: datetime) -> Reading:
    concept = draw(st.sampled_from((*OFTEN, *NUMERIC, *CODED)))
    coded = concept in CODED
    quality = draw(st.sampled_from((Quality.OK,) * 8 + (Quality.SUSPECT, Quality.ARTEFACT)))
    return Reading(
        encounter="e1",
        concept=concept,
        observed_at=now - draw(st.sampled_from(AGES)),
        available_at=now,
        value=None if coded else float(draw(st.sampled_from(NUMERIC[concept]))),
        code=draw(st.sampled_from(CODED[concept])) if coded else None,
        source=draw(st.sampled_from((Source.MANUAL, Source.MANUAL, Source.MONITOR, Source.LAB))),
        method=draw(st.sampled_from((None, None, "nibp", "invasive", "venous"))),
        quality=quality,
        reason=None if quality is Quality.OK else "marked by its sender",
        status=draw(st.sampled_from((Status.FINAL,) * 6 + (Status.PRELIMINARY, Status.CORRECTED))),
    )


@st.composite
def _notes(draw: st.DrawFn, now: datetime) -> Note:
    written = now - draw(st.sampled_from(AGES))
    text = f"note {draw(st.integers(0, 10**6))}"
    note = Note(encounter="e1", observed_at=written, available_at=now, text=text)
    FACTS[text] = tuple(
        NoteFact(
            concept=draw(st.sampled_from((*OFTEN_NOTED, *FACT_NAMES))),
            polarity=draw(st.sampled_from((Polarity.AFFIRMED,) * 3 + tuple(Polarity))),
            experiencer=draw(st.sampled_from((Experiencer.PATIENT,) * 6 + (Experiencer.FAMILY,))),
            temporality=draw(st.sampled_from((Temporality.CURRENT,) * 6 + tuple(Temporality))),
            value=draw(st.sampled_from((None, 25.0, 55.0, 500.0, 2500.0))),
            unit=draw(st.sampled_from((None, "mL", "kg"))),
            detail=draw(st.sampled_from(DETAILS)),
            copied=draw(st.sampled_from((False,) * 6 + (True,))),
            note=identity(note),
            start=number,
            end=number + 1,
            words="x",
            effective_at=written - draw(st.sampled_from((*AGES, -HOUR, 30 * HOUR))),
            available_at=now,
        )
        for number in range(draw(st.integers(1, 3)))
    )
    return note


@st.composite
def _treatments(draw: st.DrawFn, now: datetime) -> Treatment:
    action = draw(st.sampled_from((Action.START, Action.START, Action.GIVEN, *Action)))
    is_rate = action in (Action.START, Action.CHANGE)
    is_amount = action in (Action.GIVEN, Action.ORDERED)
    return Treatment(
        encounter="e1",
        item=draw(st.sampled_from((*OFTEN_GIVEN, *ITEMS))),
        action=action,
        observed_at=now - draw(st.sampled_from(AGES)),
        available_at=now,
        rate=draw(st.sampled_from(RATES)) if is_rate else None,
        amount=draw(st.sampled_from((None, 250.0, 500.0, 2500.0))) if is_amount else None,
        amount_unit=draw(st.sampled_from((None, "mL"))) if is_amount else None,
        route=draw(st.sampled_from((None, None, "iv", "po"))),
    )


@st.composite
def _movements(draw: st.DrawFn, now: datetime) -> Movement:
    allergies = (Allergy(substance="penicillin", severity=Severity.ANAPHYLAXIS),)
    patient = Patient(
        age_years=draw(st.sampled_from((None, None, 16.0, 62.0, 70.0))),
        sex=draw(st.sampled_from((None, "male", "female"))),
        pregnant=draw(st.sampled_from((None, None, None, True, False))),
        allergies=draw(st.sampled_from((None, (), allergies))),
        diagnoses=draw(st.sampled_from((None, (), ("heart_failure",), ("dialysis",), ("ckd",)))),
        limits=draw(st.sampled_from((None, None, (), ("no_escalation",), ("comfort_care",)))),
        spo2_target_88_92=draw(st.sampled_from((None, True, False))),
        lvef_percent=draw(st.sampled_from((None, None, 25.0, 55.0))),
        usual_sbp_mmhg=draw(st.sampled_from((None, None, 150.0))),
        baseline_creatinine_mg_dl=draw(st.sampled_from((None, None, 0.8))),
        baseline_sofa=draw(st.sampled_from((None, None, 0, 4))),
    )
    return Movement(
        encounter="e1",
        observed_at=now,
        available_at=now,
        action=draw(st.sampled_from(("admit", "transfer", "transfer", *("update",) * 6, "discharge"))),
        setting=draw(st.sampled_from((None, "icu", "ward"))),
        patient=draw(st.sampled_from((None, patient, patient))),
    )


def _again(event: Event, now: datetime, how: str) -> Event:
    """An event that was told before: the same, another value, or taken back."""
    if isinstance(event, Movement):
        return replace(event, observed_at=now, available_at=now)
    if how == "withdrawn":
        return replace(event, available_at=now, status=Status.ENTERED_IN_ERROR)
    if how == "corrected" and isinstance(event, Reading) and event.value is not None:
        value = float(Random(repr(event)).choice(NUMERIC[event.concept]))
        return replace(event, available_at=now, value=value, status=Status.CORRECTED)
    if how == "corrected" and isinstance(event, Treatment) and event.rate is not None:
        return replace(event, available_at=now, rate=event.rate * 3 + 0.2, status=Status.CORRECTED)
    return replace(event, available_at=now)


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[datetime, Event | Press]]:
    """Events of one bed, each with the time at which it is received, in that order; and presses of buttons."""
    now, told, pressed = EIGHT, list[Event](), list[tuple[datetime, Press]]()
    kinds = ("reading",) * 7 + ("treatment",) * 4 + ("note",) * 2 + ("movement", "again", "again", "press")
    makers: dict[str, Any] = {"reading": _readings, "treatment": _treatments, "note": _notes, "movement": _movements}
    for _ in range(draw(st.integers(4, 20))):
        now += draw(st.sampled_from(STEPS))
        kind = draw(st.sampled_from(kinds))
        if kind == "press":
            pressed.append((now, Press(draw(st.integers(0, 30)))))
        elif kind == "again" and told:
            how = draw(st.sampled_from(("same", "corrected", "withdrawn")))
            told.append(_again(draw(st.sampled_from(told)), now, how))
        else:
            told.append(draw(makers.get(kind, _readings)(now)))
    delays = (timedelta(0),) * 3 + (MINUTE, 5 * MINUTE, LATENESS, 3 * HOUR)
    received = [(event.available_at + draw(st.sampled_from(delays)), event) for event in told]
    return sorted([*received, *pressed], key=lambda pair: pair[0])


@contextmanager
def facts_as_drawn() -> Iterator[None]:
    """Notes say what was drawn for them; and rows of readings are short, so that a bed has to forget."""

    def read(note: Note, earlier: Sequence[Note], *, zone: ZoneInfo) -> tuple[NoteFact, ...]:
        del earlier, zone
        return FACTS.get(note.text, ())

    limits = {"chart.ROW_READINGS_MAX": 5, "chart.ROW_READINGS_THINNED": 4, "retention.NEWEST_KEPT": 3}
    with ExitStack() as stack:
        stack.enter_context(patch("streams.core.absorb.notes.read", read))
        for name, limit in limits.items():
            stack.enter_context(patch(f"streams.core.{name}", limit))
        yield


# -- the future


class Oracle:
    """An outlook that says at random what it says, the same whenever it is asked."""

    def __init__(self, seed: int, until: datetime) -> None:
        self._seed, self.until = seed, until

    def fan(self, concept: str) -> Fan | Unavailable:
        chance = Random(f"{self._seed} {concept}")
        if chance.random() < 0.3:
            return Unavailable(reason="nothing is expected", settles=(concept,) if chance.random() < 0.5 else ())
        middle = chance.choice(NUMERIC.get(concept, (1.0, 5.0, 8.0)))
        row = tuple(middle + level - 0.5 for level in LEVELS)
        return Fan(
            concept=concept,
            horizons_h=HORIZONS_H,
            quantiles=(row,) * len(HORIZONS_H),
            origin=f"r|{concept}",
            origin_at=EIGHT,
        )

    def chance(self, condition: c.Condition, within: timedelta) -> Odds | Unavailable:
        chance = Random(f"{self._seed} {condition} {within}")
        if chance.random() < 0.3:
            return Unavailable(reason="nothing is expected")
        return Odds(probability=chance.random(), low=0.0, high=1.0, within_h=within / HOUR, model="oracle")


# -- conditions of every kind

_OPS = st.sampled_from(tuple(c.Op))
_AGGREGATE = st.sampled_from(tuple(c.Aggregate))
_SPAN = st.sampled_from(SPANS)
_ITEM = st.sampled_from((*OFTEN_GIVEN, *CLASSES * 2, *ITEMS))
_QUANTITY = st.sampled_from((*OFTEN, *NUMERIC, *NUMBERS))
_SERIES = st.sampled_from((*OFTEN, "creatinine", "urine", "ned", "ned", "spo2", "gcs_total"))
_FACT = st.sampled_from((*OFTEN_NOTED, "infection.*", "bleed.*", "perf.*", *FACT_NAMES))


@cache
def _bound(quantity: str) -> st.SearchStrategy[float]:
    return st.sampled_from(tuple(float(x) for x in NUMERIC.get(quantity, (0.3, 0.5, 1.0, 2.0, 5.0, 7.0))))


def _codes(quantity: str) -> st.SearchStrategy[tuple[str, ...]]:
    return st.sets(st.sampled_from(CODED[quantity]), min_size=1).map(lambda codes: tuple(sorted(codes)))


def _of(quantities: st.SearchStrategy[str], made: Any) -> st.SearchStrategy[c.Condition]:
    return quantities.flatmap(lambda quantity: _bound(quantity).flatmap(lambda value: made(quantity, value)))


def _leaves(names: Sequence[str]) -> st.SearchStrategy[c.Condition]:
    just, build = st.just, st.builds
    return st.one_of(
        _of(_QUANTITY, lambda q, v: build(c.Compare, just(q), _OPS, just(v))),
        _of(_SERIES, lambda q, v: build(c.Compare, just(q), _OPS, just(v), _SPAN)),
        st.sampled_from(sorted(CODED)).flatmap(lambda q: build(c.Coded, just(q), _codes(q))),
        _of(_SERIES, lambda q, v: build(c.Windowed, _AGGREGATE, just(q), _SPAN, _OPS, just(v))),
        build(c.Windowed, just(c.Aggregate.COUNT), _SERIES, _SPAN, _OPS, st.sampled_from((0.0, 1.0, 2.0))),
        build(c.Change, _SERIES, st.booleans(), st.sampled_from((1.0, 2.0, 20.0)), _SPAN, st.booleans()),
        build(c.Trend, _SERIES, _SPAN, _OPS, st.sampled_from((-10.0, 0.0, 5.0))),
        build(c.Noted, _FACT, _SPAN, st.booleans()),
        build(c.On, _ITEM),
        build(c.Given, _ITEM, _SPAN),
        build(c.Ordered, _ITEM, _SPAN),
        build(c.Rate, _ITEM, _OPS, st.sampled_from((0.0, 0.05, 0.3, 100.0)), st.none() | _SPAN),
        build(c.Total, st.sampled_from(("crystalloid", "lactated_ringer")), _SPAN, _OPS,
              st.sampled_from((0.0, 250.0, 500.0, 1000.0))),
        build(c.Total, st.just("crystalloid"), _SPAN, _OPS, st.sampled_from((0.0, 5.0, 30.0)), st.just(True)),
        build(c.Diagnosed, st.sampled_from(("heart_failure", "dialysis", "copd", "decompensated_cirrhosis"))),
        build(c.Allergic, st.sampled_from(("penicillin", "meropenem")), st.sampled_from((None, "anaphylaxis", "rash"))),
        build(c.Person, st.sampled_from(("age", "lvef", "usual_sbp", "baseline_sofa")), _OPS,
              st.sampled_from((2.0, 40.0, 65.0))),
        _of(st.sampled_from(("map", "news2", "hr")),
            lambda q, v: build(c.Expected, just(q), st.sampled_from((HOUR, 2 * HOUR)), _OPS, just(v))),
        build(c.Chance, just(c.Compare("map", c.Op.BELOW, 65.0)), st.sampled_from((HOUR, 6 * HOUR)),
              st.sampled_from((0.2, 0.5, 0.8))),
        st.sampled_from(tuple(names)).map(c.Named),
    )  # fmt: skip


def _combined(inner: st.SearchStrategy[c.Condition]) -> st.SearchStrategy[c.Condition]:
    parts = st.lists(inner, min_size=1, max_size=4).map(tuple)
    return st.one_of(
        st.builds(c.AllOf, parts),
        st.builds(c.AllOf, parts),
        st.builds(c.AnyOf, parts),
        st.builds(c.NoneOf, parts),
        parts.flatmap(lambda p: st.builds(c.AtLeastOf, st.integers(1, len(p)), st.just(p))),
    )


@cache
def lasting() -> st.SearchStrategy[c.Condition]:
    """Conditions that time alone makes TRUE: something has lasted, or is long enough ago."""
    short, build = st.sampled_from(SPANS[:6]), st.builds
    lately = build(c.Given, st.sampled_from(("vasopressor", "crystalloid", "antimicrobial")), short)
    return st.one_of(
        st.tuples(lately).map(c.NoneOf),
        st.tuples(lately, trees()).map(c.NoneOf),
        st.tuples(build(c.Noted, st.sampled_from(OFTEN_NOTED), short)).map(c.NoneOf),
        build(c.Rate, st.sampled_from(OFTEN_GIVEN), _OPS, st.sampled_from((0.05, 0.3, 100.0)), short),
        _of(st.sampled_from(OFTEN), lambda q, v: build(c.Compare, st.just(q), _OPS, st.just(v), short)),
    )


class ReadBook(Book):
    """A book that says what it is when a test fails: the conditions of a made-up one."""

    def __repr__(self) -> str:
        if self.version != "made up":
            return "the real book"
        lines = []
        for g in self.guidelines:
            lines += [f"{g.id} outside: {g.outside}", *(f"{t.id} {t.level.value}: {t.when}" for t in g.triggers)]
            lines += [f"{s.id} when: {s.when}, done: {s.done}, requires: {s.requires}" for s in g.steps]
            lines += [f"{b.id} {b.severity} of {b.steps} {b.orders}, alone: {b.alone}: {b.when}" for b in g.blocks]
            lines += [f"{name}: {slot.choices}" for name, slot in g.slots.items() if slot.choices]
        return "\n".join(lines)


@cache
def real() -> Book:
    book = load()
    return ReadBook(book.guidelines, book.definitions, book.worse, book.version, book.rules, book.concepts)


@cache
def trees() -> st.SearchStrategy[c.Condition]:
    """Conditions of every kind, in every combination, over the definitions of the real book."""
    return st.recursive(_leaves((*sorted(PREDICATES), *sorted(real().definitions))), _combined, max_leaves=6)


@st.composite
def books(draw: st.DrawFn) -> Book:
    """A made-up book: one or two guidelines whose conditions are random trees."""
    guidelines = tuple(_guideline(draw, name) for name in ("A", "B")[: draw(st.integers(1, 2))])
    definitions = real().definitions
    rules = compiled(guidelines, definitions)
    concepts = rules.reads & {*NUMERIC, *CODED}
    return ReadBook(guidelines, definitions, real().worse, "made up", rules, concepts)


_SAID = {"source": ("X",), "passage": "Somebody says so.", "strength": "none"}
_WORDS = {"lead": "this speaks", "question": "this is so", "worse": "it is worse", "steady": "it stands"}


def _guideline(draw: st.DrawFn, name: str) -> Guideline:
    optional, whens = st.one_of(st.none(), trees()), st.one_of(trees(), lasting())
    levels = draw(st.permutations(["watch", "warning", "critical"]))
    triggers = [
        Trigger(id=f"{name}.T{n}", title="T", level=level, when=draw(whens), asks=draw(st.booleans()), source=("X",),
                values=("map", "hr"), **_WORDS)
        for n, level in enumerate(levels[: draw(st.integers(1, 3))])
    ]  # fmt: skip
    requires = st.sampled_from(((), ({"what": "allergies"},), ({"what": "map", "max_age": timedelta(minutes=15)},)))
    steps = [
        StepRule.model_validate({
            "id": f"{name}.S{n}", "text": "Do {dose} or {choice}.", "for": tuple(t.id for t in triggers), **_SAID,
            "when": draw(optional), "done": draw(optional), "requires": draw(requires), "measures": ("map", "lactate"),
            "limited": draw(st.booleans()), "prepare": draw(st.booleans()),
        })
        for n in range(draw(st.integers(1, 2)))
    ]  # fmt: skip
    severities = st.sampled_from(("hard", "soft", "modify"))
    blocks = [
        Block(id=f"{name}.B{n}", severity=draw(severities), when=draw(trees()), steps=(f"{name}.S0",),
              orders=draw(st.sampled_from(((), ("crystalloid",), ("meropenem", "norepinephrine")))),
              alone=draw(st.booleans()), text="Not now.", change="Less.", **_SAID)
        for n in range(draw(st.integers(1, 2)))
    ]  # fmt: skip
    slots = {
        "dose": Slot(per_kg=30, unit="mL"),
        "choice": Slot(choices=(SlotChoice(when=draw(trees()), text="this"),), otherwise="that"),
    }
    source = {"title": "X", "year": 2026, "cite": "X 2026", "checked": "made up"}
    return Guideline.model_validate({
        "id": name, "title": name, "version": "1", "status": "draft", "reviewed": date(2026, 1, 1), "population": "all",
        "outside": draw(st.sampled_from((None, None, None, c.Coded("acvpu", ("U",)), c.Given("norepinephrine", HOUR)))),
        "sources": {"X": source}, "slots": slots, "triggers": triggers, "steps": steps, "blocks": blocks,
    })  # fmt: skip


class Oracles:
    """A forecaster of oracles: what one says, and until when, follows from the moment at which it is made."""

    name, version, digest, batch = "oracles", "1", "0" * 32, 8
    horizons_h: tuple[float, ...] = HORIZONS_H
    concepts = frozenset(("map", "hr", "news2"))
    _state = ModelState(digest=digest, body=b"")

    def encode(
        self,
        states: Sequence[ModelState | None],  # noqa: ARG002, the protocol's
        seen: Sequence[Seen],
    ) -> list[ModelState]:
        return [self._state for _ in seen]

    def rebuilt(self, snapshot: Snapshot) -> ModelState:  # noqa: ARG002
        return self._state

    def outlooks(
        self,
        states: Sequence[ModelState],  # noqa: ARG002
        snapshots: Sequence[Snapshot],
    ) -> list[Outlook]:
        return [self._oracle(snapshot.now) for snapshot in snapshots]

    def _oracle(self, now: datetime) -> Oracle:
        seed = int((now - EIGHT) / timedelta(microseconds=1))
        return Oracle(seed, now + Random(seed).choice((5 * MINUTE, 30 * MINUTE, HOUR, 72 * HOUR)))
