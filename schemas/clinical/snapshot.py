"""What could be known of one patient at one moment: the only thing rules and models may look at."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from schemas.clinical.facts import NoteFact
from schemas.codes.concepts import CONCEPTS, Situation
from schemas.events import Patient, Quality, Reading, Source, Treatment
from schemas.frozen import Record
from schemas.local_time import UTC

Setting = Literal["icu", "ward"]

ROUNDS = frozenset({"vital", "neuro", "output"})  # the groups of concepts that people chart by rounds
ROUND = timedelta(hours=1)  # and of these what stays valid so long, or longer
ENTRY = timedelta(minutes=15)  # so long after its time a round may be entered, and is not missed yet (decision 0010)
AT_ONCE = timedelta(minutes=1)  # what is known so soon was not entered late
ROUNDS_SEEN = 6  # the newest readings that tell whether rounds are entered late here


class Snapshot(Record, frozen=True):
    """The state of a bed as of `now`.

    `readings` holds, per concept, every kept reading with available_at <= now and not entered in error, by rising
    `observed_at` (ties: the one known last is last); suspect values and artefacts are in it, marked. `treatments`
    and `facts` likewise rise in time. Built by `streams.core.bed`; rules, scores and forecasters only read it.
    """

    encounter: str
    now: datetime
    setting: Setting | None  # None: nobody said; readings then grow old as early as in an ICU, and no one is at hand
    patient: Patient
    readings: Mapping[str, tuple[Reading, ...]]
    treatments: tuple[Treatment, ...] = ()
    facts: tuple[NoteFact, ...] = ()
    admitted_at: datetime | None = None
    steps_done: Mapping[str, datetime] | None = None  # step id -> when a person ticked it
    setting_since: datetime | None = None  # what was measured before then grows old as early as in an ICU
    zone: ZoneInfo = UTC  # of the clocks on the ward
    situations: frozenset[Situation] = frozenset()  # what makes some readings age faster: insulin running, bleeding …

    def newest(self, concept: str) -> Reading | None:
        """The newest `ok` reading, however old."""
        for reading in reversed(self.readings.get(concept, ())):
            if reading.quality is Quality.OK:
                return reading
        return None

    def latest(self, concept: str) -> Reading | None:
        """The newest `ok` reading that is still valid (reference §0.3: `x`); None means unknown."""
        reading = self.newest(concept)
        if reading is None or self.now - reading.observed_at > self.validity(reading):
            return None
        return reading

    def validity(self, reading: Reading) -> timedelta:
        """How long this reading may be carried forward in this setting; of one from before the move here, no longer
        than in an ICU: where it was taken is not what it was taken for."""
        since = self.setting_since
        setting = "icu" if since is not None and reading.observed_at < since else self.setting or "icu"
        valid = CONCEPTS[reading.concept].validity(setting, reading.method, reading.value, self.situations)
        return valid + self.entry(reading) if valid >= ROUND else valid

    def entry(self, reading: Reading) -> timedelta:
        """How much later than this reading's age alone would say the next round is missed: none where rounds are known
        at once, else as long as one may still be on its way into the chart."""
        if reading.source is not Source.MANUAL or CONCEPTS[reading.concept].group not in ROUNDS:
            return timedelta()
        rounds = self.readings.get(reading.concept, (reading,))[-ROUNDS_SEEN:]
        late = any(r.source is Source.MANUAL and r.available_at - r.observed_at >= AT_ONCE for r in rounds)
        return ENTRY if late else timedelta()

    def window(self, concept: str, span: timedelta) -> tuple[Reading, ...]:
        """The `ok` readings observed in (now - span, now], oldest first."""
        start = self.now - span
        return tuple(
            r for r in self.readings.get(concept, ()) if r.quality is Quality.OK and start < r.observed_at <= self.now
        )
