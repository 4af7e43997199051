"""JSON as it is committed: a row of a table on a line of its own, so that a new measurement is a readable diff."""

import json
from collections.abc import Callable
from typing import Any

_DEPTH_KEPT = 4
"""Spaces of indentation up to which a value has its own line."""


def dumps(value: Any, default: Callable[[Any], Any] | None = None) -> str:
    """`value` as JSON with a newline at its end; `default` as in `json.dumps`."""
    text = json.dumps(value, indent=1, ensure_ascii=False, default=default)
    lines: list[str] = []
    for line in text.split("\n"):
        inside = len(line) - len(line.lstrip(" "))
        if inside > _DEPTH_KEPT and lines:
            lines[-1] += (" " if lines[-1].endswith(",") else "") + line.strip()
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"
