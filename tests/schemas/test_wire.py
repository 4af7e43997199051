"""The wire form is stable, strict, and keeps values out of its errors."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace
from pydantic import ValidationError

from schemas.events import (
    Action,
    Allergy,
    Event,
    Movement,
    Note,
    Patient,
    Reading,
    Response,
    Severity,
    Source,
    Status,
    Tick,
    Treatment,
    identity,
)
from schemas.events.wire import WireNote, WireReading, WireTreatment, encode, parse

GOLDEN = Path(__file__).parent / "golden_wire_v1.ndjson"


def at(clock: str) -> datetime:
    return datetime.fromisoformat(f"2026-03-01T{clock}:00+00:00").astimezone(UTC)


ANAPHYLAXIS = Allergy(substance="penicillin", severity=Severity.ANAPHYLAXIS)
RECORDS: list[Event | Tick] = [
    Reading(encounter="e1", concept="map", value=61.0, observed_at=at("08:00"), available_at=at("08:01")),
    Reading(encounter="e1", concept="acvpu", code="C", observed_at=at("08:00"), available_at=at("08:01")),
    Reading(
        encounter="e1",
        concept="lactate",
        value=3.4,
        source=Source.LAB,
        observed_at=at("06:00"),
        available_at=at("07:10"),
        original_value=30.6,
        original_unit="mg/dL",
    ),
    Note(
        encounter="e1",
        text="Cool and clammy, “bibasilar crackles”.",
        observed_at=at("08:05"),
        available_at=at("08:06"),
    ),
    Treatment(
        encounter="e1",
        item="norepinephrine",
        action=Action.START,
        rate=0.08,
        observed_at=at("08:10"),
        available_at=at("08:10"),
    ),
    Treatment(
        encounter="e1",
        item="lactated_ringer",
        action=Action.GIVEN,
        amount=500.0,
        amount_unit="mL",
        observed_at=at("08:12"),
        available_at=at("08:12"),
    ),
    Movement(
        encounter="e1",
        action="admit",
        unit="MICU",
        setting="icu",
        bed="Bed 4",
        patient=Patient(age_years=62.0, sex="male", allergies=(ANAPHYLAXIS,)),
        observed_at=at("07:00"),
        available_at=at("07:00"),
    ),
    Response(encounter="e1", alert="0" * 32, verb="acknowledge", observed_at=at("08:20"), available_at=at("08:20")),
    Tick(available_at=at("08:21")),
]


def test_version_1_is_what_it_always_was() -> None:
    """The bytes of version 1 do not change: what one release wrote, the next one reads."""
    assert b"\n".join(map(encode, RECORDS)) + b"\n" == GOLDEN.read_bytes()


def test_golden_samples_are_read() -> None:
    """Every golden line is a record of its kind."""
    kinds = [parse(line).kind for line in GOLDEN.read_bytes().splitlines()]
    assert kinds == [record.kind for record in RECORDS]


GOOD = {
    "v": 1,
    "kind": "reading",
    "encounter": "e1",
    "concept": "map",
    "value": 61.0,
    "unit": "mm[Hg]",
    "observed_at": "2026-03-01T08:00:00Z",
}


@pytest.mark.parametrize(
    "said",
    [
        GOOD,
        {"v": 1, "kind": "note", "encounter": "e1", "text": "Well.", "observed_at": "2026-03-01T08:00:00Z"},
        {"v": 1, "kind": "treatment", "encounter": "e1", "item": "meropenem", "action": "given",
         "observed_at": "2026-03-01T08:00:00Z"},
    ],
    ids=lambda said: str(said["kind"]),
)  # fmt: skip
def test_what_says_nothing_of_its_status_is_final(said: dict[str, object]) -> None:
    """And nothing else is assumed of it: who sent it and when it became known stay open."""
    record = parse(json.dumps(said).encode())
    assert isinstance(record, WireReading | WireNote | WireTreatment)
    assert (record.status, record.sender, record.available_at) == (Status.FINAL, None, None)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"value": float("nan")}, "finite"),
        ({"value": float("inf")}, "finite"),
        ({"value": "61"}, "valid number"),
        ({"value": True}, "valid number"),
        ({"observed_at": "2026-03-01T08:00:00"}, "timezone"),
        ({"observed_at": 1772352000}, "datetime"),
        ({"observed_at": "0099-03-01T08:00:00Z"}, "between 1900 and 2300"),
        ({"surname": "Meier"}, "Extra inputs"),
        ({"v": 2}, "Input should be 1"),
        ({"encounter": ""}, "at least 1 character"),
        ({"kind": "gossip"}, "does not match any"),
    ],
)
def test_what_is_not_the_wire_form_is_refused(change: dict[str, object], says: str) -> None:
    """NaN, infinities, naive times, numbers as times, unknown fields and other versions are refused."""
    with pytest.raises(ValidationError, match=says):
        parse(json.dumps(GOOD | change).encode())


def test_an_error_never_holds_the_value() -> None:
    """The text of a refusal may be logged: it does not repeat what the sender wrote."""
    with pytest.raises(ValidationError) as caught:
        parse(json.dumps(GOOD | {"value": "Meier 4711"}).encode())
    assert "Meier" not in str(caught.value)


def _differ(event: Event, change: dict[str, object]) -> bool:
    return identity(event) != identity(replace(event, **change))


READING = Reading(encounter="e1", concept="map", value=61.0, observed_at=at("08:00"), available_at=at("08:01"))
NOTE = Note(encounter="e1", text="Well.", observed_at=at("08:00"), available_at=at("08:01"))
GIVEN = Treatment(
    encounter="e1", item="meropenem", action=Action.GIVEN, observed_at=at("08:00"), available_at=at("08:01")
)
MOVED = Movement(encounter="e1", action="transfer", unit="MICU", observed_at=at("08:00"), available_at=at("08:00"))
ANSWER = Response(encounter="e1", alert="0" * 32, verb="step_done", observed_at=at("08:20"), available_at=at("08:20"))


@pytest.mark.parametrize(
    ("event", "change"),
    [
        (READING, {"concept": "sbp"}),
        (READING, {"method": "invasive"}),  # an arterial line beside a cuff
        (READING, {"source": Source.MONITOR}),
        (READING, {"observed_at": at("08:01")}),
        (NOTE, {"text": "Ill."}),
        (NOTE, {"title": "Nursing"}),
        (NOTE, {"observed_at": at("08:01")}),
        (GIVEN, {"item": "cefepime"}),
        (GIVEN, {"action": Action.ORDERED}),
        (GIVEN, {"route": "IV"}),
        (GIVEN, {"observed_at": at("08:01")}),
        (MOVED, {"action": "admit"}),
        (MOVED, {"unit": "SICU"}),
        (ANSWER, {"alert": "1" * 32}),
        (ANSWER, {"verb": "step_undone"}),
        (ANSWER, {"step": "SEP.S1"}),
    ],
)
def test_what_makes_two_events_two(event: Event, change: dict[str, object]) -> None:
    """Where one of these differs, neither is a correction or a copy of the other."""
    assert _differ(event, change)


@pytest.mark.parametrize(
    ("event", "change"),
    [
        (READING, {"value": 62.0}),
        (READING, {"status": Status.CORRECTED}),
        (READING, {"available_at": at("09:00")}),
        (READING, {"sender": "GW-7"}),
        (READING, {"encounter": "e2"}),
        (GIVEN, {"amount": 2.0}),
        (GIVEN, {"rate": 2.0}),
        (NOTE, {"status": Status.ENTERED_IN_ERROR}),
    ],
)
def test_what_leaves_an_event_the_same(event: Event, change: dict[str, object]) -> None:
    """Another value, status, arrival or sender: a correction, or a copy."""
    assert not _differ(event, change)
