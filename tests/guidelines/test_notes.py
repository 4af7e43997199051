"""Reading notes: the reference's 25 test notes (§5.4), its vignettes (§6), scopes, copies, charted words and bounds."""

import re
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from guidelines.notes.lexicon import LEXICON
from guidelines.notes.reading import FACTS_MAX, WORDS_SHOWN, read
from schemas.clinical.facts import Experiencer, NoteFact, Polarity, Temporality
from schemas.codes.concepts import CONCEPTS
from schemas.events import NOTE_CHARS_MAX, Note
from tests.timed import cpu_seconds

AT = datetime(2026, 3, 2, 3, 10, tzinfo=UTC)


def note(text: str, at: datetime = AT) -> Note:
    return Note(encounter="e1", observed_at=at, available_at=at, text=text)


def facts(text: str, at: datetime = AT, before: str | None = None) -> tuple[NoteFact, ...]:
    return read(note(text, at), [note(before, at - timedelta(days=1))] if before else ())


def said(found: tuple[NoteFact, ...]) -> set[str]:
    """What each fact says, in short: "bp.low", "no bleed.lower", "maybe …", "past …", "plan …", "if …", "family …"."""
    return {short(f) for f in found}


_PREFIX = {
    Temporality.HISTORICAL: "past ",
    Temporality.PLANNED: "plan ",
    Temporality.HYPOTHETICAL: "if ",
    Temporality.CURRENT: "",
    Polarity.NEGATED: "no ",
    Polarity.UNCERTAIN: "maybe ",
    Polarity.AFFIRMED: "",
    Experiencer.PATIENT: "",
    Experiencer.FAMILY: "family ",
    Experiencer.OTHER: "other ",
}


def short(fact: NoteFact) -> str:
    copied = "copied " if fact.copied else ""
    return copied + _PREFIX[fact.experiencer] + _PREFIX[fact.temporality] + _PREFIX[fact.polarity] + fact.concept


def usable(text: str, at: datetime = AT) -> set[str]:
    return {f.concept for f in facts(text, at) if f.usable}


DATA = tomllib.loads((Path(__file__).parent / "notes.toml").read_text(encoding="utf-8"))


def clock(of_day: str) -> datetime:
    hour, minute = map(int, of_day.split(":"))
    return AT.replace(hour=hour, minute=minute)


def meets(found: tuple[NoteFact, ...], must: str) -> bool:
    """Whether a fact is there as `must` says: "bp.low = 84", "abx.started @ 02:55", "no bleed.lower"."""
    label, sign, what = [*re.split(r" ([=@]) ", must), "", ""][:3]
    for fact in found:
        if short(fact) != label:
            continue
        values = {fact.detail, None if fact.value is None else f"{fact.value:g}"}
        times = {f"{fact.effective_at:%H:%M}", "yesterday" if fact.effective_at.date() < AT.date() else None}
        if not sign or what in (values if sign == "=" else times):
            return True
    return False


@pytest.mark.parametrize("case", DATA["note"], ids=lambda case: case["name"])
def test_a_reference_note_gives_its_facts_and_no_others(case: dict[str, Any]) -> None:
    """Every expected fact of the note is found, and nothing that it does not state is affirmed of the patient now."""
    found = facts(case["text"], clock(case.get("at", "03:10")), case.get("before"))
    assert [must for must in case["must"] if not meets(found, must)] == []
    stated = {re.split(" [=@] ", must)[0] for must in case["must"]} | set(case.get("also", ()))
    assert {f.concept for f in found if f.usable} <= stated


@pytest.mark.parametrize("case", DATA["vignette"], ids=lambda case: case["name"])
def test_a_vignette_note_says_exactly_this(case: dict[str, Any]) -> None:
    """The notes of the acceptance vignettes give exactly the facts that their rules rest on."""
    assert said(facts(case["text"])) == set(case["must"])


