"""Consciousness: the ACVPU letter, charted or worked out from the Glasgow scale (reference §1.1), and what hides it."""

from datetime import timedelta

from guidelines.rules.answers import Answer, no, yes
from guidelines.rules.case import FILLED, Case
from guidelines.rules.registry import given_of, predicate, shared
from schemas.events import Action, Reading

CONSCIOUS = ("acvpu", "gcs_total", *FILLED["gcs_total"], "o2_device")
SEDATED_WITHIN = timedelta(hours=2)  # reference §3.0, confounded
RASS_SEDATED = -2.0
CLOUDING = ("sedative", "opioid", "neuromuscular_blocker")


@shared("consciousness", CONSCIOUS)
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


@predicate("confounded", ["rass", *(read for item in CLOUDING for read in given_of(item))])
def _confounded(case: Case) -> Answer:
    """A sedative or opioid given or raised within 2 h, RASS at most -2, a neuromuscular blocker."""
    rass = case.latest("rass")
    if not case.treatments_heard and rass is None:
        return no()  # nothing hides the mind as far as anyone said; hp.mental then speaks with its own evidence
    if rass is not None and rass.value is not None and rass.value <= RASS_SEDATED:
        return yes(rass)
    for item in CLOUDING:
        given = [
            t
            for t in case.of(item)
            if case.now - t.observed_at <= SEDATED_WITHIN and t.action in (Action.GIVEN, Action.START, Action.CHANGE)
        ]
        if given:
            case.leaves(given[-1].observed_at, SEDATED_WITHIN)
            return yes(given[-1])
        if item == "neuromuscular_blocker" and case.running(item):
            return yes(*case.running(item))
    return no()
