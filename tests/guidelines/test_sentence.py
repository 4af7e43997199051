"""Sentences: bound numbers, honest changes, the right words."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import convert

from guidelines.book.load import load
from guidelines.judgement import judge
from guidelines.wording import unbound
from schemas.clinical.findings import Evidence, Sentence
from tests.guidelines.patients import chart

BOOK = load()
SEPTIC = [{"at": "07:30", "fact": "infection.level", "words": "septic"}]


def said(at: str, *rows: object, rule: str = "SEP.T3", sex: str | None = None) -> str:
    patient = {"sex": sex} if sex else {}
    judgement = judge(chart(at, *rows, notes=SEPTIC, patient=patient), BOOK)  # type: ignore[arg-type]
    return next(f.sentence.text for f in judgement.findings if f.rule == rule)


def item(shown: str, value: float | None, subject: str = "map", **more: object) -> Evidence:
    return convert(
        {"kind": "reading", "subject": subject, "label": "MAP", "shown": shown, "at": "2026-01-02T14:10:00Z",
         "ref": "r|map", "value": value, **more}, Evidence)  # fmt: skip


WORSENING = (
    {"at": "14:00", "map": 78, "hr": 96},
    {"at": "14:10", "map": 62, "hr": 120, "lactate": 4.4},
    {"at": "14:15", "map": 61, "hr": 124},
)


def test_a_change_is_told_with_its_numbers_and_its_time() -> None:
    """The sentence names the shortest window that shows the change, both values, and the time of an older one."""
    assert said("14:15", *WORSENING, sex="female") == (
        "Warning: this patient may be going into septic shock. Her circulation has destabilised in the last 15 minutes "
        "(MAP 78 → 61 mmHg, heart rate 96 → 124/min, lactate 4.4 mmol/L). It rests on: “septic” noted at 07:30."
    )


def test_no_change_is_claimed_where_none_is_seen() -> None:
    """A pressure that is low and always was is unstable, not destabilised; the pronoun of an unknown sex is neutral."""
    text = said("14:15", {"at": "14:00", "map": 61, "hr": 124}, {"at": "14:15", "map": 61, "hr": 124})
    assert "The patient's circulation is unstable (MAP 61 mmHg, heart rate 124/min)." in text
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
    assert "His circulation is unstable (MAP 61 mmHg, lactate 4.4 mmol/L at 13:00)." in text
    assert "→" not in text
    assert "minutes" not in text


def test_a_change_whose_end_is_old_says_when_that_was() -> None:
    """The newer value of a change bears its time too, once it is older than a quarter of an hour."""
    text = said("14:30", {"at": "13:40", "map": 78}, {"at": "13:50", "map": 61}, {"at": "14:10", "map": 60}, sex="male")
    assert "His circulation has destabilised in the last 50 minutes (MAP 78 → 60 mmHg at 14:10)." in text


def test_more_oxygen_is_no_worse_circulation() -> None:
    """A trigger's words are claimed only of its own quantities, not of all that it rests on."""
    notes = [*SEPTIC, {"at": "14:00", "fact": "resp.crackles_bilat", "words": "crackles"}]
    rows = (
        {"at": "14:00", "map": 74, "o2_flow": 3, "o2_device": "nc"},
        {"at": "14:10", "map": 74, "o2_flow": 6, "o2_device": "nc", "lactate": 3.4},
    )
    pressor = [{"at": "14:05", "item": "norepinephrine", "action": "start", "rate": 0.06}]
    judgement = judge(chart("14:15", *rows, notes=notes, treatments=pressor), BOOK)
    text = next(f.sentence.text for f in judgement.findings if f.rule == "SEP.T4")
    assert "circulation depends on a vasopressor (MAP 74 mmHg" in text
    assert "→" not in text


