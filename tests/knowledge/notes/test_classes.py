"""The classes of wording that notes were misread in, each as a property over the phrases of the lexicon."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from guidelines.notes.lexicon import LEXICON, OTHER_WORDS, SPELLED
from guidelines.notes.phrases import SPELLER
from guidelines.notes.reading import read
from guidelines.notes.spelling import Speller, one_apart
from schemas.clinical.facts import Experiencer, NoteFact, Polarity, Temporality
from schemas.events import Note
from schemas.local_time import UTC as UTC_ZONE

AT = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


def facts(text: str, at: datetime = AT, zone: ZoneInfo = UTC_ZONE) -> tuple[NoteFact, ...]:
    return read(Note(encounter="e1", text=text, observed_at=at, available_at=at), zone=zone)


def usable(text: str) -> set[str]:
    return {fact.concept for fact in facts(text) if fact.usable}


def denied(text: str) -> set[str]:
    now = [f for f in facts(text) if f.temporality is Temporality.CURRENT and f.experiencer is Experiencer.PATIENT]
    return {fact.concept for fact in now if fact.polarity is Polarity.NEGATED}


FINDINGS = ("fever", "chills", "cough", "melena", "hematemesis", "wheezing", "stridor", "mottling", "headache",
            "nausea", "vomiting", "JVD", "crackles", "confusion", "hemoptysis", "diarrhea")  # fmt: skip
MEANING = {word: next(iter(denied(f"no {word}"))) for word in FINDINGS}
finding = st.sampled_from(FINDINGS)
several = st.lists(finding, min_size=1, max_size=5, unique=True)


def meant(words: list[str]) -> set[str]:
    return {MEANING[word] for word in words}


# -- denial


@given(several, st.sampled_from(["no", "denies any", "without", "negative for", "no s/s of", "no clinical evidence of",
                                 "no signs of", "low suspicion for", "doubt", "denies", "(−)", "−"]))  # fmt: skip
def test_a_denial_goes_to_the_end_of_its_list(words: list[str], cue: str) -> None:
    """However long the list is, behind whatever header; the next sentence is another matter."""
    text = f"ROS: {cue} {', '.join(words[:-1])}{' or ' if words[1:] else ''}{words[-1]}. Mottled."
    assert meant(words) <= denied(text) | ({"perf.mottled"} & usable(text))
    assert usable(text) == {"perf.mottled"}


@given(several, st.sampled_from(["no", "No", "N", "none", "neg", "negative", "denied", "absent"]))
def test_a_label_that_is_answered_no_is_denied(words: list[str], answer: str) -> None:
    """ "Fever: no." on each line, whatever the answers of the others."""
    text = "\n".join(f"{word.capitalize()}: {answer}." for word in words) + "\nRash: yes."
    assert meant(words) <= denied(text)
    assert usable(text) == {"skin.urticaria_angioedema"}


@given(several, several, st.sampled_from([("(+)", "(−)"), ("✓", "✗"), ("[x]", "[ ]"), ("☑", "☐"), ("(+)", "(-)")]))
def test_marks_answer_on_whichever_side_they_stand(yes: list[str], no: list[str], marks: tuple[str, str]) -> None:
    """ "[x] cough [ ] fever" and "cough ✓ fever ✗" say the same."""
    assume(not meant(yes) & meant(no))
    answers = [(word, marks[0]) for word in yes] + [(word, marks[1]) for word in no]
    before = "  ".join(f"{mark} {word}" for word, mark in answers)
    behind = "Screen: " + ", ".join(f"{word} {mark}" for word, mark in answers) + "."
    for text in (before, behind):
        assert usable(text) == meant(yes), text
        assert denied(text) == meant(no), text


@pytest.mark.parametrize(
    "text", ["- fever\n- cough", "Neuro - confused, febrile", "Pt alert -febrile", "T 38-39, febrile"]
)
def test_a_bullet_or_a_dash_denies_nothing(text: str) -> None:
    """Only a minus sign does, or a hyphen among others and plus signs."""
    assert denied(text) == set()
    assert denied("ROS +cough -fever") == {"temp.high"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ACS excluded by serial troponins", {"cardiac.acs"}),
        ("PE ruled out by CTA", {"img.pe"}),
        ("heparin d/c'd", {"tx.anticoag"}),
        ("pressors now off", {"tx.vasopressor"}),
        ("ESRD? no", {"renal.dialysis"}),
        ("non-infectious", {"infection.sepsis"}),
        ("ID: no infection", {"infection.sepsis"}),
        ("sepsis screen negative", {"infection.sepsis"}),
        ("No infection, abx stopped", {"infection.sepsis", "abx.started"}),
        ("PNA: low suspicion", {"infection.source_lung"}),
        ("incision c/d/i, no s/s of infection", {"infection.source_wound"}),
        ("PICC site: no signs of infection", {"infection.source_line"}),
        ("CT head: no bleed", {"img.ich"}),
        ("resolved: shock (off norepi 36h), AKI", {"tx.norepi", "renal.aki"}),
    ],
)
def test_what_is_over_or_out_is_denied(text: str, expected: set[str]) -> None:
    """Excluded, ruled out by, off, stopped, answered, and denied where the sentence says of what place."""
    assert denied(text) - {"infection.level"} == expected
    assert usable(text) <= {"med.held"}


# -- not now


MAY_COME = (
    "Return for {}, syncope",
    "Come back with {}",
    "Seek care for {}",
    "Watch for {}",
    "Call MD if {}",
    "Call your doctor if you have {} or weakness",
    "Risk of {}",
    "Return if: {}",
    "Avoid {}",
    "PRN for {}",
    "Call for pain, {} or weakness",
)


@given(finding, st.sampled_from(MAY_COME))
def test_what_may_come_has_not_come(word: str, frame: str) -> None:
    """Return instructions, risks and orders state nothing of the patient."""
    assert usable(frame.format(word)) == set()


@pytest.mark.parametrize("text", ["flu vaccine UTD", "seizure precautions", "DVT prophylaxis", "aspiration risk high",
                                  "bleeding precautions reviewed", "COVID vaccine"])  # fmt: skip
def test_what_is_prevented_is_not_there(text: str) -> None:
    """A vaccine, a precaution, a prophylaxis, a risk."""
    assert usable(text) == set()


@given(finding)
def test_what_was_and_has_turned_is_past(word: str) -> None:
    """ "Was …, now …" is over; a mere "was" is a way of telling."""
    assert MEANING[word] not in usable(f"Pt had {word} this morning, now gone.")
    assert MEANING[word] in usable(f"Pt had {word} this morning.") | {"temp.high"}


@pytest.mark.parametrize(
    "text", ["Husband has flu", "Sick contacts: son w/ pneumonia", "Father had PE", "roommate has covid"]
)
def test_what_others_have_is_theirs(text: str) -> None:
    """Also where they are not family; who tells or decides is not the one who is ill."""
    assert {f.experiencer for f in facts(text)} <= {Experiencer.FAMILY, Experiencer.OTHER}
    assert usable("Daughter (HCP) confirms DNR") == {"limit.dnr"}
    assert "tox.found_down" in usable("found down by roommate, RR 6")


# -- limits


@pytest.mark.parametrize("treatment", ["pressors", "intubation", "dialysis", "CRRT", "vasopressors"])
def test_a_state_is_no_limit_and_a_limit_needs_its_words(treatment: str) -> None:
    """ "MAP 72, no pressors" says how he is; beside "DNR" the same words limit."""
    limits = {"limit.no_escalation", "limit.dni", "limit.dnr", "limit.comfort_care"}
    assert not limits & usable(f"MAP 72, no {treatment}, up to chair")
    assert limits & usable(f"DNR: no {treatment}") > {"limit.dnr"}
    assert not limits & usable("Full code. No ICU transfer needed. O2 for comfort.")


@pytest.mark.parametrize("words", ["comfort measures only", "made CMO", "comfort care only", "comfort pathway"])
def test_comfort_care_is_said_as_such_and_ends_with_full_code(words: str) -> None:
    """It is a limit of its own; "full code" denies every limit."""
    assert {"limit.comfort_care", "limit.no_escalation"} <= usable(f"Pt {words}, family at bedside")
    assert {"limit.dnr", "limit.dni", "limit.no_escalation", "limit.comfort_care"} <= denied("Full code")


# -- allergies, amounts, people


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Allergies: PCN (anaphylaxis), sulfa (rash)",
            {("allergy.anaphylaxis", "penicillin"), ("allergy.rash", "sulfonamide")},
        ),
        ("throat swelling with penicillin", {("allergy.anaphylaxis", "penicillin")}),
        ("Allergies: latex - hives", {("allergy.rash", "latex")}),
        ("allergic to augmentin - rash", {("allergy.rash", "amoxicillin_clavulanate")}),
    ],
)
def test_an_allergy_is_told_with_its_reaction(text: str, expected: set[tuple[str, str]]) -> None:
    """Each drug with its own reaction, and each as an allergy."""
    found = {(f.concept, f.detail) for f in facts(text) if f.usable}
    assert found == expected | {("allergy", detail) for _, detail in expected}


@pytest.mark.parametrize(
    ("text", "concept", "value", "unit"),
    [
        ("wt 82 kg", "person.weight", 82, "kg"),
        ("weight 180 lbs", "person.weight", 81.6, "kg"),
        ("UOP 180 for whole 12h shift", "renal.uop_low", 15, "mL/h"),
        ("UOP ↓ 10–15 cc/h", "renal.uop_low", 10, "mL/h"),
        ("home O2 2 L", "o2.home", 2, "L/min"),
        ("HFrEF EF 20 %", "cardiac.lvef", 20, "%"),
        ("target sats 88–92", "o2.target", 88, "%"),
        ("A+Ox3", "neuro.oriented", 3, None),
        ("postpartum day 2", "ob.postpartum", 2, "d"),
    ],
)
def test_a_number_of_the_patient_is_read(text: str, concept: str, value: float, unit: str | None) -> None:
    """Weights, urine over a shift, oxygen at home, a target."""
    (fact,) = [fact for fact in facts(text) if fact.concept == concept]
    assert (fact.value, fact.unit) == (value, unit)


@pytest.mark.parametrize("text", ["28 weeks pregnant", "G2P1 at 34+2", "hCG pos", "pregnant, 3rd trimester"])
def test_a_pregnancy_is_read_and_its_denial(text: str) -> None:
    """What a note alone says of it takes the patient out of the rules' scope."""
    assert "ob.pregnant" in usable(text)
    for none in ("not pregnant", "hCG neg", "Pregnant: N", "Pregnant N."):
        assert "ob.pregnant" in denied(none)


