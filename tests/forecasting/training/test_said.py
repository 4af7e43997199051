"""What is measured of a network, many rows at once, is what is served of one."""

import numpy as np
import pytest

from forecasting.network.crossing import crossed
from forecasting.network.fitted import fitted
from forecasting.network.inputs import named
from forecasting.training.crossings import EDGES_H, QUESTIONS
from forecasting.training.said import chances, chances_of, hidden_of

ROWS = 40


@pytest.mark.parametrize("name", ["map below", "creatinine above"])
def test_it_is_put_together_as_for_one_patient(name: str) -> None:
    """At each fitted line and half-way between two, up to the end of every interval, the served chance."""
    network, number, question = fitted().network, QUESTIONS.index(name), fitted().questions[QUESTIONS.index(name)]
    draw = np.random.default_rng(12)
    read = np.where(draw.random((ROWS, len(named()))) < 0.3, np.nan, draw.normal(60, 40, (ROWS, len(named()))))
    hidden = hidden_of(network, read.astype(np.float32))
    hazards, measured = network.raw(hidden, number)
    whole = chances(network, hidden, number)
    for place, line in enumerate(question.lines):
        assert np.allclose(chances_of(network, hidden, number, np.full(ROWS, float(line))), whole[:, :, place])
    between = (question.lines[1] + question.lines[2]) / 2
    said = chances_of(network, hidden, number, np.full(ROWS, between))
    for row in range(ROWS):
        for interval, end_h in enumerate(EDGES_H):
            one = hazards[row].tolist(), measured[row].tolist()
            assert crossed(*one, question.place(between), EDGES_H, end_h) == pytest.approx(said[row, interval])
            assert crossed(*one, 1, EDGES_H, end_h) == pytest.approx(whole[row, interval, 1])
