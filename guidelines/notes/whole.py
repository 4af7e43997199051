"""What the note as a whole says: findings that decide about one another."""

from collections.abc import Sequence
from dataclasses import replace

from guidelines.notes.facts import Fact
from guidelines.notes.limits import limit
from guidelines.notes.places import locate
from guidelines.notes.words import Text
from schemas.clinical.facts import Experiencer, Polarity, Temporality

_LEFT = frozenset({"l", "left", "lul", "lll", "lt"})
_RIGHT = frozenset({"r", "right", "rul", "rll", "rml", "rt"})
_VITALS = ("spo2", "resp.desat", "hr", "hr.high", "hr.low", "bp.low", "resp.rr", "resp.rr_high", "resp.rr_low", "rr")
_REACTIONS = ("skin.urticaria_angioedema", "resp.throat_tight", "resp.stridor")
_INFECTIONS = ("infection.source", "infection.sepsis", "infection.other", "infection.nec")


def settle(text: Text, facts: list[Fact]) -> None:
    """Change and add facts by what the others say."""
    _groups(facts)
    _artefacts(text, facts)
    _baseline(text, facts)
    _sides(text, facts)
    _weak(facts)
    _resolved(text, facts)
    locate(text, facts)
    limit(text, facts)
    _allergy(text, facts)
    _infection(facts)


def _sides(text: Text, facts: list[Fact]) -> None:
    """Crackles are of one side when the sentence names one; both sides in one note make them bilateral."""
    sides: dict[str, Fact] = {}
    for fact in list(facts):
        if fact.concept != "resp.crackles":
            continue
        around = range(max(fact.start - 8, 0), min(fact.end + 4, len(text.words)))
        near = [text.words[k] for k in around if text.sentence[k] == text.sentence[fact.start]]
        left, right = not _LEFT.isdisjoint(near), not _RIGHT.isdisjoint(near)
        if left == right:
            fact.concept = "resp.crackles_bilat"
            continue
        fact.concept, fact.detail = "resp.crackles_focal", "left" if left else "right"
        if fact.usable:
            sides[fact.detail] = fact
    if len(sides) > 1:
        last = max(sides.values(), key=lambda fact: fact.start)
        facts.append(replace(last, concept="resp.crackles_bilat", detail=None))


def _groups(facts: Sequence[Fact]) -> None:
    """Of facts that exclude each other (oxygen device, rhythm) the one said last is current."""
    last: dict[str, Fact] = {}
    for fact in facts:
        current = fact.temporality is Temporality.CURRENT and fact.experiencer is Experiencer.PATIENT
        if fact.entry.group and current and not fact.copied and fact.polarity is not Polarity.UNCERTAIN:
            before = last.get(fact.entry.group)
            if before is not None and before.start != fact.start:
                before.temporality = Temporality.HISTORICAL
            last[fact.entry.group] = fact


def _artefacts(text: Text, facts: Sequence[Fact]) -> None:
    """A number called an artefact is not the patient's; a kinked catheter explains a missing urine."""
    vitals: dict[int, list[Fact]] = {}
    urine: dict[int, list[Fact]] = {}
    for fact in facts:
        sentence = text.sentence[fact.start]
        if fact.concept in _VITALS:
            vitals.setdefault(sentence, []).append(fact)
        elif fact.concept in {"renal.anuria", "renal.uop_low"}:
            urine.setdefault(sentence, []).append(fact)
        elif fact.concept == "quality.artifact" and fact.polarity is Polarity.AFFIRMED:
            for vital in vitals.pop(sentence, ()):
                vital.polarity, vital.detail = Polarity.NEGATED, "artifact"
        elif fact.concept == "renal.catheter_blocked" and fact.polarity is Polarity.AFFIRMED:
            for low in urine.pop(sentence, ()):
                low.polarity, low.detail = Polarity.NEGATED, "catheter blocked"
    drained = {text.sentence[f.start] for f in facts if f.concept == "urine"}
    for fact in facts:
        if fact.concept == "renal.catheter_blocked" and text.sentence[fact.start] in drained:
            fact.temporality = Temporality.HISTORICAL


