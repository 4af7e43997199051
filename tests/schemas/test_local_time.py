"""Times as the clocks of the ward show them, also in the nights in which these are put forward or back."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import local_time
from schemas.local_time import changes, clock, clock_and_day, offset, time_zone, zone_name

ROOT = Path(__file__).parents[2]
BERLIN, NEW_YORK, KOLKATA = (time_zone(name) for name in ("Europe/Berlin", "America/New_York", "Asia/Kolkata"))
ZONES = st.sampled_from(
    [time_zone(name) for name in ("UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu")]
)
MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001, made aware


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


def test_a_time_is_that_of_the_ward() -> None:
    """One moment, on the clocks of three wards; only the clock where it is today there, else with its date."""
    moment, now = at("2026-03-03T22:30"), at("2026-03-03T23:15")
    assert clock_and_day(moment, now, local_time.UTC) == "22:30"
    assert clock_and_day(moment, now, BERLIN) == "3 Mar 23:30"  # it is past midnight there
    assert clock_and_day(moment, now, NEW_YORK) == "17:30"
    assert clock_and_day(moment, now, KOLKATA) == "04:00"


def test_times_of_another_day_are_shown_with_their_date() -> None:
    """Before today the day; in another year the year too."""
    now = at("2026-03-03T10:32")
    assert clock_and_day(now - timedelta(days=1), now, local_time.UTC) == "2 Mar 10:32"
    assert clock_and_day(now - timedelta(days=365), now, local_time.UTC) == "3 Mar 2025 10:32"


def test_in_the_hour_that_comes_twice_a_time_has_its_distance_from_utc() -> None:
    """When clocks are put back, 02:30 is two moments, and they are told apart; before and after it is as always."""
    night = [clock(at(f"2026-10-25T0{hour}:30"), BERLIN) for hour in (0, 1)]
    assert night == ["02:30 UTC+2", "02:30 UTC+1"]
    assert [clock(at(f"2026-10-{day}:30"), BERLIN) for day in ("24T23", "25T02")] == ["01:30", "03:30"]
    assert clock(at("2026-11-01T05:30"), NEW_YORK) == "01:30 UTC-4"
    assert clock(at("2026-04-04T14:45"), time_zone("Australia/Lord_Howe")) == "01:45 UTC+11"
    assert clock(at("2026-04-04T15:15"), time_zone("Australia/Lord_Howe")) == "01:45 UTC+10:30"


def test_a_zone_is_named_with_how_far_it_is_ahead_now() -> None:
    """In winter and in summer; UTC is UTC."""
    assert zone_name(at("2026-01-01T12:00"), BERLIN) == "Europe/Berlin, UTC+1"
    assert zone_name(at("2026-07-01T12:00"), BERLIN) == "Europe/Berlin, UTC+2"
    assert zone_name(at("2026-01-01T12:00"), KOLKATA) == "Asia/Kolkata, UTC+5:30"
    assert zone_name(at("2026-01-01T12:00"), time_zone("UTC")) == "UTC"


@pytest.mark.parametrize(
    "name", ["", "Berlin", "europe", "Europe", "../etc/passwd", "right/Europe/Berlin", "UTC+2", "\0"]
)
def test_what_is_no_zone_is_refused(name: str) -> None:
    """Also folders, paths, zones that count leap seconds, and offsets, which know no summer."""
    with pytest.raises(ValueError, match="IANA name, such as Europe/Berlin"):
        time_zone(name)


def test_the_zones_come_with_the_installation() -> None:
    """Where the system has none, as on a slim image, they are there all the same."""
    words = "from schemas.local_time import time_zone; print(time_zone('Europe/Berlin'))"
    told = subprocess.run(
        [sys.executable, "-c", words], env={"PYTHONTZPATH": ""}, cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert told.stdout == "Europe/Berlin\n"


@given(MOMENTS, st.integers(1, 24 * 60 - 1), ZONES)
def test_no_two_moments_of_a_day_have_the_same_words(moment: datetime, minutes: int, zone: ZoneInfo) -> None:
    """Whatever the zone and the day: minutes apart, told apart."""
    later = moment + timedelta(minutes=minutes)
    assert clock_and_day(moment, later, zone) != clock_and_day(later, later, zone)


@given(MOMENTS, st.integers(1, 30 * 60), ZONES)
def test_the_changes_of_a_span_give_the_clock_at_each_of_its_moments(
    since: datetime, minutes: int, zone: ZoneInfo
) -> None:
    """The last change before a moment says how far the clocks were ahead then."""
    until = since + timedelta(minutes=minutes)
    found = changes(since, until, zone)
    assert found[0] == (since, offset(since, zone))
    for minute in range(0, minutes, 7):
        moment = since + timedelta(minutes=minute)
        assert [ahead for at, ahead in found if at <= moment][-1] == offset(moment, zone)
