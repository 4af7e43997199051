"""Numbers that are worked out of several readings, at the reference's bounds (§1.7, §1.9, §1.11, §1.16 to §1.17)."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from schemas.clinical.snapshot import Snapshot
from schemas.events import Quality
from tests.knowledge.asking import asked
from tests.knowledge.charts import DAY, HOUR, MINUTE, TICK, Row, chart, fact, reading, row, treatment
from tests.knowledge.oracle import NO, UNKNOWN, YES

NEAR = 1e-4


def is_about(name: str, value: float, seen: Snapshot) -> bool:
    """Whether a quantity is known and lies within 0.0001 of a value."""
    above, below = (asked(f"{name} {op} {value + far:.6f}", seen) for op, far in (("above", -NEAR), ("below", NEAR)))
    return above is YES and below is YES


# -- pressures and ratios (§1.7, §1.9)


@pytest.mark.parametrize(
    ("name", "one", "two", "value"),
    [
        ("shock_index", ("hr", 124), ("sbp", 88), 124 / 88),
        ("msi", ("hr", 124), ("map", 62), 2.0),
        ("map_calc", ("sbp", 90), ("dbp", 48), 62.0),
        ("map_calc", ("sbp", 120), ("dbp", 80), 80 + 40 / 3),
        ("pulse_pressure", ("sbp", 90), ("dbp", 48), 42.0),
    ],
)
def test_paired_readings_are_at_most_five_minutes_apart(
    name: str, one: tuple[str, float], two: tuple[str, float], value: float
) -> None:
    """The reference's examples; readings exactly 5 min apart are a pair, 1 µs more and nothing is known."""
    for apart in (timedelta(0), 5 * MINUTE):
        assert is_about(name, value, chart(reading(*one), reading(*two, apart)))
        assert is_about(name, value, chart(reading(*one, apart), reading(*two)))
    for far in ((0, 1), (1, 0)):
        rows = [reading(*said, (5 * MINUTE + TICK) * k) for said, k in zip((one, two), far, strict=True)]
        assert asked(f"{name} above 0", chart(*rows)) is UNKNOWN
    assert asked(f"{name} above 0", chart(reading(*one))) is UNKNOWN


def test_map_is_worked_out_where_only_the_other_two_are_charted() -> None:
    """A charted MAP counts while it is newest; newer systolic and diastolic of one moment and method give the MAP."""
    cuff = [reading("sbp", 90, method="nibp"), reading("dbp", 48, method="nibp")]
    assert is_about("map", 62.0, chart(*cuff))
    assert is_about("map", 62.0, chart(reading("map", 80, TICK), *cuff))
    assert is_about("map", 80.0, chart(reading("map", 80), *cuff))
    assert asked("map below 65", chart(reading("sbp", 90, method="nibp"), reading("dbp", 48))) is UNKNOWN
    assert asked("map below 65", chart(reading("sbp", 90), reading("dbp", 48, TICK))) is UNKNOWN


@pytest.mark.parametrize(
    ("rows", "truth"),
    [
        pytest.param([reading("pao2", 90), reading("fio2", 0.5, 2 * HOUR)], YES, id="FiO2 of exactly 2 h before"),
        pytest.param([reading("pao2", 90), reading("fio2", 0.5, 2 * HOUR + TICK)], UNKNOWN, id="FiO2 1 µs older"),
        pytest.param([reading("pao2", 90, TICK), reading("fio2", 0.5)], UNKNOWN, id="FiO2 set after the sample"),
        pytest.param([reading("pao2", 90, 4 * HOUR), reading("fio2", 0.5, 4 * HOUR)], YES, id="a gas of 4 h ago"),
        pytest.param([reading("pao2", 90, 4 * HOUR + TICK), reading("fio2", 0.5, 5 * HOUR)], UNKNOWN, id="1 µs older"),
        pytest.param(
            [reading("pao2", 90), reading("fio2", 0.3, HOUR), reading("fio2", 0.5, MINUTE)], YES, id="the last FiO2"
        ),
        pytest.param([reading("pao2", 37.8), reading("o2_device", "air", HOUR)], YES, id="air is 0.21"),
        pytest.param([reading("pao2", 37.8), reading("o2_device", "nc", HOUR)], UNKNOWN, id="a cannula is no FiO2"),
        pytest.param([reading("pao2", 90, method="venous"), reading("fio2", 0.5)], UNKNOWN, id="venous blood"),
        pytest.param([reading("pao2", 90)], UNKNOWN, id="no FiO2"),
    ],
)
def test_the_horowitz_index_pairs_a_gas_with_the_fio2_before_it(rows: list[Row], truth: object) -> None:
    """PaO2 with the last FiO2 at most 2 h before it: 90 mmHg at 0.5, or 37.8 mmHg on air, is 180."""
    seen = chart(*rows)
    assert asked("pf above 0", seen) is truth
    assert truth is UNKNOWN or is_about("pf", 180.0, seen)


