"""Kept answers: what a bed remembers of its rules is what it would find by asking everything anew, at every moment.

A missed alarm would be a kept answer that is not true any more. So made-up beds live through made-up histories
(`histories`) under the real book and under made-up ones, and whatever is kept is held against a full look:

    at every instant                 the answers that are carried on, with only the news asked again
    between instants                 what would be answered at that moment: just before and just after each `until`
    whatever time alone makes TRUE   no earlier than `rises` said
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any, NamedTuple, TypeVar, get_args
from unittest.mock import patch

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from guidelines.book.check import walk
from guidelines.book.compiled import Rules
from guidelines.book.load import Book
from guidelines.evaluation import Evaluation, evaluated
from guidelines.evidence import NO_OUTLOOK
from guidelines.examples import moment
from guidelines.findings import steps_in
from guidelines.quantities.infection import Infection
from guidelines.quantities.scores import Part, Tally
from guidelines.rules.answers import Answer, Interval, Sample
from guidelines.rules.case import FAR, MOMENT, Case, Stretch, members
from guidelines.rules.graph import Graph, Node
from guidelines.rules.kept import Kept, KeptCase, nothing_kept
from schemas.clinical.facts import NoteFact
from schemas.clinical.findings import Level, Truth
from schemas.clinical.forecasts import Outlook
from schemas.clinical.snapshot import Snapshot
from schemas.conditions import Condition
from schemas.conditions.text import parse
from schemas.events import Event, Patient, Reading, Treatment
from streams.core.absorb import Instant, arrived, opened, passed
from streams.core.bed import Bed, situations, snapshot
from streams.core.judge import SECOND, Mind
from streams.core.policy import Policy
from streams.core.step import Output, step
from streams.stores.codec import bed_of, change, whole
from tests.guidelines.histories import LATENESS, Oracle, Oracles, Press, books, facts_as_drawn, histories, real, trees
from tests.guidelines.patients import chart
from tests.streams.bedside import as_bytes

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")  # a book that fails is told in full

LOOKED_AT = 6  # times between two instants
AFTER = timedelta(days=3)  # the last event
History = Sequence[tuple[datetime, Event | Press]]
T = TypeVar("T")

# A life takes up to a second. In CI a few of them; `HYPOTHESIS_PROFILE=search` lives twenty times as many, of its own.
some, few = (settings(max_examples=settings().max_examples // share) for share in (2, 5))


def meaning(value: Any) -> Any:
    """What of a value can make a difference to what rests on it."""
    match value:
        case Answer():
            is_open = value.truth is Truth.UNKNOWN
            return value.truth, value.met if is_open else None, [m.subject for m in value.missing] if is_open else None
        case Interval():
            return value.low, value.high, [m.subject for m in value.missing]
        case Sample():
            return value.value
        case Tally():
            return value.lower, value.upper, value.notes, [meaning(part) for part in value.parts]
        case Part():
            return value.name, value.points, value.most, value.missing
        case Infection():
            return value.grade
        case list() | tuple():
            return [meaning(each) for each in value]
        case _:
            return value


def asked_of(rules: Rules) -> tuple[dict[str, Node], dict[str, Node]]:
    """The nodes that decide whether a rule speaks, and the others that its checklist asks, by what they are."""
    deciding: dict[str, Node | None] = {}
    listed: dict[str, Node | None] = dict(rules.graph.named)
    for guideline in rules.guidelines:
        deciding |= {trigger.rule.id: trigger.node for trigger in guideline.triggers}
        deciding[f"{guideline.guideline.id} outside"] = guideline.outside
        for each in guideline.steps:
            listed |= {f"{each.rule.id} when": each.when, f"{each.rule.id} done": each.done}
            listed |= {f"{each.rule.id} requires {n}": node for n, node in enumerate(each.requires)}
            listed |= {block.rule.id: block.when for block in each.blocks}
        listed |= {block.rule.id: block.when for block in guideline.orders}
        listed |= {f"{block.rule.id} given": block.given for block in guideline.orders}
        for name, choices in guideline.choices.items():
            listed |= {f"{guideline.guideline.id} {name} {n}": node for n, (node, _) in enumerate(choices)}
    return _named(deciding), _named(listed)


def _named(nodes: dict[str, Node | None]) -> dict[str, Node]:
    return {name: node for name, node in nodes.items() if node is not None}


def instants(history: History, reads: frozenset[str]) -> Iterator[tuple[Bed, Instant]]:
    """The bed after each closed instant of its history."""
    bed, policy = Bed("e1"), Policy(allowed_lateness=LATENESS)
    for now, event in [*history, (history[-1][0] + 2 * LATENESS, None)]:
        bed, _ = passed(bed, now, policy)
        while (found := opened(bed, reads)) is not None:
            bed, instant = found
            yield bed, instant
        bed, _ = arrived(bed, [] if event is None or isinstance(event, Press) else [event], now)


class Looked(NamedTuple):
    """A bed as it was looked at: with which answers kept."""

    bed: Bed
    at: datetime
    outlook: Oracle
    case: KeptCase
    kept: Kept
    truths: dict[str, Truth]  # of the nodes that decide


class Life:
    """A bed that is looked at through its history; every answer is held against a full look."""

    def __init__(self, book: Book, chance: Random) -> None:
        self.chance = chance
        self.graph = book.rules.graph
        self.deciding, self.listed = asked_of(book.rules)
        self.looks = self.moments = 0

    def lived(self, history: History) -> None:
        last: Looked | None = None
        outlook, kept = self._outlook(history[0][0]), nothing_kept(self.graph)
        for bed, instant in instants(history, self.graph.reads):
            if last is not None:
                kept = self._waited(last, instant.at)
            news = set(instant.news)
            if outlook.until <= instant.at or (news and self.chance.random() < 0.7):
                outlook = self._outlook(instant.at)
                news.add("forecast")
            last = self._looked(bed, instant.at, outlook, kept, news)
            kept = last.kept
        if last is not None:
            self._waited(last, last.at + AFTER)

    def _outlook(self, at: datetime) -> Oracle:
        minutes = self.chance.choice((5, 30, 60, 10_000))
        return Oracle(self.chance.randrange(10**6), at + timedelta(minutes=minutes))

    def _looked(self, bed: Bed, at: datetime, outlook: Oracle, kept: Kept, news: set[str]) -> Looked:
        """One look with the kept answers: as rules do, at all that decides and at some of the rest, in any order."""
        seen = snapshot(bed, at)
        case, full = KeptCase(seen, outlook, kept, news), Case(seen, outlook, self.graph)
        listed = [pair for pair in self.listed.items() if self.chance.random() < 0.6]
        self.chance.shuffle(listed)
        answers = {}
        for name, node in [*self.deciding.items(), *listed]:
            answers[name] = case.ask(node)
            full.until = FAR
            assert meaning(answers[name]) == meaning(full.ask(node)), f"{name} at {at}, news: {sorted(news)}"
            assert full.until > at or outlook.until <= at, f"{name} at {at}: it ends at {full.until}, for ever"
        self.looks += 1
        return Looked(bed, at, outlook, case, case.kept(), {name: answers[name].truth for name in self.deciding})

    def _waited(self, last: Looked, until: datetime) -> Kept:
        """Nothing is heard until then (exclusive): looks that are not carried on, and sometimes one that is."""
        ends = sorted({end for end in last.kept.untils if last.at < end < until})
        near = {end + by for end in ends for by in (-MOMENT, timedelta(0), MOMENT)}
        near.add(last.at + self.chance.random() * (until - last.at))
        times = sorted(t for t in near if last.at < t < until)
        rises = {name: last.case.rises(node) for name, node in self.deciding.items()}
        aging = situations(last.bed.chart, last.at)[1]
        for at in self.chance.sample(times, min(LOOKED_AT, len(times))):
            later = self._looked(last.bed, at, last.outlook, last.kept, set())
            self.moments += 1
            for name, truth in later.truths.items():
                if truth is Truth.YES and last.truths[name] is not Truth.YES and at < aging:
                    assert rises[name] <= at, f"{name} is TRUE at {at}, and was to rise at {rises[name]}"
        if times and self.chance.random() < 0.5:
            timer = self._looked(last.bed, self.chance.choice(times), last.outlook, last.kept, set())
            return self._waited(timer, until)
        return last.kept


@some
@given(histories(), st.integers(0, 10**6))
def test_what_the_real_book_keeps_is_what_it_would_find(history: History, seed: int) -> None:
    """Every trigger, step and block of the real book, kept through a history, answers as if it were asked anew."""
    with facts_as_drawn():
        Life(real(), Random(seed)).lived(history)


@some
@given(books(), histories(), st.integers(0, 10**6))
def test_what_any_book_keeps_is_what_it_would_find(book: Book, history: History, seed: int) -> None:
    """The same of made-up books: conditions of every kind in every combination."""
    with facts_as_drawn():
        Life(book, Random(seed)).lived(history)


YEAR_LATER = moment("-1 08:00") + timedelta(days=365)
MAP_BELOW_LINE = [{"at": "08:00", "map": 58, "method": "nibp"}, {"at": "08:05", "sbp": 110, "dbp": 65}]


@pytest.mark.parametrize(
    ("condition", "rows", "more", "at"),
    [
        ("map below 65", MAP_BELOW_LINE, {}, "08:20"),
        ("is repeated_low_map", [{"at": "07:56", "map": 58, "method": "nibp"}, *MAP_BELOW_LINE], {}, "08:20"),
        ("acvpu is V", [{"at": "08:00", "gcs_total": 13, "gcs_e": 3}, {"at": "08:05", "acvpu": "A"}], {}, "12:05"),
        ("mews at_least 1", [{"at": "08:00", "gcs_total": 13, "gcs_e": 3}, {"at": "08:05", "acvpu": "A"}], {}, "12:05"),
        ("news2 at_least 2", [{"at": "08:00", "fio2": 0.21}, {"at": "08:05", "o2_flow": 30},
                              {"at": "08:09", "o2_device": "hfnc"}], {}, "14:00"),
        ("news2 at_least 3", [{"at": "08:00", "news2": 2}, {"at": "08:01", "acvpu": "V"}], {}, "08:15"),
        ("lvef below 40", [{"at": "-1 08:00", "lvef": 55}], {"patient": {"lvef_percent": 25}}, YEAR_LATER),
        ("noted perf.mottled within 2 h", [], {"notes": [
            {"at": "09:30", "fact": "perf.mottled", "words": "mottled"}]}, "09:30"),
        ("ned at_least 0.25 for 4 h", [], {"treatments": [
            {"at": "08:10", "item": "norepinephrine", "action": "start", "rate": 0.3}]}, "12:10"),
        ("ned below 0.3 for 1 h", [], {"treatments": [
            {"at": "06:00", "item": "norepinephrine", "action": "start", "rate": 0.5},
            {"at": "08:10", "item": "norepinephrine", "action": "change", "rate": 0.2}]}, "09:10"),
        ("given meropenem within 2 h", [], {"treatments": [
            {"at": "09:30", "item": "meropenem", "action": "given"}]}, "09:30"),
    ],
)  # fmt: skip
def test_what_falls_back_to_another_word_is_looked_at_in_time(
    condition: str, rows: Sequence[dict[str, Any]], more: dict[str, Any], at: str | datetime
) -> None:
    """A newer word grows too old, one written ahead comes into its time, a rate has lasted: TRUE, and known before."""
    graph = Graph(real().definitions)
    node = graph.node(parse(condition))
    seen = chart("08:10", *rows, setting="icu", **more)
    case = KeptCase(seen, NO_OUTLOOK, nothing_kept(graph), ())
    assert case.ask(node).truth is not Truth.YES
    end = at if isinstance(at, datetime) else moment(at)
    later = [end + by for by in (-SECOND, SECOND)]
    truths = [Case(replace(seen, now=now), NO_OUTLOOK, graph).ask(node).truth for now in later]
    assert (truths[0] is Truth.YES, truths[1]) == (False, Truth.YES)
    assert later[0] < case.rises(node) <= later[1]


# -- beds: what is said


class Anew(KeptCase):
    """A case that asks everything at every look."""

    def __init__(self, snapshot: Snapshot, outlook: Outlook, kept: Kept, news: Collection[str]) -> None:
        super().__init__(snapshot, outlook, kept, {*kept.graph.reads, *news})

    def same_until(self, asked: int, until: datetime) -> datetime | None:
        del asked, until
        return None


def played(book: Book, history: History, lateness: timedelta, after: Callable[[Bed], Bed] = lambda bed: bed) -> bytes:
    """What is said of a history, and until a day after it; `after`: what becomes of the bed after each step."""
    mind = Mind(book, Oracles(), Policy(allowed_lateness=lateness))
    bed, said = Bed("e1"), list[Output]()
    end = history[-1][0]
    rest = [(end + timedelta(hours=hours), None) for hours in (1, 6, 26)]
    with facts_as_drawn():
        for now, event in [*history, *rest]:
            heard = event.answer(bed, now) if isinstance(event, Press) else event
            bed, new = step(bed, [] if heard is None else [heard], now, mind)
            bed = after(bed)
            said += new
    assert bed.failure is None
    return as_bytes(said)


any_book = books() | st.builds(real)
lateness = st.sampled_from((timedelta(seconds=0.5), LATENESS))


@some
@given(any_book, histories(), lateness)
def test_a_bed_says_what_it_would_say_if_it_asked_everything_anew(
    book: Book, history: History, late: timedelta
) -> None:
    """The same bytes, whether only the news is asked again or every node of the book at every look."""
    lazy = played(book, history, late)
    with patch("streams.core.judge.KeptCase", Anew):
        assert played(book, history, late) == lazy


@few
@given(any_book, histories(), lateness)
def test_a_bed_that_is_loaded_goes_on_as_if_it_had_never_been_away(
    book: Book, history: History, late: timedelta
) -> None:
    """Saved, forgotten and loaded after every step, as a whole and as changes: the same bytes are said."""
    before = Bed("e1")

    def saved(bed: Bed) -> Bed:
        nonlocal before
        before = bed_of([whole(before), change(before, bed)])
        return before

    stayed = played(book, history, late)
    assert played(book, history, late, saved) == stayed


@few
@given(any_book, histories(), lateness)
def test_a_checklist_that_is_decided_on_is_the_one_that_is_said(book: Book, history: History, late: timedelta) -> None:
    """Kept answers have no reasons, those in full have: neither a line, nor its state, nor its blocks hang on that.

    Else every look would find another checklist than was said.
    """
    graph = book.rules.graph

    def same(bed: Bed) -> Bed:
        if bed.judged_at is not None and bed.awake is not None:
            seen, outlook = snapshot(bed, bed.judged_at), bed.awake.outlook
            bare, full = KeptCase(seen, outlook, bed.awake.kept, ()), Case(seen, outlook, graph)
            for guideline in book.rules.guidelines:
                episode = bed.episodes.get(guideline.guideline.id)
                before = steps_in(None if episode is None else episode.finding)
                outlines = [evaluated(case, guideline, bed.onsets, before).outline for case in (bare, full)]
                assert outlines[0] == outlines[1]
        return bed

    played(book, history, late, same)


@some
@given(any_book, histories(), lateness, st.integers(0, 10**6))
def test_no_bed_sleeps_through_what_time_alone_changes(
    book: Book, history: History, late: timedelta, seed: int
) -> None:
    """Before a bed is due nothing becomes TRUE, and of what stands nothing that is said changes.

    Asked in full at moments between its last look and the next.
    """
    chance = Random(seed)

    def watched(bed: Bed) -> Bed:
        if bed.judged_at is not None and bed.awake is not None and not bed.chart.discharged and not bed.line.waiting:
            due = bed.due or bed.judged_at + AFTER
            span = due - SECOND - bed.judged_at  # it is looked at in full seconds
            if span > timedelta(0):
                moments = [bed.judged_at + part * span for part in (1.0, chance.random(), chance.random())]
                before = _in_full(bed, bed.judged_at, book)
                for at in moments:
                    when = f"at {at}, between {bed.judged_at} and {due}"
                    _nothing_new(bed, before, _in_full(bed, at, book), when)
        return bed

    played(book, history, late, watched)


def _in_full(bed: Bed, at: datetime, book: Book) -> list[Evaluation]:
    assert bed.awake is not None
    case = Case(snapshot(bed, at), bed.awake.outlook, book.rules.graph)
    standing = (bed.episodes.get(guideline.guideline.id) for guideline in book.rules.guidelines)
    said = [steps_in(None if episode is None else episode.finding) for episode in standing]
    return [evaluated(case, g, bed.onsets, steps) for g, steps in zip(book.rules.guidelines, said, strict=True)]


def _nothing_new(bed: Bed, before: Sequence[Evaluation], now: Sequence[Evaluation], when: str) -> None:
    for old, new in zip(before, now, strict=True):
        episode = bed.episodes.get(old.guideline)
        if episode is not None and episode.level is not Level.ASK:
            assert (new.truths, new.outline) == (old.truths, old.outline), when
            assert new._replace(until=old.until) == old, when
        else:
            loud = [{one.rule for one in found.speaking if one.kind != "asked"} for found in (old, new)]
            assert loud[1] <= loud[0], when


# -- what a node looks at, and whether these tests would notice


class Spied(Case):
    """A case that tells what each node looks at, and holds it against what the node says that it reads."""

    def __init__(self, snapshot: Snapshot, outlook: Outlook, graph: Graph) -> None:
        super().__init__(snapshot, outlook, graph)
        self.looked: set[str] = set()
        self.hidden: dict[int, set[str]] = {}
        self.snapshot: Any = _SpiedSnapshot(snapshot, self.looked_at)
        self.outlook: Any = _SpiedOutlook(outlook, self.looked_at)

    def looked_at(self, *reads: str) -> None:
        self.looked.update(reads)

    def ask(self, node: Node) -> Any:
        outer, self.looked = self.looked, set()
        value = node.work(self)
        hidden = {read for read in self.looked if not _declared(read, node.reads)}
        if hidden:
            self.hidden.setdefault(node.index, set()).update(hidden)
        self.looked |= outer
        return value

    def once(self, key: Any, work: Callable[[Case], T]) -> T:
        del key
        return work(self)  # never from memory: who asks second looks, too

    def latest(self, concept: str) -> Reading | None:
        self._latest.pop(concept, None)
        return super().latest(concept)

    def notes_heard(self) -> bool:
        self.looked_at("notes")
        return super().notes_heard()

    def said(self, fact: str, within: timedelta) -> list[NoteFact]:
        self.looked_at(f"n:{fact}", "notes")
        return super().said(fact, within)

    @property
    def treatments_heard(self) -> bool:
        self.looked_at("treatments")
        return super().treatments_heard

    def orders(self) -> tuple[Treatment, ...]:
        self.looked_at("t:?")  # some of them: which, is worked out from all
        return super().orders()

    def of(self, item: str) -> list[Treatment]:
        self._looked_at_item(item)
        return super().of(item)

    def running(self, item: str) -> list[Treatment]:
        self._looked_at_item(item)
        return super().running(item)

    def stretches(self, item: str) -> list[Stretch]:
        self._looked_at_item(item)
        return super().stretches(item)

    def _looked_at_item(self, item: str) -> None:
        self.looked_at(*(f"t:{name}" for name in members(item)))


class _SpiedSnapshot:
    """A snapshot that tells which rows, fields of the patient and setting are looked at."""

    def __init__(self, snapshot: Snapshot, told: Callable[..., None]) -> None:
        self._snapshot, self._told = snapshot, told
        self.readings = _SpiedRows(snapshot.readings, told)
        self.patient = _SpiedPatient(snapshot.patient, told)

    @property
    def setting(self) -> str | None:
        self._told("setting")
        return self._snapshot.setting

    @property
    def facts(self) -> tuple[NoteFact, ...]:
        self._told("n:?")
        return self._snapshot.facts

    def __getattr__(self, name: str) -> Any:
        return getattr(self._snapshot, name)


class _SpiedRows(Mapping[str, tuple[Reading, ...]]):
    def __init__(self, rows: Mapping[str, tuple[Reading, ...]], told: Callable[..., None]) -> None:
        self._rows, self._told = rows, told

    def __getitem__(self, concept: str) -> tuple[Reading, ...]:
        self._told(concept)
        return self._rows[concept]

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("a rule that looks at whatever there is cannot say what it reads")

    def __len__(self) -> int:
        raise AssertionError("a rule that counts whatever there is cannot say what it reads")


class _SpiedPatient:
    def __init__(self, patient: Patient, told: Callable[..., None]) -> None:
        self._patient, self._told = patient, told

    def __getattr__(self, name: str) -> Any:
        self._told(f"p:{name}")
        return getattr(self._patient, name)


class _SpiedOutlook:
    def __init__(self, outlook: Outlook, told: Callable[..., None]) -> None:
        self._outlook, self._told = outlook, told

    def __getattr__(self, name: str) -> Any:
        self._told("forecast")
        return getattr(self._outlook, name)


def _declared(read: str, reads: frozenset[str]) -> bool:
    """Whether news of what was looked at reaches who reads these."""
    if read in reads or (read == "treatments" and "t:*" in reads):
        return True
    kind, mark, name = read.partition(":")
    if not mark:
        return False
    if name == "?":
        return any(other.startswith(f"{kind}:") for other in reads)
    return f"{kind}:{'' if kind == 't' else name.partition('.')[0] + '.'}*" in reads


@few
@given(histories(), st.lists(trees(), max_size=5), st.integers(0, 10**6))
def test_whatever_a_node_looks_at_is_among_its_reads(history: History, conditions: list[Condition], seed: int) -> None:
    """Every registered function and every kind of condition, watched on whatever may be known of a patient."""
    graph = Graph(real().definitions)
    nodes = {**graph.named, **{str(condition): graph.node(condition) for condition in conditions}}
    with facts_as_drawn():
        for bed, instant in instants(history, graph.reads):
            case = Spied(snapshot(bed, instant.at), Oracle(seed, FAR), graph)
            for node in nodes.values():
                case.ask(node)
            names = {node.index: name for name, node in nodes.items()}
            assert {names.get(index, index): hidden for index, hidden in case.hidden.items()} == {}


def test_every_kind_of_condition_is_among_the_made_up_ones() -> None:
    """A kind that is added to the language is watched, too, or this fails."""
    found: set[type] = set()

    @settings(max_examples=400, database=None)
    @given(trees())
    def draw(condition: Condition) -> None:
        found.update(type(part) for part in walk(condition, {}))

    draw()
    assert found == set(get_args(Condition))


def _nothing(*_: Any) -> Any:
    return None


SEARCHED_MAX = 5_000  # histories; a search ends at the first that fails, so that a miss is all but impossible

SABOTAGE = {
    "no answer's time is ever up": ("guidelines.rules.case.Case.stays", _nothing),
    "news reaches nobody": ("guidelines.rules.graph.Graph.watched_readers_of", lambda *_: []),
    "what time will make TRUE is not foreseen": ("guidelines.rules.kept.KeptCase.rises", lambda *_: FAR),
    "what a note says is no news": ("streams.core.absorb._facts_news", lambda *_: set()),
    "a concept is no news": ("streams.core.absorb._news", lambda *_: frozenset({"t:*", "notes"})),
}


@pytest.mark.timeout(600)  # for the rare search that is long, on a slow machine
@pytest.mark.parametrize("what", SABOTAGE)
def test_a_fault_in_what_is_kept_would_be_noticed(what: str) -> None:
    """With a piece of the machinery taken out, the property above fails: measured, after 4 to 84 histories."""
    target, instead = SABOTAGE[what]
    test = test_what_any_book_keeps_is_what_it_would_find.hypothesis.inner_test  # type: ignore[attr-defined]
    search = settings(max_examples=SEARCHED_MAX, database=None, phases=[Phase.generate], report_multiple_bugs=False)
    with patch(target, instead), pytest.raises(AssertionError):
        search(given(books(), histories(), st.integers(0, 10**6))(test))()


def test_a_bed_that_slept_too_long_would_be_noticed() -> None:
    """A bed that wakes for news alone does not pass for one that wakes in time."""
    test = test_no_bed_sleeps_through_what_time_alone_changes.hypothesis.inner_test  # type: ignore[attr-defined]
    search = settings(max_examples=SEARCHED_MAX, database=None, phases=[Phase.generate], report_multiple_bugs=False)
    with patch("streams.core.judge._until", lambda *_: FAR), pytest.raises(AssertionError):
        search(given(any_book, histories(), lateness, st.integers(0, 10**6))(test))()
