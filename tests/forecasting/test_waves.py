"""A bed's bits do not depend on the wave: on how many beds are in it, which they are, or where it stands among them."""

from collections.abc import Callable, Mapping
from datetime import timedelta

import numpy as np
import pytest

from forecasting.baselines import trend
from forecasting.contract import Forecaster, ModelState, Seen
from forecasting.network.forecaster import load
from schemas.clinical.snapshot import Snapshot
from schemas.codes.concepts import CONCEPTS
from schemas.conditions import Compare, Named, Op
from schemas.events import Reading
from schemas.frozen import to_json
from tests.forecasting.recurrent import Recurrent
from tests.forecasting.snapshots import NOW, bed, reading

FORECASTERS: Mapping[str, Callable[[], Forecaster]] = {
    "trend": trend.load,
    "recurrent": Recurrent,
    "network": load,
}
ASKED = (Compare("map", Op.BELOW, 65.0), Compare("lactate", Op.ABOVE, 4.0), Named("sepsis"))
WITHIN = timedelta(hours=6)
VITALS, LABS = ("hr", "map", "sbp", "dbp", "rr", "spo2", "temp"), ("lactate", "creatinine", "glucose", "k", "bun")
INSTANTS = 6


def patient(number: int) -> tuple[list[Seen], Snapshot]:
    """A patient of their own: what is heard at each instant (sometimes late), and the snapshot after the last."""
    draw = np.random.default_rng([4, number])
    instants, rows = list[Seen](), dict[str, tuple[Reading, ...]]()
    for step in range(INSTANTS):
        ago = 15.0 * (INSTANTS - step) + float(draw.integers(0, 14))
        heard = [c for c in VITALS if draw.random() < 0.8] + [c for c in LABS if draw.random() < 0.3]
        new, late = [], {}
        for concept in heard:
            about = CONCEPTS[concept]
            low, high = about.normal_low or 0.0, about.normal_high or 1.0
            value = round(float(draw.uniform(low, high)), about.decimals)
            if draw.random() < 0.1:
                came = reading(concept, ago + 50, value, back_after=50)
                rows[concept] = tuple(sorted((*rows.get(concept, ()), came), key=lambda r: r.observed_at))
                late[concept] = rows[concept]
            else:
                came = reading(concept, ago, value)
                rows[concept] = (*rows.get(concept, ()), came)
                new.append(came)
        instants.append(Seen(NOW - timedelta(minutes=ago), tuple(new), late))
    return instants, Snapshot("e1", NOW, "icu", bed({}).patient, dict[str, tuple[Reading, ...]](rows))


PATIENTS = [patient(number) for number in range(1_000)]


def in_one_wave(forecaster: Forecaster, order: list[int]) -> tuple[list[ModelState], list[bytes]]:
    """States and answers of these patients, all in one wave, in this order."""
    states: list[ModelState | None] = [None] * len(order)
    for step in range(INSTANTS):
        states = list(forecaster.encode(states, [PATIENTS[i][0][step] for i in order]))
    known = [state for state in states if state is not None]
    outlooks = forecaster.outlooks(known, [PATIENTS[i][1] for i in order])
    said = [
        b"".join(
            [
                str(o.until).encode(),
                *(to_json(o.fan(concept)) for concept in sorted(forecaster.concepts)),
                *(to_json(o.chance(asked, WITHIN)) for asked in ASKED),
            ]
        )
        for o in outlooks
    ]
    return known, said


@pytest.fixture(scope="module", params=FORECASTERS)
def forecaster(request: pytest.FixtureRequest) -> Forecaster:
    return FORECASTERS[request.param]()


@pytest.fixture(scope="module")
def alone(forecaster: Forecaster) -> tuple[list[ModelState], list[bytes]]:
    """States and answers of each patient when alone in every wave."""
    each = [in_one_wave(forecaster, [number]) for number in range(len(PATIENTS))]
    return [states[0] for states, _ in each], [said[0] for _, said in each]


@pytest.mark.parametrize("size", [7, 1_000])
def test_a_wave_gives_each_bed_the_bits_it_has_alone(
    forecaster: Forecaster, alone: tuple[list[ModelState], list[bytes]], size: int
) -> None:
    """In waves of 7 and of 1,000, in any order and beside any neighbours, every state and every answer is the same."""
    shuffled = np.random.default_rng(size).permutation(len(PATIENTS)).tolist()
    for order in (list(range(size)), list(range(size))[::-1], shuffled[:size], shuffled[-size:]):
        states, said = in_one_wave(forecaster, order)
        assert states == [alone[0][i] for i in order]
        assert said == [alone[1][i] for i in order]


def test_the_patients_differ(alone: tuple[list[ModelState], list[bytes]]) -> None:
    """The proof is of a thousand states and answers that are not the same."""
    states, said = alone
    assert len({state.body for state in states}) == len(set(said)) == len(PATIENTS)
