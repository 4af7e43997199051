"""A site's own entries over the base book: replaced and added by their id, retired by name.

An overlay file names its `guideline` by id and holds any of `triggers`, `steps`, `blocks`, `slots`, `sources` and
`retire`. Compiling what comes out is the business of whoever loads it: once per distinct pair of base and overlay.
"""

from collections.abc import Mapping
from typing import Any

from guidelines.book.check import BadBook

Tables = dict[str, dict[str, Any]]
LISTS = ("triggers", "steps", "blocks", "examples", "data", "reassess")


def overlaid(base: Tables, overlay: Mapping[str, Mapping[str, Any]]) -> Tables:
    """The tables (file name -> content) with the overlay's over them. Raises BadBook."""
    found = dict(base)
    for name, table in overlay.items():
        if name in ("definitions.toml", "wording.toml"):
            found[name] = {**found.get(name, {}), **table}
            continue
        target = next((file for file, t in found.items() if t.get("id") == table.get("guideline")), None)
        if target is None:
            raise BadBook(f"{name}: expected the id of a guideline of the base in 'guideline'")
        found[target] = _merged(name, found[target], table)
    return found


def _merged(where: str, base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    made, retired = dict(base), set(over.get("retire", ()))
    ids = {entry.get("id") for key in LISTS for entry in base.get(key, ())}
    if unknown := retired - ids:
        raise BadBook(f"{where}: retire: no entry {min(unknown)!r} in the base")
    for key in LISTS:
        own = {entry.get("id") or entry.get("name"): entry for entry in over.get(key, ())}
        kept = [own.pop(e.get("id") or e.get("name"), e) for e in base.get(key, ()) if e.get("id") not in retired]
        if kept or own:
            made[key] = [*kept, *own.values()]
    for key in ("slots", "sources"):
        if key in over:
            made[key] = {**base.get(key, {}), **over[key]}
    return made