@pytest.mark.parametrize(("spo2", "known"), [(97, True), (97.1, False), (98, False), (88, True)])
def test_s_f_says_nothing_above_97_percent(spo2: float, known: bool) -> None:
    """SpO2 of 97 % gives a ratio, anything above does not."""
    seen = chart(row(spo2=spo2, fio2=0.4))
    assert is_about("sf", spo2 / 0.4, seen) if known else asked("sf above 0", seen) is UNKNOWN


# -- vasopressors (§1.17)


@pytest.mark.parametrize(
    ("drug", "rate", "dose"),
    [
        ("norepinephrine", 0.2, 0.2),
        ("epinephrine", 0.2, 0.2),
        ("phenylephrine", 1.0, 0.1),
        ("dopamine", 10.0, 0.1),
        ("vasopressin", 0.03, 0.075),
        ("angiotensin_ii", 20.0, 0.2),  # ng/kg/min: 10 times it in µg
        ("dobutamine", 5.0, 0.0),
        ("milrinone", 0.5, 0.0),
    ],
)
def test_each_vasopressor_in_terms_of_norepinephrine(drug: str, rate: float, dose: float) -> None:
    """Each factor of the reference; inotropes do not count."""
    seen = chart(treatment(drug, "start", HOUR, rate=rate))
    assert is_about("ned", dose, seen)
    more = chart(treatment(drug, "start", HOUR, rate=rate), treatment("norepinephrine", "start", 2 * HOUR, rate=0.2))
    assert is_about("ned", 0.2 if drug == "norepinephrine" else 0.2 + dose, more)


def test_a_dose_that_is_not_told_is_not_known() -> None:
    """A vasopressor of unknown rate, and no report of treatments, leave the sum open; other drugs make it nothing."""
    assert asked("ned above 0", chart(treatment("norepinephrine", "start", HOUR))) is UNKNOWN
    assert asked("ned above 0", chart()) is UNKNOWN
    assert asked("ned above 0", chart(treatment("meropenem", "given", HOUR))) is NO


# -- weight and fluid (§1.16, §3.0)


@pytest.mark.parametrize(
    ("kg", "sex", "dosing"),
    [
        pytest.param(97.2, "male", 97.2, id="BMI 30.0: the actual weight"),
        pytest.param(97.3, "male", 75.116 + 0.4 * (97.3 - 75.116), id="above: adjusted"),
        pytest.param(120, "male", 75.116 + 0.4 * (120 - 75.116), id="man"),
        pytest.param(120, "female", 70.616 + 0.4 * (120 - 70.616), id="woman"),
        pytest.param(120, None, 70.616 + 0.4 * (120 - 70.616), id="not known: the smaller one"),
    ],
)
def test_fluid_is_dosed_by_adjusted_weight_above_a_bmi_of_30(kg: float, sex: str | None, dosing: float) -> None:
    """At 180 cm: predicted weight 50 (45.5) + 0.91 (180 - 152.4), adjusted by 0.4 of what lies above it."""
    known = [reading("weight", kg, HOUR), reading("height", 180, HOUR)]
    for ml, truth in ((30 * dosing + 0.5, YES), (30 * dosing - 0.5, NO)):
        seen = chart(*known, treatment("lactated_ringer", "given", HOUR, amount=ml), sex=sex)
        assert asked("total of any crystalloid over 3 h at_least 30 mL/kg", seen) is truth


