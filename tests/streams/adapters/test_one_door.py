"""One door: a row that is replayed and the same row sent as a message give the same events and the same refusals."""

import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codes.concepts import CONCEPTS
from schemas.codes.drugs import DRUGS
from schemas.codes.units import from_canonical
from schemas.events import Movement
from schemas.events.quarantine import Rejected
from schemas.events.wire import written
from streams.adapters import long
from streams.adapters.challenge2019 import BASE, COLUMNS, stays
from streams.adapters.decode import Entry, decode
from streams.adapters.demo import DATA

KNOWN_AT = datetime(2150, 3, 1, 9, tzinfo=UTC)


def compared(entries: Sequence[Entry]) -> list[object]:
    """Events whole; of refusals all that does not depend on how a message is spelt."""
    return [
        (e.fault, e.why, e.received_at, e.encounter, e.code, e.unit, e.sender) if isinstance(e, Rejected) else e
        for e in entries
    ]


def sent(fields: Mapping[str, Any], known_at: datetime) -> Sequence[Entry]:
    """The fields as a live sender would send them, when they became known."""
    return decode(written({"v": 1, **fields}), known_at)


# --- rows of the long table -------------------------------------------------------------------------------------------

numbers = st.floats(-1e6, 1e6) | st.floats() | st.sampled_from([0.0, -0.0, 37.0, 1e16, math.nan, math.inf])
units = st.none() | st.sampled_from(
    ["mm[Hg]", "mmHg", "%", "1", "Cel", "[degF]", "umol/L", "mg/dL", "10*3/uL", "dB", "mg/h", "ug/kg/min", "mL", "jar"]
)
concepts = st.sampled_from([*CONCEPTS, "heart_rate", "loinc:2518-9", "humours", ""])
rows = st.fixed_dictionaries(
    {
        "encounter": st.sampled_from(["e1", "Jane Doe"]),
        "observed_at": st.sampled_from([KNOWN_AT, KNOWN_AT - timedelta(hours=2), datetime(1066, 10, 14, tzinfo=UTC)]),
        "available_at": st.just(KNOWN_AT),
    }
).flatmap(
    lambda base: st.one_of(
        st.fixed_dictionaries(
            {
                "kind": st.just("reading"),
                "concept": concepts,
                "value": st.none() | numbers,
                "unit": units,
                "code": st.sampled_from([None, "C", "imv", "nonsense"]),
                "source": st.sampled_from([None, "lab", "monitor", "gossip"]),
                "quality": st.sampled_from([None, "suspect", "artefact"]),
                "reason": st.sampled_from([None, "venous sample", "x" * 201]),
            }
        ),
        st.fixed_dictionaries(
            {
                "kind": st.just("treatment"),
                "item": st.sampled_from([*DRUGS, "leeches"]),
                "action": st.sampled_from(["start", "given", "sung"]),
                "rate": st.none() | numbers,
                "rate_unit": units,
                "amount": st.none() | numbers,
                "amount_unit": units,
                "weight_kg": st.sampled_from([None, 80.0, 1.0, 0.0, -5.0]),
            }
        ),
        st.fixed_dictionaries(
            {"kind": st.just("note"), "text": st.sampled_from(["Cool and clammy.", "", "x" * 100_001, "\x00"])}
        ),
        st.fixed_dictionaries(
            {
                "kind": st.just("movement"),
                "action": st.sampled_from(["admit", "vanish"]),
                "unit": st.sampled_from([None, "MICU"]),
                "patient": st.sampled_from([None, '{"age_years":71,"diagnoses":["copd"]}', '{"age_years":711}', "{"]),
            }
        ),
    ).map(lambda fields: base | fields)
)  # fmt: skip


@settings(max_examples=400)
@given(rows)
def test_a_row_is_read_as_its_message_would_be(row: dict[str, Any]) -> None:
    """Good or bad, of whatever kind: units, limits, rounding, codes, times and refusals are those of the message."""
    said = {name: cell for name, cell in row.items() if cell is not None}
    if "patient" in said and said["patient"] != "{":
        said["patient"] = json.loads(said["patient"])
    assert compared(long.entries(row)) == compared(sent(said, KNOWN_AT))


