"""Any unit of the list and of the charts becomes the canonical unit, and nothing else does."""

import math
from functools import cache, partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codes.concepts import CONCEPTS, Concept, concept
from schemas.codes.drugs import DRUGS, Drug, drug
from schemas.codes.ucum import ATOMS, DEGREES, degrees, size
from schemas.codes.units import (
    UNIT_CHARS_MAX,
    ImpossibleUnit,
    ImpossibleValue,
    UnknownUnit,
    WeightNeeded,
    _find,
    _find_dose,
    amount_to_canonical,
    from_canonical,
    rate_to_canonical,
    to_canonical,
)
from tests.timed import cpu_seconds

# Reference, tables 2.1 to 2.4, column "other unit = canonical x factor".
FACTORS = [
    ("spo2", "1", 0.01),
    ("sbp", "kPa", 0.13332),
    ("dbp", "kPa", 0.13332),
    ("map", "kPa", 0.13332),
    ("cvp", "cm[H2O]", 1.3595),
    ("etco2", "kPa", 0.13332),
    ("weight", "[lb_av]", 2.20462),
    ("height", "[in_i]", 0.393701),
    ("qtc", "s", 0.001),
    ("paco2", "kPa", 0.13332),
    ("pao2", "kPa", 0.13332),
    ("hco3", "meq/L", 1),
    ("lactate", "mg/dL", 9.008),
    ("na", "meq/L", 1),
    ("k", "meq/L", 1),
    ("cl", "meq/L", 1),
    ("bun", "mmol/L", 0.357),
    ("creatinine", "umol/L", 88.42),
    ("glucose", "mmol/L", 0.05551),
    ("ca_total", "mmol/L", 0.2495),
    ("ca_ion", "mg/dL", 4.008),
    ("mg", "mmol/L", 0.4114),
    ("phosphate", "mmol/L", 0.3229),
    ("albumin", "g/L", 10),
    ("bilirubin", "umol/L", 17.104),
    ("ammonia", "ug/dL", 1.703),
    ("bhb", "mg/dL", 10.41),
    ("crp", "mg/dL", 0.1),
    ("hs_tni", "ng/mL", 0.001),
    ("hs_tnt", "ng/mL", 0.001),
    ("ntprobnp", "pmol/L", 0.118),
    ("hb", "g/L", 10),
    ("hb", "mmol/L", 0.6206),
    ("hct", "L/L", 0.01),
    ("wbc", "10*9/L", 1),
    ("neut_abs", "10*9/L", 1),
    ("platelets", "10*9/L", 1),
    ("fibrinogen", "g/L", 0.01),
    ("d_dimer", "mg/L{FEU}", 0.001),
    ("d_dimer", "ng/mL{DDU}", 0.5),
    ("peep", "mm[Hg]", 0.73556),
    ("peep", "kPa", 0.098067),
]

PAIRS = st.sampled_from([(concept(name), unit) for name, unit, _ in FACTORS] + [(concept("temp"), "[degF]")])


@pytest.mark.parametrize(("name", "unit", "factor"), FACTORS)
def test_every_factor_of_the_reference_is_reproduced(name: str, unit: str, factor: float) -> None:
    """A value in the reference's other unit comes back in the canonical unit, within half a percent."""
    c = concept(name)
    for canonical in filter(None, (c.hard_low, c.normal_high, c.hard_high)):
        assert to_canonical(canonical * factor, unit, c) == pytest.approx(canonical, rel=0.005)


@pytest.mark.parametrize("c", CONCEPTS.values(), ids=lambda c: c.id)
def test_every_canonical_unit_parses_and_is_itself(c: Concept) -> None:
    """Each canonical unit of the list is a unit, and converting into itself changes nothing."""
    value = c.normal_high or c.hard_high or 1.0
    assert to_canonical(value, c.unit, c) == value


