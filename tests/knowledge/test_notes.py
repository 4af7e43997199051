"""Reading notes at the edges of its rules: numbers and units, the ends of sentences, how far cues and copies reach."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from guidelines.notes.reading import read
from schemas.clinical.facts import NoteFact
from schemas.events import Note
from tests.knowledge.charts import HOUR, MINUTE

AT = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


def note(text: str, at: datetime = AT) -> Note:
    return Note(encounter="e1", text=text, observed_at=at, available_at=at)


def facts(text: str, *earlier: str) -> dict[str, NoteFact]:
    """What a note says, by concept; `earlier` are notes of the days before, oldest first."""
    before = [note(old, AT - timedelta(days=len(earlier) - k)) for k, old in enumerate(earlier)]
    return {fact.concept: fact for fact in read(note(text), before)}


def said(text: str) -> dict[str, str]:
    """Polarity by concept; what is not of this patient now is said so instead."""

    def word(fact: NoteFact) -> str:
        if fact.experiencer != "patient":
            return fact.experiencer.value
        return fact.temporality.value if fact.temporality != "current" else fact.polarity.value

    return {concept: word(fact) for concept, fact in facts(text).items() if concept != "infection.level"}


# -- numbers


@pytest.mark.parametrize(
    ("text", "concept", "value"),
    [
        ("BP 89/40", "bp.low", 89),
        ("BP 90/40", "bp.low", None),
        ("MAP 64", "bp.low", 64),
        ("MAP 65", "bp.low", None),
        ("HR 111", "hr.high", 111),
        ("HR 110", "hr.high", None),
        ("HR 110", "hr", 110),
        ("HR 50", "hr", 50),
        ("HR 49", "hr.low", 49),
        ("HR 50", "hr.low", None),
        ("RR 25", "resp.rr_high", 25),
        ("RR 24", "resp.rr_high", None),
        ("RR 24", "rr", 24),
        ("RR 9", "rr", 9),
        ("RR 8", "resp.rr_low", 8),
        ("RR 9", "resp.rr_low", None),
        ("cap refill 4 sec", "perf.crt", 4),
        ("CRT 3.5 sec", "perf.crt", 3.5),
        ("sat 50 %", "spo2", 50),
        ("sat 49 %", "spo2", None),
        ("EF 35-40 %", "cardiac.lvef", 35),
        ("temp 101.3F", "temp.high", 38.5),
        ("temp 38.5", "temp.high", 38.5),
        ("bolused 1 L LR", "tx.fluid_bolus", 1000),
        ("bolused 500 cc LR", "tx.fluid_bolus", 500),
        ("bolused 1.5 liters LR", "tx.fluid_bolus", 1500),
        ("bolused 1,000 cc LR", "tx.fluid_bolus", 1000),
        ("fio2 60 %", "o2.fio2", 0.6),
        ("fio2 0.6", "o2.fio2", 0.6),
        ("fio2 .6", "o2.fio2", 0.6),
        ("fio2 2 %", "o2.fio2", 0.02),
        ("fio2 1", "o2.fio2", 1.0),
        ("temp 100.9F", "temp.high", 38.3),
        ("hfnc 50 / 60 %", "o2.fio2", 0.6),
        ("hfnc 50 / 60 %", "o2.device", 50),
        ("on 4 L NC", "o2.device", 4),
        *((f"bolused 2 {unit} LR", "tx.fluid_bolus", 2000) for unit in ("l", "liter", "liters")),
        ("hgb 7.2 from 9.1", "bleed.hb_drop", 7.2),
        ("hgb 9.1 from 7.2", "bleed.hb_drop", None),
        ("hgb 7.2 from 7.2", "bleed.hb_drop", None),
        ("hgb 7.2 from 9999999999999", "bleed.hb_drop", None),
        ("narcan 0.4 mg x 2 given", "tx.naloxone", 0.8),
        ("narcan 0.4 mg given", "tx.naloxone", 0.4),
        ("gcs e3 v4 m6", "neuro.gcs", 13),
        ("e4 v5 m6", "neuro.gcs", 15),
        ("rass -3", "neuro.sedated", -3),
        ("rass -3 to -4", "neuro.sedated", -3),
        ("hfnc 50 / 9999999999999 %", "o2.fio2", None),  # the second number is none: nothing is made up
        ("HR 111", "hr", None),
        ("HR 49", "hr", None),
        ("RR 25", "rr", None),
        ("RR 8", "rr", None),
        ("CRT > 3 sec", "perf.crt", 3),
        ("CRT > 2.8 sec", "perf.crt", None),
        ("tachycardic to 130", "hr.high", 130),
        ("brady to 38", "hr.low", 38),
        ("tachypneic to 32", "resp.rr_high", 32),
        ("hypotensive 82/40", "bp.low", 82),
        ("sbp dropped to 78", "bp.drop", 78),
        ("desat to 84 %", "resp.desat", 84),
        ("RA sat 92 %", "spo2", 92),
        ("RA sat 49 %", "spo2", None),
        ("92 % on RA", "spo2", 92),
        ("vomiting x 5", "vol.gi_loss", 5),
        ("3 L NC", "o2.device", 3),
        ("placed on hfnc 40 l / 50 %", "o2.device", 40),
        ("placed on hfnc 40 l / 50 %", "o2.fio2", 0.5),
        ("venti mask at 40 %", "o2.fio2", 0.4),
        ("a&ox3", "neuro.oriented", 3),
        ("a&ox2", "neuro.oriented", None),
        ("a&ox2", "neuro.confusion", 2),
        ("a&ox3", "neuro.confusion", None),
        ("gcs 13", "neuro.gcs", 13),
        ("rass +1", "neuro.agitation", 1),
        ("rass 0", "neuro.agitation", None),
        ("ciwa 14", "subst.withdrawal", 14),
        ("uop 30 ml/hr", "renal.uop_low", 30),
        ("uop 31 ml/hr", "renal.uop_low", None),
        ("uop 0.5 ml/kg/hr", "renal.uop_low", 0.5),
        ("uop 0.51 ml/kg/hr", "renal.uop_low", None),
        ("foley flushed with 300 ml out", "renal.catheter_blocked", 300),
        ("300 ml urine", "urine", 300),
        ("aki creat up to 2.4", "renal.aki", 2.4),
        ("febrile to 38.9", "temp.high", 38.9),
        ("temp 38.1", "temp.high", 38.1),
        ("temp 38.0", "temp.high", None),
        ("wbc 12.1", "infection.wbc", 12.1),
        ("wbc 12.0", "infection.wbc", None),
        ("levophed at 0.2 started", "tx.norepi", 0.2),
        ("on levo at 0.2", "tx.norepi", 0.2),
        ("vasopressin at 0.04", "tx.vasopressin", 0.04),
        ("lasix 40 mg iv given", "tx.diuretic", 40),
        ("40 mg lasix", "tx.diuretic", 40),
        ("diuresed 2 l", "vol.diuresed", 2000),
        ("2 units prbc", "tx.blood", 2),
        ("insulin 10 units", "tx.insulin", 10),
        ("calcium 2 g given", "tx.calcium", 2),
        ("amio 150 mg given", "tx.amiodarone", 150),
        ("haldol 5 mg iv given", "tx.haloperidol", 5),
        ("hypertonic 250 ml", "tx.hypertonic", 250),
        ("3 % saline 250 ml given", "tx.hypertonic", 250),
        ("pain 7/10", "pain.severe", 7),
        ("pain 6/10", "pain.severe", None),
        ("glucose 69", "glu.low", 69),
        ("glucose 70", "glu.low", None),
        ("glucose 70", "glucose", 70),
        ("glucose 69", "glucose", None),
        ("k 6.1", "k", 6.1),
        ("k 11.9", "k", 11.9),
        ("k 12", "k", None),
        ("k 1.0", "k", 1.0),
        ("k 0.9", "k", None),
        ("qtc 520", "ecg.qtc", 520),
        ("MAP goal > 65", "bp.target", 65),
        ("goal sats 88-92 %", "o2.target", 88),
    ],
)
def test_a_number_means_what_its_unit_and_bound_say(text: str, concept: str, value: float | None) -> None:
    """Bounds are strict where the reference's are; litres, percent, Fahrenheit and thousands are read as such."""
    found = facts(text).get(concept)
    read_as = None if found is None or found.polarity != "affirmed" else found.value
    assert read_as == (None if value is None else pytest.approx(value))


