"""A knowledge file as a page that a clinician can read: `python -m guidelines.pages SEP > docs/guidelines/SEP.md`.

The page says what the file says, in the file's order, with every condition in its text form; nothing is explained away.
"""

import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta

from guidelines.book.load import KNOWLEDGE, load
from guidelines.book.records import Block, Definition, Example, Guideline, Slot, Source, StepRule, Trigger
from schemas import conditions as c
from schemas.conditions.text import write

LINE_CHARS_MAX = 100
EFFECT = {"hard": "withholds", "modify": "changes", "soft": "warns about"}
STATUS = {
    "draft": "**draft: no clinician has signed it**",
    "approved": "approved",
    "retired": "retired: not in use",
}


def shared() -> Mapping[str, Definition]:
    """The definitions that guidelines share, by name."""
    table = tomllib.loads((KNOWLEDGE / "definitions.toml").read_text(encoding="utf-8"))
    return {name: Definition.model_validate({"name": name, **row}) for name, row in table.items()}


def page(guideline: Guideline, definitions: Mapping[str, Definition]) -> str:
    """The whole page, as Markdown."""
    sections = {
        "When it speaks": [_trigger(trigger) for trigger in guideline.triggers],
        "What to do": [_step(step, guideline) for step in guideline.steps],
        "What the text of a step leaves open": _list(_slot(name, slot) for name, slot in guideline.slots.items()),
        "What stands in the way": [_block(block, guideline) for block in guideline.blocks],
        "How fresh the data must be": _list(f"{data.what}: {data.max_age}" for data in guideline.data),
        "What is looked at again": _list(f"{again.every}: {again.what}" for again in guideline.reassess),
        "Worked examples: each is a test": _list(_example(example) for example in guideline.examples),
        "Definitions used above": [_definition(definitions[name]) for name in _used(guideline, definitions)],
        "Sources": _list(_source(key, source) for key, source in guideline.sources.items()),
    }
    body = [f"## {title}\n\n" + "\n\n".join(parts) for title, parts in sections.items() if parts]
    return "\n\n".join((_head(guideline), *body)) + "\n"


def _head(guideline: Guideline) -> str:
    replaces = f", replaces {guideline.supersedes}" if guideline.supersedes else ""
    return (
        f"# {guideline.title} ({guideline.id})\n\n"
        f"Made by `python -m guidelines.pages {guideline.id}` from its file in `guidelines/knowledge`: change that. "
        "How to read it: [guidelines.md](../guidelines.md).\n\n"
        f"Version {guideline.version}{replaces} · {STATUS[guideline.status]} · reviewed {guideline.reviewed} · "
        f"for {guideline.population}"
    )


def _list(items: Iterable[str]) -> list[str]:
    text = "\n".join(f"* {item}" for item in items)
    return [text] if text else []


def _source(key: str, source: Source) -> str:
    links = [f"<https://doi.org/{doi}>" for doi in source.doi] + ([f"<{source.url}>"] if source.url else [])
    return f"**{key}**: {source.title}. {'. '.join([source.cite, *links])}. Checked: {source.checked}."


def _trigger(trigger: Trigger) -> str:
    asks = "" if trigger.asks else " · never asks for what is missing"
    if trigger.asks_while is not None:
        asks = f" · asks for what is missing only while `{write(trigger.asks_while)}`"
    place = f" · in the place of {', '.join(trigger.instead_of)}" if trigger.instead_of else ""
    return (
        f"### {trigger.id} {trigger.title}\n\n"
        f"Level **{trigger.level}**{asks}{place} · {', '.join(trigger.source)}\n\n"
        f"{_code(trigger.when)}\n\n> {trigger.lead[0].upper()}{trigger.lead[1:]}."
    )


def _step(step: StepRule, guideline: Guideline) -> str:
    facts = [f"shown with {', '.join(step.triggers)}"]
    if step.within is not None:
        start = f", counted from {', '.join(step.clock)}" if step.clock else ""
        facts.append(f"within {_span(step.within)}{start}")
    facts += [f"applies when `{write(step.when)}`"] if step.when is not None else []
    facts += [f"done when `{write(step.done)}`"] if step.done is not None else []
    facts += [
        f"needs {need.what}{f' of the last {_span(need.max_age)}' if need.max_age else ''}" for need in step.requires
    ]
    facts += [f"answers what is asked of {', '.join(step.measures)}"] if step.measures else []
    facts += ["may be shown on a forecast alone"] if step.prepare else []
    facts += ["to be discussed first where a limit of treatment stands"] if step.limited else []
    blocks = [f"{block.id} {EFFECT[block.severity]} it" for block in guideline.blocks if step.id in block.steps]
    return f"### {step.id}\n\n{step.text}\n\n{_list([*facts, *blocks])[0]}\n\n{_passage(step)}"


