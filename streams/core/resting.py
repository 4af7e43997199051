"""Which beds need not be in memory, and what memory keeps of a bed that is only in the store.

    a discharged patient's    once nothing was heard of it for an hour; after seven days it leaves the store, too
    a silent one              once nothing was heard of it for a day, and no alert stands

A bed with a standing alert, one that cannot be judged and one with events in its line stay, however long. A bed that
rests has lost nothing: an event, an answer, its own alarm or a look at its page brings it back as it was saved. Until
then its outline hears that time passes, and a board shows it: where it is, and the last value of each concept.
"""

from datetime import datetime, timedelta

from streams.core.bed import Bed, Chart

DISCHARGED_HELD = timedelta(hours=1)  # since it was heard last: what was still on its way has come by then
DISCHARGED_KEPT = timedelta(days=7)  # in the store, too: then who comes back is another stay
SILENT_HELD = timedelta(hours=24)  # the span of a board's trends: after it there is no point left to draw


def may_rest(bed: Bed, now: datetime) -> bool:
    """Whether a bed may leave memory by the rule above."""
    if not can_rest(bed) or bed.episodes or bed.failure is not None:
        return False
    last = heard_at(bed.chart)
    return last is None or now - last > (DISCHARGED_HELD if bed.chart.discharged else SILENT_HELD)


def left_before(bed: Bed, moment: datetime) -> bool:
    """Whether a patient left, and nothing more was heard since the moment: of a bed, or of its outline."""
    last = heard_at(bed.chart)
    return bed.chart.discharged and not bed.line.waiting and (last is None or last < moment)


def can_rest(bed: Bed) -> bool:
    """Whether an outline can stand for the bed while time passes: nothing waits for its turn."""
    return not bed.line.waiting and bed.line.ahead is None


def heard_at(chart: Chart) -> datetime | None:
    """When anything about the patient became known last, as far as the chart still tells."""
    times = [chart.heard_at, chart.admitted_at]
    times += [kept.note.available_at for kept in chart.notes[-1:]]
    times += [treatment.available_at for treatment in chart.treatments[-1:]]
    return max((at for at in times if at is not None), default=None)


def outline(bed: Bed) -> Bed:
    """What memory keeps of a bed that rests. It can hear that time passes, and be shown; it cannot be judged."""
    chart = bed.chart
    return Bed(
        encounter=bed.encounter,
        line=bed.line,
        chart=Chart(
            patient=chart.patient,
            setting=chart.setting,
            unit=chart.unit,
            bed=chart.bed,
            admitted_at=chart.admitted_at,
            discharged=chart.discharged,
            readings={} if chart.discharged else {concept: row[-1:] for concept, row in chart.readings.items()},
            heard_at=heard_at(chart) if chart.discharged else chart.heard_at,
        ),
        due=bed.due,
        judged_at=bed.judged_at,
        counts=bed.counts,
    )


def is_due(resting: Bed, now: datetime, lateness: timedelta) -> bool:
    """Whether the bed has to be judged by the time that it is so late."""
    return resting.due is not None and now - lateness > resting.due


def back(saved: Bed, resting: Bed) -> Bed:
    """The bed as it was saved, with what its outline heard since."""
    return saved._replace(line=resting.line, counts=resting.counts)
