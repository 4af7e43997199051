"""The reader of MIMIC-III, on a small hospital made here."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from schemas.events import Action, Movement, Note, Quality, Reading, Source, Status, Treatment
from streams.adapters import Stay, WrongFormat
from streams.adapters.mimic3 import INFUSION_CHARTED, _rates, read

ADMITTED = datetime(2150, 3, 1, 6, 0, tzinfo=UTC)


def at(clock: str) -> datetime:
    hours, minutes = clock.split(":")
    return ADMITTED.replace(hour=int(hours), minute=int(minutes))


COLUMNS = {
    "icustays": "subject_id hadm_id icustay_id dbsource first_careunit intime outtime",
    "patients": "subject_id gender dob",
    "admissions": "hadm_id diagnosis",
    "chartevents": "icustay_id itemid charttime storetime value valuenum error",
    "labevents": "subject_id itemid charttime value valuenum valueuom",
    "outputevents": "icustay_id itemid charttime storetime value iserror",
    "inputevents_mv": "icustay_id itemid starttime endtime storetime amount amountuom rate rateuom ordercategoryname "
    "ordercategorydescription patientweight statusdescription",
    "inputevents_cv": "icustay_id itemid charttime storetime amount amountuom rate rateuom stopped",
    "procedureevents_mv": "icustay_id itemid starttime endtime statusdescription",
    "microbiologyevents": "subject_id charttime spec_itemid",
    "prescriptions": "hadm_id startdate drug route",
}
STAY = {"subject_id": 1, "hadm_id": 10, "icustay_id": 100, "dbsource": "metavision", "first_careunit": "MICU",
        "intime": ADMITTED, "outtime": ADMITTED + timedelta(days=2)}  # fmt: skip
PERSON = {"subject_id": 1, "gender": "F", "dob": datetime(2090, 1, 1, tzinfo=UTC)}


def hospital(folder: Path, form: str = "parquet", **tables: Sequence[Mapping[str, Any]]) -> Path:
    """Writes the tables; times and numbers are text in CSV, as PhysioNet ships them."""
    folder.mkdir(exist_ok=True)
    for name, columns in COLUMNS.items():
        rows = {"icustays": [STAY], "patients": [PERSON]}.get(name, []) if name not in tables else tables[name]
        if not rows and name not in tables and name != "chartevents":
            continue
        text = {column: [_text(r.get(column)) for r in rows] for column in columns.split()}
        frame = pl.DataFrame(text, schema=dict.fromkeys(text, pl.String))
        match form:
            case "parquet":
                frame.write_parquet(folder / f"{name}.parquet")
            case "csv":
                frame.write_csv(folder / f"{name}.csv")
            case "CSV.gz":
                upper = frame.rename(str.upper)
                upper.write_csv(folder / f"{name.upper()}.csv")
                _gzip(folder / f"{name.upper()}.csv")
    return folder


def _text(cell: Any) -> str | None:
    return cell.strftime("%Y-%m-%d %H:%M:%S") if isinstance(cell, datetime) else None if cell is None else str(cell)


def _gzip(path: Path) -> None:
    import gzip

    path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()


def charted(item: int, clock: str, *, number: float | None = None, word: str | None = None, stored: str | None = None,
            error: int | None = None) -> dict[str, Any]:  # fmt: skip
    return {"icustay_id": 100, "itemid": item, "charttime": at(clock), "storetime": at(stored or clock),
            "value": word if word is not None else number, "valuenum": number, "error": error}  # fmt: skip


def lab(item: int, clock: str, number: float | None, unit: str | None, word: str | None = None) -> dict[str, Any]:
    return {
        "subject_id": 1,
        "itemid": item,
        "charttime": at(clock),
        "value": word,
        "valuenum": number,
        "valueuom": unit,
    }


def one(folder: Path) -> Stay:
    (stay,) = read(folder)
    return stay


def found(stay: Stay, concept: str) -> list[Reading]:
    return [event for event in stay.events if isinstance(event, Reading) and event.concept == concept]


@pytest.mark.parametrize("form", ["parquet", "csv", "CSV.gz"])
def test_the_form_of_the_tables_does_not_matter(tmp_path: Path, form: str) -> None:
    """Parquet, CSV and upper-case CSV.gz give the same stay."""
    rows = [charted(220045, "08:00", number=96), charted(223761, "08:00", number=100.4, stored="08:20")]
    plain, other = hospital(tmp_path / "a", chartevents=rows), hospital(tmp_path / "b", form, chartevents=rows)
    assert one(plain) == one(other)


def test_a_monitor_is_heard_at_once_and_a_person_when_it_is_stored(tmp_path: Path) -> None:
    """Heart rate is known when measured; a temperature typed at 08:20 not before that; nothing before it is true."""
    rows = [
        charted(220045, "08:00", number=96, stored="08:40"),
        charted(223761, "08:00", number=100.4, stored="08:20"),
        charted(223762, "09:00", number=38.5, stored="07:00"),
    ]
    stay = one(hospital(tmp_path, chartevents=rows))
    (rate,), (warm, warmer) = found(stay, "hr"), found(stay, "temp")
    assert (rate.available_at, rate.source) == (at("08:00"), Source.MONITOR)
    assert (warm.value, warm.original_value, warm.observed_at, warm.available_at) == (
        38.0,
        100.4,
        at("08:00"),
        at("08:20"),
    )
    assert warmer.available_at == at("09:00")


def test_a_tube_makes_the_verbal_response_untestable(tmp_path: Path) -> None:
    """With a tube neither the verbal response nor that time's total may be scored; without, the parts are added."""
    rows = [
        charted(184, "08:00", number=3, word="3 To speech"),
        charted(723, "08:00", number=1, word="1.0 ET/Trach"),
        charted(454, "08:00", number=6, word="6 Obeys Commands"),
        charted(198, "08:00", number=10, word="10"),
        charted(220739, "12:00", number=4, word="Spontaneously"),
        charted(223900, "12:00", number=4, word="Confused"),
        charted(223901, "12:00", number=6, word="Obeys Commands"),
    ]
    stay = one(hospital(tmp_path, chartevents=rows))
    assert [(v.value, v.quality) for v in found(stay, "gcs_v")] == [(1.0, Quality.SUSPECT), (4.0, Quality.OK)]
    assert [(t.value, t.quality) for t in found(stay, "gcs_total")] == [(10.0, Quality.SUSPECT), (14.0, Quality.OK)]
    assert {part.quality for part in (*found(stay, "gcs_e"), *found(stay, "gcs_m"))} == {Quality.OK}


