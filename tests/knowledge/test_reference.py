"""The rules as they were read in the reference a second time: two entries of each number, which must agree."""

import tomllib
from collections.abc import Mapping
from datetime import timedelta
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from schemas import conditions as c
from schemas.clinical.findings import Truth
from schemas.conditions.text import parse, write
from tests.knowledge import oracle
from tests.knowledge.asking import BOOK, leaves

ENTERED: Mapping[str, Any] = tomllib.loads(Path(__file__).with_name("reference.toml").read_text(encoding="utf-8"))


def _rules(guideline: Any) -> tuple[Any, ...]:
    return (*guideline.triggers, *guideline.steps, *guideline.blocks)


RULES: Mapping[str, Any] = {r.id: r for g in BOOK.guidelines for r in _rules(g)}
LEAVES_MAX = 9
FIELDS = ("level", "severity", "within", "clock", "prepare", "limited", "iv_only", "alone", "steps", "orders")


def _answer(known: Mapping[str, Truth], leaf: c.Condition) -> Truth:
    return known[write(leaf)]


def same(one: c.Condition, two: c.Condition) -> bool:
    """Whether two conditions are the same function of the same leaves, however they are written."""
    if one == two:
        return True
    names = sorted({write(leaf) for leaf in (*leaves(one), *leaves(two))})
    if {write(x) for x in leaves(one)} != {write(x) for x in leaves(two)} or len(names) > LEAVES_MAX:
        return False
    for truths in product(Truth, repeat=len(names)):
        known = dict(zip(names, truths, strict=True))
        if oracle.combined(one, partial(_answer, known)) is not oracle.combined(two, partial(_answer, known)):
            return False
    return True


@cache
def _span(text: str) -> timedelta | None:
    number, _, unit = text.partition(" ")
    return None if text == "any age" else timedelta(**{{"min": "minutes", "h": "hours"}[unit]: int(number)})


def _decides(rule: Any) -> dict[str, Any]:
    """What of a rule decides something; words are left out, and what it does not have."""
    found: dict[str, Any] = {}
    for name in (
        "level",
        "severity",
        "within",
        "prepare",
        "limited",
        "iv_only",
        "alone",
        "steps",
        "orders",
        "never_triggers",
        "instead_of",
    ):
        value = getattr(rule, name, None)
        if value:
            found[name] = list(value) if isinstance(value, tuple) else value
    if getattr(rule, "asks", True) is False:
        found["asks"] = False
    if getattr(rule, "given", "warning") != "warning":
        found["given"] = rule.given
    if hasattr(rule, "triggers"):
        found["for"] = list(rule.triggers)
    if getattr(rule, "requires", ()):
        found["requires"] = {r.what: r.max_age for r in rule.requires}
    return found


def _entered(entry: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: value for name, value in entry.items() if name not in ("when", "done", "asks_while")}
    if "within" in found:
        found["within"] = _span(found["within"])
    if "requires" in found:
        found["requires"] = {what: _span(age) for what, age in found["requires"].items()}
    return found


def test_every_rule_was_read_twice() -> None:
    """Each rule and definition of the book stands in reference.toml, and nothing else does."""
    here = "tests/knowledge/reference.toml: enter it there from its source, not from the knowledge file"
    assert set(ENTERED) - {"definitions"} == set(RULES), here
    assert set(ENTERED["definitions"]) == set(BOOK.definitions), here


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_decides_by_what_the_reference_says(rule: str) -> None:
    """Level, severity, time limit, freshness, and what it acts on are those of the reference."""
    assert _decides(RULES[rule]) == _entered(ENTERED.get(rule, {}))


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_asks_what_the_reference_asks(rule: str) -> None:
    """Its conditions have the reference's thresholds and windows, and its truth for any truth of their parts."""
    for name in ("when", "done", "asks_while"):
        condition, entry = getattr(RULES[rule], name, None), ENTERED.get(rule, {}).get(name)
        assert (condition is None) == (entry is None), f"{rule} {name}"
        assert condition is None or same(condition, parse(entry)), f"{rule} {name}: {write(condition)}"


@pytest.mark.parametrize("name", sorted(BOOK.definitions))
def test_a_definition_is_that_of_the_reference(name: str) -> None:
    """A shared predicate has the thresholds and windows of the reference's section 3.0."""
    assert same(BOOK.definitions[name], parse(ENTERED["definitions"][name]))


def test_two_conditions_are_told_apart_by_what_they_mean() -> None:
    """Order and form do not matter; a number, a missing part, or `all` for `any` does."""
    one = parse("all_of(hr above 100; none_of(lactate above 2; map below 65))")
    assert same(one, parse("all_of(none_of(map below 65); none_of(lactate above 2); hr above 100)"))
    assert not same(one, parse("all_of(hr above 100; none_of(lactate above 2.1; map below 65))"))
    assert not same(one, parse("all_of(hr above 100; none_of(lactate above 2))"))
    assert not same(one, parse("any_of(hr above 100; none_of(lactate above 2; map below 65))"))