def _slot(name: str, slot: Slot) -> str:
    if slot.per_kg is not None:
        return f"`{name}`: {slot.per_kg:g} {slot.unit} per kg of dosing weight"
    choices = "; ".join(f"{choice.text} when `{write(choice.when)}`" for choice in slot.choices)
    return f"`{name}`: {choices}; otherwise {slot.otherwise}"


def _block(block: Block, guideline: Guideline) -> str:
    about = [*block.steps]
    about += [f"orders of {', '.join(block.orders).replace('_', ' ')}"] if block.orders else []
    about += [f"any trigger that rests on {name}" for name in block.never_triggers]
    facts = [f"{EFFECT[block.severity]} {' and '.join(about)}{' (intravenous)' if block.iv_only else ''}"]
    facts += [f"when `{write(block.when)}`"] if block.when is not None else ["always"]
    facts += [f"the step then reads: {block.change}"] if block.change else []
    facts += [f"instead: {block.instead}"] if block.instead else []
    facts += [f"speaks about an order even where nothing of {guideline.id} does"] if block.alone else []
    facts += ["given all the same: critical"] if block.given == "critical" else []
    return f"### {block.id}\n\n{block.text}\n\n{_list(facts)[0]}\n\n{_passage(block)}"


def _passage(entry: StepRule | Block) -> str:
    return f"> {entry.passage}\n> ({'; '.join(entry.source)}. Strength: {entry.strength})"


def _example(example: Example) -> str:
    told = [f"{rule} {what}" for rule, what in example.then.items()]
    told += [f"{step} {state.replace('_', ' ')}" for step, state in example.steps.items()]
    told += [f"{step} because of {block}" for step, block in example.reasons.items()]
    told += [f"asks for {', '.join(example.asks)}"] if example.asks else []
    known = "; ".join(_known(example))
    return (
        f"**{example.name}**, at {example.at} ({example.setting}).  \n  Known: {known}.  \n  Then: {', '.join(told)}."
    )


def _known(example: Example) -> Iterator[str]:
    """What the example says is known: of the person, then by time."""
    yield from (f"{name.replace('_', ' ')} {_plain(value)}" for name, value in example.patient.items())
    for row in example.readings:
        how = f" ({row['method']})" if "method" in row else ""
        yield f"{row['at']} {', '.join(f'{name} {row[name]}' for name in row if name not in ('at', 'method'))}{how}"
    for row in example.notes:
        yield f"{row['at']} noted “{row['words']}”{' as ' + row['polarity'] if 'polarity' in row else ''}"
    for row in example.treatments:
        amount = [f"{row[name]:g}" for name in ("amount", "rate") if name in row]
        yield " ".join((row["at"], row["item"].replace("_", " "), row["action"], *amount))
    yield from (f"expected {name} {value:g}" for name, value in example.expected.items())
    yield from (f"{rule} began at {clock}" for rule, clock in example.onsets.items())


def _plain(value: object) -> str:
    if isinstance(value, Mapping):
        return " ".join(str(part).replace("_", " ") for part in value.values())
    return ", ".join(map(_plain, value)) or "none" if isinstance(value, list | tuple) else str(value)


def _definition(definition: Definition) -> str:
    return f"### {definition.name}\n\n{definition.why}\n\n{_code(definition.when)}"


def _used(guideline: Guideline, definitions: Mapping[str, Definition]) -> list[str]:
    """The shared definitions that the guideline's conditions name, in the order of their file."""
    rules: tuple[Trigger | StepRule | Block, ...] = (*guideline.triggers, *guideline.steps, *guideline.blocks)
    open_ = [x for rule in rules for x in (rule.when, getattr(rule, "done", None)) if x is not None]
    found: set[str] = set()
    while open_:
        part = open_.pop()
        open_ += c.parts_of(part)
        if isinstance(part, c.Named) and part.name in definitions and part.name not in found:
            found.add(part.name)
            open_.append(definitions[part.name].when)
    return [name for name in definitions if name in found]


def _span(span: timedelta) -> str:
    hour, minute = timedelta(hours=1), timedelta(minutes=1)
    return f"{span // hour} h" if not span % hour and span > hour else f"{span // minute} min"


def _code(condition: c.Condition) -> str:
    return f"```\n{laid_out(condition)}\n```"


def laid_out(condition: c.Condition, indent: str = "") -> str:
    """The text form of a condition, a combination that is too long for a line on several; it reads back the same."""
    line = indent + write(condition)
    parts = () if isinstance(condition, c.Chance) else c.parts_of(condition)
    if len(line) <= LINE_CHARS_MAX or not parts:
        return line
    inside = ";\n".join(laid_out(part, indent + "    ") for part in parts)
    return f"{line[: line.index('(')]}(\n{inside}\n{indent})"


if __name__ == "__main__":
    pages = {guideline.id: guideline for guideline in load().guidelines}
    print(page(pages[sys.argv[1]], shared()), end="")