def test_what_cannot_be_a_score_is_no_score(tmp_path: Path) -> None:
    """Pain "unable to score" is charted as 0 in the set, and must not read as no pain."""
    rows = [
        charted(223791, "08:00", number=0, word="Unable to Score"),
        charted(223791, "09:00", number=5, word="Moderate"),
    ]
    assert [r.value for r in found(one(hospital(tmp_path, chartevents=rows)), "pain_nrs")] == [5.0]


def test_oxygen_comes_as_fraction_and_device_as_code(tmp_path: Path) -> None:
    """Percent and fraction are one FiO2, an impossible one is an artefact, and the stronger of two devices is kept."""
    rows = [
        charted(223835, "08:00", number=50),
        charted(190, "09:00", number=0.4),
        charted(223835, "10:00", number=4),
        charted(226732, "08:00", word="Nasal cannula"),
        charted(226732, "08:00", word="Endotracheal tube"),
        charted(467, "09:00", word="None"),
    ]
    stay = one(hospital(tmp_path, chartevents=rows))
    assert [(r.value, r.quality) for r in found(stay, "fio2")] == [
        (0.5, Quality.OK), (0.4, Quality.OK), (4.0, Quality.ARTEFACT)]  # fmt: skip
    assert [r.code for r in found(stay, "o2_device")] == ["imv", "air"]


def test_an_error_is_kept_as_one_and_does_not_hide_the_right_value(tmp_path: Path) -> None:
    """A row flagged as error comes as entered-in-error; where the right value stands beside it, that one is kept."""
    rows = [
        charted(220179, "08:00", number=12, error=1),
        charted(220179, "09:00", number=118),
        charted(220179, "09:00", number=811, error=1),
    ]
    pressures = found(one(hospital(tmp_path, chartevents=rows)), "sbp")
    assert [(p.value, p.status) for p in pressures] == [(12.0, Status.ENTERED_IN_ERROR), (118.0, Status.FINAL)]


