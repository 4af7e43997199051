"""How long a value is valid and what can be a value at all: the reference, section 2, to the microsecond and bit."""

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from math import inf, nextafter
from pathlib import Path
from typing import Any

import pytest

from schemas.codes.concepts import CONCEPTS, Setting, Situation
from schemas.codes.drugs import DRUGS
from schemas.conditions import Coded, Compare, Op
from tests.knowledge.asking import truth
from tests.knowledge.charts import DAY, HOUR, MINUTE, TICK, Chart, reading
from tests.knowledge.oracle import UNKNOWN, YES

_LIMITS: Mapping[str, Any] = tomllib.loads(Path(__file__).with_name("limits.toml").read_text(encoding="utf-8"))
OTHERS: Mapping[str, Any] = _LIMITS["others"]
ENTERED: Mapping[str, Any] = {name: row for name, row in _LIMITS.items() if name != "others"}
BY_METHOD = {(concept, method): span for concept in ("sbp", "dbp", "map")
             for method, span in (("invasive", 15 * MINUTE), ("nibp", 60 * MINUTE))}  # fmt: skip
# concept, the last value, what goes on, and how long the value is valid then (reference, column "valid")
SHORTER: tuple[tuple[str, float, Situation | None, timedelta], ...] = (
    ("lactate", 2.0, None, 4 * HOUR), ("lactate", 2.1, None, 2 * HOUR),
    ("k", 2.9, None, 2 * HOUR), ("k", 3.0, None, 6 * HOUR), ("k", 5.4, None, 6 * HOUR), ("k", 5.5, None, 2 * HOUR),
    ("k", 4.0, "insulin_infusion", 2 * HOUR), ("k", 4.0, "potassium_infusion", 2 * HOUR),
    ("na", 120, "sodium_correction", 4 * HOUR), ("glucose", 150, "insulin_infusion", HOUR),
    ("ca_ion", 1.1, "massive_transfusion", HOUR), ("hb", 8, "bleeding", 2 * HOUR), ("hct", 25, "bleeding", 2 * HOUR),
    ("platelets", 90, "bleeding", 6 * HOUR), ("inr", 2, "bleeding", 6 * HOUR),
    ("inr", 2, "anticoagulant_reversal", 6 * HOUR), ("aptt", 60, "heparin_infusion", 6 * HOUR),
    ("fibrinogen", 150, "bleeding", 2 * HOUR), ("hb", 8, "insulin_infusion", 12 * HOUR),
)  # fmt: skip
# Pattern Q13: concept, from, to, and the unit that was probably meant
LOOK_ALIKE = (("creatinine", 40, 1500, "umol/L"), ("glucose", 2, 30, "mmol/L"), ("hb", 40, 200, "g/L"),
              ("temp", 90, 110, "[degF]"), ("pao2", 4, 20, "kPa"))  # fmt: skip
# The closed sets of what is charted as a word, those that are normal first
CODED = {
    "acvpu": ("A", "C V P U"), "cam_icu": ("neg", "pos"), "urine_ketone": ("neg", "1+ 2+ 3+ 4+"),
    "o2_device": ("air", "nc simple venturi nrb hfnc niv imv trach"),
    "vent_mode": ("", "ac_vc ac_pc prvc simv psv cpap bipap aprv hfov nava standby other"),
    "rhythm": ("sinus", """sinus_tachycardia sinus_bradycardia atrial_fibrillation atrial_flutter svt mat junctional
        idioventricular av_block_1 av_block_2 av_block_3 paced vt vf pea asystole other"""),
}  # fmt: skip
PUMP_ERROR_ABOVE = {
    "norepinephrine": 5, "epinephrine": 3, "vasopressin": 0.2, "phenylephrine": 15, "dopamine": 50, "dobutamine": 50,
    "milrinone": 1.5, "angiotensin_ii": 200, "nitroglycerin": 400, "nicardipine": 30, "esmolol": 400, "labetalol": 8,
    "diltiazem": 30, "amiodarone": 15, "propofol": 300, "midazolam": 50, "dexmedetomidine": 3, "ketamine": 10,
    "fentanyl": 1000, "morphine": 100, "cisatracurium": 20, "insulin_regular": 100, "heparin": 5000,
    "potassium_chloride": 40, "furosemide": 80,
}  # fmt: skip


def span(text: str) -> timedelta:
    number, unit = text.split()
    return int(number) * {"min": MINUTE, "h": HOUR, "d": DAY}[unit]


def is_valid(concept: str, ago: timedelta, setting: Setting | None, value: float | None = None, **more: Any) -> bool:
    """Whether a value of so long ago still answers a question."""
    known = CONCEPTS[concept]
    situations = more.pop("situations", frozenset())
    said = (
        known.codes[0]
        if known.kind == "coded"
        else value
        if value is not None
        else (known.normal_low or known.hard_low)
    )
    assert said is not None
    seen = replace(Chart([reading(concept, said, ago, **more)], setting=setting), situations=situations).snapshot
    question = Coded(concept, known.codes) if known.kind == "coded" else Compare(concept, Op.AT_LEAST, -1e9)
    answer = truth(question, seen)
    assert answer in (YES, UNKNOWN)
    return answer is YES


def test_every_concept_is_entered_twice() -> None:
    """None is left out of the second entry."""
    assert {*ENTERED, *OTHERS} == set(CONCEPTS)


