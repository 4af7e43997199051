"""What every forecast is made of: how far ahead it looks, at which levels, and when a fan is none."""

from datetime import UTC, datetime

import pytest

from schemas.clinical.forecasts import HORIZONS_H, LEVELS, Fan

ROW = (60.0, 62.0, 65.0, 70.0, 75.0, 78.0, 80.0)


def fan(horizons_h: tuple[float, ...], *rows: tuple[float, ...]) -> Fan:
    made_at = datetime(2026, 3, 1, 8, tzinfo=UTC)
    return Fan(concept="map", horizons_h=horizons_h, quantiles=rows, origin="r1", origin_at=made_at)


def test_a_forecast_looks_from_a_quarter_of_an_hour_to_a_day_ahead() -> None:
    """Eight moments, in hours."""
    assert HORIZONS_H == (1 / 4, 1 / 2, 1, 2, 4, 6, 12, 24)


def test_the_levels_hold_the_half_four_fifths_and_nine_tenths_about_the_median() -> None:
    """In percent."""
    assert [round(100 * level) for level in LEVELS] == [5, 10, 25, 50, 75, 90, 95]


@pytest.mark.parametrize(
    ("made", "sound"),
    [
        (fan((1.0,), ROW), True),
        (fan((1.0, 2.0), ROW, ROW), True),
        (fan((1.0,), (70.0,) * 7), True),  # nothing is in doubt
        (fan((1.0, 2.0), ROW), False),
        (fan((1.0,), ROW, ROW), False),
        (fan((1.0,), ROW[:-1]), False),
        (fan((1.0,), (*ROW, 81.0)), False),
        (fan((1.0,), (*ROW[:-1], 77.9)), False),
        (fan((1.0, 2.0), ROW, ROW[::-1]), False),
    ],
)
def test_a_fan_has_a_row_for_each_horizon_and_a_rising_value_for_each_level(made: Fan, sound: bool) -> None:
    """One row too few or too many, one value too few or too many, or one that falls: no fan."""
    assert made.sound() is sound
