"""The pages of the guidelines: they say what the knowledge files say, and are not stale."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from guidelines.book.load import load
from guidelines.book.records import Block, Definition, Guideline, StepRule, Trigger
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


MADE_UP = """
id = "X"
title = "A made-up rule"
version = "2"
status = "draft"
reviewed = 2026-01-01
supersedes = "1"
population = "adults"
[sources.A]
title = "Nothing"
year = 2026
cite = "Nobody 2026"
doi = ["10.1/a", "10.1/b"]
url = "https://example.org/a"
checked = "no"
[sources.B]
title = "Less"
year = 2026
cite = "Nobody 2025"
checked = "twice"
[slots.dose]
per_kg = 30
unit = "mL"
[slots.what]
otherwise = "that"
[[slots.what.choices]]
when = "hr above 100"
text = "this"
[[slots.what.choices]]
when = "hr below 50"
text = "so"
[[triggers]]
id = "X.T1"
title = "Fast"
level = "warning"
when = "all_of(is low; hr above 100; \
any_of(lactate above 2; crt above 3; noted perf.mottled within 2 h; rr above 30))"
source = ["A", "B"]
lead = "the heart is fast"
question = "it is fast"
worse = "it is faster"
steady = "it is fast"
values = ["hr"]
[[triggers]]
id = "X.T2"
title = "Slow"
level = "watch"
when = "hr below 50"
asks = false
source = ["A"]
lead = "the heart is slow"
question = "it is slow"
worse = "it is slower"
steady = "it is slow"
values = ["hr"]
[[steps]]
id = "X.S1"
text = "Give {dose} of {what}"
for = ["X.T1", "X.T2"]
within = "60 min"
clock = ["X.T1", "X.T2"]
when = "rr above 10"
done = "any_of(given meropenem within 24 h; is done_so)"
prepare = true
limited = true
measures = ["hr", "rr"]
requires = [{ what = "hr", max_age = "3 h" }, { what = "rr", max_age = "90 min" }, { what = "k" }]
source = ["A", "B"]
passage = "Give it."
strength = "strong"
[[steps]]
id = "X.S2"
text = "Look"
for = ["X.T2"]
within = "3 h"
source = ["B"]
passage = "Look at it."
strength = "none"
[[blocks]]
id = "X.B1"
severity = "hard"
when = "hr below 30"
steps = ["X.S1", "X.S2"]
orders = ["beta_blocker", "diltiazem"]
iv_only = true
alone = true
text = "Too slow."
instead = "Wait."
source = ["A"]
passage = "Not so slow."
strength = "none"
[[blocks]]
id = "X.B2"
severity = "modify"
steps = ["X.S1"]
text = "Less."
change = "Give half"
source = ["B"]
passage = "Less is more."
strength = "weak"
[[blocks]]
id = "X.B3"
severity = "soft"
when = "k above 6"
steps = ["X.S1"]
never_triggers = ["qsofa"]
text = "Look at it."
source = ["B"]
passage = "Potassium."
strength = "weak"
[[data]]
what = "heart rate"
max_age = "15 min"
[[data]]
what = "potassium"
max_age = "6 h"
[[reassess]]
every = "1 h"
what = "the heart"
[[examples]]
name = "one"
at = "08:05"
setting = "icu"
patient = { age_years = 60, diagnoses = ["heart_failure", "gout"], limits = [], \
allergies = [{ substance = "penicillin", severity = "rash" }] }
readings = [{ at = "08:00", hr = 120, map = 60, method = "nibp" }, { at = "08:01", rr = 20 }]
notes = [{ at = "08:02", fact = "perf.mottled", words = "mottled" },
         { at = "08:03", fact = "perf.cool", words = "cool?", polarity = "uncertain" }]
treatments = [{ at = "08:04", item = "saline_0_9", action = "given", amount = 500 },
              { at = "08:04", item = "norepinephrine", action = "start", rate = 0.1 },
              { at = "08:04", item = "blood_culture", action = "ordered" }]
