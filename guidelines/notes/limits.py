"""Limits of treatment that take two words: "no pressors" is a state; beside "DNR" it is a limit (state is not plan)."""

from collections import Counter
from dataclasses import replace

from guidelines.notes.facts import Fact
from guidelines.notes.lexicon import LIMITED
from guidelines.notes.words import Text
from schemas.clinical.facts import Experiencer, Polarity, Temporality

SHORT_SENTENCE = 5  # words of a sentence that may go on with the limits of the one before ("DNR. No intubation.")


def limit(text: Text, facts: list[Fact]) -> None:
    """Treatments of last resort that are denied beside words of limiting are limits; so is comfort care."""
    spoken = {text.sentence[f.start] for f in facts if f.concept.startswith("limit.") and f.usable and not _refused(f)}
    lengths = Counter(text.sentence) if spoken else {}
    spoken |= {s + 1 for s in spoken if lengths.get(s + 1, 0) <= SHORT_SENTENCE}
    for fact in list(facts):
        if fact.concept in LIMITED and text.sentence[fact.start] in spoken and _denied_now(fact):
            concept = LIMITED[fact.concept]
            facts.append(replace(fact, concept=concept, polarity=Polarity.AFFIRMED, value=None, unit=None, detail=None))
    told = {f.start for f in facts if f.concept == "limit.no_escalation"}
    comfort = [f for f in facts if f.concept == "limit.comfort_care" and f.start not in told]
    facts.extend(replace(fact, concept="limit.no_escalation") for fact in comfort)


def _refused(fact: Fact) -> bool:
    """A refusal is of one thing, and no limit."""
    return fact.concept == "limit.refused"


def _denied_now(fact: Fact) -> bool:
    own = fact.experiencer is Experiencer.PATIENT and fact.temporality is not Temporality.HISTORICAL
    return own and fact.polarity is Polarity.NEGATED and fact.detail != "stopped"
