"""Decoding: each kind of bad message is refused with its reason, and what a sender meant is never guessed."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codes.concepts import CONCEPTS, Concept
from schemas.events import Movement, Note, Quality, Reading, Tick, Treatment
from schemas.events.quarantine import CODE_CHARS_MAX, RAW_BYTES_MAX, Fault, Rejected
from schemas.events.wire import LIST_MAX, MESSAGE_BYTES_MAX, NUMBER_MAX, encode
from schemas.frozen import from_json, to_json
from streams.adapters import decode as door
from streams.adapters.decode import decode, decoded
from tests.schemas.test_wire import RECORDS

NOW = datetime(2026, 3, 1, 8, 10, tzinfo=UTC)
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
    ("more than a float holds", message().replace(b"61", b"1e999"), Fault.IMPOSSIBLE_VALUE),
    ("a number of 301 digits", message(value=1e300), Fault.IMPOSSIBLE_VALUE),
    ("too many digits once converted", message(concept="hs_tni", value=1e14, unit="ng/mL"), Fault.IMPOSSIBLE_VALUE),
    ("a number of 5000 digits", message().replace(b"61", b"1" * 5000), Fault.UNDECODABLE),
    ("degrees of urea", message(concept="bun", value=37, unit="Cel"), Fault.UNKNOWN_UNIT),
    ("hydrogen ions below nothing", message(concept="ph_art", value=-1, unit="nmol/L"), Fault.IMPOSSIBLE_VALUE),
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
    ("a note of 100,001 characters", message(kind="note", text="x" * 100_001, **BARE), Fault.TOO_LARGE),
    (
        "a problem list without an end",
        message(kind="movement", action="update", patient={"diagnoses": ["copd"] * (LIST_MAX + 1)}, **BARE),
        Fault.TOO_LARGE,
    ),
    ("sixty unknown fields", message(**{f"field_{number}": 1 for number in range(60)}), Fault.INVALID),
    ("half of a pair of characters", message(method="x").replace(b'"x"', b'"\\ud800"'), Fault.UNDECODABLE),
    ("a note of 5 MB", message(kind="note", text="x" * 5_000_000, **BARE), Fault.TOO_LARGE),
]


def test_a_reason_for_admission_is_kept_as_it_was_written() -> None:
    """Up to 200 characters, a longer one cut; without one it is unknown. For its length nobody is refused."""
    for reason, kept in (
        ("Chest pain; c/o dyspnoea", "Chest pain; c/o dyspnoea"),
        ("x" * 200, "x" * 200),
        ("x" * 201, "x" * 199 + "…"),
        ("fell " * 20_000, ("fell " * 40)[:199].rstrip() + "…"),
        (None, None),
    ):
        person = {"age_years": 62} | ({} if reason is None else {"reason": reason})
        (admission,) = decode(message(kind="movement", action="admit", patient=person, **BARE), NOW)
        assert isinstance(admission, Movement)
        assert admission.patient is not None
        assert admission.patient.reason == kept


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
    assert "Jane" not in told(refusal)
    (refusal, _) = decode(message(value=987654), NOW)
    assert isinstance(refusal, Rejected)
    assert "987654" not in told(refusal)


def told(refusal: Rejected) -> str:
    """All that a board shows of a refusal."""
    return " ".join(str(said) for said in (refusal.why, refusal.encounter, refusal.code, refusal.unit, refusal.sender))


ABOUT = [
    ("an unknown concept", message(concept="humours"), ("e1", "humours", "mm[Hg]", None)),
    ("an unknown unit", message(unit="parsec", sender="GW-7"), ("e1", "map", "parsec", "GW-7")),
    ("an impossible value", message(value=999), ("e1", "map", "mm[Hg]", None)),
    ("an unknown drug", message(kind="treatment", item="leeches", action="given", **BARE),
     ("e1", "leeches", None, None)),
    ("a dose", message(kind="treatment", item="heparin", action="given", amount=1, amount_unit="jar", **BARE),
     ("e1", "heparin", "jar", None)),
    ("a dose of a pump", message(kind="treatment", item="heparin", action="start", rate=1, rate_unit="jar/h",
                                 sender="pump-3", **BARE), ("e1", "heparin", "jar/h", "pump-3")),
    ("broken JSON", message(sender="GW-7")[:-1] + b",", ("e1", "map", "mm[Hg]", "GW-7")),
    ("two beds in broken bytes", message() + message(encounter="e2"), (None, "map", "mm[Hg]", None)),
    ("a name for a bed", message(encounter="Jane Doe"), (None, "map", "mm[Hg]", None)),
    ("text that turns round", message(concept="ma\u202ep\n"), ("e1", "ma\\u202ep\\n", "mm[Hg]", None)),
    ("a long unit", message(unit="m" * 60), ("e1", "map", "m" * (CODE_CHARS_MAX - 1) + "…", None)),
    ("a note", message(kind="note", text="", **BARE), ("e1", None, None, None)),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "about"), [row[1:] for row in ABOUT], ids=[row[0] for row in ABOUT])
def test_a_refusal_says_what_it_was_about_and_from_whom(raw: bytes, about: tuple[str | None, ...]) -> None:
    """Bed, code, unit and sender, printable and short; also of bytes that are no JSON, if they name one only."""
    refusal = decode(raw, NOW)[0]
    assert isinstance(refusal, Rejected)
    assert (refusal.encounter, refusal.code, refusal.unit, refusal.sender) == about


def test_the_door_names_the_sender_where_the_message_does_not() -> None:
    """A message's own word goes first; records of a batch are from the sender of the batch."""
    bad = json.loads(message(unit="parsec"))
    batch = json.dumps({"v": 1, "kind": "batch", "sender": "GW-7", "records": [bad]}).encode()
    for raw, sender in (
        (message(unit="parsec"), "door-1"),
        (message(unit="parsec", sender="GW-7"), "GW-7"),
        (batch, "GW-7"),
    ):
        entries, found = decoded(raw, NOW, sender="door-1")
        assert found == sender
        assert [entry.sender for entry in entries if isinstance(entry, Rejected)] == [sender]
    (broken,) = decode(message(sender="GW-7")[:-1], NOW, sender="door-1")
    assert isinstance(broken, Rejected)
    assert broken.sender == "GW-7"


