"""The board's picture: every value with its time, its mark and whether it may still be used."""

import pytest
from msgspec.structs import replace

from schemas.boards.views import POINTS_MAX, WrongClock
from schemas.events import Quality, identity
from streams.core.step import step
from streams.core.view import NOTES_SHOWN, TREATMENTS_SHOWN, view
from tests.streams.bedside import PNEUMONIA, SHOCK, admitted, at, mind, note, play, reading, treatment


def test_a_value_too_old_to_use_is_shown_as_such() -> None:
    """Heart rate counts for 15 minutes in the ICU: at 09:15 it may be used, at 09:16 not; it is shown all along."""
    for clock, valid in (("09:15", True), ("09:16", False)):
        bed, _ = play([event for event in SHOCK if event.available_at <= at("09:06")], at(clock))
        shown = {vital.concept: vital for vital in view(bed, mind()).vitals}
        assert (shown["hr"].shown, shown["hr"].at, shown["hr"].valid) == ("122/min", at("09:00"), valid)
        assert shown["sbp"].source == "manual, nibp"


@pytest.mark.parametrize("off_s", [300, -120])
def test_a_source_with_a_wrong_clock_is_shown_with_its_offset(off_s: float) -> None:
    """A gateway that is off, told from its stream: its readings stand in true time, and the bed says why."""
    late = [
        replace(reading("hr", 80 + n, (10 * n - off_s) / 60, n / 6, source="monitor"), sender="GW-7") for n in range(12)
    ]
    bed, _ = play(late, at(3))
    shown = view(bed, mind())
    assert shown.clocks == (WrongClock(source="GW-7 monitor", off_s=off_s, since=shown.clocks[0].since),)
    assert at("08:00") <= shown.clocks[0].since < at("08:01")
    assert shown.vitals[0].at == at(11 / 6)
    assert all(kept.sender is None for kept in bed.chart.readings["hr"])


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


def test_a_treatment_is_shown_with_its_rate_and_its_dose() -> None:
    """Both where both were said, in their units; the newest forty, oldest first."""
    rows = [
        treatment("norepinephrine", "start", "08:01", rate=0.25, amount=4.0, amount_unit="mg"),
        treatment("furosemide", "given", "08:02", amount=40.0, amount_unit="mg"),
        treatment("blood_culture", "given", "08:03"),
    ]
    bed, _ = play([admitted(), *rows], at("08:10"))
    shown = view(bed, mind()).treatments
    assert [(t.label, t.action, t.shown, t.at) for t in shown] == [
        ("norepinephrine", "start", "0.25 ug/kg/min, 4 mg", at("08:01")),
        ("furosemide", "given", "40 mg", at("08:02")),
        ("blood culture", "given", "", at("08:03")),
    ]
    assert [t.ref for t in shown] == [identity(row) for row in rows]
    many = [treatment("furosemide", "given", n, amount=1.0, amount_unit="mg") for n in range(TREATMENTS_SHOWN + 1)]
    bed, _ = play([admitted(), *many], at(100))
    assert [t.at for t in view(bed, mind()).treatments] == [at(n) for n in range(1, 41)]


def test_a_trend_is_that_of_the_last_day() -> None:
    """A value of exactly 24 h ago has left it, one of a minute later is its first; a letter has no trend."""
    rows = [reading("hr", 80, 0), reading("hr", 81, 1), reading("acvpu", "A", 1)]
    bed, _ = play([admitted(), *rows, reading("hr", 90, 24 * 60 - 1)], at(24 * 60))
    trends = view(bed, mind()).trends
    assert [p.value for p in trends["hr"]] == [81, 90]
    assert "acvpu" not in trends


def test_the_newest_notes_are_shown_with_the_facts_that_lie_in_them() -> None:
    """Twenty of them, oldest first; each with its own facts alone."""
    bed, _ = play([admitted(), *(note(f"Mottled {n}.", n) for n in range(NOTES_SHOWN + 2))], at(60))
    shown = view(bed, mind()).notes
    assert [n.at for n in shown] == [at(n) for n in range(2, NOTES_SHOWN + 2)]
    assert [[f.concept for f in n.facts] for n in shown] == [["perf.mottled"]] * NOTES_SHOWN
    assert all(f.note == n.ref for n in shown for f in n.facts)


def test_what_a_bed_shows_of_itself() -> None:
    """Whose bed it is and where, when it was last heard of, its vital signs in the order of the list of concepts."""
    bed, _ = play([admitted(), reading("temp", 37.0, "08:01"), reading("hr", 80, "08:02")], at("08:05"))
    shown = view(bed, mind())
    assert (shown.encounter, shown.bed, shown.patient.age_years) == ("e1", "4", 62.0)
    assert (shown.now, shown.last_heard_at) == (at("08:05"), at("08:02"))
    assert [v.concept for v in shown.vitals] == ["hr", "temp"]
    assert [v.label for v in shown.vitals] == ["HR", "Temp"]
    assert shown.vitals[0].source == "manual"
    assert shown.news2 is not None
    assert (shown.unjudged, shown.problem) == (None, None)
