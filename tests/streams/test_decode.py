"""Decoding: each kind of bad message is refused with its reason, and what a sender meant is never guessed."""

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import Note, Quality, Reading, Tick, Treatment
from schemas.events.quarantine import RAW_BYTES_MAX, Fault, Rejected
from schemas.events.wire import MESSAGE_BYTES_MAX, encode
from streams.adapters.decode import decode
from tests.streams.bedside import SHOCK, at

NOW = at("08:10")
NONE = object()


def message(**fields: object) -> bytes:
    """A good MAP of 61 mmHg, with these fields changed; NONE leaves one out."""
    good = {
        "v": 1,
        "kind": "reading",
        "encounter": "e1",
        "observed_at": "2026-03-01T08:00:00Z",
        "concept": "map",
        "value": 61,
        "unit": "mm[Hg]",
    }
    return json.dumps({key: value for key, value in {**good, **fields}.items() if value is not NONE}).encode()


BARE = {"concept": NONE, "value": NONE, "unit": NONE}
REFUSED = [
    ("bytes that are no text", b"\xff\xfe\x00", Fault.UNDECODABLE),
    ("nothing at all", b"", Fault.UNDECODABLE),
    ("half a message", message()[:40], Fault.UNDECODABLE),
    ("JSON that is no object", b"[1, 2]", Fault.INVALID),
    ("too deep", b"[" * 5000, Fault.UNDECODABLE),
    ("a kind that is none", message(kind="telegram"), Fault.INVALID),
    ("another version", message(v=2), Fault.WRONG_VERSION),
    ("no version", message(v=NONE), Fault.WRONG_VERSION),
    ("an unknown field", message(mood="good"), Fault.UNKNOWN_FIELD),
    ("an unknown concept", message(concept="humours"), Fault.UNKNOWN_CONCEPT),
    ("an unknown LOINC code", message(concept="loinc:0000-0"), Fault.UNKNOWN_CONCEPT),
    ("an unknown unit", message(unit="parsec"), Fault.UNKNOWN_UNIT),
    ("a unit of something else", message(unit="mg/dL"), Fault.UNKNOWN_UNIT),
    ("a number without a unit", message(unit=NONE), Fault.UNKNOWN_UNIT),
    ("not a number", message(value=float("nan")), Fault.IMPOSSIBLE_VALUE),
    ("infinity", message(value=float("inf")), Fault.IMPOSSIBLE_VALUE),
    ("text for a number", message(value="61"), Fault.INVALID),
    ("neither value nor code", message(value=NONE), Fault.INVALID),
    ("a code not in the list", message(concept="acvpu", code="X", value=NONE, unit=NONE), Fault.INVALID),
    ("a time without a zone", message(observed_at="2026-03-01T08:00:00"), Fault.NAIVE_TIME),
    ("a number for a time", message(observed_at=1772352000), Fault.INVALID),
    ("observed in the future", message(observed_at="2026-03-01T08:15:01Z"), Fault.FUTURE_TIME),
    ("known in the future", message(available_at="2026-03-01T08:15:01Z"), Fault.FUTURE_TIME),
    ("the year 1066", message(observed_at="1066-10-14T08:00:00Z"), Fault.INVALID),
    ("an encounter that is a name", message(encounter="Jane Doe"), Fault.INVALID),
    ("an unknown drug", message(kind="treatment", item="leeches", action="given", **BARE), Fault.UNKNOWN_CONCEPT),
    (
        "a rate without a unit",
        message(kind="treatment", item="norepinephrine", action="start", rate=5, **BARE),
        Fault.UNKNOWN_UNIT,
    ),
    ("a note of 100,001 characters", message(kind="note", text="x" * 100_001, **BARE), Fault.TOO_LARGE),
    ("a note of 5 MB", message(kind="note", text="x" * 5_000_000, **BARE), Fault.TOO_LARGE),
]