def _baseline(text: Text, facts: Sequence[Fact]) -> None:
    """Where a sentence calls its mental state the baseline and unchanged, every neurological finding in it is."""
    neuro = [f for f in facts if f.concept.startswith("neuro.")]
    old = {text.sentence[f.start] for f in neuro if f.temporality is Temporality.HISTORICAL}
    same = {text.sentence[f.start] for f in facts if f.concept == "meta.unchanged" and f.usable}
    for fact in neuro:
        if text.sentence[fact.start] in old and text.sentence[fact.start] in same:
            fact.temporality = Temporality.HISTORICAL


def _weak(facts: list[Fact]) -> None:
    """A weak sign ("black stools", "pulling at lines") adds nothing where the note says what it is a sign of."""
    plain = {f.concept for f in facts if f.entry.polarity is Polarity.AFFIRMED and f.usable}
    facts[:] = [f for f in facts if f.entry.polarity is not Polarity.UNCERTAIN or f.concept not in plain]


def _resolved(text: Text, facts: list[Fact]) -> None:
    """ "Resolved" behind a finding says that it is gone; only by itself does it say how the patient does."""
    gone = {
        text.clause[f.start] for f in facts if f.polarity is Polarity.NEGATED or f.temporality is Temporality.HISTORICAL
    }
    facts[:] = [f for f in facts if not (_is_resolved(text, f) and text.clause[f.start] in gone)]


def _is_resolved(text: Text, fact: Fact) -> bool:
    return fact.concept == "change.down" and "resolved" in text.words[fact.start : fact.end]


def _allergy(text: Text, facts: list[Fact]) -> None:
    """An allergy whose reaction is told is one; hives after a drug was started in the sentence perhaps are."""
    told = [f for f in facts if f.concept.startswith("allergy.") and f.detail]
    plain = {(f.concept, f.detail) for f in facts}
    facts.extend(replace(f, concept="allergy") for f in told if ("allergy", f.detail) not in plain)
    started: dict[int, Fact] = {}
    for fact in list(facts):
        sentence = text.sentence[fact.start]
        if fact.usable and fact.concept == "abx.started" and fact.detail:
            started[sentence] = fact
        elif fact.usable and fact.concept in _REACTIONS and sentence in started:
            drug = started.pop(sentence)
            facts.append(replace(drug, concept="allergy", polarity=Polarity.UNCERTAIN, value=None, unit=None))


def _infection(facts: list[Fact]) -> None:
    """One `infection.level` per note that speaks of infection (reference §1.14), resting on the words that decide.

    definite: a positive culture or a confirmed infection; probable: infection said without a hedge, or hedged while an
    antimicrobial was started; possible: hedged; unlikely: sepsis or infection as such denied. An antimicrobial or a
    culture alone gives none: the rules pair these with what is charted.
    """
    own = [f for f in facts if f.experiencer is Experiencer.PATIENT and f.temporality is Temporality.CURRENT]
    own = [f for f in own if not f.copied]
    said = [f for f in own if f.concept.startswith(_INFECTIONS)]
    sure = [f for f in said if f.polarity is Polarity.AFFIRMED]
    hedged = [f for f in said if f.polarity is Polarity.UNCERTAIN]
    treated = [f for f in own if f.usable and f.concept == "abx.started"]
    proved = [f for f in own if f.usable and (f.concept == "culture.positive" or f.detail == "definite")]
    ranked = (
        ("definite", Polarity.AFFIRMED, proved),
        ("probable", Polarity.AFFIRMED, sure or (treated if hedged else [])),
        ("possible", Polarity.UNCERTAIN, hedged),
        ("unlikely", Polarity.NEGATED, [f for f in said if f.concept == "infection.sepsis"]),
    )
    for level, polarity, grounds in ranked:
        if grounds:
            ground = replace(grounds[0], concept="infection.level", polarity=polarity, detail=level)
            facts.append(replace(ground, value=None, unit=None))
            return
