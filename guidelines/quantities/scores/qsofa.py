"""qSOFA, 0–3. Reference §1.3; never a trigger of its own (SEP.B12)."""

from guidelines.quantities.scores.sirs import tested
from guidelines.quantities.scores.tally import Part, Tally, rounded, score, tallied
from guidelines.rules.answers import Missing
from guidelines.rules.case import Case


@score("qsofa", ["rr", "sbp", "gcs_total"], uses=["consciousness"])
def _qsofa(case: Case) -> Tally:
    letter, sources = case.ask(case.graph.named["consciousness"])
    total = case.latest("gcs_total")
    if total is not None and total.value is not None:
        mentation = Part("mentation", int(total.value < 15), 1, (total,))
    elif letter is not None:
        mentation = Part("mentation", int(letter != "A"), 1, sources)
    else:
        mentation = Part("mentation", None, 1, (), Missing("gcs_total"))
    parts = (
        tested(case, "rr", ("rr", lambda x: rounded(x) >= 22)),
        tested(case, "sbp", ("sbp", lambda x: rounded(x) <= 100)),
        mentation,
    )
    return tallied("qsofa", "qSOFA", parts)