def test_every_canonical_unit_is_ucum() -> None:
    """The UCUM parser reads each canonical unit (annotations such as {score} carry no dimension)."""
    registry = _library()
    for unit in sorted({c.unit for c in CONCEPTS.values()} - {"[pH]"}):  # [pH] is UCUM, but pint has no such unit
        assert registry.from_ucum(unit) is not None


@given(PAIRS, st.floats(0.01, 1e5))
def test_there_and_back_is_the_identity(pair: tuple[Concept, str], value: float) -> None:
    """Converting a canonical value to another unit and back returns it."""
    c, unit = pair
    assert to_canonical(from_canonical(value, unit, c), unit, c) == pytest.approx(value, rel=1e-4, abs=1e-5)


@given(PAIRS, st.floats(0.01, 1e4), st.floats(0.01, 1e4))
def test_a_conversion_keeps_the_order_of_values(pair: tuple[Concept, str], a: float, b: float) -> None:
    """What is higher in one unit is not lower in the other."""
    c, unit = pair
    low, high = sorted((a, b))
    assert to_canonical(low, unit, c) <= to_canonical(high, unit, c)


@pytest.mark.parametrize(
    ("name", "value", "unit", "expected"),
    [
        ("temp", 98.6, "Deg. F", 37.0),
        ("temp", 100.4, "?F", 38.0),  # exactly 38.0: SIRS asks for more than 38.0
        ("temp", 36.8, "?C", 36.8),
        ("temp", 36.8, "°C", 36.8),
        ("temp", 36.8, "Deg. C", 36.8),
        ("temp", 310.15, "K", 37.0),
        ("hr", 80, "bpm", 80),
        ("hr", 80, "BPM", 80),
        ("rr", 16, "insp/min", 16),
        ("rr", 16, "breaths/min", 16),
        ("map", 65, "mmHg", 65),
        ("map", 65, "MM HG", 65),
        ("peep", 5, "cmH2O", 5),
        ("compliance_dyn", 40, "mL/cmH2O", 40),
        ("k", 4.1, "mEq/L", 4.1),
        ("k", 4.1, "MEQ/L", 4.1),
        ("mg", 1.6, "mEq/L", 1.94),  # two charges per magnesium
        ("ca_ion", 2.4, "meq/L", 1.2),
        ("platelets", 150, "K/uL", 150),
        ("platelets", 150, "10^3/µL\t", 150),
        ("platelets", 150, "x10^9/L", 150),
        ("platelets", 150, "G/L", 150),
        ("platelets", 150, "10E9/L", 150),
        ("platelets", 150_000, "/mm3", 150),
        ("wbc", 11_000, "#/uL", 11),
        ("creatinine", 106, "µmol/l", 1.2),
        ("creatinine", 106, "UMOL/L", 1.2),
        ("hb", 9.1, "gm/dl", 9.1),
        ("alt", 30, "IU/L", 30),
        ("o2_flow", 4, "lpm", 4),
        ("pt", 13.1, "sec", 13.1),
        ("pt", 13.1, "SECONDS", 13.1),
        ("osm_meas", 290, "MOSM/KG", 290),
        ("height", 70, "inches", 177.8),
        ("weight", 176.37, "lbs", 80.0),
        ("inr", 1.2, "Ratio", 1.2),
        ("gcs_total", 15, "points", 15),
        ("gcs_total", 15, "", 15),
        ("ph_art", 7.4, "units", 7.4),
        ("ph_art", 40, "nmol/L", 7.398),
        ("egfr", 60, "mL/min/1.73m2", 60),
        ("cardiac_index", 2.5, "L/min/m²", 2.5),
        ("fio2", 40, "%", 0.4),
        ("fio2", 0.4, "1", 0.4),
        ("fio2", 40, "", 0.4),
        ("fio2", 21, "%", 0.21),
        ("fio2", 1, "1", 1),
        ("fio2", 100, "%", 1),
        ("urine", 0.3, "L", 300),
        ("uo_rate_6h", 0.5, "mL/kg/hr", 0.5),
    ],
)
def test_chart_spellings_are_read(name: str, value: float, unit: str, expected: float) -> None:
    """The spellings seen on charts of several systems mean what their readers mean by them."""
    assert to_canonical(value, unit, concept(name)) == pytest.approx(expected, rel=0.003)


