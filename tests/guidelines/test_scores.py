"""Scores at their boundaries and on the worked examples of the reference (§1.1–§1.5, §1.19)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guidelines.scoring import mews, news2, qsofa, sirs, sofa
from tests.guidelines.patients import chart

AIR, OXYGEN = "air", "nc"
WORKED = [  # RR, SpO2, oxygen, SBP, HR, ACVPU, T, target 88-92, points, total
    (18, 97, AIR, 124, 78, "A", 36.8, False, (0, 0, 0, 0, 0, 0, 0), 0),
    (22, 95, OXYGEN, 108, 104, "A", 38.4, False, (2, 1, 2, 1, 1, 0, 1), 8),
    (26, 91, OXYGEN, 88, 124, "C", 39.2, False, (3, 3, 2, 3, 2, 3, 2), 18),
    (20, 90, OXYGEN, 118, 96, "A", 37.0, True, (0, 0, 2, 0, 1, 0, 0), 3),
    (20, 90, OXYGEN, 118, 96, "A", 37.0, False, (0, 3, 2, 0, 1, 0, 0), 6),
    (24, 96, OXYGEN, 132, 108, "A", 37.4, True, (2, 2, 2, 0, 1, 0, 0), 7),
    (24, 96, AIR, 132, 108, "A", 37.4, True, (2, 0, 0, 0, 1, 0, 0), 3),
    (8, 93, AIR, 104, 52, "V", 36.0, False, (3, 2, 0, 1, 0, 3, 1), 10),
    (12, 100, AIR, 222, 91, "A", 38.0, False, (0, 0, 0, 3, 1, 0, 0), 4),
    (21, 94, AIR, 111, 111, "A", 39.1, False, (2, 1, 0, 0, 2, 0, 2), 7),
    (16, 83, OXYGEN, 101, 131, "A", 35.0, True, (0, 3, 2, 1, 3, 0, 3), 12),
    (25, 96, AIR, 220, 40, "A", 36.1, False, (3, 0, 0, 3, 3, 0, 0), 9),
]
NORMAL = {"rr": 16, "spo2": 97, "o2_device": AIR, "sbp": 120, "hr": 70, "acvpu": "A", "temp": 37.0}


def scored(score: Any, patient: Any = None, **row: Any) -> Any:
    return score(chart("08:05", {"at": "08:00", **row}, patient=patient or {}))


@pytest.mark.parametrize("row", WORKED)
def test_news2_of_the_worked_examples(row: tuple[Any, ...]) -> None:
    """NEWS2 gives each worked example its seven points and its total."""
    rr, spo2, device, sbp, hr, acvpu, temp, target, points, total = row
    made = scored(
        news2,
        {"spo2_target_88_92": target},
        rr=rr, spo2=spo2, o2_device=device, sbp=sbp, hr=hr, acvpu=acvpu, temp=temp,
    )  # fmt: skip
    assert tuple(p.points for p in made.parts) == points
    assert made.total == total


NEWS2_EDGES: list[tuple[str, list[tuple[Any, int]]]] = [
    ("rr", [(8, 3), (9, 1), (11, 1), (12, 0), (20, 0), (20.5, 2), (21, 2), (24, 2), (24.4, 2), (25, 3)]),
    ("spo2", [(91, 3), (92, 2), (93, 2), (94, 1), (95, 1), (95.5, 0), (96, 0)]),
    ("sbp", [(90, 3), (91, 2), (100, 2), (101, 1), (110, 1), (111, 0), (219, 0), (220, 3)]),
    ("hr", [(40, 3), (41, 1), (50, 1), (51, 0), (90, 0), (91, 1), (110, 1), (111, 2), (130, 2), (131, 3)]),
    ("temp", [(35.0, 3), (35.04, 3), (35.05, 1), (35.1, 1), (36.0, 1), (36.1, 0), (38.0, 0), (38.1, 1), (39.1, 2)]),
    ("acvpu", [("A", 0), ("C", 3), ("V", 3), ("P", 3), ("U", 3)]),
]


@pytest.mark.parametrize(("concept", "value", "points"), [(c, v, p) for c, edges in NEWS2_EDGES for v, p in edges])
def test_news2_changes_points_exactly_at_its_edges(concept: str, value: Any, points: int) -> None:
    """One parameter at an edge, all others normal: the total is the points of that edge, rounded half up first."""
    assert scored(news2, **(NORMAL | {concept: value})).total == points


@pytest.mark.parametrize(
    ("spo2", "device", "total"),
    [(93, AIR, 0), (93, OXYGEN, 3), (92, OXYGEN, 2), (88, AIR, 0), (87, AIR, 1), (85, AIR, 2), (83, AIR, 3),
     (94, OXYGEN, 3), (95, OXYGEN, 4), (96, OXYGEN, 4), (97, OXYGEN, 5), (100, AIR, 0)],
)  # fmt: skip
def test_news2_scale_2_only_with_a_documented_target(spo2: float, device: str, total: int) -> None:
    """With a documented target of 88–92 %, too much oxygen scores as well as too little; COPD alone does not switch."""
    row = NORMAL | {"spo2": spo2, "o2_device": device}
    assert scored(news2, {"spo2_target_88_92": True}, **row).total == total
    assert scored(news2, {"diagnoses": ["copd"]}, **row).variant == "NEWS2, SpO₂ scale 1"


@pytest.mark.parametrize(
    ("given_", "points"),
    [({"o2_device": "nc"}, 2), ({"o2_device": "air"}, 0), ({"o2_flow": 2}, 2), ({"o2_flow": 0}, 0),
     ({"fio2": 0.21}, 0), ({"fio2": 0.4}, 2), ({"o2_device": "hfnc", "fio2": 0.5}, 2),
     ({"o2_device": "hfnc", "o2_flow": 40, "fio2": 0.21}, 0), ({"o2_device": "imv"}, None), ({}, None)],
)  # fmt: skip
def test_news2_finds_oxygen_in_device_flow_or_fraction(given_: dict[str, Any], points: int | None) -> None:
    """Any delivered oxygen above 21 % counts, wherever it is charted; a ventilator of unknown FiO2 leaves it open."""
    row = {k: v for k, v in NORMAL.items() if k != "o2_device"} | given_
    assert next(p.points for p in scored(news2, **row).parts if p.name == "oxygen") == points


GCS = [
    ({"gcs_total": 15}, 0),
    ({"gcs_e": 4, "gcs_v": 5, "gcs_m": 6}, 0),
    ({"gcs_e": 4, "gcs_v": 4, "gcs_m": 6}, 3),
    ({"gcs_e": 4, "gcs_v": 5, "gcs_m": 5}, 3),
    ({"gcs_e": 3, "gcs_v": 5, "gcs_m": 6}, 3),
    ({"gcs_e": 2}, 3),
    ({"gcs_e": 1, "gcs_m": 3}, 3),
    ({"gcs_e": 1, "gcs_m": 2}, 3),
    ({"gcs_e": 1}, None),
    ({"gcs_e": 4, "gcs_m": 6}, None),
    ({"gcs_total": 14}, None),
    ({}, None),
]


@pytest.mark.parametrize(("parts", "points"), GCS)
def test_consciousness_comes_from_gcs_where_acvpu_is_missing(parts: dict[str, Any], points: int | None) -> None:
    """The letter is worked out from the parts of the GCS; parts missing leave it open."""
    row = {k: v for k, v in NORMAL.items() if k != "acvpu"} | parts
    assert next(p.points for p in scored(news2, **row).parts if p.name == "consciousness") == points


def test_a_missing_part_is_never_normal() -> None:
    """A score with a gap has no total, counts the gap as 0 below and as its most above, and names the measurement."""
    made = scored(news2, rr=26, spo2=91, hr=124)
    assert (made.total, made.lower, made.upper) == (None, 8, 8 + 2 + 3 + 3 + 3)
    assert {p.need.subject for p in made.parts if p.need} == {"o2_device", "sbp", "acvpu", "temp"}
    assert {p.need.why for p in made.parts if p.need} == {"never measured"}


def test_too_old_is_unknown() -> None:
    """In the ICU a heart rate of 16 minutes ago no longer scores, and the need says how old it is."""
    made = news2(chart("08:16", {"at": "08:00", **NORMAL}, setting="icu"))
    need = next(p.need for p in made.parts if p.name == "hr")
    assert need is not None
    assert need.why == "last 08:00, older than 15 min"


@pytest.mark.parametrize(
    ("row", "total"),
    [({"temp": 38.0, "hr": 90, "rr": 20, "wbc": 12.0}, 0), ({"temp": 38.1, "hr": 91, "rr": 21, "wbc": 12.1}, 4),
     ({"temp": 36.0, "hr": 60, "rr": 18, "wbc": 4.0}, 0), ({"temp": 35.9, "hr": 60, "rr": 18, "wbc": 3.9}, 2),
     ({"temp": 37.0, "hr": 60, "rr": 18, "paco2": 31, "wbc": 8, "bands": 11}, 2)],
)  # fmt: skip
def test_sirs_is_strict(row: dict[str, Any], total: int) -> None:
    """SIRS counts only what lies beyond its bounds."""
    assert scored(sirs, **row).total == total


@pytest.mark.parametrize(
    ("row", "total"),
    [
        ({"sbp": 101, "hr": 100, "rr": 14, "temp": 38.4}, 0),
        ({"sbp": 100, "hr": 101, "rr": 15, "temp": 38.5}, 5),
        ({"sbp": 95, "hr": 112, "rr": 24, "temp": 38.6}, 7),
        ({"sbp": 128, "hr": 88, "rr": 16, "temp": 37.0}, 1),
        ({"sbp": 78, "hr": 38, "rr": 8, "temp": 34.8, "acvpu": "P"}, 10),
        ({"sbp": 128, "hr": 40, "rr": 14, "temp": 37}, 1),
    ],
)
def test_mews_of_subbe(row: dict[str, Any], total: int) -> None:
    """MEWS gives the reference's examples and edges their totals; a pulse of exactly 40 scores 1."""
    assert scored(mews, **({"acvpu": "A"} | row)).total == total


