"""The question language at its edges: operators, the limits of a text, and the words that a condition is written in."""

from datetime import timedelta

import pytest

from schemas import conditions as c
from schemas.clinical.forecasts import HORIZONS_H, LEVELS
from schemas.codes.concepts import CONCEPTS
from schemas.conditions.text import DEPTH_MAX, TEXT_CHARS_MAX, BadCondition, parse, write
from tests.knowledge.charts import DAY, HOUR, MINUTE


@pytest.mark.parametrize(
    ("op", "below", "at", "above"),
    [
        (c.Op.BELOW, True, False, False),
        (c.Op.AT_MOST, True, True, False),
        (c.Op.EQUALS, False, True, False),
        (c.Op.AT_LEAST, False, True, True),
        (c.Op.ABOVE, False, False, True),
    ],
)
def test_an_operator_holds_on_its_side_of_the_bound(op: c.Op, below: bool, at: bool, above: bool) -> None:
    """`below` and `above` are strict, `at_most` and `at_least` take the bound in."""
    assert (op.holds(64.9, 65), op.holds(65, 65), op.holds(65.1, 65)) == (below, at, above)


def test_a_fan_answers_at_the_promised_levels_and_horizons() -> None:
    """5 to 95 %, a quarter of an hour to a day: what rules, boards and evaluations rest on."""
    assert LEVELS == (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
    assert HORIZONS_H == (0.25, 0.5, 1, 2, 4, 6, 12, 24)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("1 s", timedelta(seconds=1)),
        ("90 s", timedelta(seconds=90)),
        ("1 min", MINUTE),
        ("90 min", 90 * MINUTE),
        ("1 h", HOUR),
        ("36 h", 36 * HOUR),
        ("1 d", DAY),
        ("0.5 s", timedelta(seconds=0.5)),
    ],
)
def test_a_duration_is_written_in_the_largest_whole_unit(text: str, span: timedelta) -> None:
    """60 s is written as 1 min, 24 h as 1 d, 90 min stays."""
    condition = c.Compare("map", c.Op.BELOW, 65, span)
    assert write(condition) == f"map below 65 for {text}"
    assert parse(f"map below 65 for {text}") == condition
    assert parse(f"map below 65 for {span.total_seconds():g} s") == condition


@pytest.mark.parametrize("name", ["age", "lvef", "usual_sbp", "baseline_creatinine", "baseline_sofa"])
def test_numbers_of_the_record_are_compared_without_unit_or_window(name: str) -> None:
    """Each number of the patient record is asked as such, never as a concept with a past."""
    assert parse(f"{name} above 2") == c.Person(name, c.Op.ABOVE, 2)
    for more in ("for 1 h", "mmol/L"):
        with pytest.raises(BadCondition, match="no unit and no window"):
            parse(f"{name} above 2 {more}")


def test_a_text_is_as_long_and_as_deep_as_it_may_be() -> None:
    """The limits themselves are allowed, one more is not."""
    at_limit = "hr above 100".ljust(TEXT_CHARS_MAX)
    assert parse(at_limit) == parse("hr above 100")
    with pytest.raises(BadCondition, match=f"at most {TEXT_CHARS_MAX} characters, found {TEXT_CHARS_MAX + 1}"):
        parse(at_limit + " ")
    deep = "any_of(" * DEPTH_MAX + "hr above 100" + ")" * DEPTH_MAX
    assert parse(deep)
    with pytest.raises(BadCondition, match=f"at most {DEPTH_MAX} nested"):
        parse(f"any_of({deep})")
    wide = "any_of(" + "; ".join(["any_of(hr above 100)"] * (DEPTH_MAX + 1)) + ")"
    assert parse(wide)  # brackets side by side are not deep


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("chance of (hr above 100) within 4 h at_least 0 %", "between 0 and 100 %"),
        ("chance of (hr above 100) within 4 h at_least 100 %", "between 0 and 100 %"),
        ("at_least 0 of (hr above 100)", "between 1 and 1, found 0"),
        ("at_least 2 of (hr above 100)", "between 1 and 1, found 2"),
        ("at_least 1.5 of (hr above 100; rr above 20)", "between 1 and 2, found 1.5"),
        ("hr above 100 for 0 s", "longer than zero"),
        ("hr rises_by 20 mmHg within 1 h", "plain number or a percentage of change, found unit mmHg"),
        ("total of any crystalloid over 1 h above 500 L", "mL or mL/kg for a total, found L"),
        ("on nothing_of_the_kind", "nothing_of_the_kind"),
        ("allergic penicillin with sneezing", "sneezing"),
    ],
)
def test_what_is_no_question_is_refused(text: str, why: str) -> None:
    """Counts, chances, durations and units that mean nothing are refused with what was expected."""
    with pytest.raises(BadCondition, match=why):
        parse(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("chance of (hr above 100) within 4 h at_least 1 %", 0.01),
        ("chance of (hr above 100) within 4 h at_least 99.9 %", 0.999),
        ("chance of (hr above 100) within 4 h at_least 50 %", 0.5),
    ],
)
def test_a_chance_is_kept_as_a_fraction(text: str, said: float) -> None:
    """50 % is 0.5."""
    asked = parse(text)
    assert isinstance(asked, c.Chance)
    assert asked.at_least == pytest.approx(said)


