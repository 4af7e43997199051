"""A moment as the clocks of the ward show it: the words of a time, the same in every sentence and on every page.

In the night that clocks are put back one hour comes twice: a time in it is told with its distance from UTC.
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
UTC = ZoneInfo("UTC")


def time_zone(name: str) -> ZoneInfo:
    """The zone of this IANA name. Raises ValueError."""
    if name not in available_timezones():
        raise ValueError("expected a time zone by its IANA name, such as Europe/Berlin")
    return ZoneInfo(name)


def clock(moment: datetime, zone: ZoneInfo) -> str:
    """14:05; in an hour that comes twice 02:30 UTC+2."""
    local = moment.astimezone(zone)
    comes_twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    return f"{local:%H:%M} {_from_utc(moment, zone)}" if comes_twice else f"{local:%H:%M}"


def clock_and_day(moment: datetime, now: datetime, zone: ZoneInfo) -> str:
    """14:05 today; 2 Mar 14:05 on another day; with the year when that differs too."""
    day, today = moment.astimezone(zone).date(), now.astimezone(zone).date()
    if day == today:
        return clock(moment, zone)
    year = "" if day.year == today.year else f" {day.year}"
    return f"{day.day} {day:%b}{year} {clock(moment, zone)}"


def zone_name(now: datetime, zone: ZoneInfo) -> str:
    """What the clocks go by now: Europe/Berlin, UTC+1."""
    return zone.key if zone is UTC else f"{zone.key}, {_from_utc(now, zone)}"


def offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    """How far the clocks of the zone are ahead of UTC."""
    return moment.astimezone(zone).utcoffset() or timedelta(0)


def changes(since: datetime, until: datetime, zone: ZoneInfo) -> tuple[tuple[datetime, timedelta], ...]:
    """From when on the clocks are how far ahead of UTC: at `since`, and wherever that changes before `until`."""
    found = [(since, offset(since, zone))]
    moment = since.replace(second=0, microsecond=0)  # clocks are put at a full minute
    while moment < until:
        step = HOUR if offset(moment + HOUR, zone) == found[-1][1] else MINUTE
        moment += step
        if since < moment < until and offset(moment, zone) != found[-1][1]:
            found.append((moment, offset(moment, zone)))
    return tuple(found)


def _from_utc(moment: datetime, zone: ZoneInfo) -> str:
    minutes = round(offset(moment, zone) / MINUTE)
    hours, rest = divmod(abs(minutes), HOUR // MINUTE)
    return f"UTC{'-' if minutes < 0 else '+'}{hours}" + (f":{rest:02d}" if rest else "")