# What a phrase states by itself, where that is not simply so: denied, perhaps, of old, only meant
STATED = {
    "negated": """cap refill brisk=perf.crt converted to sinus=ecg.afib qrs narrow=ecg.hyperk resps unlabored=resp.wob
        lungs clear=resp.crackles_bilat extubated=resp.imv supinated=resp.prone hgb stable=bleed.hb_drop
        foley flushed=renal.catheter_blocked afebrile=temp.high off levophed=tx.norepi pressors off=tx.vasopressor
        full code=limit.dnr nkda=allergy coumadin held=tx.anticoag pain controlled=pain.severe
        ct head negative=img.ich sedation off=tx.sedation""",
    "uncertain": """trop leak=cardiac.acs pulling at lines=neuro.confusion sundowning=neuro.delirium
        drinks 6 beers daily=subst.withdrawal black stool=bleed.melena bcx 1/2 cons=culture.positive
        dirty ua=infection.source_urine""",
    "historical": "foley flushed with 300 ml out=renal.catheter_blocked",
    "planned": "MAP goal > 65=bp.target goal sats 88-92 %=o2.target",
    "affirmed": """proven sepsis=infection.sepsis stemi=cardiac.stemi dnr=limit.dnr k 6.1=k intubated=resp.imv
        cam positive=neuro.delirium esrd=renal.dialysis rosc=arrest.rosc""",
}


