"""Refusals in groups: alike ones together, whatever their messages hold."""

from datetime import timedelta

from schemas.events.quarantine import Fault, Rejected
from streams.shells.refused import GROUPS_MAX, grouped
from tests.streams.bedside import at


def refused(
    clock: str, code: str | None, unit: str | None = None, sender: str | None = None, **more: object
) -> Rejected:
    given = {"fault": Fault.UNKNOWN_UNIT, "why": "unit: unknown", "encounter": "e1"} | more
    return Rejected(received_at=at(clock), code=code, unit=unit, sender=sender, **given)  # type: ignore[arg-type]


def test_alike_refusals_are_one_group_with_count_first_and_last() -> None:
    """What it was, from whom, of which bed and why make a group; the newest group comes first."""
    groups = grouped([
        refused("08:00", "lactate", "zorkmid", "lab"),
        refused("09:00", "lactate", "zorkmid", "lab"),
        refused("08:30", "lactate", "zorkmid", "lab", encounter="e2"),
        refused("07:00", "norepinephrine", "drops"),
        refused("10:00", None, fault=Fault.UNDECODABLE, encounter=None),
    ])  # fmt: skip
    assert [(g.fault, g.what, g.sender, g.encounter, g.count, g.first_at, g.last_at) for g in groups] == [
        (Fault.UNDECODABLE, "", "", None, 1, at("10:00"), at("10:00")),
        (Fault.UNKNOWN_UNIT, "lactate in zorkmid", "lab", "e1", 2, at("08:00"), at("09:00")),
        (Fault.UNKNOWN_UNIT, "lactate in zorkmid", "lab", "e2", 1, at("08:30"), at("08:30")),
        (Fault.UNKNOWN_UNIT, "norepinephrine in drops", "", "e1", 1, at("07:00"), at("07:00")),
    ]


def test_the_search_finds_in_every_word_whatever_its_case() -> None:
    """Fault, code, unit, sender, bed and reason are searched; what does not hold the words is left out."""
    refusals = [
        refused("08:00", "lactate", "zorkmid", "lab"),
        refused("09:00", None, fault=Fault.UNDECODABLE, encounter="ward/7", why="expected one JSON object"),
    ]
    finds = {
        "": 2,
        "ZORK": 1,
        "Lactate": 1,
        "lab": 1,
        "WARD/7": 1,
        "unknown unit": 1,
        "json": 1,
        "in zork": 1,
        "x y": 0,
    }
    assert {search: len(grouped(refusals, search)) for search in finds} == finds


def test_groups_are_bounded() -> None:
    """Of very many kinds the newest are shown."""
    many = [refused("08:00", f"c{n}") for n in range(GROUPS_MAX + 50)]
    for n, r in enumerate(many):
        many[n] = Rejected(fault=r.fault, why=r.why, received_at=r.received_at + timedelta(seconds=n), code=r.code)
    groups = grouped(many)
    assert len(groups) == GROUPS_MAX
    assert groups[0].what == f"c{GROUPS_MAX + 49}"