def test_copied_text_of_v10_is_not_current() -> None:
    """A line copied from yesterday keeps yesterday's time and is not usable; the new line is."""
    found = facts("on 6 L NC, bibasilar crackles\non RA, lungs clear", before="on 6 L NC, bibasilar crackles")
    assert said(found) == {"copied o2.device", "copied resp.crackles_bilat", "o2.air", "no resp.crackles_bilat"}
    assert {f.effective_at for f in found if f.copied} == {AT - timedelta(days=1)}


def test_a_line_that_says_it_is_copied_is_not_current() -> None:
    """ "Copied from yesterday" holds for its whole line, also where no earlier note is known; the next line is new."""
    found = usable("[copied from yesterday] on 6 L NC, bibasilar crackles.\nOn RA, lungs clear.")
    assert found == {"o2.air"}


SCOPES: tuple[tuple[str, set[str]], ...] = (
    (
        "denies CP, SOB, palpitations, but has crackles bilat",
        {"no cardiac.chest_pain", "no resp.dyspnea", "resp.crackles_bilat"},
    ),
    ("No CP, lungs with crackles at bases", {"no cardiac.chest_pain", "resp.crackles_bilat"}),
    ("A&Ox3, no distress, crackles bilaterally, on 4L NC", {"neuro.oriented", "resp.crackles_bilat", "o2.device"}),
    ("DENIES CP SOB", {"no cardiac.chest_pain", "no resp.dyspnea"}),
    ("No melena. Hematochezia x1", {"no bleed.melena", "bleed.lower"}),
    ("no urine output x 4h", {"renal.anuria"}),
    ("no concern for sepsis", {"no infection.sepsis", "no infection.level"}),
    ("sepsis ruled out", {"no infection.sepsis", "no infection.level"}),
    ("r/o sepsis", {"maybe infection.sepsis", "maybe infection.level"}),
    ("PNA?", {"maybe infection.source_lung", "maybe infection.level"}),
    ("urosepsis vs pyelo", {"maybe infection.sepsis", "maybe infection.source_urine", "maybe infection.level"}),
    (
        "possible PNA, bibasilar crackles",
        {"maybe infection.source_lung", "maybe infection.level", "resp.crackles_bilat"},
    ),
    ("h/o CHF, now with crackles", {"dx.heart_failure", "resp.crackles_bilat"}),
    ("acute on chronic heart failure", {"cardiac.adhf", "dx.heart_failure"}),
    ("PMH:\nCHF\nGI bleed\n\nExam: mottled", {"dx.heart_failure", "past bleed.gi", "perf.mottled"}),
    ("Daughter at bedside, pt confused", {"neuro.confusion"}),
    ("per wife more confused", {"neuro.confusion"}),
    ("mother had DVT", {"family leg.dvt"}),
    ("hypotension resolved", {"no bp.low"}),
    ("no improvement in mottling", {"change.up", "perf.mottled"}),
    (
        "denies chest pain, dizziness, palpitations, nausea or shortness of\nbreath today",
        {"no cardiac.chest_pain", "no gi.nausea", "no resp.dyspnea"},
    ),
    ("pulm edema resolved", {"no resp.pulm_oedema"}),
    ("bleeding precautions", {"if bleed.unspecified"}),
    ("Incision clean, no s/s of infection", {"no infection.source_wound"}),
    (
        "h/o ESRD admitted with urosepsis",
        {"renal.dialysis", "infection.sepsis", "infection.source_urine", "infection.level"},
    ),
    ("BP 78/40 on arrival, now 105/60 after 3L IVF", {"past bp.low", "tx.fluid_bolus"}),
    ("baseline confusion", {"past neuro.confusion"}),
)


@pytest.mark.parametrize(("text", "expected"), SCOPES, ids=[s[0][:40] for s in SCOPES])
def test_a_cue_reaches_as_far_as_its_words_mean(text: str, expected: set[str]) -> None:
    """Negation, doubt, history and other people touch what they are said of, and nothing beyond."""
    assert said(facts(text)) == expected


