"""Oxygen: ratios (reference §1.9), whether it was stepped up (§3.0), whether a tube breathes for the patient."""

from datetime import timedelta

from guidelines.rules import noted
from guidelines.rules.answers import Answer, Computed, Interval, Missing, Sample, exact, no, open_range, unknown, yes
from guidelines.rules.case import TUBES, Case
from guidelines.rules.registry import number, predicate, shared
from schemas.clinical.facts import Polarity
from schemas.events import Reading

OXYGEN = "on oxygen"
HOUR = timedelta(hours=1)
DAY = timedelta(hours=24)
PAIRED = timedelta(hours=2)  # PaO2 with the last FiO2 before it (reference §1.9)
RATIO_VALID = timedelta(hours=4)
FIO2_STEP, FLOW_STEP = 0.10, 2.0  # reference §3.0, o2_up
TOLERANCE = 1e-6
SPO2_SAYS_NOTHING_ABOVE = 97.0  # reference §1.9
MASKS = ("nc", "simple", "venturi", "nrb")  # these always deliver oxygen; high flow and ventilators what FiO2 says
DEVICE_STEPS = {"air": 0, "nc": 1, "simple": 2, "venturi": 2, "nrb": 3, "hfnc": 4, "niv": 5, "imv": 6, "trach": 6}


@shared("oxygenation", ["pao2", "fio2", "o2_device"])
def oxygenation(case: Case) -> list[Sample]:
    """P/F ratios (mmHg) of the last 24 h: PaO2 with the last FiO2 at most 2 h before it, or air; newest first."""
    gases = case.recent("pao2", DAY)
    if not gases:
        return []
    case.leaves(gases[-1].observed_at, DAY)
    settings = [
        *case.recent("fio2", DAY + PAIRED),
        *(r for r in case.recent("o2_device", DAY + PAIRED) if r.code == "air"),
    ]
    found = []
    for gas in gases:
        before = [r for r in settings if gas.observed_at - PAIRED <= r.observed_at <= gas.observed_at]
        if before and gas.value is not None and gas.method != "venous":
            last = max(before, key=lambda r: r.observed_at)
            ratio = gas.value / (0.21 if last.value is None else last.value)
            found.append(Sample(gas.observed_at, ratio, Computed("pf", ratio, gas.observed_at, (gas, last))))
    return found


@number("pf", ["pf"], uses=["oxygenation"])
def _pf(case: Case) -> Interval:
    ratios: list[Sample] = case.ask(case.graph.named["oxygenation"])
    if not ratios or case.now - ratios[0].at > RATIO_VALID:
        return open_range(Missing("pao2"), Missing("fio2"))
    case.leaves(ratios[0].at, RATIO_VALID)
    return Interval(ratios[0].value, ratios[0].value, (ratios[0].source,))


@number("sf", ["sf", "spo2", "fio2"], ages_only=True)
def _sf(case: Case) -> Interval:
    saturation, fraction = case.latest("spo2"), case.latest("fio2")
    if saturation is None or saturation.value is None or fraction is None or not fraction.value:
        return open_range(*(Missing(c) for c in ("spo2", "fio2") if case.latest(c) is None))
    if saturation.value > SPO2_SAYS_NOTHING_ABOVE:
        return open_range(Missing("pao2", "SpO₂ above 97 % says nothing of S/F"))
    return exact("sf", saturation.value / fraction.value, saturation.observed_at, saturation, fraction)


@shared(OXYGEN, ["o2_device", "o2_flow", "fio2"])
def _oxygen(case: Case) -> tuple[bool | None, Reading | None]:
    """Whether oxygen is given, and the reading that says so: the newest of device, flow and FiO2 decides."""
    device, flow, fio2 = case.latest("o2_device"), case.latest("o2_flow"), case.latest("fio2")
    said: list[tuple[bool, Reading]] = []
    blended = device is not None and device.code != "air" and device.code not in MASKS
    if device is not None and not blended:
        said.append((device.code != "air", device))
    if flow is not None and flow.value is not None and not (blended and fio2 is not None):
        said.append((flow.value > 0, flow))
    if fio2 is not None and fio2.value is not None:
        said.append((fio2.value > 0.21 + 1e-9, fio2))
    if not said:
        return None, None
    newest = max(reading.observed_at for _, reading in said)
    return max(((on, r) for on, r in said if r.observed_at == newest), key=lambda pair: pair[0])


def ventilated(case: Case) -> bool:
    """Whether the patient is known to be ventilated through a tube."""
    device = case.latest("o2_device")
    return device is not None and device.code in TUBES


@predicate("known_ventilated", ["o2_device", "notes", "n:resp.imv", "n:resp.intubated"])
def _known_ventilated(case: Case) -> Answer:
    """A tube that was charted within the day stays until another device is: grown too old it is open, not gone.

    A note of the shift tells of it where no device was charted since.
    """
    if ventilated(case):
        return yes()
    device = case.latest("o2_device")
    words = [w for fact in ("resp.imv", "resp.intubated") for w in case.said(fact, noted.SHIFT)]
    told = max(words, key=lambda w: w.effective_at, default=None)
    if told is not None and (device is None or told.effective_at > device.observed_at):
        return yes(told) if told.polarity is Polarity.AFFIRMED else no(told)
    last = case.snapshot.newest("o2_device")
    if (
        last is None
        or last.code not in TUBES
        or case.latest("o2_device") is not None
        or last.observed_at + DAY < case.now
    ):
        return no()
    case.leaves(last.observed_at, DAY)
    return unknown(Missing("o2_device"))


@predicate("o2_up", ["fio2", "o2_flow", "o2_device", "n:o2.up", "notes"])
def _o2_up(case: Case) -> Answer:
    """Oxygen stepped up within 1 h: FiO2 by 0.10, flow by 2 L/min, or a stronger device."""
    known = False
    for concept, least in (("fio2", FIO2_STEP), ("o2_flow", FLOW_STEP)):
        now, before = _now_and_before(case, concept)
        if now is None or before is None or now.value is None or before.value is None:
            continue
        known = True
        if now.value - before.value >= least - TOLERANCE:
            return yes(now, before)
    now, before = _now_and_before(case, "o2_device")
    if now is not None and before is not None:
        known = True
        if DEVICE_STEPS.get(now.code or "", 0) > DEVICE_STEPS.get(before.code or "", 9):
            return yes(now, before)
    for word in case.said("o2.up", HOUR):
        if word.polarity is Polarity.AFFIRMED:
            return yes(word)
    return no() if known else unknown(Missing("o2_device"))


def _now_and_before(case: Case, concept: str) -> tuple[Reading | None, Reading | None]:
    """The newest setting, and the one that held an hour ago (or the oldest of this hour)."""
    now = case.latest(concept)
    if now is None:
        return None, None
    before = oldest = now
    for reading in case.recent(concept, DAY):
        before = reading
        if reading.observed_at + HOUR <= case.now:
            case.leaves(reading.observed_at, DAY)
            break
        oldest = reading
    if oldest.observed_at + HOUR > case.now:
        case.stays(oldest.observed_at + HOUR)  # then it will be the one that held an hour ago
    return now, before