@pytest.mark.parametrize(
    ("text", "concept", "word"),
    [(*pair.rsplit("=", 1), word) for word, pairs in STATED.items() for pair in re.findall(r"\S[^=]*=\S+", pairs)],
)
def test_what_a_phrase_states_by_itself(text: str, concept: str, word: str) -> None:
    """Some phrases deny, doubt, look back or ahead without another word; the others say that it is so."""
    assert said(text)[concept] == word


@pytest.mark.parametrize(
    ("before", "behind", "concept", "words"),
    [
        ("no mottling", "mottling, no", "perf.mottled", ("negated", "negated")),
        ("not mottled", "mottled, not", "perf.mottled", ("negated", "affirmed")),
        ("negative mottling", "mottling was negative", "perf.mottled", ("affirmed", "negated")),
        ("held zosyn", "zosyn held", "abx.started", ("negated", "negated")),
        ("possible PE", "PE is possible", "img.pe", ("uncertain", "uncertain")),
        ("presumed PE", "PE, presumed", "img.pe", ("uncertain", "uncertain")),
        ("vs PE", "PE vs pneumonia", "img.pe", ("uncertain", "uncertain")),
        ("history of PE", "PE history of", "img.pe", ("historical", "affirmed")),
        ("in the past PE", "PE in the past", "img.pe", ("affirmed", "historical")),
        ("2019 PE", "PE 2019", "img.pe", ("affirmed", "historical")),
        ("risk of PE", "PE risk of", "img.pe", ("hypothetical", "affirmed")),
        ("call if mottled", "mottled, call if", "perf.mottled", ("hypothetical", "affirmed")),
        ("screen PE", "PE screen", "img.pe", ("affirmed", "hypothetical")),
        ("if zosyn", "zosyn if febrile", "abx.started", ("hypothetical", "hypothetical")),
        ("plan lasix 40 mg", "lasix 40 mg planned", "tx.diuretic", ("planned", "planned")),
        ("tomorrow lasix 40 mg", "lasix 40 mg tomorrow", "tx.diuretic", ("affirmed", "planned")),
        ("consider lasix 40 mg", "lasix 40 mg consider", "tx.diuretic", ("planned", "affirmed")),
        ("mother PE", "PE mother", "img.pe", ("family", "affirmed")),
        ("in mother PE", "PE in mother", "img.pe", ("family", "family")),
        ("roommate mottled", "mottled roommate", "perf.mottled", ("other", "affirmed")),
        ("given zosyn", "zosyn given", "abx.started", ("affirmed", "affirmed")),
        ("held metoprolol", "metoprolol held", "med.held", ("affirmed", "affirmed")),
        ("takes metoprolol", "metoprolol at home", "med.home", ("affirmed", "affirmed")),
    ],
)
def test_which_way_a_cue_looks(before: str, behind: str, concept: str, words: tuple[str, str]) -> None:
    """Some words qualify what follows, some what stands before them, some both."""
    assert (said(before)[concept], said(behind)[concept]) == words


@pytest.mark.parametrize("text", ["as above mottled", "mottled as above", "unchanged from yesterday: mottled"])
def test_a_note_that_says_it_repeats_is_a_copy(text: str) -> None:
    """Said before the finding or behind it."""
    assert facts(text)["perf.mottled"].copied
    assert not facts("mottled")["perf.mottled"].copied


@pytest.mark.parametrize(
    ("text", "concept", "detail"),
    [
        ("proven sepsis", "infection.sepsis", "definite"), ("sepsis", "infection.sepsis", None),
        ("MAP 60", "bp.low", "map"), ("SBP 80", "bp.low", None), ("off levophed", "tx.norepi", "stopped"),
        ("pressors off", "tx.vasopressor", "stopped"), ("sedation off", "tx.sedation", "stopped"),
        ("a&ox2", "neuro.confusion", "oriented x"), ("3 L NC", "o2.device", "nc"),
        ("coumadin held", "tx.anticoag", "warfarin"), ("500 ml ns bolus", "tx.fluid_bolus", "saline_0_9"),
    ],
)  # fmt: skip
def test_the_detail_of_a_fact(text: str, concept: str, detail: str | None) -> None:
    """Which drug, which device, which pressure; that it was stopped; that an infection is proven."""
    assert facts(text)[concept].detail == detail


def test_of_devices_and_rhythms_the_last_is_current() -> None:
    """Weaned from the mask to the cannula to air: only air is now. An arrest before ROSC is told as one of now."""
    assert said("on nrb, then 4 L NC, then weaned to room air")["o2.air"] == "affirmed"
    assert said("on nrb, then weaned to room air")["o2.device"] == "historical"
    assert said("coded, rosc") == {"arrest.event": "affirmed", "arrest.rosc": "affirmed"}


@pytest.mark.parametrize("unit", ["litre", "litres"])
def test_a_british_litre_is_a_thousand_millilitres_too(unit: str) -> None:
    """As a liter is."""
    assert facts(f"bolused 2 {unit} LR")["tx.fluid_bolus"].value == 2000
    assert facts(f"2 {unit} fluid bolus")["tx.fluid_bolus"].value == 2000


