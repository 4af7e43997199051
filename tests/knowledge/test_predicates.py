"""The predicates that no text can say, at every number of the reference (§1.14, §3.0) and of decisions 0010, 0011."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from schemas.clinical.snapshot import Snapshot
from schemas.events import Quality
from tests.knowledge.asking import asked
from tests.knowledge.charts import DAY, HOUR, MINUTE, TICK, Row, allergy, chart, fact, reading, row, treatment
from tests.knowledge.oracle import NO, UNKNOWN, YES
from tests.knowledge.recipes import news2, sofa

LUNG, CULTURE = "infection.source_lung", "blood_culture"


# -- infection (reference §1.14)


def infection(*rows: Row | Sequence[Row]) -> str | None:
    """How sure an infection is: likely (probable or definite), possible, unlikely; worked up or half: nobody said it;
    None: nothing speaks of it."""
    seen = chart(*rows)
    likely, possible, suspected = (asked(f"is infection_{x}", seen) for x in ("likely", "only_possible", "suspected"))
    worked_up, not_suspected = (asked(f"is infection_{x}", seen) for x in ("worked_up", "not_suspected"))
    assert not_suspected is (NO if suspected is YES else YES)
    assert (likely is UNKNOWN) is (possible is UNKNOWN)
    assert suspected is not YES or YES in (likely, possible)
    assert worked_up is not YES or (suspected is UNKNOWN and possible is YES)
    if likely is UNKNOWN or likely is YES:
        return None if likely is UNKNOWN else "likely"
    if possible is NO:
        return "unlikely"
    return "possible" if suspected is YES else "worked up" if worked_up is YES else "half"


def dose(ago: timedelta, action: str = "given") -> Row:
    return treatment("meropenem", action, ago)


def ancef(ago: timedelta) -> Row:
    return treatment("cefazolin", "given", ago)


def sample(ago: timedelta, action: str = "given") -> Row:
    return treatment(CULTURE, action, ago)


@pytest.mark.parametrize(
    ("culture_ago", "dose_ago", "level"),
    [
        pytest.param(73 * HOUR, HOUR, "possible", id="culture first, the drug exactly 72 h later"),
        pytest.param(73 * HOUR + TICK, HOUR, "half", id="culture first, the drug 1 µs more than 72 h later"),
        pytest.param(49 * HOUR + TICK, HOUR, "possible", id="culture first, the drug more than 48 h later"),
        pytest.param(HOUR, 20 * HOUR, "possible", id="drug first"),
        pytest.param(HOUR, 25 * HOUR, "possible", id="drug first, the culture exactly 24 h later"),
        pytest.param(HOUR, 25 * HOUR + TICK, "half", id="drug first, the culture 1 µs more than 24 h later"),
        pytest.param(HOUR, HOUR, "possible", id="both at once"),
        pytest.param(DAY + HOUR, DAY - TICK, "possible", id="the later one 1 µs less than 24 h ago"),
        pytest.param(DAY + HOUR, DAY, None, id="the later one 24 h ago"),
        pytest.param(DAY - TICK, DAY + HOUR, "possible", id="a culture, the later one, just within 24 h"),
        pytest.param(DAY, DAY + HOUR, None, id="the later one, a culture, 24 h ago"),
    ],
)
def test_a_culture_and_an_antimicrobial_are_a_pair_within_72_and_24_hours(
    culture_ago: timedelta, dose_ago: timedelta, level: str | None
) -> None:
    """Culture first and the drug within 72 h, or the drug first and a culture within 24 h, are a suspicion that nobody
    wrote down: possible; and likely where a source was named, be it with a hedge."""
    assert infection(sample(culture_ago), dose(dose_ago)) == level
    if level is not None:
        named = infection(sample(culture_ago), dose(dose_ago), fact(LUNG, HOUR, "uncertain"))
        assert named == ("likely" if level == "possible" else "possible")


@pytest.mark.parametrize(
    ("rows", "level"),
    [
        pytest.param([fact(LUNG, HOUR)], "likely", id="said without a hedge"),
        pytest.param([fact(LUNG, HOUR, "uncertain")], "possible", id="hedged"),
        pytest.param([fact("infection.sepsis", HOUR, "negated")], "unlikely", id="denied"),
        pytest.param([fact(LUNG, HOUR, "negated")], None, id="one source denied"),
        pytest.param([fact(LUNG, DAY - TICK)], "likely", id="said 1 µs less than 24 h ago"),
        pytest.param([fact(LUNG, DAY)], None, id="said 24 h ago"),
        pytest.param([fact(LUNG, -TICK)], None, id="said 1 µs after now"),
        pytest.param([fact(LUNG, HOUR, who="family")], None, id="said of the family"),
        pytest.param([fact(LUNG, 2 * HOUR), fact(LUNG, HOUR, "negated")], None, id="the newest word counts"),
        pytest.param([fact(LUNG, HOUR, detail="possible")], "possible", id="graded possible"),
        pytest.param([fact(LUNG, HOUR, detail="definite")], "likely", id="graded definite"),
        pytest.param([fact("infection.rigors", HOUR)], None, id="rigors alone"),
        pytest.param([fact("infection.wbc", HOUR)], None, id="a white count alone"),
        pytest.param([fact("infection.colonized", HOUR)], None, id="colonised only"),
        pytest.param([fact("culture.positive", DAY - TICK)], "likely", id="a positive culture"),
        pytest.param([fact("culture.positive", DAY)], None, id="a positive culture 24 h ago"),
        pytest.param([fact("culture.positive", HOUR, "negated")], None, id="a negative culture"),
        pytest.param([dose(HOUR)], "half", id="an antimicrobial alone"),
        pytest.param([dose(HOUR, "start")], "half", id="an antimicrobial infusion alone"),
        pytest.param([dose(HOUR, "ordered")], None, id="an antimicrobial that is only ordered"),
        pytest.param([dose(DAY - TICK)], "half", id="an antimicrobial 1 µs less than 24 h ago"),
        pytest.param([dose(DAY)], None, id="an antimicrobial 24 h ago"),
        pytest.param([sample(HOUR)], "half", id="a culture alone"),
        pytest.param([sample(DAY)], None, id="a culture 24 h ago"),
        pytest.param([fact(LUNG, HOUR, "uncertain"), dose(HOUR)], "possible", id="hedged, and treated"),
        pytest.param([fact(LUNG, HOUR, "uncertain"), sample(HOUR)], "possible", id="hedged, and cultured"),
        pytest.param([fact(LUNG, HOUR, "negated"), dose(HOUR)], "half", id="denied, and treated"),
        pytest.param([fact(LUNG, HOUR, "negated"), sample(HOUR)], "half", id="denied, and cultured"),
        pytest.param([fact("abx.started", HOUR)], "half", id="a note says treated"),
        pytest.param([fact("abx.started", HOUR), fact("culture.sent", HOUR)], "possible", id="notes say both"),
        pytest.param([fact("abx.started", HOUR), sample(HOUR)], "possible", id="noted as treated, a culture charted"),
        pytest.param([fact("culture.sent", HOUR), dose(HOUR)], "possible", id="noted as cultured, a dose charted"),
        pytest.param([fact("abx.started", DAY - TICK)], "half", id="a note said treated 1 µs less than 24 h ago"),
        pytest.param([fact("abx.started", DAY)], None, id="a note said treated 24 h ago"),
        pytest.param([fact("culture.sent", DAY)], None, id="a note said cultured 24 h ago"),
        pytest.param([fact("abx.started", HOUR, "negated")], None, id="a note says not treated"),
        pytest.param([sample(HOUR, "ordered"), row(temp=38.1)], "worked up", id="fever, and a culture ordered"),
        pytest.param([sample(HOUR, "ordered"), row(temp=38.0)], None, id="38.0 °C is no fever"),
        pytest.param([sample(HOUR, "ordered"), row(wbc=12.1)], "worked up", id="leukocytosis, and a culture ordered"),
        pytest.param([sample(HOUR, "ordered"), row(wbc=12.0)], None, id="12.0 is no leukocytosis"),
        pytest.param([sample(HOUR, "ordered")], None, id="a culture ordered, no sign"),
        pytest.param([sample(HOUR), row(temp=38.1)], "worked up", id="fever, and a culture taken"),
        pytest.param([sample(HOUR), row(temp=38.0, wbc=12.0)], "half", id="a culture taken, no sign"),
        pytest.param([fact("culture.sent", HOUR), row(wbc=12.1)], "worked up", id="leukocytosis, a culture noted"),
        pytest.param([dose(HOUR), row(temp=39.5)], "half", id="fever, an antimicrobial, no culture"),
        pytest.param([ancef(HOUR)], None, id="cefazolin speaks for no infection"),
        pytest.param([ancef(HOUR), sample(HOUR)], "half", id="cefazolin and a culture are no pair"),
        pytest.param([fact("abx.started", HOUR, detail="cefazolin")], None, id="cefazolin in a note"),
        pytest.param([fact("abx.prophylaxis", HOUR), dose(HOUR)], None, id="prophylaxis, whatever is given"),
        pytest.param([fact("abx.prophylaxis", DAY), dose(HOUR)], "half", id="prophylaxis noted 24 h ago"),
        pytest.param([fact("abx.prophylaxis", DAY - TICK), dose(HOUR)], None, id="prophylaxis 1 µs less than 24 h ago"),
        pytest.param([fact("abx.prophylaxis", HOUR, "negated"), dose(HOUR)], "half", id="no prophylaxis"),
        pytest.param([fact("abx.prophylaxis", HOUR, detail="tmp_smx"), dose(HOUR)], "half", id="of another drug"),
        pytest.param([fact("abx.prophylaxis", HOUR, detail="meropenem"), dose(HOUR)], None, id="of this drug"),
        pytest.param([fact("abx.prophylaxis", HOUR), fact("abx.started", HOUR)], None, id="prophylaxis, in words"),
        pytest.param([fact("abx.prophylaxis", HOUR), fact(LUNG, HOUR)], "likely", id="prophylaxis, and pneumonia"),
        pytest.param([row(temp=39.5, wbc=20)], None, id="signs alone"),
        pytest.param([], None, id="nothing"),
    ],
)
def test_how_likely_an_infection_is(rows: list[Row], level: str | None) -> None:
    """Notes, cultures and antimicrobials of the last 24 h give the reference's grade, and nothing else does."""
    assert infection(*rows) == level


