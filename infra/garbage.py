"""The garbage collector, kept from standing in the way: with a thousand beds a full collection takes a second.

What beds are made of holds no cycles, so counting references frees it. The collector is left to what is young; what
has lived through a collection is put out of its sight, at the start and from time to time.
"""

import gc

YOUNG, MIDDLE, OLD = 20_000, 20, 1_000


def spare_the_old() -> None:
    """Collect what is young, and let the collector look no more at what is there now."""
    gc.set_threshold(YOUNG, MIDDLE, OLD)
    gc.collect(1)
    gc.freeze()
