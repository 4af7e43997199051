"""The waiting line: clocks that leap or step back, floods, and what is late."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from schemas.clinical.alerts import AlertEvent, Change
from schemas.clinical.findings import Level
from schemas.events import Event, Reading, Tick
from schemas.events.quarantine import Fault, Rejected
from streams.core.absorb import put_right
from streams.core.bed import Bed, Line
from streams.core.ordering import (
    CROWDED_MAX,
    JUMP_MAX,
    NOTES_WAITING_MAX,
    READINGS_PER_SECOND_MAX,
    WAITING_MAX,
    Late,
    Moved,
    clock_moved,
    queued,
    released,
)
from streams.core.policy import Policy
from streams.core.step import Output, Turn, run, step
from streams.stores.codec import bed_of, whole
from tests.streams.bedside import PNEUMONIA, admitted, at, fed, mind, note, play, reading, treatment, vitals


def test_a_clock_that_steps_back_moves_nothing() -> None:
    """08:00, 08:10, then 08:05: time stands still until it is 08:10 again, and the step back is counted."""
    bed, _ = fed([(at(m), Tick(available_at=at(m))) for m in (0, 10, 5)])
    assert bed.line.clock == at(10)
    assert bed.counts["clock_backwards"] == 1


def test_a_leap_of_one_record_moves_nothing() -> None:
    """
    clock    08:00   08:01   2099    08:02
    record   tick    tick    MAP     tick
    bed      -       08:01   08:01   08:02, and the MAP of 2099 is refused
    """
    far = at(0).replace(year=2099)
    odd = replace(reading("map", 61, 0), observed_at=far, available_at=far)
    ticks = [(at(m), Tick(available_at=at(m))) for m in (0, 1)]
    bed, said = fed([*ticks, (far, odd)])
    assert (bed.line.clock, said) == (at(1), [])
    bed, said = fed([(at(2), Tick(available_at=at(2)))], bed=bed)
    assert [(o.fault, o.encounter) for o in said if isinstance(o, Rejected)] == [(Fault.CLOCK_JUMP, "e1")]
    assert bed.line.clock == at(2)
    assert "map" not in bed.chart.readings


def test_a_leap_that_a_second_record_confirms_is_time_that_passed() -> None:
    """After a pause of three days the second record confirms the first, and both are judged."""
    later = at(0) + 3 * JUMP_MAX
    bed, _ = fed([(at(m), Tick(available_at=at(m))) for m in (0, 1)])
    one, two = (replace(reading("map", 61, 0), available_at=t, observed_at=t) for t in
                (later, later + timedelta(minutes=1)))  # fmt: skip
    bed, said = fed(
        [(one.available_at, one), (two.available_at, two), (at(0) + 4 * JUMP_MAX, Tick(available_at=later))], bed=bed
    )
    assert [r.observed_at for r in bed.chart.readings["map"]] == [one.available_at, two.available_at]
    assert not any(isinstance(o, Rejected) for o in said)


def test_a_first_clock_that_is_wrong_is_not_believed() -> None:
    """A first record of 1970 does not set the time: the two of today that follow do."""
    long_ago = at(0).replace(year=1970)
    bed, _ = fed([(long_ago, Tick(available_at=long_ago)), *((at(m), Tick(available_at=at(m))) for m in (0, 1))])
    assert bed.line.clock == at(1)


def _turned(bed: Bed, *turns: Turn) -> tuple[Bed, list[AlertEvent]]:
    said: list[Output] = []
    lived = run({"e1": bed}, {"e1": [turn._replace(said=said.extend) for turn in turns]}, mind())
    return lived["e1"], [output for output in said if isinstance(output, AlertEvent)]


WRONG_FOR_2_S = (Turn(at("10:30:06")), Turn(at("10:30:08")), Turn(at("08:00:10"), corrected=True))


def test_a_bed_that_was_hours_ahead_is_looked_at_anew_at_the_right_time() -> None:
    """
    clock    08:00:00     10:30:06           10:30:08   08:00:10 (put right)        08:00:11
    bed      in shock     cannot be seen     -          -                           seen again, as of 08:00:10
    """
    sick = [*vitals("08:00", hr=122, rr=26, spo2=91, bp="88/50", temp=39), reading("lactate", 9, "08:00", source="lab")]
    bed, _ = play([admitted(), note(PNEUMONIA, "08:00"), *sick], at("08:00:05"))
    ahead, said = _turned(bed, *WRONG_FOR_2_S[:2])
    assert {key for key, episode in ahead.episodes.items() if episode.blind_since} == {"SEP", "LIM"}
    assert said[-1].at == at("10:00:01")
    right, said = _turned(ahead, WRONG_FOR_2_S[2], Turn(at("08:00:11")))
    assert [(o.at, o.alert.key, o.change) for o in said] == [
        (at("08:00:10"), key, Change.UPDATED) for key in ("LIM", "SEP")
    ]
    assert not any(episode.blind_since for episode in right.episodes.values())
    loaded, said_when_loaded = bed_of([whole(ahead)]), list[AlertEvent]()
    for turn in (WRONG_FOR_2_S[2], Turn(at("08:00:11"))):
        loaded, new = _turned(bed_of([whole(loaded)]), turn)
        said_when_loaded += new
    assert said_when_loaded == said
    assert right.counts["clock_corrected"] == 1


def test_what_comes_after_a_clock_was_put_right_is_warned_of_at_once() -> None:
    """Hours ahead for two seconds; then MAP 45 and a lactate of 6: within half a minute of log time it is critical."""
    calm = vitals("08:00", hr=80, rr=16, spo2=97, bp="120/70", temp=37)
    bed, _ = play([admitted(), note(PNEUMONIA, "08:00"), *calm], at("08:00:05"))
    bed, said = _turned(bed, *WRONG_FOR_2_S)
    sick = [reading("map", 45, "08:01", method="invasive"), reading("lactate", 6, "08:01", source="lab")]
    bed, said = _turned(bed, *(Turn(at("08:01"), [event]) for event in sick), Turn(at("08:01:30")))
    assert [o.alert.level for o in said if o.alert.key == "SEP"] == [Level.CRITICAL]
    assert bed.counts.get("late", 0) == 0


def test_an_event_ahead_of_the_clock_is_refused() -> None:
    """Known more than five minutes from now: refused; five minutes: waits for its time."""
    bed, said = fed([(at(0), Tick(available_at=at(0))), (at(0), reading("map", 61, 6)), (at(0), reading("map", 61, 5))])
    assert [o.fault for o in said if isinstance(o, Rejected)] == [Fault.FUTURE_TIME]
    assert len(bed.line.waiting) == 1


@pytest.mark.parametrize(
    ("event", "about"),
    [
        (reading("map", 61, 9), ("map", "mm[Hg]")),
        (reading("acvpu", "A", 9), ("acvpu", None)),
        (treatment("meropenem", "given", 9), ("meropenem", None)),
        (note(PNEUMONIA, 9), (None, None)),
    ],
)
def test_what_the_line_refuses_says_what_it_is_about(event: Event, about: tuple[str | None, str | None]) -> None:
    """An event that is refused though it could be read names its bed, its code and its unit as other refusals do."""
    (refusal,) = queued(Line(), event, at(0)).refused
    assert (refusal.encounter, refusal.code, refusal.unit) == ("e1", *about)


def test_a_second_that_is_too_fast_keeps_its_extremes_and_newest() -> None:
    """Ten thousand readings in one second: the worst are kept, every other one is refused and counted, none is lost."""
    second = timedelta(seconds=1)
    base = at("08:00")
    flood = [
        replace(
            reading("map", 50 + (i * 37) % 100, "08:00"),
            observed_at=base - second + timedelta(microseconds=i * 100),
            sender="GW-7",
        )
        for i in range(10_000)
    ]
    bed, said = fed([(base, event) for event in flood])
    refused = [o for o in said if isinstance(o, Rejected)]
    assert {o.fault for o in refused} == {Fault.FLOOD}
    assert len(refused) + len(bed.line.waiting) == 10_000
    assert bed.counts["flood"] == len(refused)
    assert {o.sender for o in refused} == {"GW-7"}
    assert b'"sender":"GW-7"' in refused[0].raw
    values = [event.value or 0.0 for event in bed.line.waiting if isinstance(event, Reading)]
    assert (min(values), max(values)) == (50, 149)
    assert flood[-1] in bed.line.waiting
    assert len(whole(bed)) < 64 * 1024


@settings(max_examples=4)
@given(st.randoms(use_true_random=False))
def test_what_is_left_of_a_flood_does_not_depend_on_its_order(random: object) -> None:
    """The same flood in any order leaves the same readings."""
    flood = [
        replace(
            reading("map", 50 + i % 7, "08:00", source="monitor"),
            observed_at=at("07:59") + timedelta(milliseconds=i // 2),
        )
        for i in range(READINGS_PER_SECOND_MAX + 40)
    ]
    mixed = flood.copy()
    random.shuffle(mixed)  # type: ignore[attr-defined]
    end = (at("08:10"), Tick(available_at=at("08:10")))
    one, _ = fed([*((at("08:00"), event) for event in flood), end])
    two, _ = fed([*((at("08:00"), event) for event in mixed), end])
    assert one.chart == two.chart


def test_the_line_is_bounded() -> None:
    """More events than may wait are refused as a flood; a note beyond its own limit too."""
    bed, said = Bed("e1"), list[Output]()
    for event in [reading("map", 61, i / 60) for i in range(WAITING_MAX + 5)]:
        bed, new = step(bed, [event], event.available_at, mind(lateness_s=3600))
        said.extend(new)
    assert len(bed.line.waiting) == WAITING_MAX
    assert len(whole(bed)) < 128 * 1024
    assert [o.fault for o in said if isinstance(o, Rejected)] == [Fault.FLOOD] * 5
    bed, said = fed([(at(0), note(f"note {i}", 0)) for i in range(NOTES_WAITING_MAX + 1)])
    assert [o.fault for o in said if isinstance(o, Rejected)] == [Fault.FLOOD]


def test_whether_an_event_is_late_depends_on_itself_alone() -> None:
    """An event within the allowed lateness is in time, one beyond it is late, whether or not ticks came before."""
    for ticks in ([], [(at(0.5), Tick(available_at=at(0.5)))]):
        start = [(at(0), reading("hr", 80, -1, 0)), (at(0), reading("hr", 80, -2, 0))]
        _, said = fed([*start, *ticks, (at(1) + timedelta(seconds=0.5), reading("map", 61, 1))])
        assert said == []
        _, said = fed([*start, *ticks, (at(1) + timedelta(seconds=0.6), reading("map", 61, 1))])
        assert [type(o) for o in said] == [Late]


def test_versions_of_one_result() -> None:
    """
    arrives     preliminary 2.0   final 3.0   final 3.0   corrected 4.0   final 3.0   entered in error   corrected 4.0
    the chart   2.0               3.0         3.0         4.0             4.0         -                  -
    """

    def version(value: float, status: str, known: float) -> Event:
        return reading("lactate", value, "08:00", known, status=status, source="lab")

    story = [
        (version(2, "preliminary", 10), 2.0),
        (version(3, "final", 20), 3.0),
        (version(3, "final", 30), 3.0),
        (version(4, "corrected", 40), 4.0),
        (version(3, "final", 50), 4.0),
        (version(4, "entered-in-error", 60), None),
        (version(4, "corrected", 70), None),
    ]
    bed = Bed("e1")
    for event, value in story:
        bed, _ = play([event], event.available_at + timedelta(minutes=1), bed=bed)
        row = bed.chart.readings["lactate"]
        assert [r.value for r in row] == ([] if value is None else [value]), event.available_at
    assert (bed.counts["corrected"], bed.counts["duplicate"], bed.counts["withdrawn"]) == (2, 3, 1)


# -- the line alone, to the microsecond

TICK, LATENESS = timedelta(microseconds=1), timedelta(seconds=30)


def moved(line: Line, minute: float) -> Moved:
    return clock_moved(line, at(minute), LATENESS)


def line_at(minute: float, *waiting: Event) -> Line:
    """A line whose clock is believed, with events in it."""
    return moved(moved(Line(), minute).line, minute).line._replace(waiting=waiting)


def test_a_first_clock_waits_for_a_second_and_is_no_leap() -> None:
    """Nothing is counted; the second near it sets the time, and what is older than the lateness is closed."""
    first = moved(Line(), 0)
    assert (first.line.clock, first.line.ahead, first.counts) == (None, at(0), ())
    second = moved(first.line, 1)
    assert (second.line.clock, second.line.closed, second.line.ahead) == (at(1), at(0.5), None)
    assert moved(second.line, 1) == Moved(second.line)


@pytest.mark.parametrize(("over", "leaps"), [(timedelta(0), False), (TICK, True)])
def test_a_clock_leaps_when_it_is_more_than_a_day_ahead(over: timedelta, leaps: bool) -> None:
    """A day is time that passed; a microsecond more waits, and is counted."""
    made = clock_moved(line_at(0), at(0) + JUMP_MAX + over, LATENESS)
    assert (made.line.clock == at(0)) is leaps
    assert made.counts == (("clock_jump",) if leaps else ())


@pytest.mark.parametrize(("apart", "confirms"), [(JUMP_MAX, True), (JUMP_MAX + TICK, False)])
def test_a_second_witness_of_a_leap_is_within_a_day_of_the_first(apart: timedelta, confirms: bool) -> None:
    """Either side of it; further off it is a leap of its own."""
    far = at(0) + 9 * JUMP_MAX
    leapt = clock_moved(line_at(0), far, LATENESS).line
    for second in (far + apart, far - apart):
        made = clock_moved(leapt, second, LATENESS)
        assert (made.line.clock == second) is confirms
        assert made.line.ahead == (None if confirms else second)


def test_a_step_back_keeps_what_was_closed() -> None:
    """Time stands, nothing opens again, and it is counted."""
    made = moved(line_at(10), 9)
    assert (made.line.clock, made.line.closed, made.counts) == (at(10), at(9.5), ("clock_backwards",))


def test_what_came_with_a_leap_that_nothing_confirmed_is_refused() -> None:
    """Once the clock goes on where it was: what is up to five minutes ahead stays."""
    stray, near = reading("hr", 80, 6), reading("hr", 81, 5)
    leapt = clock_moved(line_at(-1, stray, near), at(0) + 9 * JUMP_MAX, LATENESS).line
    made = moved(leapt, 0)
    assert [r.fault for r in made.refused] == [Fault.CLOCK_JUMP]
    assert made.line.waiting == (near,)
    assert moved(line_at(-1, near), 0).refused == ()


@pytest.mark.parametrize(("over", "late"), [(timedelta(0), False), (-TICK, True)])
def test_an_event_of_a_closed_instant_is_late(over: timedelta, late: bool) -> None:
    """It is known from the clock on, and told as it came."""
    one = replace(reading("hr", 80, 0), available_at=at(9.5) + over)
    made = queued(line_at(10), one, at(10))
    assert made.late == (one if late else None)
    assert made.line.waiting[0].available_at == (at(10) if late else one.available_at)
    behind = queued(line_at(10), replace(one, available_at=at(1)), at(9))
    assert behind.line.waiting[0].available_at == at(10)  # the later of our clock and the line's


@pytest.mark.parametrize(("ahead", "refused"), [(5, False), (5 + 1 / 60, True)])
def test_an_event_may_be_five_minutes_ahead(ahead: float, refused: bool) -> None:
    """And no second more."""
    made = queued(line_at(0), reading("hr", 80, ahead), at(0))
    assert [r.fault for r in made.refused] == ([Fault.FUTURE_TIME] if refused else [])
    assert len(made.line.waiting) == (0 if refused else 1)


def test_the_next_instant_is_the_oldest_that_is_closed() -> None:
    """All that became known at it, in order; what is not closed waits; a timer that is due goes first."""
    early, same, later = reading("map", 70, 1), reading("hr", 80, 1), reading("hr", 81, 2)
    line = line_at(10, later, early, same)
    left, when, events = released(line, None)
    assert (when, events, left.waiting) == (at(1), (same, early), (later,))
    assert released(line, at(1))[1] == at(1)
    assert released(line, at(0.9)) == (line, None, ())
    for minute, out in ((2.5, None), (2.6, at(2))):
        assert released(line_at(minute, later), None)[1] == out
    assert released(Line(waiting=(later,)), None)[1] is None
    assert released(line_at(10), None)[1] is None


def test_seconds_that_were_too_fast_are_forgotten_once_they_are_closed() -> None:
    """Those of the second that is closing stay."""
    fast = tuple(at(m) for m in (9.5, 9, 10))
    left, _, _ = released(line_at(10, reading("hr", 80, 1))._replace(crowded=fast), None)
    assert left.crowded == (at(9.5), at(10))


def test_of_a_second_that_was_too_fast_each_further_reading_is_weighed() -> None:
    """Its lowest, highest and newest stay; what has no number stays as the newest; another second is not touched."""
    rows = [replace(reading("map", value, 9), observed_at=at(8) + timedelta(seconds=n), available_at=at(9))
            for n, value in enumerate((60, 50, 90, 70))]  # fmt: skip
    letters = [replace(reading("acvpu", said, 9), observed_at=at(8) + timedelta(seconds=n), available_at=at(9))
               for n, said in enumerate("AV")]  # fmt: skip
    other = reading("map", 10, 9.5)
    line = line_at(9, other, *rows[:3], *letters)._replace(crowded=(at(9),))
    made = queued(line, rows[3], at(9))
    assert made.line.waiting == (other, rows[1], rows[2], letters[1], rows[3])
    assert [r.fault for r in made.refused] == [Fault.FLOOD] * 2
    assert made.line.crowded == (at(9),)
    assert queued(line, reading("map", 11, 9.6), at(9)).refused == ()


def test_so_many_seconds_that_were_too_fast_are_remembered() -> None:
    """The newest first, each once."""
    seconds = tuple(at(9) - timedelta(seconds=n) for n in range(CROWDED_MAX))
    line = line_at(9, reading("hr", 80, 9))._replace(crowded=seconds)
    again = queued(line, reading("hr", 81, 9), at(9)).line.crowded
    assert again == seconds
    swapped = queued(line._replace(crowded=(*seconds[1:], seconds[0])), reading("hr", 81, 9), at(9)).line.crowded
    assert swapped == seconds


def test_of_one_event_the_version_that_counts_comes_last() -> None:
    """By rank; two of one rank by their content, in whatever order they came."""
    kinds = ("preliminary", "final", "corrected", "entered-in-error")
    versions = [reading("lactate", 2 + n, "08:00", 1, status=s, source="lab") for n, s in enumerate(kinds)]
    for order in (versions, versions[::-1]):
        assert released(line_at(10, *order), None)[2] == tuple(versions)
    twins = [replace(versions[1], value=v) for v in (5.0, 3.0)]
    one, two = (released(line_at(10, *order), None)[2] for order in (twins, twins[::-1]))
    assert one == two


def test_of_letters_in_a_flood_the_same_one_stays_in_any_order() -> None:
    """Two of one moment that differ by their letter alone: what they say decides, not which came first."""
    letters = [replace(reading("acvpu", said, 9), observed_at=at(8)) for said in "VA"]
    kept = []
    for order in (letters, letters[::-1]):
        line = line_at(9, order[0])._replace(crowded=(at(9),))
        kept.append([r.code for r in queued(line, order[1], at(9)).line.waiting if isinstance(r, Reading)])
    assert kept == [["V"], ["V"]]


def test_a_clock_that_is_put_right_closes_what_is_older_than_the_lateness() -> None:
    """It goes on at the right time, waits as long as ever, expects no leap; one that is behind is left alone."""
    bed = Bed("e1", line=line_at(10)._replace(ahead=at(99)), judged_at=at(9), due=at(20))
    policy = Policy(allowed_lateness=LATENESS)
    right = put_right(bed, at(5), policy)
    assert (right.line.clock, right.line.closed, right.line.ahead) == (at(5), at(4.5), None)
    assert (right.due, right.judged_at, right.counts) == (at(5), None, {"clock_corrected": 1})
    assert put_right(bed._replace(judged_at=None), at(5), policy).due is None
    assert put_right(bed, at(10), policy) is bed
    assert put_right(Bed("e1"), at(5), policy).line.clock is None
