"""What the life of an alert depends on beside its rules: what cannot be seen, what was taken back, what was asked."""

from collections.abc import Iterable
from datetime import datetime

from guidelines.book.compiled import GuidelineNode
from guidelines.evaluation import Evaluation
from guidelines.evidence import PARTS, amount, clock, evidence, label
from guidelines.rules.answers import Answer, Missing
from guidelines.rules.case import NOTES_VALID, Case, members
from schemas.clinical.findings import Evidence, Level, Truth
from schemas.codes.concepts import CONCEPTS
from schemas.events import Note, Reading, Treatment
from streams.core.absorb import Instant, TakenBack
from streams.core.alerting import Circumstances
from streams.core.bed import Bed, Episode
from streams.core.policy import Policy


def circumstances(
    bed: Bed, guideline: GuidelineNode, found: Evaluation, instant: Instant, case: Case, policy: Policy
) -> Circumstances:
    """What the table must know of this bed besides one guideline's evaluation."""
    episode = bed.episodes.get(found.guideline)
    return Circumstances(
        unseen=frozenset() if episode is None else _unseen(episode, guideline, found, case),
        taken_back=episode is not None and bool(_of(instant, episode)),
        has_moved=instant.moved,
        held_back=_just_came(bed),
        other_alarm=episode is not None
        and guideline.guideline.each_is_news
        and _other_alarm(episode, found, instant.at, policy),
        given=episode is not None and _was_given(episode, found),
        said_before=episode is None and _said_before(bed, guideline, found, case, policy),
    )


def _unseen(episode: Episode, guideline: GuidelineNode, found: Evaluation, case: Case) -> frozenset[str]:
    """The rules that have spoken, cannot be told now, and of whose reasons at least one is open.

    A rule whose reasons are all known not to hold has ended: what else it asks for is a question.
    """
    rests_on = {f.rule: _subjects(f.evidence) for f in (episode.finding, *episode.others)}
    return frozenset(
        trigger.rule.id
        for trigger in guideline.triggers
        if found.truths[trigger.rule.id] is Truth.UNKNOWN
        and any(
            _names(missing.subject) & rests_on.get(trigger.rule.id, frozenset())
            for leaf in trigger.node.leaves()
            for missing in _missing(case.ask(leaf))
        )
    )


def _missing(answer: Answer) -> tuple[Missing, ...]:
    return answer.missing if answer.truth is Truth.UNKNOWN else ()


def _subjects(items: Iterable[Evidence]) -> frozenset[str]:
    """What a finding rests on; of a note's fact also its family."""
    names = {item.subject for item in items}
    return frozenset(names | {name.partition(".")[0] for name in names})


def _names(subject: str) -> frozenset[str]:
    """All under which something that is missing may have been given: itself, its parts, the drugs of its class."""
    return frozenset((subject, *PARTS.get(subject, ()))) | members(subject)


def outside_words(case: Case, guideline: GuidelineNode) -> str:
    """For whom the guideline is, and what says that the patient, whom it is not for, is none of them."""
    assert guideline.outside is not None
    said = [evidence(case, source) for source in case.ask(guideline.outside).sources]
    because = "; ".join(f"{e.label} {e.shown}" + (f" at {clock(case, e.at)}" if e.at else "") for e in said)
    return f"Outside of {guideline.guideline.id}, which is for {guideline.guideline.population}: {because}"


# -- taken back

TAKEN_BACK = ("Withdrawn: ", "Corrected: ")
"""How the remarks begin that say what no longer stands."""


def _of(instant: Instant, episode: Episode) -> list[TakenBack]:
    """What was taken back of all that the last words rest on."""
    if not instant.taken_back:
        return []
    findings = (episode.finding, *episode.others)
    refs = {ref for f in findings for e in (*f.evidence, *f.sentence.evidence) for ref in e.ref.split(" + ")}
    return [one for one in instant.taken_back if one.ref in refs]