def test_a_threshold_is_not_crossed_by_rounding() -> None:
    """100.4 °F is 38.0 °C and 120 g/L is 12 g/dL to the last bit, so no score turns on a rounding error."""
    assert to_canonical(100.4, "[degF]", concept("temp")) == 38.0
    assert to_canonical(120, "g/L", concept("hb")) == 12.0
    assert to_canonical(2, "mg/L{FEU}", concept("d_dimer")) == 2000.0


@pytest.mark.parametrize(
    ("name", "value", "unit", "error"),
    [
        ("creatinine", 77.7, "furlong", UnknownUnit),
        ("hr", 77.7, "", UnknownUnit),
        ("spo2", 77.7, "", UnknownUnit),
        ("hr", 77.7, "mmHg", ImpossibleUnit),
        ("hr", 77.7, "ug/kg/min", ImpossibleUnit),  # kilograms of body must not cancel against the drug
        ("spo2", 77.7, "mmHg", ImpossibleUnit),
        ("albumin", 77.7, "mmol/L", ImpossibleUnit),
        ("phosphate", 77.7, "mEq/L", ImpossibleUnit),  # its charge depends on pH
        ("hb", 77.7, "G/DL", UnknownUnit),  # UCUM: gauss
        ("bun", 77.7, "Cel", ImpossibleUnit),  # a molar mass makes no degrees (review of 0.1, fault 1)
        ("bun", 77.7, "dB", UnknownUnit),
        ("temp", 77.7, "Cel/min", UnknownUnit),
        ("wbc", 77.7, "103/uL", UnknownUnit),  # a lost exponent, not 103
        ("wbc", 77.7, "10*999999999/L", UnknownUnit),
        ("gcs_total", 77.7, "mmHg", ImpossibleUnit),
        ("gcs_total", 77.7, "None", UnknownUnit),
        ("fio2", 77.7, "L/min", ImpossibleUnit),
        ("ph_art", 77.7, "mmol/L", ImpossibleUnit),
        ("ph_art", -77.7, "nmol/L", ImpossibleValue),
        ("hr", 77.7, "((((", UnknownUnit),
        ("hr", 77.7, "\x00", UnknownUnit),
        ("hr", 77.7, "m" * (UNIT_CHARS_MAX + 1), UnknownUnit),
    ],
)
def test_a_refusal_names_the_units_and_never_the_value(
    name: str, value: float, unit: str, error: type[ValueError]
) -> None:
    """Unknown and impossible units are refused in one line that names the concept and keeps the value private."""
    with pytest.raises(error) as refusal:
        to_canonical(value, unit, concept(name))
    assert str(refusal.value).startswith(f"{name}: expected ")
    assert "77.7" not in str(refusal.value)
    assert len(str(refusal.value)) < 200


@pytest.mark.parametrize(
    ("value", "unit"), [(0.2, "1"), (15, "1"), (0.5, "%"), (20.9, "%"), (101, "%"), (1.01, ""), (math.nan, "1")]
)
def test_an_oxygen_fraction_is_never_guessed(value: float, unit: str) -> None:
    """FiO2 that is neither a fraction 0.21–1 nor a percent 21–100 stays outside its limits: nothing scores it."""
    fio2 = concept("fio2")
    assert not fio2.plausible(to_canonical(value, unit, fio2))


TRIED = ["g", "L", "mol", "eq", "osm", "m", "s", "Pa", "m[Hg]", "m[H2O]", "U", "kat", "[IU]", "min", "h", "d", "%",
         "Cel", "[degF]", "K", "[degRe]", "[lb_av]", "[in_i]", "V", "J", "Hz", "Np", "B", "B[V]", "[pH]"]  # fmt: skip
