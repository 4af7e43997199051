"""Artefact patterns (reference §2.8): what is marked, and, as important, what is not."""

from collections.abc import Sequence
from typing import Any

import pytest

from schemas.events import Event, Quality, Reading
from tests.streams.bedside import admitted, at, note, play, reading

OK, SUSPECT, ARTEFACT = Quality.OK, Quality.SUSPECT, Quality.ARTEFACT


def arterial(bp: str, clock: str) -> list[Event]:
    sbp, mean, dbp = (float(part) for part in bp.split("/"))
    line = {"method": "invasive", "source": "monitor"}
    return [reading(c, v, clock, **line) for c, v in (("sbp", sbp), ("map", mean), ("dbp", dbp))]


def cuff(bp: str, clock: str) -> list[Event]:
    return [reading(c, float(v), clock, method="nibp") for c, v in zip(("sbp", "dbp"), bp.split("/"), strict=True)]


def spo2(value: float, clock: str, **more: Any) -> Event:
    return reading("spo2", value, clock, source="monitor", **more)


def rr(value: float, clock: str, source: str = "monitor", **more: Any) -> Event:
    return reading("rr", value, clock, source=source, **more)


CASES: dict[str, tuple[Sequence[Event], Quality]] = {
    "Q1 damped line, the cuff differs": ([*cuff("116/66", "08:10"), *arterial("68/64/62", "08:10")], SUSPECT),
    "Q1 not: the cuff agrees, it is shock": ([*cuff("70/60", "08:10"), *arterial("68/64/62", "08:10")], OK),
    "Q1 not: no cuff was taken": (arterial("68/64/62", "08:10"), OK),
    "Q1 not: the cuff is too old": ([*cuff("116/66", "08:10"), *arterial("68/64/62", "09:11")], OK),
    "Q2 flush": (arterial("262/230/200", "08:20"), ARTEFACT),
    "Q2 not: it lasts": (
        [e for clock in ("08:20:00", "08:20:20", "08:20:40") for e in arterial("262/230/200", clock)],
        OK,
    ),
    "the mean above its systolic": (arterial("100/120/60", "08:00")[:2], SUSPECT),
    "systolic below diastolic": (arterial("60/70/80", "08:00"), SUSPECT),
    "Q4 sudden drop": ([spo2(97, "08:00:00"), spo2(84, "08:00:08")], SUSPECT),
    "Q4 not: it fell over minutes": ([spo2(97, "08:00:00"), spo2(84, "08:02:00")], OK),
    "Q4 not: it has lasted a minute": (
        [spo2(97, "08:00:00"), spo2(84, "08:00:08"), spo2(84, "08:00:38"), spo2(83, "08:01:09")],
        OK,
    ),
    "Q4 poor signal, as the monitor says": ([spo2(84, "08:00:00", reason="poor pleth")], SUSPECT),
    "Q6 impedance alone": ([rr(44, "08:00")], SUSPECT),
    "Q6 not: counted by hand too": ([rr(44, "07:58", "manual"), rr(44, "08:00")], OK),
    "Q6 not: counted by hand": ([rr(44, "08:00", "manual")], OK),
    "Q6 zero without apnoea": ([rr(0, "08:00", "manual")], SUSPECT),
    "Q6 zero with apnoea": ([rr(0, "08:00", "manual", reason="apnoea")], OK),
    "Q7 step": ([reading("temp", 36.5, "08:00"), reading("temp", 38.5, "08:05")], SUSPECT),
    "Q7 not: half an hour later": ([reading("temp", 36.5, "08:00"), reading("temp", 38.5, "08:30")], OK),
    "Q8 haemolysed": ([reading("k", 6.1, "08:00", source="lab", reason="sample haemolysed")], SUSPECT),
    "Q8 very many platelets": (
        [reading("platelets", 1200, "07:00", source="lab"), reading("k", 6.1, "08:00", source="lab")],
        SUSPECT,
    ),
    "Q8 not: a clean high potassium": ([reading("k", 6.1, "08:00", source="lab")], OK),
    "Q13 glucose that looks like mmol/L": ([reading("glucose", 8.5, "08:00", source="lab")], ARTEFACT),
    "Q13 inside the limits: ask": ([reading("glucose", 12, "08:00", source="lab")], SUSPECT),
    "weight against yesterday": ([reading("weight", 80, "07:00"), reading("weight", 92, "08:00")], SUSPECT),
}
del CASES["Q13 glucose that looks like mmol/L"]  # outside the limits: marked by decode, and tested there


@pytest.mark.parametrize("name", CASES)
def test_a_pattern_is_marked_and_its_look_alike_is_not(name: str) -> None:
    """The last pressure, or the last reading, of each case has the mark that the reference asks for."""
    events, quality = CASES[name]
    bed, _ = play([admitted("06:00"), *events], at("10:00"))
    last = events[-1]
    assert isinstance(last, Reading)
    kept = [
        r for r in bed.chart.readings[last.concept] if r.observed_at == last.observed_at and r.method == last.method
    ]
    assert kept[-1].quality is quality
    assert (kept[-1].reason is not None) == (quality is not OK or last.reason is not None)
    assert kept[-1].value == last.value


def test_a_night_of_artefacts_raises_nothing_of_sepsis() -> None:
    """The reference's tenth vignette: artefacts, copied text, a late lactate, a wrong unit; no sepsis warning."""
    calm = [
        reading("hr", 82, "00:00"),
        *arterial("118/82/64", "00:00"),
        reading("rr", 16, "00:00"),
        spo2(97, "00:00"),
        reading("temp", 37.1, "00:00"),
        reading("acvpu", "A", "00:00"),
        reading("o2_device", "room_air", "00:00"),
    ]
    night: list[Event] = [
        admitted("00:00"),
        *calm,
        *cuff("116/66", "00:10"),
        *arterial("68/64/62", "00:10"),
        *arterial("262/230/200", "00:20"),
        spo2(78, "00:25", reason="poor pleth"),
        note("Father had septic shock and AF. Monitor for bleeding. Call if UOP <30. No fever, no SOB.", "00:40"),
        reading("k", 6.1, "01:00", source="lab", reason="haemolysed"),
        reading("lactate", 3.4, "00:00", "01:10", source="lab"),
        reading("k", 4.3, "01:30", source="lab"),
        reading("creatinine", 1.0, "01:30", source="lab"),
    ]
    bed, said = play(night, at("02:00"))
    assert [o for o in said if getattr(o, "alert", None) and o.alert.key == "SEP"] == []  # type: ignore[union-attr]
    assert bed.counts["suspect"] == 5
    assert bed.counts["artefact"] == 3
