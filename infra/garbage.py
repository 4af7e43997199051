"""The garbage collector, kept from standing in the way: with a thousand beds a full collection takes a second.

What beds are made of holds no cycles, so counting references frees it. The collector counts what is made less what
goes, and in a ward that is judged again and again these are equal: by itself it comes seldom, and then to a hundred
thousand objects. So it is called often, to what is young; what has lived through that is put out of its sight, at the
start and from time to time.
"""

import asyncio
import gc
from itertools import count

EVERY_S = 0.02
MIDDLE_EVERY = 10  # of these, one is of what lived through the others


def spare_the_old() -> None:
    """Collect what is young, and let the collector look no more at what is there now."""
    gc.collect(1)
    gc.freeze()


async def collect_young() -> None:
    """Collect in small portions, for as long as the service runs."""
    gc.disable()
    try:
        for turn in count(1):
            await asyncio.sleep(EVERY_S)
            gc.collect(0 if turn % MIDDLE_EVERY else 1)
    finally:
        gc.enable()