def test_what_prevents_an_infection_is_no_treatment_of_one() -> None:
    """Prophylaxis with its drug is told as such, and is no antimicrobial started."""
    found = {f.concept: f.detail for f in facts("cefazolin periop") if f.usable}
    assert found == {"abx.prophylaxis": "cefazolin"}
    assert usable("PCP prophylaxis with bactrim") == {"abx.prophylaxis"}


def test_other_causes_of_shock_are_named() -> None:
    """Each with its own id, so that a rule can ask for any of them."""
    for words, concept in (("hemorrhagic shock", "shock.hemorrhagic"), ("anaphylaxis", "shock.anaphylactic"),
                           ("tamponade", "shock.obstructive"), ("hypovolemic shock", "shock.hypovolemic")):  # fmt: skip
        assert concept in usable(f"Pt in {words}")


# -- spelling


@given(st.sampled_from(sorted(SPELLED)), st.integers(1, 40), st.sampled_from("aeiostrln"), st.integers(0, 3))
def test_a_word_one_letter_wrong_is_read_as_itself_or_left(word: str, place: int, letter: str, how: int) -> None:
    """Never as another word: what could be two stays, and so does every word of English or of the lexicon."""
    at = place % len(word) or 1
    wrong = {0: word[:at] + word[at + 1 :], 1: word[:at] + letter + word[at:], 2: word[:at] + letter + word[at + 1 :],
             3: word[:at] + word[at : at + 2][::-1] + word[at + 2 :]}[how]  # fmt: skip
    right = SPELLER.right(wrong)
    assert right == wrong or (right in SPELLED and one_apart(wrong, right) and right[0] == wrong[0])
    assert len(wrong) >= 7 or right == wrong


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("hypotensve", "hypotensive"),
        ("motling", "mottling"),
        ("unresponsve", "unresponsive"),
        ("tachypnic", "tachypneic"),
        ("consolidaton", "consolidation"),
        ("orthostaic", "orthostatic"),
        *((word, word) for word in ("aebrile", "contusion", "injection", "deceased", "uresponsive", "clammi")),
    ],
)
def test_which_misspelled_words_are_read(wrong: str, right: str) -> None:
    """Clinical ones; none that might as well be its opposite, and none that is a word."""
    assert SPELLER.right(wrong) == right