def test_a_level_is_written_unless_it_is_the_median() -> None:
    """`expected` alone means the median; another level is said as `q`."""
    assert parse("expected map in 1 h below 65") == c.Expected("map", HOUR, c.Op.BELOW, 65, 0.5)
    assert write(c.Expected("map", HOUR, c.Op.BELOW, 65)) == "expected map in 1 h below 65"
    assert write(c.Expected("map", HOUR, c.Op.BELOW, 65, 0.1)) == "q 10 of expected map in 1 h below 65"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("lactate above 36.032 mg/dL", 4.0),
        ("temp above 100.4 [degF]", 38.0),
        ("creatinine above 176.84 umol/L", 2.0),
        ("glucose at_least 10 mmol/L", 180.15),
        ("fio2 above 40 %", 0.4),
        ("map below 8.6658 kPa", 65.0),
        ("hb below 70 g/L", 7.0),
        ("max of lactate over 6 h above 36.032 mg/dL", 4.0),
        ("expected map in 1 h below 8.6658 kPa", 65.0),
    ],
)
def test_a_bound_in_another_unit_is_converted(text: str, value: float) -> None:
    """Factors of the reference, section 2."""
    asked = parse(text)
    assert isinstance(asked, (c.Compare, c.Windowed, c.Expected))
    assert asked.value == pytest.approx(value, rel=1e-3)


def test_a_name_is_kept_as_its_id() -> None:
    """Aliases and brand names become the one id; a class stays a class."""
    assert parse("heart_rate above 100") == c.Compare("hr", c.Op.ABOVE, 100)
    assert parse("on levophed") == parse("on norepinephrine") == c.On("norepinephrine")
    assert write(c.On("vasopressor")) == "on any vasopressor"
    assert parse("on any vasopressor") == c.On("vasopressor")


@pytest.mark.parametrize("concept", [k for k, known in CONCEPTS.items() if known.kind == "coded" and known.codes])
def test_a_code_outside_the_set_is_refused(concept: str) -> None:
    """A coded concept is asked for codes that it can have."""
    with pytest.raises(BadCondition, match="expected one of"):
        parse(f"{concept} is Zzz")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("% map", "at column 1, near '% map'"),
        ("map beneath 65 for ten whole minutes", "at column 5, near 'beneath 65 for ten w'"),
        ("any_of(map below 65", "column"),
    ],
)
def test_where_a_text_cannot_be_read_is_said(text: str, said: str) -> None:
    """The column, and the next twenty letters."""
    with pytest.raises(BadCondition) as refusal:
        parse(text)
    assert said in str(refusal.value)


