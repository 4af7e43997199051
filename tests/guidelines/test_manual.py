"""The pages of the guidelines: they say what the knowledge files say, and are not stale."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from guidelines.book.load import load
from guidelines.book.records import Block, Guideline, StepRule, Trigger
from guidelines.pages import laid_out, page, shared
from schemas import conditions as c
from schemas.conditions import parts_of as children
from schemas.conditions.text import parse, write

PAGES = Path(__file__).parents[2] / "docs" / "guidelines"
BOOK = load()
EACH = pytest.mark.parametrize("guideline", [pytest.param(g, id=g.id) for g in BOOK.guidelines])


@EACH
def test_the_page_is_not_stale(guideline: Guideline) -> None:
    """docs/guidelines/ID.md is what the file says today (`python -m guidelines.pages ID > docs/guidelines/ID.md`)."""
    kept = PAGES / f"{guideline.id}.md"
    assert kept.is_file(), f"python -m guidelines.pages {guideline.id} > docs/guidelines/{guideline.id}.md"
    assert kept.read_text(encoding="utf-8") == page(guideline, shared())


@EACH
def test_the_page_leaves_nothing_out(guideline: Guideline) -> None:
    """Every rule with its words, every passage with its strength, every source and every example stand on the page."""
    text = page(guideline, shared())
    words = [w for t in guideline.triggers for w in (t.id, t.title, t.lead[1:])]
    words += [w for s in guideline.steps for w in (s.id, s.text, s.passage, s.strength)]
    words += [w for b in guideline.blocks for w in (b.id, b.text, b.change or "", b.instead or "", b.passage)]
    words += [w for s in guideline.sources.values() for w in (s.cite, s.checked, *s.doi)]
    words += [example.name for example in guideline.examples]
    assert [word for word in words if word not in text] == []


def _conditions(guideline: Guideline) -> Iterator[c.Condition]:
    rules: tuple[Trigger | StepRule | Block, ...] = (*guideline.triggers, *guideline.steps, *guideline.blocks)
    return (rule.when for rule in rules if rule.when is not None)


def _named(condition: c.Condition) -> set[str]:
    inner = {condition.name} if isinstance(condition, c.Named) else set()
    return inner.union(*map(_named, children(condition)))


@EACH
def test_every_shared_definition_that_a_page_uses_stands_on_it(guideline: Guideline) -> None:
    """A definition that a condition names, or that such a definition names, is explained below."""
    text, definitions = page(guideline, shared()), shared()
    named = {name for when in _conditions(guideline) for name in _named(when)} & definitions.keys()
    named |= {name for first in set(named) for name in _named(definitions[first].when)} & definitions.keys()
    assert [name for name in sorted(named) if f"### {name}\n\n{definitions[name].why}" not in text] == []


def test_a_condition_on_several_lines_reads_back_the_same() -> None:
    """Every condition of the book, laid out as on a page, is parsed to itself."""
    conditions = [when for guideline in BOOK.guidelines for when in _conditions(guideline)]
    conditions += BOOK.definitions.values()
    assert [write(when) for when in conditions if parse(laid_out(when)) != when] == []
    assert any("\n" in laid_out(when) for when in conditions)