def taken_back_words(case: Case, instant: Instant, episode: Episode) -> tuple[str, ...]:
    """One remark for each thing that no longer stands."""
    moved = (f"The patient was moved at {clock(case, instant.at)}",) if instant.moved else ()
    return (*(_words(case, one) for one in _of(instant, episode)), *moved)


def _words(case: Case, one: TakenBack) -> str:
    at = clock(case, one.old.observed_at)
    match one.old:
        case Reading():
            thing, was = f"the {label(one.old.concept)} of {at}", _shown(one.old)
        case Note():
            thing, was = f"the note of {at}", ""
        case Treatment():
            thing, was = f"{label(one.old.item)} at {at}", ""
    if one.new is None:
        return f"Withdrawn: {thing} was entered in error" + (f" ({was})" if was else "")
    is_now = f" is {_shown(one.new)}, not {was}" if isinstance(one.new, Reading) else " was corrected"
    return f"Corrected: {thing}{is_now}"


def _shown(reading: Reading) -> str:
    return amount(reading.concept, reading.value) if reading.value is not None else str(reading.code)


def _other_alarm(episode: Episode, found: Evaluation, at: datetime, policy: Policy) -> bool:
    """Whether a rule speaks at the level of the episode that has not spoken in it, or had fallen silent for long."""
    return any(
        one.level is episode.level and (one.rule not in episode.levels or _is_back(episode, one.rule, at, policy))
        for one in found.speaking
    )


def _was_given(episode: Episode, found: Evaluation) -> bool:
    """Whether something was given that was withheld, and the last words do not say so."""
    told = {finding.rule for finding in (episode.finding, *episode.others)}
    return any(one.kind == "given" and one.rule not in told for one in found.speaking)


def _is_back(episode: Episode, rule: str, at: datetime, policy: Policy) -> bool:
    left = episode.left.get(rule)
    return left is not None and at - left >= policy.settled(episode.level)


# -- just come


def _just_came(bed: Bed) -> bool:
    """Whether nothing was heard of the patient since the last move: old values alone raise nothing in a new place."""
    chart = bed.chart
    moved_at, heard_at = chart.moved_at, chart.heard_at
    if moved_at is None or heard_at is None or heard_at >= moved_at:
        return False
    heard = (*(fact.available_at for fact in chart.facts), *(dose.available_at for dose in chart.treatments))
    return max(heard, default=heard_at) < moved_at


# -- said before


def remembered(bed: Bed, episode: Episode, at: datetime) -> Bed:
    """The bed that remembers what a question asks for, or what is watched for."""
    if episode.level not in (Level.ASK, Level.WATCH):
        return bed
    asks = episode.level is Level.ASK
    subjects = [need.subject for need in episode.finding.needs] if asks else [episode.finding.rule]
    return bed._replace(asked={**bed.asked, **dict.fromkeys(subjects, at)})


def _said_before(bed: Bed, guideline: GuidelineNode, found: Evaluation, case: Case, policy: Policy) -> bool:
    """Whether all that a question asks for was asked for not long ago, or is never charted here and was asked for once;
    or this was watched for not long ago.

    What is known and only has to be measured again is asked for at once: a new value is a new reason.
    """
    if not found.speaking or found.speaking[0].level not in (Level.ASK, Level.WATCH):
        return False
    one = found.speaking[0]
    if one.level is Level.WATCH:
        before = bed.asked.get(one.rule)
        return before is not None and case.now - before < policy.ask_again_after
    node = next(t.node for t in guideline.triggers if t.rule.id == one.subject)
    return all(_was_asked(bed, missing.subject, case, policy) for missing in case.ask(node).missing)


def _was_asked(bed: Bed, subject: str, case: Case, policy: Policy) -> bool:
    before = bed.asked.get(subject)
    if before is None:
        return False
    if subject not in CONCEPTS:
        return case.now - before < NOTES_VALID or not bed.chart.facts  # nobody writes notes that are heard here
    if case.latest(subject) is not None:
        return False
    return case.now - before < policy.ask_again_after or not case.has(subject)
