"""The reader of CLIF 2.x, on a small hospital made here."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from schemas.events import Action, Movement, Quality, Reading, Treatment
from streams.adapters import Stay, WrongFormat
from streams.adapters.clif import RESULT_AFTER, read

ADMITTED = datetime(2150, 3, 1, 6, 0, tzinfo=UTC)
OF = {"hospitalization_id": "h1"}


def at(hours: float) -> datetime:
    return ADMITTED + timedelta(hours=hours)


def vital(category: str, value: float, hours: float = 1, name: str | None = None) -> dict[str, Any]:
    return {
        **OF,
        "recorded_dttm": at(hours),
        "vital_name": name or category,
        "vital_category": category,
        "vital_value": value,
    }


def lab(
    category: str, value: float | None, unit: str | None, text: str | None = None, result: float | None = 2
) -> dict[str, Any]:
    known = None if result is None else at(result)
    times = {"lab_collect_dttm": at(1), "lab_result_dttm": known}
    return {
        **OF,
        **times,
        "lab_category": category,
        "lab_value": text,
        "lab_value_numeric": value,
        "reference_unit": unit,
    }


def drip(order: str, hours: float, action: str, dose: float, name: str = "Norepinephrine") -> dict[str, Any]:
    return {**OF, "med_order_id": order, "admin_dttm": at(hours), "med_name": name, "med_category": name.lower(),
            "mar_action_category": action, "med_dose": dose, "med_dose_unit": "mcg/kg/min"}  # fmt: skip


def one(folder: Path, **tables: list[dict[str, Any]]) -> Stay:
    stay = {**OF, "patient_id": "p1", "admission_dttm": ADMITTED, "discharge_dttm": at(48), "age_at_admission": 71}
    tables = {
        "hospitalization": [stay],
        "patient": [{"patient_id": "p1", "sex_category": "Female"}],
        "vitals": [vital("heart_rate", 88)],
        **tables,
    }
    for name, rows in tables.items():
        pl.DataFrame(rows, infer_schema_length=None).write_parquet(folder / f"clif_{name}.parquet")
    (found,) = read(folder)
    return found


def found(stay: Stay, concept: str) -> list[Reading]:
    return [event for event in stay.events if isinstance(event, Reading) and event.concept == concept]


def test_vitals_know_how_they_were_measured(tmp_path: Path) -> None:
    """A pressure's method comes from its local name, since CLIF's category has none."""
    names = {
        "Non Invasive Blood Pressure systolic": "nibp",
        "Arterial Blood Pressure systolic": "invasive",
        "sbp": None,
    }
    rows = [vital("sbp", 110 + i, i, name) for i, name in enumerate(names)]
    assert [r.method for r in found(one(tmp_path, vitals=rows), "sbp")] == list(names.values())


def test_a_result_is_known_when_it_was_resulted(tmp_path: Path) -> None:
    """Collected is when it was true, resulted when it could be known; without the latter, a usual delay is waited."""
    rows = [
        lab("lactate", 3.4, "mmol/L"),
        lab("creatinine", 1.5, "mg/dL", result=None),
        lab("sodium", 140, "mmol/L", result=0.9),
    ]
    stay = one(tmp_path, labs=rows)
    times = {r.concept: r.available_at for r in stay.events if isinstance(r, Reading)}
    assert found(stay, "lactate")[0].observed_at == at(1)
    assert (times["lactate"], times["creatinine"], times["na"]) == (at(2), at(1) + RESULT_AFTER, at(1))


def test_units_are_those_of_the_row(tmp_path: Path) -> None:
    """Ionised calcium in mg/dL is converted; an unknown unit is refused with its reason; a bound is told as one."""
    rows = [
        lab("calcium_ionized", 4.48, "mg/dL"),
        lab("potassium", 4.1, "parsec"),
        lab("platelet_count", None, "10*3/uL", "<5"),
    ]
    stay = one(tmp_path, labs=rows)
    assert found(stay, "ca_ion")[0].value == pytest.approx(1.118, abs=0.001)
    assert [(r.value, r.reason) for r in found(stay, "platelets")] == [(5.0, "reported as below this value")]
    assert [r.fault.value for r in stay.refused] == ["unknown_unit"]


def test_support_of_breathing_is_a_device_with_its_settings(tmp_path: Path) -> None:
    """Device category and name become one code; numbers of the ventilator their concepts; a null is nothing."""
    columns = [
        "tidal_volume_set",
        "tidal_volume_obs",
        "resp_rate_set",
        "resp_rate_obs",
        "pressure_support_set",
        "inspiratory_time_set",
        "peep_set",
        "plateau_pressure_obs",
        "peak_inspiratory_pressure_obs",
        "mean_airway_pressure_obs",
        "minute_vent_obs",
        "lpm_set",
        "fio2_set",
    ]
    base = {**OF, **dict.fromkeys(columns), "mode_category": None}
    rows = [
        {
            **base,
            "recorded_dttm": at(1),
            "device_name": "Non-rebreather",
            "device_category": "Face Mask",
            "lpm_set": 15.0,
        },
        {**base, "recorded_dttm": at(2), "device_name": "Face tent", "device_category": "Face Mask"},
        {
            **base,
            "recorded_dttm": at(3),
            "device_name": "ETT",
            "device_category": "IMV",
            "fio2_set": 0.5,
            "peep_set": 8.0,
        },
    ]
    stay = one(tmp_path, respiratory_support=rows)
    assert [r.code for r in found(stay, "o2_device")] == ["nrb", "simple", "imv"]
    assert [r.value for r in (*found(stay, "o2_flow"), *found(stay, "fio2"), *found(stay, "peep"))] == [15.0, 0.5, 8.0]


def test_a_verbal_response_of_zero_is_a_tube(tmp_path: Path) -> None:
    """CLIF has 0 where a tube stands: neither that part nor the total of that time may be scored."""
    scores = {"gcs_verbal": 0, "gcs_eye": 4, "gcs_motor": 6, "gcs_total": 15}
    base = {**OF, "recorded_dttm": at(1), "categorical_value": None}
    stay = one(
        tmp_path,
        patient_assessments=[
            {**base, "assessment_category": n, "numerical_value": float(v)} for n, v in scores.items()
        ],
    )
    quality = {r.concept: r.quality for r in stay.events if isinstance(r, Reading)}
    assert quality["gcs_total"] is quality["gcs_v"] is Quality.SUSPECT
    assert quality["gcs_e"] is quality["gcs_m"] is Quality.OK


def test_a_new_bag_is_no_stop(tmp_path: Path) -> None:
    """One order stops and the next starts in the same minute: the drug goes on, at the new rate, to the last stop."""
    rows = [
        drip("o1", 1, "start", 0.1),
        drip("o1", 2, "dose_change", 0.2),
        drip("o1", 3, "stop", 0),
        drip("o2", 3, "start", 0.3),
        drip("o2", 4, "stop", 0),
        drip("o3", 1, "start", 5, "Unobtainium"),
    ]
    told = [e for e in one(tmp_path, medication_admin_continuous=rows).events if isinstance(e, Treatment)]
    assert [(t.action, t.rate) for t in told] == [
        (Action.START, 0.1), (Action.CHANGE, 0.2), (Action.CHANGE, 0.3), (Action.STOP, None)]  # fmt: skip


def test_doses_have_the_item_that_their_name_tells(tmp_path: Path) -> None:
    """The local name tells which saline it is; a rest like "dose" is a dose of unknown size; a repeated row adds up."""
    base = {**OF, "admin_dttm": at(1), "mar_action_category": "given"}
    saline = {"med_name": "NaCl 0.9%", "med_category": "sodium chloride", "med_dose": 250.0, "med_dose_unit": "mL"}
    meropenem = {"med_name": "Meropenem", "med_category": "meropenem", "med_dose": 1.0, "med_dose_unit": "dose"}
    rows = [
        {**base, **saline, "med_route_name": "03-IV Fluid Bolus"},
        {**base, **saline, "med_route_name": "03-IV Fluid Bolus"},
        {**base, **meropenem, "med_route_name": "IV"},
    ]
    stay = one(tmp_path, medication_admin_intermittent=rows)
    assert stay.refused == []
    given = [e for e in stay.events if isinstance(e, Treatment)]
    assert [(g.item, g.amount, g.route) for g in given] == [("meropenem", None, None), ("saline_0_9", 500.0, "bolus")]


def test_a_patient_moves_between_settings(tmp_path: Path) -> None:
    """The first place is the admission, later ones transfers with their setting; treatment limits come as news."""
    places = [
        {**OF, "in_dttm": at(0), "location_name": "Medicine", "location_category": "ward"},
        {**OF, "in_dttm": at(9), "location_name": "MICU", "location_category": "icu"},
    ]
    codes = [{"patient_id": "p1", "start_dttm": at(12), "code_status_category": "DNR"}]
    moves = [e for e in one(tmp_path, adt=places, code_status=codes).events if isinstance(e, Movement)]
    assert [(m.action, m.setting) for m in moves] == [
        ("admit", "ward"), ("transfer", "icu"), ("update", None), ("discharge", None)]  # fmt: skip
    assert moves[2].patient is not None
    assert (moves[2].patient.limits, moves[2].patient.age_years) == (("dnr",), 71.0)


def test_another_folder_is_named_for_what_it_lacks(tmp_path: Path) -> None:
    """A folder that is not CLIF is refused at once: which table or column was expected, and what was found."""
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "icustays.parquet")
    with pytest.raises(WrongFormat, match=r"expected the CLIF table 'clif_hospitalization' in .*, found icustays"):
        read(tmp_path)
    pl.DataFrame({"id": [1]}).write_parquet(tmp_path / "clif_hospitalization.parquet")
    with pytest.raises(WrongFormat, match=r"expected column 'hospitalization_id' in 'clif_hospitalization\.parquet'"):
        read(tmp_path)
