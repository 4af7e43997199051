"""The artefact patterns of the reference (§2.8): each of their bounds, and the next value beyond it."""

from collections.abc import Sequence
from datetime import timedelta
from math import inf, nextafter

import pytest

from schemas.events import Quality, Reading
from streams.core.quality import marked
from tests.knowledge.charts import AT_NOW, DAY, HOUR, MINUTE, TICK, reading

OK, SUSPECT, ARTEFACT = Quality.OK, Quality.SUSPECT, Quality.ARTEFACT
SECOND = timedelta(seconds=1)


def over(value: float) -> float:
    return nextafter(value, inf)


def under(value: float) -> float:
    return nextafter(value, -inf)


def mark(now: Reading | Sequence[Reading], *before: Reading) -> Quality:
    """What is made of the last reading of an instant; `before` was known earlier, oldest first."""
    rows: dict[str, tuple[Reading, ...]] = {}
    for one in before:
        rows[one.concept] = (*rows.get(one.concept, ()), one)
    return marked([now] if isinstance(now, Reading) else now, rows)[-1].quality


def line(sbp: float, dbp: float, ago: timedelta = AT_NOW, method: str = "invasive") -> list[Reading]:
    return [reading(c, v, ago, method=method, source="monitor") for c, v in (("dbp", dbp), ("sbp", sbp))]


def cuff(sbp: float, ago: timedelta = AT_NOW) -> Reading:
    return reading("sbp", sbp, ago, method="nibp")


@pytest.mark.parametrize(
    ("sbp", "dbp", "measured", "ago", "quality"),
    [
        pytest.param(68, over(60), 116, AT_NOW, SUSPECT, id="a pulse pressure just below 8"),
        pytest.param(68, 60, 116, AT_NOW, OK, id="a pulse pressure of 8"),
        pytest.param(68, 62, over(88), AT_NOW, SUSPECT, id="the cuff differs by just more than 20"),
        pytest.param(68, 62, 88, AT_NOW, OK, id="the cuff differs by 20"),
        pytest.param(68, 62, under(48), AT_NOW, SUSPECT, id="the cuff is lower by just more than 20"),
        pytest.param(68, 62, 116, HOUR, SUSPECT, id="a cuff of exactly 60 min ago"),
        pytest.param(68, 62, 116, HOUR + TICK, OK, id="a cuff 1 µs older"),
        pytest.param(68, 62, None, AT_NOW, OK, id="no cuff"),
    ],
)
def test_q1_a_damped_line(sbp: float, dbp: float, measured: float | None, ago: timedelta, quality: Quality) -> None:
    """Q1: an arterial pulse pressure below 8 mmHg is doubted where a cuff of the last hour differs by more than 20."""
    before = [] if measured is None else [cuff(measured, ago)]
    assert mark(line(sbp, dbp), *before) is quality
    assert mark(line(sbp, dbp, method="nibp"), *before) is OK


@pytest.mark.parametrize(
    ("sbp", "dbp", "lasted", "quality"),
    [
        pytest.param(250, 200, AT_NOW, ARTEFACT, id="both at their bounds"),
        pytest.param(under(250), 200, AT_NOW, OK, id="systolic just below"),
        pytest.param(250, under(200), AT_NOW, OK, id="diastolic just below"),
        pytest.param(262, 230, 30 * SECOND, ARTEFACT, id="for exactly 30 s"),
        pytest.param(262, 230, 30 * SECOND + TICK, OK, id="for 1 µs longer"),
    ],
)
def test_q2_a_flush(sbp: float, dbp: float, lasted: timedelta, quality: Quality) -> None:
    """Q2: 250 / 200 or more for at most 30 s is a flush or a sample, not the patient."""
    before = line(sbp, dbp, lasted) if lasted else []
    assert mark(line(sbp, dbp), *before) is quality
    assert mark(line(sbp, dbp, method="nibp"), *before) is OK


@pytest.mark.parametrize(
    ("sbp", "mean", "dbp", "quality"),
    [
        (120, 120, 80, OK),
        (120, over(120), 80, SUSPECT),
        (120, 80, 80, OK),
        (120, under(80), 80, SUSPECT),
        (80, 80, 80, OK),
    ],
)
def test_a_mean_lies_between_its_own_two(sbp: float, mean: float, dbp: float, quality: Quality) -> None:
    """Diastolic at most mean at most systolic, of one measurement; other measurements do not judge it."""
    assert mark([*line(sbp, dbp), reading("map", mean, method="invasive", source="monitor")]) is quality
    assert mark([*line(sbp, dbp), reading("map", mean, method="nibp")]) is OK
    assert mark([*line(sbp, dbp), reading("map", mean, TICK, method="invasive", source="monitor")]) is OK