def test_words_that_look_like_ours_are_kept() -> None:
    """All of the list are one letter from a word that would be read; so the list is needed, word by word."""
    known = {word for entry in LEXICON for phrase in entry.phrases for word in phrase.split()} | SPELLED
    blind = Speller(SPELLED, known, ())
    assert sum(blind.right(word) != word for word in OTHER_WORDS) > len(OTHER_WORDS) / 2
    assert all(SPELLER.right(word) == word for word in OTHER_WORDS)


# -- time

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")


@pytest.mark.parametrize(
    ("written", "text", "meant_at"),
    [
        (datetime(2026, 1, 10, 3, 0, tzinfo=UTC), "mottled at 0310", datetime(2026, 1, 10, 2, 10, tzinfo=UTC)),
        (datetime(2026, 7, 10, 3, 0, tzinfo=UTC), "mottled at 0310", datetime(2026, 7, 10, 1, 10, tzinfo=UTC)),
        (datetime(2026, 1, 9, 23, 30, tzinfo=UTC), "mottled at 2350", datetime(2026, 1, 9, 22, 50, tzinfo=UTC)),
        # clocks go back on 25 October at 03:00: 02:30 is there twice, and the later one is meant that has been
        (datetime(2026, 10, 25, 3, 0, tzinfo=UTC), "mottled at 0230", datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),
        (datetime(2026, 10, 25, 0, 40, tzinfo=UTC), "mottled at 0230", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        # and forward on 29 March at 02:00: there is no 02:30, so the note's own time stands
        (datetime(2026, 3, 29, 4, 0, tzinfo=UTC), "mottled at 0230", datetime(2026, 3, 29, 4, 0, tzinfo=UTC)),
    ],
)
def test_a_time_in_a_note_is_one_of_the_clocks_of_the_ward(written: datetime, text: str, meant_at: datetime) -> None:
    """Also in the nights that clocks are changed; told in UTC."""
    (fact,) = facts(text, written, BERLIN)
    assert fact.effective_at == meant_at
    assert fact.effective_at.tzinfo is UTC


@given(st.integers(0, 365 * 24 * 60), st.integers(0, 1439), st.sampled_from(ZONES))
def test_a_time_is_never_ahead_of_its_note_nor_out_of_reach(written: int, minutes: int, name: str) -> None:
    """Within twelve hours before and a quarter after, on the clock where the note says; else the note's own time."""
    at, zone = AT + timedelta(minutes=written), ZoneInfo(name)
    hour, minute = divmod(minutes, 60)
    (fact,) = facts(f"mottled at {hour:02d}:{minute:02d}", at, zone)
    assert at - timedelta(hours=12) <= fact.effective_at <= at + timedelta(minutes=15)
    shown = fact.effective_at.astimezone(zone)
    assert fact.effective_at == at or (shown.hour, shown.minute) == (hour, minute)


# -- classes mended from the later notes: one wording of each


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Warfarin, held. Mottled.", {"med.held", "perf.mottled"}),  # an answer in a clause of its own
        ("Headache: yes  Visual changes: no", {"neuro.headache"}),  # answers in columns
        ("Delirium: CAM negative. Pale.", {"perf.pallor"}),  # a label and what is said of it
        ('Throat "closing" now', {"resp.throat_tight"}),  # quotation marks
        ("UOP fifteen mL in last hour", {"renal.uop_low"}),  # numbers in words
        ("COPD exac. BiPAP 12/6, pred 40, azithro.", {"abx.started", "dx.copd", "o2.niv", "tx.steroid"}),
        ("PMH: COPD, cirrhosis, seizures", {"dx.copd", "gi.cirrhosis"}),  # what lasts
        ("pneumonia, 3 L, stable", {"o2.device", "infection.source_lung", "infection.level"}),  # bare litres
        ("Afebrile, RA, up to chair.", {"o2.air"}),
        ("Cefazolin 2g given for surgical prophylaxis", {"abx.prophylaxis"}),
        ("no line infection, ?UTI", set()),  # a question ends a denial
        ("PE protocol ordered", set()),
        ("CTPA: negative for PE", set()),
        ("sbp prophylaxis", {"abx.prophylaxis"}),
        ("Anaphylaxis after contrast", {"allergy", "allergy.anaphylaxis", "shock.anaphylactic"}),
        ("32/40 pregnant", {"ob.pregnant"}),
        ("G2P1 at 31w", {"ob.pregnant"}),
        ("31w2d, contracting", {"ob.pregnant"}),
        ("BP 78/52, 1 L LR given, now 112/70", {"tx.fluid_bolus"}),  # what was low is no more
        ("Rash on trunk. Rash now gone.", set()),
        ("wbc 22>11", set()),
        ("Glucose 5.8", set()),  # mmol/L
        ("EKG w/o ischemic changes", {"ecg.done"}),
        ("Hospital course: adm w/ fever, hypotension. Zosyn given.", {"abx.started"}),
        ("Roomate had a seizure", set()),
        ("STEMI s/p PCI yesterday", {"cardiac.stemi"}),
        ("Code blue called, PEA, ROSC after 8 min", {"arrest.event", "arrest.rosc"}),
        ("DNR. No intubation.", {"limit.dnr", "limit.dni"}),
        ("suddenly short of breath", {"resp.sudden_dyspnea", "resp.dyspnea"}),
        ("SpO2 84 on 2L", {"resp.desat", "o2.device", "spo2"}),
    ],
)  # fmt: skip
def test_a_wording_of_each_later_class(text: str, expected: set[str]) -> None:
    """A wording of each later class."""
    assert usable(text) - {"spo2"} == expected - {"spo2"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Chest pain: -\nFever: -\nCough: +", {"cardiac.chest_pain", "temp.high"}),
        ("Orthostatics neg, MMM", {"bp.orthostatic", "vol.dry"}),
        ("denies seizure hx", {"neuro.seizure"}),
        ("Never needed O2", {"o2.device"}),
        ("ekg nsr, low suspicion ACS", {"cardiac.acs", "ecg.afib"}),
    ],
)
def test_a_denial_of_each_later_class(text: str, expected: set[str]) -> None:
    """A denial of each later class."""
    assert expected <= denied(text)


