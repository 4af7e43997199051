"""The fixed words of the boards: levels, step states, faults, ages. Times of day are `schemas.local_time`."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from schemas.boards.views import WrongClock
from schemas.clinical.findings import StepState
from schemas.clinical.scores import Score
from schemas.codes.concepts import CONCEPTS
from schemas.events.quarantine import Fault

HOUR, DAY = 60, 24 * 60  # minutes
LABEL_LONG = 12  # longer names give way to the short form, as in guidelines.evidence
SECONDS_SAID = 120  # how far off a clock is: from here on in minutes
UNKNOWN_NAMED_MAX = 2  # parts of a score that are named as unknown on a card; the summary names all


class LevelWords(NamedTuple):
    """How a level is told besides its colour: a word, a mark inside a shape of its own, and a sentence."""

    word: str
    mark: str
    meaning: str


# Colours and their order follow IEC 60601-1-8 (red high, yellow medium, cyan low); they are in board.css.
LEVELS: Mapping[str, LevelWords] = {
    "critical": LevelWords("CRITICAL", "!!!", "Critical: act now"),
    "warning": LevelWords("WARNING", "!!", "Warning: act soon"),
    "watch": LevelWords("WATCH", "!", "Watch: expected, not present yet"),
    "ask": LevelWords("CANNOT TELL", "?", "The rules cannot tell: a measurement is missing"),
    "unjudged": LevelWords("NOT JUDGED", "✕", "A fault of this program: the rules cannot look at this bed"),
    "silent": LevelWords("NO DATA", "∅", "Nothing is heard from this bed"),
    "calm": LevelWords("no warning", "", "No rule speaks; this does not say that the patient is well"),
}

STEP_STATES: Mapping[StepState, str] = {
    StepState.OFFERED: "offered",
    StepState.MODIFIED: "changed",
    StepState.WITHHELD: "withheld",
    StepState.NEEDS_CHECK: "needs a check first",
    StepState.DISCUSS: "discuss first",
    StepState.DONE: "done",
}

FAULTS: Mapping[Fault, str] = {
    Fault.UNDECODABLE: "The bytes could not be read as a message: the sender's encoding or format is broken.",
    Fault.UNKNOWN_FIELD: "The message has a field that this version does not know, so nothing of it was used.",
    Fault.UNKNOWN_CONCEPT: "The measurement is not in the list of known ones: add its code to the sender's mapping.",
    Fault.UNKNOWN_UNIT: "The unit is unknown or does not fit the measurement, so the value was not guessed at.",
    Fault.IMPOSSIBLE_VALUE: "The value cannot be true of a living patient: probably a unit or typing error.",
    Fault.NAIVE_TIME: "The time has no zone, so it is not known when this was true.",
    Fault.FUTURE_TIME: "The time lies in the future: the sender's clock is ahead.",
    Fault.CLOCK_JUMP: "The sender's clock jumped, so the order of its messages is not known.",
    Fault.TOO_LARGE: "The message is larger than allowed.",
    Fault.FLOOD: "More messages came for one bed than it can hold; the rest were put aside.",
    Fault.WRONG_VERSION: "The message has a version of the format that is not supported.",
    Fault.INVALID: "The message does not have the form that was agreed.",
    Fault.INTERNAL: "A fault of this program: the message may be right, and can be sent again once that is mended.",
}


def age(moment: datetime, now: datetime) -> str:
    """How long ago: now, 4 min, 2 h 05, 3 d. board.js says the same between two updates: keep them alike."""
    minutes = int((now - moment).total_seconds() // 60)
    if minutes < 1:
        return "now"
    if minutes < HOUR:
        return f"{minutes} min"
    if minutes < 2 * DAY:
        return f"{minutes // HOUR} h {minutes % HOUR:02d}"
    return f"{minutes // DAY} d"


def amiss(clock: WrongClock) -> str:
    """How wrong the clock of a source is: 5 min behind."""
    seconds = abs(clock.off_s)
    off = f"{seconds:.0f} s" if seconds < SECONDS_SAID else f"{seconds / 60:.0f} min"
    return f"{off} {'behind' if clock.off_s > 0 else 'ahead'}"


def until(moment: datetime, now: datetime) -> str:
    """How long until a time, or for how long it has been over: in 33 min, overdue by 4 min."""
    if moment >= now:
        return f"in {age(now, moment)}" if moment - now >= timedelta(minutes=1) else "now"
    return f"overdue by {age(moment, now)}" if now - moment >= timedelta(minutes=1) else "now"


def part(name: str) -> str:
    """What a person calls a component of a score: as in a sentence, a short word where there is one."""
    known = CONCEPTS.get(name)
    if known is None:
        return name.replace("_", " ")
    return known.name if len(known.name) <= LABEL_LONG else known.short


def score(score: Score | None) -> str:
    """The total; with missing parts the least it can be and what is unknown: ≥5 of 20, Temp unknown."""
    if score is None:
        return "unknown"
    if score.total is not None:
        return str(score.total)
    unknown = [part(p.name) for p in score.parts if p.points is None]
    most = sum(p.most for p in score.parts)
    more = len(unknown) - UNKNOWN_NAMED_MAX
    named = ", ".join(unknown[:UNKNOWN_NAMED_MAX]) + (f" and {more} more" if more > 0 else "")
    if len(unknown) == len(score.parts):
        return "unknown: no part measured"
    return f"≥{score.lower} of {most}, {named} unknown"


def source(ref: str) -> str:
    """Where a reading came from, read from its identity (schemas.events.identity); empty for anything else."""
    match ref.split("|"):
        case ["r", _, method, source, *_]:
            return f"{source}, {method}" if method else source
    return ""