def test_words_of_one_time_are_one_note(tmp_path: Path) -> None:
    """Charted words become one note per time, known when its last word was stored; empty words are left out."""
    rows = [
        charted(223987, "08:00", word="Crackles", stored="08:10"),
        charted(223986, "08:00", word="Clear"),
        charted(224027, "08:00", word="Cool", stored="08:15"),
        charted(223991, "08:00", word="None"),
        charted(224650, "08:00", word="PVC's"),
        charted(220046, "08:00", number=120, word="120"),
    ]
    (note,) = (event for event in one(hospital(tmp_path, chartevents=rows)).events if isinstance(event, Note))
    assert note.text == "Lung sounds RUL: Clear. Lung sounds RLL: Crackles. Skin temperature: Cool."
    assert (note.observed_at, note.available_at) == (at("08:00"), at("08:15"))


def test_a_result_is_known_after_its_sample(tmp_path: Path) -> None:
    """Gases come in minutes, chemistry after an hour and more; what is older than the stay is known at admission."""
    rows = [
        lab(50813, "08:00", 3.4, "mmol/L"),
        lab(50912, "08:00", 1.5, "mg/dL"),
        {**lab(50912, "08:00", 0.9, "mg/dL"), "charttime": ADMITTED - timedelta(hours=20)},
        {**lab(50912, "08:00", 0.7, "mg/dL"), "charttime": ADMITTED - timedelta(days=40)},
    ]
    stay = one(hospital(tmp_path, labevents=rows))
    (lactate,), (before, now) = found(stay, "lactate"), found(stay, "creatinine")
    assert lactate.available_at - lactate.observed_at == timedelta(minutes=5)
    assert now.available_at - now.observed_at == timedelta(minutes=80)
    assert (before.value, before.available_at) == (0.9, ADMITTED)


def test_results_that_are_bounds_or_of_a_vein_say_so(tmp_path: Path) -> None:
    """A bound keeps its number with a remark; pO2 of a venous sample is no arterial one; a wrong unit is refused."""
    rows = [
        lab(50971, "08:00", None, "mEq/L", "GREATER THAN 10"),
        lab(50800, "09:00", None, None, "VEN"),
        lab(50821, "09:00", 38.0, "mm Hg"),
        lab(50820, "09:00", 7.31, "units"),
        lab(50912, "09:00", 1.1, "furlongs"),
    ]
    stay = one(hospital(tmp_path, labevents=rows))
    (potassium,), (oxygen,), (ph,) = found(stay, "k"), found(stay, "pao2"), found(stay, "ph_art")
    assert (potassium.value, potassium.quality, potassium.reason) == (10.0, Quality.OK, "reported as above this value")
    assert (oxygen.quality, ph.quality, ph.method) == (Quality.SUSPECT, Quality.OK, "venous")
    assert [(r.fault.value, "furlongs" in r.why) for r in stay.refused] == [("unknown_unit", True)]
    assert not found(stay, "creatinine")


def drip(item: int, start: str, end: str, rate: float | None, unit: str = "mcg/kg/min", **more: Any) -> dict[str, Any]:
    times = {"starttime": at(start), "endtime": at(end), "storetime": at(end)}
    kind = {
        "ordercategoryname": "01-Drips",
        "ordercategorydescription": "Continuous Med",
        "statusdescription": "Stopped",
    }
    dose = {"rate": rate, "rateuom": unit, "amount": 1.0, "amountuom": "mg", "patientweight": 80.0}
    return {"icustay_id": 100, "itemid": item, **times, **kind, **dose, **more}


def test_a_drip_is_told_as_by_its_pump(tmp_path: Path) -> None:
    """Runs of one drug become start, change and stop; a rewritten run never was; rates come in the drug's own unit."""
    rows = [
        drip(221906, "08:00", "09:00", 0.1),
        drip(221906, "09:00", "10:00", 0.2),
        drip(221906, "08:00", "12:00", 4.0, statusdescription="Rewritten"),
        drip(222056, "08:00", "09:00", 0.5),
    ]
    stay = one(hospital(tmp_path, inputevents_mv=rows))
    told = [(e.item, e.action, e.rate, e.observed_at) for e in stay.events if isinstance(e, Treatment)]
    assert told == [
        ("nitroglycerin", Action.START, 40.0, at("08:00")),
        ("norepinephrine", Action.START, 0.1, at("08:00")),
        ("nitroglycerin", Action.STOP, None, at("09:00")),
        ("norepinephrine", Action.CHANGE, 0.2, at("09:00")),
        ("norepinephrine", Action.STOP, None, at("10:00")),
    ]
    assert all(e.available_at - e.observed_at == INFUSION_CHARTED for e in stay.events if isinstance(e, Treatment))


