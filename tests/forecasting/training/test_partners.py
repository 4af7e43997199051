"""Partners are fitted to the labels of protocol D, and come back as they were kept."""

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("lightgbm")

from forecasting.forest import Forest
from forecasting.network.inputs import network_reads
from forecasting.training import partners
from forecasting.training.boosting import Recipe
from forecasting.training.crossings import LINES, QUESTIONS
from forecasting.training.fit_network import Prepared
from forecasting.training.labels import RULES
from tests.forecasting.training.stays import drawn


def test_each_label_is_a_line_of_a_question() -> None:
    """So that trees and network speak of the same thing."""
    for rule in RULES:
        question = QUESTIONS[partners.question_of(rule)]
        assert question.split()[1] == rule.kind
        assert rule.limit in LINES[question]


def test_trees_tell_what_the_network_is_tilted_by(monkeypatch: pytest.MonkeyPatch) -> None:
    """One forest for each label, of what the network reads; kept and read back they say the same."""
    monkeypatch.setattr(partners, "RECIPE", Recipe(rate=0.3, leaves=4, rows_a_leaf=5, l2=1.0, trees_max=5, patience=5))
    stays = drawn(7, stays=60)
    data = Prepared.of(stays)
    found = partners.fit_partners(data, stays, (np.arange(50), np.arange(50, 60)), 1, lambda _: None)
    assert sorted(found.about) == sorted(map(partners.question_of, RULES))
    again = partners.Partners.kept(found.trees, {str(number): about for number, about in found.about.items()})
    rows = data.inputs.astype(np.float64)
    for number, partner in found.read().items():
        assert (partner.line, partner.within_h) == (found.about[number]["line"], 6.0)
        assert max(partner.forest.feature) < network_reads()
        same = again.read()[number].forest
        assert isinstance(same, Forest)
        assert np.array_equal(same.of(rows), partner.forest.of(rows))