ODD = ["dB[SPL]", "[pH].[degF]", "[hp'_X]", "[p'diop]", "%[slope]", "deg", "'", "''", "{a}", "{}", "{{", "[]", "[",
       "]", "(", ")", "((g))", "g(", "None", "1", "", " ", "g{note}", "{note}g", "mg/(dL.h)"]  # fmt: skip
BOMBS = ["10*99", "10*-99", "10*999999999/L", "10^99.10^99.10^99.10^99", "1/10*-99.10*-99.10*-99.10*-99", "g99/L99",
         "g9.g9.g9.g9.g9.g9.g9.g9.g9.g9.g9.g9.g9", "Gg9/pL9", "(" * 19 + "g" + ")" * 19, "/" * 40, "." * 40, "{" * 40,
         "g/L/L/L/L/L/L/L/L/L/L/L/L/L/L/L/L/L/L/L", "103/uL", "9" * 40, "1e308", "-1", "g-9", "L+9/m-9"]  # fmt: skip
UNICODE = ["µg/l", "μmol/L", "℃", "㎎/㎗", "g\u202e/L", "g\x00/L", "\ud800", "mg⁻¹", "m²", "١٠*٣/uL", "é{é}", "🜚"]
UNITS = [
    *(prefix + atom for atom in TRIED for prefix in ("", "m", "u", "da", "Y", "/")),
    *(f"{atom}{more}" for atom in TRIED for more in ("2", "-1", "/L", "/kg", "/min", "/Cel", ".s")),
    *(ODD + BOMBS + UNICODE),
    *sorted({c.unit for c in CONCEPTS.values()}),
]
PAIR_SECONDS_MAX = 0.01  # of CPU; measured 0.0005 at most on one slow core, what is cached forgotten
NUMBERS = (0.0, 37.0, -1.0, 1e15, -1e300, 5e-324, math.inf, math.nan)
WEIGHTS = (None, 80.0, 0.0, -1.0, 1e-300, 1e300, math.nan, math.inf)


@pytest.mark.parametrize("c", CONCEPTS.values(), ids=lambda c: c.id)
def test_every_pair_of_concept_and_unit_converts_or_is_refused(c: Concept) -> None:
    """Whatever a unit is (degrees, decibels, powers, bombs): each of its numbers converts or is refused, at once."""

    def converted(unit: str) -> None:
        for number in NUMBERS:
            try:
                assert isinstance(to_canonical(number, unit, c), float)
                assert isinstance(from_canonical(number, unit, c), float)
            except (UnknownUnit, ImpossibleUnit) as refusal:
                assert str(refusal).startswith(f"{c.id}: expected ")  # noqa: PT017

    for unit in UNITS:
        seconds = cpu_seconds(partial(converted, unit), PAIR_SECONDS_MAX, forget=_find.cache_clear)
        assert seconds <= PAIR_SECONDS_MAX, unit


@pytest.mark.parametrize("d", DRUGS.values(), ids=lambda d: d.id)
def test_every_pair_of_drug_and_unit_converts_or_is_refused(d: Drug) -> None:
    """The same for rates and amounts, with any weight."""

    def converted(unit: str) -> None:
        for weight in WEIGHTS:
            for convert in (rate_to_canonical, amount_to_canonical):
                try:
                    assert isinstance(convert(37.0, unit, d, weight), float)
                except (UnknownUnit, ImpossibleUnit, WeightNeeded) as refusal:
                    assert str(refusal).startswith(f"{d.id}: ")  # noqa: PT017

    for unit in [*UNITS, "mcg/kg/min", "mL/hour", "units/kg/h", "mEq", "dose", "ug/(kg.min)"]:
        seconds = cpu_seconds(partial(converted, unit), PAIR_SECONDS_MAX, forget=_find_dose.cache_clear)
        assert seconds <= PAIR_SECONDS_MAX, unit


