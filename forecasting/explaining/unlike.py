"""How far a patient is unlike those that the network was fitted on.

Where fewer vital signs are known than of nearly every patient it was fitted on, the network tells patients hardly
apart: a chance is then no answer about this one. A value that lies further out than nearly all that it was fitted on is
said, and the chance stands: patients were still told apart (`benchmarks/attribution` has both figures).
"""

from typing import NamedTuple

from forecasting.explaining.imagined import Imagined
from forecasting.explaining.typical import FRESH_H, Typical
from forecasting.moments import HOUR_US
from forecasting.network.inputs import READ, VITALS


class Unlike(NamedTuple):
    """`missing`: the vital signs that are not known of late, where too few are; `outside`: concepts whose newest value
    lies beyond the outermost."""

    missing: tuple[str, ...]
    outside: tuple[str, ...]


def unlike(bed: Imagined, typical: Typical) -> Unlike:
    """What of this patient is unlike those that were fitted on; both empty: nothing."""
    newest = {concept: found for concept in READ if (found := bed.newest(concept)) is not None}
    missing = [v for v in VITALS if v not in newest or bed.known.now - newest[v][1] > FRESH_H * HOUR_US]
    outside = [
        concept
        for concept, (value, _) in newest.items()
        if not typical.usual[concept].lowest <= value <= typical.usual[concept].highest
    ]
    too_few = len(VITALS) - len(missing) < typical.fewest
    return Unlike(tuple(missing) if too_few else (), tuple(outside))
