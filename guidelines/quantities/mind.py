"""Consciousness: the ACVPU letter, charted or worked out from the Glasgow scale (reference §1.1), and what hides it."""

from datetime import datetime, timedelta

from guidelines.rules import noted
from guidelines.rules.answers import Answer, no, yes
from guidelines.rules.case import FILLED, Case
from guidelines.rules.registry import given_of, predicate, shared
from schemas.events import Action, Reading

SEDATED_WITHIN = timedelta(hours=2)  # reference §3.0, confounded
RASS_SEDATED = -2.0
RASS_HELD = timedelta(hours=4)
CLOUDING = ("sedative", "opioid", "neuromuscular_blocker")
CHARTED = ("acvpu", "gcs_total", *FILLED["gcs_total"])
CONFOUNDED_READS = ("rass", *CHARTED, *(read for item in CLOUDING for read in given_of(item)), *noted.RUNNING_READS)


@shared("consciousness", [*CHARTED, "o2_device"])
def consciousness(case: Case) -> tuple[str | None, tuple[Reading, ...]]:
    """The letter and the readings that say so; None while parts of the GCS are missing."""
    charted, total = case.latest("acvpu"), case.latest("gcs_total")
    if charted is not None and (total is None or charted.observed_at >= total.observed_at):
        return charted.code, (charted,)
    eye, verbal, motor = case.latest("gcs_e"), case.latest("gcs_v"), case.latest("gcs_m")
    if total is not None and total.value == 15:
        return "A", (total,)
    if eye is not None and eye.value is not None and (charted is None or eye.observed_at > charted.observed_at):
        speech = case.value("gcs_v")
        if speech == 1 and case.had_tube(eye.observed_at):
            speech = None  # nobody speaks through a tube
        letter = _from_parts(eye.value, speech, case.value("gcs_m"))
        if letter is not None:
            return letter, tuple(r for r in (eye, verbal, motor) if r is not None)
    return (charted.code, (charted,)) if charted is not None else (None, ())


def _from_parts(eye: float, verbal: float | None, motor: float | None) -> str | None:
    if eye in (2, 3):
        return "V" if eye == 3 else "P"
    if eye == 1:
        return None if motor is None else "P" if motor >= 3 else "U"
    if (verbal is not None and verbal <= 4) or (motor is not None and motor < 6):
        return "C"
    return None if verbal is None or motor is None else "A"


@predicate("confounded", CONFOUNDED_READS)
def _confounded(case: Case) -> Answer:
    """What hid the mind when it was looked at last: a sedative or opioid given or raised within 2 h before it, RASS at
    most -2, a neuromuscular blocker; what was not reported also as a note says."""
    looked_at = _looked_at(case)
    rass = _rass_at(case, looked_at or case.now)
    if rass is not None and rass.value is not None and rass.value <= RASS_SEDATED:
        return yes(rass)
    for item in CLOUDING:
        given = [t for t in case.of(item) if t.action in (Action.GIVEN, Action.START, Action.CHANGE)]
        near = [t for t in given if _hides(case, t.observed_at, looked_at)]
        if near:
            return yes(near[-1])
        if item == "neuromuscular_blocker" and case.running(item):
            return yes(*case.running(item))
        told = noted.running(case, item)
        if told is not None and (looked_at is None or told.effective_at >= looked_at - SEDATED_WITHIN):
            return yes(told)
    return no()


def _hides(case: Case, given_at: datetime, looked_at: datetime | None) -> bool:
    """Whether a dose hides what was seen then; where nobody looked, what could be seen now."""
    if looked_at is not None:
        return looked_at - SEDATED_WITHIN <= given_at <= looked_at
    if case.now - given_at > SEDATED_WITHIN:
        return False
    case.leaves(given_at, SEDATED_WITHIN)
    return True


def _looked_at(case: Case) -> datetime | None:
    """When consciousness was charted last, as far as that is still believed."""
    times = [r.observed_at for concept in CHARTED if (r := case.latest(concept)) is not None]
    return max(times, default=None)


def _rass_at(case: Case, looked_at: datetime) -> Reading | None:
    """The RASS of that time: the last of the hours before, else the first after it."""
    around = case.recent("rass", case.now - looked_at + RASS_HELD)  # newest first
    before = [r for r in around if r.observed_at <= looked_at]
    if case.now == looked_at and around:
        case.leaves(around[0].observed_at, RASS_HELD)
    return before[0] if before else around[-1] if around else None
