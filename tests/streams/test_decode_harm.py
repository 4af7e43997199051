"""Decoding under harm: whatever the bytes, an answer of known types, within its limits and its time."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.codes.units import _find, _find_dose
from schemas.events import Movement, Note, Reading, Response, Tick, Treatment
from schemas.events.quarantine import CODE_CHARS_MAX, RAW_BYTES_MAX, WHY_CHARS_MAX, Rejected
from schemas.events.wire import BATCH_RECORDS_MAX, MESSAGE_BYTES_MAX, NUMBER_MAX, encode
from schemas.frozen import from_json, to_json
from streams.adapters.decode import decode
from tests.timed import cpu_seconds

NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)
GOLDEN = (Path(__file__).parents[1] / "schemas" / "golden_wire_v1.ndjson").read_bytes().splitlines()
SECONDS_MAX = 0.5  # of CPU; measured 0.16 at most on one slow core: a thousand units never seen before
KNOWN = Movement | Note | Reading | Response | Tick | Treatment | Rejected


def forget_units() -> None:
    _find.cache_clear()
    _find_dose.cache_clear()


def answered(raw: bytes) -> None:
    """The promises of the door for one message."""
    seconds = cpu_seconds(lambda: decode(raw, NOW), SECONDS_MAX, forget=forget_units)
    assert seconds <= SECONDS_MAX
    entries = decode(raw, NOW)
    for entry in entries:
        assert isinstance(entry, KNOWN)
        assert from_json(to_json(entry), type(entry)) == entry
        match entry:
            case Rejected():
                texts = (entry.code or "", entry.unit or "", entry.sender or "", entry.encounter or "")
                assert len(entry.why) <= WHY_CHARS_MAX
                assert max(map(len, texts[:3])) <= CODE_CHARS_MAX
                assert all(text.isprintable() for text in (entry.why, *texts))
                assert len(entry.raw) <= RAW_BYTES_MAX
            case _:
                assert decode(encode(entry), NOW) == (entry,)
    for reading in entries:
        if isinstance(reading, Reading):
            assert abs(reading.value or 0.0) <= NUMBER_MAX
            assert abs(reading.original_value or 0.0) <= NUMBER_MAX
            assert len(reading.reason or "") <= WHY_CHARS_MAX


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**400), 10**400)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        ["\x00", "\u202e", "é" * 64, "x" * 201, "2026-03-01T08:00:00Z", "9999-12-31T23:59:59Z", "Cel", "dB"]
    )
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
fields = st.sampled_from(
    sorted({name for line in GOLDEN for name in json.loads(line)} | {"sender", "records", "reason"})
)


@st.composite
def altered(draw: Callable[[st.SearchStrategy[Any]], Any]) -> bytes:
    """A golden message in which some fields are something else."""
    message = json.loads(draw(st.sampled_from(GOLDEN)))
    for name in draw(st.lists(fields, min_size=1, max_size=3)):
        message[name] = draw(anything)
    raw = json.dumps(message)
    if draw(st.booleans()):
        raw = raw[:-1] + f', "{draw(fields)}": {json.dumps(draw(anything))}}}'  # the same key twice
    return raw.encode()


@st.composite
def damaged(draw: Callable[[st.SearchStrategy[Any]], Any]) -> bytes:
    """A golden message of which some bytes are something else."""
    raw = draw(st.sampled_from(GOLDEN))
    at = draw(st.integers(0, len(raw)))
    lost = draw(st.integers(0, 12))
    put = draw(
        st.binary(max_size=6)
        | st.sampled_from([b"1e999", b"-", b"\xed\xa0\x80", b"\\ud800", b"\0", b"\xff", b'"', b"}"])
    )
    return bytes(raw[:at] + put + raw[at + lost :])


@settings(max_examples=300)
@given(altered())
def test_no_field_breaks_the_door(raw: bytes) -> None:
    """A well-formed message whose fields hold anything is answered, and the answers can be written down."""
    answered(raw)


@settings(max_examples=300)
@given(damaged())
@example(GOLDEN[0].replace(b":", b":" * 3))
def test_no_damage_breaks_the_door(raw: bytes) -> None:
    """A message with lost, changed or added bytes is answered."""
    answered(raw)


@given(st.lists(altered(), min_size=1, max_size=6), st.integers(0, 3))
def test_no_batch_breaks_the_door(parts: list[bytes], depth: int) -> None:
    """Neither is a batch of such messages, nor a batch of batches."""
    raw = b'{"v":1,"kind":"batch","records":[%s]}' % b",".join(parts)
    for _ in range(depth):
        raw = b'{"v":1,"kind":"batch","records":[%s,%s]}' % (raw, parts[0])
    answered(raw)


def _reading(**more: object) -> dict[str, object]:
    base = {"v": 1, "kind": "reading", "encounter": "e1", "observed_at": "2026-03-01T08:00:00Z"}
    return base | {"concept": "bun", "value": 10, "unit": "mg/dL"} | more


def _batch(records: list[object]) -> bytes:
    return json.dumps({"v": 1, "kind": "batch", "records": records}).encode()


FULL = BATCH_RECORDS_MAX
HARM = {
    "brackets": b"[" * MESSAGE_BYTES_MAX,
    "objects": b'{"a":' * (MESSAGE_BYTES_MAX // 5),
    "a deep record": b'{"v":1,"kind":"note","text":' + b"[" * 190 + b"]" * 190 + b"}",
    "a long number": b'{"v":1,"value":' + b"7" * 500_000 + b"}",
    "a batch of good records": _batch([_reading()] * FULL),
    "a batch of units that nobody knows": _batch([_reading(unit=f"{'x' * 20}{n}") for n in range(FULL)]),
    "a batch of units that do not convert": _batch([_reading(unit=f"Gg9.m[Hg]9/kat.mol{{{n}}}") for n in range(FULL)]),
    "a record of fields": json.dumps(_reading())[:-1].encode() + b"".join(b',"%x":1' % n for n in range(56_000)) + b"}",
    "a batch of fields": _batch([_reading() | {f"field_{n}": 1 for n in range(65)}] * FULL),
    "a batch of brackets": _batch([json.loads("[" * 58 + "]" * 58)] * FULL),
    "a batch of too many brackets": _batch([json.loads("[" * 190 + "]" * 190)] * FULL),
    "a batch of values outside": _batch([_reading(value=1e9 + n) for n in range(FULL)]),
    "a batch of wrong things": _batch([7] * FULL),
    "a batch that is too long": _batch([7] * 150_000),
    "a problem list of wrong things": json.dumps(
        {"v": 1, "kind": "movement", "encounter": "e1", "observed_at": "2026-03-01T08:00:00Z", "action": "update",
         "patient": {"diagnoses": [7] * 150_000}}
    ).encode(),
    "names of beds": b'{"encounter":"e1"' + b',"encounter":"e1"' * 29_000,
    "quotes": b'"' * MESSAGE_BYTES_MAX,
    "spaces after a name": b'{"encounter"' + b" " * 500_000,
    "twice the limit": b'{"encounter":"e1"' + b" " * MESSAGE_BYTES_MAX * 2,
}  # fmt: skip


@pytest.mark.parametrize("raw", HARM.values(), ids=HARM.keys())
def test_no_message_takes_long(raw: bytes) -> None:
    """Messages of the largest size, made to be slow, are answered in time too."""
    answered(raw)
