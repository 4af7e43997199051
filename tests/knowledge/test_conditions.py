"""Every condition of every knowledge file at its boundaries: thresholds, both ends of windows, counts."""

from collections.abc import Mapping
from functools import cache
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import conditions as c
from schemas.clinical.findings import Truth
from schemas.conditions.text import parse, write
from schemas.events import Patient
from tests.knowledge import oracle
from tests.knowledge.asking import conditions, leaves, truth
from tests.knowledge.boundaries import Case, boundaries, merged
from tests.knowledge.charts import Chart

RULES = conditions()
# What no knowledge file asks yet, and a clinician or the next file may: kinds, operators and units of the language.
ALSO = (
    "lactate above 2", "lactate at_most 2", "hr equals 60", "hr above 130 for 15 min", "sbp at_least 180 for 5 min",
    "max of lactate over 6 h above 4", "mean of map over 1 h below 65", "count of k over 24 h at_least 3",
    "min of spo2 over 30 min at_most 88",
    "hr rises_by 20 within 15 min", "map falls_by 20 % within 1 h", "creatinine rises_by 50 % within 7 d",
    "hb falls_by 2 within 24 h", "trend of map over 2 h below -5", "trend of lactate over 6 h at_least 1",
    "maybe noted resp.pulm_oedema within 12 h", "maybe noted bleed.* within 6 h",
    "rate of norepinephrine at_least 0.25 for 4 h", "rate of any insulin above 2", "rate of propofol below 50",
    "total of any crystalloid over 24 h above 4000 mL", "total of lactated_ringer over 1 h at_most 500 mL",
    "allergic piperacillin_tazobactam", "allergic cephalosporin with rash",
    "age at_least 65", "lvef below 40", "usual_sbp above 150", "baseline_creatinine at_least 2",
    "baseline_sofa above 1",
    "q 95 of expected lactate in 4 h at_least 4", "q 5 of expected map in 6 h below 55", "expected hr in 3 h above 130",
    "chance of (map below 65) within 4 h at_least 50 %",
    "qsofa at_least 2", "sofa at_least 6", "pf below 300", "sf at_most 235", "shock_index above 1", "msi above 1.3",
    "map_calc below 65", "pulse_pressure below 30", "uo_rate_6h below 0.5", "uo_rate_12h below 0.5",
    "uo_rate_24h below 0.3",
)  # fmt: skip


@cache
def asked_of() -> Mapping[str, c.Condition]:
    """Every leaf once, by its text."""
    of_rules = [leaf for condition in RULES.values() for leaf in leaves(condition)]
    return {write(leaf): leaf for leaf in (*of_rules, *map(parse, ALSO)) if not isinstance(leaf, c.Named)}


@pytest.mark.parametrize("text", asked_of())
def test_a_condition_turns_exactly_at_its_boundaries(text: str) -> None:
    """Just below, at and above each threshold and count, and at both ends of each window: the reference's truth."""
    leaf = asked_of()[text]
    cases = boundaries(leaf)
    wrong = [
        f"{case.name}: {found}, the reference demands {case.truth}"
        for case in cases
        if (found := truth(leaf, case.chart.snapshot, case.outlook)) is not case.truth
    ]
    assert wrong == []
    assert {case.truth for case in cases} >= {oracle.YES, oracle.NO}


# -- combinations

STANDS_FOR: dict[Truth, c.Condition] = {  # a condition whose answer is known, whatever the chart
    oracle.YES: c.Diagnosed("gout"),
    oracle.NO: c.Diagnosed("scurvy"),
    oracle.UNKNOWN: c.Allergic("penicillin"),
}
NOBODY = Chart(patient=Patient(diagnoses=("gout",))).snapshot


def _shapes() -> set[tuple[str, int, int]]:
    """(kind, number of parts, count) of every combination in the book, and of some small ones besides."""
    found = {(kind, n, k) for kind in ("AllOf", "AnyOf", "NoneOf") for n in (1, 2) for k in (0,)}
    found |= {("AtLeastOf", 3, k) for k in (1, 2, 3)}
    waiting = list(RULES.values())
    while waiting:
        one = waiting.pop()
        if isinstance(one, (c.AllOf, c.AnyOf, c.NoneOf, c.AtLeastOf)):
            found.add((type(one).__name__, len(one.parts), one.count if isinstance(one, c.AtLeastOf) else 0))
            waiting += one.parts
    return found


@pytest.mark.parametrize(("kind", "parts", "count"), sorted(_shapes()))
def test_a_combination_follows_kleene(kind: str, parts: int, count: int) -> None:
    """Every combination of YES, NO and UNKNOWN parts gives what three-valued logic gives, counts included."""
    for truths in product(Truth, repeat=parts):
        stand_ins: tuple[c.Condition, ...] = tuple(STANDS_FOR[t] for t in truths)
        made = c.AtLeastOf(count, stand_ins) if kind == "AtLeastOf" else getattr(c, kind)(stand_ins)
        expected = oracle.combined(made, {v: k for k, v in STANDS_FOR.items()}.__getitem__)
        assert truth(made, NOBODY) is expected, truths


def _expanded(condition: c.Condition) -> list[c.Condition]:
    """The leaves of a condition, and those of the definitions of the book that it names."""
    found: list[c.Condition] = []
    for leaf in leaves(condition):
        name = f"definition {leaf.name}" if isinstance(leaf, c.Named) else ""
        found += _expanded(RULES[name]) if name in RULES else [leaf]
    return found


@cache
def _cases(rule: str) -> tuple[Case, ...]:
    return tuple(case for leaf in _expanded(RULES[rule]) for case in boundaries(leaf))


@settings(max_examples=400)
@given(st.data())
def test_a_rule_is_what_its_parts_make_it(data: st.DataObject) -> None:
    """Any rule, on any patient near several boundaries at once, is what Kleene's logic makes of its single parts."""
    rule = data.draw(st.sampled_from([name for name in sorted(RULES) if _cases(name)]))
    chart, outlook = merged(data.draw(st.lists(st.sampled_from(_cases(rule)), min_size=1, max_size=6)))

    def leaf(condition: c.Condition) -> Truth:
        return truth(condition, chart.snapshot, outlook)

    assert truth(RULES[rule], chart.snapshot, outlook) is oracle.combined(RULES[rule], leaf)
