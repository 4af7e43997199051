"""The model card says what was measured, and is made anew when that changes."""

from pathlib import Path

from forecasting.training.card import committed


def test_the_card_is_that_of_the_committed_network(root: Path) -> None:
    """A stale card fails here: `python -m forecasting.training.card > docs/model-card.md`."""
    assert (root / "docs" / "model-card.md").read_text(encoding="utf-8") == committed()