def test_a_small_bolus_without_a_unit_is_no_amount() -> None:
    """Two bolused: that it was done, not how much; never two millilitres. With a unit, or large, it is an amount."""
    assert facts("bolused 2 LR")["tx.fluid_bolus"].value is None
    assert facts("bolused 19 LR")["tx.fluid_bolus"].value is None
    assert facts("bolused 20 LR")["tx.fluid_bolus"].value == 20
    assert facts("bolused 5 ml LR")["tx.fluid_bolus"].value == 5


@pytest.mark.parametrize(
    ("text", "polarity"), [("CRT 3 sec", "negated"), ("CRT > 3 sec", "affirmed"), ("CRT 3.2", "affirmed")]
)
def test_a_refill_of_exactly_three_seconds_is_not_long(text: str, polarity: str) -> None:
    """3 s denies it, "more than 3" and 3.2 s affirm it."""
    assert said(text) == {"perf.crt": polarity}


def test_a_number_of_more_than_twelve_digits_is_no_measurement() -> None:
    """A telephone number is not a heart rate."""
    assert "hr.high" in facts("HR 130")
    assert "hr.high" not in facts("HR " + "9" * 13)


# -- sentences


@pytest.mark.parametrize(("columns", "polarity"), [(60, "negated"), (59, "affirmed")])
def test_a_line_of_sixty_columns_that_goes_on_small_is_only_wrapped(columns: int, polarity: str) -> None:
    """The denial of a wrapped line reaches over its end; that of a shorter line ends there."""
    text = "no " + "x" * (columns - 3)
    assert len(text) == columns
    assert said(f"{text}\nfever")["temp.high"] == polarity


@pytest.mark.parametrize("end", [".", ":", ";", "!", "?"])
def test_a_line_with_an_end_of_sentence_is_not_wrapped(end: str) -> None:
    """However long it is."""
    assert said(f"no {'x' * 70}{end}\nfever")["temp.high"] == "affirmed"


def test_a_line_that_goes_on_with_a_capital_is_a_new_one() -> None:
    """A new line that begins with a capital letter is a sentence of its own."""
    assert said(f"no {'x' * 70}\nFever")["temp.high"] == "affirmed"


@pytest.mark.parametrize(
    ("text", "polarity"),
    [
        ("no pain.Fever", "affirmed"),  # a full stop between a small and a capital letter
        ("No CP. fever", "affirmed"),
        ("No CP. Fever", "affirmed"),
        ("no pt. fever", "negated"),  # after an abbreviation, before a small letter
        ("no temp. 39.5 fever", "negated"),  # before a digit
        ("no pt. Fever", "affirmed"),
        ("no pt.  fever", "negated"),  # two blanks
        ("no c.diff fever", "negated"),
        ("no x; fever", "affirmed"),
        ("no x! fever", "affirmed"),
        ("no x? fever", "affirmed"),
        ("no x • fever", "affirmed"),
        ("no x, fever", "negated"),  # a comma goes on with the list
        ("no x but fever", "affirmed"),
    ],
)
def test_where_a_denial_ends(text: str, polarity: str) -> None:
    """With its sentence or a word that turns it; not with an abbreviation's full stop, nor with a comma of a list."""
    assert said(text)["temp.high"] == polarity


@pytest.mark.parametrize(
    ("text", "polarity"),
    [
        ("(-) fever", "negated"),
        ("(–) fever", "negated"),
        ("PNA likely.", "uncertain"),
        ("PNA likely, sleeping", "uncertain"),
        ("PNA likely to improve", "affirmed"),
        ("fever (+)", "affirmed"),
        ("? sepsis", "uncertain"),
        ("sepsis?", "uncertain"),
        ("sepsis ??", "uncertain"),
        ("?sepsis", "uncertain"),
        ("non-mottled", "negated"),
        ("not CTAB", "uncertain"),  # a denial denied says nothing sure
        ("lungs clear", "negated"),
        ("no mottling", "negated"),
    ],
)
def test_signs_say_yes_no_or_perhaps(text: str, polarity: str) -> None:
    """Plus and minus in brackets, and a question mark before or behind."""
    concepts = {"temp.high", "infection.sepsis", "infection.source_lung", "perf.mottled", "resp.crackles_bilat"}
    assert [p for concept, p in said(text).items() if concept in concepts] == [polarity]


@pytest.mark.parametrize("next_line", ["2nd day of fever", "fever"])
def test_a_line_that_goes_on_with_a_digit_is_a_new_one(next_line: str) -> None:
    """Only a small letter goes on."""
    assert said(f"no {'x' * 70}\n{next_line}")["temp.high"] == ("negated" if next_line == "fever" else "affirmed")


# -- how far cues reach


