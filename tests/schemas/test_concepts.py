"""The closed list of concepts is sound, and says of each variable what the reference says."""

import math
import pickle
import re
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codes.concepts import CONCEPTS, Concept, UnknownConcept, as_markdown, by_loinc, concept

ALL = st.sampled_from(list(CONCEPTS.values()))
NUMERIC = [c for c in CONCEPTS.values() if c.kind == "numeric"]

# Reference, tables 2.1 to 2.6, column "var".
REFERENCE = """
hr rr spo2 temp sbp dbp map cvp etco2 icp gcs_total gcs_e gcs_v gcs_m acvpu rass cam_icu pain_nrs crt mottling pupil_l
pupil_r weight height cardiac_index scvo2 qtc rhythm fio2 o2_flow o2_device ph_art paco2 pao2 hco3 base_excess sao2
lactate cohb methb na k cl bun creatinine egfr glucose ca_total ca_ion mg phosphate albumin bilirubin alt ast alp ck ldh
lipase ammonia bhb urine_na urine_osm urine_ketone osm_meas crp pct hs_tni hs_tnt ntprobnp hb hct wbc neut_abs bands
platelets inr pt aptt fibrinogen d_dimer urine uo_rate_6h uo_rate_12h uo_rate_24h fluid_in fluid_out fluid_balance_24h
drain_out blood_loss vent_mode vt_set vt_obs rr_set rr_total peep pip pplat paw_mean ps minute_vent ie_ratio ti
compliance_dyn
"""


def check_digit(number: str) -> int:
    """The mod-10 check digit of a LOINC number (every second digit from the right counts double)."""
    doubled = [int(d) * (2 if place % 2 == 0 else 1) for place, d in enumerate(reversed(number))]
    return -sum(n // 10 + n % 10 for n in doubled) % 10


def minutes(span: timedelta) -> float:
    return span / timedelta(minutes=1)


def test_every_variable_of_the_reference_is_a_concept() -> None:
    """The list holds each variable of reference section 2, and at least a hundred concepts."""
    assert set(REFERENCE.split()) <= set(CONCEPTS)
    assert len(CONCEPTS) >= 100


def test_every_loinc_code_has_its_check_digit() -> None:
    """A mistyped LOINC code fails its check digit, and none here does."""
    codes = [code.code for c in CONCEPTS.values() for code in c.loinc]
    assert len(codes) > 90
    assert [c for c in codes if not re.fullmatch(r"\d{3,5}-\d", c) or check_digit(c[:-2]) != int(c[-1])] == []


def test_no_code_and_no_name_means_two_things() -> None:
    """Ids, aliases and LOINC codes are unique over the whole list, and names are written as ids are."""
    names = Counter(name for c in CONCEPTS.values() for name in (c.id, *c.aliases))
    codes = Counter(code.code for c in CONCEPTS.values() for code in c.loinc)
    boards = Counter(c.short for c in CONCEPTS.values())
    assert [x for x, n in (names + codes + boards).items() if n > 1] == []
    assert [name for name in names if not re.fullmatch(r"[a-z][a-z0-9_]*", name)] == []


@pytest.mark.parametrize("c", CONCEPTS.values(), ids=lambda c: c.id)
def test_limits_contain_ranges(c: Concept) -> None:
    """Hard limits are a closed interval that contains the normal range of either sex; coded concepts have a set."""
    if c.kind == "coded":
        assert c.codes
        assert set(c.normal_codes) <= set(c.codes)
        assert len(set(c.codes)) == len(c.codes)
        return
    assert c.hard_low is not None
    assert c.hard_high is not None
    assert c.hard_low < c.hard_high
    for normal in (c.normal(), c.normal("male"), c.normal("female")):
        known = [bound for bound in (c.hard_low, normal.low, normal.high, c.hard_high) if bound is not None]
        assert known == sorted(known)


@given(ALL, st.floats(allow_nan=False, allow_infinity=False))
def test_a_hard_limit_is_a_closed_interval(c: Concept, value: float) -> None:
    """Both hard limits are plausible, the next number outside either is not, and nothing beyond comes back in."""
    if c.hard_low is None or c.hard_high is None:
        return
    assert c.plausible(c.hard_low)
    assert c.plausible(c.hard_high)
    assert not c.plausible(math.nextafter(c.hard_low, -math.inf))
    assert not c.plausible(math.nextafter(c.hard_high, math.inf))
    inside = c.hard_low <= value <= c.hard_high
    assert c.plausible(value) == (inside and (not c.whole or value == int(value)))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_concept_takes_a_value_that_is_no_number(value: float) -> None:
    """NaN and the infinities are plausible for no concept."""
    assert [c.id for c in CONCEPTS.values() if c.plausible(value)] == []


@given(ALL, st.sampled_from(["icu", "ward"]), st.sampled_from([None, "nibp", "invasive", "odd"]), st.floats())
def test_validity_is_positive_and_never_longer_on_knowing_more(c: Concept, setting: str, method: str, v: float) -> None:
    """Every validity is positive, and a known value can only shorten it."""
    unknown = c.validity(setting, method)  # type: ignore[arg-type]
    known = c.validity(setting, method, v)  # type: ignore[arg-type]
    assert timedelta(0) < known <= unknown


@pytest.mark.parametrize(
    ("name", "setting", "method", "value", "during", "expected"),
    [
        ("map", "icu", "invasive", 70, (), 15),
        ("map", "icu", "nibp", 70, (), 60),
        ("map", "icu", None, 70, (), 15),  # unknown method: the shorter (our choice)
        ("map", "ward", "nibp", 70, (), 360),
        ("lactate", "icu", None, 2.0, (), 240),
        ("lactate", "icu", None, 2.1, (), 120),
        ("k", "icu", None, 2.9, (), 120),
        ("k", "icu", None, 3.0, (), 360),
        ("k", "icu", None, 5.4, (), 360),
        ("k", "icu", None, 5.5, (), 120),
        ("k", "ward", None, 4.0, (), 1440),
        ("k", "ward", None, 4.0, ("insulin_infusion",), 120),
        ("glucose", "icu", None, 120, ("insulin_infusion",), 60),
        ("glucose", "ward", None, 120, (), 480),
        ("hb", "ward", None, 9, ("bleeding",), 120),
        ("na", "icu", None, 120, ("sodium_correction",), 240),
        ("aptt", "icu", None, 60, ("heparin_infusion",), 360),
        ("gcs_total", "icu", None, 15, (), 360),
        ("creatinine", "icu", None, 1, (), 1440),
        ("fio2", "ward", None, 0.4, (), 720),
    ],
)
def test_validity_is_that_of_the_reference(
    name: str, setting: str, method: str | None, value: float, during: tuple[str, ...], expected: int
) -> None:
    """Carry-forward limits follow the reference, also where a value, a method or a situation shortens them."""
    assert minutes(concept(name).validity(setting, method, value, during)) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("code", "name", "method"),
    [
        ("8478-0", "map", None),
        ("76536-2", "map", "nibp"),
        ("76214-6", "map", "invasive"),
        ("32693-4", "lactate", "blood"),
        ("96789-3", "sofa", None),
    ],
)
def test_a_loinc_code_names_concept_and_method(code: str, name: str, method: str | None) -> None:
    """A code leads to its concept and keeps what the code says of method or specimen."""
    assert by_loinc(code) == (concept(name), method)