def test_the_demo_is_read_as_its_messages_would_be() -> None:
    """Every row of the real stays in the repository, sent as a message, is the event that a replay plays."""
    frame = pl.read_parquet(DATA / "demo" / "events.parquet")
    replayed = [event for stay in long.stays(frame) for event in stay.events]
    live: list[Entry] = []
    for row in frame.iter_rows(named=True):
        said = {name: cell for name, cell in row.items() if cell is not None}
        said |= {"patient": json.loads(row["patient"])} if row["patient"] is not None else {}
        live += sent(said, row["available_at"])
    assert len(live) == len(replayed) > 8_000
    assert sorted(map(repr, live)) == sorted(map(repr, replayed))


# --- the hourly set, cell by cell -------------------------------------------------------------------------------------


def _telling(column: str) -> list[float]:
    """Numbers that decide: the hard limits in the unit of the column, and what lies just beyond them."""
    known, unit = CONCEPTS[COLUMNS[column]["concept"]], COLUMNS[column]["unit"]
    limits = [limit for limit in (known.hard_low, known.hard_high, known.normal_high) if limit is not None]
    ends = [from_canonical(limit, unit, known) for limit in limits]
    return [near for end in ends for near in (end, math.nextafter(end, -math.inf), end * 1.001, end * 1.00001, end - 1)]


odd = st.sampled_from([0.0, -0.0, 0.21, 0.209999993, 21.0, 100.0, 4.0, 37.110001, 5e-324, 1e15, 1e16, 1e300, math.inf])
cells = st.fixed_dictionaries(
    {
        column: st.none() | st.just(math.nan) | st.floats(-1e5, 1e5) | st.sampled_from(_telling(column)) | odd
        for column in COLUMNS
    }
)
ABOUT = {"Age": 62.5, "Gender": 1.0, "Unit1": 0.0, "Unit2": 1.0, "HospAdmTime": -12.5}


@settings(max_examples=150)
@given(st.lists(cells, min_size=1, max_size=3), st.sampled_from([pl.Float64, pl.Float32]))
def test_a_cell_is_read_as_its_message_would_be(hours: list[dict[str, float | None]], kind: Any) -> None:
    """All 34 columns, any numbers, in double or single precision: the same readings and refusals, in the same order."""
    table = [{"patient_id": "p1", **ABOUT, **row} for row in hours]
    kinds = {"patient_id": pl.String, **dict.fromkeys([*COLUMNS, *ABOUT], kind)}
    (stay,) = stays(pl.DataFrame(table, schema=kinds))
    live: list[Entry] = []
    for hour, row in enumerate(hours):
        moment = BASE + timedelta(hours=hour)
        for column, said in COLUMNS.items():
            number = row[column]
            if number is not None and not math.isnan(number):
                times = {"observed_at": moment, "available_at": moment}
                about = {"kind": "reading", "encounter": "p1", **times, "source": "lab", **said}
                live += sent({**about, "value": _held(number, kind)}, moment)
    events = [event for event in stay.events if not isinstance(event, Movement)]
    assert compared(events) == compared([e for e in live if not isinstance(e, Rejected)])
    assert compared(stay.refused) == compared([e for e in live if isinstance(e, Rejected)])


def _held(number: float, kind: Any) -> float:
    """The number as the table holds it, written out: 37.11 of single precision is 37.11."""
    return number if kind == pl.Float64 else float(pl.Series([number], dtype=kind).cast(pl.String)[0])


@pytest.mark.parametrize("column", COLUMNS)
def test_a_limit_of_a_column_is_that_of_its_concept(column: str) -> None:
    """At the hard limit a number is good; one part in a thousand beyond it is refused and kept as an artefact."""
    known, unit = CONCEPTS[COLUMNS[column]["concept"]], COLUMNS[column]["unit"]
    assert known.hard_high is not None
    high = from_canonical(known.hard_high, unit, known)
    for number, refused in ((high, 0), (high * 1.002, 1)):
        row = {"patient_id": "p1", **ABOUT, **dict.fromkeys(COLUMNS), column: number}
        kinds = {"patient_id": pl.String, **dict.fromkeys([*COLUMNS, *ABOUT], pl.Float64)}
        (stay,) = stays(pl.DataFrame([row], schema=kinds))
        assert (len(stay.events), len(stay.refused)) == (2, refused)