@pytest.mark.parametrize(("between", "polarity"), [(11, "negated"), (12, "affirmed")])
def test_a_no_reaches_twelve_words(between: int, polarity: str) -> None:
    """With eleven words between it and the finding it denies it, with twelve it does not."""
    assert said(f"no {'x ' * between}fever")["temp.high"] == polarity


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no fever, cough, or mottling", {"temp.high": "negated", "perf.mottled": "negated"}),
        ("no fever, lungs with mottling", {"temp.high": "negated", "perf.mottled": "affirmed"}),
        ("no fever, 2 mottled knees", {"temp.high": "negated", "perf.mottled": "affirmed"}),
        (
            "no fever, mottled or clammy",
            {"temp.high": "negated", "perf.mottled": "negated", "perf.cool_clammy": "negated"},
        ),
        ("fever resolved, mottled", {"temp.high": "negated", "perf.mottled": "affirmed"}),
        ("mottled, fever resolved", {"temp.high": "negated", "perf.mottled": "affirmed"}),
        (
            "if fever, clammy or mottled",
            dict.fromkeys(("temp.high", "perf.cool_clammy", "perf.mottled"), "hypothetical"),
        ),
        ("call if febrile, on 4 L NC, mottled", {"perf.mottled": "hypothetical"}),
        ("mother febrile, on 4 L NC, mottled", {"temp.high": "family", "perf.mottled": "family"}),
        ("mother had fever. Mottled", {"temp.high": "family", "perf.mottled": "affirmed"}),
        ("mother had fever, pt mottled", {"temp.high": "family", "perf.mottled": "affirmed"}),
        ("roommate febrile", {"temp.high": "other"}),
        ("h/o PE, mottled", {"img.pe": "historical", "perf.mottled": "affirmed"}),
        ("CHF 2019, mottled", {"dx.heart_failure": "historical", "perf.mottled": "affirmed"}),
        ("call if febrile; mottled", {"temp.high": "hypothetical", "perf.mottled": "affirmed"}),
    ],
)
def test_what_a_cue_touches_along_a_list(text: str, expected: dict[str, str]) -> None:
    """A denial goes on through a plain list, a condition through its sentence; neither into a new statement."""
    found = said(text)
    assert {concept: found.get(concept) for concept in expected} == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("zosyn and vanc given", "affirmed"),
        ("zosyn, vanc given", "affirmed"),
        ("zosyn given, lasix", "affirmed"),
        ("zosyn held", "negated"),
        ("zosyn. Given water", None),
        ("zosyn", None),
    ],
)
def test_a_drug_counts_by_the_verb_of_its_clause_or_list(text: str, expected: str | None) -> None:
    """The verb may stand before or behind, also along a list; in another sentence it proves nothing."""
    assert said(text).get("abx.started") == expected


def test_a_verb_goes_on_along_a_list_and_no_further() -> None:
    """ "Zosyn given, lasix": both were; in the next sentence the drug is only named."""
    assert said("zosyn given, lasix")["tx.diuretic"] == "affirmed"
    assert "tx.diuretic" not in said("Zosyn given. Lasix")


def test_an_act_that_waits_for_something_was_not_done() -> None:
    """Planned and conditional acts are told as such, though no verb proves them."""
    assert said("zosyn if febrile")["abx.started"] == "hypothetical"
    assert said("will give zosyn")["abx.started"] == "planned"


def test_of_things_that_exclude_each_other_the_last_is_current() -> None:
    """Off the cannula, on air: the device is past; what is said of somebody else takes no part."""
    assert said("on 4 L NC, now on RA") == {"o2.device": "historical", "o2.air": "affirmed"}
    found = facts("Mother on room air. Pt on 4 L NC")
    assert (found["o2.air"].experiencer, found["o2.air"].temporality) == ("family", "current")
    assert found["o2.device"].temporality == "current"


def test_an_old_state_of_mind_is_no_news_only_where_it_is_called_unchanged() -> None:
    """ "Baseline confusion, lethargic": the second is new; called unchanged, both are old."""
    assert said("baseline confusion, lethargic tonight")["neuro.oversedated"] == "affirmed"
    assert said("baseline confusion, lethargic, unchanged")["neuro.oversedated"] == "historical"
    assert said("lethargic, unchanged")["neuro.oversedated"] == "affirmed"


def test_a_home_drug_needs_a_word_that_says_so() -> None:
    """Named alone it is nothing; taken at home it is."""
    assert said("takes metformin") == {"med.home": "affirmed"}
    assert said("metformin at home") == {"med.home": "affirmed"}
    assert said("metformin") == {}


@pytest.mark.parametrize(("held", "polarity"), [(7, "negated"), (8, "affirmed")])
def test_of_cues_behind_a_finding_the_last_eight_are_looked_at(held: int, polarity: str) -> None:
    """Eight words that touch drugs only, and the one that would deny the finding is no longer seen."""
    assert said(f"mottling resolved {'held ' * held}")["perf.mottled"] == polarity