WHOLE = "infection.sepsis"


@pytest.mark.parametrize("denial", ["infection.sepsis", "infection.level"])
@pytest.mark.parametrize(
    ("rows", "level"),
    [
        pytest.param([fact(LUNG, HOUR + TICK)], "unlikely", id="said before it"),
        pytest.param([fact(LUNG, HOUR)], "likely", id="said with it"),
        pytest.param([fact(LUNG, HOUR - TICK, "uncertain")], "possible", id="hedged after it"),
        pytest.param([fact(LUNG, 2 * HOUR, "uncertain")], "unlikely", id="hedged before it"),
        pytest.param([dose(HOUR + TICK)], "unlikely", id="treated before it"),
        pytest.param([dose(HOUR)], "half", id="treated from then on"),
        pytest.param([sample(HOUR + TICK)], "unlikely", id="cultured before it"),
        pytest.param([sample(HOUR)], "half", id="cultured from then on"),
        pytest.param([dose(2 * HOUR), sample(2 * HOUR)], "unlikely", id="a pair before it"),
        pytest.param([dose(MINUTE), sample(2 * HOUR)], "half", id="the drug after it"),
        pytest.param([dose(MINUTE), sample(MINUTE)], "possible", id="a pair after it"),
        pytest.param([fact("abx.started", 2 * HOUR)], "unlikely", id="noted as treated before it"),
        pytest.param([fact("abx.started", MINUTE)], "half", id="noted as treated after it"),
        pytest.param([sample(2 * HOUR, "ordered"), row(temp=39)], "unlikely", id="fever, a culture ordered before it"),
        pytest.param([sample(MINUTE, "ordered"), row(temp=39)], "worked up", id="fever, a culture ordered after it"),
        pytest.param([fact("culture.positive", 2 * HOUR)], "likely", id="a culture that grows is no opinion"),
    ],
)
def test_a_denial_of_infection_as_a_whole_takes_back_what_came_before_it(
    denial: str, rows: list[Row], level: str | None
) -> None:
    """The newest word wins: of words, cultures and antimicrobials before "no infection" none counts, later ones do."""
    assert infection(fact(denial, HOUR, "negated"), *rows) == level


