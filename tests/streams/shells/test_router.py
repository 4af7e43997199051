"""What the router writes, the worker reads: also where our own words are longer than the sender's."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from aiokafka import TopicPartition

from schemas.events.quarantine import Fault, Rejected
from schemas.events.wire import MESSAGE_BYTES_MAX
from streams.adapters.decode import OPENED_MAX, decode
from streams.shells.kafka.log import INPUTS, OUTPUTS, RECORD_BYTES_MAX, Log
from streams.shells.kafka.router import Router, Timing
from streams.shells.kafka.worker import Carried

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
LOG = Log("broker:9092", "", 1, {name: f"{name}-id-0" for name in (*INPUTS, *OUTPUTS)})


def routed(raw: bytes, offset: int = 7) -> list[dict[str, Any]]:
    """What the router writes of one message of the notes."""
    router, tp = Router(LOG, Timing.RECEIPT, "routers"), TopicPartition("notes", 0)
    router._assigned([tp])
    router._take(tp, [SimpleNamespace(timestamp=NOW.timestamp() * 1000, headers=[], value=raw, offset=offset)])
    return [message for record in router._merge.released() for message in router._routed(record)]


def note(encounter: str, text: str) -> dict[str, Any]:
    return {"v": 1, "kind": "note", "encounter": encounter, "observed_at": "2026-03-01T08:00Z", "text": text}


def test_a_message_that_grows_in_our_words_is_judged_whole() -> None:
    """500 notes of just under the most that a sender may send: none of them is refused behind the router."""
    records = [note(f"e{number}", "x" * 930) for number in range(500)]
    raw = json.dumps({"v": 1, "kind": "batch", "records": records}, separators=(",", ":")).encode()
    assert len(raw) < MESSAGE_BYTES_MAX
    (message,) = routed(raw)
    assert len(message["value"]) > MESSAGE_BYTES_MAX
    read: Any = SimpleNamespace(offset=0, value=message["value"], headers=message["headers"])
    assert Carried(None, 0)._record(read).entries == decode(raw, NOW)  # type: ignore[arg-type]


def test_a_sender_may_not_send_as_much_as_we_write() -> None:
    """The wider bounds are for the log alone, and are bounds: of bytes, and of lists and objects."""
    cases: list[tuple[bytes, dict[str, Any]]] = [
        (b" " * (MESSAGE_BYTES_MAX + 1), {}),
        (b"[" * (OPENED_MAX + 1), {}),
        (b" " * (RECORD_BYTES_MAX + 1), {"bytes_max": RECORD_BYTES_MAX}),
        (b"[" * (4 * OPENED_MAX + 1), {"bytes_max": RECORD_BYTES_MAX}),
    ]
    for raw, bounds in cases:
        (refusal,) = decode(raw, NOW, **bounds)
        assert isinstance(refusal, Rejected)
        assert refusal.fault is Fault.TOO_LARGE


def test_two_equal_refusals_of_the_router_are_told_apart_by_their_places() -> None:
    """The same garbage twice on a topic has two ids, and routed again after a crash the same id again."""
    first, again, second = routed(b"{", 7), routed(b"{", 7), routed(b"{", 8)
    assert first == again
    assert first[0]["headers"][0] != second[0]["headers"][0]
    assert json.loads(second[0]["value"])["place"] == "notes@notes-id/0 8"