@pytest.mark.parametrize(
    ("year", "when"), [(1950, "historical"), (1949, "affirmed"), (2059, "historical"), (2060, "affirmed")]
)
def test_a_year_dates_a_disease(year: int, when: str) -> None:
    """From 1950 to 2059 a number behind a disease is its year."""
    assert said(f"melena {year}")["bleed.melena"] == when


@pytest.mark.parametrize(
    ("hour", "year", "temporality"),
    [
        (21, 2019, "current"),
        (15, 2019, "historical"),
        (8, 2019, "current"),
        (9, 2019, "historical"),
        (21, 1975, "historical"),
    ],
)
def test_a_year_behind_a_state_may_be_the_time_of_day(hour: int, year: int, temporality: str) -> None:
    """ "Intubated 2019", of an evening or the night after: at 20:19. Where that is too far away, it is a year."""
    found = read(note(f"intubated {year}", AT.replace(hour=hour)))
    assert {fact.concept for fact in found} == {"resp.imv", "resp.intubated"}
    assert {fact.temporality for fact in found} == {temporality}
    assert {fact.effective_at.hour for fact in found} == {20 if temporality == "current" else hour}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Dispo: mottled", {"perf.mottled": "affirmed"}),
        ("Dispo: zosyn", {}),
        ("Dispo: zosyn 3 g iv", {"abx.started": "planned"}),
        ("Dispo: zosyn given", {"abx.started": "affirmed"}),  # done is done, also under "Plan:"
        ("Dispo: home. Zosyn 3 g iv", {"abx.started": "planned"}),  # a plan holds for its whole line
        ("Precautions: falls. Zosyn given", {"abx.started": "affirmed"}),
        (
            "PMH: CHF, melena, zosyn given",
            {"dx.heart_failure": "affirmed", "bleed.melena": "historical", "abx.started": "historical"},
        ),
        ("PMH: HR 130", {"hr.high": "historical"}),
        ("Family history: HR 130", {"hr.high": "family"}),
        ("PMH:\nCHF\na b c d: mottled", {"perf.mottled": "affirmed"}),
        ("PMH:\nCHF\na b c d e: mottled", {"perf.mottled": "historical"}),
    ],
)
def test_what_a_section_makes_of_what_stands_in_it(text: str, expected: dict[str, str]) -> None:
    """A plan plans acts only; other sections qualify every kind; a header has its colon among its first five words."""
    found = said(text)
    assert {concept: found.get(concept) for concept in expected} == expected


@pytest.mark.parametrize(
    ("text", "concept", "detail"),
    [
        *((f"crackles {side} base", "resp.crackles_focal", "left") for side in ("l", "left", "lul", "lll", "lt")),
        *(
            (f"crackles {side} base", "resp.crackles_focal", "right")
            for side in ("r", "right", "rul", "rll", "rml", "rt")
        ),
        ("crackles x y z left", "resp.crackles_focal", "left"),
        ("crackles w x y z left", "resp.crackles_bilat", None),
        ("left a b c d e f g crackles", "resp.crackles_focal", "left"),
        ("left a b c d e f g h crackles", "resp.crackles_bilat", None),
        ("crackles left and right", "resp.crackles_bilat", None),
        ("Left crackles. Right crackles.", "resp.crackles_bilat", None),
    ],
)
def test_crackles_have_a_side_when_one_stands_near(text: str, concept: str, detail: str | None) -> None:
    """One side named within eight words before or four behind makes them focal; both, or none, bilateral."""
    assert facts(text)[concept].detail == detail


@pytest.mark.parametrize("reaction", ["hives", "throat tight", "stridor"])
def test_a_reaction_after_a_drug_is_perhaps_an_allergy(reaction: str) -> None:
    """In the same sentence, after the drug was started; in another sentence it is not."""
    found = facts(f"zosyn started, {reaction}")
    assert (found["allergy"].polarity, found["allergy"].detail) == ("uncertain", found["abx.started"].detail)
    assert "allergy" not in facts(f"Zosyn started. Later {reaction}.")


@pytest.mark.parametrize(
    ("text", "level", "polarity"),
    [
        ("cultures grew GNR", "definite", "affirmed"),
        ("urosepsis", "probable", "affirmed"),
        ("possible PNA, zosyn given", "probable", "affirmed"),
        ("possible PNA", "possible", "uncertain"),
        ("no sepsis", "unlikely", "negated"),
        ("no PNA", None, None),
        ("zosyn given", None, None),
    ],
)
def test_how_sure_a_note_is_of_an_infection(text: str, level: str | None, polarity: str | None) -> None:
    """Proven, said without a hedge or hedged and treated, hedged, denied as such; a drug alone says nothing."""
    found = facts(text).get("infection.level")
    assert (found and found.detail, found and found.polarity) == (level, polarity)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PMH: mottled", "historical"),
        ("PMH:\nCHF\nmottled", "historical"),
        ("PMH:\nCHF\n\nmottled", "affirmed"),
        ("PMH:\nCHF\nExam: mottled", "affirmed"),
        ("PMH: CHF\nmottled", "affirmed"),
        ("Family history: mottled", "family"),
    ],
)
def test_a_section_reaches_to_the_next_header_or_empty_line(text: str, expected: str) -> None:
    """What stands under a header alone on its line is its own; behind a header, only that line."""
    assert said(text)["perf.mottled"] == expected


