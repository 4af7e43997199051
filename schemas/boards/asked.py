"""A question of a person about one bed and its answer, as a board, a program and the command line get it."""

from datetime import datetime
from typing import Literal

from schemas.clinical.findings import Evidence, Need, Truth
from schemas.clinical.forecasts import Odds, Unavailable
from schemas.frozen import Record, always


class Asked(Record, frozen=True, kw_only=True):
    """What was asked, how it was read, and what is answered: `odds` or `missing` of the hours ahead, `truth` of now.

    `refused`: why the question was not read; then nothing is answered. `nearest`: what can be asked instead.
    """

    v: Literal[1] = always(1)
    encounter: str
    question: str
    now: datetime
    read_as: str | None = None  # in words, with every number, unit and clock time that was understood
    condition: str | None = None  # as rules write it
    within_h: float | None = None
    odds: Odds | None = None
    missing: Unavailable | None = None
    truth: Truth | None = None
    evidence: tuple[Evidence, ...] = ()  # the values known now of what is asked
    needs: tuple[Need, ...] = ()  # what would settle it
    remarks: tuple[str, ...] = ()  # what an answer must not be read without
    refused: str | None = None
    nearest: tuple[str, ...] = ()
