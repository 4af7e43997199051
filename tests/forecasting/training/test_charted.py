"""What is fitted on is what is served: the same numbers from a table as from messages, and nothing of the future."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from forecasting.contract import Seen
from forecasting.network import memory
from forecasting.network.forecaster import known_of, read
from forecasting.network.inputs import READ, named
from forecasting.training import charted
from forecasting.training.canary import refuse_leaks
from forecasting.training.charted import COLUMNS
from forecasting.training.cohorts import VARIABLES, Hourly
from schemas.clinical.snapshot import Snapshot
from schemas.codes.concepts import CONCEPTS
from schemas.events import Patient, Reading
from tests.forecasting.training.stays import cohort, drawn

BASE = datetime(2000, 1, 1, tzinfo=UTC)


def within_limits(stays: Hourly) -> Hourly:
    """The same stays with values that a living patient may have."""
    values = stays.values.copy()
    for concept in READ:
        column, about = VARIABLES.index(COLUMNS[concept]), CONCEPTS[concept]
        values[:, column] = np.clip(values[:, column], about.hard_low, about.hard_high)
    return replace(stays, values=values)


def test_a_table_is_read_as_its_messages_are() -> None:
    """Row by row the very bits that the served code makes of the same values, told as messages hour by hour."""
    stays = within_limits(drawn(7, stays=6, longest=40))
    rows = charted.table(stays)
    for number in range(6):
        body, readings = memory.NOTHING, dict[str, tuple[Reading, ...]]()
        age, sex, _, before = stays.about[number].astype(float)
        patient = Patient(age_years=age, sex="male" if sex == 1 else "female" if sex == 0 else None)
        admitted = BASE + timedelta(hours=round(before, 2)) if before <= 0 else BASE
        for hour, row in enumerate(range(stays.offsets[number], stays.offsets[number + 1])):
            at = BASE + timedelta(hours=hour)
            values = {c: stays.values[row, VARIABLES.index(COLUMNS[c])] for c in READ}
            new = tuple(
                Reading(encounter="e1", concept=c, value=round(float(v), 4), observed_at=at, available_at=at)
                for c, v in values.items()
                if np.isfinite(v)
            )
            body = memory.encoded([body], [Seen(at, new)])[0]
            snapshot = Snapshot("e1", at, "icu", patient, readings, admitted_at=admitted)
            served = read([body], [known_of(snapshot)])[0].astype(np.float32)
            told = rows[row]
            known_sex = [name for name, _ in named()].index("male")
            served[known_sex] = told[known_sex]  # drawn stays have a sex that is no code
            assert served.tobytes() == told.tobytes()


def test_each_input_is_what_its_name_says() -> None:
    """A stay small enough to be worked out by hand."""
    stay = cohort({"MAP": [80, np.nan, 74, 68], "HR": [90, 95, 100, 110], "Lactate": [2.0, np.nan, np.nan, 3.5]})
    last = dict(zip((name for name, _ in named()), charted.table(stay)[3], strict=True))
    expected = {
        "map": 68, "map: gap": 0, "map: mean 3 h": 71, "map: mean 6 h": 74, "map: lowest 6 h": 68,
        "map: highest 24 h": 80,
        "map: hours seen of 6": 3, "map: above its 24 h": 68 - 74, "hr: since 1 h ago": 10, "hr: since 2 h ago": 15,
        "hr: slope 6 h": 6.5, "lactate": 3.5, "lactate: change": 1.5, "lactate: above its lowest": 1.5,
        "lactate: below its highest": 0, "age": 60, "male": 1, "hours since admission": 8,
        "hours since the first reading": 3, "map: tally": 3, "lactate: tally": 2, "k: tally": 0,
    }  # fmt: skip
    for name, value in expected.items():
        assert np.isclose(last[name], value, rtol=1e-5), name
    for name in ("map: since 2 h ago", "sbp", "sbp: gap", "sbp: mean 24 h", "k: change", "shock index"):
        assert np.isnan(last[name]), name


def test_what_is_read_knows_nothing_of_the_future() -> None:
    """The canary that ends a training finds nothing in it."""
    refuse_leaks(charted.as_table, drawn(9))