@pytest.mark.parametrize(("sbp", "quality"), [(80, OK), (under(80), SUSPECT)])
def test_a_systolic_pressure_is_not_below_its_diastolic(sbp: float, quality: Quality) -> None:
    """Equal may be, below may not."""
    assert mark(line(sbp, 80, method="nibp")) is quality


def spo2(value: float, ago: timedelta = AT_NOW, quality: Quality = OK, source: str = "monitor") -> Reading:
    return reading("spo2", value, ago, quality=quality, source=source)


@pytest.mark.parametrize(
    ("value", "since", "quality"),
    [
        pytest.param(87, 8 * SECOND, OK, id="10 points"),
        pytest.param(under(87), 8 * SECOND, SUSPECT, id="just more than 10 points"),
        pytest.param(86, 8 * SECOND, SUSPECT, id="11 points"),
        pytest.param(80, 10 * SECOND, SUSPECT, id="within exactly 10 s"),
        pytest.param(80, 10 * SECOND + TICK, OK, id="1 µs more than 10 s"),
    ],
)
def test_q4_a_sudden_fall_of_the_saturation(value: float, since: timedelta, quality: Quality) -> None:
    """Q4: more than 10 points within 10 s is doubted, of a monitor or a device; what a person read is not."""
    assert mark(spo2(value), spo2(97, since)) is quality
    assert mark(spo2(value, source="device"), spo2(97, since)) is quality
    assert mark(spo2(value, source="manual"), spo2(97, since)) is OK


@pytest.mark.parametrize(("lasted", "quality"), [(60 * SECOND, OK), (60 * SECOND - TICK, SUSPECT)])
def test_q4_a_fall_that_lasts_a_minute_is_believed(lasted: timedelta, quality: Quality) -> None:
    """Q4: the fall counts when it has persisted for 60 s."""
    before = [spo2(97, lasted + 8 * SECOND), spo2(84, lasted, SUSPECT), spo2(84, lasted / 2, SUSPECT)]
    assert mark(spo2(84), *before) is quality


@pytest.mark.parametrize("words", ["poor pleth", "low perfusion", "Motion", "artefact", "ARTIFACT"])
def test_q4_a_poor_signal_is_what_the_monitor_calls_it(words: str) -> None:
    """Q4: a remark of poor signal makes a saturation suspect, another remark does not."""
    assert mark(reading("spo2", 97, reason=words)) is SUSPECT
    assert mark(reading("spo2", 97, reason="left hand")) is OK


def breath(rate: float, ago: timedelta = AT_NOW, source: str = "monitor") -> Reading:
    return reading("rr", rate, ago, source=source)


@pytest.mark.parametrize(("rate", "quality"), [(40, OK), (over(40), SUSPECT), (6, OK), (under(6), SUSPECT)])
def test_q6_a_breath_counted_by_impedance(rate: float, quality: Quality) -> None:
    """Q6: above 40 or below 6 a monitor's count needs another source; a person's count does not."""
    assert mark(breath(rate)) is quality
    assert mark(breath(rate, source="manual")) is OK


@pytest.mark.parametrize(
    ("rate", "other", "ago", "source", "quality"),
    [
        pytest.param(44, 41, 5 * MINUTE, "manual", OK, id="exactly 5 min before"),
        pytest.param(44, 41, 5 * MINUTE + TICK, "manual", SUSPECT, id="1 µs earlier"),
        pytest.param(44, 40, MINUTE, "manual", SUSPECT, id="40 confirms nothing"),
        pytest.param(44, 4, MINUTE, "manual", SUSPECT, id="far out on the other side"),
        pytest.param(4, 5, MINUTE, "device", OK, id="a ventilator counts slowly too"),
        pytest.param(4, 6, MINUTE, "device", SUSPECT, id="6 confirms nothing"),
        pytest.param(44, 44, MINUTE, "monitor", SUSPECT, id="the same source"),
    ],
)
def test_q6_what_confirms_it(rate: float, other: float, ago: timedelta, source: str, quality: Quality) -> None:
    """Q6: another source within 5 min that is as far out on the same side."""
    assert mark(breath(rate), breath(other, ago, source)) is quality


def test_q6_no_breath_at_all_needs_an_apnoea_flag() -> None:
    """A rate of 0 counts only with an apnoea flag (reference §2.1), whoever sent it."""
    assert mark(breath(0, source="manual")) is SUSPECT
    assert mark(reading("rr", 0, reason="Apnoea")) is OK
    assert mark(reading("rr", 0, reason="apnea alarm")) is OK


