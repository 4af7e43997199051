"""No character that is unseen, or turns the direction of reading, reaches a page, whoever wrote it and wherever."""

import asyncio
import sys
import unicodedata
from datetime import datetime
from enum import Enum
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boards.printable import printable
from boards.web.app import create_app
from schemas.boards.status import BoardStatus
from tests.boards.fixtures import FakeSource, asking, five, septic, silent

PATHS = (
    "/",
    "/bed/mimic3%7C200001",
    f"/checklist/{1:032x}/mimic3%7C200001",
    "/refused?search=%E2%80%AE",
    "/trends/mimic3%7C200001",
)
HOSTILE = "\u202e\u2066\u200b\u0085\x1b\ufeff\U000e0041"


def unseen(text: str) -> set[str]:
    """What a person cannot see, by Unicode's own categories; line ends and tabs are meant."""
    return {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")} - {"\n", "\t"}


def test_every_unseen_character_is_shown_by_its_number() -> None:
    """Of all of Unicode: controls, formats, halves of pairs, private ones are told by number; the rest is as it was."""
    for code in range(sys.maxunicode + 1):
        shown = printable(chr(code))
        assert not unseen(shown), hex(code)
        assert shown in (chr(code), f"‹U+{code:04X}›")
    for text in ("SpO₂ 93 % – “mottled” → µg/kg/min", "Łódź Ünïcödé", "אבג مرحبا 患者", "a b c\td\n"):
        assert printable(text) == text
    for invisible in "\u3164\u115f\u2800\ufe0f\u034f":
        assert printable(invisible).startswith("‹U+")


@given(st.text())
def test_what_is_printable_stays_as_it_is(text: str) -> None:
    """Twice is once, and line ends are one line feed."""
    once = printable(text)
    assert printable(once) == once
    assert not unseen(once)


def poisoned(value: Any, skip: frozenset[str] = frozenset({"encounter", "id", "ref"})) -> Any:
    """The same record with hostile characters in every text of it but its keys."""
    if isinstance(value, msgspec.Struct):
        fields = {name: getattr(value, name) for name in value.__struct_fields__}
        return msgspec.structs.replace(
            value, **{name: poisoned(v) for name, v in fields.items() if name not in skip and v is not None}
        )
    if isinstance(value, dict):
        return {key: poisoned(v) for key, v in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(map(poisoned, value))
    if isinstance(value, str) and not isinstance(value, Enum) and value not in _WORDS:
        return f"{value}{HOSTILE}"
    assert isinstance(value, str | int | float | datetime | Enum | None), type(value)
    return value


# values of closed lists, which no message can choose freely
_WORDS = {"raised", "acknowledged", "reading", "note", "patient", "treatment", "score", "forecast", "embedded"} | {
    "hard", "soft", "modify", "check", "male", "female", "rr", "spo2", "oxygen", "sbp", "hr", "consciousness", "temp"
}  # fmt: skip


def _poisoned_source() -> FakeSource:
    views = [poisoned(view) for view in (septic(), asking(), silent())]
    source = FakeSource(*views)
    status: BoardStatus = five().now_status
    source.now_status = msgspec.structs.replace(
        poisoned(status), refused=status.refused, clock_doubt=HOSTILE, away_since=status.now, away_why=HOSTILE
    )
    groups = five().groups
    assert not isinstance(groups, Exception)
    source.groups = [poisoned(group) for group in groups]
    return source


@pytest.mark.parametrize("path", PATHS)
def test_no_page_passes_them_on(path: str) -> None:
    """With them in every text of beds, status and refusals, and in the search, no page holds one: none is forgotten."""

    async def get() -> httpx.Response:
        app = create_app(_poisoned_source())
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver") as client:
            return await client.get(path)

    answer = asyncio.run(get())
    assert answer.status_code == 200
    assert not unseen(answer.text)
    assert "\\u202e" not in answer.text
    assert "‹U+202E›" in answer.text
    assert "cannot be shown" not in answer.text
