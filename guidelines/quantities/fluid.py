"""Fluid: the weight it is dosed by (reference §1.16), whether it helped, and whether it did harm (§3.0)."""

from datetime import timedelta

from guidelines.rules import noted
from guidelines.rules.answers import Answer, Computed, Missing, Sample, no, unknown, yes
from guidelines.rules.case import NOTHING_REPORTED, Case, full_minute
from guidelines.rules.kinds import window
from guidelines.rules.registry import given_of, predicate, shared
from schemas.clinical.facts import Polarity
from schemas.clinical.findings import Truth

HOUR = timedelta(hours=1)
REPORTED_WITHIN = timedelta(hours=6)
BOLUS_ML = 200.0  # less in an hour is a flush or a carrier
DESATURATED = 4.0  # points of SpO2 after a bolus, reference §3.0
OBESE_BMI = 30.0
ADJUSTED = 0.4  # of the excess over the predicted weight, reference §1.16


def predicted_weight(height_cm: float, sex: str | None) -> float:
    """Predicted body weight in kg (reference §1.16); sex unknown counts as female, the smaller one."""
    return (50.0 if sex == "male" else 45.5) + 0.91 * (height_cm - 152.4)


@shared("dosing_weight", ["weight", "height", "p:sex", "n:person.weight"], ages_only=True)
def dosing_weight(case: Case) -> Sample | None:
    """kg to dose fluid by: actual, or as noted; adjusted where BMI is known to be above 30 (reference §1.16, §3.0)."""
    weight, height = _weight(case), case.latest("height")
    if weight is None or height is None or height.value is None:
        return weight
    if weight.value / (height.value / 100) ** 2 <= OBESE_BMI:
        return weight
    predicted = predicted_weight(height.value, case.snapshot.patient.sex)
    adjusted = predicted + ADJUSTED * (weight.value - predicted)
    return Sample(weight.at, adjusted, Computed("weight", adjusted, weight.at, (weight.source, height)))


def _weight(case: Case) -> Sample | None:
    """What was measured, while it is valid; a note's only where it is not."""
    measured = case.newest_value("weight")
    if measured is not None:
        return measured
    told = noted.weight(case)
    return None if told is None or told.value is None else Sample(told.effective_at, told.value, told)


@predicate("fluid_made_it_worse", ["spo2", *given_of("crystalloid"), *noted.GIVEN_READS], uses=["o2_up"])
def _fluid_made_it_worse(case: Case) -> Answer:
    """After a bolus in the last hour oxygen had to be raised or SpO2 fell by 4 points."""
    bolus = noted.volume(case, "crystalloid", HOUR)
    if bolus is None:
        return unknown(Missing("crystalloid", NOTHING_REPORTED))
    minute = full_minute(case.now)
    case.stays_with(bolus, lambda ml: ml >= BOLUS_ML)
    if bolus.at(minute) < BOLUS_ML:
        return no()
    given = bolus.counted(minute)[-1:]
    raised = case.holds("o2_up")
    if raised.truth is Truth.YES:
        return yes(*given, *raised.sources)
    saturations = window(case, "spo2", HOUR)
    if not saturations:
        return unknown(Missing("spo2"))
    case.stays(saturations[-1].at + HOUR)
    best = max(saturations, key=lambda s: s.value)
    if best.value - saturations[0].value >= DESATURATED:
        return yes(*given, saturations[0].source, best.source)
    return no()


@predicate(
    "fluid_or_pressor_reported",
    [
        *given_of("crystalloid"),
        *given_of("vasopressor"),
        *noted.GIVEN_READS,
        *noted.RUNNING_READS,
    ],
)
def _fluid_or_pressor_reported(case: Case) -> Answer:
    """Whether resuscitation was reported or noted: a statement about reports, so it is never UNKNOWN."""
    told = (
        case.given("crystalloid", REPORTED_WITHIN) or noted.given(case, "crystalloid", REPORTED_WITHIN),
        noted.running(case, "vasopressor"),
    )
    reported = (
        *(source for source in told if source is not None),
        *case.running("crystalloid"),
        *case.running("vasopressor"),
    )
    return yes(*reported) if reported else no()


@predicate("fluid_responsive", ["n:fluid.responsive", "notes"])
def _fluid_responsive(case: Case) -> Answer:
    """Shown by a test of the last hour, as noted; else UNKNOWN (reference §3.0)."""
    for word in case.said("fluid.responsive", HOUR):
        if word.polarity is not Polarity.UNCERTAIN:
            return yes(word) if word.polarity is Polarity.AFFIRMED else no(word)
    return unknown(
        Missing("fluid_responsive", "no passive leg raise, stroke volume or refill test noted in the last hour")
    )


@predicate("fluid_response_not_shown", uses=["fluid_responsive"])
def _fluid_response_not_shown(case: Case) -> Answer:
    """`fluid_responsive is not TRUE`: UNKNOWN counts as not shown (SEP.B3)."""
    answer = case.holds("fluid_responsive")
    return no(*answer.sources) if answer.truth is Truth.YES else yes(*answer.sources)
