"""What the note as a whole says: findings that decide about one another."""

from collections.abc import Sequence
from dataclasses import replace

from guidelines.notes.facts import Fact
from guidelines.notes.lexicon import BARE, ENDED, GONE, IMPLIED, LISTS
from guidelines.notes.limits import limit
from guidelines.notes.places import locate
from guidelines.notes.words import Text, is_number
from schemas.clinical.facts import Experiencer, Polarity, Temporality

_LEFT = frozenset({"l", "left", "lul", "lll", "lt"})
_RIGHT = frozenset({"r", "right", "rul", "rll", "rml", "rt"})
_VITALS = ("spo2", "resp.desat", "hr", "hr.high", "hr.low", "bp.low", "resp.rr", "resp.rr_high", "resp.rr_low", "rr",
           "ecg.ventricular", "ecg.afib")  # fmt: skip
_REACTIONS = ("skin.urticaria_angioedema", "resp.throat_tight", "resp.stridor")
_BREATHING = ("resp.", "infection.source_lung", "dx.copd", "o2.", "spo2", "img.effusion", "img.p", "cardiac.adhf")
_PATIENT = frozenset({"pt", "patient", "pts"})
BEFORE_RELATIVE = 4  # words before a pregnancy that may say whose it is
BARE_OXYGEN = "o2.bare"  # litres without a word of oxygen
_INFECTIONS = ("infection.source", "infection.sepsis", "infection.other", "infection.nec")


def settle(text: Text, facts: list[Fact]) -> None:
    """Change and add facts by what the others say."""
    _labels(text, facts)
    _bare(text, facts)
    _gone(text, facts)
    _groups(facts)
    _artefacts(text, facts)
    _baseline(text, facts)
    _sides(text, facts)
    _weak(text, facts)
    _resolved(text, facts)
    _relatives(text, facts)
    locate(text, facts)
    _prophylaxis(text, facts)
    limit(text, facts)
    _allergy(text, facts)
    _implied(facts)
    _infection(facts)


def _relatives(text: Text, facts: Sequence[Fact]) -> None:
    """ "Wife 30/40 pregnant", "daughter is pregnant", "pregnant partner": hers, not the patient's."""
    for fact in facts:
        if fact.concept == "ob.pregnant":
            around = range(max(fact.start - BEFORE_RELATIVE, 0), min(fact.end + 1, len(text.words)))
            here = {text.words[k] for k in around if text.clause[k] == text.clause[fact.start]}
            if not LISTS["relatives"].isdisjoint(here) and _PATIENT.isdisjoint(here):
                fact.experiencer = Experiencer.FAMILY


def _labels(text: Text, facts: list[Fact]) -> None:
    """Of a label and what is said behind it of the same thing only this counts: "Delirium: CAM negative"."""
    labels = [f for f in facts if text.words[f.end : f.end + 1] == [":"] and f.value is None]
    if not labels:
        return
    last = {(text.sentence[f.start], f.concept): f.start for f in facts}
    named = {id(f) for f in labels if last[text.sentence[f.start], f.concept] > f.start}
    facts[:] = [f for f in facts if id(f) not in named]


def _bare(text: Text, facts: list[Fact]) -> None:
    """ "Pneumonia, 3 L, stable", "afebrile, RA": what means little elsewhere is plain where it is a clause of its own.

    Litres are oxygen where the sentence is of breathing, or holds nothing else.
    """
    if BARE.keys().isdisjoint([f.concept for f in facts]):
        return
    breathing = {text.sentence[f.start] for f in facts if f.concept not in BARE and f.concept.startswith(_BREATHING)}
    for fact in facts:
        if fact.concept in BARE and _is_alone(text, fact, text.clause):
            own = text.sentence[fact.start] in breathing or _is_alone(text, fact, text.sentence)
            fact.concept = BARE[fact.concept] if own or fact.concept != BARE_OXYGEN else fact.concept
    facts[:] = [f for f in facts if f.concept not in BARE]


def _is_alone(text: Text, fact: Fact, parts: Sequence[int]) -> bool:
    """Whether nothing but a sign follows the phrase in its part of the text, and nothing stands before it."""
    here, after = parts[fact.start], fact.end
    follows = after < len(text.words) and parts[after] == here and text.words[after] not in {",", ".", ";", ")", "!"}
    return not follows and (fact.start == 0 or parts[fact.start - 1] != here)


def _gone(text: Text, facts: list[Fact]) -> None:
    """What was so before the note says that it is no more: "BP 78/52 -> 112/70", "rash ... now gone"."""
    over = {concept: f.start for f in facts if f.concept in GONE for concept in GONE[f.concept]}
    denied = [f for f in facts if f.polarity is Polarity.NEGATED]
    over |= {f.concept: f.start for f in denied if not LISTS["over"].isdisjoint(_clause(text, f))}
    ended = [f for f in facts if _is_ended(f)]
    over |= {concept: f.start for f in ended for concept in (f.concept, *ENDED.get(f.concept, ()))}
    for fact in facts:
        if fact.start < over.get(fact.concept, 0) and fact.temporality is Temporality.CURRENT:
            fact.temporality = Temporality.HISTORICAL
    facts[:] = [f for f in facts if f.concept not in GONE]