ACTS: tuple[tuple[str, set[str]], ...] = (
    ("will start zosyn after cultures", {"plan abx.started"}),
    ("zosyn ordered, not yet given", {"plan abx.started"}),
    ("zosyn", set()),
    ("vanc and zosyn given", {"abx.started"}),
    ("abx not started", {"no abx.started"}),
    ("blood cultures x2 drawn, zosyn hung", {"culture.sent", "abx.started"}),
    ("Plan: start zosyn, bolus 1L LR. Send bcx.", {"plan abx.started", "plan tx.fluid_bolus", "plan culture.sent"}),
    ("bolus 500cc LR given", {"tx.fluid_bolus"}),
    ("NS at 100 ml/hr", set()),
    ("LR KVO", set()),
    ("lasix held", {"no tx.diuretic", "med.held"}),
    ("lasix 40 IV given", {"tx.diuretic"}),
    ("levo at 8", {"tx.norepi"}),
    ("levo 750 mg given", {"abx.started"}),
    ("levothyroxine 50 given", set()),
    ("off levo", {"no tx.norepi"}),
    ("Levophed weaned to 0.08", {"tx.norepi"}),
    ("intubated on AC 500x16", {"resp.imv", "resp.intubated"}),
    ("bcx x2, ucx sent", {"culture.sent"}),
    ("vasopressin added", {"tx.vasopressin"}),
    ("RRT called", {"event.escalation"}),
    ("started RRT", {"renal.rrt"}),
    ("hx RA on MTX", set()),
    ("satting 94% on RA", {"spo2", "o2.air"}),
    ("OD 20/40, OS 20/30", set()),
    ("MAP goal 65, MAP 58", {"plan bp.target", "bp.low"}),
    ("BP 128/74, UOP 80/hr", set()),
    ("T 101.3F", {"temp.high"}),
    ("cap refill <2", {"no perf.crt"}),
    ("CRT 3 sec", {"no perf.crt"}),
    ("CRT > 3", {"perf.crt"}),
    ("cultures grew GNR", {"culture.positive", "infection.level"}),
    ("NKDA", {"no allergy"}),
    ("worried about patient", {"nurse.concern"}),
)


@pytest.mark.parametrize(("text", "expected"), ACTS, ids=[a[0][:40] for a in ACTS])
def test_a_drug_a_number_or_an_abbreviation_counts_only_in_its_sense(text: str, expected: set[str]) -> None:
    """Treatments count when done, numbers when out of range, ambiguous letters when the words around settle them."""
    assert said(facts(text)) == expected


CHARTED: tuple[tuple[str, set[str]], ...] = (
    ("RUL Lung Sounds: Crackles. LLL Lung Sounds: Diminished.", {"resp.crackles_focal", "resp.focal_down"}),
    ("RLL Lung Sounds: Crackles. LLL Lung Sounds: Crackles.", {"resp.crackles_focal", "resp.crackles_bilat"}),
    ("RLL Lung Sounds: Crackles. RUL Lung Sounds: Crackles.", {"resp.crackles_focal"}),
    ("Crackles", {"resp.crackles_bilat"}),
    ("LS clear", {"no resp.crackles_bilat"}),
    ("Coarse", {"resp.coarse"}),
    ("pt. confused", {"neuro.confusion"}),
    (
        "Skin Color: Mottled. Skin Temperature: Cool. Skin Condition: Clammy.",
        {"perf.mottled", "perf.cool", "perf.cool_clammy"},
    ),
    ("Skin Temperature: Warm. Skin Condition: Dry.", {"perf.warm"}),
    ("Capillary Refill R: Abnormal >3 Seconds.", {"perf.crt"}),
    ("Capillary Refill L: Normal <3 Seconds.", {"no perf.crt"}),
    ("Orientation: Disoriented. Orientation: Oriented x 1.", {"neuro.confusion"}),
    ("Orientation: Oriented x 3.", {"neuro.oriented"}),
    ("Seizure Activity: None.", {"no neuro.seizure"}),
    ("Code Status: Full Code.", {"no limit.dnr"}),
    ("Code Status: Do Not Resuscita.", {"limit.dnr"}),
    ("Skin [Temperature]: Cold. O2 Delivery Device(s): Nasal cannula.", {"perf.cool", "o2.device"}),
    ("Edema #1 [Amount]: 6 mm. ETT [Mark]: 23cm", {"vol.overload", "resp.imv"}),
    ("Abdominal Assessment: Soft. Restraint Type: Soft Limb. Bed locked in low position", set()),
    ("Ectopy Type: PAC's. Dialysate Fluid: Prismasate K4. Ventilator Mode: CPAP+PS", set()),
    ("Oral Cavity: Bleeding Gum. Safety Measures: Oriented by RN. Cough Reflex: Intact", set()),
    ("Family Communication: Family Visited. Risk for Falls: Yes. Precautions: Universal.", set()),
)


