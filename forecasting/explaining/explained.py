"""All that is told of the chances of one bed besides the chances: worked out when somebody looks, in one go.

state of the bed  ->  what moved each chance, what it is by the values alone, what would narrow it, how unusual it is
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

import numpy as np

from forecasting.explaining.imagined import CONCEPTS_OF, PLAYERS, Crossing, Imagined
from forecasting.explaining.moved import Moved, moved
from forecasting.explaining.narrowing import Narrowed, narrowed
from forecasting.explaining.typical import Typical, Usual, typical
from forecasting.explaining.unlike import Unlike, unlike
from forecasting.moments import MICROSECOND
from forecasting.network.fitted import Fitted
from schemas.codes.concepts import CONCEPTS


class Explained(NamedTuple):
    """One chance. `by_values`: what it would be if how often and how lately things were measured were not known."""

    moved: Moved
    by_values: float
    narrowed: Narrowed | None


class Explanation(NamedTuple):
    """The chances of one bed, in the order in which they were asked, and how unlike others it is."""

    chances: tuple[Explained, ...]
    unlike: Unlike


def explained(bed: Imagined, ahead: Fitted, asked: Sequence[Crossing]) -> Explanation:
    """`bed` is of the same fitted network; up to a fifth of a second of computing, so not where others wait."""
    known = typical()
    moves = moved(bed, asked)
    by_values = bed.chances(bed.unpatterned(np.ones((1, len(PLAYERS)), bool)), asked)[0].tolist()
    narrows = narrowed(bed, asked, ahead.questions, unknown(bed, known))
    return Explanation(tuple(map(Explained, moves, by_values, narrows)), unlike(bed, known))


def unknown(bed: Imagined, known: Typical) -> Mapping[str, Usual]:
    """What was never measured, or so long ago that it may not be carried forward (in intensive care).

    A pressure is known where one of its numbers is: nobody measures the others alone.
    """
    unknown = [many for many in CONCEPTS_OF.values() if not any(_is_known(bed, concept) for concept in many)]
    return {concept: known.usual[concept] for many in unknown for concept in many}


def _is_known(bed: Imagined, concept: str) -> bool:
    found = bed.newest(concept)
    if found is None:
        return False
    value, at = found
    age: timedelta = (bed.known.now - at) * MICROSECOND
    return age <= CONCEPTS[concept].validity("icu", value=value)
