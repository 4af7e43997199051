"""Who lies in a bed, in words: what is unknown is never told as "no", and nothing serious is left out."""

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from boards.station import person
from boards.web.app import create_app
from schemas.clinical.facts import NoteFact
from schemas.events import Allergy, Limit, Patient, Severity
from tests.boards.fixtures import FakeSource, at, bed, calm, septic
from tests.boards.test_app import SEPTIC, Client
from tests.boards.test_app import words as words_of

MANY = Patient(
    age_years=71.6,
    sex="female",
    reason="Found unresponsive at home",
    limits=("dnr",),
    allergies=(
        Allergy(substance="vancomycin", severity=Severity.RASH),
        Allergy(substance="morphine", severity=Severity.INTOLERANCE),
        Allergy(substance="ibuprofen", severity=Severity.INTOLERANCE),
        Allergy(substance="contrast", severity=Severity.RASH),
        Allergy(substance="penicillin", severity=Severity.ANAPHYLAXIS),
        Allergy(substance="phenytoin"),
    ),
    diagnoses=("heart_failure", "copd", "gi_bleed_history", "diabetes", "hypertension"),
)


@pytest.mark.parametrize(
    ("patient", "said"),
    [
        (Patient(age_years=62.9, sex="male"), "62 years, male"),
        (Patient(age_years=1.5, sex="female"), "18 months, female"),
        (Patient(age_years=2, sex="female"), "2 years, female"),
        (Patient(age_years=0, sex=None), "0 months, sex unknown"),
        (Patient(), "age and sex unknown"),
        (Patient(sex="male"), "age unknown, male"),
        (Patient(age_years=31, sex="female", pregnant=True), "31 years, female, pregnant"),
        (Patient(age_years=31, sex="female", pregnant=False), "31 years, female"),
    ],
)
def test_age_and_sex_are_told_or_said_to_be_unknown(patient: Patient, said: str) -> None:
    """Whole years, an infant's months; who is pregnant is told."""
    assert person.age_and_sex(patient) == said


def words(html: str) -> str:
    """What a person reads; a comma follows what it stands behind."""
    return words_of(html).replace(" ,", ",")


def test_every_limit_and_severity_has_words() -> None:
    """Nothing that a record system may send is without a word."""
    assert {*person.LIMITS} == {*get_args(Limit)}
    assert {*person.SEVERITIES} == {*Severity}


def test_a_list_that_was_never_sent_is_unknown_and_an_empty_one_is_none_known() -> None:
    """The two are different sentences on the board and on the page, and neither says "no"."""
    views = {"never": bed("never", "Bed 1", []), "empty": bed("empty", "Bed 2", [])}
    empty = Patient(limits=(), allergies=(), diagnoses=())
    views["empty"] = replace(views["empty"], patient=empty)
    client = Client(create_app(FakeSource(*views.values())))
    for path in ("/", "/bed/never"):
        said = "unknown: reason for admission, limits of treatment, allergies, diagnoses"
        assert said in words(client.get(path).text)
    for path in ("/", "/bed/empty"):
        assert "limits of treatment none known allergies none known diagnoses none known" in words(
            client.get(path).text
        )


def test_a_card_has_all_that_is_serious_and_the_page_has_everything() -> None:
    """Limits, anaphylaxis and what may be one are never folded; a card names three of a list, and how many more."""
    view = replace(calm("e"), patient=MANY)
    client = Client(create_app(FakeSource(view)))
    told = (
        "71 years, female",
        "admitted for Found unresponsive at home limits of treatment ⚠ do not resuscitate (DNR)",
        "allergies ⚠ penicillin: anaphylaxis, ⚠ phenytoin or fosphenytoin: severity unknown, vancomycin: rash",
    )
    card, page = words(client.get("/").text), words(client.get("/bed/e").text)
    for said in told:
        assert said in card
        assert said in page
    assert "vancomycin: rash and 3 more diagnoses heart failure, COPD, GI bleed history and 2 more" in card
    assert "diagnoses heart failure, COPD, GI bleed history, diabetes, hypertension" in page
    assert "morphine: intolerance" in page


def fact(concept: str, words: str, clock: str, detail: str | None = None) -> NoteFact:
    """What a note says, read in it."""
    where: dict[str, Any] = {"note": "n|1", "start": 0, "end": len(words), "words": words}
    return NoteFact(concept=concept, detail=detail, effective_at=at(clock), available_at=at(clock), **where)


def test_what_only_a_note_says_is_shown_as_such() -> None:
    """With the note's own words and its time, unconfirmed; also against a list that is empty or says less."""
    noted = (
        fact("limit.dnr", "DNR/DNI", "08:05"),
        fact("allergy.anaphylaxis", "PCN (anaphylaxis)", "09:10", "penicillin"),
    )
    for patient in (Patient(), Patient(limits=(), allergies=())):
        client = Client(create_app(FakeSource(replace(calm("e"), patient=patient, noted=noted))))
        for path in ("/", "/bed/e"):
            text = words(client.get(path).text)
            assert "limits of treatment ⚠ “DNR/DNI” (note of 08:05, unconfirmed)" in text
            assert "allergies ⚠ “PCN (anaphylaxis)” (note of 09:10, unconfirmed)" in text
    for severity, said in (
        (Severity.RASH, "allergies ⚠ “PCN (anaphylaxis)” (note of 09:10, unconfirmed), penicillin: rash unknown"),
        (Severity.ANAPHYLAXIS, "allergies ⚠ penicillin: anaphylaxis unknown"),
    ):
        patient = Patient(limits=("dnr",), allergies=(Allergy(substance="penicillin", severity=severity),))
        text = words(Client(create_app(FakeSource(replace(calm("e"), patient=patient, noted=noted)))).get("/").text)
        assert f"limits of treatment ⚠ do not resuscitate (DNR) {said}" in text


def test_the_checklist_says_what_an_order_must_not_overlook() -> None:
    """Limits and serious allergies stand above the steps."""
    client = Client(create_app(FakeSource(septic())))
    path = f"/checklist/{1:032x}/mimic3%7C200001"
    for where in (path, SEPTIC):
        assert "allergies ⚠ penicillin: anaphylaxis" in words(client.get(where).text)


def test_a_reason_of_blanks_is_unknown() -> None:
    """What somebody left blank is not shown as if it were known."""
    client = Client(create_app(FakeSource(replace(calm("e"), patient=Patient(reason="  ")))))
    assert "unknown: reason for admission, " in words(client.get("/").text)


@given(st.none() | st.lists(st.builds(Allergy, substance=st.text(max_size=8), severity=st.sampled_from(Severity))))
def test_no_serious_allergy_is_left_out(allergies: list[Allergy] | None) -> None:
    """Of whatever list each serious entry is shown, and the others are shown or counted."""
    view = replace(calm(), patient=Patient(allergies=None if allergies is None else tuple(allergies)))
    told = {known.name: known for known in person.known(view, 3)}
    assert ("allergies" in told) == (allergies is not None)
    assert ("allergies" in person.unknown(view)) == (allergies is None)
    if allergies is None:
        return
    entries, shown = person.allergies(view), told["allergies"]
    assert entries is not None
    assert {entry for entry in entries if entry.is_serious} <= set(shown.shown)
    assert len(shown.shown) + shown.more == len(entries) == len(set(entries))
