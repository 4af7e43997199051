"""Refusals as a person looks for them: what it was, from whom, of which bed; those that are alike together."""

import json
from collections.abc import Iterable

from schemas.boards.status import RefusalGroup
from schemas.events.quarantine import Fault, Rejected

LOOKED_AT_MAX = 2_000  # of the newest refusals: what is older is counted, and kept, but not shown
GROUPS_MAX = 200
TEXT_CHARS_MAX = 80  # of a sender's own words
SEARCH_CHARS_MAX = 80

_CODES = ("concept", "item", "code", "kind")
_UNITS = ("unit", "rate_unit", "amount_unit")


def grouped(refusals: Iterable[Rejected], search: str = "") -> tuple[RefusalGroup, ...]:
    """Those that hold `search` in any of their words, whatever its case; the newest group first."""
    found: dict[tuple[Fault, str, str, str | None, str], RefusalGroup] = {}
    wanted = search[:SEARCH_CHARS_MAX].casefold().strip()
    for refusal in refusals:
        sender, what = _described(refusal.raw)
        key = (refusal.fault, sender, what, refusal.encounter, refusal.why)
        words = (refusal.fault.value.replace("_", " "), sender, what, refusal.encounter or "", refusal.why)
        if not any(wanted in word.casefold() for word in words):
            continue
        known = found.get(key)
        at = refusal.received_at
        found[key] = RefusalGroup(
            fault=refusal.fault,
            sender=sender,
            what=what,
            encounter=refusal.encounter,
            why=refusal.why,
            count=known.count + 1 if known else 1,
            first_at=min(known.first_at, at) if known else at,
            last_at=max(known.last_at, at) if known else at,
        )
    return tuple(sorted(found.values(), key=lambda group: group.last_at, reverse=True)[:GROUPS_MAX])


def _described(raw: bytes) -> tuple[str, str]:
    """Whom a message says that it is from, and the code and unit that it is about; empty where it cannot be read."""
    try:
        message = json.loads(raw)
    except (ValueError, RecursionError):
        return "", ""
    if not isinstance(message, dict):
        return "", ""
    code, unit = _first(message, _CODES), _first(message, _UNITS)
    return _first(message, ("source",)), f"{code} in {unit}" if unit else code


def _first(message: dict[str, object], names: Iterable[str]) -> str:
    said = (message.get(name) for name in names)
    return next((text[:TEXT_CHARS_MAX] for text in said if isinstance(text, str) and text), "")
