"""Refusals in groups: alike ones together, whatever their messages hold."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from schemas.events.quarantine import Fault, Rejected
from streams.shells.refused import GROUPS_MAX, TEXT_CHARS_MAX, grouped
from tests.streams.bedside import at


def refused(raw: bytes, clock: str = "08:00", fault: Fault = Fault.UNKNOWN_UNIT, encounter: str = "e1") -> Rejected:
    return Rejected(fault=fault, why="unit: unknown", received_at=at(clock), encounter=encounter, raw=raw)


ZORKMID = b'{"concept":"lactate","unit":"zorkmid","source":"lab","value":6.25}'


def test_alike_refusals_are_one_group_with_count_first_and_last() -> None:
    """What it was, from whom, of which bed and why make a group; the newest group comes first."""
    groups = grouped([
        refused(ZORKMID, "08:00"),
        refused(ZORKMID, "09:00"),
        refused(ZORKMID, "08:30", encounter="e2"),
        refused(b'{"item":"norepinephrine","rate_unit":"drops"}', "07:00"),
        refused(b"\xff", "10:00", Fault.UNDECODABLE),
    ])  # fmt: skip
    assert [(g.fault, g.what, g.sender, g.encounter, g.count, g.first_at, g.last_at) for g in groups] == [
        (Fault.UNDECODABLE, "", "", "e1", 1, at("10:00"), at("10:00")),
        (Fault.UNKNOWN_UNIT, "lactate in zorkmid", "lab", "e1", 2, at("08:00"), at("09:00")),
        (Fault.UNKNOWN_UNIT, "lactate in zorkmid", "lab", "e2", 1, at("08:30"), at("08:30")),
        (Fault.UNKNOWN_UNIT, "norepinephrine in drops", "", "e1", 1, at("07:00"), at("07:00")),
    ]
    assert "6.25" not in str(groups)


def test_the_search_finds_in_every_word_whatever_its_case() -> None:
    """Fault, code, unit, sender, bed and reason are searched; what does not hold the words is left out."""
    refusals = [refused(ZORKMID), refused(b"{", "09:00", Fault.UNDECODABLE, "ward/7")]
    for search, count in (
        ("", 2),
        ("ZORK", 1),
        ("Lactate", 1),
        ("lab", 1),
        ("WARD/7", 1),
        ("unknown unit", 1),
        ("no", 2),
    ):
        assert len(grouped(refusals, search)) == count, search
    assert grouped(refusals, "nowhere") == ()


@given(st.binary(max_size=200) | st.recursive(st.just(b"1"), lambda x: x.map(lambda b: b"[" + b + b"]")))
def test_no_message_is_too_odd_to_be_grouped(raw: bytes) -> None:
    """Whatever bytes were refused, there is a group for them."""
    assert grouped([refused(raw)])[0].count == 1


def test_groups_are_bounded() -> None:
    """Deeply nested or very long messages, and very many kinds, end at limits with names."""
    assert grouped([refused(b"[" * 4_000)])[0].what == ""
    assert len(grouped([refused(b'{"concept":"%s"}' % (b"x" * 4_000))])[0].what) == TEXT_CHARS_MAX
    many = [refused(b'{"concept":"c%d"}' % n, "08:00") for n in range(GROUPS_MAX + 50)]
    many = [Rejected(fault=r.fault, why=r.why, received_at=r.received_at + timedelta(seconds=n), raw=r.raw)
            for n, r in enumerate(many)]  # fmt: skip
    groups = grouped(many)
    assert len(groups) == GROUPS_MAX
    assert groups[0].what == f"c{GROUPS_MAX + 49}"