expected = { map = 55 }
onsets = { "X.T1" = "07:00" }
then = { "X.T1" = "fires", "X.T2" = "silent" }
steps = { "X.S1" = "needs_check" }
reasons = { "X.S1" = "X.B3" }
asks = ["k", "lactate"]
[[examples]]
name = "two"
at = "08:05"
then = { "X.T1" = "open" }
"""
PAGE = """# A made-up rule (X)

Made by `python -m guidelines.pages X` from its file in `guidelines/knowledge`: change that. How to read it: \
[guidelines.md](../guidelines.md).

Version 2, replaces 1 · **draft: no clinician has signed it** · reviewed 2026-01-01 · for adults

## When it speaks

### X.T1 Fast

Level **warning** · A, B

```
all_of(
    is low;
    hr above 100;
    any_of(lactate above 2; crt above 3; noted perf.mottled within 2 h; rr above 30)
)
```

> The heart is fast.

### X.T2 Slow

Level **watch** · never asks for what is missing · A

```
hr below 50
```

> The heart is slow.

## What to do

### X.S1

Give {dose} of {what}

* shown with X.T1, X.T2
* within 60 min, counted from X.T1, X.T2
* applies when `rr above 10`
* done when `any_of(given meropenem within 1 d; is done_so)`
* needs hr of the last 3 h
* needs rr of the last 90 min
* needs k
* answers what is asked of hr, rr
* may be shown on a forecast alone
* to be discussed first where a limit of treatment stands
* X.B1 withholds it
* X.B2 changes it
* X.B3 warns about it

> Give it.
> (A; B. Strength: strong)

### X.S2

Look

* shown with X.T2
* within 3 h
* X.B1 withholds it

> Look at it.
> (B. Strength: none)

## What the text of a step leaves open

* `dose`: 30 mL per kg of dosing weight
* `what`: this when `hr above 100`; so when `hr below 50`; otherwise that

## What stands in the way

### X.B1

Too slow.

* withholds X.S1 and X.S2 and orders of beta blocker, diltiazem (intravenous)
* when `hr below 30`
* instead: Wait.
* speaks about an order even where nothing of X does

> Not so slow.
> (A. Strength: none)

### X.B2

Less.

* changes X.S1
* always
* the step then reads: Give half

> Less is more.
> (B. Strength: weak)

### X.B3

Look at it.

* warns about X.S1 and any trigger that rests on qsofa
* when `k above 6`

> Potassium.
> (B. Strength: weak)

## How fresh the data must be

* heart rate: 15 min
* potassium: 6 h

## What is looked at again

* 1 h: the heart

## Worked examples: each is a test

* **one**, at 08:05 (icu).  \n\
  Known: age years 60; diagnoses heart_failure, gout; limits none; allergies penicillin rash; 08:00 hr 120, map 60 \
(nibp); 08:01 rr 20; 08:02 noted “mottled”; 08:03 noted “cool?” as uncertain; 08:04 saline 0 9 given 500; 08:04 \
norepinephrine start 0.1; 08:04 blood culture ordered; expected map 55; X.T1 began at 07:00.  \n\
  Then: X.T1 fires, X.T2 silent, X.S1 needs check, X.S1 because of X.B3, asks for k, lactate.
* **two**, at 08:05 (ward).  \n\
  Known: .  \n\
  Then: X.T1 open.

## Definitions used above

### low

Low.

```
any_of(map below 65; is lower)
```

### done_so

Done.

```
hr above 2
```

### lower

Lower still.

```
map below 55
```

## Sources

* **A**: Nothing. Nobody 2026. <https://doi.org/10.1/a>. <https://doi.org/10.1/b>. <https://example.org/a>. \
Checked: no.
* **B**: Less. Nobody 2025. Checked: twice.
"""


def test_a_page_says_all_of_a_made_up_file_word_for_word() -> None:
    """Every kind of entry with everything that it can have, in the order of the file."""
    whens = {"low": ("any_of(map below 65; is lower)", "Low."), "other": ("hr above 1", "-"),
             "done_so": ("hr above 2", "Done."),
             "lower": ("map below 55", "Lower still.")}  # fmt: skip
    definitions = {n: Definition.model_validate({"name": n, "when": w, "why": y}) for n, (w, y) in whens.items()}
    assert page(Guideline.model_validate(tomllib.loads(MADE_UP)), definitions) == PAGE