@pytest.mark.parametrize("code", ["88330-6", "99844-5", "", "8478"])
def test_a_code_outside_the_list_is_refused(code: str) -> None:
    """Unknown codes are refused: also the one often given wrongly for NEWS2, and one with a false check digit."""
    with pytest.raises(UnknownConcept):
        by_loinc(code)


@pytest.mark.parametrize(
    ("text", "id"), [("heart_rate", "hr"), ("Heart Rate", "hr"), ("mean-arterial-pressure", "map"), ("K", "k")]
)
def test_a_concept_answers_to_its_names(text: str, id: str) -> None:
    """An alias in any case, with spaces or hyphens, finds the one object of its concept."""
    assert concept(text) is CONCEPTS[id]


@given(st.text(max_size=200))
def test_a_name_outside_the_list_is_refused_in_one_line(text: str) -> None:
    """Any text is either a concept or UnknownConcept, whose message is short whatever was asked."""
    try:
        said = concept(text).id
    except UnknownConcept as refusal:
        said = str(refusal)
    assert said in CONCEPTS or (said.startswith("unknown concept ") and len(said) < 700)


@pytest.mark.parametrize(
    ("name", "value", "unit"),
    [
        ("creatinine", 88, "umol/L"),
        ("glucose", 5.5, "mmol/L"),
        ("hb", 120, "g/L"),
        ("temp", 98.6, "[degF]"),
        ("pao2", 12, "kPa"),
        ("creatinine", 1.1, None),
        ("temp", 37.0, None),
    ],
)
def test_a_look_alike_value_names_its_probable_unit(name: str, value: float, unit: str | None) -> None:
    """Pattern Q13: a value typical of another unit names that unit, and an ordinary value names none."""
    assert concept(name).probable_unit(value) == unit


def test_a_concept_survives_pickling_as_the_same_object() -> None:
    """State saved and read back holds the very objects of the list, so identity stays equality."""
    assert all(pickle.loads(pickle.dumps(c)) is c for c in CONCEPTS.values())


def test_the_page_of_the_manual_is_not_stale(root: Path) -> None:
    """docs/concepts.md is what the data file says today (`python -m schemas.codes.concepts > docs/concepts.md`)."""
    assert (root / "docs" / "concepts.md").read_text(encoding="utf-8") == as_markdown()


REFERENCE_ROW = re.compile(r"^\| (?P<var>[a-z0-9_ /]+?)(?: \([^|]*\))? \| (?P<loinc>[^|]*) \|")


def test_every_code_of_the_reference_is_in_the_list(root: Path) -> None:
    """Each LOINC code printed in tables 2.1 to 2.6 of the clinical reference leads to a concept of that row."""
    path = root.parent / "shared" / "clinical" / "REFERENCE.md"
    if not path.exists():
        pytest.skip("the clinical reference is not beside the repository")
    text = path.read_text(encoding="utf-8")
    section = text[text.index("\n## 2.1 ") : text.index("\n## 2.7 ")]
    checked = 0
    for row in filter(None, map(REFERENCE_ROW.match, section.splitlines())):
        for code in re.findall(r"\b\d{3,5}-\d\b", row["loinc"]):
            if code == "99844-5":  # docs/decisions/0001-cam-icu-code.md
                continue
            assert by_loinc(code)[0].id in re.split(r" / ", row["var"].strip())
            checked += 1
    assert checked > 90
