"""An imagined patient is one that might lie there: what is taken away or measured is as if it had been so."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from forecasting.explaining.imagined import CONCEPTS_OF, PLAYERS, TOGETHER, Imagined
from forecasting.network import inputs
from forecasting.network.forecaster import load
from forecasting.network.inputs import READ
from schemas.clinical.snapshot import Snapshot
from schemas.events import Patient
from tests.forecasting.explaining.beds import WATCHED, crossings, imagined, made_up, served
from tests.forecasting.snapshots import reading, snapshots


def same(one: np.ndarray, other: np.ndarray) -> bool:
    return bool(((one == other) | (np.isnan(one) & np.isnan(other))).all())


def without(snapshot: Snapshot, players: set[str]) -> Snapshot:
    """The snapshot of a bed that never heard of these."""
    gone = {concept for player in players for concept in CONCEPTS_OF.get(player, ())}
    patient = replace(snapshot.patient, age_years=None) if "age" in players else snapshot.patient
    readings = {c: row for c, row in snapshot.readings.items() if c not in gone}
    return replace(snapshot, readings=readings, patient=patient)


def kept(bed: Imagined, gone: set[str]) -> np.ndarray:
    return (bed.players & ~np.isin(PLAYERS, sorted(gone)))[None]


@given(snapshots(), st.sets(st.sampled_from(PLAYERS)))
@settings(max_examples=15)
def test_what_is_taken_away_is_as_if_it_had_never_been_heard(snapshot: Snapshot, gone: set[str]) -> None:
    """A bed of which some is taken away reads, to the bit, what a bed reads that never heard it."""
    bed, never = imagined(snapshot), imagined(without(snapshot, gone))
    assert same(bed.only(kept(bed, gone)), never.as_it_is)


@given(snapshots(), st.sampled_from(("map", "hr", "hb", "spo2", "glucose")), st.floats(51, 99))
@settings(max_examples=15)
def test_what_is_measured_now_is_as_if_it_had_been_heard(snapshot: Snapshot, concept: str, value: float) -> None:
    """A bed in which something is measured reads, to the bit, what it reads when that reading comes."""
    value = value if concept != "hb" else value / 5
    row = tuple(
        r for r in snapshot.readings.get(concept, ()) if r.observed_at < snapshot.now
    )  # of one moment one counts
    snapshot = replace(snapshot, readings={**snapshot.readings, concept: row})
    bed, more = imagined(snapshot), (*row, reading(concept, 0.0, value))
    heard = imagined(replace(snapshot, readings={**snapshot.readings, concept: more}))
    assert same(bed.measured([(concept, value)]), heard.as_it_is)


def test_the_whole_bed_has_the_chance_that_is_served() -> None:
    """With nothing taken away it is, to what is told of a chance, what the forecaster answers."""
    answers, bed = served(WATCHED), imagined(WATCHED, load())
    assert len(answers) >= 5
    assert bed.chances(bed.as_it_is, list(answers))[0] == pytest.approx(list(answers.values()), abs=6e-4)


def test_of_somebody_of_whom_nothing_is_known_there_is_nothing_to_take_away() -> None:
    """No readings, no age, no sex: no player."""
    nobody = imagined(Snapshot("e1", WATCHED.now, "icu", Patient(), {}))
    assert not nobody.players.any()
    assert all(nobody.newest(concept) is None for concept in READ)


def test_every_concept_belongs_to_one_player() -> None:
    """None is left out, none counts twice, and those that belong together are one."""
    held = [concept for concepts in CONCEPTS_OF.values() for concept in concepts]
    assert sorted(held) == sorted(READ)
    assert all(CONCEPTS_OF[name] == many for name, many in TOGETHER.items())


def test_how_often_something_was_measured_can_be_left_out_alone() -> None:
    """Without its pattern all values of a concept are still there, and nothing of another is touched."""
    bed = imagined(WATCHED, made_up())
    row = bed.unpatterned(np.array([[name == "map" for name in PLAYERS]]))[0]
    gone = np.isnan(row) & ~np.isnan(bed.as_it_is[0])
    names = {name for (name, _), left in zip(inputs.named(), gone, strict=True) if left}
    assert {name.partition(":")[0] for name in names} == {"map", "sbp", "dbp"}
    assert {"map: gap", "map: hours seen of 24"} <= names
    assert not names & {"map", "map: mean 3 h"}


def test_asked_again_it_is_the_same() -> None:
    """Chances of an imagined bed do not depend on what else is imagined with it."""
    bed = imagined(WATCHED)
    asked = crossings(made_up())
    some = bed.only(np.eye(len(PLAYERS), dtype=bool))
    alone = np.concatenate([bed.chances(row[None], asked) for row in some])
    assert alone.tobytes() == bed.chances(some, asked).tobytes()
