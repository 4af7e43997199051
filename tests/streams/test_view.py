"""The board's picture: every value with its time, its mark and whether it may still be used."""

from schemas.boards.views import POINTS_MAX
from schemas.events import Quality
from streams.core.step import step
from streams.core.view import view
from tests.streams.bedside import PNEUMONIA, SHOCK, at, mind, note, play, reading


def test_a_value_too_old_to_use_is_shown_as_such() -> None:
    """Heart rate counts for 15 minutes in the ICU: at 09:15 it may be used, at 09:16 not; it is shown all along."""
    for clock, valid in (("09:15", True), ("09:16", False)):
        bed, _ = play([event for event in SHOCK if event.available_at <= at("09:06")], at(clock))
        shown = {vital.concept: vital for vital in view(bed, mind()).vitals}
        assert (shown["hr"].shown, shown["hr"].at, shown["hr"].valid) == ("122/min", at("09:00"), valid)
        assert shown["sbp"].source == "manual, nibp"


def test_an_artefact_is_shown_with_its_reason() -> None:
    """The newest potassium is shown, marked, with why; the trend holds it as a marked point."""
    bed, _ = play([*SHOCK, reading("k", 6.1, "09:20", source="lab", reason="haemolysed")], at("09:21"))
    shown = view(bed, mind())
    (potassium,) = [vital for vital in shown.vitals if vital.concept == "k"]
    assert (potassium.quality, potassium.valid) == (Quality.SUSPECT, False)
    assert "haemolysed" in (potassium.reason or "")
    assert shown.trends["k"][0].quality is Quality.SUSPECT


def test_evidence_can_be_found_on_the_board() -> None:
    """Every reading that the loudest sentence rests on is a point of a trend, and every note fact lies in its note."""
    bed, _ = play(SHOCK, at("09:05:01"))
    shown = view(bed, mind())
    points = {point.ref for trend in shown.trends.values() for point in trend}
    evidence = shown.alerts[0].finding.sentence.evidence
    assert {e.ref for e in evidence if e.kind == "reading"} <= points
    assert any(e.kind == "reading" for e in evidence)
    facts = [(fact, written.text) for written in shown.notes for fact in written.facts]
    assert facts
    assert all(text[fact.start : fact.end] == fact.words for fact, text in facts)


def test_a_trend_has_a_limit() -> None:
    """However many readings came in a day, a trend shows at most its limit, and the last."""
    bed, _ = play([reading("hr", 80 + minute % 9, minute) for minute in range(1000)], at(1001))
    points = view(bed, mind()).trends["hr"]
    assert len(points) <= POINTS_MAX
    assert points[-1].at == at(999)


def test_an_empty_bed_can_be_shown() -> None:
    """A bed of which only a note is known shows that, no score, and why there is no forecast."""
    bed, _ = play([note(PNEUMONIA, "08:00")], at("08:05"))
    shown = view(bed, mind())
    assert (shown.news2, shown.vitals, len(shown.notes)) == (None, (), 1)
    assert shown.forecast_missing
    assert view(step(bed, [note("Well.", "08:06")], at("08:06"), mind())[0], mind()).now == at("08:06")
