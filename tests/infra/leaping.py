"""`foreshock …` on a machine whose clock leaps: `python -m tests.infra.leaping AFTER FOR AHEAD words …`, in seconds."""

import sys
import time
from datetime import datetime, timedelta

from infra.clocks import ServiceClock, wall
from infra.commands import serve
from infra.commands.cli import main


def leaping(after: float, lasts: float, ahead: float) -> ServiceClock:
    """A clock over a wall clock that is wrong for a while, some time after the service began."""
    began = time.monotonic()

    def wrong() -> datetime:
        passed = time.monotonic() - began
        return wall() + timedelta(seconds=ahead if after <= passed < after + lasts else 0)

    return ServiceClock(wall=wrong)


if __name__ == "__main__":
    after, lasts, ahead = map(float, sys.argv[1:4])
    del sys.argv[1:4]
    serve.ServiceClock = lambda: leaping(after, lasts, ahead)  # type: ignore[assignment, misc, attr-defined]
    main()