@pytest.mark.parametrize("concept", [*ENTERED, *OTHERS])
def test_limits_and_validity_are_those_of_the_reference(concept: str) -> None:
    """Both entries of each row agree: hard limits, ICU, ward."""
    known, (*limits, icu, ward) = CONCEPTS[concept], {**ENTERED, **OTHERS}[concept]
    assert [known.hard_low, known.hard_high] == (limits or [None, None])
    assert (known.validity("icu"), known.validity("ward")) == (span(icu), span(ward))


@pytest.mark.parametrize("setting", ["icu", "ward"])
@pytest.mark.parametrize("concept", ENTERED)
def test_a_value_is_valid_up_to_and_including_its_last_moment(concept: str, setting: Setting) -> None:
    """Exactly as old as it may be: known; one microsecond older: unknown."""
    lasts = span(ENTERED[concept][-2 if setting == "icu" else -1])
    assert is_valid(concept, lasts, setting)
    assert not is_valid(concept, lasts + TICK, setting)


@pytest.mark.parametrize(("concept", "method"), BY_METHOD)
def test_a_cuff_reading_lasts_longer_than_an_arterial_one(concept: str, method: str) -> None:
    """In the ICU 15 min by arterial line, 60 min by cuff; on a ward 6 h either way."""
    lasts = BY_METHOD[concept, method]
    assert is_valid(concept, lasts, "icu", method=method)
    assert not is_valid(concept, lasts + TICK, "icu", method=method)
    assert is_valid(concept, 6 * HOUR, "ward", method=method)
    assert not is_valid(concept, 6 * HOUR + TICK, "ward", method=method)


@pytest.mark.parametrize(("concept", "value", "during", "lasts"), SHORTER)
def test_a_value_lasts_shorter_where_it_may_change_fast(
    concept: str, value: float, during: Situation | None, lasts: timedelta
) -> None:
    """By the value itself, or by what goes on: bleeding, insulin, heparin, a correction."""
    situations = frozenset() if during is None else frozenset({during})
    assert is_valid(concept, lasts, "icu", value, situations=situations)
    assert not is_valid(concept, lasts + TICK, "icu", value, situations=situations)


def test_where_nobody_said_where_a_patient_lies_values_age_as_in_an_icu() -> None:
    """A setting that is not known makes a heart rate as old after 15 min as the ICU does."""
    assert is_valid("hr", 15 * MINUTE, None)
    assert not is_valid("hr", 15 * MINUTE + TICK, None)


@pytest.mark.parametrize("concept", [c for c, row in ENTERED.items() if len(row) == 4])
def test_hard_limits_are_inclusive(concept: str) -> None:
    """A value at a limit is a value, the next number beyond it is an artefact, and so is what is no number."""
    known, (low, high, _, _) = CONCEPTS[concept], ENTERED[concept]
    assert known.plausible(low)
    assert known.plausible(high)
    assert not known.plausible(nextafter(low, -inf))
    assert not known.plausible(nextafter(high, inf))
    assert not any(map(known.plausible, (inf, -inf, float("nan"))))


@pytest.mark.parametrize("concept", ["gcs_total", "gcs_e", "gcs_v", "gcs_m"])
def test_a_coma_scale_is_a_whole_number(concept: str) -> None:
    """Between two whole numbers inside the limits lies no value."""
    assert CONCEPTS[concept].plausible(4.0)
    assert not CONCEPTS[concept].plausible(3.5)


@pytest.mark.parametrize(("concept", "low", "high", "unit"), LOOK_ALIKE)
def test_a_look_alike_is_asked_for_within_its_range(concept: str, low: float, high: float, unit: str) -> None:
    """Pattern Q13: both ends belong to the range; the next numbers outside do not."""
    known = CONCEPTS[concept]
    assert known.probable_unit(low) == known.probable_unit(high) == unit
    assert known.probable_unit(nextafter(low, -inf)) is None
    assert known.probable_unit(nextafter(high, inf)) is None


def test_what_is_charted_as_a_word_has_a_closed_set_of_words() -> None:
    """Both entries of each set agree, and of each what is normal."""
    found = {c.id: (set(c.normal_codes), set(c.codes)) for c in CONCEPTS.values() if c.codes}
    assert found == {
        name: (set(normal.split()), {*normal.split(), *more.split()}) for name, (normal, more) in CODED.items()
    }


def test_of_what_flows_in_and_out_only_sums_mean_anything() -> None:
    """An entry of urine, drain, blood or fluid is an amount since the last; everything else is a state."""
    summed = {"urine", "fluid_in", "fluid_out", "drain_out", "blood_loss"}
    assert {c.id for c in CONCEPTS.values() if c.aggregate == "sum"} == summed


def test_what_is_counted_is_a_whole_number() -> None:
    """Points, stages and grades are whole; everything else may lie between."""
    counted = {"rass", "mottling", "news2", "mews", "qsofa", "sirs", "sofa", "sofa2", "aki_stage", "gcs_lower"}
    parts = {f"gcs_{part}" for part in ("total", "e", "v", "m")} | {
        f"sofa_{organ}" for organ in ("respiration", "coagulation", "liver", "cardiovascular", "cns", "renal")
    }
    assert {c.id for c in CONCEPTS.values() if c.whole} == counted | parts


@pytest.mark.parametrize("drug", PUMP_ERROR_ABOVE)
def test_a_pump_rate_beyond_its_hard_limit_is_an_error(drug: str) -> None:
    """Reference 2.7: the limit itself is a rate, the next number above it is a pump or unit error."""
    high = PUMP_ERROR_ABOVE[drug]
    assert DRUGS[drug].plausible_rate(high)
    assert DRUGS[drug].plausible_rate(0.0)
    assert not DRUGS[drug].plausible_rate(nextafter(high, inf))
    assert not DRUGS[drug].plausible_rate(-1e-9)