@given(st.text(max_size=60), st.sampled_from([*CONCEPTS.values()]))
def test_any_text_is_a_unit_or_a_refusal(text: str, c: Concept) -> None:
    """No text in the place of a unit raises anything but a refusal."""
    try:
        said = str(to_canonical(0.5, text, c))
    except (UnknownUnit, ImpossibleUnit) as refusal:
        said = str(refusal)
    assert said.startswith(f"{c.id}: expected ") or math.isfinite(float(said))


@pytest.mark.parametrize(
    ("ucum", "factor", "dimension"),
    [
        ("mm[Hg]", 133.322387415, {"[mass]": 1, "[length]": -1, "[time]": -2}),
        ("g/L/min.m", 1 / 60, {"[mass]": 1, "[length]": -2, "[time]": -1}),  # read from the left: ((g/L)/min).m
        ("/uL", 1e9, {"[length]": -3}),
        ("10*3/uL", 1e12, {"[length]": -3}),
        ("s-1.s", 1.0, {}),
        ("U/L", 1e-6 / 60 / 1e-3, {"[substance]": 1, "[time]": -1, "[length]": -3}),
    ],
)
def test_a_unit_has_the_size_that_ucum_gives_it(ucum: str, factor: float, dimension: dict[str, int]) -> None:
    """Terms, prefixes, powers and divisions multiply as UCUM says."""
    found = size(ucum)
    assert found.factor == pytest.approx(factor)
    assert found.dimension == dimension


@pytest.mark.parametrize("text", ["", ".", "/", ".g", "g.", "g//L", "/mg/dL", "103/uL", "3", "10*99.10*99.10*99.10*99"])
def test_what_is_no_unit_has_no_size(text: str) -> None:
    """Bombs, lost exponents, loose ends, and what two readers of UCUM read in two ways."""
    with pytest.raises(UnknownUnit):
        size(text)


@given(st.lists(st.tuples(st.sampled_from("./"), st.sampled_from(["mg", "dL", "mm[Hg]", "h", "meq", "[lb_av]", "m2"])),
                min_size=1, max_size=4))  # fmt: skip
def test_sizes_are_those_of_the_unit_library(terms: list[tuple[str, str]]) -> None:
    """Any product of units is as large as the UCUM parser of the unit library makes it."""
    ucum = "".join(by + term for by, term in terms)[1:]
    theirs = _library().from_ucum(ucum).to_base_units()
    assert size(ucum).factor == pytest.approx(float(theirs.magnitude), rel=1e-9)
    assert size(ucum).dimension == {str(base): int(power) for base, power in theirs.dimensionality.items()}


@cache
def _library() -> Any:
    """Pint, with UCUM's definitions as ucumvert reads them."""
    from ucumvert import PintUcumRegistry  # type: ignore[import-untyped]

    return PintUcumRegistry()


@pytest.mark.parametrize("name", ATOMS)
def test_every_atom_is_as_large_as_the_unit_library_says(name: str) -> None:
    """Our table of sizes, entry by entry, prefixes included."""
    theirs = _library().from_ucum(name).to_base_units()
    assert ATOMS[name].factor == pytest.approx(float(theirs.magnitude), rel=1e-12)
    assert ATOMS[name].dimension == {str(base): int(power) for base, power in theirs.dimensionality.items()}