def test_a_height_that_is_not_known_leaves_the_actual_weight() -> None:
    """Without a height nobody can tell a BMI: 30 mL/kg of 120 kg are 3600 mL."""
    for ml, truth in ((3600, YES), (3599, NO)):
        seen = chart(reading("weight", 120, HOUR), treatment("lactated_ringer", "given", HOUR, amount=ml))
        assert asked("total of any crystalloid over 3 h at_least 30 mL/kg", seen) is truth


# -- urine (§1.11)


def emptied(ml: float, ages_h: Sequence[float], opened_h: float) -> list[Row]:
    """Entries of so many mL, the hours they are ago; the first entry only opens the window."""
    return [reading("urine", 300, HOUR * opened_h), *(reading("urine", ml, HOUR * h) for h in ages_h)]


@pytest.mark.parametrize("hours", [2, 6, 12, 24])
def test_a_urine_rate_needs_its_whole_window_charted(hours: int) -> None:
    """Charted for exactly so many hours: a rate; for a second less: none. 40 mL an hour of 80 kg are 0.5 mL/kg/h."""
    name, kg = f"uo_rate_{hours}h", reading("weight", 80, HOUR)
    assert is_about(name, 0.5, chart(kg, emptied(40, range(hours), hours)))
    short = [reading("urine", 300, HOUR * hours - timedelta(seconds=1)), *emptied(40, range(hours), hours)[1:]]
    assert asked(f"{name} below 9", chart(kg, short)) is UNKNOWN
    assert asked(f"{name} below 9", chart(emptied(40, range(hours), hours))) is UNKNOWN  # weight not known


def test_a_gap_of_more_than_four_hours_is_no_hourly_charting() -> None:
    """An entry at least every 4 h: exactly 4 h is, 1 µs more is not."""
    kg = reading("weight", 80, HOUR)
    every_four = emptied(160, (4, 0), 8)
    assert is_about("uo_rate_6h", 0.5, chart(kg, every_four))
    late = [every_four[0], reading("urine", 160, 4 * HOUR - TICK), every_four[2]]
    assert asked("uo_rate_6h below 9", chart(kg, late)) is UNKNOWN


# -- kidney (§1.11)

RECORD: dict[str, Any] = {"diagnoses": (), "baseline_creatinine_mg_dl": 1.0}


def stage(seen: Snapshot) -> int | None:
    """The KDIGO stage; None while it is not known."""
    known = [k for k in range(4) if asked(f"aki_stage equals {k}", seen) is YES]
    return known[0] if known else None


@pytest.mark.parametrize(
    ("creatinine", "of_baseline"),
    [(1.0, 0), (1.49, 0), (1.5, 1), (1.99, 1), (2.0, 2), (2.99, 2), (3.0, 3), (0.9, 0)],
)
def test_the_stage_by_multiples_of_the_baseline(creatinine: float, of_baseline: int) -> None:
    """1.5, 2.0 and 3.0 times the baseline begin stages 1, 2 and 3."""
    assert stage(chart(reading("creatinine", creatinine), **RECORD)) == of_baseline