def test_different_refusals_are_never_one() -> None:
    """Sixty bad records of a batch, and bad notes that differ only behind what is kept of them, are each counted."""
    bad = json.loads(message(unit="parsec"))
    batch = json.dumps({"v": 1, "kind": "batch", "records": [bad] * 60}).encode()
    assert len({to_json(entry) for entry in decode(batch, NOW)}) == 60
    long = [message(kind="note", text="x" * 5000 + tail, mood=1, **BARE) for tail in "ab"]
    first, second = (decode(raw, NOW)[0] for raw in long)
    assert isinstance(first, Rejected)
    assert isinstance(second, Rejected)
    assert (first.raw, first.raw_bytes) == (second.raw, second.raw_bytes)
    assert first != second
    assert decode(long[0], NOW) == (first,)
    here, there = (decode(long[0], NOW, place=place)[0] for place in ("a.ndjson:1", "a.ndjson:2"))
    assert here != there


def test_a_refusal_of_version_0_1_is_read() -> None:
    """The quarantine of the version before holds refusals without code, unit, sender and hash."""
    old = b'{"v":1,"fault":"invalid","why":"expected a","received_at":"2026-03-01T08:00:00Z","raw":"","raw_bytes":9}'
    assert from_json(old, Rejected).raw_bytes == 9


def test_what_a_dose_is_cannot_be_told_but_that_it_was_given_can() -> None:
    """A rate or amount without a unit, in a wrong one, by a weight that is none: asked about, and the rest is kept."""
    start = {"kind": "treatment", "item": "norepinephrine", "action": "start", **BARE}
    for dose in ({"rate": 5}, {"rate": 5, "rate_unit": "mL/h"}, {"rate": 5, "rate_unit": "mg/h", "weight_kg": 0},
                 {"rate": 50, "rate_unit": "ug/kg/min"}, {"amount": 1, "amount_unit": "jar"},
                 {"amount": 1e15, "amount_unit": "g"}):  # fmt: skip
        refusal, kept = decode(message(**start, **dose), NOW)
        assert isinstance(refusal, Rejected)
        assert isinstance(kept, Treatment)
        assert (kept.item, kept.rate, kept.amount, kept.amount_unit) == ("norepinephrine", None, None, None)
        assert (refusal.code, refusal.encounter) == ("norepinephrine", "e1")
    both = decode(message(**start, rate=5, rate_unit="jar/h", amount=1, amount_unit="jar"), NOW)
    assert [type(entry).__name__ for entry in both] == ["Rejected", "Rejected", "Treatment"]


NUMBERS = [
    ("-0.0", "base_excess", "mmol/L", 0.0),
    ("5e-324", "base_excess", "mmol/L", 0.0),
    ("37.110001", "temp", "Cel", 37.11),  # single precision
    ("0.2099999934", "fio2", "1", 0.21),  # room air, in single precision
    ("61.237", "map", "mm[Hg]", 61.24),  # two digits beyond those that are shown
    ("9007199254740993", "map", "mm[Hg]", None),  # 2^53 + 1: beyond any number that is kept
    ("999999999999999", "map", "mm[Hg]", 999999999999999.0),
    ("14", "gcs_total", "{score}", 14.0),
]


