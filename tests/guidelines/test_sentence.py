"""Sentences of the real rules: bound numbers with their times, honest changes, the right words."""

import re
from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from guidelines.book.load import load
from guidelines.judgement import judge
from guidelines.lint import faults
from schemas.clinical.findings import Finding
from tests.guidelines.patients import chart

BOOK = load()
SEPTIC = [{"at": "07:30", "fact": "infection.level", "words": "septic"}]


Row = Mapping[str, Any]


def findings(at: str, *rows: Row, **more: Any) -> list[Finding]:
    """What is said of a patient; each sentence passes the linter."""
    seen = chart(at, *rows, **more)
    found = judge(seen, BOOK).findings
    assert {f.rule: faults(f.sentence, seen) for f in found} == {f.rule: [] for f in found}
    return list(found)


def said(at: str, *rows: Row, rule: str = "SEP.T3", sex: str | None = None, **more: Any) -> str:
    patient = {"sex": sex} if sex else {}
    found = findings(at, *rows, **{"notes": SEPTIC, "patient": patient, **more})
    return next(f.sentence.text for f in found if f.rule == rule)


WORSENING = (
    {"at": "14:00", "map": 78, "hr": 96},
    {"at": "14:10", "map": 62, "hr": 120, "lactate": 4.4},
    {"at": "14:15", "map": 61, "hr": 124},
)


def test_a_change_is_told_with_its_numbers_and_its_time() -> None:
    """The sentence names between which times it was, both values, and the time of every other value."""
    assert said("14:15", *WORSENING, sex="female") == (
        "Warning: this patient may be going into septic shock. "
        "Her circulation has destabilised between 14:00 and 14:15 "
        "(MAP 78 → 61 mmHg, heart rate 96 → 124/min; lactate 4.4 mmol/L at 14:10). "
        "It rests on: “septic” noted at 07:30."
    )


def test_no_change_is_claimed_where_none_is_seen() -> None:
    """A pressure that is low and always was is unstable, not destabilised; the pronoun of an unknown sex is neutral.
    The heart rate is high, but no part of the rule: no reason."""
    text = said("14:15", {"at": "14:00", "map": 61, "hr": 124}, {"at": "14:15", "map": 61, "hr": 124})
    assert "The patient's circulation is unstable (MAP 61 mmHg at 14:15)." in text
    assert "→" not in text


def test_an_improvement_is_no_worsening() -> None:
    """A pressure that rises is never told as a fall."""
    assert "→" not in said(
        "14:15", {"at": "14:00", "map": 50, "hr": 140}, {"at": "14:15", "map": 61, "hr": 120}, sex="male"
    )


def test_what_lies_further_back_than_an_hour_is_no_news() -> None:
    """A fall more than an hour ago is not told as a change: the values stand there, the older ones with their time."""
    rows = {"at": "13:00", "map": 78, "lactate": 4.4}, {"at": "14:02", "map": 61}, {"at": "14:15", "map": 61}
    text = said("14:15", *rows, sex="male")
    assert "His circulation is unstable (MAP 61 mmHg at 14:15; lactate 4.4 mmol/L at 13:00)." in text
    assert "→" not in text
    assert "between" not in text


def test_a_change_whose_end_is_old_says_when_that_was() -> None:
    """The change was between its two times, and is not said to go on until now."""
    text = said("14:30", {"at": "13:40", "map": 78}, {"at": "13:50", "map": 61}, {"at": "14:10", "map": 60}, sex="male")
    assert "His circulation has destabilised between 13:40 and 14:10 (MAP 78 → 60 mmHg)." in text


def test_of_an_arterial_line_and_a_cuff_no_change_is_claimed() -> None:
    """The line says 80, the cuff 61 and 62: low, and not fallen; nor where two devices differ at one instant."""
    line, cuff = {"method": "invasive"}, {"method": "nibp"}
    rows = [{"at": "14:00", "map": 80, **line}, {"at": "14:05", "map": 61, **cuff}, {"at": "14:10", "map": 62, **cuff}]
    assert "circulation is unstable (MAP 62 mmHg at 14:10)." in said("14:12", *rows)
    rows = [{"at": "14:10", "map": 80}, {"at": "14:10", "map": 62, "lactate": 4.4}]
    assert "circulation is unstable (lactate 4.4 mmol/L at 14:10)." in said("14:12", *rows)


