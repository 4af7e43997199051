"""What models are fitted on is what a replay reads of the 2019 collection."""

from forecasting.training import charted
from streams.adapters import challenge2019


def test_a_table_and_a_replay_read_the_same_columns() -> None:
    """Each column that a fit reads the replay reads, as the same concept; as old an admission is believed."""
    replayed = {entry["concept"]: column for column, entry in challenge2019.COLUMNS.items()}
    assert charted.COLUMNS.items() <= replayed.items()
    assert charted.HOURS_BEFORE_MAX == challenge2019.HOURS_BEFORE_MAX
