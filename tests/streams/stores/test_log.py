"""The ordered log of the embedded shell."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from streams.stores.failures import Fenced
from streams.stores.kept import BedRow, LogRow, Store
from streams.stores.tables import EMBEDDED

Opened = Callable[[str], Store]
EIGHT = datetime(2026, 3, 1, 8, 0, 0, 123_456, tzinfo=UTC)


def messages(count: int, first: int = 0) -> list[tuple[datetime, str, bytes]]:
    return [(EIGHT + timedelta(minutes=n), "message", b"\x00body %d" % n) for n in range(first, first + count)]


def test_the_log_comes_back_in_order_to_the_microsecond(url: str, opened: Opened) -> None:
    """What was appended is read on from any offset, and never more than was asked for."""
    store = opened(url)
    assert store.last_offset() == -1
    owner = store.take(EMBEDDED, 0).owner
    store.append(owner, 0, messages(3))
    store.append(owner, 3, messages(2, 3))
    expected = [LogRow(offset, *message) for offset, message in enumerate(messages(5))]
    again = opened(url)
    assert again.log(-1, 10) == expected
    assert again.log(1, 2) == expected[2:4]
    assert again.last_offset() == 4


def test_the_log_knows_whom_a_message_is_from(url: str, opened: Opened) -> None:
    """The sender comes back with each record, where it was known; other senders are other records."""
    store = opened(url)
    owner = store.take(EMBEDDED, 0).owner
    store.append(owner, 0, messages(3), ["10.1.2.3", None, "a" * 40])
    assert [row.sender for row in opened(url).log(-1, 10)] == ["10.1.2.3", None, "a" * 40]
    with pytest.raises(Fenced, match="not as its owner left it"):
        store.append(owner, 0, messages(3), ["10.1.2.3", None, "b" * 40])


def test_appending_again_adds_nothing_and_other_records_are_refused(url: str, opened: Opened) -> None:
    """The same records at the same offsets are there once; others there mean that this owner knows the log no more."""
    store = opened(url)
    owner = store.take(EMBEDDED, 0).owner
    store.append(owner, 0, messages(3))
    store.append(owner, 0, messages(3))
    assert store.last_offset() == 2
    for first, other in ((0, messages(2)), (2, messages(2, 2)), (1, messages(2, 7))):
        with pytest.raises(Fenced, match="not as its owner left it"):
            store.append(owner, first, other)
    assert store.log(-1, 10) == [LogRow(offset, *message) for offset, message in enumerate(messages(3))]


def test_only_what_is_applied_and_old_is_pruned_and_numbers_go_on(url: str, opened: Opened) -> None:
    """Pruning stops at the first record not applied, or young, or too many at once; the last offset stays known."""
    store = opened(url)
    owner = store.take(EMBEDDED, 0).owner
    store.append(owner, 0, messages(10))
    later = EIGHT + timedelta(hours=1)
    assert store.prune_log(owner, later, 100) == 0
    store.save(owner, 6, [BedRow("e1", b"A", whole=True)])
    assert store.prune_log(owner, later, 2) == 2
    assert store.prune_log(owner, EIGHT + timedelta(minutes=4), 100) == 2  # minutes 2 and 3
    assert [row.offset for row in store.log(-1, 100)] == [4, 5, 6, 7, 8, 9]
    store.save(owner, 9, [])
    assert store.prune_log(owner, later, 100) == 6
    assert store.log(-1, 100) == []
    assert store.last_offset() == 9