def test_no_bacteremia_denies_no_infection_as_a_whole() -> None:
    """What is denied is the blood's: `infection.sepsis` denied would deny every source."""
    assert denied("no bacteremia") == {"infection.bloodstream"}
    assert "infection.level" in usable("BCx: bacteremia")


def test_what_was_ordered_and_not_yet_given_is_planned() -> None:
    """What was ordered and not yet given is planned."""
    (fact,) = [f for f in facts("zosyn ordered, not yet given") if f.concept == "abx.started"]
    assert fact.temporality is Temporality.PLANNED


# -- short words that mean more than one thing


@pytest.mark.parametrize(
    "text",
    ["Levo @ 6.", "On levo 0.1, MAP 66.", "Levo gtt running.", "MAP 62 on 8 of levo.", "Levo currently at 4, weaning.",
     "Tolerating levo wean.", "Weaned off levo, restarted at 0900.", "Septic shock from CAP, on levo for MAP > 65.",
     "Levophed started.", "Hypotensive, levo via PIV.", "Levo back on at 2."],
)  # fmt: skip
def test_levo_beside_a_rate_or_a_pressure_is_norepinephrine(text: str) -> None:
    """A rate, a pressure or a vein says which "levo" it is."""
    assert "tx.norepi" in usable(text)
    assert "abx.started" not in usable(text)