def _clause(text: Text, fact: Fact) -> list[str]:
    """The words of the clause that a fact stands in."""
    at = text.clauses[text.clause[fact.start]]
    return text.words[at.start : at.stop]


def _is_ended(fact: Fact) -> bool:
    """Whether the phrase itself says that a treatment was stopped ("levo off", "extubated")."""
    told = fact.entry.polarity is Polarity.NEGATED and fact.entry.change == "down"
    return told and fact.polarity is Polarity.NEGATED and fact.temporality is Temporality.CURRENT


def _prophylaxis(text: Text, facts: Sequence[Fact]) -> None:
    """An antimicrobial beside words of prevention prevents, and treats nothing."""
    if LISTS["prevention"].isdisjoint(text.words):
        return
    for fact in facts:
        if fact.concept == "abx.started":
            here = _clause(text, fact)
            if text.words[fact.end : fact.end + 1] == ["("]:  # "cefazolin 2 g (ppx)"
                behind = text.clauses.get(text.clause[fact.start] + 1, range(0))
                here = here + text.words[behind.start : behind.stop]
            if not LISTS["prevention"].isdisjoint(here) and LISTS["prevented_otherwise"].isdisjoint(here):
                fact.concept = "abx.prophylaxis"


def _implied(facts: list[Fact]) -> None:
    """What is said with another word: who is suddenly short of breath is short of breath."""
    said = {(f.start, f.concept) for f in facts}
    telling = [f for f in facts if f.concept in IMPLIED and f.polarity is Polarity.AFFIRMED]
    more = [replace(f, concept=IMPLIED[f.concept]) for f in telling]
    facts.extend(f for f in more if (f.start, f.concept) not in said)


def _sides(text: Text, facts: list[Fact]) -> None:
    """Crackles are of one side when the sentence names one; both sides in one note make them bilateral."""
    sides: dict[str, Fact] = {}
    for fact in list(facts):
        if fact.concept != "resp.crackles":
            continue
        around = range(max(fact.start - 8, 0), min(fact.end + 4, len(text.words)))
        litres = {k for k in around if text.words[k] == "l" and k and is_number(text.words[k - 1])}  # "3 L NC"
        near = [text.words[k] for k in around if text.sentence[k] == text.sentence[fact.start] and k not in litres]
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
        if fact.entry.group and current and not fact.copied and fact.polarity is fact.entry.polarity:
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
            for low in urine.pop(sentence, ()) or urine.pop(sentence - 1, ()):
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


def _weak(text: Text, facts: list[Fact]) -> None:
    """A weak sign ("black stools") or a guess ("AKI, likely ATN") adds nothing where the note says plainly what is."""
    doubted = [f for f in facts if Polarity.UNCERTAIN in (f.polarity, f.entry.polarity)]
    if not doubted:
        return
    plain = {f.concept for f in facts if f.entry.polarity is Polarity.AFFIRMED and f.usable}
    beside = {(text.sentence[f.start], f.concept) for f in facts if f.usable}

    def is_weak(fact: Fact) -> bool:
        guessed = fact.polarity is Polarity.UNCERTAIN and fact.temporality is Temporality.CURRENT
        near = guessed and (text.sentence[fact.start], fact.concept) in beside
        return near or (fact.entry.polarity is Polarity.UNCERTAIN and fact.concept in plain)

    weak = {id(f) for f in doubted if is_weak(f)}
    facts[:] = [f for f in facts if id(f) not in weak]


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
    listed = {text.sentence[f.start] for f in facts if f.concept.startswith("allergy")}
    for fact in facts:
        if fact.concept in _REACTIONS and text.sentence[fact.start] in listed and text.words[fact.start - 1] == "(":
            fact.temporality = Temporality.HISTORICAL  # "lisinopril (angioedema)"
    told = [f for f in facts if f.concept.startswith("allergy.") and f.detail]
    plain = {(f.concept, f.detail) for f in facts}
    facts.extend(replace(f, concept="allergy") for f in told if ("allergy", f.detail) not in plain)
    started: dict[int, Fact] = {}
    for fact in list(facts):
        sentence = text.sentence[fact.start]
        if fact.concept == "abx.started" and fact.detail and fact.usable:
            started[sentence] = fact
        elif fact.concept in _REACTIONS and sentence in started and fact.usable:
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
    treated = [f for f in own if f.concept == "abx.started" and f.usable]
    for fact in own:
        if fact.polarity is Polarity.NEGATED and fact.detail == "bloodstream":  # "no bacteremia" denies no pneumonia
            fact.concept = "infection.bloodstream"
    proved = [f for f in own if (f.concept == "culture.positive" or f.detail == "definite") and f.usable]
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
