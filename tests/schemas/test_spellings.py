"""Each spelling of a unit that a chart may hold is read, each atom of UCUM has its size, each dose its factor."""

import math
import re
from collections.abc import Callable
from typing import Any

import pytest

from schemas.codes.concepts import concept
from schemas.codes.drugs import Drug, drug
from schemas.codes.ucum import UnknownUnit, size
from schemas.codes.units import (
    UNIT_CHARS_MAX,
    ImpossibleUnit,
    WeightNeeded,
    amount_to_canonical,
    from_canonical,
    rate_to_canonical,
    to_canonical,
    to_ucum,
)

# What stands alone: UCUM, and how charts write it. Those in EXACT mean something else in another case.
EXACT = {"Cel": ("C",), "[degF]": ("F",), "10*3/uL": ("K/uL", "K/UL", "K/mm3", "K/µL", "K/μL"),
         "10*9/L": ("G/L", "G/l"), "mg/dL": ("mg per dL",), "ug/mL": ("µg/mL", "μg/mL")}  # fmt: skip
ALONE = {
    "mm[Hg]": ("mmHg", "torr", "mm[Hg]", "mm Hg"),
    "cm[H2O]": ("cmH2O", "cmH20", "cm[H2O]", "cm H2O"),
    "Cel": ("°C", "?C", "degC", "deg.C", "Deg. C.", "Celsius", "℃", "cel"),
    "[degF]": ("°F", "?F", "degF", "deg.F", "Deg. F.", "Fahrenheit", "℉", "[degF]"),
    "/min": ("bpm", "beats/min", "insp/min", "breaths/min", "br/min", "resp/min", "/minute"),
    "L/min": ("lpm", "L/m", "liters/min", "litres/min"),
    "%": ("percent",),
    "10*3/uL": ("thousand/uL", "thou/uL", "10e3/uL", "x10e3/uL", "10^3/uL", "10³/uL", "giga/L", "Gpt/L"),
    "/uL": ("#/uL", "cells/uL", "/mic l", "cells/mm3", "/cmm", "/mm³"),
    "[lb_av]": ("lb", "lbs", "pound", "pounds"),
    "[in_i]": ("in", "inch", "inches"),
    "s": ("seconds", "second", "sec", "secs", "sec."),
    "mL/min/{1.73_m2}": ("mL/min/1.73m2", "mL/min/1.73 m^2", "mL/min/1.73 m²"),
    "ng/mL{FEU}": ("ng/mL FEU", "ng/mL{FEU}", "ng FEU/mL"),
    "ng/mL{DDU}": ("ng/mL DDU", "ng/mL{DDU}", "ng DDU/mL"),
    "mg/L{FEU}": ("ug/mL FEU", "mcg/mL FEU", "ug/mL{FEU}", "ug FEU/mL", "mg/L FEU", "mg/L{FEU}"),
    "mg/L{DDU}": ("ug/mL DDU", "mcg/mL DDU", "ug/mL{DDU}", "ug DDU/mL", "mg/L DDU", "mg/L{DDU}"),
    "L/min/m2": ("L/min/m²", "L/min/m^2", "L/min/m2", "liters/minute/m2"),
    "mg/dL": ("mg%", "mg/dL"),
    "g/dL": ("g%", "gm%", "grams/dL"),
    "ug/kg/min": ("mcgkgmin", "mcg/kg/min", "mcg/(kg.min)"),
    "ug/kg/h": ("mcgkghr",),
    "ug/min": ("mcgmin",),
    "ug/h": ("mcghr",),
    "mg/kg/h": ("mgkghr",),
    "mg/min": ("mgmin",),
    "mg/h": ("mghr",),
    "U/min": ("Umin",),
    "U/h": ("Uhr",),
}
# What stands between slashes.
PARTS = {
    "mg": ("mg",), "ug": ("ug", "mcg", "microgram", "micrograms"), "ng": ("ng",), "pg": ("pg",),
    "g": ("gm", "gms", "gram", "grams"), "kg": ("kg", "kgs", "kilogram", "kilograms"),
    "uL": ("uL", "mm3", "mm³", "cmm"),
    "mL": ("mL", "cc", "ccs", "mls", "milliliter", "milliliters"), "dL": ("dL",), "fL": ("fL",), "nL": ("nL",),
    "L": ("L", "liter", "liters", "litre", "litres"), "kPa": ("kPa",), "mm": ("mm",), "cm": ("cm",),
    "mmol": ("mmol",), "umol": ("umol",), "nmol": ("nmol",), "pmol": ("pmol",),
    "mosm": ("mosm", "mosm.", "mosmol", "mosmols"), "meq": ("meq", "meq.", "meqs"), "m2": ("m2", "m²", "m^2"),
    "U": ("U", "unit", "units", "IU", "[IU]"), "mm[Hg]": ("mmHg", "mm[Hg]"), "cm[H2O]": ("cmH2O", "cm[H2O]"),
    "min": ("min", "minute", "minutes"), "h": ("hr", "hrs", "hour", "hours"), "d": ("day", "days", "24h", "24hr"),
}  # fmt: skip
POWERS = {"10*3": ("10^3", "10**3", "10*3", "10e3", "10E3", "x10^3", "X10E3", "10^(3)", "10³", "×10³", "10*03"),
          "10*6": ("10^6", "10⁶"), "10*9": ("10^9", "10⁹"), "10*12": ("10^12", "10e12")}  # fmt: skip