@pytest.mark.parametrize(
    "text",
    ["On levo for CAP, day 3.", "Levo 750 mg IV q24h.", "Levo 75 mcg daily.", "On levo for hypothyroidism.",
     "Levo gtt at bedside, not started.", "Levo on standby.", "Levo at bedside.", "Was on levo overnight, now off.",
     "On levo in the OR, off on arrival.", "Levo titrated off.", "Home meds: levo 75 mcg."],
)  # fmt: skip
def test_levo_elsewhere_is_none_that_runs(text: str) -> None:
    """Another drug of that name, or one that waits or was stopped."""
    assert "tx.norepi" not in usable(text)


@pytest.mark.parametrize(
    ("text", "concept", "detail"),
    [
        ("500 ml albumin 5% given.", "tx.fluid_bolus", "albumin_5"),
        ("Albumin 25% 100 ml given.", "tx.fluid_bolus", "albumin_25"),
        ("250 ml albumin bolus.", "tx.fluid_bolus", "albumin_product"),
        ("1 L LR bolus given.", "tx.fluid_bolus", "lactated_ringer"),
        ("2 u PRBC given.", "tx.blood", "packed_red_cells"),
        ("FFP given.", "tx.blood", "plasma"),
        ("1 pool platelets given.", "tx.blood", "platelets_product"),
        ("Hydrocort 50 IV q6h.", "tx.steroid", "hydrocortisone"),
        ("Stress dose steroids given.", "tx.steroid", "hydrocortisone"),
        ("Methylpred 125 IV given.", "tx.steroid", "methylprednisolone"),
    ],
)
def test_what_was_given_keeps_the_name_of_its_drug(text: str, concept: str, detail: str) -> None:
    """Which fluid, blood product and steroid it was."""
    assert [(f.concept, f.detail) for f in facts(text) if f.usable] == [(concept, detail)]


