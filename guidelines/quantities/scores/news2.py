"""NEWS2, 0–20. Royal College of Physicians 2017; reference §1.1. Scale 2 only with a documented 88–92 % target."""

from guidelines.quantities.oxygen import OXYGEN, ventilated
from guidelines.quantities.scores.tally import (
    REST,
    Bands,
    Part,
    Tally,
    banded,
    points,
    rounded,
    score,
    tallied,
    tally_of,
)
from guidelines.rules import noted
from guidelines.rules.answers import Answer, Missing, Source, no, unknown, yes
from guidelines.rules.case import Case
from guidelines.rules.registry import predicate

RR: Bands = ((8, 3), (11, 1), (20, 0), (24, 2), (REST, 3))
SPO2: Bands = ((91, 3), (93, 2), (95, 1), (REST, 0))
SPO2_TARGET: Bands = ((83, 3), (85, 2), (87, 1), (92, 0), (94, 1), (96, 2), (REST, 3))
SBP: Bands = ((90, 3), (100, 2), (110, 1), (219, 0), (REST, 3))
HR: Bands = ((40, 3), (50, 1), (90, 0), (110, 1), (130, 2), (REST, 3))
TEMP: Bands = ((35.0, 3), (36.0, 1), (38.0, 0), (39.0, 1), (REST, 2))
READS = ("rr", "spo2", "o2_device", "sbp", "hr", "temp", "rass", "p:spo2_target_88_92", "n:o2.target")


def consciousness_part(case: Case) -> Part:
    letter, sources = case.ask(case.graph.named["consciousness"])
    if letter is None:
        return Part("consciousness", None, 3, (), Missing("acvpu"))
    return Part("consciousness", 0 if letter == "A" else 3, 3, sources)


def _saturation(case: Case, on_oxygen: bool | None) -> Part:
    reading = case.latest("spo2")
    if reading is None or reading.value is None:
        return Part("spo2", None, 3, (), Missing("spo2"))
    value = rounded(reading.value)
    target = _target(case)
    if target is None:
        return Part("spo2", points(SPO2, value), 3, (reading,))
    if value <= 92 or on_oxygen:
        return Part("spo2", points(SPO2_TARGET, value), 3, (reading, *target))
    if on_oxygen is None:  # 93 % is fine on air and too much on oxygen
        return Part("spo2", None, points(SPO2_TARGET, value), (reading, *target), Missing("o2_device"))
    return Part("spo2", 0, 3, (reading, *target))


def _target(case: Case) -> tuple[Source, ...] | None:
    """What sets a target of 88–92 %, as far as it can be shown: the record, or a note where the record is silent."""
    recorded = case.snapshot.patient.spo2_target_88_92
    if recorded is not None:
        return () if recorded else None
    told = noted.oxygen_target(case)
    return None if told is None else (told,)


@score("news2", READS, uses=["consciousness", OXYGEN])
def _news2(case: Case) -> Tally:
    on_oxygen, said_by = case.ask(case.graph.named[OXYGEN])
    supplement = (
        Part("oxygen", None, 2, (), Missing("o2_device"))
        if on_oxygen is None or said_by is None
        else Part("oxygen", 2 if on_oxygen else 0, 2, (said_by,))
    )
    target = _target(case)
    notes = []
    rass = case.value("rass")
    if rass is not None and rass <= -1:
        notes.append("sedated: the level of consciousness is confounded")
    if ventilated(case):
        notes.append("ventilated: NEWS2 is descriptive only")
    parts = (
        banded(case, "rr", RR, 3),
        _saturation(case, on_oxygen),
        supplement,
        banded(case, "sbp", SBP, 3),
        banded(case, "hr", HR, 3),
        consciousness_part(case),
        banded(case, "temp", TEMP, 3, 1),
    )
    return tallied("news2", f"NEWS2, SpO₂ scale {1 if target is None else 2}", parts, tuple(notes))


@predicate("news2_single_three", uses=["tally news2", "news2"], ages_only=True)
def _single_three(case: Case) -> Answer:
    """One NEWS2 parameter alone scores 3."""
    parts = tally_of(case, "news2").parts
    if any(p.points == 3 for p in parts):
        return yes(*case.number("news2").sources)
    open_ = tuple(p.missing for p in parts if p.missing is not None and p.most == 3)
    return unknown(*open_) if open_ else no(*case.number("news2").sources)