def test_the_denial_of_one_source_takes_back_no_other() -> None:
    """No urinary infection leaves a pneumonia."""
    assert infection(fact(LUNG, 2 * HOUR), fact("infection.source_urine", HOUR, "negated")) == "likely"


def test_a_denial_ends_with_its_day() -> None:
    """What was taken back a day ago is not taken back for ever, and by then is no news of this day either."""
    rows = fact(WHOLE, DAY, "negated"), dose(DAY - TICK)
    assert infection(*rows) == "half"


@pytest.mark.parametrize(
    ("rows", "truth"),
    [
        pytest.param([fact(WHOLE, HOUR, "negated")], YES, id="denied"),
        pytest.param([fact(LUNG, HOUR, "negated")], NO, id="one source denied"),
        pytest.param([fact(WHOLE, DAY, "negated")], NO, id="denied 24 h ago"),
        pytest.param([fact(WHOLE, HOUR, "negated"), sample(HOUR)], YES, id="denied, cultures only"),
        pytest.param([fact(WHOLE, HOUR, "negated"), dose(HOUR)], NO, id="denied, but treated"),
        pytest.param([fact(WHOLE, HOUR, "negated"), dose(DAY)], YES, id="denied, treated 24 h ago"),
        pytest.param([fact(WHOLE, HOUR, "negated"), dose(2 * HOUR)], YES, id="denied as a whole, treated before"),
        pytest.param([fact(WHOLE, HOUR, "negated"), dose(MINUTE)], NO, id="denied as a whole, treated since"),
        pytest.param([fact(WHOLE, HOUR, "negated"), fact(LUNG, 2 * HOUR)], YES, id="denied after it was said"),
        pytest.param(
            [fact(LUNG, HOUR, "negated"), fact("infection.sepsis", HOUR, "uncertain")], NO, id="another hedged"
        ),
        pytest.param([fact(LUNG, HOUR, "uncertain")], NO, id="hedged"),
        pytest.param([], NO, id="nobody spoke of it"),
    ],
)
def test_an_infection_is_denied_only_by_words_and_while_nobody_treats_it(rows: list[Row], truth: object) -> None:
    """Every newest word says no, and no antimicrobial was given in the last 24 h."""
    assert asked("is infection_denied", chart(*rows)) is truth


