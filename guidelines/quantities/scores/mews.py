"""MEWS after Subbe 2001, 0–14. Reference §1.2."""

from guidelines.quantities.scores.tally import REST, Bands, Part, Tally, banded, score, tallied
from guidelines.rules.answers import Missing
from guidelines.rules.case import Case

SBP: Bands = ((70, 3), (80, 2), (100, 1), (199, 0), (REST, 2))
HR: Bands = ((39, 2), (50, 1), (100, 0), (110, 1), (129, 2), (REST, 3))
RR: Bands = ((8, 2), (14, 0), (20, 1), (29, 2), (REST, 3))
TEMP: Bands = ((34.9, 2), (38.4, 0), (REST, 2))
LEVEL = {"A": 0, "C": 1, "V": 1, "P": 2, "U": 3}  # Subbe's AVPU has no C; new confusion is not "alert"


@score("mews", ["sbp", "hr", "rr", "temp"], uses=["consciousness"])
def _mews(case: Case) -> Tally:
    letter, sources = case.ask(case.graph.named["consciousness"])
    conscious = (
        Part("consciousness", None, 3, (), Missing("acvpu"))
        if letter is None
        else Part("consciousness", LEVEL[letter], 3, sources)
    )
    parts = (
        banded(case, "sbp", SBP, 3),
        banded(case, "hr", HR, 3),
        banded(case, "rr", RR, 3),
        banded(case, "temp", TEMP, 2, 1),
        conscious,
    )
    return tallied("mews", "mews.subbe2001", parts)