@given(st.floats(-500, 500), st.sampled_from(sorted(DEGREES)), st.sampled_from(sorted(DEGREES)))
def test_temperatures_are_those_of_the_unit_library(value: float, scale: str, to: str) -> None:
    """Each scale on each other."""
    names = {"Cel": "degC", "[degF]": "degF", "K": "kelvin"}
    theirs = _library().Quantity(value, names[scale]).to(names[to]).magnitude
    assert degrees(value, scale, to) == pytest.approx(theirs, rel=1e-12, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "value", "unit", "weight", "expected"),
    [
        ("norepinephrine", 24, "mg/h", 80, 5.0),  # mg/h = ug/kg/min x kg x 0.06
        ("norepinephrine", 0.1, "mcg/kg/min", None, 0.1),
        ("norepinephrine", 0.1, "mcgkgmin", None, 0.1),
        ("norepinephrine", 8, "ug/min", 80, 0.1),
        ("vasopressin", 1.8, "units/hour", None, 0.03),  # U/h = U/min x 60
        ("vasopressin", 1.8, "Uhr", None, 0.03),
        ("vasopressin", 30, "mU/min", None, 0.03),
        ("propofol", 3, "mg/kg/hour", None, 50.0),  # mg/kg/h = ug/kg/min x 0.06
        ("nitroglycerin", 1, "ug/kg/min", 70, 70.0),
        ("insulin_regular", 0.1, "U/kg/h", 70, 7.0),
        ("heparin", 18, "U/kg/h", 70, 1260.0),
        ("potassium_chloride", 10, "mEq./hour", None, 10.0),
        ("saline_0_9", 125, "mL/hour", None, 125.0),
        ("saline_0_9", 1, "L/h", None, 1000.0),
        ("angiotensin_ii", 0.02, "ug/kg/min", None, 20.0),
        ("oxygen", 4, "lpm", None, 4.0),
    ],
)
def test_rates_follow_the_reference(name: str, value: float, unit: str, weight: float | None, expected: float) -> None:
    """Infusion rates convert as table 2.7 says, by weight where one side is per kilogram."""
    assert rate_to_canonical(value, unit, drug(name), weight) == pytest.approx(expected)


@pytest.mark.parametrize("weight", [None, 1.0, 0.0, math.nan, 900.0])
def test_a_rate_by_weight_needs_a_real_weight(weight: float | None) -> None:
    """Without a weight, or with the charted 1 kg of a known trap, a rate by weight is refused and says why."""
    with pytest.raises(WeightNeeded, match="weight"):
        rate_to_canonical(24, "mg/h", drug("norepinephrine"), weight)


@pytest.mark.parametrize(
    ("name", "unit", "error"),
    [
        ("norepinephrine", "mL/hour", ImpossibleUnit),
        ("norepinephrine", "mg", ImpossibleUnit),
        ("norepinephrine", "U/h", ImpossibleUnit),
        ("insulin_regular", "mg/h", ImpossibleUnit),
        ("magnesium_sulfate", "mEq/h", ImpossibleUnit),
        ("blood_culture", "mg/h", ImpossibleUnit),
        ("saline_0_9", "banana", UnknownUnit),
        ("saline_0_9", "", UnknownUnit),
        ("saline_0_9", "mL/h/h", UnknownUnit),
        ("saline_0_9", "x" * 999, UnknownUnit),
    ],
)
def test_a_rate_that_cannot_be_is_refused(name: str, unit: str, error: type[ValueError]) -> None:
    """A rate in a unit that the drug cannot have is refused in one line."""
    with pytest.raises(error) as refusal:
        rate_to_canonical(77.7, unit, drug(name), 80)
    assert "77.7" not in str(refusal.value)
    assert len(str(refusal.value)) < 200


@pytest.mark.parametrize("d", DRUGS.values(), ids=lambda d: d.id)
def test_every_drug_unit_is_one(d: Drug) -> None:
    """Each canonical rate and amount of the list converts into itself."""
    if d.rate_unit is not None:
        assert rate_to_canonical(2.5, d.rate_unit, d) == 2.5
    if d.amount_unit is not None:
        assert amount_to_canonical(2.5, d.amount_unit, d) == 2.5


@pytest.mark.parametrize(
    ("name", "value", "unit", "expected"),
    [
        ("meropenem", 1, "grams", 1000),
        ("lactated_ringer", 1, "L", 1000),
        ("lactated_ringer", 500, "cc", 500),
        ("insulin_regular", 10, "units", 10),
        ("potassium_chloride", 20, "mEq", 20),
        ("hydrocortisone", 50, "mg", 50),
    ],
)
def test_amounts_are_read(name: str, value: float, unit: str, expected: float) -> None:
    """Doses and volumes come in the canonical amount of their item."""
    assert amount_to_canonical(value, unit, drug(name)) == pytest.approx(expected)