@pytest.mark.parametrize(("text", "expected"), CHARTED, ids=[c[0][:40] for c in CHARTED])
def test_charted_words_are_read_like_notes(text: str, expected: set[str]) -> None:
    """Short charted values, bare or behind their label, say what the bedside meant; two sides make it bilateral."""
    assert said(facts(text)) == expected


def test_charting_the_same_again_is_not_copying() -> None:
    """A flowsheet value is chosen anew each time: the same labels and values an hour later are current."""
    chart = "RLL Lung Sounds: Crackles. LLL Lung Sounds: Crackles. Skin Color: Mottled. Skin Temperature: Cool. "
    chart += "Level of Conscious: Alert. Respiratory Effort: Labored."
    assert not any(f.copied for f in facts(chart, before=chart))


def test_a_run_of_25_words_is_copied_wherever_it_stands() -> None:
    """Twenty-five words in a row from an earlier note are copied text, also amid new words and other line breaks."""
    old = "remains on the ward after a long night with several calls to the covering team for pain "
    old += "and is still mottled at both knees and clammy to touch"
    found = facts("Seen at six.\nThis man " + old + " while now febrile.", before="Nurse: " + old)
    assert {f.concept: f.copied for f in found} == {"perf.mottled": True, "perf.cool_clammy": True, "temp.high": False}


def test_windows_line_ends_capitals_and_typographic_signs_change_nothing() -> None:
    """CRLF, all capitals, smart quotes and typographic dashes read like plain text."""
    plain = "Can't catch breath - no fever\nBP soft 84/42, SpO2 88 %, norepi at 0.1 ug/kg/min"
    fancy = "CAN’T CATCH BREATH — NO FEVER\r\nBP SOFT 84/42, SPO₂ 88 %, NOREPI AT 0.1 µG/KG/MIN"
    assert [(short(f), f.value) for f in facts(plain)] == [(short(f), f.value) for f in facts(fancy)]
    assert {"resp.dyspnea", "bp.low", "spo2", "tx.norepi"} <= usable(fancy)


def test_a_time_said_is_the_time_meant() -> None:
    """A clock time beside its phrase is its time: yesterday's after midnight, never the future, never a dose."""
    found = facts("2350: mottled. Zosyn started 0255\nclammy, lasix 1000 given", AT)
    times = {f.concept: f.effective_at for f in found}
    yesterday = AT.replace(hour=23, minute=50) - timedelta(days=1)
    assert times == {
        "perf.mottled": yesterday,
        "abx.started": clock("02:55"),
        "perf.cool_clammy": AT,
        "tx.diuretic": AT,
    }


# ------------------------------------------------------------------------------------------------------ properties
FINDINGS = sorted(
    {
        (entry.concept, phrase)
        for entry in LEXICON
        if entry.kind in ("finding", "diagnosis")
        and entry.polarity is Polarity.AFFIRMED
        and entry.value is None
        and not entry.denied_only
        and entry.near is None
        for phrase in entry.phrases
        if phrase.replace(" ", "").isalpha() and not phrase.startswith(("no ", "not ", "unable", "can"))
    }
)
_SMALL = "no|denies|h/o|?|vs|but|,|.|;|\n|\r\n|:|PMH:|if|0310|84/42|2L|x2|mother|–|not|now|L|R|started|zosyn"
PIECES = st.sampled_from([phrase for _, phrase in FINDINGS] + _SMALL.split("|"))
NOTES = st.one_of(st.lists(PIECES, min_size=1, max_size=40).map(" ".join), st.text(min_size=1, max_size=300))