@pytest.mark.parametrize(
    ("text", "concept"),
    [
        ("Heparin 80/kg bolus given.", "tx.fluid_bolus"),
        ("PPI bolus + gtt.", "tx.fluid_bolus"),
        ("300 ml in foley.", "tx.fluid_bolus"),
        ("Type and cross 2u PRBC.", "tx.blood"),
        ("ESRD s/p renal transplant.", "renal.dialysis"),
        ("Family undecided on dialysis.", "renal.dialysis"),
        ("Dry weight 68 kg.", "person.weight"),
        ("Was on BiPAP, now 2L NC.", "o2.niv"),
        ("C diff sent.", "infection.other"),
        ("Found on tele to have AF.", "tox.found_down"),
        ("PICC flushing well.", "skin.flushing"),
        ("JVP not raised.", "vol.jvd"),
    ],
)
def test_what_only_looks_like_it_affirms_nothing(text: str, concept: str) -> None:
    """The same words beside others that give them another meaning."""
    assert concept not in usable(text)


@pytest.mark.parametrize(
    ("text", "concept"),
    [
        ("AKI now on HD.", "renal.dialysis"),
        ("Hx of DVT on eliquis.", "tx.anticoag"),
        ("More confused than baseline.", "neuro.confusion"),
        ("Hypotension resolved, 500 NS given.", "tx.fluid_bolus"),
        ("Heparin stopped and protamine given.", "tx.reversal"),
        ("CT: no perf, no abscess, sigmoid diverticulitis.", "infection.source_abdomen"),
    ],
)
def test_what_stands_beside_a_denial_or_history_still_holds(text: str, concept: str) -> None:
    """A denial or a history reaches no further than it may."""
    assert concept in usable(text)


# -- what the worst misreadings were


@pytest.mark.parametrize(
    ("text", "affirmed"),
    [
        ("CMO", True),
        ("Comfort care only", True),
        ("Made comfort care", True),
        ("Transitioned to hospice", True),
        ("GOC discussed: comfort measures only", True),
        ("Comfort cares given, repositioned", False),
        ("Palliative care consulted for symptom control", False),
        ("Wants comfort measures (pillow, music)", False),
        ("CMO order discontinued", False),
        ("Hospice RN visited roommate", False),
        ("Comfort measures: repositioned", False),
        ("Comfort care room not available", False),
        ("Palliative following", False),
    ],
)
def test_comfort_care_is_a_goal_and_no_pillow(text: str, affirmed: bool) -> None:
    """Only care that is for comfort alone limits treatment."""
    assert ("limit.comfort_care" in usable(text)) == affirmed


@pytest.mark.parametrize(
    "text",
    ["Daughter is pregnant", "Wife 30/40 pregnant", "Partner pregnant, due in June", "Symptoms for 2w 3d", "Pain 4/40",
     "Beta hcg elevated, testicular ca"],
)  # fmt: skip
def test_a_pregnancy_is_the_patients_and_named(text: str) -> None:
    """A number of weeks is none, nor is another's."""
    assert "ob.pregnant" not in usable(text)


