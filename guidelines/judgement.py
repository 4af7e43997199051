"""All that a rule book says of one snapshot, in words: what worked examples and questions at a desk ask for.

A bed is judged in parts that ask and say only what is new (`guidelines.evaluation`, `guidelines.findings`); this is the
same, at once and in full.
"""

from collections.abc import Mapping

from guidelines.book.load import Book
from guidelines.evaluation import evaluated
from guidelines.evidence import NO_OUTLOOK
from guidelines.findings import Telling
from guidelines.rules.case import Case
from schemas.clinical.findings import Finding, Judgement, Onset, Truth
from schemas.clinical.forecasts import Outlook
from schemas.clinical.snapshot import Snapshot


def judge(
    snapshot: Snapshot, book: Book, outlook: Outlook = NO_OUTLOOK, onsets: Mapping[str, Onset] | None = None
) -> Judgement:
    """Every finding of every guideline, loudest first within each, and the truth of every trigger.

    `onsets` holds, by rule, when each first spoke in its present episode; also of those that are no longer true while
    the episode lasts. What is not in it begins now. Of those outside of its population a guideline says nothing.
    """
    case = Case(snapshot, outlook, book.rules.graph)
    findings: list[Finding] = []
    truths: dict[str, Truth] = {}
    for guideline in book.rules.guidelines:
        found = evaluated(case, guideline, onsets or {})
        telling = Telling(case, guideline, onsets or {}, book.worse)
        telling.begins(found.speaking)
        findings += [telling.finding(one) for one in found.speaking]
        truths |= found.truths
    return Judgement(findings=tuple(findings), truths=truths)