@pytest.mark.parametrize(
    ("row", "total"), [({"rr": 21, "sbp": 101, "gcs_total": 15}, 0), ({"rr": 22, "sbp": 100, "gcs_total": 14}, 3)]
)
def test_qsofa_at_its_edges(row: dict[str, Any], total: int) -> None:
    """qSOFA counts RR from 22, SBP to 100 and any GCS below 15."""
    assert scored(qsofa, **row).total == total


SOFA_EDGES = [
    *[
        ("coagulation", {"platelets": v}, p)
        for v, p in ((150, 0), (149, 1), (100, 1), (99, 2), (80, 2), (50, 2), (20, 3), (19, 4))
    ],
    *[
        ("liver", {"bilirubin": v}, p)
        for v, p in ((1.1, 0), (1.2, 1), (1.9, 1), (2.0, 2), (6.0, 3), (11.9, 3), (12.0, 4))
    ],
    *[("renal", {"creatinine": v}, p) for v, p in ((1.1, 0), (1.2, 1), (2.0, 2), (3.5, 3), (4.9, 3), (5.0, 4))],
    *[("cns", {"gcs_total": v}, p) for v, p in ((15, 0), (14, 1), (13, 1), (12, 2), (9, 3), (6, 3), (5, 4))],
    *[("cardiovascular", {"map": v}, p) for v, p in ((70.0, 0), (69.9, 1))],
    *[
        ("respiration", {"pao2": v, "fio2": 1.0, "o2_device": "imv"}, p)
        for v, p in ((400, 0), (399, 1), (300, 1), (200, 2), (100, 3), (75, 4))
    ],
    ("respiration", {"pao2": 90, "fio2": 1.0, "o2_device": "nc"}, 2),
    ("respiration", {"pao2": 84, "o2_device": "air"}, 0),
]


