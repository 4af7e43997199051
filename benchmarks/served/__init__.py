"""How long the served forecaster takes."""

import infra  # noqa: F401, before numpy: one thread
