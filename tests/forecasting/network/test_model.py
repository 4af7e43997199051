"""The served network is the fitted one; its bits depend on nothing but its own inputs; damaged files are refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from forecasting.model import Network
from forecasting.network import inputs
from forecasting.network.crossing import crossed
from forecasting.network.fitted import HERE, MANIFEST, WEIGHTS, Unreadable, fitted
from tests.forecasting.network.made_up import BLOCKS, EDGES_H, LINES, PIECES, WIDTH, weights, written

QUESTIONS, WIDEST = len(LINES), max(map(len, LINES.values()))


def drawn(rows: int, seed: int = 2) -> np.ndarray:
    """What might be read: numbers of any size, and many unknown."""
    draw = np.random.default_rng(seed)
    x = draw.normal(80, 60, (rows, inputs.network_reads()))
    return np.where(draw.random(x.shape) < 0.3, np.nan, x)


def test_it_says_what_the_fitted_network_says() -> None:
    """Chances differ by less than 1e-5 from those of the same numbers in torch."""
    torch = pytest.importorskip("torch")
    from forecasting.training.network import Network as Fitted
    from forecasting.training.network import Shape, within

    numbers, x = weights(), drawn(200)
    shape = Shape(width=WIDTH, blocks=BLOCKS, pieces=PIECES)
    fit = Fitted(shape, torch.from_numpy(numbers["knots"]), QUESTIONS, len(EDGES_H), WIDEST)
    fit.load_state_dict({name: torch.from_numpy(value) for name, value in numbers.items()}, strict=False)
    with torch.no_grad():
        logits, seen = fit.eval().double()(torch.from_numpy(x.astype(np.float32)).double())
        said = np.stack([within(logits[:, q], seen[:, q, :, None]).numpy() for q in range(QUESTIONS)], axis=1)
    served = Network(numbers, QUESTIONS, len(EDGES_H), WIDEST)
    hidden = served.hidden(x)
    for question in range(QUESTIONS):
        hazards, measured = served.raw(hidden, question)
        for row in range(0, 200, 20):
            for line in range(WIDEST):
                found = crossed(hazards[row].tolist(), measured[row].tolist(), line, EDGES_H, 24.0)
                expected = max(said[row, question, :, line])
                assert found == pytest.approx(expected, abs=1e-5)


def test_a_patient_has_the_bits_he_has_alone() -> None:
    """Alone and among 7 or 1,000 others, at any place among them."""
    network, x = Network(weights(), QUESTIONS, len(EDGES_H), WIDEST), drawn(1000)
    whole = network.hidden(x)
    assert network.hidden(x[::-1])[::-1].tobytes() == whole.tobytes()
    for some in (slice(0, 7), slice(400, 407)):
        assert network.hidden(x[some]).tobytes() == whole[some].tobytes()
    for row in (0, 1, 333, 999):
        alone = network.hidden(x[[row]])
        assert alone.tobytes() == whole[row].tobytes()
        raw, among = network.raw(alone, 1), network.raw(whole, 1)
        assert [a[0].tobytes() for a in raw] == [b[row].tobytes() for b in among]


def test_what_is_read_is_not_mixed_up_with_zero() -> None:
    """Unknown is another thing than 0, for every single input."""
    network = Network(weights(), QUESTIONS, len(EDGES_H), WIDEST)
    nothing = np.full((1, inputs.network_reads()), np.nan)
    for place in range(nothing.shape[1]):
        zero = nothing.copy()
        zero[0, place] = 0.0
        assert network.hidden(zero).tobytes() != network.hidden(nothing).tobytes(), inputs.named()[place]


def test_damaged_or_foreign_files_are_refused_with_the_reason(tmp_path: Path) -> None:
    """A byte of the weights, a manifest of other inputs, half a file, none at all."""
    written(tmp_path)
    raw, manifest = (tmp_path / WEIGHTS).read_bytes(), json.loads((tmp_path / MANIFEST).read_text(encoding="utf-8"))

    def refused(weights_now: bytes, manifest_now: object) -> str:
        (tmp_path / WEIGHTS).write_bytes(weights_now)
        (tmp_path / MANIFEST).write_text(json.dumps(manifest_now), encoding="utf-8")
        with pytest.raises(Unreadable) as found:
            fitted(tmp_path)
        return str(found.value)

    assert "is not the file" in refused(raw[:-1] + bytes([raw[-1] ^ 1]), manifest)
    assert "is not the file" in refused(raw[: len(raw) // 2], manifest)
    assert "reads something else" in refused(raw, {**manifest, "inputs": manifest["inputs"][1:]})
    assert "damaged" in refused(raw, {name: value for name, value in manifest.items() if name != "edges_h"})
    assert "damaged" in refused(raw, [])
    assert "damaged" in refused(raw, {**manifest, "events": {"stroke": manifest["events"]["sepsis"]}})
    (tmp_path / WEIGHTS).unlink()
    with pytest.raises(Unreadable, match="FileNotFoundError"):
        fitted(tmp_path)


def test_the_committed_network_is_whole() -> None:
    """It can be read, and is small enough for the repository."""
    assert fitted().questions
    assert (HERE / WEIGHTS).stat().st_size < 25e6