def said(table: dict[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    """Each spelling of a table and its UCUM form."""
    return [(spelling, ucum) for ucum, spellings in table.items() for spelling in spellings]


@pytest.mark.parametrize(("spelling", "ucum"), said(EXACT))
def test_a_spelling_whose_case_matters_is_read_as_charts_mean_it(spelling: str, ucum: str) -> None:
    """K/uL are thousands and no kelvin, C and F degrees and no coulomb or farad."""
    assert to_ucum(f" {spelling}\t") == ucum


@pytest.mark.parametrize(("spelling", "ucum"), said(ALONE))
def test_a_spelling_is_read_in_any_case(spelling: str, ucum: str) -> None:
    """As it is written, in capitals, in small letters."""
    assert {to_ucum(spelling), to_ucum(spelling.upper()), to_ucum(spelling.lower())} == {ucum}


@pytest.mark.parametrize(("spelling", "ucum"), said(PARTS))
def test_a_part_between_slashes_is_read_in_any_case(spelling: str, ucum: str) -> None:
    """Above the line and below it: 24hr is a day, cc a millilitre."""
    for text in {spelling, spelling.upper(), spelling.lower()}:
        assert to_ucum(f"{text}/kg") == f"{ucum}/kg"
        assert to_ucum(f"mg/{text}/h") == f"mg/{ucum}/h"


@pytest.mark.parametrize(("spelling", "ucum"), said(POWERS))
def test_a_power_of_ten_is_read_however_it_is_raised(spelling: str, ucum: str) -> None:
    """10^3, 10E3, 10³: one power, so that a count is not a thousand times another."""
    assert to_ucum(f"{spelling}/L") == f"{ucum}/L"


@pytest.mark.parametrize(("spelling", "ucum"), [("mIU", "mU"), ("m[IU]", "mU"), ("uIU", "uU"), ("u[IU]", "uU")])
def test_thousandths_of_a_unit_are_not_millions(spelling: str, ucum: str) -> None:
    """In small letters only: MIU would be a million units, and stays unread."""
    assert to_ucum(f"{spelling}/L") == f"{ucum}/L"
    assert to_ucum(f"{spelling.upper()}/L") == f"{spelling.upper()}/L"


SIZES = {
    "g": 1e-3, "L": 1e-3, "l": 1e-3, "mol": 1.0, "eq": 1.0, "osm": 1.0, "m": 1.0, "s": 1.0, "Pa": 1.0, "bar": 1e5,
    "m[Hg]": 133322.387415, "m[H2O]": 9806.65, "U": 1e-6 / 60, "kat": 1.0, "Hz": 1.0, "J": 1.0, "cal": 4.184, "N": 1.0,
    "W": 1.0, "V": 1.0, "A": 1.0,
}  # fmt: skip
PLAIN = {"min": 60, "h": 3600, "d": 86400, "wk": 604800, "%": 0.01, "[lb_av]": 0.45359237, "[oz_av]": 0.028349523125,
         "[in_i]": 0.0254, "[ft_i]": 0.3048, "[foz_us]": 2.95735295625e-5, "[psi]": 6894.757293168, "atm": 101325.0,
         "1": 1.0, "Cel": 1.0, "[degF]": 1.0, "K": 1.0}  # fmt: skip
PREFIXES = {"": 1.0, "G": 1e9, "M": 1e6, "k": 1e3, "h": 1e2, "d": 0.1, "c": 1e-2, "m": 1e-3, "u": 1e-6, "n": 1e-9,
            "p": 1e-12, "f": 1e-15}  # fmt: skip


@pytest.mark.parametrize("atom", SIZES)
def test_an_atom_has_its_size_with_every_prefix(atom: str) -> None:
    """A milligram is a thousandth of a gram, a gigalitre a thousand million litres."""
    for prefix, times in PREFIXES.items():
        if prefix + atom != "hbar":
            assert size(prefix + atom).factor == pytest.approx(SIZES[atom] * times, rel=1e-9)


def test_a_hundred_bar_are_refused() -> None:
    """To the unit library `hbar` is a constant of physics; nobody charts a pressure in it."""
    with pytest.raises(UnknownUnit):
        size("hbar")


@pytest.mark.parametrize("atom", PLAIN)
def test_an_atom_without_prefixes_has_its_size_and_no_other(atom: str) -> None:
    """A minute is 60 s; there is no milliminute and no kilopercent."""
    assert size(atom).factor == pytest.approx(PLAIN[atom], rel=1e-6)
    for prefixed in () if atom == "1" else (f"k{atom}", f"m{atom}"):  # m1 is metres to the power of one
        with pytest.raises(UnknownUnit):
            size(prefixed)


# Of one unit of dose, how many of the canonical one of a drug that is dosed so
DOSES = {
    "meropenem": {"ng": 1e-6, "ug": 1e-3, "mg": 1.0, "g": 1e3},
    "dexmedetomidine": {"ng": 1e-3, "ug": 1.0, "mg": 1e3},
    "heparin": {"uU": 1e-6, "mU": 1e-3, "U": 1.0},
    "potassium_phosphate": {"nmol": 1e-6, "umol": 1e-3, "mmol": 1.0, "mol": 1e3},
    "potassium_chloride": {"meq": 1.0, "mmol": 1.0},
    "saline_0_9": {"uL": 1e-3, "mL": 1.0, "dL": 100.0, "L": 1e3},
}


@pytest.mark.parametrize(("name", "unit", "factor"), [(n, u, f) for n, of in DOSES.items() for u, f in of.items()])
def test_a_dose_in_any_size_is_the_same_dose(name: str, unit: str, factor: float) -> None:
    """A thousand of the small unit are one of the large."""
    assert amount_to_canonical(5000.0, unit, drug(name)) == pytest.approx(5000.0 * factor, rel=1e-9)


@pytest.mark.parametrize(("unit", "per_h"), [("mL/s", 3600.0), ("mL/min", 60.0), ("mL/h", 1.0), ("mL/d", 1 / 24)])
def test_a_rate_over_any_time_is_the_same_rate(unit: str, per_h: float) -> None:
    """One mL per minute is 60 mL/h."""
    assert rate_to_canonical(1.0, unit, drug("saline_0_9")) == pytest.approx(per_h, rel=1e-8)


def made_up(unit: str | None, valence: int | None = None) -> Drug:
    return Drug(id="salt", name="a salt", classes=frozenset({"none"}), amount_unit=unit, valence=valence)


def test_two_charges_make_two_equivalents_of_a_molecule() -> None:
    """Of a doubly charged salt 2 mEq are 1 mmol, either way; where the charge is not known they do not convert."""
    assert amount_to_canonical(2.0, "mEq", made_up("mmol", 2)) == 1.0
    assert amount_to_canonical(1.0, "mmol", made_up("meq", 2)) == 2.0
    assert amount_to_canonical(1.0, "mmol", made_up("mmol", 2)) == 1.0
    for unit, found in (("mmol", "mEq"), ("meq", "mmol")):
        with pytest.raises(ImpossibleUnit):
            amount_to_canonical(1.0, found, made_up(unit))


@pytest.mark.parametrize("found", ["mg", "mL", "U"])
def test_a_charge_makes_no_mass_and_no_volume(found: str) -> None:
    """A valence says how many charges a molecule has, and nothing of its mass."""
    for unit in ("mmol", "meq"):
        with pytest.raises(ImpossibleUnit):
            amount_to_canonical(1.0, found, made_up(unit, 1))


def test_what_has_no_unit_is_charted_without_one() -> None:
    """A culture has no amount, and the refusal repeats no more of what was found than a unit is long."""
    with pytest.raises(ImpossibleUnit, match=r"is charted without such a unit, found 'x{40}'$"):
        amount_to_canonical(1.0, "x" * 50, made_up(None))


@pytest.mark.parametrize(
    ("name", "unit", "sentence"),
    [
        ("norepinephrine", "mL/h", "does not convert (a volume needs the concentration)"),
        ("norepinephrine", "U/h", "does not convert"),
        ("saline_0_9", "mg/h", "does not convert"),
        ("norepinephrine", "ug/kg", "does not convert"),
        ("saline_0_9", "mL", "does not convert"),
        ("norepinephrine", "ug/kg/kg/min", "unknown"),
        ("norepinephrine", "ug/min/kg", "unknown"),
        ("norepinephrine", "ug/kg/fortnight", "unknown"),
        ("norepinephrine", "drops/min", "unknown"),
    ],
)
def test_a_rate_that_does_not_convert_says_why(name: str, unit: str, sentence: str) -> None:
    """Only a volume of a drug that is dosed otherwise is told to give the concentration."""
    with pytest.raises((ImpossibleUnit, UnknownUnit), match=f": {re.escape(sentence)}$"):
        rate_to_canonical(1.0, unit, drug(name), 80.0)


def test_a_body_weight_multiplies_or_divides() -> None:
    """Of 80 kg: 8 ug/min is 0.1 ug/kg/min, 0.1 U/kg/h are 8 U/h; nothing by weight needs no weight."""
    assert rate_to_canonical(8.0, "ug/min", drug("norepinephrine"), 80.0) == pytest.approx(0.1)
    assert rate_to_canonical(0.1, "U/kg/h", drug("insulin_regular"), 80.0) == pytest.approx(8.0)
    assert rate_to_canonical(0.1, "ug/kg/min", drug("norepinephrine"), 0.0) == 0.1
    with pytest.raises(WeightNeeded):
        rate_to_canonical(8.0, "ug/min", drug("norepinephrine"), 0.0)


@pytest.mark.parametrize(
    "unit", ["", "1", "ratio", "Ratio", "RATIO", "points", "score", "U", "pH", "PH", "[pH]", "decFrc", "{any}"]
)
def test_a_number_without_a_unit_may_say_so(unit: str) -> None:
    """Scores, ratios, fractions of oxygen: any way of saying that there is none."""
    for name, value in (("gcs_total", 14.0), ("inr", 1.5), ("ph_art", 7.31), ("fio2", 0.4)):
        assert to_canonical(value, unit, concept(name)) == value
        assert from_canonical(value, unit, concept(name)) == value


@pytest.mark.parametrize(
    ("name", "unit", "factor"),
    [
        ("d_dimer", "ng/mL{FEU}", 1.0), ("d_dimer", "mg/L{FEU}", 1000.0),
        ("d_dimer", "ng/mL{DDU}", 2.0), ("d_dimer", "mg/L{DDU}", 2000.0),
        ("spo2", "%", 1.0), ("spo2", "1", 100.0), ("spo2", "L/L", 100.0), ("fio2", "%", 0.01),
        ("temp", "Cel", 1.0), ("ca_ion", "meq/L", 0.5), ("ca_ion", "mmol/L", 1.0), ("na", "meq/L", 1.0),
    ],
)  # fmt: skip
def test_a_value_and_its_way_back(name: str, unit: str, factor: float) -> None:
    """To the canonical unit by its factor, and back to the same number."""
    assert to_canonical(50.0, unit, concept(name)) == pytest.approx(50.0 * factor, rel=1e-9)
    if name != "fio2":  # shown as the fraction that it is
        assert from_canonical(50.0 * factor, unit, concept(name)) == pytest.approx(50.0, rel=1e-9)


@pytest.mark.parametrize(("value", "canonical"), [(50.0, 10.0), (32.0, 0.0), (212.0, 100.0), (-40.0, -40.0)])
def test_degrees_have_another_zero(value: float, canonical: float) -> None:
    """Fahrenheit's 32 is Celsius' 0, and the way back is the way there."""
    assert to_canonical(value, "[degF]", concept("temp")) == pytest.approx(canonical, abs=1e-9)
    assert from_canonical(canonical, "[degF]", concept("temp")) == pytest.approx(value, abs=1e-9)


def test_hydrogen_ions_and_their_power() -> None:
    """40 nmol/L is pH 7.398, 100 nmol/L is 7.0; none at all is impossible, the least is not."""
    ph = concept("ph_art")
    assert to_canonical(40.0, "nmol/L", ph) == pytest.approx(9 - math.log10(40), abs=1e-9)
    assert to_canonical(100.0, "nmol/L", ph) == 7.0
    assert from_canonical(7.0, "nmol/L", ph) == pytest.approx(100.0)
    assert to_canonical(1e-3, "nmol/L", ph) == 12.0
    with pytest.raises(ImpossibleUnit):
        to_canonical(0.0, "nmol/L", ph)


# The atoms of a molecule and their masses (IUPAC, abridged); the reference gives the sum as molar mass.
MASS = {"H": 1.008, "C": 12.011, "N": 14.007, "O": 15.999, "Na": 22.99, "K": 39.098, "Cl": 35.45, "Ca": 40.078,
        "Mg": 24.305, "P": 30.974}  # fmt: skip
MOLECULES = {
    "hco3": "H C O3", "lactate": "C3 H6 O3", "na": "Na", "k": "K", "cl": "Cl", "bun": "N2", "creatinine": "C4 H7 N3 O",
    "glucose": "C6 H12 O6", "ca_total": "Ca", "ca_ion": "Ca", "ca_corr": "Ca", "mg": "Mg", "phosphate": "P",
    "bilirubin": "C33 H36 N4 O6", "bilirubin_direct": "C33 H36 N4 O6", "ammonia": "N H3", "bhb": "C4 H8 O3",
    "urine_na": "Na", "corrected_na": "Na",
}  # fmt: skip
CHARGES = {"hco3": 1, "base_excess": 1, "lactate": 1, "na": 1, "k": 1, "cl": 1, "ca_total": 2, "ca_ion": 2, "mg": 2,
           "urine_na": 1, "ag": 1, "ag_corr": 1, "ca_corr": 2, "corrected_na": 1}  # fmt: skip


@pytest.mark.parametrize("name", MOLECULES)
def test_a_molar_mass_is_that_of_its_atoms(name: str) -> None:
    """A mole of glucose weighs what six carbons, twelve hydrogens and six oxygens do."""
    atoms = [(word.rstrip("0123456789"), int(word.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") or 1))
             for word in MOLECULES[name].split()]  # fmt: skip
    assert concept(name).molar_mass == pytest.approx(sum(MASS[atom] * times for atom, times in atoms), rel=3e-4)


@pytest.mark.parametrize(("name", "g_per_mol"), [("hb", 16114.0), ("ntprobnp", 8457.0)])
def test_a_protein_weighs_what_its_reference_says(name: str, g_per_mol: float) -> None:
    """Haemoglobin as its monomer, as laboratories report it in mmol/L."""
    assert concept(name).molar_mass == g_per_mol


@pytest.mark.parametrize("name", CHARGES)
def test_a_milliequivalent_is_a_charge(name: str) -> None:
    """Calcium and magnesium carry two, the other ions one."""
    assert to_canonical(2.0, "mEq/L", concept(name)) == pytest.approx(
        to_canonical(2.0 / CHARGES[name], "mmol/L", concept(name)), rel=1e-9
    )
    assert concept(name).valence == CHARGES[name]


@pytest.mark.parametrize("room", [0, 1])
def test_a_unit_is_forty_letters_long_at_most(room: int) -> None:
    """Blanks count: what is longer is not even looked at."""
    cases: tuple[tuple[Callable[..., float], Any, str], ...] = (
        (rate_to_canonical, drug("saline_0_9"), "mL/h"),
        (to_canonical, concept("map"), "mmHg"),
    )
    for convert, what, unit in cases:
        padded = unit.ljust(UNIT_CHARS_MAX + room)
        if room:
            with pytest.raises(UnknownUnit):
                convert(1.0, padded, what)
        else:
            assert convert(1.0, padded, what) == 1.0
