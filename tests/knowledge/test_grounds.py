"""What an answer rests on, and what is asked for where there is none: each predicate, each kind of condition."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from guidelines.rules.truth import truth as verdict
from schemas.clinical.forecasts import Outlook
from schemas.clinical.snapshot import Snapshot
from schemas.conditions.text import parse
from schemas.events import Quality
from tests.knowledge.asking import BOOK, NO_OUTLOOK
from tests.knowledge.charts import DAY, HOUR, MINUTE, TICK, Row, Told, allergy, chart, fact, fanned, reading, treatment
from tests.knowledge.oracle import NO, UNKNOWN, YES


def grounds(text: str, seen: Snapshot, outlook: Outlook = NO_OUTLOOK) -> tuple[object, list[str], list[str]]:
    """The truth, what it rests on ("hr 80/min"; of a note its fact) and what it asks for ("hr: never measured")."""
    found = verdict(parse(text), seen, outlook, BOOK.definitions)
    rests = [e.subject if e.kind == "note" else f"{e.subject} {e.shown}" for e in found.evidence]
    return found.truth, rests, [f"{need.subject}: {need.why}" for need in found.needs]


def case(text: str, truth: object, *rows: Row, rests: Sequence[str] = (), asks: Sequence[str] = (), **who: Any) -> Any:
    return pytest.param(text, chart(rows, **who), truth, list(rests), list(asks), id=f"{text[:50]} {truth}")


LUNG, PELVIS, BELLY = "infection.source_lung", "infection.source_urine", "infection.source_abdomen"
WHOLE = "infection.sepsis"
SUSPECTED, SILENT = (
    "is infection_suspected",
    "infection: no note, culture or antimicrobial of the last 24 h says so or denies it",
)
HALF = "infection: an antimicrobial or a culture alone, and no note says why"
WORKED_UP = "infection: a culture with fever or a high white count, and no note says what is suspected"
NOTHING = "no treatment was ever reported"


def gave(item: str, ago: timedelta = HOUR, action: str = "given", **more: Any) -> Row:
    return treatment(item, action, ago, **more)


INFECTION = [
    case(SUSPECTED, UNKNOWN, asks=[SILENT]),
    case(SUSPECTED, UNKNOWN, reading("hr", 80), gave("paracetamol"), asks=[SILENT]),
    case(SUSPECTED, YES, fact(LUNG, HOUR, detail="definite"), fact(BELLY, HOUR), fact("culture.positive", HOUR),
         rests=["culture.positive", LUNG]),
    case(SUSPECTED, YES, fact(LUNG, HOUR, detail="confirmed"), fact(BELLY, HOUR), rests=[LUNG]),
    case(SUSPECTED, YES, fact(LUNG, 3 * HOUR), fact(BELLY, 2 * HOUR), fact(PELVIS, HOUR), rests=[LUNG, BELLY]),
    case(SUSPECTED, YES, gave("meropenem"), gave("blood_culture"),
         fact(LUNG, 4 * HOUR, "uncertain"), fact(BELLY, 3 * HOUR, "uncertain"),
         rests=[LUNG, BELLY, "blood_culture given", "meropenem given"]),
    case(SUSPECTED, YES, gave("meropenem"), fact(LUNG, 4 * HOUR, detail="possible"),
         fact(BELLY, 3 * HOUR, detail="possible"), fact(PELVIS, HOUR, "uncertain"), rests=[LUNG, BELLY]),
    case(SUSPECTED, UNKNOWN, gave("blood_culture"), rests=["blood_culture given"], asks=[HALF]),
    case(SUSPECTED, UNKNOWN, gave("meropenem", 2 * HOUR), gave("vancomycin"), rests=["vancomycin given"], asks=[HALF]),
    case(SUSPECTED, UNKNOWN, gave("cefazolin"), asks=[SILENT]),
    case(SUSPECTED, YES, gave("meropenem", 26 * HOUR), gave("vancomycin", 25 * HOUR), gave("blood_culture", 2 * HOUR),
         rests=["blood_culture given", "vancomycin given"]),
    case(SUSPECTED, YES, fact("culture.sent", HOUR), fact("abx.started", HOUR), rests=["culture.sent", "abx.started"]),
    case(SUSPECTED, UNKNOWN, gave("blood_culture", action="ordered"), reading("temp", 38.1), reading("wbc", 12.1),
         rests=["blood_culture ordered", "temp 38.1 °C", "wbc 12.1 ×10³/µL"], asks=[WORKED_UP]),
    case("is infection_worked_up", YES, gave("blood_culture", action="ordered"), reading("temp", 38.1),
         rests=["blood_culture ordered", "temp 38.1 °C"]),
    case("is infection_not_suspected", YES, gave("vancomycin"), rests=["vancomycin given"]),
    case("is infection_not_suspected", YES, fact(LUNG, HOUR, "negated")),
    case("is infection_not_suspected", NO, fact(LUNG, HOUR), rests=[LUNG]),
    case(SUSPECTED, UNKNOWN, gave("blood_culture", action="ordered"), reading("temp", 38.0), reading("wbc", 12.0),
         asks=[SILENT]),
    case(SUSPECTED, UNKNOWN, gave("meropenem", action="ordered"), reading("temp", 39.0), asks=[SILENT]),
    case(SUSPECTED, UNKNOWN, fact(LUNG, 2 * HOUR, "negated"), fact(BELLY, HOUR, "negated"), asks=[SILENT]),
    case(SUSPECTED, NO, fact(WHOLE, 2 * HOUR, "negated"), fact(BELLY, HOUR, "negated"), rests=[WHOLE]),
    case("is infection_denied", YES, fact(WHOLE, 2 * HOUR, "negated"), fact(BELLY, HOUR, "negated"), rests=[WHOLE]),
    case("is infection_denied", NO, fact(LUNG, 2 * HOUR, "negated"), fact(BELLY, HOUR, "negated")),
    case("is infection_denied", NO, fact(LUNG, 2 * HOUR, "negated"), fact(BELLY, HOUR)),
]  # fmt: skip
TOLD_OXYGEN = "o2_device: never measured"
FLUID = [
    case("is fluid_made_it_worse", UNKNOWN, asks=[f"crystalloid: {NOTHING}"]),
    case("is fluid_made_it_worse", NO, gave("saline_0_9", amount=199)),
    case("is fluid_made_it_worse", UNKNOWN, gave("saline_0_9", 30 * MINUTE, amount=200), asks=["spo2: never measured"]),
    case("is fluid_made_it_worse", YES, gave("plasma_lyte", 40 * MINUTE, amount=200),
         gave("saline_0_9", 30 * MINUTE, amount=200), reading("o2_flow", 2, 50 * MINUTE), reading("o2_flow", 4),
         rests=["saline_0_9 200 mL", "o2_flow 4.0 L/min", "o2_flow 2.0 L/min"]),
    case("is fluid_made_it_worse", YES, gave("saline_0_9", 30 * MINUTE, amount=200),
         reading("spo2", 97, 40 * MINUTE), reading("spo2", 93), rests=["saline_0_9 200 mL", "spo2 93 %", "spo2 97 %"]),
    case("is fluid_made_it_worse", NO, gave("saline_0_9", 30 * MINUTE, amount=200),
         reading("spo2", 97, 40 * MINUTE), reading("spo2", 94)),
    case("is fluid_or_pressor_reported", YES, gave("saline_0_9", amount=200), gave("norepinephrine", rate=0.1,
         action="start"), rests=["saline_0_9 200 mL", "norepinephrine 0.1 µg/kg/min"]),
    case("is fluid_or_pressor_reported", YES, gave("plasma_lyte", 20 * HOUR, action="start", rate=200),
         rests=["plasma_lyte 200 mL/h"]),
    case("is fluid_or_pressor_reported", NO),
    case("is fluid_responsive", UNKNOWN,
         asks=["fluid_responsive: no passive leg raise, stroke volume or refill test noted in the last hour"]),
    case("is fluid_responsive", YES, fact("fluid.responsive", 30 * MINUTE), rests=["fluid.responsive"]),
    case("is fluid_responsive", NO, fact("fluid.responsive", 30 * MINUTE, "negated"), rests=["fluid.responsive"]),
    case("is fluid_response_not_shown", NO, fact("fluid.responsive", 30 * MINUTE), rests=["fluid.responsive"]),
    case("is fluid_response_not_shown", YES, fact("fluid.responsive", 30 * MINUTE, "negated"),
         rests=["fluid.responsive"]),
    case("is fluid_response_not_shown", YES),
    case("total of any crystalloid over 3 h at_least 30 mL/kg", UNKNOWN, asks=[f"crystalloid: {NOTHING}"]),
    case("total of any crystalloid over 3 h at_least 30 mL/kg", UNKNOWN, gave("saline_0_9", amount=500),
         asks=["weight: never measured"]),
    case("total of any crystalloid over 3 h at_least 30 mL/kg", NO, gave("paracetamol")),
    case("total of any crystalloid over 3 h at_least 5 mL/kg", YES, gave("saline_0_9", amount=500),
         reading("weight", 80), rests=["total crystalloid per kg 6.25 mL/kg", "saline_0_9 500 mL", "weight 80.0 kg"]),
    case("total of any crystalloid over 3 h at_least 5 mL/kg", YES, gave("saline_0_9", amount=500),
         reading("weight", 120), reading("height", 180), sex="male",
         rests=["total crystalloid per kg 5.37 mL/kg", "saline_0_9 500 mL", "weight 93.07 kg", "weight 120.0 kg",
                "height 180 cm"]),
    case("total of any crystalloid over 3 h at_least 500 mL", YES,
         *(gave("saline_0_9", n * MINUTE, amount=100) for n in (50, 40, 30, 20, 10)),
         rests=["total crystalloid 500 mL", *["saline_0_9 100 mL"] * 4]),
]  # fmt: skip
PRESSURE = [
    case("is repeated_low_map", UNKNOWN, asks=["map: never measured"]),
    case("is repeated_low_map", NO, reading("map", 65), rests=["map 65 mmHg"]),
    case("is repeated_low_map", UNKNOWN, reading("map", 64), asks=["map: one low value: repeat in 3 min"]),
    case("is repeated_low_map", YES, reading("map", 60, 9 * MINUTE), reading("map", 61, 3 * MINUTE), reading("map", 62),
         rests=["map 62 mmHg", "map 61 mmHg"]),
    case("is repeated_low_sbp", YES, reading("sbp", 88, 3 * MINUTE), reading("sbp", 89),
         rests=["sbp 89 mmHg", "sbp 88 mmHg"]),
    case("is sbp_below_usual", NO, reading("sbp", 89)),
    case("is cvp_known_high", NO),
    case("is cvp_known_high", YES, reading("cvp", 16), rests=["cvp 16 mmHg"]),
    case("is cvp_known_high", NO, reading("cvp", 15), rests=["cvp 15 mmHg"]),
    case("shock_index above 1", UNKNOWN, asks=["hr: never measured", "sbp: never measured"]),
    case("shock_index above 1", UNKNOWN, reading("sbp", 90), asks=["hr: never measured"]),
    case("shock_index above 1", UNKNOWN, reading("hr", 120, 6 * MINUTE), reading("sbp", 90),
         asks=["hr: not within 5 min of the pressure"]),
    case("shock_index above 1", YES, reading("hr", 120), reading("sbp", 90),
         rests=["shock_index 1.333", "hr 120/min", "sbp 90 mmHg"]),
    case("msi above 1", YES, reading("hr", 120), reading("map", 60), rests=["msi 2.00", "hr 120/min", "map 60 mmHg"]),
    case("pulse_pressure above 1", UNKNOWN, reading("sbp", 90), asks=["dbp: never measured"]),
    case("pulse_pressure above 1", UNKNOWN, reading("sbp", 90, 6 * MINUTE), reading("dbp", 60),
         asks=["dbp: not within 5 min of the systolic pressure"]),
    case("pulse_pressure above 1", YES, reading("sbp", 90), reading("dbp", 60),
         rests=["pulse_pressure 30 mmHg", "sbp 90 mmHg", "dbp 60 mmHg"]),
    case("map_calc above 1", YES, reading("sbp", 90), reading("dbp", 60),
         rests=["map_calc 70 mmHg", "sbp 90 mmHg", "dbp 60 mmHg"]),
]  # fmt: skip
MIND = [
    case("acvpu is C", UNKNOWN, asks=["acvpu: never measured"]),
    case("acvpu is C", YES, reading("acvpu", "C"), rests=["acvpu C (new confusion)"]),
    case("acvpu is C", NO, reading("gcs_total", 15), rests=["gcs_total 15"]),
    case("acvpu is C", YES, reading("gcs_e", 4), reading("gcs_v", 4), reading("gcs_m", 6),
         rests=["gcs_e 4", "gcs_v 4", "gcs_m 6"]),
    case("acvpu is V", YES, reading("gcs_e", 3), rests=["gcs_e 3"]),
    case("is confounded", NO),
    case("is confounded", NO, gave("saline_0_9")),
    case("is confounded", YES, reading("rass", -2), rests=["rass -2"]),
    case("is confounded", NO, reading("rass", -1)),
    case("is confounded", YES, gave("fentanyl"), gave("propofol", 90 * MINUTE), gave("propofol", 80 * MINUTE),
         rests=["propofol given"]),
    case("is confounded", YES, gave("rocuronium", 9 * HOUR, action="start", rate=5.0),
         rests=["rocuronium 5 µg/kg/min"]),
    case("is confounded", NO, gave("propofol", 9 * HOUR, action="start", rate=5.0)),
]  # fmt: skip
KIDNEY = [
    case("aki_stage at_least 1", UNKNOWN, asks=["creatinine: never measured"]),
    case("aki_stage at_least 1", UNKNOWN, reading("creatinine", 2.0), asks=["creatinine: no baseline known"]),
    case("aki_stage at_least 1", UNKNOWN, reading("creatinine", 2.0), diagnoses=["dialysis"],
         asks=["aki_stage: chronic dialysis: not staged"]),
    case("aki_stage at_least 2", YES, reading("creatinine", 2.0), baseline_creatinine_mg_dl=1.0,
         rests=["aki_stage 2", "creatinine 2.00 mg/dL", "baseline_creatinine 1 mg/dL"]),
    case("aki_stage at_least 1", YES, reading("creatinine", 1.0, DAY), reading("creatinine", 1.6),
         rests=["aki_stage 1", "creatinine 1.60 mg/dL", "creatinine 1.00 mg/dL"]),
    case("aki_stage at_least 2", YES, reading("creatinine", 2.4), age_years=60, sex="male", diagnoses=[],
         rests=["aki_stage 2", "creatinine 2.40 mg/dL", "baseline_creatinine 1.07 mg/dL"]),
    case("uo_rate_2h below 0.5", UNKNOWN, asks=["urine: less than 2 h of charted urine"]),
    case("uo_rate_2h below 0.5", UNKNOWN, *(reading("urine", 30, n * HOUR) for n in (2, 1, 0)),
         asks=["weight: never measured"]),
    case("uo_rate_2h below 0.5", YES, *(reading("urine", 30, n * HOUR) for n in (2, 1, 0)), reading("weight", 80),
         rests=["uo_rate_2h 0.375 mL/kg/h", "urine 30 mL", "urine 30 mL"]),
]  # fmt: skip
OXYGEN = [
    case("pf below 300", UNKNOWN, asks=["pao2: never measured", "fio2: never measured"]),
    case("pf below 300", YES, reading("fio2", 0.5, HOUR), reading("pao2", 90),
         rests=["pf 180 mmHg", "pao2 90 mmHg", "fio2 0.50"]),
    case("sf below 300", UNKNOWN, asks=["spo2: never measured", "fio2: never measured"]),
    case("sf below 300", UNKNOWN, reading("spo2", 98), reading("fio2", 0.5),
         asks=["pao2: SpO₂ above 97 % says nothing of S/F"]),
    case("sf below 300", YES, reading("spo2", 97), reading("fio2", 0.5), rests=["sf 194", "spo2 97 %", "fio2 0.50"]),
    case("is o2_up", UNKNOWN, asks=[TOLD_OXYGEN]),
    case("is o2_up", NO, reading("o2_flow", 4)),
    case("is o2_up", YES, reading("fio2", 0.3, 2 * HOUR), reading("fio2", 0.4), rests=["fio2 0.40", "fio2 0.30"]),
    case("is o2_up", YES, reading("o2_device", "nc", 2 * HOUR), reading("o2_device", "nrb"),
         rests=["o2_device reservoir mask", "o2_device nasal cannula"]),
    case("is o2_up", YES, fact("o2.up", 30 * MINUTE), rests=["o2.up"]),
]  # fmt: skip
PERSON = [
    case("age at_least 65", UNKNOWN, asks=["age: not in the patient record"]),
    case("age at_least 65", YES, age_years=70, rests=["age 70 years"]),
    case("usual_sbp at_least 65", YES, usual_sbp_mmhg=150, rests=["usual_sbp 150 mmHg"]),
    case("baseline_creatinine at_least 1", YES, baseline_creatinine_mg_dl=1.25,
         rests=["baseline_creatinine 1.25 mg/dL"]),
    case("baseline_sofa at_least 1", YES, baseline_sofa=3, rests=["baseline_sofa 3"]),
    case("lvef below 40", UNKNOWN, asks=["lvef: no echo known"]),
    case("lvef below 40", YES, lvef_percent=35, rests=["lvef 35 %"]),
    case("lvef below 40", YES, fact("cardiac.lvef", HOUR, value=30), lvef_percent=60, rests=["cardiac.lvef"]),
    case("is lvef_known_low", NO, lvef_percent=40, rests=["lvef 40 %"]),
    case("is pregnant", YES, pregnant=True, rests=["pregnant yes"]),
    case("is pregnant", NO),
    case("is escalation_limited", YES, limits=["no_escalation"], rests=["limits no escalation"]),
    case("is escalation_limited", YES, fact("limit.no_escalation", 30 * DAY), rests=["limit.no_escalation"]),
    case("is escalation_limited", NO, fact("limit.no_escalation", 30 * DAY, "negated")),
    case("is sbp_below_usual", YES, reading("sbp", 112, 12 * MINUTE), reading("sbp", 112), usual_sbp_mmhg=160,
         rests=["sbp 112 mmHg", "sbp 112 mmHg", "usual_sbp 160 mmHg"]),
    case("is sbp_below_usual", YES, reading("sbp", 150, 20 * HOUR), reading("sbp", 170, 16 * HOUR),
         reading("sbp", 112, 12 * MINUTE), reading("sbp", 112),
         rests=["sbp 112 mmHg", "sbp 112 mmHg", "usual_sbp 160 mmHg", "sbp 150 mmHg", "sbp 170 mmHg"]),
    case("is sbp_below_usual", NO, reading("sbp", 112, 12 * MINUTE), reading("sbp", 125), usual_sbp_mmhg=160,
         rests=["sbp 125 mmHg"]),
    case("is comfort_care", YES, limits=["comfort_care"], rests=["limits comfort care only"]),
    case("is comfort_care", YES, fact("limit.comfort_care", 30 * DAY), rests=["limit.comfort_care"]),
    case("is comfort_care", NO, fact("limit.comfort_care", 30 * DAY, "negated")),
    case("is comfort_care", NO, fact("limit.comfort_care", HOUR, "uncertain")),
    case("is comfort_care", NO, fact("limit.comfort_care", HOUR), fact("limit.dnr", HOUR - TICK, "negated")),
    case("is comfort_care", YES, fact("limit.comfort_care", HOUR), fact("limit.dnr", HOUR, "negated"),
         rests=["limit.comfort_care"]),
    case("is comfort_care", NO, limits=["dnr", "no_escalation"]),
    case("is pregnant", YES, fact("ob.pregnant", 30 * DAY, value=24), rests=["ob.pregnant"]),
    case("is pregnant", NO, fact("ob.pregnant", HOUR, "uncertain")),
    case("is pregnant", NO, fact("ob.pregnant", 2 * HOUR), fact("ob.pregnant", HOUR, "negated")),
    case("is allergies_known", UNKNOWN, asks=["allergies: no allergy list was ever sent"]),
    case("is allergies_known", YES, allergies=[]),
    case("diagnosed heart_failure", UNKNOWN, asks=["diagnoses: no problem list was ever sent"]),
    case("diagnosed heart_failure", YES, diagnoses=["heart_failure"], rests=["diagnosis heart_failure heart failure"]),
    case("diagnosed heart_failure", NO, diagnoses=["gout"]),
    case("allergic penicillin", UNKNOWN, asks=["allergies: no allergy list was ever sent"]),
    case("allergic penicillin", YES, allergies=[allergy("amoxicillin", "anaphylaxis")],
         rests=["allergy amoxicillin amoxicillin, anaphylaxis"]),
    case("allergic penicillin", YES, fact("allergy", HOUR, detail="penicillin"), rests=["allergy"]),
    case("is in_icu", YES),
    case("is in_icu", NO, setting="ward"),
]  # fmt: skip
KINDS = [
    case("hr above 100", UNKNOWN, asks=["hr: never measured"]),
    case("hr above 100", YES, reading("hr", 120), rests=["hr 120/min"]),
    case("hr above 100", NO, reading("hr", 90), rests=["hr 90/min"]),
    case("hr above 100 for 10 min", UNKNOWN, reading("hr", 120), asks=["hr: needs two values 10 min apart"]),
    case("hr above 100 for 10 min", UNKNOWN, asks=["hr: never measured"]),
    case("hr above 100 for 10 min", YES, *(reading("hr", 120 + n, n * MINUTE) for n in (9, 5, 0)),
         rests=["hr 120/min", "hr 129/min"]),
    case("hr above 100 for 10 min", NO, reading("hr", 90, 5 * MINUTE), reading("hr", 120), rests=["hr 90/min"]),
    case("rhythm is vt", UNKNOWN, asks=["rhythm: never measured"]),
    case("rhythm is vt", NO, reading("rhythm", "paced"), rests=["rhythm paced"]),
    case("max of hr over 1 h above 100", UNKNOWN, asks=["hr: never measured"]),
    case("max of hr over 1 h above 100", YES, reading("hr", 130, 20 * MINUTE), reading("hr", 90), rests=["hr 130/min"]),
    case("min of hr over 1 h below 100", YES, reading("hr", 130, 20 * MINUTE), reading("hr", 90), rests=["hr 90/min"]),
    case("mean of hr over 1 h above 100", YES, reading("hr", 130, 20 * MINUTE), reading("hr", 90),
         rests=["hr 110/min", "hr 90/min"]),
    case("count of hr over 1 h equals 2", YES, reading("hr", 130, 20 * MINUTE), reading("hr", 90), rests=["hr 90/min"]),
    case("mean of ned over 1 h above 0", UNKNOWN, gave("norepinephrine", action="start", rate=0.1),
         asks=["ned: is no row of values: its lowest and highest of a window are known, and its changes"]),
    case("trend of ned over 1 h above 0", UNKNOWN, gave("norepinephrine", action="start", rate=0.1),
         asks=["ned: is no row of values: its lowest and highest of a window are known, and its changes"]),
    case("hr rises_by 20 within 1 h", UNKNOWN, reading("hr", 130), asks=["hr: needs two values within 60 min"]),
    case("hr rises_by 20 within 1 h", YES, reading("hr", 95, 30 * MINUTE), reading("hr", 90, 20 * MINUTE),
         reading("hr", 130), rests=["hr 130/min", "hr 90/min"]),
    case("hr falls_by 20 within 1 h", YES, reading("hr", 130, 30 * MINUTE), reading("hr", 120, 20 * MINUTE),
         reading("hr", 90), rests=["hr 90/min", "hr 130/min"]),
    case("hr falls_by 20 % within 1 h", NO, reading("hr", 100, 30 * MINUTE), reading("hr", 81),
         rests=["hr 81/min", "hr 100/min"]),
    case("trend of hr over 2 h above 0", UNKNOWN, reading("hr", 130, HOUR), reading("hr", 90),
         asks=["hr: needs three values for a trend"]),
    case("trend of hr over 2 h above 9", YES, *(reading("hr", 100 - n, n * MINUTE) for n in (60, 30, 0)),
         rests=["hr 100/min", "hr 40/min"]),
    case("noted perf.mottled within 2 h", UNKNOWN, asks=["perf.mottled: no note was read in the last 24 h"]),
    case("noted perf.mottled within 2 h", NO, fact("resp.wob", HOUR)),
    case("noted perf.mottled within 2 h", NO, fact("perf.mottled", HOUR, "negated"), rests=["perf.mottled"]),
    case("noted perf.mottled within 2 h", UNKNOWN, fact("perf.mottled", HOUR, "uncertain"),
         asks=["perf.mottled: noted as possible: “said”"]),
    case("maybe noted perf.mottled within 2 h", YES, fact("perf.mottled", HOUR, "uncertain"), rests=["perf.mottled"]),
    case("on norepinephrine", UNKNOWN, asks=[f"norepinephrine: {NOTHING}"]),
    case("on norepinephrine", NO, gave("paracetamol")),
    case("on norepinephrine", UNKNOWN, gave("norepinephrine", 25 * HOUR, action="start", rate=0.1),
         asks=["norepinephrine: started long ago, no word since"]),
    case("on norepinephrine", YES, gave("norepinephrine", action="start", rate=0.1),
         rests=["norepinephrine 0.1 µg/kg/min"]),
    case("given norepinephrine within 1 h", UNKNOWN, asks=[f"norepinephrine: {NOTHING}"]),
    case("given any antimicrobial within 2 h", YES, gave("meropenem"), rests=["meropenem given"]),
    case("ordered meropenem within 2 h", UNKNOWN, asks=[f"meropenem: {NOTHING}"]),
    case("ordered meropenem within 2 h", YES, gave("meropenem", action="ordered"), rests=["meropenem ordered"]),
    case("ordered meropenem within 2 h", NO, gave("meropenem", action="ordered"), gave("meropenem", 0 * HOUR)),
    case("rate of norepinephrine above 0", UNKNOWN, asks=[f"norepinephrine: {NOTHING}"]),
    case("rate of norepinephrine above 0", UNKNOWN, gave("norepinephrine", action="start"),
         asks=["norepinephrine: rate not known"]),
    case("rate of norepinephrine above 0", YES, gave("norepinephrine", action="start", rate=0.1),
         rests=["norepinephrine 0.1 µg/kg/min"]),
    case("rate of norepinephrine above 0", NO, gave("paracetamol")),
    case("rate of norepinephrine above 0.05 for 30 min", NO,
         gave("norepinephrine", 20 * MINUTE, action="start", rate=0.1), rests=["norepinephrine 0.1 µg/kg/min"]),
    case("hr above 100", UNKNOWN, reading("hr", 120, quality=Quality.SUSPECT, reason="lead off"),
         asks=["hr: suspect at 12:00: lead off"]),
    case("all_of(hr above 100; lactate above 2)", NO, reading("hr", 90), reading("lactate", 1), rests=["hr 90/min"]),
    case("any_of(hr above 100; lactate above 2)", UNKNOWN, reading("hr", 90), asks=["lactate: never measured"]),
]  # fmt: skip

NEVER = ": never measured"
WELL = [reading(c, v) for c, v in {"rr": 16, "spo2": 98, "o2_flow": 0, "sbp": 120, "hr": 80, "temp": 37.0,
                                   "gcs_total": 15}.items()]  # fmt: skip
ORGANS_WELL = [reading(c, v) for c, v in {"pao2": 100, "fio2": 0.21, "platelets": 200, "bilirubin": 0.5, "map": 80,
                                          "gcs_total": 15, "creatinine": 0.8}.items()]  # fmt: skip
SCORED = [
    case("news2 at_least 1", UNKNOWN,
         asks=[c + NEVER for c in ("rr", "spo2", "o2_device", "sbp", "hr", "acvpu", "temp")]),
    case("mews at_least 1", UNKNOWN, asks=[c + NEVER for c in ("sbp", "hr", "rr", "temp", "acvpu")]),
    case("qsofa at_least 1", UNKNOWN, asks=[c + NEVER for c in ("rr", "sbp", "gcs_total")]),
    case("sirs at_least 1", UNKNOWN, asks=[c + NEVER for c in ("temp", "hr", "rr", "wbc")]),
    case("sofa at_least 1", UNKNOWN,
         asks=[c + NEVER for c in ("pao2", "platelets", "bilirubin", "map", "gcs_total", "creatinine")]),
    case("news2 at_least 1", NO, *WELL, rests=["news2 0"]),
    case("news2 at_least 3", YES, *WELL, reading("hr", 131), rests=["news2 3", "hr 131/min"]),
    case("news2 at_least 3", YES, reading("rr", 25), rests=["news2 at least 3", "rr 25/min"]),
    case("news2 at_least 5", YES, reading("rr", 25), reading("o2_flow", 2),
         rests=["news2 at least 5", "rr 25/min", "o2_flow 2.0 L/min"]),
    case("news2 at_least 3", YES, reading("acvpu", "V"), rests=["news2 at least 3", "acvpu V (voice)"]),
    case("news2 at_least 3", YES, reading("spo2", 91), rests=["news2 at least 3", "spo2 91 %"]),
    case("news2 at_least 2", YES, reading("temp", 39.1), rests=["news2 at least 2", "temp 39.1 °C"]),
    case("mews at_least 2", YES, reading("temp", 39.1), rests=["mews at least 2", "temp 39.1 °C"]),
    case("mews at_least 3", YES, reading("acvpu", "U"), rests=["mews at least 3", "acvpu U (unresponsive)"]),
    case("qsofa at_least 2", YES, reading("rr", 22), reading("gcs_total", 14),
         rests=["qsofa at least 2", "rr 22/min", "gcs_total 14"]),
    case("qsofa at_least 1", YES, reading("acvpu", "C"), rests=["qsofa at least 1", "acvpu C (new confusion)"]),
    case("sirs at_least 1", YES, reading("rr", 21), reading("paco2", 31),
         rests=["sirs at least 1", "rr 21/min", "paco2 31 mmHg"]),
    case("sirs at_least 1", YES, reading("wbc", 8), reading("bands", 11), rests=["sirs at least 1", "bands 11 %"]),
    case("sirs at_least 1", UNKNOWN, reading("bands", 10), asks=[c + NEVER for c in ("temp", "hr", "rr", "wbc")]),
    case("sofa at_least 1", NO, *ORGANS_WELL, rests=["sofa 0"]),
    case("sofa at_least 2", YES, reading("platelets", 90), reading("platelets", 120, HOUR),
         rests=["sofa at least 2", "platelets 90 ×10³/µL"]),
    case("sofa at_least 2", YES, reading("fio2", 0.5), reading("pao2", 90),
         rests=["sofa at least 2", "pf 180 mmHg", "pao2 90 mmHg", "fio2 0.50"]),
    case("sofa at_least 3", YES, gave("norepinephrine", 2 * HOUR, action="start", rate=0.1),
         rests=["sofa at least 3", "norepinephrine 0.1 µg/kg/min"]),
    case("sofa at_least 1", YES, reading("map", 69), rests=["sofa at least 1", "map 69 mmHg"]),
    case("sofa at_least 1", YES, reading("sbp", 90), reading("dbp", 50),
         rests=["sofa at least 1", "map 63.3 mmHg", "sbp 90 mmHg", "dbp 50 mmHg"]),
    case("is sofa_rise", UNKNOWN,
         asks=[c + NEVER for c in ("pao2", "platelets", "bilirubin", "map", "gcs_total", "creatinine")]),
    case("is sofa_rise", YES, reading("platelets", 90), rests=["sofa at least 2", "platelets 90 ×10³/µL"]),
    case("is sofa_rise", NO, *ORGANS_WELL, rests=["sofa 0"]),
    case("is news2_single_three", UNKNOWN, asks=[c + NEVER for c in ("rr", "spo2", "sbp", "hr", "acvpu", "temp")]),
    case("is news2_single_three", YES, reading("rr", 25), rests=["news2 at least 3", "rr 25/min"]),
    case("is news2_single_three", NO, *WELL, rests=["news2 0"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "seen", "truth", "rests", "asks"),
    [*SCORED, *INFECTION, *FLUID, *PRESSURE, *MIND, *KIDNEY, *OXYGEN, *PERSON, *KINDS],
)
def test_an_answer_says_what_it_rests_on_and_an_open_one_what_it_asks_for(
    text: str, seen: Snapshot, truth: object, rests: list[str], asks: list[str]
) -> None:
    """The very readings, notes and treatments, in their order; of an open question what would settle it and why."""
    assert grounds(text, seen) == (truth, rests, asks)


def test_a_forecast_says_what_it_rests_on() -> None:
    """A quantile at its horizon, a chance; without a forecaster its reason."""
    told = fanned("map", 1, 0.5, 60.0, 90.0)
    assert grounds("expected map in 1 h below 65", chart(), told) == (YES, ["map 60 mmHg"], [])
    assert grounds("expected map in 2 h below 65", chart(), told) == (NO, ["map 90 mmHg"], [])
    assert grounds("expected map in 1 h below 65", chart()) == (UNKNOWN, [], ["map: no forecaster for map"])
    assert grounds("chance of (map below 65) within 4 h at_least 50 %", chart(), Told())[0] is UNKNOWN
