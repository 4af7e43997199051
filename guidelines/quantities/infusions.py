"""What runs: the norepinephrine equivalent of all vasopressors (reference §1.17)."""

from collections.abc import Mapping
from datetime import timedelta

from guidelines.rules import noted
from guidelines.rules.answers import Interval, Sample, Source, exact
from guidelines.rules.case import Case
from guidelines.rules.kinds import infused
from guidelines.rules.noted import RUNNING_READS
from guidelines.rules.registry import SERIES, given_of, number
from schemas.events import Treatment

# µg/kg/min of norepinephrine per canonical unit of each (vasopressin in U/min, angiotensin II in ng).
NOREPINEPHRINE_EQUIVALENT: Mapping[str, float] = {
    "norepinephrine": 1.0, "epinephrine": 1.0, "phenylephrine": 0.1, "dopamine": 0.01, "vasopressin": 2.5,
    "angiotensin_ii": 0.01, "metaraminol": 0.125,
}  # fmt: skip
READS = ["ned", *(read for drug in NOREPINEPHRINE_EQUIVALENT for read in (*given_of(drug), *RUNNING_READS))]


@number("ned", READS)
def _ned(case: Case) -> Interval:
    total = 0.0
    sources: list[Source] = []
    for drug, factor in NOREPINEPHRINE_EQUIVALENT.items():
        rate = noted.rate(case, drug)
        if rate.missing:
            return rate
        total += factor * rate.low
        sources += rate.sources
    if not sources:
        return Interval(0.0, 0.0)
    return exact("ned", total, max(t.observed_at for t in sources if isinstance(t, Treatment)), *sources)


def _ned_series(case: Case, span: timedelta) -> list[Sample]:
    only_noted = not case.running("vasopressor") and noted.running(case, "vasopressor") is not None
    is_known = case.treatments_heard and not only_noted
    return infused(case, NOREPINEPHRINE_EQUIVALENT, span) if is_known else []


SERIES["ned"] = _ned_series