@pytest.mark.parametrize(
    "text",
    ["BCx 2/2 E. coli", "Micro phoned: BCx 2/2 E. coli", "Sputum: Pseudomonas", "BCx growing S. aureus",
     "UCx >100k Klebsiella"],
)  # fmt: skip
def test_an_organism_behind_its_sample_is_a_positive_culture(text: str) -> None:
    """With or without a word of growth."""
    assert "culture.positive" in usable(text)


@pytest.mark.parametrize(
    ("text", "detail"),
    [("UCx sent", "source_culture"), ("Sputum cx sent", "source_culture"), ("CSF sent", "source_culture"),
     ("Wound cx sent", "source_culture"), ("Stool cx sent", "source_culture"), ("BCx sent", None),
     ("Cultures sent", None), ("Pan-cultured", None)],
)  # fmt: skip
def test_a_sample_from_elsewhere_is_no_blood_culture(text: str, detail: str | None) -> None:
    """What was sent says whether it was blood."""
    assert [(f.concept, f.detail) for f in facts(text)] == [("culture.sent", detail)]


@pytest.mark.parametrize("text", ["No s/s of infection at site", "Site clean"])
def test_a_clean_site_denies_no_infection_as_a_whole(text: str) -> None:
    """Only one of the wound or the line."""
    assert denied(text) & {"infection.source_wound", "infection.source_line"}
    assert "infection.sepsis" not in denied(text)


def test_an_order_that_was_taken_back_is_denied() -> None:
    """ "DNACPR rescinded": it limits no more."""
    assert "limit.dnr" in denied("DNACPR rescinded")
    assert "limit.comfort_care" in denied("CMO order discontinued")


@pytest.mark.parametrize("text", ["2 mg midaz given", "Midaz"])
def test_midazolam_is_sedation(text: str) -> None:
    """By whatever short name; an opioid beside it is none."""
    assert [(f.concept, f.detail) for f in facts(text)] == [("tx.sedation", "midazolam")]
    assert "med.home" not in usable("Morphine 4 mg IV")


# -- what is said beside a word that looks like it happened


@pytest.mark.parametrize(
    "text",
    [
        "Wants covid test",
        "Flu swab sent",
        "RSV antigen pending",
        "C diff toxin sent",
        "MRSA screen done",
        "VRE swab sent",
    ],
)
def test_a_test_by_name_is_no_result(text: str) -> None:
    """Who is tested for an infection has none yet, and carries nothing."""
    assert not usable(text) & {"infection.other", "infection.level", "infection.colonized"}


@pytest.mark.parametrize("text", ["Flu swab positive", "Covid PCR +", "C diff toxin positive", "RSV antigen detected",
                                  "Influenza A"])  # fmt: skip
def test_a_result_is_one(text: str) -> None:
    """The same tests with what came out of them."""
    assert "infection.other" in usable(text)


@pytest.mark.parametrize(
    "text",
    ["Call your doctor for fever", "Call the clinic if fever", "Return immediately for fever",
     "Call your surgeon about fever", "Diabetes education: fever", "Contact your GP if fever"],
)  # fmt: skip
def test_what_a_patient_is_told_to_look_out_for_has_not_come(text: str) -> None:
    """Instructions, whoever is to be called."""
    assert usable(text) == set()


@pytest.mark.parametrize("drug", ["lasix", "metoprolol", "heparin", "insulin", "lisinopril"])
def test_a_limit_for_holding_is_no_holding(drug: str) -> None:
    """ "Hold lasix for SBP < 100" says when it will be held; "lasix held" that it is."""
    assert "med.held" not in usable(f"Hold {drug} for SBP < 100")
    assert "med.held" in usable(f"{drug} held") | usable(f"Hold {drug}")


@pytest.mark.parametrize("adjective", ["urgent", "emergent", "acute", "immediate", "clear", "absolute"])
def test_no_indication_of_any_kind_denies(adjective: str) -> None:
    """ "No urgent indication for dialysis": nobody is dialysed."""
    assert "renal.dialysis" in denied(f"No {adjective} indication for dialysis today")
    assert "tx.vasopressor" in denied(f"No {adjective} need for pressors")


