"""What is measured of a network, many rows at once, is what is served of one."""

import numpy as np
import pytest

from forecasting.network.crossing import crossed, odds_ratio, tilted
from forecasting.network.fitted import fitted
from forecasting.network.inputs import named
from forecasting.training.crossings import EDGES_H, QUESTIONS
from forecasting.training.said import Said

ROWS = 40


@pytest.mark.parametrize("name", ["map below", "creatinine rise", "creatinine above"])
def test_it_is_put_together_as_for_one_patient(name: str) -> None:
    """At each fitted line and half-way between two, up to the end of every interval, the served chance: with the
    question's partner, where it has one."""
    network, number, question = fitted().network, QUESTIONS.index(name), fitted().questions[QUESTIONS.index(name)]
    draw = np.random.default_rng(12)
    read = np.where(draw.random((ROWS, len(named()))) < 0.3, np.nan, draw.normal(60, 40, (ROWS, len(named()))))
    read = read.astype(np.float32)
    of = Said.served(fitted(), read)
    hazards, measured = network.raw(of.hidden, number)
    whole = of.chances(number)
    for place, line in enumerate(question.lines):
        assert np.allclose(of.chances_of(number, line), whole[:, :, place])
    between = (question.lines[1] + question.lines[2]) / 2
    said = of.chances_of(number, between)
    for row in range(ROWS):
        one, seen = hazards[row].tolist(), measured[row].tolist()
        ratio = 1.0
        if question.partner is not None:
            beside = question.partner
            alone = crossed(one, seen, question.place(beside.line), EDGES_H, beside.within_h)
            ratio = odds_ratio(beside.forest.of(read[row : row + 1].astype(np.float64))[0], alone)
        for interval, end_h in enumerate(EDGES_H):
            nearer = crossed(one, seen, question.place(between), EDGES_H, end_h)
            assert tilted(nearer, ratio) == pytest.approx(said[row, interval])
            assert tilted(crossed(one, seen, 1, EDGES_H, end_h), ratio) == pytest.approx(whole[row, interval, 1])


def test_the_lines_of_the_measurement_have_partners() -> None:
    """Those that deterioration is measured by, and no other."""
    with_one = {question.name for question in fitted().questions if question.partner is not None}
    assert with_one == {
        "map below", "sbp below", "spo2 below", "rr above", "hr above", "lactate above", "creatinine rise"
    }  # fmt: skip