@pytest.mark.parametrize(("raw", "fault"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_is_wrong_is_refused_with_its_reason(raw: bytes, fault: Fault) -> None:
    """Each bad message gives exactly one refusal of its kind, in one line, with no more than 4096 bytes of it."""
    (refusal,) = decode(raw, NOW)
    assert isinstance(refusal, Rejected)
    assert refusal.fault is fault
    assert refusal.why
    assert "\n" not in refusal.why
    assert (refusal.raw, refusal.raw_bytes) == (raw[:RAW_BYTES_MAX], len(raw))


def test_a_refusal_names_the_bed_and_not_the_value() -> None:
    """The encounter is read from a bad message; its value and the name of a strange field are not repeated."""
    (refusal,) = decode(message(**{"Jane Doe, born 1956": 1}), NOW)
    assert isinstance(refusal, Rejected)
    assert refusal.encounter == "e1"
    assert "Jane" not in refusal.why
    (refusal, _) = decode(message(value=987654), NOW)
    assert isinstance(refusal, Rejected)
    assert "987654" not in refusal.why


def test_the_largest_message_is_taken() -> None:
    """At the size limit a message is read; one byte more and it is refused."""
    raw = message().ljust(MESSAGE_BYTES_MAX)
    assert isinstance(decode(raw, NOW)[0], Reading)
    assert isinstance(decode(raw + b" ", NOW)[0], Rejected)
    longest = decode(message(kind="note", text="x" * 100_000, **BARE), NOW)
    assert isinstance(longest[0], Note)


@pytest.mark.parametrize(
    ("fields", "proposed"),
    [
        ({"value": -999}, None),
        ({"concept": "creatinine", "unit": "mg/dL", "value": 88}, "umol/L"),
        ({"concept": "temp", "unit": "Cel", "value": 101.3}, "[degF]"),
        ({"concept": "gcs_total", "unit": NONE, "value": 14.5}, None),
    ],
)
def test_an_impossible_value_is_asked_about_and_shown_but_never_corrected(
    fields: dict[str, object], proposed: str | None
) -> None:
    """Outside the hard limits: a refusal, and the same number as a marked artefact; a look-alike unit is proposed."""
    refusal, kept = decode(message(**fields), NOW)
    assert isinstance(refusal, Rejected)
    assert isinstance(kept, Reading)
    assert refusal.fault is Fault.IMPOSSIBLE_VALUE
    assert (kept.quality, kept.value) == (Quality.ARTEFACT, fields["value"])
    assert (proposed or "") in (kept.reason or "")
    assert decode(encode(kept), NOW) == (kept,)  # once asked about is enough


def test_an_impossible_rate_still_runs() -> None:
    """A pump rate beyond the hard limit is refused, but that the drug runs is kept."""
    raw = message(kind="treatment", item="norepinephrine", action="start", rate=50, rate_unit="ug/kg/min", **BARE)
    refusal, kept = decode(raw, NOW)
    assert isinstance(refusal, Rejected)
    assert isinstance(kept, Treatment)
    assert kept.rate is None


def test_units_are_converted_and_the_original_kept() -> None:
    """Creatinine in µmol/L becomes mg/dL; what was written stays beside it."""
    (kept,) = decode(message(concept="creatinine", unit="umol/L", value=88.4), NOW)
    assert isinstance(kept, Reading)
    assert kept.value == pytest.approx(1.0, abs=0.001)
    assert (kept.original_value, kept.original_unit) == (88.4, "umol/L")


def test_a_live_message_is_known_from_its_receipt() -> None:
    """Without `available_at`, or with one slightly ahead of us, a message is known from the moment it is here."""
    for known in (NONE, "2026-03-01T08:12:00Z"):
        (kept,) = decode(message(available_at=known), NOW)
        assert isinstance(kept, Reading)
        assert kept.available_at == NOW


def test_a_loinc_code_names_concept_and_method() -> None:
    """The LOINC code of a cuff pressure gives sbp by cuff."""
    (kept,) = decode(message(concept="loinc:76534-7"), NOW)
    assert isinstance(kept, Reading)
    assert (kept.concept, kept.method) == ("sbp", "nibp")


def test_each_record_of_a_batch_stands_alone() -> None:
    """One bad record among good ones is refused alone; a batch in a batch is refused."""
    good, bad = json.loads(message()), json.loads(message(unit="parsec"))
    inner = {"v": 1, "kind": "batch", "records": [good]}
    raw = json.dumps({"v": 1, "kind": "batch", "records": [good, bad, 7, inner, good]}).encode()
    found = decode(raw, NOW)
    assert [type(entry).__name__ for entry in found] == ["Reading", "Rejected", "Rejected", "Rejected", "Reading"]


def test_a_tick_is_read() -> None:
    """A tick carries a time and no patient."""
    raw = b'{"v":1,"kind":"tick","available_at":"2026-03-01T08:09:00Z"}'
    assert decode(raw, NOW) == (Tick(available_at=at("08:09")),)


@pytest.mark.parametrize("event", SHOCK, ids=lambda event: f"{event.kind} {event.observed_at:%H:%M}")
def test_what_is_encoded_is_decoded(event: object) -> None:
    """Every event comes back from its wire form; an amount in the item's own unit."""
    (back,) = decode(encode(event), at("10:00"))  # type: ignore[arg-type]
    assert back == event


@given(st.binary(max_size=300))
def test_no_bytes_raise(raw: bytes) -> None:
    """Whatever the bytes are, the answer is a value."""
    assert all(isinstance(entry, Rejected) for entry in decode(raw, NOW))


_json = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=20) | st.integers(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@given(st.sampled_from(["observed_at", "value", "unit", "concept", "encounter", "v", "kind", "method", "text"]), _json)
def test_no_field_raises(field: str, value: object) -> None:
    """Whatever stands in a field, the answer is a value; a moment later than five minutes from now is never one."""
    for entry in decode(message(**{field: value}), NOW):
        assert isinstance(entry, Rejected) or entry.available_at <= NOW + timedelta(minutes=5)
