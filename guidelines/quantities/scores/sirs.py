"""SIRS criteria, 0–4, strict inequalities. Reference §1.4."""

from collections.abc import Callable

from guidelines.quantities.scores.tally import Part, Tally, rounded, score, tallied, unknown_part
from guidelines.rules.case import Case

Test = tuple[str, Callable[[float], bool]]


def tested(case: Case, name: str, *tests: Test) -> Part:
    """One point if any of several readings passes its test; unknown while none passes and the first is missing."""
    seen = [(reading, passes) for concept, passes in tests if (reading := case.latest(concept)) is not None]
    hit = [reading for reading, passes in seen if reading.value is not None and passes(reading.value)]
    if hit:
        return Part(name, 1, 1, tuple(hit))
    first = tests[0][0]  # the others (PaCO2, bands) can add the point; they are not owed
    if not seen or seen[0][0].concept != first:
        return unknown_part(name, 1, first)
    return Part(name, 0, 1, tuple([reading for reading, _ in seen]))


@score("sirs", ["temp", "hr", "rr", "paco2", "wbc", "bands"])
def _sirs(case: Case) -> Tally:
    parts = (
        tested(case, "temp", ("temp", lambda x: not 36.0 <= rounded(x, 1) <= 38.0)),
        tested(case, "hr", ("hr", lambda x: rounded(x) > 90)),
        tested(case, "rr", ("rr", lambda x: rounded(x) > 20), ("paco2", lambda x: x < 32)),
        tested(case, "wbc", ("wbc", lambda x: x > 12 or x < 4), ("bands", lambda x: x > 10)),
    )
    return tallied("sirs", "SIRS (1992)", parts)