def test_the_usual_pressure_of_the_patient_is_shown() -> None:
    """112 mmHg for ten minutes, where 160 mmHg is usual: both stand there, or nobody sees why it alarms."""
    rows = [{"at": "14:00", "sbp": 112}, {"at": "14:12", "sbp": 112}]
    text = said("14:12", *rows, patient={"usual_sbp_mmhg": 160})
    assert "(SBP 112 mmHg at 14:12). Patient record: usual systolic pressure 160 mmHg." in text


def test_organs_that_are_well_are_no_strain() -> None:
    """Of what SOFA counts, P/F and lactate are in order: platelets and bilirubin are the reason, they alone."""
    rows = [
        {"at": "14:00", "map": 85, "pao2": 97, "fio2": 0.21, "gcs_total": 15, "hr": 58, "lactate": 1.8},
        {"at": "14:00", "platelets": 80, "bilirubin": 2.4, "creatinine": 0.9},
    ]
    text = said("14:05", *rows, rule="SEP.T2", setting="icu")
    assert "organs show the strain (SOFA 4, Plt 80 ×10³/µL, Bili 2.4 mg/dL at 14:00)." in text


def test_more_oxygen_is_no_worse_circulation() -> None:
    """A change is claimed only of a trigger's own quantities, not of all that it rests on; MAP 74 is no reason."""
    notes = [*SEPTIC, {"at": "14:00", "fact": "resp.crackles_bilat", "words": "crackles"}]
    rows = (
        {"at": "14:00", "map": 74, "o2_flow": 3, "o2_device": "nc"},
        {"at": "14:10", "map": 74, "o2_flow": 6, "o2_device": "nc", "lactate": 3.4},
    )
    pressor = [{"at": "14:05", "item": "norepinephrine", "action": "start", "rate": 0.06}]
    text = said("14:15", *rows, notes=notes, treatments=pressor, rule="SEP.T4")
    assert "circulation depends on a vasopressor (lactate 3.4 mmol/L, oxygen flow 6.0 L/min at 14:10)." in text
    assert "→" not in text


def test_the_words_of_a_note_are_said_once() -> None:
    """Several facts from the same words, or from words inside them, are one quotation."""
    notes = [
        {"at": "14:00", "fact": "infection.level", "words": "Urosepsis", "polarity": "uncertain"},
        {"at": "14:00", "fact": "infection.source_urine", "words": "urosepsis", "polarity": "uncertain"},
        {"at": "14:00", "fact": "perf.cool_clammy", "words": "cool and clammy"},
        {"at": "14:00", "fact": "perf.cool", "words": "cool"},
    ]
    text = said("14:15", {"at": "14:10", "lactate": 3.1}, notes=notes)
    assert text.casefold().count("urosepsis") == 1
    assert text.count("cool") == 1


@given(
    pressures=st.lists(st.integers(40, 100), min_size=2, max_size=6),
    rates=st.lists(st.integers(50, 160), min_size=2, max_size=6),
    lactate=st.integers(40, 120).map(lambda n: n / 10),
)
def test_every_number_is_bound_and_every_arrow_true(pressures: list[int], rates: list[int], lactate: float) -> None:
    """Whatever the readings: no fault, and each change told is one the readings show, between the times it names."""
    rows = [
        *({"at": f"13:{5 * i:02d}", "map": v} for i, v in enumerate(pressures)),
        *({"at": f"13:{5 * i:02d}", "hr": v} for i, v in enumerate(rates)),
        {"at": "13:20", "lactate": lactate},
    ]
    for finding in findings("13:30", *rows, notes=SEPTIC):
        text = finding.sentence.text
        for name, values, worse in (("MAP", pressures, -10), ("heart rate", rates, 15)):
            told = re.search(rf"{name} (\d+) → (\d+)", text)
            if told is None:
                continue
            old, new = int(told[1]), int(told[2])
            own = re.search(rf"{name} \d+ → [^;)]* between 13:(\d+) and 13:(\d+)", text)
            span = re.search(r"between 13:(\d+) and 13:(\d+) \(", text)
            since, until = (int(m) // 5 for m in (own or span).groups())  # type: ignore[union-attr]
            assert (values[since], values[until]) == (old, new)
            assert until == len(values) - 1
            assert (new - old) / worse >= 1


def test_a_question_says_what_to_measure() -> None:
    """An open trigger that is half satisfied asks for what would settle it, one thing after another."""
    rows = {"at": "08:00", "map": 80, "sbp": 120}
    text = said("08:05", rows, rule="SEP.T3.ask")
    assert text.startswith("I cannot tell whether this patient is going into septic shock: measure lactate.")
