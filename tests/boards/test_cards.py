"""A bed's place on the board, its words, and its notes and trends, without a server."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from boards import words
from boards.icu import summary
from boards.station import cards
from schemas.boards.views import ShownNote, WrongClock
from schemas.clinical.facts import NoteFact, Polarity
from schemas.clinical.findings import Level, StepState
from schemas.events import Quality
from schemas.events.quarantine import Fault
from schemas.local_time import UTC
from tests.boards.fixtures import (
    NOTE,
    NOW,
    acknowledged,
    artefact,
    asking,
    at,
    bed,
    calm,
    five,
    news2,
    septic,
    silent,
)


def test_the_most_urgent_bed_is_first_and_calm_ones_last() -> None:
    """Critical, a warning, a bed that is not heard, watch, ask, calm: in this order."""
    watch = asking()
    finding = replace(watch.alerts[0].finding, level=Level.WATCH)
    watch = replace(watch, encounter="w", alerts=(replace(watch.alerts[0], level=Level.WATCH, finding=finding),))
    unheard = bed("u", "ICU 2-20", [])
    beds = [calm(), unheard, asking(), watch, silent(), septic()]
    shown = sorted((cards.card(view, NOW) for view in beds), key=lambda card: card.order)
    assert [card.level for card in shown] == ["critical", "warning", "silent", "watch", "ask", "calm"]


def test_of_one_level_the_newest_that_nobody_answered_is_first() -> None:
    """A warning that was acknowledged gives way to one that was not; otherwise the newest leads."""

    def warned(name: str, raised: str) -> cards.Card:
        view = silent()
        alert = replace(view.alerts[0], raised_at=at(raised))
        view = replace(view, encounter=name, alerts=(alert,), last_heard_at=NOW)
        return cards.card(acknowledged(view) if name == "answered" else view, NOW)

    shown = [warned("old", "08:00"), warned("answered", "10:00"), warned("new", "09:00")]
    assert [c.view.encounter for c in sorted(shown, key=lambda c: c.order)] == ["new", "old", "answered"]


def test_of_equally_loud_warnings_of_one_bed_the_one_with_more_to_do_leads() -> None:
    """The long checklist leads the card, also when the other warning is newer; the newer one places the bed."""
    view = septic()
    bare = replace(view.alerts[0].finding, steps=())
    newer = replace(view.alerts[0], id=f"{6:032x}", raised_at=NOW, finding=bare)
    both = cards.card(replace(view, alerts=(newer, *view.alerts)), NOW)
    assert [alert.id for alert in both.alerts] == [view.alerts[0].id, newer.id]
    assert both.order < cards.card(view, NOW).order


@pytest.mark.parametrize(("minutes", "is_silent"), [(30, False), (31, True)])
def test_a_bed_is_silent_once_nothing_was_heard_for_longer_than_the_limit(minutes: int, is_silent: bool) -> None:
    """Time alone makes a bed silent, one instant after the limit."""
    view = calm()
    assert view.last_heard_at is not None
    card = cards.card(view, view.last_heard_at + timedelta(minutes=minutes))
    assert (card.silent, card.level) == (is_silent, "silent" if is_silent else "calm")


def test_every_level_state_and_fault_has_words() -> None:
    """Nothing that a shell may send is without a word; no two levels share word or mark, so colour is never alone."""
    assert {*words.LEVELS} == {*(level.value for level in Level), "unjudged", "silent", "calm"}
    assert len({level.word for level in words.LEVELS.values()}) == len(words.LEVELS)
    assert len({level.mark for level in words.LEVELS.values()}) == len(words.LEVELS)
    assert {*words.STEP_STATES} == {*StepState}
    assert {*words.FAULTS} == {*Fault}


def test_a_sentence_is_cut_into_words_and_the_values_that_they_rest_on() -> None:
    """Joined, the pieces are the sentence; each value carries its own evidence."""
    sentence = septic().alerts[0].finding.sentence
    pieces = cards.pieces(sentence)
    assert "".join(text for text, _ in pieces) == sentence.text
    assert [evidence for _, evidence in pieces if evidence] == list(sentence.evidence)


def test_a_score_never_hides_a_gap() -> None:
    """A complete score is its total; an incomplete one says its least, and what is unknown."""
    assert words.score(news2({"rr": 3})) == "3"
    assert words.score(news2({"rr": 3, "temp": None})) == "≥3 of 20, Temp unknown"
    names = ("rr", "spo2", "oxygen", "sbp", "hr", "consciousness", "temp")
    assert words.score(news2(dict.fromkeys(names))) == "unknown: no part measured"
    assert words.score(None) == "unknown"


@pytest.mark.parametrize(
    ("off_s", "said"),
    [(300, "5 min behind"), (120, "2 min behind"), (119, "119 s behind"), (-119, "119 s ahead"), (-120, "2 min ahead")],
)
def test_a_wrong_clock_is_told_by_how_much_and_which_way(off_s: float, said: str) -> None:
    """Seconds below two minutes, minutes from there on."""
    assert words.amiss(WrongClock(source="GW-7 monitor", off_s=off_s, since=NOW)) == said


@pytest.mark.parametrize(
    ("minutes", "said"), [(0, "now"), (1, "1 min"), (59, "59 min"), (65, "1 h 05"), (2880, "2 d"), (-3, "now")]
)
def test_ages_are_short(minutes: int, said: str) -> None:
    """An age is said in the largest unit that still tells something."""
    assert words.age(NOW - timedelta(minutes=minutes), NOW) == said


def test_what_a_warning_rests_on_is_marked_and_an_artefact_is_not() -> None:
    """The charts mark the readings of the sentence and no other; artefacts keep their quality."""
    drawn = {chart.concept: chart for chart in summary.charts(septic())}
    assert {p.at for p in drawn["map"].points if p.ref in drawn["map"].marked} == {at("08:00"), at("10:30")}
    assert [p.value for p in drawn["map"].points if p.quality is Quality.ARTEFACT] == [12]
    assert not drawn["rr"].marked
    assert [c.concept for c in summary.charts(septic())][:3] == ["map", "hr", "lactate"]


def test_the_forecast_lies_ahead_of_now_and_ends_where_it_says_too_little() -> None:
    """Every band is later than now, within the shown hours, and its five numbers rise."""
    drawn = summary.drawn(septic(), UTC)
    bands = [band for chart in drawn["charts"] for band in chart["band"]]
    assert bands
    for time, *quantiles in bands:
        assert drawn["now"] < time <= drawn["until"] <= drawn["now"] + summary.FORECAST_SHOWN_H * 3600
        assert quantiles == sorted(quantiles)


def test_the_table_names_time_source_and_quality_of_what_a_warning_rests_on() -> None:
    """A reading's row says where it came from; a note's row says that it is a note."""
    rows = {row.evidence.subject: row for row in summary.rows(septic())}
    assert (rows["lactate"].source, rows["lactate"].quality) == ("lab", "ok")
    assert rows["perf.mottled"].source == "note"


def test_a_note_is_whole_and_each_span_is_told_apart() -> None:
    """The pieces join to the note; the evidence, the negated and the past are each their own kind."""
    view = septic()
    pieces = summary.note_pieces(view.notes[0], summary.evidence_of(view.alerts))
    assert "".join(piece.text for piece in pieces) == NOTE
    kinds = {piece.text: (piece.kind, piece.rests_on) for piece in pieces if piece.facts}
    assert kinds["Mottled to the knees"] == ("affirmed", True)
    assert kinds["chest pain"] == ("negated", False)
    assert kinds["Hx of MI 2019"] == ("historical", False)


_SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=6)


@given(text=st.text(min_size=1, max_size=40), spans=_SPANS)
def test_whatever_the_spans_a_note_keeps_every_character(text: str, spans: list[tuple[int, int]]) -> None:
    """Overlapping, nested, empty and too long spans never lose or repeat text (a kept note may be shortened)."""
    facts = tuple(
        NoteFact(
            concept="x.y",
            polarity=Polarity.AFFIRMED,
            note="n",
            start=min(span),
            end=max(span),
            words="w",
            effective_at=NOW,
            available_at=NOW,
        )
        for span in spans
    )
    pieces = summary.note_pieces(ShownNote(ref="n", at=NOW, title=None, text=text, facts=facts), ())
    assert "".join(piece.text for piece in pieces) == text
    for piece in pieces:
        assert piece.text


def test_the_source_of_a_reading_is_read_from_its_identity() -> None:
    """Source and method are told; what is no reading has none."""
    assert words.source("r|map|invasive|monitor|2026-03-03T10:30:00+00:00") == "monitor, invasive"
    assert words.source("r|lactate||lab|2026-03-03T10:30:00+00:00") == "lab"
    assert words.source("n|abc|2026-03-03T10:30:00+00:00") == ""


def test_the_remarks_of_the_card_reach_the_board() -> None:
    """That a warning cannot be seen any more stands in the card's detail, and is read from there."""
    assert cards.remarks(silent().alerts[0]) == [
        "Cannot be seen since 09:50 UTC: it stands until measured, or becomes a question"
    ]
    assert cards.remarks(septic().alerts[0]) == []


def test_only_standing_warnings_are_counted_in_the_title() -> None:
    """Critical alerts and warnings count; a question does not, nor what has been resolved."""
    source = five()
    assert cards.warnings(source.views.values()) == 2
    view = septic()
    resolved = replace(view, alerts=(replace(view.alerts[0], state="resolved"),))
    assert cards.warnings([resolved]) == 0
    assert cards.card(resolved, NOW).level == "calm"


def test_the_newest_unusable_value_is_shown_marked() -> None:
    """An artefact is among the vitals of its card, marked as such."""
    shown = {vital.concept: vital for vital in cards.card(artefact(), NOW).vitals}
    assert shown["map"].quality is Quality.ARTEFACT