@pytest.mark.parametrize(
    ("value", "ago", "quality"),
    [
        pytest.param(38.0, 5 * MINUTE, OK, id="1.5 °C"),
        pytest.param(over(38.0), 5 * MINUTE, SUSPECT, id="just more than 1.5 °C"),
        pytest.param(34.9, 5 * MINUTE, SUSPECT, id="a fall"),
        pytest.param(38.5, 10 * MINUTE - TICK, SUSPECT, id="1 µs less than 10 min"),
        pytest.param(38.5, 10 * MINUTE + TICK, OK, id="1 µs more than 10 min"),
    ],
)
def test_q7_a_step_of_temperature(value: float, ago: timedelta, quality: Quality) -> None:
    """Q7: more than 1.5 °C in less than 10 min is another site or a warmer."""
    assert mark(reading("temp", value), reading("temp", 36.5, ago)) is quality


def test_q7_a_step_over_exactly_ten_minutes_is_none() -> None:
    """The reference says "in < 10 min"."""
    assert mark(reading("temp", 38.5), reading("temp", 36.5, 10 * MINUTE)) is OK


@pytest.mark.parametrize(("value", "quality"), [(5.5, SUSPECT), (under(5.5), OK)])
def test_q8_a_haemolysed_potassium(value: float, quality: Quality) -> None:
    """Q8: from 5.5 on, with a remark of haemolysis or of a drip arm."""
    for words in ("sample haemolysed", "hemolysis +", "drip arm"):
        assert mark(reading("k", value, reason=words)) is quality
    assert mark(reading("k", value, reason="venous")) is OK


@pytest.mark.parametrize(
    ("concept", "count", "ago", "quality"),
    [
        ("wbc", 100, HOUR, OK), ("wbc", over(100), HOUR, SUSPECT), ("platelets", 1000, HOUR, OK),
        ("platelets", over(1000), HOUR, SUSPECT), ("platelets", 1200, DAY, SUSPECT),
        ("platelets", 1200, DAY + TICK, OK),
    ],
)  # fmt: skip
def test_q8_a_potassium_among_very_many_cells(concept: str, count: float, ago: timedelta, quality: Quality) -> None:
    """Q8: white cells above 100 or platelets above 1000 of the last 24 h make a high potassium doubtful."""
    assert mark(reading("k", 5.5), reading(concept, count, ago)) is quality
    assert mark(reading("k", under(5.5)), reading(concept, count, ago)) is OK


@pytest.mark.parametrize(
    ("kg", "ago", "quality"),
    [
        (88, HOUR, OK),
        (over(88), HOUR, SUSPECT),
        (72, HOUR, OK),
        (under(72), HOUR, SUSPECT),
        (90, DAY, SUSPECT),
        (90, DAY + TICK, OK),
    ],
)
def test_a_weight_does_not_change_by_a_tenth_in_a_day(kg: float, ago: timedelta, quality: Quality) -> None:
    """More than 10 % from the weight of the last 24 h is doubted (reference §2.1)."""
    assert mark(reading("weight", kg), reading("weight", 80, ago)) is quality


@pytest.mark.parametrize(
    ("concept", "value", "quality"),
    [
        ("glucose", 30, SUSPECT),
        ("glucose", over(30), OK),
        ("glucose", 10, SUSPECT),
        ("pao2", 20, SUSPECT),
        ("pao2", over(20), OK),
    ],
)
def test_q13_a_value_that_looks_like_another_unit(concept: str, value: float, quality: Quality) -> None:
    """Q13, inside the hard limits: asked for, never corrected."""
    assert mark(reading(concept, value)) is quality


@pytest.mark.parametrize("quality", [SUSPECT, ARTEFACT])
def test_what_a_sender_marked_stays_as_it_is(quality: Quality) -> None:
    """Only what came as `ok` is looked at, and a marked reading neither starts nor confirms a pattern as `ok` would."""
    sent = reading("temp", 45.0 - 5, quality=quality)
    assert marked([sent], {"temp": (reading("temp", 36.5, MINUTE),)}) == (sent,)
    assert mark(reading("temp", 38.5), reading("temp", 36.5, MINUTE, quality=quality)) is OK


def test_a_mark_says_why_and_keeps_what_was_said() -> None:
    """The reason stands before the sender's own remark; the value stays."""
    (made,) = marked([reading("k", 6.1, reason="sample haemolysed")], {})
    assert made.value == 6.1
    assert made.reason is not None
    assert made.reason.endswith("; sample haemolysed")
    assert "(Q8)" in made.reason
