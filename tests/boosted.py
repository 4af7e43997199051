"""LightGBM where it runs: it is in the extra `train`, and needs a library of the system that a bare Debian lacks."""

import pytest


def needs_lightgbm() -> None:
    """Skip the test, with the reason, where it cannot be loaded."""
    try:
        import lightgbm  # noqa: F401, whether it can be is the question
    except (ImportError, OSError) as problem:  # OSError: libgomp1 is missing
        pytest.skip(f"LightGBM cannot be loaded: {problem}")