@pytest.mark.parametrize(
    ("before", "now", "ago", "expected"),
    [
        pytest.param(1.19, 1.49, 40 * HOUR, 1, id="0.30 in 40 h"),
        pytest.param(1.19, 1.48, 40 * HOUR, 0, id="0.29 in 40 h"),
        pytest.param(0.9, 1.2, 36 * HOUR, 1, id="0.9 to 1.2, in binary a little less than 0.3"),
        pytest.param(1.19, 1.49, 48 * HOUR - TICK, 1, id="1 µs less than 48 h"),
        pytest.param(1.19, 1.49, 48 * HOUR, 0, id="exactly 48 h"),
    ],
)
def test_a_rise_of_three_tenths_in_48_hours_is_stage_1(
    before: float, now: float, ago: timedelta, expected: int
) -> None:
    """At least 0.30 mg/dL above the lowest value of (t - 48 h, t)."""
    seen = chart(
        reading("creatinine", before, ago),
        reading("creatinine", now),
        **{**RECORD, "baseline_creatinine_mg_dl": before},
    )
    assert stage(seen) == expected


@pytest.mark.parametrize(
    ("baseline", "before", "now", "expected"),
    [
        pytest.param(3.8, 4.0, 4.2, 0, id="stable chronic disease"),
        pytest.param(3.8, 3.9, 4.2, 3, id="4.0 and a rise of 0.3"),
        pytest.param(3.8, 3.69, 3.99, 1, id="3.99 and a rise of 0.3"),
        pytest.param(2.6, 3.8, 4.0, 3, id="4.0 and 1.5 times the baseline"),
        pytest.param(2.7, 3.8, 4.0, 0, id="4.0 and less than 1.5 times"),
    ],
)
def test_four_milligrams_are_stage_3_only_after_an_acute_rise(
    baseline: float, before: float, now: float, expected: int
) -> None:
    """At least 4.0 mg/dL with a rise of 0.3 in 48 h, or of 1.5 times the baseline."""
    rows = [reading("creatinine", before, 40 * HOUR), reading("creatinine", now)]
    assert stage(chart(*rows, diagnoses=("ckd",), baseline_creatinine_mg_dl=baseline)) == expected


@pytest.mark.parametrize(
    ("earlier", "patient", "expected"),
    [
        pytest.param([(0.9, 7 * DAY - TICK), (1.6, 5 * DAY)], {}, 2, id="lowest of 7 days: 0.9"),
        pytest.param([(0.9, 7 * DAY + TICK), (1.6, 5 * DAY)], {}, 0, id="1 µs more than 7 days ago: 1.6"),
        pytest.param([(0.9, 5 * DAY)], {"baseline_creatinine_mg_dl": 1.8}, 0, id="the record is asked first"),
        pytest.param([], {"age_years": 60.0, "sex": "male", "diagnoses": ()}, 1, id="estimated, man of 60: 1.07"),
        pytest.param([], {"age_years": 60.0, "sex": "female", "diagnoses": ()}, 2, id="estimated, woman of 60: 0.83"),
        pytest.param([], {"sex": "male", "diagnoses": ()}, None, id="age not known"),
        pytest.param([], {"age_years": 60.0, "diagnoses": ()}, None, id="sex not known"),
        pytest.param([], {"age_years": 60.0, "sex": "male"}, None, id="kidney disease not known of"),
        pytest.param([], {"diagnoses": ("ckd",)}, 0, id="chronic disease: the admission value"),
    ],
)
def test_the_baseline_is_the_first_that_exists(
    earlier: list[tuple[float, timedelta]], patient: dict[str, Any], expected: int | None
) -> None:
    """A creatinine of 1.9, against the record, the lowest of 7 days, or what 75 mL/min would give at this age."""
    rows = [reading("creatinine", value, ago) for value, ago in earlier]
    assert stage(chart(*rows, reading("creatinine", 1.9), **patient)) == expected


def test_a_creatinine_of_exactly_seven_days_ago_is_before_the_window() -> None:
    """low7d is over (t - 7 d, t), as the reference writes it."""
    rows = [reading("creatinine", 0.9, 7 * DAY), reading("creatinine", 1.6, 5 * DAY), reading("creatinine", 1.9)]
    assert stage(chart(*rows)) == 0