# -- pressure (reference §3.0, decision 0010)


def pair(concept: str, newest: float, earlier: float, apart: timedelta, ago: timedelta = timedelta(0)) -> Snapshot:
    return chart(reading(concept, newest, ago), reading(concept, earlier, ago + apart))


@pytest.mark.parametrize(("concept", "bound"), [("map", 65.0), ("sbp", 90.0)])
def test_two_low_readings_three_minutes_apart_are_hypotension(concept: str, bound: float) -> None:
    """Strictly below 65 (MAP) or 90 (SBP), from 3 to 60 min apart, both ends included."""
    name, low = f"is repeated_low_{concept}", bound - 0.1
    for newest, earlier, apart, truth in (
        (low, low, 3 * MINUTE, YES),
        (low, low, 3 * MINUTE - TICK, UNKNOWN),
        (low, low, 60 * MINUTE, YES),
        (low, low, 60 * MINUTE + TICK, UNKNOWN),
        (low, bound, 5 * MINUTE, UNKNOWN),
        (bound, low, 5 * MINUTE, NO),
    ):
        assert asked(name, pair(concept, newest, earlier, apart)) is truth, (newest, earlier, apart)
    assert asked(name, pair(concept, low, low, 60 * MINUTE, ago=10 * MINUTE)) is YES  # counted from the newest one
    between = [reading(concept, low, 9 * MINUTE), reading(concept, bound, 5 * MINUTE), reading(concept, low)]
    assert asked(name, chart(*between)) is UNKNOWN
    damped = [between[0], reading(concept, bound, 5 * MINUTE, quality=Quality.SUSPECT), between[2]]
    assert asked(name, chart(*damped)) is YES
    assert asked(name, chart()) is UNKNOWN


@pytest.mark.parametrize(("sbp", "truth"), [(110.0, YES), (110.1, NO), (109.9, YES)])
def test_forty_below_the_usual_pressure_is_low(sbp: float, truth: object) -> None:
    """At most the usual systolic pressure less 40 mmHg, at two readings 3 min apart; the record knows the usual one."""
    rows = [reading("sbp", sbp), reading("sbp", sbp, 3 * MINUTE)]
    assert asked("is sbp_below_usual", chart(*rows, usual_sbp_mmhg=150.0)) is truth
    assert asked("is sbp_below_usual", chart(*rows)) is NO


