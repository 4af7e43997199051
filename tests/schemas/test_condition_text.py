"""Conditions read and write as text without loss."""

from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import conditions as c
from schemas.codes.concepts import CONCEPTS
from schemas.codes.drugs import DRUGS, classes
from schemas.conditions.text import DEPTH_MAX, PERSON, BadCondition, parse, write

NUMERIC = sorted(k for k, concept in CONCEPTS.items() if concept.kind != "coded")
CODED = sorted(k for k, concept in CONCEPTS.items() if concept.kind == "coded" and concept.codes)
ITEMS = st.sampled_from(sorted({*DRUGS, *classes()}))
SPANS = st.one_of(
    st.integers(1, 3000).map(lambda n: timedelta(minutes=n)), st.integers(1, 90).map(lambda n: timedelta(seconds=n))
)
NUMBERS = st.integers(-10_000, 10_000).map(lambda n: n / 100)
OPS = st.sampled_from(list(c.Op))
QUANTITIES = st.sampled_from(NUMERIC)
FACTS = st.sampled_from(["perf.mottled", "bleed.*", "resp.pulm_oedema"])


@st.composite
def coded(draw: st.DrawFn) -> c.Condition:
    quantity = draw(st.sampled_from(CODED))
    words = [code for code in CONCEPTS[quantity].codes if code.isidentifier()]
    if not words:
        quantity, words = "acvpu", list("ACVPU")
    return c.Coded(quantity, tuple(draw(st.lists(st.sampled_from(words), min_size=1, max_size=3))))


LEAVES = st.one_of(
    st.builds(c.Compare, QUANTITIES, OPS, NUMBERS, st.none() | SPANS),
    coded(),
    st.builds(c.Windowed, st.sampled_from(list(c.Aggregate)), QUANTITIES, SPANS, OPS, NUMBERS),
    st.builds(c.Change, QUANTITIES, st.booleans(), NUMBERS, SPANS, st.booleans()),
    st.builds(c.Trend, QUANTITIES, SPANS, OPS, NUMBERS),
    st.builds(c.Noted, FACTS, SPANS, st.booleans()),
    st.builds(c.On, ITEMS),
    st.builds(c.Given, ITEMS, SPANS),
    st.builds(c.Ordered, ITEMS, SPANS),
    st.builds(c.Rate, ITEMS, OPS, NUMBERS, st.none() | SPANS),
    st.builds(c.Total, ITEMS, SPANS, OPS, NUMBERS, st.booleans()),
    st.builds(c.Diagnosed, st.just("heart_failure")),
    st.builds(c.Allergic, st.just("penicillin"), st.none() | st.just("anaphylaxis")),
    st.builds(c.Person, st.sampled_from(PERSON), OPS, NUMBERS),
    st.builds(c.Named, st.just("hypotension")),
    st.builds(c.Expected, QUANTITIES, SPANS, OPS, NUMBERS, st.sampled_from([0.05, 0.1, 0.5, 0.9])),
)


def _combine(children: st.SearchStrategy[c.Condition]) -> st.SearchStrategy[c.Condition]:
    parts = st.lists(children, min_size=1, max_size=3).map(tuple)
    return st.one_of(
        st.builds(c.AllOf, parts),
        st.builds(c.AnyOf, parts),
        st.builds(c.NoneOf, parts),
        parts.flatmap(lambda p: st.builds(c.AtLeastOf, st.integers(1, len(p)), st.just(p))),
        st.builds(c.Chance, children, SPANS, st.sampled_from([0.05, 0.5, 0.71])),
    )


CONDITIONS = st.recursive(LEAVES, _combine, max_leaves=8)


@given(CONDITIONS)
def test_text_and_data_are_the_same_condition(condition: c.Condition) -> None:
    """Writing a condition and reading it back gives the condition, and writing again gives the text."""
    text = write(condition)
    assert parse(text) == condition
    assert write(parse(text)) == text


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("map below 65 for 15 min", c.Compare("map", c.Op.BELOW, 65, timedelta(minutes=15))),
        ("heart_rate rises_by 20 within 15 min", c.Change("hr", True, 20, timedelta(minutes=15))),
        ("news2 at_least 7", c.Compare("news2", c.Op.AT_LEAST, 7)),
        ("lactate above 4", c.Compare("lactate", c.Op.ABOVE, 4)),
        ("acvpu is C or V", c.Coded("acvpu", ("C", "V"))),
        ("creatinine rises_by 50 % within 7 d", c.Change("creatinine", True, 50, timedelta(days=7), percent=True)),
        ("on any vasopressor", c.On("vasopressor")),
        ("age at_least 65", c.Person("age", c.Op.AT_LEAST, 65)),
    ],
)
def test_the_forms_of_the_design_are_read(text: str, condition: c.Condition) -> None:
    """A clinician's own words for each kind of question become that question."""
    assert parse(text) == condition


def test_every_whole_percent_is_written_as_it_is_read() -> None:
    """0.29 times 100 is a little less than 29 and is written 29, not 29 with a point and nothing behind it."""
    for percent in range(1, 100):
        text = f"chance of (map below 65) within 4 h at_least {percent} %"
        assert write(parse(text)) == text


def test_a_unit_is_converted_on_reading() -> None:
    """A lactate threshold in mg/dL is kept in mmol/L."""
    condition = parse("lactate above 36.03 mg/dL")
    assert isinstance(condition, c.Compare)
    assert condition.value == pytest.approx(4.0, rel=0.005)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("blood_pressurre below 65", "blood_pressurre"),
        ("map below", "near"),
        ("map beneath 65", "near 'beneath"),
        ("acvpu is X", "expected one of"),
        ("map below 65 for 0 min", "longer than zero"),
        ("at_least 3 of (map below 65; lactate above 2)", "between 1 and 2"),
        ("map below 65 furlong", "furlong"),
        ("chance of (map below 65) within 4 h at_least 150 %", "between 0 and 100"),
        ("any_of(" * (DEPTH_MAX + 1) + "map below 65" + ")" * (DEPTH_MAX + 1), "nested"),
        ("x" * 5000, "characters"),
        ("", "near"),
    ],
)
def test_a_bad_condition_says_what_was_expected(text: str, says: str) -> None:
    """Text that is no condition is refused with what was expected or found."""
    with pytest.raises(BadCondition, match=says.replace("(", r"\(")):
        parse(text)


@given(st.text(max_size=80))
def test_any_text_is_a_condition_or_a_bad_condition(text: str) -> None:
    """Reading never fails in another way than BadCondition."""
    with suppress(BadCondition):
        parse(text)


def test_no_name_is_both_a_drug_and_a_class() -> None:
    """`on insulin` can mean only one thing."""
    assert not set(DRUGS) & set(classes())