def test_a_rate_that_no_pump_gives_is_not_believed(tmp_path: Path) -> None:
    """Norepinephrine charted in mg/kg/min: that it runs is known, at what rate is not."""
    (start, _) = (
        e
        for e in one(hospital(tmp_path, inputevents_mv=[drip(221906, "08:00", "09:00", 0.1, "mg/kg/min")])).events
        if isinstance(e, Treatment)
    )
    assert (start.item, start.action, start.rate) == ("norepinephrine", Action.START, None)


def test_boluses_add_up_and_carriers_are_no_fluid(tmp_path: Path) -> None:
    """Two boluses of one minute are one volume, given when they are in; the saline that carries a drug is not read."""
    bolus: dict[str, Any] = {
        "ordercategoryname": "03-IV Fluid Bolus",
        "ordercategorydescription": "Bolus",
        "amountuom": "ml",
    }
    rows = [
        drip(225158, "08:00", "08:30", None, **{**bolus, "amount": 500}),
        drip(225158, "08:10", "08:30", None, **{**bolus, "amount": 250}),
        drip(225158, "08:00", "10:00", 5.0, "mL/hour"),
        drip(
            225798, "08:00", "08:01", None, **{**bolus, "ordercategoryname": "08-Antibiotics (IV)", "amountuom": "dose"}
        ),
    ]
    given = [e for e in one(hospital(tmp_path, inputevents_mv=rows)).events if isinstance(e, Treatment)]
    assert [(e.item, e.action, e.amount, e.route, e.observed_at) for e in given] == [
        ("vancomycin", Action.GIVEN, None, None, at("08:01")),
        ("saline_0_9", Action.GIVEN, 750.0, "bolus", at("08:30")),
    ]


def test_carevue_rates_are_told_when_they_change(tmp_path: Path) -> None:
    """A rate charted again is no news; a volume without a rate is a fluid given."""
    base = {"icustay_id": 100, "itemid": 30120, "rateuom": "mcgkgmin"}
    rows = [
        {**base, "charttime": at("08:00"), "storetime": at("08:20"), "rate": 0.1},
        {**base, "charttime": at("09:00"), "storetime": at("09:00"), "rate": 0.1},
        {**base, "charttime": at("10:00"), "storetime": at("10:00"), "rate": 0.15},
        {**base, "charttime": at("11:00"), "storetime": at("11:00"), "stopped": "D/C'd"},
        {"icustay_id": 100, "itemid": 30021, "charttime": at("10:00"), "amount": 500, "amountuom": "ml"},
    ]
    told = [e for e in one(hospital(tmp_path, inputevents_cv=rows)).events if isinstance(e, Treatment)]
    assert [(e.item, e.action, e.rate, e.amount) for e in told] == [
        ("norepinephrine", Action.START, 0.1, None),
        ("lactated_ringer", Action.GIVEN, None, 500.0),
        ("norepinephrine", Action.CHANGE, 0.15, None),
        ("norepinephrine", Action.STOP, None, None),
    ]
    assert told[0].available_at == at("08:20")


def test_urine_is_one_amount_per_time_without_the_rinse(tmp_path: Path) -> None:
    """Two ways of output at one time add up, irrigation is taken off, an entry marked as error is left out."""
    base = {"icustay_id": 100, "charttime": at("08:00"), "storetime": at("08:05"), "iserror": None}
    rows = [
        {**base, "itemid": 226559, "value": 60},
        {**base, "itemid": 227489, "value": 3000},
        {**base, "itemid": 227488, "value": 2900},
        {**base, "itemid": 226559, "value": 999, "iserror": 1},
    ]
    assert [r.value for r in found(one(hospital(tmp_path, outputevents=rows)), "urine")] == [160.0]