@pytest.mark.parametrize(
    ("usual", "truth"),
    [
        pytest.param([(12 * HOUR, 150)], YES, id="12 h ago"),
        pytest.param([(12 * HOUR - TICK, 150)], NO, id="1 µs less than 12 h ago"),
        pytest.param([(72 * HOUR - TICK, 150)], YES, id="1 µs less than 72 h ago"),
        pytest.param([(72 * HOUR, 150)], NO, id="72 h ago"),
        pytest.param([(20 * HOUR, 130), (30 * HOUR, 150), (40 * HOUR, 190)], YES, id="the median, not the mean"),
        pytest.param([(20 * HOUR, 130), (30 * HOUR, 149), (40 * HOUR, 190)], NO, id="a median just too low"),
        pytest.param([(20 * HOUR, 148), (30 * HOUR, 152)], YES, id="the median of two"),
    ],
)
def test_the_usual_pressure_is_the_median_of_72_to_12_hours_ago(
    usual: list[tuple[timedelta, float]], truth: object
) -> None:
    """With 110 mmHg now, a usual pressure of 150 or more makes it low; only readings of (72 h, 12 h] count."""
    rows = [reading("sbp", 110), reading("sbp", 110, 3 * MINUTE), *(reading("sbp", v, ago) for ago, v in usual)]
    assert asked("is sbp_below_usual", chart(*rows)) is truth


def test_the_record_knows_the_usual_pressure_better_than_the_readings() -> None:
    """Where the record holds a usual pressure, the median of readings is not asked."""
    rows = [reading("sbp", 110), reading("sbp", 110, 3 * MINUTE), reading("sbp", 180, 20 * HOUR)]
    assert asked("is sbp_below_usual", chart(*rows, usual_sbp_mmhg=120.0)) is NO


# -- oxygen and fluid (reference §3.0)


@pytest.mark.parametrize(
    ("rows", "truth"),
    [
        pytest.param([reading("fio2", 0.40, HOUR), reading("fio2", 0.50)], YES, id="FiO2 by 0.10"),
        pytest.param([reading("fio2", 0.40, HOUR), reading("fio2", 0.49)], NO, id="FiO2 by 0.09"),
        pytest.param([reading("fio2", 0.50, HOUR), reading("fio2", 0.40)], NO, id="FiO2 lowered"),
        pytest.param([reading("o2_flow", 2, HOUR), reading("o2_flow", 4)], YES, id="flow by 2 L/min"),
        pytest.param([reading("o2_flow", 2, HOUR), reading("o2_flow", 3.9)], NO, id="flow by 1.9 L/min"),
        pytest.param([reading("o2_flow", 4, HOUR), reading("o2_flow", 2)], NO, id="flow lowered"),
        pytest.param(
            [reading("fio2", 0.40, 2 * HOUR), reading("fio2", 0.45, HOUR), reading("fio2", 0.50)],
            NO,
            id="the setting of exactly an hour ago counts",
        ),
        pytest.param(
            [reading("fio2", 0.40, 2 * HOUR), reading("fio2", 0.45, HOUR - TICK), reading("fio2", 0.50)],
            YES,
            id="a setting of 1 µs less than an hour ago was raised to in this hour",
        ),
        pytest.param([reading("fio2", 0.40, HOUR / 2), reading("fio2", 0.50)], YES, id="both within the hour"),
        pytest.param([fact("o2.up", HOUR - TICK)], YES, id="noted 1 µs less than an hour ago"),
        pytest.param([fact("o2.up", HOUR)], UNKNOWN, id="noted an hour ago"),
        pytest.param([fact("o2.up", MINUTE, "uncertain")], UNKNOWN, id="noted as possible"),
        pytest.param([reading("fio2", 0.4), fact("o2.up", MINUTE, "negated")], NO, id="denied"),
        pytest.param([], UNKNOWN, id="nothing known"),
    ],
)
def test_oxygen_is_up_by_a_tenth_two_litres_or_a_device(rows: list[Row], truth: object) -> None:
    """Within 1 h: FiO2 by at least 0.10, flow by at least 2 L/min, or as somebody noted."""
    assert asked("is o2_up", chart(*rows)) is truth