@pytest.mark.parametrize(
    ("text", "concept"),
    [("While here she had melena", "bleed.melena"), ("While inpatient he had a seizure", "neuro.seizure"),
     ("During this admission had hematemesis", "bleed.hematemesis"), ("Brief course: he was hypotensive", "bp.low"),
     ("Was hypotensive 70s in ED, off levo before transfer", "bp.low")],
)  # fmt: skip
def test_what_is_told_of_the_stay_has_been(text: str, concept: str) -> None:
    """A course that is told to its end, with or without its header."""
    assert concept not in usable(text)


@pytest.mark.parametrize(
    ("text", "concept"),
    [("Levo and vent withdrawn", "resp.imv"), ("ETT pulled, intubated 3 d", "o2.niv"), ("Was intubated, extubated 3/2",
      "resp.intubated"), ("TTM complete", "tx.temp_control"), ("Rewarmed", "tx.temp_control"),
     ("BiPAP removed", "o2.niv")],
)  # fmt: skip
def test_what_was_taken_away_is_gone(text: str, concept: str) -> None:
    """Withdrawn, removed, complete: it does not go on, nor what goes with it."""
    assert concept not in usable(text)


@pytest.mark.parametrize(
    "text",
    [
        "Family asking about comfort care",
        "Son asked about CMO",
        "Wife talking about hospice",
        "Transition to CMO tomorrow",
        "Daughter inquiring about comfort measures",
        "Transition to CMO once son arrives",
    ],
)
def test_a_limit_that_is_asked_about_or_to_come_is_none_yet(text: str) -> None:
    """Talk of it, and its day."""
    assert not {c for c in usable(text) if c.startswith("limit.")}


@pytest.mark.parametrize(
    ("text", "concept"),
    [("Apnea test scheduled", "resp.apnea"), ("NV intact", "gi.nausea"), ("NV checks q1h", "gi.vomiting"),
     ("Cr plateau 3.1", "resp.imv"), ("Insulin pump failure", "cardiac.cardiogenic"), ("Tele for AF", "ecg.afib"),
     ("Epipen rx given", "tx.epinephrine_im"), ("Epiglottitis, moderate edema", "vol.overload"),
     ("PIV phlebitis L arm", "infection.source_skin"), ("ID: AF, no abx", "ecg.afib"),
     ("Iso: droplet", "infection.colonized"), ("Pain worse with movement", "change.up")],
)  # fmt: skip
def test_a_word_with_two_meanings_is_read_by_what_stands_beside_it(text: str, concept: str) -> None:
    """Neither the rhythm, nor the ventilator, nor the heart."""
    assert concept not in usable(text)


@pytest.mark.parametrize("sign", ["VT", "AF", "HR 180", "SpO2 60", "desat"])
def test_an_alarm_that_was_an_artefact_is_none(sign: str) -> None:
    """A rhythm as well as a number."""
    assert usable(f"Alarm for {sign}, artifact, pt brushing teeth") <= {"quality.artifact"}


@pytest.mark.parametrize("site", ["line", "picc", "port", "cvc", "catheter"])
def test_a_likely_source_is_a_guess(site: str) -> None:
    """ "Source likely line" is as uncertain as "likely line infection"."""
    assert "infection.source_line" not in usable(f"Source likely {site}")


@pytest.mark.parametrize("abbreviation", ["sx", "hx", "neg", "pos", "meds", "dc"])
def test_a_number_begins_a_sentence_behind_an_abbreviation_that_counts_nothing(abbreviation: str) -> None:
    """ "No localizing sx. 500 cc LR given" denies no fluid; "approx. 500 cc" is one."""
    assert "tx.fluid_bolus" in usable(f"No other {abbreviation}. 500 cc LR bolus given")
    assert "tx.fluid_bolus" in usable("Given approx. 500 cc LR bolus")


@pytest.mark.parametrize("text", ["AMS improved, now at baseline", "Confused, now back to baseline",
                                  "Confusion, returned to baseline", "Confused at start of shift, clear since 0400",
                                  "Disoriented, recovered to baseline"])  # fmt: skip
def test_who_is_back_at_the_baseline_is_not_confused(text: str) -> None:
    """What was, and what is."""
    assert "neuro.confusion" not in usable(text)