@pytest.mark.parametrize(("part", "row", "points"), SOFA_EDGES)
def test_sofa_at_its_edges(part: str, row: dict[str, Any], points: int) -> None:
    """Each organ of SOFA changes points where the table of 1996 does; support is needed for 3 and 4 of respiration."""
    assert next(p.points for p in scored(sofa, **row).parts if p.name == part) == points


@pytest.mark.parametrize(
    ("drug", "rate", "points"),
    [
        ("norepinephrine", 0.1, 3),
        ("norepinephrine", 0.11, 4),
        ("dopamine", 5, 2),
        ("dopamine", 15, 3),
        ("dopamine", 15.1, 4),
        ("dobutamine", 2, 2),
        ("epinephrine", 0.2, 4),
        ("vasopressin", 0.04, 1),
        ("milrinone", 0.3, 1),
    ],
)
def test_sofa_counts_the_drugs_of_1996(drug: str, rate: float, points: int) -> None:
    """Vasoactive drugs score by dose after an hour; vasopressin and milrinone do not score, the low MAP does."""
    start = {"at": "06:00", "item": drug, "action": "start", "rate": rate}
    made = sofa(chart("08:05", {"at": "08:00", "map": 60}, treatments=[start]))
    assert next(p.points for p in made.parts if p.name == "cardiovascular") == points
    early = sofa(chart("06:30", {"at": "06:20", "map": 60}, treatments=[start]))
    assert next(p.points for p in early.parts if p.name == "cardiovascular") == 1


def test_sofa_of_the_worked_example() -> None:
    """P/F 180 ventilated, platelets 88, bilirubin 2.4, norepinephrine 0.15, GCS 13, 420 mL of urine in 24 h: 15."""
    urine = [{"at": f"{hour:02d}:00", "urine": 17.5} for hour in range(24)]
    row = {
        "at": "22:00",
        "pao2": 90,
        "fio2": 0.5,
        "o2_device": "imv",
        "platelets": 88,
        "bilirubin": 2.4,
        "creatinine": 2.2,
    }
    start = {"at": "20:00", "item": "norepinephrine", "action": "start", "rate": 0.15}
    made = sofa(chart("23:00", *urine, row, {"at": "22:00", "gcs_total": 13}, treatments=[start]))
    assert [p.points for p in made.parts] == [3, 2, 2, 4, 1, 3]
    assert made.total == 15


@given(
    row=st.fixed_dictionaries({}, optional={
        "rr": st.integers(4, 50), "spo2": st.integers(60, 100), "o2_device": st.sampled_from(["air", "nc", "hfnc"]),
        "sbp": st.integers(50, 250), "hr": st.integers(20, 200), "acvpu": st.sampled_from("ACVPU"),
        "temp": st.integers(300, 420).map(lambda t: t / 10)}),
    name=st.sampled_from(["rr", "spo2", "o2_device", "sbp", "hr", "acvpu", "temp"]),
)  # fmt: skip
def test_knowing_more_narrows_a_score(row: dict[str, Any], name: str) -> None:
    """Taking a reading away never raises the lower bound nor lowers the upper one."""
    whole, part = scored(news2, **row), scored(news2, **{k: v for k, v in row.items() if k != name})
    assert part.lower <= whole.lower <= whole.upper <= part.upper