STRONGER = ("air", "nc", ("simple", "venturi"), "nrb", "hfnc", "niv", ("imv", "trach"))


def test_a_stronger_device_is_more_oxygen() -> None:
    """Each device is a step up from every weaker one, and from none that is as strong or stronger."""
    ranks = {d: rank for rank, name in enumerate(STRONGER) for d in ([name] if isinstance(name, str) else name)}
    for before, low in ranks.items():
        for now, high in ranks.items():
            seen = chart(reading("o2_device", before, HOUR), reading("o2_device", now))
            assert asked("is o2_up", seen) is (YES if high > low else NO), (before, now)


def bolus(ml: float, ago: timedelta = HOUR / 2) -> Row:
    return treatment("lactated_ringer", "given", ago, amount=ml)


def fell(start: float, end: float, since: timedelta = HOUR / 2) -> list[Row]:
    return [reading("spo2", start, since), reading("spo2", end)]


@pytest.mark.parametrize(
    ("rows", "truth"),
    [
        pytest.param([bolus(200), *fell(97, 93)], YES, id="200 mL, 4 points"),
        pytest.param([bolus(199), *fell(97, 93)], NO, id="199 mL is a flush"),
        pytest.param([bolus(200), *fell(97, 93.1)], NO, id="3.9 points"),
        pytest.param([bolus(200), *fell(93, 97)], NO, id="it rose"),
        pytest.param([bolus(200, HOUR - TICK), *fell(97, 93)], YES, id="1 µs less than an hour ago"),
        pytest.param([bolus(200, HOUR), *fell(97, 93)], NO, id="an hour ago"),
        pytest.param([bolus(200), *fell(97, 93, HOUR - TICK)], YES, id="fallen since 1 µs less than an hour ago"),
        pytest.param([bolus(200), *fell(97, 93, HOUR + TICK)], NO, id="fallen before"),
        pytest.param([bolus(200), reading("fio2", 0.4, HOUR), reading("fio2", 0.5)], YES, id="oxygen raised"),
        pytest.param([bolus(200)], UNKNOWN, id="no saturation known"),
        pytest.param([*fell(97, 93)], UNKNOWN, id="no treatment was ever reported"),
        pytest.param([treatment("paracetamol", "given", HOUR), *fell(97, 93)], NO, id="no fluid"),
    ],
)
def test_fluid_made_it_worse_when_a_bolus_costs_four_points_or_more_oxygen(rows: list[Row], truth: object) -> None:
    """At least 200 mL of crystalloid in the last hour, and SpO2 at least 4 points down in it, or oxygen up."""
    assert asked("is fluid_made_it_worse", chart(*rows)) is truth


def test_a_saturation_of_exactly_an_hour_ago_is_before_the_window() -> None:
    """drop(x, 1 h) looks at (now - 1 h, now]: what was an hour ago is outside (reference §0.3)."""
    assert asked("is fluid_made_it_worse", chart(bolus(200), *fell(97, 93, HOUR))) is NO


@pytest.mark.parametrize(
    ("rows", "truth"),
    [
        pytest.param([bolus(500, 6 * HOUR - TICK)], YES, id="fluid 1 µs less than 6 h ago"),
        pytest.param([bolus(500, 6 * HOUR)], NO, id="fluid 6 h ago"),
        pytest.param([treatment("saline_0_9", "start", 20 * HOUR, rate=500)], YES, id="fluid runs"),
        pytest.param([treatment("norepinephrine", "start", 20 * HOUR, rate=0.1)], YES, id="a vasopressor runs"),
        pytest.param([treatment("meropenem", "given", HOUR)], NO, id="something else"),
        pytest.param([], NO, id="nothing was ever reported"),
    ],
)
def test_whether_resuscitation_was_reported_is_never_unknown(rows: list[Row], truth: object) -> None:
    """Fluid of the last 6 h, or fluid or a vasopressor that runs; a statement about reports."""
    assert asked("is fluid_or_pressor_reported", chart(*rows)) is truth


RESPONDS = "fluid.responsive"