def test_the_admission_value_counts_up_to_1_1() -> None:
    """A first value of 1.1 is its own baseline; of 1.2 it is not, and nothing else is known."""
    assert stage(chart(reading("creatinine", 1.1))) == 0
    assert stage(chart(reading("creatinine", 1.2))) is None


def test_chronic_dialysis_is_not_staged() -> None:
    """Whoever is on dialysis has no stage."""
    assert stage(chart(reading("creatinine", 6.0), diagnoses=("dialysis",), baseline_creatinine_mg_dl=1.0)) is None


def urine(rates: Sequence[tuple[int, float]]) -> list[Row]:
    """Hourly entries of 80 kg: `rates` are (hours, mL/kg/h), from now backwards."""
    ages, amounts = iter(range(100)), [rate * 80 for hours, rate in rates for _ in range(hours)]
    rows: list[Row] = [reading("urine", ml, HOUR * age) for ml, age in zip(amounts, ages, strict=False)]
    return [reading("weight", 80, HOUR), reading("urine", 0, HOUR * len(amounts)), *rows]


@pytest.mark.parametrize(
    ("rates", "expected"),
    [
        pytest.param([(6, 0.5)], 0, id="6 h at 0.50"),
        pytest.param([(6, 0.49)], 1, id="6 h at 0.49"),
        pytest.param([(5, 0.49)], 0, id="5 h only"),
        pytest.param([(12, 0.5)], 0, id="12 h at 0.50"),
        pytest.param([(12, 0.49)], 2, id="12 h at 0.49"),
        pytest.param([(11, 0.49)], 1, id="11 h at 0.49"),
        pytest.param([(12, 0.0)], 3, id="none for 12 h"),
        pytest.param([(11, 0.0)], 1, id="none for 11 h"),
        pytest.param([(24, 0.3)], 2, id="24 h at 0.30"),
        pytest.param([(24, 0.29)], 3, id="24 h at 0.29"),
        pytest.param([(23, 0.29)], 2, id="23 h at 0.29"),
    ],
)
def test_the_stage_by_urine(rates: list[tuple[int, float]], expected: int) -> None:
    """Below 0.5 for 6 h or 12 h, below 0.3 for 24 h, none for 12 h: stages 1, 2, 3 and 3 with a normal creatinine."""
    assert stage(chart(urine(rates), reading("creatinine", 1.0), **RECORD)) == expected


def test_the_worse_of_creatinine_and_urine_is_the_stage() -> None:
    """Urine never lowers what creatinine says, and says a lower bound where creatinine is not known."""
    assert stage(chart(urine([(6, 0.49)]), reading("creatinine", 2.5), **RECORD)) == 2
    assert asked("aki_stage at_least 1", chart(urine([(6, 0.49)]), **RECORD)) is YES
    assert asked("aki_stage at_least 2", chart(urine([(6, 0.49)]), **RECORD)) is UNKNOWN
    assert asked("aki_stage at_least 1", chart(**RECORD)) is UNKNOWN
    assert asked("aki_stage at_most 3", chart(**RECORD)) is YES  # whatever the creatinine is
    assert asked("aki_stage at_most 2", chart(**RECORD)) is UNKNOWN


# -- what is measured


def test_only_usable_readings_count() -> None:
    """A suspect value, an artefact and a value too old are as good as none."""
    for quality in (Quality.SUSPECT, Quality.ARTEFACT):
        assert asked("lactate above 2", chart(reading("lactate", 5, quality=quality))) is UNKNOWN
        older = chart(reading("lactate", 1.0, HOUR), reading("lactate", 5, quality=quality))
        assert asked("lactate above 2", older) is NO


def test_an_echo_is_known_as_a_number_too() -> None:
    """`lvef below 40` asks the newest reading, then a note of the last 12 months, then the record."""
    assert asked("lvef below 40", chart(fact("cardiac.lvef", DAY, value=35))) is YES
    assert asked("lvef below 40", chart(reading("lvef", 45), fact("cardiac.lvef", DAY, value=35))) is NO
    assert asked("lvef below 40", chart()) is UNKNOWN
