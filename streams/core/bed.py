"""The bounded memory of one encounter: what was heard, what is waiting, what is being said.

A `Bed` is frozen, of named tuples, which are cheap to make anew: an update shares everything that did not change.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from forecasting.contract import ModelState
from guidelines.checklist import Outline, outline
from guidelines.evaluation import Evaluation
from guidelines.rules.case import FAR, INFUSION_VALID, MOMENT
from guidelines.rules.kept import Kept
from schemas.clinical.alerts import Alert
from schemas.clinical.facts import NoteFact
from schemas.clinical.findings import Finding, Level, Onset
from schemas.clinical.forecasts import Outlook
from schemas.clinical.snapshot import Setting, Snapshot
from schemas.codes.concepts import Situation
from schemas.codes.situations import AFTER, NOTED, WHILE_RUNNING
from schemas.events import Action, Event, Note, Patient, Reading, Treatment
from schemas.local_time import UTC
from streams.core.cards import card
from streams.core.retention import HISTORY_MAX
from streams.core.source_clock import Clocks

__all__ = [
    "HISTORY_MAX",
    "NOTHING",
    "Awake",
    "Bed",
    "Chart",
    "Episode",
    "Failure",
    "KeptNote",
    "Line",
    "counted",
    "snapshot",
]

_OF_INFUSIONS = (Action.START, Action.CHANGE, Action.STOP)
_OF_DOSES = (Action.GIVEN, Action.START)
NOTHING: Mapping[str, Any] = MappingProxyType({})
LONG_AGO = datetime(1900, 1, 1, tzinfo=UTC)


class KeptNote(NamedTuple):
    """A note as kept: `ref` is the identity of the whole note, of which `note` may hold only the beginning."""

    ref: str
    note: Note


class Line(NamedTuple):
    """Events that wait for their turn. `closed`: every instant before it has been judged; see streams.core.ordering."""

    clock: datetime | None = None
    closed: datetime | None = None
    ahead: datetime | None = None  # a clock far ahead of ours that nothing has confirmed yet
    waiting: tuple[Event, ...] = ()
    crowded: tuple[datetime, ...] = ()  # seconds not yet closed in which readings came too fast


class Chart(NamedTuple):
    """What is known of the patient. Rows of readings rise by `observed_at`; `reading_bytes` is their size as saved."""

    patient: Patient = Patient()
    setting: Setting | None = None
    unit: str | None = None
    bed: str | None = None
    admitted_at: datetime | None = None
    discharged: bool = False
    readings: Mapping[str, tuple[Reading, ...]] = NOTHING
    reading_bytes: int = 0
    notes: tuple[KeptNote, ...] = ()
    facts: tuple[NoteFact, ...] = ()
    treatments: tuple[Treatment, ...] = ()
    withdrawn: tuple[str, ...] = ()  # identities entered in error: a second copy of them stays out
    heard_at: datetime | None = None
    moved_at: datetime | None = None  # when it was heard that the patient came to this unit
    setting_since: datetime | None = None  # when the patient came here from another setting


class Episode(NamedTuple):
    """One guideline speaking about this patient, from its first finding until it has been quiet long enough."""

    id: str  # of the alert
    key: str  # the guideline
    level: Level
    state: Literal["raised", "acknowledged"]
    raised_at: datetime
    changed_at: datetime
    finding: Finding  # as last said: the loudest, …
    others: tuple[Finding, ...]  # … and the others
    said_at: datetime  # when anything was last said of it
    levels: Mapping[str, Level]  # by rule: the loudest it has been
    outline: frozenset[Outline] = frozenset()  # of the checklist as it was said
    remarks: tuple[str, ...] = ()  # what the reader had to know besides
    worsened_at: datetime | None = None
    eased_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    low_since: datetime | None = None  # since when nothing supports its level
    blind_since: datetime | None = None  # since when what supports it cannot be known
    remarked_at: datetime | None = None  # when something was told as withdrawn, corrected or moved
    left: Mapping[str, datetime] = {}  # by rule that has spoken and does not now: since when

    def alert(self, state: Literal["raised", "acknowledged", "resolved"] | None = None) -> Alert:
        """The alert as it stands, or as it ends."""
        return Alert(
            id=self.id,
            encounter=self.finding.encounter,
            key=self.key,
            level=self.level,
            state=state or self.state,
            raised_at=self.raised_at,
            changed_at=self.changed_at,
            worsened_at=self.worsened_at,
            unseen_since=self.blind_since,
            over_since=self.low_since,
            acknowledged_at=self.acknowledged_at,
            acknowledged_by=self.acknowledged_by,
            finding=self.finding,
            others=self.others,
            card=card(self.id, self.level, self.finding, self.others, self.remarks),
        )


def outline_of(findings: Iterable[Finding]) -> frozenset[Outline]:
    """What of the checklists of findings is worth saying again when it changes."""
    return frozenset([outline(s.id, s.state, [r.block for r in s.reasons]) for f in findings for s in f.steps])


class Looked(NamedTuple):
    """One guideline at the last look. `asked`: the mask of the nodes that it rests on."""

    found: Evaluation
    asked: int


class Awake(NamedTuple):
    """What a bed in memory holds besides: it can be worked out again from the rest, and is never saved."""

    kept: Kept
    outlook: Outlook
    looked: tuple[Looked, ...] | None  # of every guideline, at the last judgement; None: ask them anew


class Failure(NamedTuple):
    """Since when a bed cannot be judged, because of a fault of ours."""

    since: datetime
    what: str  # the type of the error, never its text


class Bed(NamedTuple):
    """Everything remembered of one encounter. `Bed("e1")` is an empty one."""

    encounter: str
    line: Line = Line()
    chart: Chart = Chart()
    episodes: Mapping[str, Episode] = NOTHING  # by guideline
    onsets: Mapping[str, Onset] = NOTHING  # by rule, while its guideline's episode lasts
    resolved: Mapping[str, str] = NOTHING  # guideline -> id of its last episode
    steps_done: Mapping[str, datetime] = NOTHING
    outside: Mapping[str, str] = NOTHING  # guidelines that are not for this patient, and why
    asked: Mapping[str, datetime] = NOTHING  # what was asked or watched for, and when last
    model: ModelState | None = None
    due: datetime | None = None  # when it must be judged even if nothing comes
    judged_at: datetime | None = None
    foreseen_at: datetime | None = None  # the instant at which the outlook was made
    counts: Mapping[str, int] = NOTHING
    clocks: Clocks = NOTHING  # of sources that were wrong lately
    failure: Failure | None = None
    awake: Awake | None = None


def snapshot(bed: Bed, now: datetime | None = None, zone: ZoneInfo = UTC) -> Snapshot:
    """What could be known of this patient at `now` (by default: the bed's own time), told by the clocks of `zone`."""
    chart = bed.chart
    at = now or bed.line.clock or chart.heard_at or LONG_AGO
    return Snapshot(
        encounter=bed.encounter,
        now=at,
        setting=chart.setting,
        patient=chart.patient,
        readings=chart.readings,
        treatments=chart.treatments,
        facts=chart.facts,
        admitted_at=chart.admitted_at,
        steps_done=bed.steps_done,
        setting_since=chart.setting_since,
        zone=zone,
        situations=situations(chart, at)[0],
    )


def situations(chart: Chart, now: datetime) -> tuple[frozenset[Situation], datetime]:
    """What makes some readings age faster (`schemas.codes.situations`), and until when, without news, that stays so."""
    found: set[Situation] = set()
    until = FAR
    for situation, begin, end in _signs(chart):
        if begin > now:
            until = min(until, begin)
        elif now < end:
            found.add(situation)
            until = min(until, end)
    return frozenset(found), until


def _signs(chart: Chart) -> Iterator[tuple[Situation, datetime, datetime]]:
    """What tells of a situation, from when until when (exclusive) it does."""
    running: dict[str, Treatment] = {}
    for treatment in chart.treatments:
        if treatment.item in WHILE_RUNNING and treatment.action in _OF_INFUSIONS:
            running[treatment.item] = treatment
        if treatment.item in AFTER and treatment.action in _OF_DOSES:
            begin = treatment.observed_at
            yield from ((situation, begin, begin + span + MOMENT) for situation, span in AFTER[treatment.item])
    for item, last in running.items():
        if last.action is not Action.STOP and last.rate != 0:
            end = last.observed_at + INFUSION_VALID + MOMENT
            yield from ((situation, last.observed_at, end) for situation in WHILE_RUNNING[item])
    for fact in chart.facts:
        for beginning, situation, span in NOTED:
            if fact.usable and fact.concept.startswith(beginning):
                yield situation, fact.effective_at, fact.effective_at + span + MOMENT


def counted(counts: Mapping[str, int], *names: str) -> Mapping[str, int]:
    """The counts with one more of each name."""
    more = dict(counts)
    for name in names:
        more[name] = more.get(name, 0) + 1
    return more
