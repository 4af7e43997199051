"""The page of concepts and the printed units: a made-up list, word for word."""

from types import MappingProxyType
from typing import Any

import pytest

from schemas.codes import concepts
from schemas.codes.concepts import Code, Concept, Range, ShorterWhen, UnitTrap, as_markdown

PRINTED = {
    "mm[Hg]": "mmHg", "cm[H2O]": "cmH₂O", "mL/cm[H2O]": "mL/cmH₂O", "Cel": "°C", "1": "", "[pH]": "",
    "10*3/uL": "×10³/µL", "umol/L": "µmol/L", "ug/L": "µg/L", "ug/kg/min": "µg/kg/min", "mosm/kg": "mOsm/kg",
    "L/min/m2": "L/min/m²", "mL/min/{1.73_m2}": "mL/min/1.73 m²", "ng/mL{FEU}": "ng/mL FEU", "{score}": "",
    "{code}": "", "{bool}": "", "{INR}": "", "mmol/L": "mmol/L", "%": "%",
}  # fmt: skip


def made(id: str, **more: Any) -> Concept:
    common = {"name": f"the {id}", "short": id, "group": "vital", "unit": "mm[Hg]"}
    return Concept(**{"id": id, **common, "valid_icu_min": 15, "valid_ward_min": 360, **more})


@pytest.mark.parametrize("unit", PRINTED)
def test_a_unit_is_printed_as_people_write_it(unit: str) -> None:
    """What UCUM writes for machines is not shown; scores, ratios and codes have no unit."""
    assert made("x", unit=unit).printed_unit == PRINTED[unit]


ROWS = {
    "plain": (made("plain"), "| plain | the plain | mm[Hg] |  |  |  | 15 min / 6 h |  |"),
    "codes": (made("codes", loinc=(Code("1-1"), Code("2-2", "nibp"))),
              "| codes | the codes | mm[Hg] | 1-1, 2-2 (nibp) |  |  | 15 min / 6 h |  |"),
    "limits": (made("limits", hard_low=0.5, hard_high=20, normal_low=1),
               "| limits | the limits | mm[Hg] |  | 0.5 to 20 | ≥ 1 | 15 min / 6 h |  |"),
    "high": (made("high", normal_high=20), "| high | the high | mm[Hg] |  |  | ≤ 20 | 15 min / 6 h |  |"),
    "letters": (made("letters", kind="coded", codes=("A", "V"), normal_codes=("A",)),
                "| letters | the letters | mm[Hg] |  | A, V | A | 15 min / 6 h |  |"),
    "hour": (made("hour", valid_icu_min=60, valid_ward_min=90),
             "| hour | the hour | mm[Hg] |  |  |  | 1 h / 90 min |  |"),
    "days": (made("days", valid_icu_min=1440, valid_ward_min=2880),
             "| days | the days | mm[Hg] |  |  |  | 24 h / 2 d |  |"),
    "uneven": (made("uneven", valid_icu_min=2160, valid_ward_min=4320),
               "| uneven | the uneven | mm[Hg] |  |  |  | 36 h / 3 d |  |"),
    "special": (made("special", valid_icu_by_method={"nibp": 60}, note="note it", unit_traps=(UnitTrap(1, 2, "kPa"),),
                     valid_when=(ShorterWhen(120, above=2, below=1, at_least=3), ShorterWhen(30, during="bleeding"))),
                "| special | the special | mm[Hg] |  |  |  | 15 min / 6 h | nibp 1 h in the ICU; 2 h if above 2 or"
                " below 1 or at least 3; 30 min if bleeding; 1 to 2 is probably kPa; note it |"),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_a_row_of_the_page_says_what_a_concept_has(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Codes with their method, limits, validity in the largest whole unit, and what makes it shorter."""
    concept, row = ROWS[name]
    monkeypatch.setattr(concepts, "CONCEPTS", MappingProxyType({name: concept}))
    lines = as_markdown().splitlines()
    assert lines[0] == "# Concepts"
    assert lines[-3].startswith("| id | name | unit | LOINC | hard limits | adult normal | valid |")
    assert lines[-1] == row


def test_a_sex_has_its_own_normal_range_where_there_is_one() -> None:
    """Sex unknown: the widest of both; without a range of its own the common one."""
    ranges = {"male": Range(13, 17), "female": Range(12, 15)}
    hb = made("hb", normal_low=12, normal_high=17, normal_by_sex=ranges)
    assert (hb.normal("male"), hb.normal("female"), hb.normal()) == (Range(13, 17), Range(12, 15), Range(12, 17))
    assert made("x", normal_low=1, normal_high=2).normal("male") == Range(1, 2)


def test_an_interval_is_that_of_the_place() -> None:
    """Minutes between two values in the ICU and on a ward; none where it is measured as needed."""
    one = made("x", interval_icu_min=5, interval_ward_min=60)
    seconds = [None if (s := one.interval(place)) is None else s.total_seconds() for place in ("icu", "ward")]
    assert seconds == [300, 3600]
    assert made("y").interval("icu") is made("y").interval("ward") is None