@given(NOTES)
@settings(max_examples=300)
@example("İ" * 40 + " mottled")
@example("9" * 400 + " mg lasix given, e٣v4m6")
@example("\u2028\x85\r\r\n- \n?\n(−)")
def test_any_text_is_read_and_every_fact_shows_its_own_words(text: str) -> None:
    """No text raises; each span lies in the text, in order, and `words` is what stands there; twice gives the same."""
    found = facts(text)
    assert found == facts(text)
    assert [f.start for f in found] == sorted(f.start for f in found)
    for fact in found:
        assert 0 <= fact.start < fact.end <= len(text)
        assert fact.words == text[fact.start : fact.end][:WORDS_SHOWN]
        assert fact.effective_at <= AT + timedelta(minutes=15)


@given(NOTES)
@settings(max_examples=200)
def test_words_added_below_do_not_change_what_was_said(text: str) -> None:
    """A new line that says nothing clinical leaves every fact above it as it was."""
    ended = text.rstrip() + "."
    plain = [replace(f, note="") for f in facts(ended)]
    longer = [replace(f, note="") for f in facts(ended + "\n\nThe radio was playing.")]
    assert longer == plain


@pytest.mark.parametrize(("concept", "phrase"), FINDINGS, ids=[p for _, p in FINDINGS])
def test_no_before_a_finding_denies_it(concept: str, phrase: str) -> None:
    """Every plain finding of the lexicon is affirmed alone and not affirmed behind "No", in any case."""
    resolved = {"resp.crackles": "resp.crackles_bilat"}.get(concept, concept)
    assert resolved in {f.concept for f in facts(f"Pt with {phrase} this shift")}
    assert resolved not in usable(f"No {phrase}.") | usable(f"NO {phrase.upper()}")


def test_every_row_of_the_reference_lexicon_is_in_ours() -> None:
    """All 165 rows have an entry, but the six that are cues and not facts."""
    cues_only = {131, 135, 136, 137, 138, 140}  # last dose, source, family, planned, hypothetical, baseline
    assert set(range(1, 166)) - {entry.row for entry in LEXICON} == cues_only


def test_a_plain_number_in_a_note_is_named_as_the_measured_concept() -> None:
    """An undotted fact is a concept of the closed list, so that it can fill a gap in its readings."""
    assert {e.concept for e in LEXICON if "." not in e.concept} - {"allergy"} <= set(CONCEPTS)


BIG = {
    "ordinary": "Pt resting in bed. Crackles at the bases, on 4L NC, sats 95%. Foley draining yellow urine, no CP.\n",
    "dense": "Pt clammy, mottling to knees, BP soft 84/42 despite 2L LR. UOP 15 last hr. Bcx sent, zosyn at 0255.\n",
    "one endless sentence": "no cp, pna vs ",
    "numbers": "9 ",
    "one endless list": "zosyn, ",
    "endless change": "GCS 14 -> ",
    "signs": "?- ",
    "headers": "plan: x\n",
}


@pytest.mark.parametrize("name", BIG)
def test_the_longest_note_is_read_in_bounded_time_and_facts(name: str) -> None:
    """A note of the largest size is read in about a second, whatever it holds, into a bounded number of facts."""
    text = (BIG[name] * (NOTE_CHARS_MAX // len(BIG[name]) + 1))[:NOTE_CHARS_MAX]
    before = text[: NOTE_CHARS_MAX // 2]
    seconds = cpu_seconds(lambda: facts(text, before=before), 3.0)
    assert seconds <= 3.0  # measured 0.1 to 0.6 s on one slow core
    assert len(facts(text, before=before)) <= FACTS_MAX
