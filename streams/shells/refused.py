"""Refusals as a person looks for them: what it was, from whom, of which bed; those that are alike together."""

from collections.abc import Iterable

from schemas.boards.status import RefusalGroup
from schemas.events.quarantine import Fault, Rejected

LOOKED_AT_MAX = 2_000  # of the newest refusals, where no store groups them
GROUPS_MAX = 200


def grouped(refusals: Iterable[Rejected], search: str = "") -> tuple[RefusalGroup, ...]:
    """Those that hold `search` in any of their words, whatever its case; the newest group first."""
    found: dict[tuple[Fault, str, str, str | None, str], RefusalGroup] = {}
    wanted = search.casefold().strip()
    for refusal in refusals:
        sender, what, at = refusal.sender or "", about(refusal.code, refusal.unit), refusal.received_at
        words = (refusal.fault.value.replace("_", " "), sender, what, refusal.encounter or "", refusal.why)
        if not any(wanted in word.casefold() for word in words):
            continue
        key = (refusal.fault, sender, what, refusal.encounter, refusal.why)
        known = found.get(key)
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


def about(code: str | None, unit: str | None) -> str:
    """The code and unit that a message is about, as far as it says: "lactate in zorkmid"."""
    return f"{code or '?'} in {unit}" if unit else code or ""
