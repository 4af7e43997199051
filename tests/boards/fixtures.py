"""Five beds as a board meets them, all fictional, and a source that plays them: the fake shell of the board's tests.

septic   septic shock, penicillin anaphylaxis (after vignette V1): a step of every state, evidence in a note
asking   low pressure, lactate never measured: the rules cannot tell
silent   a standing warning whose monitor fell silent an hour ago
calm     nothing to say
artefact a damped arterial line: its values are shown, marked, and not used
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from boards.source import BoardStatus, RefusalGroup, Verb
from schemas.boards.asked import Asked
from schemas.boards.hindsight import Hindsight
from schemas.boards.views import BedView, Point, ShownNote, ShownTreatment, Vital
from schemas.clinical.alerts import Alert
from schemas.clinical.cards import Card, CardSource
from schemas.clinical.facts import NoteFact, Polarity, Temporality
from schemas.clinical.findings import (
    Evidence,
    Finding,
    Level,
    Need,
    Onset,
    Passage,
    Reason,
    Sentence,
    Step,
    StepState,
)
from schemas.clinical.forecasts import Fan
from schemas.clinical.scores import Score, ScorePart
from schemas.events import Action, Allergy, Note, Patient, Quality, Reading, Severity, Source, Treatment, identity
from schemas.events.quarantine import Fault

DAY = datetime(2026, 3, 3, tzinfo=UTC)
LABELS = {
    "hr": ("HR", "/min"),
    "sbp": ("SBP", " mmHg"),
    "dbp": ("DBP", " mmHg"),
    "map": ("MAP", " mmHg"),
    "rr": ("RR", "/min"),
    "spo2": ("SpO₂", " %"),
    "temp": ("Temp", " °C"),
    "lactate": ("lactate", " mmol/L"),
    "creatinine": ("Creat", " mg/dL"),
}


def at(clock: str, day: datetime = DAY) -> datetime:
    """10:32 of the day of the stories."""
    hour, minute = clock.split(":")
    return day + timedelta(hours=int(hour), minutes=int(minute))


NOW = at("10:32")


def reading(encounter: str, concept: str, clock: str, value: float, quality: Quality = Quality.OK) -> Reading:
    lab = concept in ("lactate", "creatinine")
    return Reading(
        encounter=encounter,
        observed_at=at(clock),
        available_at=at(clock),
        concept=concept,
        value=value,
        source=Source.LAB if lab else Source.MONITOR,
        quality=quality,
        reason="damped line" if quality is not Quality.OK else None,
    )


def shown(r: Reading) -> str:
    return f"{r.value:g}{LABELS[r.concept][1]}"


def rests_on(r: Reading) -> Evidence:
    return Evidence(
        kind="reading",
        subject=r.concept,
        label=LABELS[r.concept][0],
        shown=shown(r),
        at=r.observed_at,
        ref=identity(r),
        value=r.value,
    )


def trends(readings: Sequence[Reading]) -> dict[str, tuple[Point, ...]]:
    rows: dict[str, list[Point]] = {}
    for r in sorted(readings, key=lambda r: r.observed_at):
        assert r.value is not None
        rows.setdefault(r.concept, []).append(
            Point(at=r.observed_at, value=r.value, quality=r.quality, ref=identity(r))
        )
    return {concept: tuple(points) for concept, points in rows.items()}


def vitals(readings: Sequence[Reading], now: datetime = NOW) -> tuple[Vital, ...]:
    newest = {r.concept: r for r in sorted(readings, key=lambda r: r.observed_at)}
    return tuple(
        Vital(
            concept=r.concept,
            label=LABELS[r.concept][0],
            shown=shown(r),
            at=r.observed_at,
            source=r.source.value,
            quality=r.quality,
            valid=r.quality is Quality.OK and now - r.observed_at < timedelta(minutes=61),
            reason=r.reason,
        )
        for r in newest.values()
    )


def news2(points: dict[str, int | None], readings: Sequence[Reading] = (), now: datetime = NOW) -> Score:
    newest = {r.concept: (rests_on(r),) for r in sorted(readings, key=lambda r: r.observed_at)}

    def part(name: str, given: int | None) -> ScorePart:
        need = None if given is not None else Need(subject=name, label=name, why="never measured")
        most = 2 if name == "oxygen" else 3
        return ScorePart(name=name, points=given, most=most, evidence=newest.get(name, ()), need=need)

    names = ("rr", "spo2", "oxygen", "sbp", "hr", "consciousness", "temp")
    parts = tuple(part(name, points.get(name, 0)) for name in names)
    return Score(id="news2", variant="NEWS2, SpO₂ scale 1", at=now, parts=parts)


def alert(finding: Finding, number: int, raised: str, others: tuple[Finding, ...] = ()) -> Alert:
    alert_id = f"{number:032x}"
    text = finding.sentence.text
    return Alert(
        id=alert_id,
        encounter=finding.encounter,
        key=finding.guideline,
        level=finding.level,
        state="raised",
        raised_at=at(raised),
        changed_at=at(raised),
        finding=finding,
        others=others,
        card=Card(
            uuid=alert_id,
            summary=text[:139],
            detail=text,
            indicator="critical" if finding.level is Level.CRITICAL else "warning",
            source=CardSource(label=finding.rule),
        ),
    )


def bed(encounter: str, label: str, readings: Sequence[Reading], **more: object) -> BedView:
    heard = max((r.available_at for r in readings), default=None)
    given: dict[str, object] = {
        "encounter": encounter,
        "bed": label,
        "unit": "ICU 2",
        "patient": Patient(),
        "now": NOW,
        "last_heard_at": heard,
        "vitals": vitals(readings),
        "news2": None,
        "alerts": (),
        "trends": trends(readings),
        "fans": {},
        "forecast_model": None,
        "forecast_missing": "too few readings to forecast from",
        "notes": (),
        "treatments": (),
        "counts": {},
    }
    return BedView(**(given | more))  # type: ignore[arg-type]


def _hourly(encounter: str, concept: str, values: Sequence[float], last: str = "10:30") -> list[Reading]:
    """One value every 30 minutes, the last of them at `last`."""
    end = at(last)
    clocks = (end - timedelta(minutes=30 * (len(values) - 1 - i)) for i in range(len(values)))
    return [reading(encounter, concept, f"{t:%H:%M}", v) for t, v in zip(clocks, values, strict=True)]


PASSAGES = {
    "S1": Passage(
        citation="SSC 2021 rec 3, 7",
        text="Blood lactate should be measured when sepsis is suspected, and a raised value may be followed serially.",
        strength="weak, low",
    ),
    "S2": Passage(
        citation="SSC 2026 cultures; Hour-1 bundle",
        text="Blood and source cultures are taken as early as possible, ideally before the first antimicrobial.",
        strength="strong",
    ),
    "S3a": Passage(
        citation="SSC 2021 rec 12",
        text="With shock, antimicrobials are given at once and ideally within one hour of recognition.",
        strength="strong, low",
    ),
    "S4": Passage(
        citation="SSC 2021 rec 5, 32, 33",
        text="At least 30 mL/kg of crystalloid is suggested in the first three hours with repeated reassessment.",
        strength="weak, low",
    ),
    "S5": Passage(
        citation="SSC 2021 rec 9, 37, 44",
        text="Norepinephrine is the first vasopressor and aims for a mean pressure of 65 mmHg.",
        strength="strong",
    ),
    "S12": Passage(
        citation="SSC 2021 rec 6, 8",
        text="After the first volume, dynamic tests and capillary refill should decide whether more fluid is given.",
        strength="weak, very low",
    ),
    "S11": Passage(
        citation="SSC 2021 rec 10",
        text="Patients who need intensive care should reach it within six hours.",
        strength="weak, low",
    ),
}

NOTE = (
    "Productive cough, RLL consolidation on CXR, plan to start abx, bcx not yet drawn. "
    "Denies chest pain. Mottled to the knees. Hx of MI 2019. <script>alert('x')</script> Family at bedside."
)


def _fact(ref: str, concept: str, words: str, clock: str, **more: object) -> NoteFact:
    start = NOTE.index(words)
    given = {"concept": concept, "note": ref, "start": start, "end": start + len(words), "words": words}
    return NoteFact(**(given | {"effective_at": at(clock), "available_at": at(clock)} | more))  # type: ignore[arg-type]


def step(
    name: str, text: str, state: str = "offered", *reasons: Reason, due: str | None = None, done: str | None = None
) -> Step:
    return Step(
        id=f"SEP.{name}",
        text=text,
        state=StepState(state),
        reasons=reasons,
        due_at=at(due) if due else None,
        done_at=at(done) if done else None,
        passage=PASSAGES[name],
    )


def septic() -> BedView:
    """Septic shock with every kind of step, a note as evidence, a forecast, and a second guideline that asks."""
    e = "mimic3|200001"
    rows = [
        *_hourly(e, "map", [82, 80, 81, 78, 77, 79, 77, 74, 70, 63, 61, 62, 61]),
        *_hourly(e, "hr", [88, 90, 92, 95, 96, 99, 104, 108, 115, 122, 123, 121, 124]),
        *_hourly(e, "sbp", [118, 115, 117, 112, 110, 111, 108, 101, 95, 88, 86, 88, 90]),
        *_hourly(e, "dbp", [64, 63, 64, 62, 61, 63, 62, 60, 57, 50, 48, 49, 46]),
        *_hourly(e, "rr", [16, 18, 18, 20, 20, 22, 22, 24, 25, 26, 26, 27, 26]),
        *_hourly(e, "spo2", [97, 96, 96, 95, 95, 94, 94, 93, 92, 91, 92, 93, 93]),
        reading(e, "map", "09:45", 12, Quality.ARTEFACT),
        reading(e, "temp", "08:00", 38.6),
        reading(e, "temp", "10:00", 39.0),
        reading(e, "lactate", "08:30", 3.1),
        reading(e, "lactate", "10:30", 4.2),
        reading(e, "creatinine", "08:30", 1.5),
    ]
    by = {(r.concept, f"{r.observed_at:%H:%M}"): rests_on(r) for r in rows}
    note = Note(encounter=e, observed_at=at("08:05"), available_at=at("08:05"), text=NOTE, title="Nursing note")
    ref = identity(note)
    mottled = _fact(ref, "perf.mottled", "Mottled to the knees", "08:05")
    noted = Evidence(
        kind="note",
        subject="perf.mottled",
        label="noted: mottled",
        shown="“Mottled to the knees”",
        at=at("08:05"),
        ref=ref,
        note_start=mottled.start,
        note_end=mottled.end,
    )
    on = (by["map", "08:00"], by["map", "10:30"], by["hr", "10:30"], by["lactate", "10:30"], noted)
    sentence = Sentence(
        template=(
            "Septic shock is likely: MAP fell from {0} at 08:00 to {1} at 10:30, heart rate {2}, "
            "lactate {3} at 10:30; note of 08:05: {4}."
        ),
        evidence=on,
    )
    allergy = Evidence(
        kind="patient",
        subject="allergy",
        label="allergy list",
        shown="penicillin: anaphylaxis",
        at=None,
        ref="p|allergy",
    )
    limited = Reason(
        block="SEP.B2",
        severity="modify",
        text="Limited tolerance for fluid: smaller portions.",
        evidence=(by["spo2", "10:30"],),
    )
    allergic = Reason(
        block="DRG.BLPEN",
        severity="hard",
        text="Penicillin anaphylaxis is on the allergy list; meropenem is allowed.",
        evidence=(allergy,),
    )
    unsure = Reason(
        block="SEP.B3",
        severity="check",
        text="Whether more fluid would help is not known.",
        needs=(Need(subject="crt", label="passive leg raise or capillary refill", why="never measured"),),
    )
    limit = Reason(
        block="LIM.1", severity="soft", text="A treatment limit stands: no escalation. Talk to the team first."
    )
    steps = (
        step("S5", "Start norepinephrine; aim for MAP 65 mmHg. A large peripheral vein is acceptable.", due="11:05"),
        step("S4", "Balanced crystalloid 2400 mL (30 mL/kg) in 250 mL portions.", "modified", limited, due="12:05"),
        step("S3a", "Piperacillin-tazobactam 4.5 g IV (ordered 09:06)", "withheld", allergic),
        step("S12", "More fluid after the first 30 mL/kg", "needs_check", unsure),
        step("S11", "Move to intensive care", "discuss", limit, due="14:30"),
        step("S2", "Two sets of blood cultures before antimicrobials", "done", done="09:15"),
        step("S1", "Measure lactate; if above 2 mmol/L repeat in 2–4 h", "done", done="10:30"),
    )
    finding = Finding(
        encounter=e,
        rule="SEP.T3",
        rule_version="SEP 2026.1",
        guideline="SEP",
        title="Sepsis-induced hypoperfusion",
        level=Level.CRITICAL,
        at=NOW,
        onset=Onset(at=at("09:05"), ref=by["map", "09:00"].ref),
        sentence=sentence,
        evidence=on,
        needs=(Need(subject="pao2", label="PaO₂", why="never measured"),),
        steps=steps,
    )
    fan = Fan(
        concept="map",
        horizons_h=(0.25, 0.5, 1.0, 2.0, 4.0, 6.0),
        quantiles=tuple(
            tuple(60.5 - 0.4 * h + z * (3 + 4 * h**0.5) for z in (-1.64, -1.28, -0.67, 0.0, 0.67, 1.28, 1.64))
            for h in (0.25, 0.5, 1.0, 2.0, 4.0, 6.0)
        ),
        origin=by["map", "10:30"].ref,
        origin_at=at("10:30"),
    )
    drug = Treatment(
        encounter=e, observed_at=at("09:20"), available_at=at("09:20"), item="meropenem", action=Action.GIVEN
    )
    return bed(
        e,
        "ICU 2-07",
        rows,
        patient=Patient(
            age_years=62, sex="male", allergies=(Allergy(substance="penicillin", severity=Severity.ANAPHYLAXIS),)
        ),
        news2=news2({"rr": 3, "spo2": 2, "oxygen": 2, "sbp": 3, "hr": 2, "consciousness": 0, "temp": 1}, rows),
        alerts=(alert(finding, 1, "09:05"),),
        fans={"map": fan},
        forecast_model="damped trend@1",
        forecast_missing=None,
        notes=(
            ShownNote(
                ref=ref,
                at=at("08:05"),
                title="Nursing note",
                text=NOTE,
                facts=(
                    mottled,
                    _fact(ref, "infection.source", "RLL consolidation", "08:05"),
                    _fact(ref, "chest_pain", "chest pain", "08:05", polarity=Polarity.NEGATED),
                    _fact(ref, "cultures", "bcx not yet drawn", "08:05", polarity=Polarity.NEGATED),
                    _fact(ref, "abx", "plan to start abx", "08:05", temporality=Temporality.PLANNED),
                    _fact(ref, "mi", "Hx of MI 2019", "08:05", temporality=Temporality.HISTORICAL),
                ),
            ),
        ),
        treatments=(
            ShownTreatment(label="meropenem", action="given", shown="1 g", at=at("09:20"), ref=identity(drug)),
        ),
        counts={"late": 1, "duplicate": 2},
    )


def asking() -> BedView:
    """Pressure is low, and whether it is shock cannot be told without a lactate."""
    e = "clif:77"
    rows = [
        *_hourly(e, "map", [76, 72, 64, 62]),
        *_hourly(e, "hr", [96, 101, 104, 108]),
        *_hourly(e, "spo2", [95, 95, 94]),
    ]
    on = (rests_on(rows[3]),)
    finding = Finding(
        encounter=e,
        rule="SEP.T3",
        rule_version="SEP 2026.1",
        guideline="SEP",
        title="Sepsis-induced hypoperfusion",
        level=Level.ASK,
        at=NOW,
        onset=Onset(at=at("10:30"), ref=on[0].ref),
        sentence=Sentence(template="Whether this is septic shock cannot be told: MAP {0} at 10:30.", evidence=on),
        evidence=on,
        needs=(Need(subject="lactate", label="lactate", why="never measured"),),
    )
    return bed(
        e,
        "ICU 2-03",
        rows,
        alerts=(alert(finding, 2, "10:30"),),
        news2=news2({"hr": 1, "sbp": None, "temp": None, "rr": None, "spo2": 1, "consciousness": 3}),
    )


def silent() -> BedView:
    """A warning stands, and nothing has been heard since 09:20."""
    e = "mimic3|200009"
    rows = [
        *_hourly(e, "map", [80, 79], "09:20"),
        *_hourly(e, "rr", [24, 28], "09:20"),
        *_hourly(e, "hr", [112, 118], "09:20"),
    ]
    on = (rests_on(rows[3]), rests_on(rows[5]))
    finding = Finding(
        encounter=e,
        rule="SEP.T1",
        rule_version="SEP 2026.1",
        guideline="SEP",
        title="Sepsis possible",
        level=Level.WARNING,
        at=at("09:20"),
        onset=Onset(at=at("09:20"), ref=on[0].ref),
        sentence=Sentence(template="Sepsis is possible: breathing {0} and heart rate {1} at 09:20.", evidence=on),
        evidence=on,
    )
    standing = alert(finding, 3, "09:20")
    detail = (
        f"{standing.card.detail}\n**Cannot be seen since 09:50 UTC: it stands until measured, or becomes a question**"
    )
    standing = replace(standing, card=replace(standing.card, detail=detail))
    return bed(e, "ICU 2-11", rows, alerts=(standing,))


def calm(encounter: str = "mimic3|200002", label: str = "ICU 2-01") -> BedView:
    """Nothing to say."""
    rows = [
        *_hourly(encounter, "hr", [78, 80, 77]),
        *_hourly(encounter, "map", [84, 86, 85]),
        *_hourly(encounter, "rr", [14, 15, 14]),
        *_hourly(encounter, "spo2", [97, 98, 97]),
    ]
    return bed(encounter, label, rows, news2=news2({}))


def artefact() -> BedView:
    """The arterial line is damped: 31 mmHg is shown, crossed out, and no rule has used it."""
    e = "mimic3|200010"
    rows = [
        *_hourly(e, "hr", [82, 84, 83]),
        *_hourly(e, "map", [81, 80], "10:00"),
        reading(e, "map", "10:30", 31, Quality.ARTEFACT),
        *_hourly(e, "spo2", [96, 96, 97]),
    ]
    return bed(e, "ICU 2-05", rows, news2=news2({"temp": None}))


def acknowledged(view: BedView, by: str = "station") -> BedView:
    """The same bed once its first warning was acknowledged."""
    first, *rest = view.alerts
    first = replace(first, state="acknowledged", acknowledged_at=NOW, acknowledged_by=by)
    return replace(view, alerts=(first, *rest))


def ticked(view: BedView, step: str, done: bool) -> BedView:
    """The same bed once a step of its first warning was ticked, or unticked."""
    first, *rest = view.alerts
    change = {"state": StepState.DONE, "done_at": NOW} if done else {"state": StepState.OFFERED, "done_at": None}
    steps = tuple(replace(s, **change) if s.id == step else s for s in first.finding.steps)
    first = replace(first, finding=replace(first.finding, steps=steps))
    return replace(view, alerts=(first, *rest))


class FakeSource:
    """A shell without streams: beds are put by hand, answers are applied at once or refused with `broken`."""

    def __init__(self, *views: BedView) -> None:
        self.views = {view.encounter: view for view in views}
        self.answers: list[tuple[str, str, str, str | None, str]] = []
        self.broken: str | None = None
        self.hindsight: Hindsight | Exception | None = None
        self.apply = True  # whether an answer shows on its bed as soon as it is kept
        self.now_status = BoardStatus(
            now=NOW,
            shell="embedded",
            speed=1.0,
            plays="fictional beds of the tests",
            refused={Fault.UNKNOWN_UNIT: 3, Fault.NAIVE_TIME: 1},
            late=2,
            duplicate=5,
            corrected=1,
        )
        self.groups: Sequence[RefusalGroup] | Exception = (
            RefusalGroup(
                fault=Fault.UNKNOWN_UNIT,
                sender="lab",
                what="lactate in zorkmid",
                encounter="mimic3|200001",
                why="Expected a unit of lactate, found another quantity.",
                count=3,
                first_at=at("09:50"),
                last_at=at("10:20"),
            ),
            RefusalGroup(
                fault=Fault.NAIVE_TIME,
                why="observed_at: expected a time with its zone, found one without",
                count=1,
                first_at=at("08:00"),
                last_at=at("08:00"),
            ),
        )
        self.asked: Asked | Exception | None = None  # what a question is answered with
        self.cannot: dict[str, Exception] = {}  # beds that cannot be made
        self._changed: dict[asyncio.Event, set[str]] = {}
        self.loop: asyncio.AbstractEventLoop | None = None

    def encounters(self) -> Sequence[str]:
        return tuple(self.views)

    def bed(self, encounter: str) -> BedView | None:
        if encounter in self.cannot:
            raise self.cannot[encounter]
        return self.views.get(encounter)

    async def bring(self, encounter: str) -> None:
        """All of it is here."""

    async def looked_back(self, encounter: str) -> Hindsight | None:
        if isinstance(self.hindsight, Exception):
            raise self.hindsight
        return self.hindsight if encounter in self.views else None

    async def ask(self, encounter: str, question: str) -> Asked | None:
        if isinstance(self.asked, Exception):
            raise self.asked
        return None if self.asked is None else replace(self.asked, encounter=encounter, question=question)

    async def refusals(self, search: str) -> Sequence[RefusalGroup]:
        if isinstance(self.groups, Exception):
            raise self.groups
        return [group for group in self.groups if search.casefold() in f"{group.what} {group.why}".casefold()]

    def status(self) -> BoardStatus:
        return self.now_status

    async def changes(self) -> AsyncIterator[str]:
        self.loop = asyncio.get_running_loop()
        bell = asyncio.Event()
        self._changed[bell] = set()
        try:
            while True:
                await bell.wait()
                bell.clear()
                changed, self._changed[bell] = self._changed[bell], set()
                for encounter in sorted(changed):
                    yield encounter
        finally:
            del self._changed[bell]

    async def respond(self, encounter: str, alert: str, verb: Verb, step: str | None, by: str) -> str | None:
        if self.broken is not None:
            return self.broken
        self.answers.append((encounter, alert, verb, step, by))
        view = self.views[encounter]
        if not self.apply:
            return None
        if verb == "acknowledge":
            self.put(acknowledged(view, by))
        elif step is not None:
            self.put(ticked(view, step, verb == "step_done"))
        return None

    def put(self, view: BedView) -> None:
        """The bed as it stands from now on. May be called from any thread."""
        self.views[view.encounter] = view
        self._ring(view.encounter)

    def drop(self, encounter: str) -> None:
        """The patient leaves."""
        del self.views[encounter]
        self._ring(encounter)

    @property
    def readers(self) -> int:
        return len(self._changed)

    def _ring(self, encounter: str) -> None:
        def ring() -> None:
            for bell, changed in self._changed.items():
                changed.add(encounter)
                bell.set()

        if self.loop is not None and not self.loop.is_closed():
            self.loop.call_soon_threadsafe(ring)


def five() -> FakeSource:
    return FakeSource(calm(), asking(), septic(), artefact(), silent())