# -- time


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("0930: mottled", "09:30"),
        ("0959: mottled", "09:59"),
        ("0900: mottled", "09:00"),
        ("9:30 mottled", "09:30"),
        ("09:30 mottled", "09:30"),
        ("mottled at 0930", "09:30"),
        ("mottled since 1430", "14:30"),
        ("1430 mottled", "14:30"),
        ("0930: febrile, mottled", "09:30"),
        ("0930: febrile.\nmottled", "15:00"),
        ("at 1200 calm. mottled at 1430", "14:30"),
        ("mottled 9930", "15:00"),
        ("mottled 0960", "15:00"),
        ("mottled, lasix 1430 mg", "15:00"),
        ("mottled in 2019", "15:00"),
        ("mottled 0930", "09:30"),
        ("mottled 1030", "15:00"),  # not led in, not led by a zero: perhaps a number
        ("mottled at 1430", "14:30"),
        ("mottled at 1430 ml", "15:00"),
    ],
)
def test_when_a_finding_was(text: str, at: str) -> None:
    """The time in its clause, or the one put first on its line; a dose, a year and what is no time of day are none."""
    found = facts(text)["perf.mottled"]
    assert f"{found.effective_at:%H:%M}" == at


@pytest.mark.parametrize("clock", ["0310", "1430"])
@pytest.mark.parametrize(
    ("text", "concept"),
    [
        ("tachy at", "hr.high"),
        ("brady at", "hr.low"),
        ("hypotensive at", "bp.low"),
        ("desatted at", "resp.desat"),
        ("hypoxic at", "resp.desat"),
        ("tachypneic at", "resp.rr_high"),
        ("spiked at", "temp.high"),
        ("lasix given at", "tx.diuretic"),
    ],
)
def test_a_time_of_day_is_no_measurement(text: str, concept: str, clock: str) -> None:
    """A heart rate of 310, a saturation of 1430 %, 310 mg of furosemide: nobody has them."""
    found = facts(f"{text} {clock}")[concept]
    assert (found.value, found.polarity) == (None, "affirmed")


@pytest.mark.parametrize(("said_at", "hour"), [("2359", 23), ("2430", 6), ("0559", 5), ("0600", 6)])
def test_the_hours_of_a_day_end_at_23(said_at: str, hour: int) -> None:
    """In a note of 06:00, 2359 was the evening before; 2430 is no time of day."""
    (found,) = read(note(f"mottled at {said_at}", AT.replace(hour=6)), ())
    assert found.effective_at.hour == hour


@pytest.mark.parametrize(("between", "at"), [(28, "09:00"), (29, "15:00")])
def test_a_last_dose_is_looked_for_within_thirty_words(between: int, at: str) -> None:
    """ "Zosyn …, last 0900": the time of the following clause, if that begins near enough."""
    found = facts(f"given zosyn {'x ' * between}, last 0900")["abx.started"]
    assert f"{found.effective_at:%H:%M}" == at


def test_a_year_at_the_start_of_a_line_is_no_time() -> None:
    """In a note of 21:00, "1930" alone may be a year, "1930:" is a time; so is 1830, which is no year."""
    evening = AT.replace(hour=21)

    def when(text: str) -> datetime:
        return next(fact.effective_at for fact in read(note(text, evening)))

    assert when("1930 mottled") == when("1900 mottled") == when("2059 mottled") == evening
    assert when("1930: mottled") == evening.replace(hour=19, minute=30)
    assert when("1830 mottled") == evening.replace(hour=18, minute=30)


def test_a_time_is_the_latest_that_the_note_could_mean() -> None:
    """Up to 15 min ahead is a clock's difference; later is yesterday's, and that lies out of reach."""
    for text, back in (("1515: mottled", -15 * MINUTE), ("1516: mottled", 0 * HOUR), ("0300: mottled", 12 * HOUR)):
        assert AT - facts(text)["perf.mottled"].effective_at == back


# -- copies


def words(count: int, last: str) -> str:
    """So many words, a finding among them, that nobody writes twice by chance."""
    plain = [f"w{chr(97 + k // 26)}{chr(97 + k % 26)}" for k in range(count - 1)]
    return " ".join([*plain, last])


@pytest.mark.parametrize(("run", "copied"), [(25, True), (24, False)])
def test_twenty_five_words_in_a_row_are_copied(run: int, copied: bool) -> None:
    """One word less may be chance; the time of a copy is that of the first note."""
    text = words(run, "mottled")
    fact = facts(f"Today {text} here", f"Then {text} there")["perf.mottled"]
    assert fact.copied is copied
    assert fact.effective_at == (AT - timedelta(days=1) if copied else AT)


