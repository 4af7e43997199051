"""The scores over the whole range of each parameter, against the reference's printed tables (§1.1 to §1.5)."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from guidelines.rules.truth import truth
from schemas.clinical.findings import Truth
from schemas.conditions.text import parse
from schemas.events import Quality
from tests.knowledge import oracle
from tests.knowledge.asking import SCORES
from tests.knowledge.charts import AT_NOW, DAY, HOUR, MINUTE, TICK, Chart, Row, chart, reading, row, treatment

Table = Mapping[int, Sequence[tuple[float | None, float | None]]]
"""Points and the bands that give them, bounds inclusive, as printed."""

NEWS2: Mapping[str, Table] = {
    "rr": {3: [(None, 8), (25, None)], 1: [(9, 11)], 0: [(12, 20)], 2: [(21, 24)]},
    "spo2": {3: [(None, 91)], 2: [(92, 93)], 1: [(94, 95)], 0: [(96, None)]},
    "sbp": {3: [(None, 90), (220, None)], 2: [(91, 100)], 1: [(101, 110)], 0: [(111, 219)]},
    "hr": {3: [(None, 40), (131, None)], 1: [(41, 50), (91, 110)], 0: [(51, 90)], 2: [(111, 130)]},
    "temp": {3: [(None, 35.0)], 1: [(35.1, 36.0), (38.1, 39.0)], 0: [(36.1, 38.0)], 2: [(39.1, None)]},
}
SCALE_2: Mapping[str, Table] = {
    "air": {3: [(None, 83)], 2: [(84, 85)], 1: [(86, 87)], 0: [(88, None)]},
    "nc": {3: [(None, 83), (97, None)], 2: [(84, 85), (95, 96)], 1: [(86, 87), (93, 94)], 0: [(88, 92)]},
}
MEWS: Mapping[str, Table] = {
    "sbp": {3: [(None, 70)], 2: [(71, 80), (200, None)], 1: [(81, 100)], 0: [(101, 199)]},
    "hr": {2: [(None, 39), (111, 129)], 1: [(40, 50), (101, 110)], 0: [(51, 100)], 3: [(130, None)]},
    "rr": {2: [(None, 8), (21, 29)], 0: [(9, 14)], 1: [(15, 20)], 3: [(30, None)]},
    "temp": {2: [(None, 34.9), (38.5, None)], 0: [(35.0, 38.4)]},
}
SIRS: Mapping[str, Table] = {
    "temp": {1: [(None, 35.9), (38.1, None)], 0: [(36.0, 38.0)]},
    "hr": {1: [(91, None)], 0: [(None, 90)]},
    "rr": {1: [(21, None)], 0: [(None, 20)]},
    "wbc": {1: [(None, 3.9), (12.1, None)], 0: [(4.0, 12.0)]},
}
QSOFA: Mapping[str, Table] = {
    "rr": {1: [(22, None)], 0: [(None, 21)]},
    "sbp": {1: [(None, 100)], 0: [(101, None)]},
    "gcs_total": {1: [(None, 14)], 0: [(15, None)]},
}
SOFA: Mapping[str, Table] = {
    "platelets": {0: [(150, None)], 1: [(100, 149)], 2: [(50, 99)], 3: [(20, 49)], 4: [(None, 19)]},
    "bilirubin": {0: [(None, 1.1)], 1: [(1.2, 1.9)], 2: [(2.0, 5.9)], 3: [(6.0, 11.9)], 4: [(12.0, None)]},
    "creatinine": {0: [(None, 1.1)], 1: [(1.2, 1.9)], 2: [(2.0, 3.4)], 3: [(3.5, 4.9)], 4: [(5.0, None)]},
    "gcs_total": {0: [(15, None)], 1: [(13, 14)], 2: [(10, 12)], 3: [(6, 9)], 4: [(None, 5)]},
}
RANGES: Mapping[str, tuple[float, float, float]] = {  # from, to, in steps of: past the last bound of every table
    "rr": (0, 60, 1), "spo2": (60, 100, 1), "sbp": (40, 260, 1), "hr": (20, 200, 1), "temp": (33.0, 41.0, 0.1),
    "wbc": (0.1, 20, 0.1), "gcs_total": (3, 15, 1), "platelets": (1, 300, 1), "bilirubin": (0.1, 20, 0.1),
    "creatinine": (0.1, 9, 0.1),
}  # fmt: skip
NORMAL: Mapping[str, float | str] = {
    "rr": 12, "spo2": 96, "o2_device": "air", "sbp": 120, "hr": 80, "acvpu": "A", "temp": 37.0, "wbc": 8.0,
    "gcs_total": 15, "platelets": 200, "bilirubin": 0.8, "creatinine": 0.8, "map": 80, "pao2": 95,
}  # fmt: skip


def total(score: str, *rows: Row, **patient: Any) -> int | None:
    """The total of a score with everything normal but what is given."""
    given = {r.concept for r in rows if hasattr(r, "concept")}
    rest = row(**{name: value for name, value in NORMAL.items() if name not in given})
    return SCORES[score](chart(rest, *rows, **patient)).total


def values(concept: str) -> list[float]:
    low, high, step = RANGES[concept]
    return [round(low + step * k, 1) for k in range(round((high - low) / step) + 1)]


@pytest.mark.parametrize(
    ("score", "concept"),
    [
        (name, concept)
        for name, tables in {"news2": NEWS2, "mews": MEWS, "sirs": SIRS, "qsofa": QSOFA, "sofa": SOFA}.items()
        for concept in tables
    ],
)
def test_a_parameter_scores_what_the_printed_table_says(score: str, concept: str) -> None:
    """Every value a chart can hold, through every band of the table, all else normal."""
    table = {"news2": NEWS2, "mews": MEWS, "sirs": SIRS, "qsofa": QSOFA, "sofa": SOFA}[score][concept]
    wrong = {
        v: found for v in values(concept) if (found := total(score, reading(concept, v))) != oracle.banded(table, v)
    }
    assert wrong == {}


@pytest.mark.parametrize("device", SCALE_2)
def test_scale_2_of_the_saturation(device: str) -> None:
    """With a documented target of 88–92 %, on air and on oxygen (which itself scores 2)."""
    for spo2 in values("spo2"):
        points = oracle.banded(SCALE_2[device], spo2) + (2 if device == "nc" else 0)
        said = row(spo2=spo2, o2_device=device)
        assert total("news2", *said, spo2_target_88_92=True) == points, spo2
        plain = oracle.banded(NEWS2["spo2"], spo2) + (2 if device == "nc" else 0)
        assert total("news2", *said) == total("news2", *said, spo2_target_88_92=False) == plain, spo2


@pytest.mark.parametrize(
    ("said", "points"),
    [
        *(({"o2_device": mask}, 2) for mask in ("nc", "simple", "venturi", "nrb")),
        *(({"o2_device": blended}, None) for blended in ("hfnc", "niv", "imv", "trach")),
        *(({"o2_device": blended, "fio2": 0.22}, 2) for blended in ("hfnc", "niv", "imv", "trach")),
        *(({"o2_device": blended, "fio2": 0.21}, 0) for blended in ("hfnc", "niv", "imv", "trach")),
        ({"o2_device": "hfnc", "o2_flow": 40}, 2),
        ({"o2_device": "air", "o2_flow": 0}, 0),
        ({"o2_flow": 0.5}, 2),
        ({"o2_flow": 0}, 0),
        ({"fio2": 0.21}, 0),
        ({"fio2": 0.22}, 2),
    ],
)
def test_which_devices_mean_oxygen(said: dict[str, float | str], points: int | None) -> None:
    """A mask or cannula delivers oxygen; what blends delivers what FiO2 says, more than 0.21 counts (decision 0012)."""
    rest = {name: value for name, value in NORMAL.items() if name != "o2_device"}
    parts = SCORES["news2"](chart(row(**rest, **said))).parts
    assert next(p.points for p in parts if p.name == "oxygen") == points


def test_the_newest_of_device_flow_and_fraction_says_whether_oxygen_is_given() -> None:
    """Taken off oxygen after a flow was charted: air; put on it after air: oxygen; at once: oxygen."""
    flow, air = reading("o2_flow", 2, HOUR), reading("o2_device", "air", HOUR)
    assert total("news2", flow, reading("o2_device", "air")) == 0
    assert total("news2", air, reading("o2_flow", 2)) == 2
    assert total("news2", flow, air) == 2


@pytest.mark.parametrize(
    ("concept", "value", "as_if"),
    [("rr", 20.4, 20), ("rr", 20.5, 21), ("hr", 90.49, 90), ("hr", 90.5, 91), ("temp", 38.04, 38.0),
     ("temp", 38.05, 38.1), ("sbp", 110.49, 110), ("sbp", 110.5, 111), ("spo2", 95.4, 95), ("spo2", 95.5, 96),
     ("temp", 35.04999, 35.0)],
)  # fmt: skip
def test_values_are_rounded_half_up_before_they_score(concept: str, value: float, as_if: float) -> None:
    """Temperature to 0.1 °C, everything else to a whole number; a half goes up."""
    assert total("news2", reading(concept, value)) == total("news2", reading(concept, as_if))


@pytest.mark.parametrize(("letter", "points"), [("A", 0), ("C", 1), ("V", 1), ("P", 2), ("U", 3)])
def test_consciousness_by_letter(letter: str, points: int) -> None:
    """NEWS2 gives 3 to anything but alert; MEWS counts down AVPU, new confusion as V."""
    said = reading("acvpu", letter)
    assert total("mews", said) == points
    assert total("news2", said) == (3 if points else 0)


@pytest.mark.parametrize(
    ("eye", "verbal", "motor", "letter"),
    [
        (4, 5, 6, "A"), (4, 4, 6, "C"), (4, 1, 6, "C"), (4, 5, 5, "C"), (4, 5, 1, "C"), (3, 5, 6, "V"), (2, 5, 6, "P"),
        (1, 1, 3, "P"), (1, 1, 6, "P"), (1, 1, 2, "U"), (1, 1, 1, "U"),
    ],
)  # fmt: skip
def test_the_letter_by_the_parts_of_the_coma_scale(eye: int, verbal: int, motor: int, letter: str) -> None:
    """Reference §1.1: eye 4 with a flaw is C, eye 3 V, eye 2 P, eye 1 by the motor part."""
    rest = {k: v for k, v in NORMAL.items() if k not in ("acvpu", "gcs_total")}
    made = SCORES["mews"](chart(row(**rest, gcs_e=eye, gcs_v=verbal, gcs_m=motor))).total
    assert made == {"A": 0, "C": 1, "V": 1, "P": 2, "U": 3}[letter]


def test_what_is_charted_last_of_letter_and_coma_scale_counts() -> None:
    """A total of 15 after a charted P is alert again; at the same moment the letter counts."""
    said = reading("acvpu", "P", HOUR)
    assert total("mews", said, reading("gcs_total", 15)) == 0
    assert total("mews", said, reading("gcs_total", 15, HOUR)) == 2
    assert total("mews", reading("acvpu", "P"), reading("gcs_total", 15, HOUR)) == 2


@pytest.mark.parametrize(
    ("rows", "points"),
    [
        (row(paco2=31.9), 1),
        (row(paco2=32), 0),
        (row(bands=10.1), 1),
        (row(bands=10), 0),
        (row(rr=21, paco2=31.9), 1),
        (row(wbc=13, bands=11), 1),
    ],
)
def test_sirs_counts_a_gas_and_bands_once(rows: list[Row], points: int) -> None:
    """PaCO2 below 32 stands for a fast breath, bands above 10 % for a high white count; each pair scores 1."""
    assert total("sirs", *rows) == points


# -- SOFA: organs with a window or a drug


def organ(name: str, *rows: Row | Sequence[Row]) -> int | None:
    return next(p.points for p in SCORES["sofa"](chart(*rows)).parts if p.name == name)


@pytest.mark.parametrize(
    ("ratio", "on_a_tube", "else_"),
    [(400, 0, 0), (399.9, 1, 1), (300, 1, 1), (299.9, 2, 2), (200, 2, 2), (199.9, 3, 2), (100, 3, 2), (99.9, 4, 2)],
)
def test_respiration_needs_support_for_three_and_four(ratio: float, on_a_tube: int, else_: int) -> None:
    """Below 200 and 100 only with invasive ventilation; without it the most is 2."""
    for device, points in {"imv": on_a_tube, "trach": on_a_tube, "nc": else_, "hfnc": else_, "niv": else_}.items():
        assert organ("respiration", row(pao2=ratio / 2, fio2=0.5, o2_device=device)) == points, device


@pytest.mark.parametrize(
    ("concept", "worst", "name"),
    [("platelets", 10, "coagulation"), ("bilirubin", 13, "liver"), ("creatinine", 6, "renal"), ("gcs_total", 3, "cns")],
)
def test_the_worst_of_a_day_counts(concept: str, worst: float, name: str) -> None:
    """The worst of the last 24 h, both ends included, scores 4 however good the newest is; a marked one does not."""
    newest = reading(concept, float(NORMAL[concept]))
    assert organ(name, reading(concept, worst, DAY), newest) == 4
    assert organ(name, reading(concept, worst, DAY + TICK), newest) == 0
    assert organ(name, reading(concept, worst, HOUR, quality=Quality.SUSPECT), newest) == 0
    assert organ(name) is None


@pytest.mark.parametrize(
    ("drug", "rate", "points"),
    [
        ("norepinephrine", 0.1, 3), ("norepinephrine", 0.1001, 4), ("epinephrine", 0.1, 3), ("epinephrine", 0.1001, 4),
        ("dopamine", 5, 2), ("dopamine", 5.01, 3), ("dopamine", 15, 3), ("dopamine", 15.01, 4), ("dobutamine", 0.1, 2),
        ("dobutamine", 20, 2), ("vasopressin", 0.04, 0), ("phenylephrine", 2, 0), ("milrinone", 0.5, 0),
    ],
)  # fmt: skip
def test_drugs_score_by_dose_after_an_hour(drug: str, rate: float, points: int) -> None:
    """The doses of 1996, given for exactly an hour or longer; others score nothing."""
    well = reading("map", 80)
    assert organ("cardiovascular", well, treatment(drug, "start", HOUR, rate=rate)) == points
    assert organ("cardiovascular", well, treatment(drug, "start", HOUR - TICK, rate=rate)) == 0
    past = [treatment(drug, "start", 2 * DAY, rate=rate), treatment(drug, "stop", DAY - TICK)]
    assert organ("cardiovascular", well, *past) == points
    past = [treatment(drug, "start", 2 * DAY, rate=rate), treatment(drug, "stop", DAY)]
    assert organ("cardiovascular", well, *past) == 0


@pytest.mark.parametrize(("value", "points"), [(70.0, 0), (69.9, 1)])
def test_a_pressure_below_70_scores_one(value: float, points: int) -> None:
    """MAP below 70 at any time of the last 24 h, charted or worked out of the other two."""
    assert organ("cardiovascular", reading("map", value, DAY), reading("map", 80)) == points
    worked_out = [reading("sbp", value, HOUR, method="nibp"), reading("dbp", value, HOUR, method="nibp")]
    assert (
        organ("cardiovascular", *worked_out, reading("sbp", 120, method="nibp"), reading("dbp", 80, method="nibp"))
        == points
    )
    assert organ("cardiovascular", reading("map", 60, DAY + TICK), reading("map", 80)) == 0


@pytest.mark.parametrize(("daily", "points"), [(500, 0), (499, 3), (200, 3), (199, 4), (1500, 0)])
def test_urine_of_a_day_scores(daily: float, points: int) -> None:
    """Below 500 mL in 24 h 3, below 200 mL 4; creatinine normal."""
    entries = [reading("urine", 0, DAY), *(reading("urine", 0 if k else daily, HOUR * k) for k in range(24))]
    assert organ("renal", entries, reading("creatinine", 0.8)) == points
    assert organ("renal", entries) == (points or None)


@pytest.mark.parametrize(("hours", "points"), [(22, 3), (21, 0)])
def test_urine_counts_from_22_hours_of_charting_scaled_to_24(hours: int, points: int) -> None:
    """22 h at 20 mL/h are 480 mL a day; with 21 h only creatinine speaks."""
    entries = [reading("urine", 0, HOUR * hours), *(reading("urine", 20, HOUR * k) for k in range(hours))]
    assert organ("renal", entries, reading("creatinine", 0.8)) == points


def test_under_sedation_the_coma_scale_before_it_counts() -> None:
    """The last value before the sedative began; where there is none it scores 0."""
    asleep: list[Row] = [treatment("propofol", "start", 3 * HOUR, rate=30), reading("gcs_total", 3, HOUR)]
    assert organ("cns", *asleep) == 0
    assert organ("cns", reading("gcs_total", 11, 3 * HOUR), *asleep) == 2
    assert organ("cns", reading("gcs_total", 11, 3 * HOUR - TICK), *asleep) == 0
    assert organ("cns", *asleep, treatment("propofol", "stop", 2 * HOUR)) == 4


def coma(eye: int, verbal: int, motor: int, ago: timedelta = AT_NOW) -> list[Row]:
    return row(ago, gcs_e=eye, gcs_v=verbal, gcs_m=motor)


def test_where_no_total_is_charted_the_parts_of_one_instant_are_summed() -> None:
    """Eye, verbal and motor are the coma scale; two of them, or three of different times, are none."""
    assert organ("cns", coma(3, 4, 5)) == 2
    assert organ("cns", coma(4, 5, 6)) == 0
    assert organ("cns", coma(4, 5, 6), coma(2, 2, 4, DAY)) == 3
    assert organ("cns", coma(4, 5, 6), coma(2, 2, 4, DAY + TICK)) == 0
    assert organ("cns", row(gcs_e=3, gcs_m=5)) is None
    assert organ("cns", row(gcs_e=3, gcs_m=5), row(MINUTE, gcs_v=4)) is None
    assert organ("cns", coma(3, 4, 5), reading("gcs_total", 15)) == 0  # at one instant the charted one counts


def test_through_a_tube_nobody_speaks() -> None:
    """A verbal part of 1 is then no flaw of the mind: neither a sum nor a letter is made of it."""
    tube = reading("o2_device", "imv", HOUR)
    assert organ("cns", coma(4, 1, 6)) == 2
    assert organ("cns", tube, coma(4, 1, 6)) is None
    assert organ("cns", reading("o2_device", "imv"), coma(4, 1, 6, HOUR)) == 2  # not yet
    assert organ("cns", tube, reading("o2_device", "nc", MINUTE), coma(4, 1, 6)) == 2  # no longer
    assert organ("cns", reading("o2_device", "imv", DAY), coma(4, 1, 6)) is None
    assert organ("cns", reading("o2_device", "imv", DAY + TICK), coma(4, 1, 6)) == 2  # nobody knows
    rest = {k: v for k, v in NORMAL.items() if k not in ("acvpu", "gcs_total", "o2_device")}
    assert SCORES["mews"](chart(row(**rest), coma(4, 1, 6))).total == 1
    assert SCORES["mews"](chart(row(**rest), tube, coma(4, 1, 6))).total is None
    assert SCORES["mews"](chart(row(**rest), tube, coma(4, 1, 5))).total == 1


def test_a_fall_of_the_sum_is_a_fall_of_the_coma_scale() -> None:
    """From 15 to 13 within twelve hours, never charted as a total."""
    fell = parse("gcs_total falls_by 2 within 12 h")
    assert truth(fell, chart(coma(4, 5, 6, HOUR), coma(3, 4, 6))).truth is Truth.YES
    assert truth(parse("gcs_total below 14"), chart(coma(3, 4, 6))).truth is Truth.YES


@pytest.mark.parametrize(
    ("score", "most"),
    [
        ("news2", [3, 3, 2, 3, 3, 3, 3]),
        ("mews", [3, 3, 3, 2, 3]),
        ("qsofa", [1] * 3),
        ("sirs", [1] * 4),
        ("sofa", [4] * 6),
    ],
)
def test_the_most_that_each_part_can_score(score: str, most: list[int]) -> None:
    """What is shown beside the points of a part, known or not: the highest points of its table."""
    full = row(**NORMAL, fio2=0.21)
    for seen in (chart(), chart(full), chart(full, treatment("propofol", "start", HOUR, rate=30))):
        assert [p.most for p in SCORES[score](seen).parts] == most


def test_a_score_says_what_it_may_mislead_by() -> None:
    """Sedation from RASS -1 on, a tube, the scale of SpO2, and a coma scale from before sedation are said with it."""

    def notes(score: str, *rows: Row, **patient: Any) -> str:
        made = SCORES[score](chart(*rows, **patient))
        return " ".join((made.variant, *made.notes))

    assert "sedated" in notes("news2", reading("rass", -1))
    assert "sedated" not in notes("news2", reading("rass", 0))
    assert "ventilated" in notes("news2", reading("o2_device", "imv"))
    assert "ventilated" not in notes("news2", reading("o2_device", "niv"))
    assert "scale 2" in notes("news2", spo2_target_88_92=True)
    assert "scale 1" in notes("news2", spo2_target_88_92=False)
    assert "before sedation" in notes("sofa", treatment("propofol", "start", HOUR, rate=30))
    assert "before sedation" not in notes("sofa")


def test_a_letter_stands_while_the_coma_scale_after_it_tells_none() -> None:
    """A charted P, and later a total of 11 without its parts: the letter is still the best that is known."""
    said = reading("acvpu", "P", HOUR)
    assert total("mews", said, reading("gcs_total", 11)) == 2


def test_a_gap_is_nothing_below_and_the_most_above() -> None:
    """Each score, of nothing at all: no total, 0 at least, its highest total at most."""
    for name, most in {"news2": 20, "mews": 14, "qsofa": 3, "sirs": 4, "sofa": 24}.items():
        made = SCORES[name](Chart().snapshot)
        assert (made.total, made.lower, made.upper, made.complete) == (None, 0, most, False)
        assert all(p.need is not None for p in made.parts)


@pytest.mark.parametrize(
    ("concept", "ago"),
    [("hr", timedelta(minutes=15)), ("rr", timedelta(minutes=30)), ("temp", 4 * HOUR), ("spo2", timedelta(minutes=15))],
)
def test_a_part_is_missing_once_its_value_is_too_old(concept: str, ago: timedelta) -> None:
    """In the ICU a value counts up to and including its last moment, and not 1 µs longer."""
    assert total("news2", reading(concept, NORMAL[concept], ago)) == 0
    assert total("news2", reading(concept, NORMAL[concept], ago + TICK)) is None
