"""The hourly charts of the beds of a wave, kept up as news comes; a body is the lanes of one bed as bytes."""

from collections.abc import Sequence

import numpy as np

from forecasting.contract import Seen
from forecasting.moments import microseconds
from forecasting.network import chart
from forecasting.network.chart import EMPTY, WORDS, Array
from forecasting.network.inputs import READ
from forecasting.news import new_readings, passes, rows_anew
from forecasting.readings import in_order
from schemas.codes.concepts import CONCEPTS
from schemas.events import Reading

NUMBERS = {concept: number for number, concept in enumerate(READ)}
NOTHING = np.tile(EMPTY, len(READ)).tobytes()
"""The body of a bed of which nothing was read yet; every body is as long."""


def lanes_of(bodies: Sequence[bytes]) -> Array:
    """(beds · V, WORDS), a bed's lanes together; a view that may not be written to."""
    return np.frombuffer(b"".join(bodies), "<f8").reshape(-1, WORDS)


def encoded(bodies: Sequence[bytes], seen: Sequence[Seen]) -> list[bytes]:
    """The bodies after one instant of each bed; that of a bed with nothing new is the very one it was."""
    count = len(READ)
    news = [new_readings(instant, NUMBERS) for instant in seen]
    anew = rows_anew(seen, NUMBERS)
    if not any(news) and not anew:
        return list(bodies)
    lanes = lanes_of(bodies).copy()
    for lane, row, at in anew:
        lanes[lane] = chart.told_anew((microseconds(r.observed_at), _value(r)) for r in in_order(row, at))
    for places, new in passes(news, count):
        columns = lanes.take(places, axis=0).T.copy()
        chart.read(columns, np.array([moment for _, moment in new]), np.array([_value(reading) for reading, _ in new]))
        lanes[places] = columns.T
    changed = {lane // count for lane, _, _ in anew} | {bed for bed, found in enumerate(news) if found}
    raw, size = lanes.tobytes(), len(NOTHING)
    return [raw[bed * size : (bed + 1) * size] if bed in changed else body for bed, body in enumerate(bodies)]


def _value(reading: Reading) -> float:
    """Within the hard limits of its concept, and never −0.0."""
    about, value = CONCEPTS[reading.concept], reading.value or 0.0
    if about.hard_low is not None:
        value = max(value, about.hard_low)
    return value if about.hard_high is None else min(value, about.hard_high)
