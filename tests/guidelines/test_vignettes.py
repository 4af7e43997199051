"""The acceptance vignettes V1, V2, V7 and V10, as far as they concern sepsis: snapshots judged at the stated times."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from msgspec.structs import replace

from guidelines.book.load import load
from guidelines.examples import Told, moment
from guidelines.judgement import judge
from guidelines.lint import faults
from guidelines.scoring import news2, sofa
from schemas.clinical.findings import Finding, Judgement, Level, Onset, Step, StepState, Truth
from schemas.clinical.snapshot import Snapshot
from schemas.events import Quality
from tests.guidelines.patients import chart, measured

BOOK = load()
Rows = Sequence[Mapping[str, Any]]


@dataclass
class Story:
    """A stay that unfolds: what is known at a time is judged, and onsets are kept as a bed keeps them."""

    patient: Mapping[str, Any]
    readings: Rows = ()
    notes: Rows = ()
    treatments: Rows = ()
    setting: str = "ward"
    onsets: dict[str, Onset] = field(default_factory=dict)

    def snapshot(self, at: str) -> Snapshot:
        def known(rows: Rows) -> list[Mapping[str, Any]]:
            return [row for row in rows if moment(row["at"]) <= moment(at)]

        return chart(
            at,
            *known(self.readings),
            patient=self.patient,
            setting=self.setting,
            notes=known(self.notes),
            treatments=known(self.treatments),
        )

    def at(self, time: str, expected: Mapping[str, float] | None = None) -> Judgement:
        seen = self.snapshot(time)
        judgement = judge(seen, BOOK, Told(expected or {}), self.onsets)
        for finding in judgement.findings:
            self.onsets.setdefault(finding.rule, finding.onset)
            assert faults(finding.sentence, seen) == []
        return judgement


def finding(judgement: Judgement, rule: str) -> Finding:
    return next(f for f in judgement.findings if f.rule == rule)


def rules(judgement: Judgement) -> set[str]:
    return {f.rule for f in judgement.findings}


def step(judgement: Judgement, name: str) -> Step:
    return next(s for f in judgement.findings for s in f.steps if s.id == name or s.id.startswith(f"order:{name}@"))


def steps(judgement: Judgement) -> set[str]:
    return {s.id for f in judgement.findings for s in f.steps}


NIBP = {"method": "nibp"}
V1_READINGS: Rows = (
    {"at": "07:00", "weight": 80, "height": 178},
    {"at": "08:00", "hr": 104, "rr": 22, "spo2": 94, "o2_flow": 2, "o2_device": "nc", "temp": 38.6, "acvpu": "A"},
    {"at": "08:00", "sbp": 108, "dbp": 62, **NIBP},
    {"at": "08:30", "lactate": 3.1, "wbc": 17.8, "bands": 14, "platelets": 142, "bilirubin": 1.4, "creatinine": 1.5},
    {"at": "08:30", "glucose": 148, "k": 4.4},
    {"at": "09:00", "hr": 122, "rr": 26, "spo2": 91, "o2_flow": 4, "o2_device": "nc", "temp": 39.0, "acvpu": "A"},
    {"at": "09:00", "sbp": 88, "dbp": 50, **NIBP},
    {"at": "09:05", "sbp": 86, "dbp": 48, **NIBP},
    {"at": "09:05", "hr": 123},
    {"at": "10:30", "sbp": 90, "dbp": 46, **NIBP},
    {"at": "10:30", "crt": 4, "lactate": 4.2, "spo2": 93, "o2_flow": 4},
    {"at": "12:00", "map": 61, **NIBP},
    {"at": "12:00", "lactate": 3.8, "platelets": 118, "gcs_total": 14, "creatinine": 1.9, "bilirubin": 1.6},
)
V1_TREATMENTS: Rows = (
    {"at": "09:06", "item": "piperacillin_tazobactam", "action": "ordered", "amount": 4.5, "amount_unit": "g"},
    {"at": "09:10", "item": "lactated_ringer", "action": "given", "amount": 500},
    {"at": "09:15", "item": "blood_culture", "action": "given"},
    {"at": "09:20", "item": "meropenem", "action": "given", "amount": 1, "amount_unit": "g"},
    *(
        {"at": at, "item": "lactated_ringer", "action": "given", "amount": 500}
        for at in ("09:35", "10:00", "10:25", "11:30")
    ),
    {"at": "10:40", "item": "norepinephrine", "action": "start", "rate": 0.08},
    {"at": "12:00", "item": "norepinephrine", "action": "change", "rate": 0.28},
    {"at": "12:05", "item": "lactated_ringer", "action": "ordered", "amount": 1000},
    {"at": "12:20", "item": "vasopressin", "action": "start", "rate": 0.03},
)


def v1() -> Story:
    allergy = {"substance": "piperacillin_tazobactam", "severity": "anaphylaxis"}
    return Story(
        patient={
            "age_years": 62,
            "sex": "male",
            "allergies": [allergy],
            "diagnoses": [],
            "baseline_creatinine_mg_dl": 0.9,
            "baseline_sofa": 0,
        },
        readings=V1_READINGS,
        notes=(
            {"at": "08:05", "fact": "infection.source_lung", "words": "RLL consolidation"},
            {"at": "10:30", "fact": "resp.crackles_bilat", "words": "lungs clear", "polarity": "negated"},
        ),
        treatments=V1_TREATMENTS,
    )


def test_v1_septic_shock_with_penicillin_anaphylaxis() -> None:
    """V1: each trigger, deadline, block and step of sepsis appears by its time, and nothing forbidden ever does."""
    story = v1()
    early = story.at("08:05")
    assert news2(story.snapshot("08:05")).total == 8
    assert finding(early, "SEP.T1").level is Level.WARNING
    assert {"SEP.S1", "SEP.S2", "SEP.S3b"} <= steps(early)
    assert step(early, "SEP.S2").state is StepState.OFFERED  # planned and negated words count as nothing done

    labs = story.at("08:30")
    assert "SEP.T2" in rules(labs)
    assert sofa(story.snapshot("08:30")).lower == 3
    assert "pao2" in {n.subject for n in finding(labs, "SEP.T2").needs}
    assert step(labs, "SEP.S3a").due_at == moment("09:30")

    foretold = story.at("08:45", {"map": 62})
    assert finding(foretold, "SEP.T5").level is Level.WATCH
    assert {s.id for s in finding(foretold, "SEP.T5").steps} == {"SEP.S1", "SEP.S2", "SEP.M1"}

    shock = story.at("09:05")
    assert news2(story.snapshot("09:00")).total == 14
    assert finding(shock, "SEP.T3").level is Level.CRITICAL
    assert "2400 mL" in step(shock, "SEP.S4").text
    assert step(shock, "SEP.S4").due_at == moment("12:05")
    assert "ready" in step(shock, "SEP.S5").text

    order = step(story.at("09:06"), "piperacillin_tazobactam")
    assert order.state is StepState.WITHHELD
    assert order.reasons[0].block == "SEP.B5"
    assert "meropenem" in order.reasons[0].text
    assert order.reasons[0].evidence[0].shown == "piperacillin-tazobactam, anaphylaxis"

    treated = story.at("09:20")
    assert step(treated, "SEP.S2").done_at == moment("09:15")
    assert step(treated, "SEP.S3a").done_at == moment("09:20")
    assert (step(treated, "SEP.S2").due_at, step(treated, "SEP.S3a").due_at) == (None, None)  # what is done is not due

    fluid = story.at("10:32")
    assert step(fluid, "SEP.S5").state is StepState.OFFERED
    assert "65 mmHg" in step(fluid, "SEP.S5").text

    worse = story.at("12:02")
    assert "SEP.T4" in rules(worse)
    assert [p.points for p in sofa(story.snapshot("12:02")).parts] == [None, 1, 1, 4, 1, 1]
    assert step(worse, "SEP.S6").state is StepState.OFFERED

    bolus = step(story.at("12:05"), "lactated_ringer")
    assert bolus.state is StepState.WITHHELD
    assert [r.block for r in bolus.reasons if r.severity == "hard"] == ["SEP.B3"]

    assert step(story.at("16:05"), "SEP.S8").state is StepState.OFFERED


TIMES = (
    "08:00",
    "08:05",
    "08:30",
    "08:45",
    "09:00",
    "09:05",
    "09:06",
    "09:20",
    "10:30",
    "10:45",
    "12:00",
    "12:20",
    "16:05",
)


def test_v1_never_says_what_it_must_not() -> None:
    """V1: at no time is a penicillin offered, oedema claimed (SEP.B1) or bicarbonate named."""
    story = v1()
    for time in TIMES:
        judgement = story.at(time)
        for line in (s for f in judgement.findings for s in f.steps):
            assert "SEP.B1" not in {r.block for r in line.reasons if r.severity == "hard"}
            assert "icarbonate" not in line.text
            assert "piperacillin" not in line.text or line.state is StepState.WITHHELD
        assert "SEP.S8" not in steps(judgement) or time == "16:05"


def v2() -> Story:
    return Story(
        patient={
            "age_years": 71,
            "sex": "female",
            "lvef_percent": 25,
            "allergies": [],
            "baseline_creatinine_mg_dl": 1.2,
        },
        readings=(
            {"at": "13:00", "weight": 68},
            {
                "at": "14:00",
                "hr": 118,
                "rr": 26,
                "spo2": 92,
                "o2_flow": 3,
                "o2_device": "nc",
                "temp": 36.4,
                "acvpu": "A",
            },
            {"at": "14:00", "sbp": 96, "dbp": 64, **NIBP},
            {"at": "14:10", "o2_flow": 6, "o2_device": "simple", "spo2": 91},
            {"at": "14:20", "lactate": 3.4, "creatinine": 1.9, "k": 4.8, "hs_tni": 480},
            {"at": "14:30", "sbp": 86, "dbp": 60, **NIBP},
            {"at": "14:30", "hr": 122},
            {"at": "14:35", "sbp": 84, "dbp": 58, **NIBP},
            {"at": "14:35", "hr": 124},
        ),
        notes=(
            {"at": "14:05", "fact": "perf.cool_clammy", "words": "Cool and clammy"},
            {"at": "14:05", "fact": "resp.crackles_bilat", "words": "bibasilar crackles"},
            {"at": "14:05", "fact": "infection.source_lung", "words": "PNA", "polarity": "uncertain"},
            {"at": "14:05", "fact": "resp.pulm_oedema", "words": "flash pulm edema", "polarity": "uncertain"},
        ),
        treatments=(
            {"at": "14:40", "item": "lactated_ringer", "action": "ordered", "amount": 2000},
            {"at": "14:41", "item": "metoprolol", "action": "ordered", "amount": 5, "amount_unit": "mg", "route": "IV"},
            {"at": "15:00", "item": "norepinephrine", "action": "start", "rate": 0.06},
        ),
    )


def test_v2_a_bolus_into_wet_lungs_is_withheld() -> None:
    """V2: the hedged infection alarms without being called sure; bolus and beta-blocker are withheld with reasons."""
    story = v2()
    story.at("14:00")
    assert "SEP.T1" in rules(story.at("14:20"))
    shock = story.at("14:36")
    assert shock.truths["SEP.T3"] is Truth.YES
    assert "SEP.T6" in rules(shock)  # the weak heart before wet lungs is named beside the pneumonia

    bolus = story.at("14:40")
    order = step(bolus, "lactated_ringer")
    assert order.state is StepState.WITHHELD
    assert order.reasons[0].block == "SEP.B1"
    assert "bibasilar crackles" in " ".join(e.shown for e in order.reasons[0].evidence)
    assert step(bolus, "SEP.S4").state is StepState.WITHHELD
    assert step(bolus, "SEP.S5").state is StepState.OFFERED
    assert "60–65" in step(bolus, "SEP.S5").text  # from age 65

    blocker = step(story.at("14:41"), "metoprolol")
    assert blocker.state is StepState.WITHHELD
    assert blocker.reasons[0].block == "SEP.B9"

    later = story.at("14:50")
    assert "SEP.U1" in {r.block for r in step(later, "SEP.S3a").reasons}
    assert "noted as possible" in finding(later, "SEP.T6").sentence.template
    for time in ("14:05", "14:36", "14:40", "15:02"):
        assert all(
            s.state is not StepState.OFFERED for f in story.at(time).findings for s in f.steps if s.id == "SEP.S4"
        )


def test_v2_the_hedged_oedema_does_not_suffice_alone() -> None:
    """V2: before oxygen was raised the crackles and the hedged word withhold nothing, they ask for a look."""
    judgement = judge(v2().snapshot("14:09"), BOOK)
    hypothetical = replace(v2().snapshot("14:09"), now=moment("14:09"))
    assert judgement.truths == judge(hypothetical, BOOK).truths
    blocked = [r for f in judgement.findings for s in f.steps for r in s.reasons if r.block == "SEP.B1"]
    assert all(r.severity == "check" for r in blocked)


def test_v7_a_weak_heart_gets_small_aliquots() -> None:
    """V7: SEP.T3 from two low cuff readings, and 30 mL/kg becomes 250 mL aliquots; clear lungs block nothing."""
    story = Story(
        patient={"age_years": 79, "sex": "female", "lvef_percent": 30, "allergies": [], "diagnoses": ["heart_failure"]},
        readings=(
            {"at": "15:00", "weight": 64},
            {
                "at": "16:00",
                "hr": 148,
                "rr": 24,
                "spo2": 93,
                "o2_flow": 3,
                "o2_device": "nc",
                "temp": 38.9,
                "acvpu": "A",
            },
            {"at": "16:00", "sbp": 88, "dbp": 54, **NIBP},
            {"at": "16:05", "sbp": 86, "dbp": 52, **NIBP},
        ),
        notes=(
            {"at": "16:02", "fact": "infection.source_urine", "words": "CAUTI"},
            {"at": "16:02", "fact": "resp.crackles_bilat", "words": "lungs clear", "polarity": "negated"},
        ),
        treatments=(
            {"at": "16:06", "item": "lactated_ringer", "action": "ordered", "amount": 1920},
            {"at": "16:06", "item": "metoprolol", "action": "ordered", "amount": 5, "route": "IV"},
        ),
    )
    judgement = story.at("16:06")
    assert news2(story.snapshot("16:06")).total == 13
    assert {"SEP.T1", "SEP.T3"} <= rules(judgement)
    assert step(judgement, "lactated_ringer").state is StepState.MODIFIED
    assert "250 mL" in step(judgement, "lactated_ringer").text
    assert "SEP.B1" not in {r.block for r in step(judgement, "SEP.S4").reasons}


def v10() -> Snapshot:
    """V10 at 01:30, as the streams hand it over: artefacts marked, other people's and copied words without effect."""
    calm = chart(
        "01:30",
        {
            "at": "00:00",
            "hr": 82,
            "rr": 16,
            "spo2": 97,
            "o2_device": "air",
            "temp": 37.1,
            "acvpu": "A",
            "gcs_total": 15,
        },
        {"at": "01:20", "hr": 80, "rr": 15, "spo2": 97},
        {"at": "01:30", "creatinine": 1.0, "k": 4.3},
        setting="icu",
        patient={"age_years": 55, "sex": "male"},
    )
    arterial = {
        "sbp": [
            ("00:00", 118, Quality.OK),
            ("00:10", 68, Quality.SUSPECT),
            ("00:20", 262, Quality.ARTEFACT),
            ("01:25", 120, Quality.OK),
        ],
        "dbp": [
            ("00:00", 64, Quality.OK),
            ("00:10", 62, Quality.SUSPECT),
            ("00:20", 214, Quality.ARTEFACT),
            ("01:25", 66, Quality.OK),
        ],
        "map": [
            ("00:00", 82, Quality.OK),
            ("00:10", 64, Quality.SUSPECT),
            ("00:20", 230, Quality.ARTEFACT),
            ("01:25", 84, Quality.OK),
        ],
    }
    extra = {
        name: tuple(measured(name, value, at, quality, "invasive") for at, value, quality in rows)
        for name, rows in arterial.items()
    }
    late = (measured("lactate", 3.4, "-1 16:10"),)
    spo2 = (*calm.readings["spo2"][:1], measured("spo2", 78, "00:25", Quality.SUSPECT), *calm.readings["spo2"][1:])
    return replace(calm, readings={**calm.readings, **extra, "lactate": late, "spo2": spo2})


@pytest.mark.parametrize("setting", ["icu", "ward"])
def test_v10_nothing_may_fire(setting: Any) -> None:
    """V10: artefacts, a late lactate and a family history raise no finding, not even a question."""
    judgement = judge(replace(v10(), setting=setting), BOOK)
    assert judgement.findings == ()


def test_v10_a_late_lactate_completes_nothing() -> None:
    """V10: a lactate drawn nine hours ago does not tick "measure lactate" off."""
    story = replace(
        v10(), facts=chart("01:30", notes=[{"at": "01:20", "fact": "infection.level", "words": "septic"}]).facts
    )
    asked = judge(story, BOOK).findings
    assert [f.rule for f in asked] == ["SEP.T3.ask"]
    assert [s.state for s in asked[0].steps if s.id == "SEP.S1"] == [StepState.OFFERED]
    assert asked[0].needs[0].why == "last 1 Jan 16:10, older than 2 h"