def test_cultures_have_an_hour_and_orders_only_a_day(tmp_path: Path) -> None:
    """A blood culture counts at its minute and not without one; an order of a CareVue stay is known next midnight."""
    cultures: list[dict[str, Any]] = [
        {"subject_id": 1, "charttime": at("08:15"), "spec_itemid": 70012},
        {"subject_id": 1, "charttime": None, "spec_itemid": 70012},
    ]
    day = ADMITTED.replace(hour=0)
    orders = [{"hadm_id": 10, "startdate": day, "drug": "Piperacillin-Tazobactam Na", "route": "IV"}]
    stay = one(
        hospital(
            tmp_path, icustays=[{**STAY, "dbsource": "carevue"}], microbiologyevents=cultures, prescriptions=orders
        )
    )
    assert [(e.item, e.action, e.available_at) for e in stay.events if isinstance(e, Treatment)] == [
        ("blood_culture", Action.GIVEN, at("08:15")),
        ("piperacillin_tazobactam", Action.ORDERED, day + timedelta(days=1)),
    ]


def test_news_about_the_person_adds_to_what_is_known(tmp_path: Path) -> None:
    """Allergies, history and treatment limits come as updates, each with all that is known by then, once per change."""
    rows = [
        charted(916, "07:00", word="Penicillins"),
        charted(225811, "08:00", word="CHF"),
        charted(225059, "08:00", word="COPD"),
        charted(223758, "09:00", word="Full code"),
        charted(223758, "10:00", word="Full code"),
        charted(223758, "11:00", word="DNR / DNI"),
    ]
    moves = [e for e in one(hospital(tmp_path, chartevents=rows)).events if isinstance(e, Movement)]
    assert [m.action for m in moves] == ["admit", "update", "update", "update", "update", "discharge"]
    person = moves[4].patient
    assert person is not None
    assert person.allergies is not None
    assert [a.substance for a in person.allergies] == ["penicillin"]
    assert (person.diagnoses, person.limits, person.sex) == (("copd", "heart_failure"), ("dnr",), "female")


def test_a_hidden_age_is_ninety(tmp_path: Path) -> None:
    """Ages above 89 are shifted by centuries in the set; they are read as 90."""
    folder = hospital(tmp_path, patients=[{**PERSON, "dob": datetime(1850, 1, 1, tzinfo=UTC)}])
    admission = one(folder).events[0]
    assert isinstance(admission, Movement)
    assert admission.patient is not None
    assert admission.patient.age_years == 90.0


def test_the_reason_for_admission_is_the_sources_own_words(tmp_path: Path) -> None:
    """It comes with the admission, cut at what a record may hold, and as a note; without it nothing is said."""
    folder = hospital(tmp_path, admissions=[{"hadm_id": 10, "diagnosis": " SEPSIS;PNEUMONIA" + "x" * 300}])
    (admission, note, _) = one(folder).events
    assert isinstance(admission, Movement)
    assert admission.patient is not None
    assert admission.patient.reason == ("SEPSIS;PNEUMONIA" + "x" * 300)[:199] + "…"
    assert isinstance(note, Note)
    unknown = one(hospital(tmp_path / "unknown")).events[0]
    assert isinstance(unknown, Movement)
    assert unknown.patient is not None
    assert unknown.patient.reason is None


def test_another_folder_is_named_for_what_it_lacks(tmp_path: Path) -> None:
    """A folder that is not MIMIC-III is refused at once: which table or column was expected, and what was found."""
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "clif_vitals.parquet")
    with pytest.raises(WrongFormat, match=r"expected the MIMIC-III table 'icustays' in .*, found clif_vitals"):
        read(tmp_path)
    pl.DataFrame({"subject_id": [1], "hadm": [1]}).write_parquet(tmp_path / "icustays.parquet")
    with pytest.raises(
        WrongFormat, match=r"expected column 'hadm_id' in 'icustays.parquet' \(MIMIC-III\), found subject_id, hadm"
    ):
        read(tmp_path)
    with pytest.raises(WrongFormat, match="expected a folder of MIMIC-III tables, found nothing at 'nowhere'"):
        read(tmp_path / "nowhere")


def test_an_old_bag_that_ends_as_a_new_one_runs_is_no_stop() -> None:
    """Entries of one time are one event, whatever order they stand in: what still runs counts."""
    when = datetime(2150, 1, 1, 17, tzinfo=UTC)
    about = {"encounter": "1", "item": "propofol", "charttime": when, "storetime": when, "rateuom": "mcg/kg/min"}
    old, new = about | {"rate": None, "stopped": "D/C'd"}, about | {"rate": 20.0, "stopped": "NotStopd"}
    for entries in ([old, new], [new, old]):
        assert [(row["action"], row["rate"]) for row in _rates(entries)] == [("start", 20.0)]
