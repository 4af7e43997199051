"""Limits of vital signs: what speaks for itself, and what does not (decision 0015)."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guidelines.book.load import load
from guidelines.judgement import judge
from schemas.clinical.findings import Finding, Level
from schemas.codes.concepts import CONCEPTS
from tests.guidelines.patients import chart

BOOK = load()
Row = Mapping[str, Any]


def limits(*rows: Row, at: str = "10:05", **more: Any) -> list[Finding]:
    return [f for f in judge(chart(at, *rows, **more), BOOK).findings if f.guideline == "LIM"]


AT_THE_LIMIT: list[tuple[str, float, float]] = [
    ("spo2", 84, 85),
    ("rr", 5, 6),
    ("rr", 41, 40),
    ("map", 49, 50),
    ("sbp", 69, 70),
    ("hr", 39, 40),
    ("hr", 151, 150),
    ("temp", 31.9, 32.0),
    ("temp", 41.1, 41.0),
    ("lactate", 8.0, 7.9),
    ("ph_art", 7.09, 7.10),
    ("k", 7.0, 6.9),
    ("k", 2.1, 2.2),
    ("glucose", 39, 40),
]


@pytest.mark.parametrize(("concept", "beyond", "within"), AT_THE_LIMIT)
@pytest.mark.parametrize("setting", ["icu", "ward"])
def test_a_value_beyond_its_limit_speaks_at_once_and_alone(
    concept: str, beyond: float, within: float, setting: str
) -> None:
    """One reading and nothing else, on a ward or in an ICU: critical, with value and time; at the limit nothing."""
    (found,) = limits({"at": "10:04", concept: beyond}, setting=setting)
    assert found.level is Level.CRITICAL
    assert f"{beyond:.{CONCEPTS[concept].decimals}f}" in found.sentence.text
    assert "10:04" in found.sentence.text
    assert {"LIM.S1", "LIM.S3"} <= {step.id for step in found.steps}
    assert limits({"at": "10:04", concept: within}, setting=setting) == []


STORIES: dict[str, tuple[list[Row], dict[str, Any], set[str]]] = {
    "ventilated, desaturating, in shock": (
        [{"at": "10:00", "spo2": 71, "o2_device": "imv", "fio2": 1.0, "map": 48, "hr": 132, "lactate": 11.2, "rr": 42}],
        {"setting": "icu"},
        {"LIM.oxygen", "LIM.pressure", "LIM.blood"},
    ),
    "the rate of a tracheostomy on the machine": ([{"at": "10:00", "rr": 44, "o2_device": "trach"}], {}, set()),
    "the same rate under high flow": ([{"at": "10:00", "rr": 44, "o2_device": "hfnc"}], {}, {"LIM.breathing"}),
    "a slow heart that beats": ([{"at": "10:00", "hr": 42, "map": 71}], {}, set()),
    "fibrillation at 148": ([{"at": "10:00", "hr": 148, "map": 66}], {}, set()),
    "a pressure of an hour ago on the ward": ([{"at": "09:00", "sbp": 64}], {"setting": "ward"}, {"LIM.pressure"}),
    "a low mean worked out of both pressures": ([{"at": "10:04", "sbp": 71, "dbp": 35}], {}, {"LIM.pressure"}),
    "septic, bleeding, comfort care only": (
        [{"at": "10:00", "map": 31, "hr": 29, "spo2": 64, "lactate": 14}],
        {"patient": {"limits": ["comfort_care"]}},
        set(),
    ),
    "no escalation, but treated": (
        [{"at": "10:00", "map": 44}],
        {"patient": {"limits": ["dnr", "no_escalation"]}},
        {"LIM.pressure"},
    ),
    "pregnant": ([{"at": "10:00", "spo2": 76}], {"patient": {"pregnant": True}}, {"LIM.oxygen"}),
    "a child of four": ([{"at": "10:00", "hr": 165, "sbp": 69}], {"patient": {"age_years": 4}}, set()),
    "GCS 15 to 11": ([{"at": "06:00", "gcs_total": 15}, {"at": "10:00", "gcs_total": 11}], {}, set()),
    "GCS 12 to 8": ([{"at": "06:00", "gcs_total": 12}, {"at": "10:00", "gcs_total": 8}], {}, {"LIM.mind"}),
    "GCS 11 to 8": ([{"at": "06:00", "gcs_total": 11}, {"at": "10:00", "gcs_total": 8}], {}, set()),
    "GCS 3 since yesterday": ([{"at": "06:00", "gcs_total": 3}, {"at": "10:00", "gcs_total": 3}], {}, set()),
    "intubated, so that the GCS falls": (
        [{"at": "06:00", "gcs_total": 15}, {"at": "10:00", "gcs_total": 3, "o2_device": "imv"}],
        {},
        set(),
    ),
    "a deep sedation that is charted": (
        [{"at": "06:00", "gcs_total": 13}, {"at": "10:00", "gcs_total": 6, "rass": -4}],
        {},
        set(),
    ),
    "cooled after an arrest": ([{"at": "10:00", "temp": 32.8, "hr": 44}], {}, set()),
    "two blood values at once": ([{"at": "10:00", "k": 7.4, "glucose": 31}], {}, {"LIM.blood"}),
    "bad, and nothing beyond its limit": (
        [{"at": "10:00", "spo2": 86, "map": 52, "hr": 148, "rr": 36, "lactate": 7, "ph_art": 7.15, "k": 6.4}],
        {},
        set(),
    ),
    "nothing measured": ([], {}, set()),
}


@pytest.mark.parametrize(("rows", "more", "rules"), STORIES.values(), ids=STORIES)
def test_what_is_beyond_its_limit(rows: list[Row], more: dict[str, Any], rules: set[str]) -> None:
    """Each patient's limits, and no others, whatever else is known of them."""
    assert {finding.rule for finding in limits(*rows, **more)} == rules


EXTREME: Mapping[str, tuple[float, float]] = {
    "spo2": (60, 100), "rr": (3, 60), "map": (35, 110), "sbp": (55, 180), "hr": (25, 190), "temp": (30.0, 42.0),
    "lactate": (0.5, 15.0), "k": (1.8, 8.0), "glucose": (25, 400),
}  # fmt: skip
VALUES = st.fixed_dictionaries(
    {}, optional={name: st.integers(int(low * 10), int(high * 10)) for name, (low, high) in EXTREME.items()}
)


@given(VALUES)
def test_a_sentence_lists_only_what_is_beyond_its_limit(tenths: dict[str, int]) -> None:
    """Whatever is known besides, every value that stands in the sentence lies beyond its limit, and none is missing."""
    row = {name: round(value / 10, CONCEPTS[name].decimals) for name, value in tenths.items()}
    beyond = {
        concept
        for concept, first, last in AT_THE_LIMIT
        if concept in row and (row[concept] <= first if first < last else row[concept] >= first)
    }
    said = limits({"at": "10:04", **row}) if row else []
    listed = {e.subject for finding in said for e in finding.sentence.evidence if e.label != "time"}
    assert listed == beyond


def test_no_limit_asks_for_what_is_missing() -> None:
    """Nothing known is no reason to ask: what is not measured here is asked for by the rules that need it."""
    rules = next(g for g in BOOK.guidelines if g.id == "LIM")
    assert not any(trigger.asks for trigger in rules.triggers)
    assert {trigger.level for trigger in rules.triggers} == {Level.CRITICAL}