@pytest.mark.parametrize(
    ("rows", "truth"),
    [
        pytest.param([fact(RESPONDS, HOUR - TICK)], YES, id="shown 1 µs less than 60 min ago"),
        pytest.param([fact(RESPONDS, HOUR)], UNKNOWN, id="shown 60 min ago"),
        pytest.param([fact(RESPONDS, MINUTE, "negated")], NO, id="shown not to be"),
        pytest.param([fact(RESPONDS, MINUTE, "uncertain")], UNKNOWN, id="hedged"),
        pytest.param([], UNKNOWN, id="not tested"),
    ],
)
def test_a_response_to_fluid_is_known_for_an_hour(rows: list[Row], truth: object) -> None:
    """TRUE or FALSE for 60 min after a test; UNKNOWN counts as not shown."""
    assert asked("is fluid_responsive", chart(*rows)) is truth
    assert asked("is fluid_response_not_shown", chart(*rows)) is (NO if truth is YES else YES)


# -- mind, heart, organs


@pytest.mark.parametrize(
    ("rows", "truth"),
    [
        pytest.param([reading("rass", -2)], YES, id="RASS -2"),
        pytest.param([reading("rass", -1)], NO, id="RASS -1"),
        pytest.param([reading("rass", -3, 4 * HOUR)], YES, id="RASS of 4 h ago is still valid"),
        pytest.param([reading("rass", -3, 4 * HOUR + TICK)], NO, id="RASS of 1 µs more is not"),
        pytest.param([treatment("midazolam", "given", 2 * HOUR - TICK)], YES, id="a sedative 1 µs less than 2 h ago"),
        pytest.param([treatment("midazolam", "given", 2 * HOUR + TICK)], NO, id="a sedative 1 µs more than 2 h ago"),
        pytest.param([treatment("propofol", "start", HOUR, rate=20)], YES, id="a sedative begun"),
        pytest.param(
            [treatment("propofol", "start", DAY / 2, rate=20), treatment("propofol", "change", HOUR, rate=40)],
            YES,
            id="a sedative raised",
        ),
        pytest.param(
            [treatment("propofol", "start", DAY / 2, rate=20), treatment("propofol", "stop", HOUR)],
            NO,
            id="a sedative stopped",
        ),
        pytest.param([treatment("fentanyl", "given", HOUR)], YES, id="an opioid"),
        pytest.param([treatment("fentanyl", "ordered", HOUR)], NO, id="an opioid that is only ordered"),
        pytest.param([treatment("cisatracurium", "start", 20 * HOUR, rate=2)], YES, id="a blocker runs"),
        pytest.param([treatment("cisatracurium", "given", HOUR)], YES, id="a blocker given"),
        pytest.param([treatment("meropenem", "given", HOUR)], NO, id="another drug"),
        pytest.param([], NO, id="nothing was reported"),
    ],
)
def test_the_mind_is_confounded_by_drugs_of_two_hours_and_rass(rows: list[Row], truth: object) -> None:
    """A sedative or opioid given or raised within 2 h, RASS at most -2, a neuromuscular blocker."""
    assert asked("is confounded", chart(*rows)) is truth


def test_a_known_ejection_fraction_below_40_is_low() -> None:
    """A reading before a note before the record; 40 itself is not low; nobody owes an echo."""
    low, name = [reading("lvef", 39)], "is lvef_known_low"
    assert asked(name, chart(*low)) is YES
    assert asked(name, chart(reading("lvef", 40))) is NO
    assert asked(name, chart(lvef_percent=39.9)) is YES
    assert asked(name, chart(lvef_percent=40.0)) is NO
    assert asked(name, chart(fact("cardiac.lvef", 365 * DAY - TICK, value=39.9))) is YES
    assert asked(name, chart(fact("cardiac.lvef", 365 * DAY, value=39.9))) is NO
    assert asked(name, chart(fact("cardiac.lvef", DAY, "uncertain", value=20))) is NO
    assert asked(name, chart(*low, fact("cardiac.lvef", DAY, value=60), lvef_percent=60.0)) is YES
    assert asked(name, chart(fact("cardiac.lvef", DAY, value=39.9), lvef_percent=60.0)) is YES
    assert asked(name, chart()) is NO


def test_a_known_cvp_above_15_is_high() -> None:
    """15 mmHg itself is not high; nobody owes a central line; valid for 2 h."""
    name = "is cvp_known_high"
    assert asked(name, chart(reading("cvp", 16))) is YES
    assert asked(name, chart(reading("cvp", 15))) is NO
    assert asked(name, chart(reading("cvp", 16, 2 * HOUR))) is YES
    assert asked(name, chart(reading("cvp", 16, 2 * HOUR + TICK))) is NO
    assert asked(name, chart()) is NO


