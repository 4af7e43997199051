"""What was said: kept once, found again, counted and pruned."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from schemas.clinical.alerts import AlertEvent
from schemas.events import Reading, Response
from schemas.events.quarantine import Fault, Rejected
from streams.core.ordering import Late
from streams.core.step import Output
from streams.stores.kept import Refusals, Store
from streams.stores.outputs import named
from streams.stores.tables import EMBEDDED, SENDERS_CHARS_MAX, WHY_CHARS_MAX

Opened = Callable[[str], Store]
Said = tuple[AlertEvent, ...]


def at(minute: int) -> datetime:
    return datetime(2026, 3, 1, 8, tzinfo=UTC) + timedelta(minutes=minute)


def came_late(minute: int) -> Late:
    heart_rate = Reading(encounter="e1", concept="hr", value=80.0, observed_at=at(0), available_at=at(0))
    return Late(event=heart_rate, applied_at=at(minute))


def refused(minute: int, fault: Fault = Fault.INVALID, why: str = "expected a number", **more: object) -> Rejected:
    return Rejected(fault=fault, why=why, received_at=at(minute), raw=b"%d" % minute, **more)  # type: ignore[arg-type]


def by_id(outputs: Iterable[AlertEvent]) -> list[tuple[str, bytes]]:
    return sorted(named(output) for output in outputs)


def rows(store: Store, table: str) -> int:
    with store._database.reading() as connection:
        return int(connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())


def test_said_twice_is_kept_once(url: str, opened: Opened, said: Said) -> None:
    """Outputs that come again, in another order or to a store opened anew, change nothing; each is in its table."""
    store = opened(url)
    owner = store.take(EMBEDDED, 0).owner
    outputs: list[Output] = [*said, refused(1, encounter="e1"), refused(2), came_late(1)]
    store.publish(owner, outputs)
    store.publish(owner, outputs[::-1])
    again = opened(url)
    again.publish(again.take(EMBEDDED, 0).owner, outputs[3:])
    assert by_id(again.alert_events()) == by_id(said)
    assert again.quarantined() == (refused(1, encounter="e1"), refused(2))
    assert (rows(again, "alert_events"), rows(again, "quarantine"), rows(again, "late")) == (len(said), 2, 1)
    assert len({named(output)[0] for output in outputs}) == len(outputs)


def test_an_answer_is_kept_once_with_the_beds(url: str, opened: Opened) -> None:
    """What a person did is saved with the offset; said again at a later offset it is there once."""
    store = opened(url)
    owner = store.take(EMBEDDED, 0).owner
    answer = Response(encounter="e1", observed_at=at(1), available_at=at(1), alert="a" * 32, verb="acknowledge")
    store.save(owner, 1, [], responses=[answer])
    store.save(owner, 2, [], responses=[answer])
    assert rows(store, "responses") == 1


def test_the_newest_are_given_oldest_first_and_one_encounter_alone(url: str, opened: Opened, said: Said) -> None:
    """A limit cuts the oldest; another encounter's alerts are not among one's own."""
    store = opened(url)
    owner = store.take(EMBEDDED, 0).owner
    store.publish(owner, [*said, *(refused(minute) for minute in range(5))])
    newest = store.alert_events(limit=3)
    assert [event.at for event in newest] == [event.at for event in said[-3:]]
    assert store.alert_events("e1")[-3:] == newest
    assert by_id(store.alert_events("e1")) == by_id(said)
    assert store.alert_events("e2") == ()
    assert store.quarantined(2) == (refused(3), refused(4))


def test_refusals_are_grouped_found_and_counted(url: str, opened: Opened) -> None:
    """Alike ones together with first and last time, newest first; found by any of their words; counted by fault."""
    store = opened(url)
    owner = store.take(EMBEDDED, 0).owner
    unit = {"fault": Fault.UNKNOWN_UNIT, "why": "50%_off", "sender": "lab-3", "code": "lactate", "unit": "Mmol"}
    outputs = [refused(minute, encounter="e1") for minute in (1, 5, 9)]
    outputs += [refused(4), refused(6)]
    outputs += [refused(2 + n, **unit, encounter=f"e{1 + n}") for n in range(2)]  # type: ignore[arg-type]
    store.publish(owner, outputs)
    number = ("invalid", "expected a number", None, None, None)
    of_unit = ("unknown_unit", "50%_off", "lab-3", "lactate", "Mmol")
    groups = (
        Refusals(*number, "e1", 3, at(1), at(9)),
        Refusals(*number, None, 2, at(4), at(6)),
        Refusals(*of_unit, "e2", 1, at(3), at(3)),
        Refusals(*of_unit, "e1", 1, at(2), at(2)),
    )
    assert store.refusals() == groups
    assert store.refusals(limit=2) == groups[:2]
    for search in ("unknown unit", "UNKNOWN_UNIT", "%_o", "LAB-3", "ctat", "mMOL"):
        assert store.refusals(search) == groups[2:], search
    assert store.refusals("E1") == (groups[0], groups[3])
    for nowhere in ("0%off", "5_%", "e1 e2", "\\"):
        assert store.refusals(nowhere) == (), nowhere
    assert store.faults() == {"invalid": 5, "unknown_unit": 2}


def test_no_word_of_a_sender_stops_the_store(url: str, opened: Opened) -> None:
    """A reason of kilobytes, or with a NUL, is kept whole in the refusal; only what is searched is cut and cleaned."""
    store = opened(url)
    owner = store.take(EMBEDDED, 0).owner
    long, odd_word = "x" * 50_000, "nul \0 \u202e é 🫀"
    words = {"why": long, "sender": long, "code": long, "unit": long}
    odd = [refused(1, **words), refused(2, **dict.fromkeys(words, odd_word))]  # type: ignore[arg-type]
    store.publish(owner, odd)
    assert store.quarantined() == tuple(odd)
    clean, cut = odd_word.replace("\0", "\ufffd"), "x" * SENDERS_CHARS_MAX
    assert [group[1:5] for group in store.refusals()] == [(clean,) * 4, ("x" * WHY_CHARS_MAX, cut, cut, cut)]


def test_refusals_and_late_notices_keep_their_newest(url: str, opened: Opened) -> None:
    """Too old goes, and so do all but about the newest; of equal times all go or none."""
    store = opened(url)
    owner = store.take(EMBEDDED, 0).owner
    notices = [came_late(minute) for minute in range(6)]
    store.publish(owner, [*(refused(minute) for minute in range(6)), *notices])
    store.prune_refusals(owner, at(1), 100)
    assert (rows(store, "quarantine"), rows(store, "late")) == (5, 5)
    store.prune_refusals(owner, at(1), 2)
    assert store.quarantined() == (refused(4), refused(5))
    assert rows(store, "late") == 2
    store.prune_refusals(owner, at(0) + timedelta(days=1), 2)
    assert (rows(store, "quarantine"), rows(store, "late")) == (0, 0)
