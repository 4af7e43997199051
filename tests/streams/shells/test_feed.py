"""The feed: the order and the pace of a recording, without a broker."""

import threading
import time
from datetime import timedelta

import pytest
from msgspec.structs import replace

from schemas.events import Source
from streams.adapters import Stay
from streams.adapters.demo import moved
from streams.shells.kafka import feed
from streams.shells.kafka.feed import Recording, _Pace, message
from streams.shells.kafka.log import moment, partition_of, read_now, topic_of
from tests.streams.bedside import EIGHT, SHOCK, admitted, at, note, reading, treatment


def test_each_kind_has_its_topic() -> None:
    """Vitals, laboratory results, notes, treatments and movements go where their names say."""
    events = (reading("hr", 80, "08:00"), reading("lactate", 3, "08:00", source=Source.LAB), note("x", "08:00"))
    assert [topic_of(event) for event in (*events, treatment("meropenem", "given", "08:00"), admitted())] == [
        "vitals", "labs", "notes", "treatments", "movements",
    ]  # fmt: skip


def test_stays_are_played_together_in_the_order_of_what_became_known() -> None:
    """Two stays of different years, moved to one moment, are one recording that never steps back."""
    recording = Recording()
    for encounter, years in (("a", 0), ("b", 30)):
        events = [replace(moved(event, timedelta(days=365 * years)), encounter=encounter) for event in SHOCK]
        recording.add(Stay(encounter, events, start=events[0].available_at), begins_at=EIGHT)
    played = list(recording)
    recording.close()
    assert [m.now for m in played] == sorted(m.now for m in played)
    assert {m.encounter for m in played[:4]} == {"a", "b"}
    assert len(played) == recording.total == 2 * len(SHOCK)
    assert played[0].now == recording.starts_at == EIGHT


def test_a_partition_is_the_same_for_ever() -> None:
    """The partition of an encounter is part of what is stored: another hash would tear stays apart."""
    assert [partition_of(name, 6) for name in ("e1", "e2", "vignette-1", "mimic3-1234")] == [2, 0, 4, 0]


def test_a_header_that_is_no_time_is_none() -> None:
    """Log time is read from its header; anything else that a sender puts there is no time, and stops nothing."""
    assert read_now([("other", b"1"), ("now", b"1000000")]) == moment(1_000_000)
    for odd in (b"", b"soon", b"9" * 30, b"\xff"):
        assert read_now([("now", odd)]) is None
    assert read_now([]) is None


def test_time_is_scaled_and_long_silences_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """At 3600 times real time half an hour takes half a second; a year without any record is cut short."""
    pace = _Pace(3600, None, threading.Event())
    began = time.monotonic()
    list(pace.until(at("08:00")))
    reached = list(pace.until(at("08:30")))
    assert 0.45 < time.monotonic() - began < 20  # unscaled: 1800
    assert reached == sorted(reached)
    assert reached[-1] == at("08:30")
    monkeypatch.setattr(feed, "SILENCE_MAX_S", 0.1)
    began = time.monotonic()
    list(pace.until(at("08:30") + timedelta(days=365)))
    assert time.monotonic() - began < 20


def test_a_feed_that_is_stopped_waits_for_nothing() -> None:
    """Once it is to stop, an hour at real time is over at once."""
    stop = threading.Event()
    pace = _Pace(1, None, stop)
    list(pace.until(at("08:00")))
    stop.set()
    began = time.monotonic()
    list(pace.until(at("09:00")))
    assert time.monotonic() - began < 20


def test_what_is_older_than_the_live_part_goes_at_once() -> None:
    """Before `live_from` nothing waits, at any speed."""
    assert list(_Pace(1, at("12:00"), threading.Event()).until(at("11:59"))) == []
    assert message(SHOCK[0]).now == SHOCK[0].available_at
