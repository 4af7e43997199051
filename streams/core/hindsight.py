"""The chances of some hours ago against what came: worked out from the chart, with what could be known then.

What was really said is not kept. A bed's chart holds its readings with the times at which they became known, so the
same model can look at it as it was then; what was corrected or entered in error since counts as it stands now, and
where the chart has been thinned less is known than then.
"""

from datetime import datetime

from msgspec.structs import replace

from guidelines.evidence import amount, label
from schemas.boards.hindsight import Came, Hindsight
from schemas.clinical.forecasts import Odds, Outlook
from schemas.clinical.snapshot import Snapshot
from schemas.conditions import Compare, Op
from schemas.events import Quality, Reading
from streams.core.bed import Bed, snapshot
from streams.core.judge import Mind
from streams.core.questions import ASKED, WITHIN


def looked_back(bed: Bed, now: datetime, mind: Mind) -> Hindsight:
    """What would have been told `WITHIN` before `now`, and what came of it. Nothing of the bed is changed."""
    then = now - WITHIN
    if bed.chart.moved_at is not None and bed.chart.moved_at > then:
        return Hindsight(at=then, missing="the patient was not here yet")
    seen = _as_of(snapshot(bed, then, mind.policy.zone))
    if not seen.readings:
        return Hindsight(at=then, missing="nothing of this patient was known yet")
    outlook = mind.forecaster.outlooks([mind.forecaster.rebuilt(seen)], [seen])[0]
    readings = bed.chart.readings
    told = [came for _, one in ASKED if (came := _came(one, outlook, readings.get(one.quantity, ()), then, now))]
    return Hindsight(at=then, of=tuple(told), missing=None if told else "no chance could have been told then")


def _as_of(seen: Snapshot) -> Snapshot:
    """With what was known by then alone."""
    known = {c: tuple(r for r in row if r.available_at <= seen.now) for c, row in seen.readings.items()}
    return replace(seen, readings={concept: row for concept, row in known.items() if row})


def _came(one: Compare, outlook: Outlook, row: tuple[Reading, ...], then: datetime, now: datetime) -> Came | None:
    odds = outlook.chance(one, WITHIN)
    if not isinstance(odds, Odds):
        return None
    asked = f"{label(one.quantity)} {one.op} {amount(one.quantity, one.value)}"
    since = [
        (reading.value, reading.observed_at)
        for reading in row
        if reading.quality is Quality.OK and reading.value is not None and then < reading.observed_at <= now
    ]
    if not since:
        return Came(asked=asked, odds=odds, came=None)
    beyond = [told for told in since if one.op.holds(told[0], one.value)]
    furthest = (min if one.op in (Op.BELOW, Op.AT_MOST) else max)(since)
    value, at = beyond[0] if beyond else furthest
    return Came(asked=asked, odds=odds, came=bool(beyond), at=at, shown=amount(one.quantity, value))