@pytest.mark.parametrize("blank", ["", "\n", "__"])
def test_an_earlier_note_without_a_word_copies_nothing(blank: str) -> None:
    """What comes after an empty note is read as ever."""
    old = Note(encounter="e1", text=blank, observed_at=AT - timedelta(days=1), available_at=AT)
    (fact,) = read(Note(encounter="e1", text="mottled", observed_at=AT, available_at=AT), [old])
    assert not fact.copied


@pytest.mark.parametrize(
    ("sentence", "copied"),
    [
        ("mottled and clammy since night", True),
        ("mottled and clammy tonight", False),
        ("mottled ever since the night", False),
    ],
)
def test_a_shorter_sentence_is_copied_from_five_words_with_two_findings(sentence: str, copied: bool) -> None:
    """Five words with two findings; with four, or with one finding, it may be said again."""
    found = facts(f"{sentence.capitalize()}. Seen.", f"{sentence.capitalize()}. Slept.")
    assert found["perf.mottled"].copied is copied


@pytest.mark.parametrize(
    ("sentence", "copied"),
    [
        ("skin: mottled and clammy at both of the knees tonight", False),  # twelve, a label first
        ("skin: mottled and clammy at both of the knees since night", True),
        ("the skin of his two knees: mottled and clammy", True),  # the colon comes too late for a label
        ("the skin of her knees: mottled and clammy", False),
    ],
)
def test_a_charted_label_and_value_is_no_copy(sentence: str, copied: bool) -> None:
    """At most twelve words and signs, with a colon among the first six: chosen anew each time."""
    assert facts(f"{sentence}. Seen.", f"{sentence}. Slept.")["perf.mottled"].copied is copied


@pytest.mark.parametrize(("later", "copied"), [(63, True), (64, False)])
def test_copies_are_searched_for_in_the_newest_notes(later: int, copied: bool) -> None:
    """So many earlier notes are looked at, and no more."""
    text = words(25, "mottled")
    found = facts(text, text, *(f"note {k}" for k in range(later)))
    assert found["perf.mottled"].copied is copied


def test_the_first_note_that_said_it_dates_a_copy() -> None:
    """Copied from note to note: the time of the oldest."""
    text = words(25, "mottled")
    found = facts(text, text, text, text)["perf.mottled"]
    assert found.effective_at == AT - timedelta(days=3)


# -- bounds


def test_a_note_gives_at_most_so_many_facts_and_so_many_words_of_each() -> None:
    """The first facts are kept; the words shown are cut."""
    many = read(note("mottled. " * 1005))
    assert len(many) == 1000
    assert many[0].start == 0
    (long,) = read(note("cool" + " " * 250 + "and clammy"))
    assert (len(long.words), long.end) == (200, 264)


def test_a_number_that_is_none_gives_no_fact() -> None:
    """Neither a word in a number's place, nor a number too long to be one, is made into a finding without a value."""
    assert facts("HR foo") == {}
    assert "o2.fio2" not in facts("hfnc 50 / 9999999999999 %")


@pytest.mark.parametrize(
    ("text", "concept"),
    [("sat 60 %", "spo2"), ("desat to 60", "resp.desat"), ("HR 80", "hr"), ("BP 60/30", "bp.low"), ("RR 12", "rr")],
)
def test_a_number_called_an_artefact_is_not_the_patients(text: str, concept: str) -> None:
    """In the same sentence; in the next one it is another matter."""
    assert said(f"{text}, artifact")[concept] == "negated"
    assert said(f"{text}. Artifact later")[concept] == "affirmed"


@pytest.mark.parametrize(
    ("text", "concept"),
    [("HR 180", "hr.high"), ("HR 30", "hr.low"), ("RR 50", "resp.rr_high"), ("RR 4", "resp.rr_low")],
)
def test_a_number_far_out_that_is_called_an_artefact_is_not_either(text: str, concept: str) -> None:
    """These are the very numbers that artefacts give."""
    assert said(f"{text}, artifact")[concept] == "negated"


def test_one_phrase_says_a_thing_once() -> None:
    """However many rows of the lexicon fit a phrase, it gives one fact of each concept."""
    for text in (
        "CRT > 3.5 sec",
        "HR 130",
        "RR 30",
        "BP 80/40",
        "MAP 50",
        "sat 80 % on RA",
        "hfnc 50 / 60 %",
        "afib with rvr 140",
    ):
        found = [(fact.start, fact.concept) for fact in read(note(text))]
        assert len(found) == len(set(found)) > 0, text
        assert found == sorted(found), text


def test_a_unit_comes_with_a_value_only() -> None:
    """ "Tachycardic" has no number and so no unit."""
    assert (facts("tachycardic")["hr.high"].value, facts("tachycardic")["hr.high"].unit) == (None, None)
    assert (facts("HR 130")["hr.high"].value, facts("HR 130")["hr.high"].unit) == (130, "/min")
