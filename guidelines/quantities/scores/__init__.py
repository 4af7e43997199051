"""Clinical scores with their missing parts in the open (reference §1.1–§1.5, tables taken over literally).

news2(snapshot).total                 # None while a part is missing
sofa(snapshot).lower                  # what alarms use
"""

from guidelines.quantities.scores import mews as _mews
from guidelines.quantities.scores import news2 as _news2
from guidelines.quantities.scores import qsofa as _qsofa
from guidelines.quantities.scores import sirs as _sirs
from guidelines.quantities.scores import sofa as _sofa
from guidelines.quantities.scores.tally import SCORES, Part, Tally, points

__all__ = ["SCORES", "Part", "Tally", "points"]

MODULES = (_news2, _mews, _qsofa, _sirs, _sofa)