@pytest.mark.parametrize(("written", "concept", "unit", "value"), NUMBERS)
def test_a_number_is_kept_to_two_digits_beyond_those_shown(
    written: str, concept: str, unit: str, value: float | None
) -> None:
    """Noise goes, minus nothing is nothing, and no number is longer than a page can show."""
    raw = message(concept=concept, unit=unit).replace(b"61", written.encode())
    kept = [entry for entry in decode(raw, NOW) if isinstance(entry, Reading)]
    assert [repr(reading.value) for reading in kept] == ([] if value is None else [repr(value)])
    for reading in kept:
        assert (reading.original_value, reading.original_unit) == (None, None)
        assert decode(encode(reading), NOW) == (reading,)


@given(st.floats(-NUMBER_MAX, NUMBER_MAX), st.sampled_from([c for c in CONCEPTS.values() if c.kind == "numeric"]))
def test_what_was_kept_is_kept(number: float, known: Concept) -> None:
    """An event in the log reads as itself, however often it is read: rounding and marking are done once."""
    for entry in decode(message(concept=known.id, unit=known.unit, value=number), NOW):
        if isinstance(entry, Reading):
            assert (entry.quality is Quality.OK) == known.plausible(entry.value or 0.0)
            assert decode(encode(entry), NOW) == (entry,)


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


@pytest.mark.parametrize("quality", ["suspect", "artefact"])
def test_what_its_sender_marked_is_kept_as_marked(quality: str) -> None:
    """An impossible value that its sender does not believe either is shown as such, and nobody is asked about it."""
    (kept,) = decode(message(value=999, quality=quality, reason="loose lead"), NOW)
    assert isinstance(kept, Reading)
    assert (kept.value, kept.quality, kept.reason) == (999.0, quality, "loose lead")


def test_units_are_converted_and_the_original_kept() -> None:
    """Creatinine in µmol/L becomes mg/dL and what was written stays beside it; another spelling is no conversion."""
    for value, canonical, original, unit in (
        (88.4, 1.0, 88.4, "umol/L"),
        (1.1, 1.1, None, "mg/dl"),
        (1.1, 1.1, None, "mg/dL"),
    ):
        (kept,) = decode(message(concept="creatinine", unit=unit, value=value), NOW)
        assert isinstance(kept, Reading)
        assert kept.value == pytest.approx(canonical, abs=0.001)
        assert (kept.original_value, kept.original_unit) == (original, unit if original else None)


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
    assert decode(raw, NOW) == (Tick(available_at=NOW - timedelta(minutes=1)),)


@pytest.mark.parametrize("event", RECORDS, ids=lambda event: event.kind)
def test_what_is_encoded_is_decoded(event: object) -> None:
    """Every event comes back from its wire form; an amount in the item's own unit."""
    (back,) = decode(encode(event), NOW + timedelta(hours=2))  # type: ignore[arg-type]
    assert back == event


def test_a_fault_of_ours_is_a_refusal_that_tells_nothing_of_the_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever breaks behind the door, also the stack: a refusal of its own kind, for that record alone."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError("Jane Doe is at 61")

    def deeper() -> None:
        deeper()  # without `*`: Python 3.13 does not count such calls, and takes all memory (python/cpython#132744)

    def endless(*_: object) -> None:
        deeper()

    for fault, name in ((broken, "ZeroDivisionError"), (endless, "RecursionError")):
        monkeypatch.setattr(door, "measured", fault)
        batch = {
            "v": 1,
            "kind": "batch",
            "records": [json.loads(message()), {"v": 1, "kind": "tick", "available_at": "2026-03-01T08:09:00Z"}],
        }
        refusal, tick = decode(json.dumps(batch).encode(), NOW)
        assert isinstance(tick, Tick)
        assert isinstance(refusal, Rejected)
        assert refusal.fault is Fault.INTERNAL
        assert refusal.why.startswith(f"a fault of this program ({name} in streams.adapters.decode._reading)")
        assert "Jane" not in told(refusal)
        assert (refusal.encounter, refusal.code, json.loads(refusal.raw)) == ("e1", "map", json.loads(message()))


def test_without_memory_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Want of memory is no fault of a message: it is not kept as one."""

    def starved(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(door, "measured", starved)
    with pytest.raises(MemoryError):
        decode(message(), NOW)


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