H = HOUR
EACH_KIND: dict[str, c.Condition] = {
    "map below 65": c.Compare("map", c.Op.BELOW, 65),
    "map at_most 65.5 for 10 min": c.Compare("map", c.Op.AT_MOST, 65.5, 10 * MINUTE),
    "base_excess above -3": c.Compare("base_excess", c.Op.ABOVE, -3),
    "acvpu is C": c.Coded("acvpu", ("C",)),
    "acvpu is C or V or P": c.Coded("acvpu", ("C", "V", "P")),
    "min of hr over 1 h below 50": c.Windowed(c.Aggregate.MIN, "hr", H, c.Op.BELOW, 50),
    "max of lactate over 6 h above 4": c.Windowed(c.Aggregate.MAX, "lactate", 6 * H, c.Op.ABOVE, 4),
    "mean of hr over 90 min at_least 50": c.Windowed(c.Aggregate.MEAN, "hr", 90 * MINUTE, c.Op.AT_LEAST, 50),
    "count of hr over 1 d equals 3": c.Windowed(c.Aggregate.COUNT, "hr", DAY, c.Op.EQUALS, 3),
    "hr rises_by 20 within 15 min": c.Change("hr", True, 20, 15 * MINUTE),
    "creatinine falls_by 0.3 within 2 d": c.Change("creatinine", False, 0.3, 2 * DAY),
    "creatinine rises_by 50 % within 7 d": c.Change("creatinine", True, 50, 7 * DAY, percent=True),
    "trend of map over 2 h below -5": c.Trend("map", 2 * H, c.Op.BELOW, -5),
    "noted perf.mottled within 2 h": c.Noted("perf.mottled", 2 * H),
    "maybe noted bleed.* within 6 h": c.Noted("bleed.*", 6 * H, uncertain=True),
    "on norepinephrine": c.On("norepinephrine"),
    "on any vasopressor": c.On("vasopressor"),
    "given meropenem within 1 h": c.Given("meropenem", H),
    "given any antimicrobial within 1 h": c.Given("antimicrobial", H),
    "ordered gelatin within 1 h": c.Ordered("gelatin", H),
    "ordered any starch within 1 h": c.Ordered("starch", H),
    "rate of norepinephrine at_least 0.25": c.Rate("norepinephrine", c.Op.AT_LEAST, 0.25),
    "rate of norepinephrine at_least 0.25 for 4 h": c.Rate("norepinephrine", c.Op.AT_LEAST, 0.25, 4 * H),
    "total of any crystalloid over 3 h at_least 30 mL/kg":
        c.Total("crystalloid", 3 * H, c.Op.AT_LEAST, 30, per_kg=True),
    "total of saline_0_9 over 3 h at_least 500 mL": c.Total("saline_0_9", 3 * H, c.Op.AT_LEAST, 500),
    "diagnosed heart_failure": c.Diagnosed("heart_failure"),
    "allergic penicillin": c.Allergic("penicillin"),
    "allergic penicillin with anaphylaxis": c.Allergic("penicillin", "anaphylaxis"),
    "age at_least 65": c.Person("age", c.Op.AT_LEAST, 65),
    "is hypotension": c.Named("hypotension"),
    "expected map in 1 h below 65": c.Expected("map", H, c.Op.BELOW, 65),
    "q 10 of expected map in 1 h below 65": c.Expected("map", H, c.Op.BELOW, 65, 0.1),
    "chance of (map below 65 for 15 min) within 4 h at_least 50 %":
        c.Chance(c.Compare("map", c.Op.BELOW, 65, 15 * MINUTE), 4 * H, 0.5),
    "all_of(is a; is b)": c.AllOf((c.Named("a"), c.Named("b"))),
    "any_of(is a; is b)": c.AnyOf((c.Named("a"), c.Named("b"))),
    "none_of(is a)": c.NoneOf((c.Named("a"),)),
    "at_least 2 of (is a; is b; is c)": c.AtLeastOf(2, (c.Named("a"), c.Named("b"), c.Named("c"))),
}  # fmt: skip


@pytest.mark.parametrize("text", EACH_KIND)
def test_each_kind_of_condition_has_its_text(text: str) -> None:
    """Both ways, with everything that it can have."""
    assert parse(text) == EACH_KIND[text]
    assert write(EACH_KIND[text]) == text