@pytest.mark.parametrize(
    ("total", "baseline", "truth"),
    [(1, None, NO), (2, None, YES), (2, 0, YES), (2, 1, NO), (3, 1, YES), (5, 3, YES), (5, 4, NO)],
)
def test_sofa_has_risen_by_two(total: int, baseline: int | None, truth: object) -> None:
    """At least 2 above the baseline; a baseline that is not known is 0."""
    seen = chart(list(sofa(total).rows), baseline_sofa=baseline)
    assert asked("is sofa_rise", seen) is truth


def test_a_sofa_with_gaps_rises_by_what_is_known() -> None:
    """The lower bound alarms; where a gap could still make it two, nobody knows."""
    assert asked("is sofa_rise", chart(row(platelets=90))) is YES
    assert asked("is sofa_rise", chart(row(platelets=120))) is UNKNOWN
    complete = [r for r in sofa(0).rows if getattr(r, "concept", "") != "bilirubin"]
    assert asked("is sofa_rise", chart(complete)) is UNKNOWN
    assert asked("is sofa_rise", chart(complete, baseline_sofa=3)) is NO  # the liver adds at most 4: 1 above
    assert asked("is sofa_rise", chart(complete, baseline_sofa=2)) is UNKNOWN


@pytest.mark.parametrize(
    ("rows", "truth"),
    [
        (row(rr=8), YES),
        (row(rr=25), YES),
        (row(spo2=91), YES),
        (row(sbp=90), YES),
        (row(sbp=220), YES),
        (row(hr=40), YES),
        (row(hr=131), YES),
        (row(temp=35.0), YES),
        (row(acvpu="C"), YES),
        (row(rr=24), UNKNOWN),
        (row(o2_device="nc"), UNKNOWN),
        (list(news2(0).rows), NO),
        (row(rr=24, spo2=92, sbp=91, hr=130, temp=39.1, acvpu="A", o2_device="nc"), NO),
    ],
)
def test_one_red_parameter_of_news2(rows: list[Row], truth: object) -> None:
    """One parameter alone scores 3; while one that could is missing, nobody knows."""
    assert asked("is news2_single_three", chart(rows)) is truth


@pytest.mark.parametrize("device", ["air", "nc", "simple", "venturi", "nrb", "hfnc", "niv", "imv", "trach"])
def test_a_tube_is_known_or_it_is_not(device: str) -> None:
    """Ventilated through a tube or tracheostomy; anything else, and nothing known, is not."""
    assert asked("is known_ventilated", chart(reading("o2_device", device))) is (
        YES if device in ("imv", "trach") else NO
    )
    assert asked("is known_ventilated", chart()) is NO


@pytest.mark.parametrize(
    ("hours", "truth"),
    [(6, YES), (6.001, UNKNOWN), (24, UNKNOWN), (24.001, NO)],
    ids=["valid", "old", "a day", "longer"],
)
def test_a_tube_grown_old_is_open_and_not_gone(hours: float, truth: object) -> None:
    """Six hours it is known; up to a day nobody knows; a later word on another device ends it."""
    ago = timedelta(hours=hours)
    assert asked("is known_ventilated", chart(reading("o2_device", "imv", ago))) is truth
    assert asked("is known_ventilated", chart(reading("o2_device", "imv", ago), reading("o2_device", "nc"))) is NO


def test_intensive_care_is_where_somebody_said_so() -> None:
    """In the ICU when the setting says so; on a ward, and where nobody said, not."""
    assert asked("is in_icu", chart(setting="icu")) is YES
    assert asked("is in_icu", chart(setting="ward")) is NO
    assert asked("is in_icu", chart(setting=None)) is NO


def test_an_allergy_is_to_a_drug_or_its_whole_class() -> None:
    """Anaphylaxis to one penicillin is an allergy to penicillin, and no allergy to a cephalosporin."""
    seen = chart(allergies=(allergy("piperacillin_tazobactam", "anaphylaxis"),))
    assert asked("allergic penicillin with anaphylaxis", seen) is YES
    assert asked("allergic cephalosporin", seen) is NO