def test_the_words_of_a_note_are_said_once() -> None:
    """Several facts from the same words, or from words inside them, are one quotation."""
    notes = [
        {"at": "14:00", "fact": "infection.level", "words": "Urosepsis", "polarity": "uncertain"},
        {"at": "14:00", "fact": "infection.source_urine", "words": "urosepsis", "polarity": "uncertain"},
        {"at": "14:00", "fact": "perf.cool_clammy", "words": "cool and clammy"},
        {"at": "14:00", "fact": "perf.cool", "words": "cool"},
    ]
    judgement = judge(chart("14:15", {"at": "14:10", "lactate": 3.1}, notes=notes), BOOK)
    text = next(f.sentence.text for f in judgement.findings if f.rule == "SEP.T3")
    assert text.casefold().count("urosepsis") == 1
    assert text.count("cool") == 1


@given(
    pressures=st.lists(st.integers(40, 100), min_size=2, max_size=6),
    rates=st.lists(st.integers(50, 160), min_size=2, max_size=6),
    lactate=st.integers(40, 120).map(lambda n: n / 10),
)
def test_every_number_is_bound_and_every_arrow_true(pressures: list[int], rates: list[int], lactate: float) -> None:
    """Whatever the readings: no loose number, and each change told is one the readings show."""
    rows = [
        *({"at": f"13:{5 * i:02d}", "map": v} for i, v in enumerate(pressures)),
        *({"at": f"13:{5 * i:02d}", "hr": v} for i, v in enumerate(rates)),
        {"at": "13:20", "lactate": lactate},
    ]
    for finding in judge(chart("13:30", *rows, notes=SEPTIC), BOOK).findings:
        assert unbound(finding.sentence) == []
        for old, new in re.findall(r"MAP (\d+) → (\d+)", finding.sentence.text):
            assert int(old) in pressures
            assert int(new) == pressures[-1] <= int(old) - 10
        for old, new in re.findall(r"heart rate (\d+) → (\d+)", finding.sentence.text):
            assert int(old) in rates
            assert int(new) == rates[-1] >= int(old) + 15


@pytest.mark.parametrize(
    ("template", "evidence", "loose"),
    [
        ("MAP {0}.", (item("61 mmHg", 61.0),), []),
        ("MAP {0} at {1}.", (item("61 mmHg", 61.0), item("14:10", None)), []),
        ("NEWS2 {0}.", (item("8", 8.0, "news2", kind="score"),), []),
        ("MAP 61 mmHg.", (), ["61"]),
        ("MAP {0} for 15 minutes.", (item("61 mmHg", 61.0),), ["15"]),
        ("MAP {0}.", (item("61 mmHg", 78.0),), ["61"]),
        ("MAP {0}.", (item("61 mmHg", 61.5),), []),  # half a unit of its last decimal, and a little more
        ("MAP {0}.", (item("61 mmHg", 61.51),), ["61"]),
        ("Lactate {0}.", (item("3.4 mmol/L", 3.45, "lactate"),), []),
        ("Lactate {0}.", (item("3.4 mmol/L", 3.452, "lactate"),), ["3.4"]),
        ("At {0}.", (item("14:20", None),), ["14", "20"]),
        ("MAP {1}.", (item("61 mmHg", 61.0),), ["{1}"]),
        ("{0}", (item("“lactate 9”", None, kind="note", note_start=3, note_end=12),), []),
        ("{0}", (item("“lactate 9”", None, kind="note"),), ["9"]),
    ],
)
def test_the_linter_finds_a_number_that_nothing_bears(
    template: str, evidence: tuple[Evidence, ...], loose: list[str]
) -> None:
    """A number in the template, one that differs from its evidence, a wrong time, an empty slot: each is found."""
    assert unbound(Sentence(template=template, evidence=evidence)) == loose


def test_a_question_says_what_to_measure() -> None:
    """An open trigger that is half satisfied asks for what would settle it, one thing after another."""
    rows = {"at": "08:00", "map": 80, "sbp": 120}
    text = said("08:05", rows, rule="SEP.T3.ask")
    assert text.startswith("I cannot tell whether this patient is going into septic shock: measure lactate.")
