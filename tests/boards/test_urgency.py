"""Who needs somebody first: the table of urgencies, story by story, and the order that it makes of any beds."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from boards.station import cards
from boards.station.urgency import LATELY, NOT_SHOWN, TABLE, look, place
from boards.web.pages import Broken, Pages
from schemas.boards.views import BedView, Unjudged
from schemas.clinical.alerts import Alert
from schemas.clinical.findings import Level, Sentence
from schemas.local_time import UTC
from tests.boards.fixtures import NOW, FakeSource, at, bed, reading, rests_on, septic

SILENT_AFTER = timedelta(minutes=30)
ONE = septic().alerts[0]


def alert(level: Level, raised: str, **more: Any) -> Alert:
    """An alert of this level that rests on nothing in particular."""
    finding = replace(ONE.finding, level=level, steps=(), sentence=Sentence(template="It is so.", evidence=()))
    number = level.rank * 10_000 + int(raised.replace(":", ""))
    return replace(ONE, id=f"{number:032x}", level=level, raised_at=at(raised), finding=finding, **more)


def answered(clock: str, by: str = "RN 7") -> dict[str, Any]:
    return {"state": "acknowledged", "acknowledged_at": at(clock), "acknowledged_by": by}


def one(name: str, *alerts: Alert, heard: str | None = "10:30", **more: Any) -> BedView:
    """A bed that was last heard then, with these alerts."""
    readings = [] if heard is None else [reading(name, "hr", heard, 80)]
    return bed(name, name, readings, alerts=alerts, **more)


CRITICAL, WARNING, WATCH, ASK = Level.CRITICAL, Level.WARNING, Level.WATCH, Level.ASK

STORIES: Sequence[tuple[str, BedView, str]] = [
    ("critical, seen, not acknowledged", one("a", alert(CRITICAL, "10:10")), "waiting since 10:10"),
    (
        "the bed cannot be judged, or not be shown",
        one("b", alert(CRITICAL, "10:10"), unjudged=Unjudged(since=at("10:20"), what="KeyError")),
        "cannot be judged since 10:20",
    ),
    (
        "worsened to a warning lately, seen, not acknowledged",
        one("c", alert(WARNING, "09:00", worsened_at=at("10:12"))),
        "▲ worse since 10:12",
    ),
    (
        "critical, not seen, not acknowledged",
        one("d", alert(CRITICAL, "08:00", unseen_since=at("09:50"))),
        "not seen since 09:50",
    ),
    ("warning, seen, not acknowledged", one("e", alert(WARNING, "10:31")), "waiting since 10:31"),
    (
        "critical, seen, acknowledged",
        one("f", alert(CRITICAL, "09:00", **answered("09:10"))),
        "✓ acknowledged 09:10 by RN 7",
    ),
    (
        "critical, not seen, acknowledged",
        one("g", alert(CRITICAL, "08:00", unseen_since=at("09:50"), **answered("08:05"))),
        "not seen since 09:50",
    ),
    (
        "warning, seen, acknowledged",
        one("h", alert(WARNING, "09:00", **answered("09:10"))),
        "✓ acknowledged 09:10 by RN 7",
    ),
    (
        "warning, not seen, not acknowledged",
        one("i", alert(WARNING, "09:00"), heard="09:20"),
        "not seen since 09:20",
    ),
    (
        "warning, not seen, acknowledged",
        one("j", alert(WARNING, "09:00", **answered("09:01")), heard="09:20"),
        "not seen since 09:20",
    ),
    ("nothing is heard from the bed", one("k", heard="09:20"), ""),
    ("watch, not acknowledged", one("l", alert(WATCH, "10:00")), "waiting since 10:00"),
    ("question, not acknowledged", one("m", alert(ASK, "10:00")), "waiting since 10:00"),
    (
        "watch or question, acknowledged",
        one("n", alert(ASK, "10:00", **answered("10:01"))),
        "✓ acknowledged 10:01 by RN 7",
    ),
    ("nothing stands", one("o"), ""),
]


def placed(*views: BedView, now: datetime = NOW) -> list[str]:
    """The beds in the order of the board."""
    source = FakeSource(*views)
    source.now_status = replace(source.now_status, now=now)
    shown = Pages(source, SILENT_AFTER, UTC).each(lambda card: card)
    return [bed.encounter if isinstance(bed, Broken) else bed.view.encounter for bed in shown]


def why(view: BedView) -> str:
    """Why the card says that it stands where it does."""
    said = cards.card(view, NOW).urgency
    since = f" {said.since:%H:%M}" if said.since else ""
    return f"{said.why}{since}{f' by {said.by}' if said.by else ''}"


def test_the_page_is_the_table_in_words(root: Path) -> None:
    """docs/boards.md has the rows in their order."""
    page = (root / "docs" / "boards.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| ([^|]+) \|", page, re.MULTILINE)
    assert rows == [(str(number), row.name) for number, row in enumerate(TABLE, 1)]


@pytest.mark.parametrize(("row", "view", "said"), STORIES, ids=[row for row, _, _ in STORIES])
def test_every_row_has_its_bed_and_its_reason(row: str, view: BedView, said: str) -> None:
    """A bed of each row is placed there, and its card says why in few words."""
    assert TABLE[cards.card(view, NOW).urgency.place].name == row
    assert why(view) == said


def test_the_board_is_the_table_from_top_to_bottom() -> None:
    """One bed of each row: the board shows them in the order of the rows, however they come."""
    beds = [view for _, view, _ in STORIES]
    assert [row for row, _, _ in STORIES] == [row.name for row in TABLE]
    assert placed(*reversed(beds)) == [view.encounter for view in beds]


def test_a_bed_that_cannot_be_shown_gives_way_to_a_critical_one_alone() -> None:
    """Of a bed that fails nothing is known: only what is critical now, and its like, come before it."""
    source = FakeSource(*(view for _, view, _ in STORIES))
    source.cannot["o"] = ValueError("7")
    shown = Pages(source, SILENT_AFTER, UTC).each(lambda card: card)
    assert [isinstance(bed, Broken) for bed in shown].index(True) == NOT_SHOWN + 1


def extreme() -> BedView:
    """An ICU bed with SpO₂ 72 %, MAP 52 mmHg and lactate 10.7 mmol/L; two guidelines say that it is critical."""
    rows = [
        reading("icu", "spo2", "10:25", 72),
        reading("icu", "map", "10:25", 52),
        reading("icu", "lactate", "09:40", 10.7),
    ]
    limits = Sentence(template="SpO₂ is {0} and MAP {1}.", evidence=(rests_on(rows[0]), rests_on(rows[1])))
    shock = Sentence(template="Lactate is {0}.", evidence=(rests_on(rows[2]),))
    alerts = [
        replace(one, id=f"{number:032x}", key=key, finding=replace(one.finding, sentence=sentence))
        for number, (one, key, sentence) in enumerate(
            [(alert(CRITICAL, "10:25"), "LIM", limits), (alert(CRITICAL, "09:41"), "SEP", shock)]
        )
    ]
    return bed("icu", "ICU 2-09", rows, alerts=tuple(alerts))


def test_what_is_extreme_now_is_first_whatever_else_stands() -> None:
    """SpO₂ 72 %, MAP 52 and lactate 10.7 come before newer, worsened, older, unseen, failed and silent beds."""
    others = [view for _, view, _ in STORIES]
    newer = one("newer", alert(CRITICAL, "10:31"))
    assert placed(*others, newer, extreme())[:2] == ["icu", "newer"]


def test_of_equally_critical_beds_the_newest_leads() -> None:
    """What was raised or worsened last is the first of those that nobody has answered."""
    old = one("old", alert(CRITICAL, "09:00"))
    worse = one("worse", alert(CRITICAL, "08:00", worsened_at=at("10:20")))
    new = one("new", alert(CRITICAL, "10:10"))
    assert placed(old, new, worse) == ["worse", "new", "old"]


def test_an_answered_old_warning_sinks_below_a_fresh_one() -> None:
    """Also when it was the newer of the two."""
    old = one("old", alert(WARNING, "10:20", **answered("10:25")))
    assert placed(old, one("fresh", alert(WARNING, "09:00"))) == ["fresh", "old"]


def test_worsening_lifts_a_bed_that_was_answered() -> None:
    """An acknowledgement counts for what was seen then, and not for what came after it."""
    stands = one("stands", alert(WARNING, "10:20"))
    before = one("worse", alert(WARNING, "09:00", **answered("09:10")))
    after = one("worse", alert(WARNING, "09:00", worsened_at=at("10:12"), **answered("09:10")))
    assert placed(stands, before) == ["stands", "worse"]
    assert placed(stands, after) == ["worse", "stands"]
    assert why(after) == "▲ worse since 10:12"


def test_a_silent_bed_that_was_critical_stands_below_what_is_critical_now_and_above_calm_ones() -> None:
    """Neither silence nor a value too old makes a bed look better than it was last known to be."""
    silent = one("silent", alert(CRITICAL, "09:00"), heard="09:20")
    unseen = one("unseen", alert(CRITICAL, "08:30", unseen_since=at("09:30")))
    watch = one("watch", alert(WATCH, "10:30"))
    assert placed(one("calm"), watch, unseen, silent, one("now", alert(CRITICAL, "09:30"))) == [
        "now",
        "silent",
        "unseen",
        "watch",
        "calm",
    ]
    assert cards.card(silent, NOW).level == "critical"


def test_what_is_told_as_past_stands_below_what_is_so_now() -> None:
    """What waits for its second look: below a critical alert of now, above calm beds; told as better."""
    over = one("over", alert(CRITICAL, "10:25", over_since=at("10:28")))
    assert placed(over, one("calm"), one("now", alert(CRITICAL, "09:00"))) == ["now", "over", "calm"]
    assert why(over) == "better since 10:28"
    silent = one("over", alert(CRITICAL, "09:05", over_since=at("09:10")), heard="09:20")
    assert why(silent) == "not seen since 09:20"


def test_an_answered_extreme_stays_above_a_question() -> None:
    """Somebody knows of it, and it is still so."""
    known = one("known", alert(CRITICAL, "08:00", **answered("08:02")))
    assert placed(one("ask", alert(ASK, "10:31")), one("watch", alert(WATCH, "10:31")), known)[0] == "known"


def test_quiet_beds_stand_by_their_number() -> None:
    """Bed 2 before bed 10, as they lie on the ward."""
    beds = [replace(one(f"e{n}"), bed=f"Bed {n}") for n in (10, 2, 1, 11)]
    assert placed(*beds) == ["e1", "e2", "e10", "e11"]


LEVELS = st.sampled_from(Level)
CLOCKS = st.integers(0, 10 * 60 + 30).map(lambda minute: at("00:00") + timedelta(minutes=minute))
MAYBE = st.none() | CLOCKS


@st.composite
def any_alert(draw: st.DrawFn) -> Alert:
    """An alert as it may stand."""
    by = draw(MAYBE)
    return replace(
        alert(draw(LEVELS), "00:00"),
        id=f"{draw(st.integers(0, 10**6)):032x}",
        raised_at=draw(CLOCKS),
        worsened_at=draw(MAYBE),
        unseen_since=draw(MAYBE),
        over_since=draw(MAYBE),
        state="raised" if by is None else "acknowledged",
        acknowledged_at=by,
    )


@st.composite
def any_beds(draw: st.DrawFn) -> list[BedView]:
    """Some beds, each with a patient of its own; labels may be missing or doubled."""
    return [
        bed(
            f"e{number}",
            draw(st.sampled_from(["Bed 1", "Bed 2", "Bed 10", ""])),
            [],
            alerts=tuple(draw(st.lists(any_alert(), max_size=3, unique_by=lambda one: one.id))),
            last_heard_at=draw(MAYBE),
            unjudged=Unjudged(since=at("09:00"), what="KeyError") if draw(st.booleans()) else None,
        )
        for number in range(draw(st.integers(0, 6)))
    ]


@given(any_beds(), st.randoms(use_true_random=False))
def test_the_order_is_one_and_no_bed_is_lost(beds: list[BedView], chance: Any) -> None:
    """Whatever stands, and in whichever order the beds come, the board shows each once and in the same order."""
    first = placed(*beds)
    assert sorted(first) == sorted(view.encounter for view in beds)
    chance.shuffle(beds)
    assert placed(*beds) == first
    assert len({cards.card(view, NOW).order for view in beds}) == len(beds)


@given(any_alert(), st.booleans())
def test_bad_news_never_sinks_a_bed_and_an_answer_never_lifts_it(one_alert: Alert, heard: bool) -> None:
    """Louder, worse or seen again: not lower. Acknowledged, unseen or silent: not higher. Never below a calm bed."""
    view = one("e")

    def there(alert: Alert, is_heard: bool = heard) -> int:
        return place(look(alert, view, NOW, is_heard))

    now = there(one_alert)
    assert there(replace(one_alert, worsened_at=NOW)) <= now
    assert there(replace(one_alert, unseen_since=None)) <= now
    assert there(replace(one_alert, over_since=None)) <= now
    assert there(replace(one_alert, level=Level.CRITICAL)) <= now
    assert there(replace(one_alert, state="acknowledged", acknowledged_at=NOW)) >= now
    assert there(replace(one_alert, unseen_since=NOW)) >= now
    assert there(replace(one_alert, over_since=NOW)) >= now
    assert there(one_alert, is_heard=False) >= now
    assert now < len(TABLE) - 1


@given(any_beds(), st.integers(0, 29))
def test_a_bed_moves_by_time_alone_only_within_an_hour_of_its_worsening(beds: list[BedView], minutes: int) -> None:
    """As long as none falls silent, and none has just worsened, the order now is the order then."""
    heard = [replace(view, last_heard_at=NOW) for view in beds]
    settled = [view for view in heard if all(not a.worsened_at or NOW - a.worsened_at > LATELY for a in view.alerts)]
    assert placed(*settled, now=NOW + timedelta(minutes=minutes)) == placed(*settled)


def test_a_warning_that_worsened_leads_for_an_hour() -> None:
    """Then it stands among the warnings, below what is critical and lost from sight; it still says since when."""
    worse = one("worse", alert(WARNING, "08:00", worsened_at=at("09:32")))
    unseen = one("unseen", alert(CRITICAL, "08:00", unseen_since=at("09:50")))
    assert placed(unseen, worse) == ["worse", "unseen"]
    later = NOW + timedelta(microseconds=1)
    assert placed(unseen, worse, now=later) == ["unseen", "worse"]
    assert cards.card(worse, later).urgency.why == "▲ worse since"


def test_a_bed_that_moves_by_time_alone_moves_on_every_open_board() -> None:
    """What was drawn before is drawn anew, and the places that the heartbeat compares are others."""
    worse = one("worse", alert(WARNING, "08:00", worsened_at=at("09:32")))
    source = FakeSource(worse)
    pages = Pages(source, SILENT_AFTER, UTC)
    before, stood = pages.one_card("worse"), pages.places()
    source.now_status = replace(source.now_status, now=NOW + timedelta(seconds=1))
    pages._last = None  # a second has passed
    after = pages.one_card("worse")
    assert before is not None
    assert after is not None
    assert before.partition("data-order")[2][:8] < after.partition("data-order")[2][:8]
    assert pages.places() != stood
