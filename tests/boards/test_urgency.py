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
from boards.station.urgency import HELD, LATELY, NOT_SHOWN, TABLE, look, place
from boards.web.pages import Broken, Pages
from schemas.boards.views import BedView, Unjudged
from schemas.clinical.alerts import Alert
from schemas.clinical.findings import Level, Sentence
from schemas.events import Event
from schemas.local_time import UTC
from streams.core.bed import Bed
from streams.core.step import step
from streams.core.view import view as view_of
from tests.boards.fixtures import NOW, FakeSource, at, bed, reading, rests_on, septic
from tests.streams import bedside

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
    over = one("over", alert(CRITICAL, "10:15", over_since=at("10:20")))
    assert placed(over, one("calm"), one("now", alert(CRITICAL, "09:00"))) == ["now", "over", "calm"]
    assert why(over) == "better since 10:20"
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


# -- a value about its limit


@pytest.mark.parametrize("gone", ["over_since", "unseen_since"])
@pytest.mark.parametrize(
    ("past", "row"),
    [
        (HELD - timedelta(seconds=1), "critical, seen, not acknowledged"),
        (HELD, "critical, seen, not acknowledged"),
        (HELD + timedelta(seconds=1), "critical, not seen, not acknowledged"),
    ],
)
def test_what_was_seen_ten_minutes_ago_keeps_its_place_until_then(gone: str, past: timedelta, row: str) -> None:
    """Just before, at, and just after ten minutes; better or out of sight."""
    view = one("e", alert(CRITICAL, "09:00", **{gone: NOW - past}))
    assert TABLE[cards.card(view, NOW).urgency.place].name == row


def test_what_is_out_of_sight_after_it_was_better_was_last_seen_when_it_became_better() -> None:
    """Its newest mark does not begin the ten minutes anew."""
    marks = {"over_since": at("10:21"), "unseen_since": at("10:31")}
    view = one("e", alert(CRITICAL, "09:00", **marks))
    assert TABLE[cards.card(view, NOW).urgency.place].name == "critical, not seen, not acknowledged"


def test_a_bed_that_keeps_its_place_says_that_it_is_better() -> None:
    """Its place is that of a danger, its words are not."""
    assert why(one("over", alert(CRITICAL, "10:25", over_since=at("10:28")))) == "better since 10:28"
    assert why(one("unseen", alert(CRITICAL, "10:25", unseen_since=at("10:28")))) == "not seen since 10:28"


def test_a_new_danger_stands_above_one_that_keeps_its_place() -> None:
    """The one that was raised last leads, at once."""
    held = one("held", alert(CRITICAL, "10:25", over_since=at("10:28")))
    assert placed(held, one("new", alert(CRITICAL, "10:32"))) == ["new", "held"]


def test_neither_silence_nor_a_fault_of_ours_keeps_a_place() -> None:
    """What was seen a moment ago is not seen, of a bed of which nothing is heard or that cannot be judged."""
    seen = alert(CRITICAL, "10:25", over_since=at("10:28"))
    broken = one("e", seen, unjudged=Unjudged(since=at("10:29"), what="KeyError"))
    for view in (one("e", seen, heard="09:20"), broken):
        assert TABLE[cards.card(view, NOW).urgency.place].name != "critical, seen, not acknowledged"


def rows(events: Sequence[Event], until: float) -> list[str]:
    """The rows of the table in which a bed stands, minute by minute, each as often as it came there."""
    told, found, bed = list(events), list[str](), Bed("e1")
    for minute in range(int(until) + 1):
        now = bedside.at(minute) + timedelta(seconds=1)
        known, told = [e for e in told if e.available_at <= now], [e for e in told if e.available_at > now]
        for event in known:
            bed, _ = step(bed, (event,), event.available_at, bedside.mind())
        bed, _ = step(bed, (), now, bedside.mind())
        row = TABLE[cards.card(view_of(bed, bedside.mind()), now).urgency.place].name
        found += [] if found[-1:] == [row] else [row]
    return found


INFECTED = bedside.note("Urosepsis, on ceftriaxone.", "06:30")


@pytest.mark.parametrize(
    ("concept", "values", "besides"),
    [
        ("spo2", (84, 86), ()),
        ("hr", (152, 148), ()),
        ("map", (49, 51), ()),
        ("map", (64, 64, 64, 64, 66), (INFECTED,)),
        ("rr", (41, 39), ()),
    ],
    ids=["saturation", "heart rate", "pressure at its limit", "pressure at that of shock", "breathing"],
)
def test_a_value_about_its_limit_moves_its_bed_once(
    concept: str, values: Sequence[float], besides: Sequence[Event]
) -> None:
    """Each minute on another side of it for an hour: once critical, the bed stays where it is."""
    told = [bedside.reading(concept, values[k % len(values)], k) for k in range(1, 60)]
    passed = rows([bedside.admitted("06:00"), *besides, *told], 59)
    danger = "critical, seen, not acknowledged"
    assert passed[-1] == danger
    assert passed.count(danger) == 1


def test_a_dip_keeps_its_place_for_ten_minutes_and_then_leaves_it() -> None:
    """One minute at a saturation of 84, then well: nothing stands in the end."""
    told = [bedside.reading("spo2", 84 if minute == 1 else 96, minute) for minute in range(60)]
    passed = rows([bedside.admitted("06:00"), *told], 59)
    assert passed[1:3] == ["critical, seen, not acknowledged", "critical, not seen, not acknowledged"]
    assert passed[-1] == "nothing stands"


# -- whatever stands

LONG_SINCE = at("00:00") - timedelta(hours=1)
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
    is_seen = one_alert.unseen_since is None and one_alert.over_since is None
    assert not is_seen or there(replace(one_alert, unseen_since=NOW)) == now
    assert not is_seen or there(replace(one_alert, over_since=NOW)) == now
    assert there(replace(one_alert, unseen_since=LONG_SINCE)) >= now
    assert there(replace(one_alert, over_since=LONG_SINCE)) >= now
    assert there(one_alert, is_heard=False) >= now
    assert now < len(TABLE) - 1


def has_settled(alert: Alert) -> bool:
    """Whether it neither worsened nor went out of sight a moment ago."""
    gone = [since for since in (alert.unseen_since, alert.over_since) if since]
    worsened = alert.worsened_at
    return not (worsened and NOW - worsened <= LATELY) and all(NOW - since > HELD for since in gone)


@given(any_beds(), st.integers(0, 29))
def test_a_bed_moves_by_time_alone_only_soon_after_something_changed(beds: list[BedView], minutes: int) -> None:
    """As long as none falls silent, and none has just worsened or become better, the order now is the order then."""
    heard = [replace(view, last_heard_at=NOW) for view in beds]
    settled = [view for view in heard if all(map(has_settled, view.alerts))]
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
