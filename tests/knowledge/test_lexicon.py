"""What each entry and each cue of the notes' lexicon does, entered a second time in lexicon.toml beside this file."""

import re
import tomllib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from guidelines.notes.lexicon import BARE, CUES, GONE, LEXICON, Cue, Entry, Item
from guidelines.notes.phrases import PHRASES, Automaton
from guidelines.notes.reading import read
from guidelines.notes.words import cut, is_number, number
from schemas.clinical.facts import NoteFact, Polarity, Temporality
from schemas.events import Note

REFUSED = 128  # the row of "refused": a denial that is a fact of its own
AT = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
DATA = tomllib.loads(Path(__file__).with_name("lexicon.toml").read_text(encoding="utf-8"))
SAYS, REACH, ENDS = ([case for part in DATA[of].values() for case in part.items()] for of in ("says", "reach", "ends"))
KINDS = [(phrase, concept, kind) for kind, part in DATA["kinds"].items() for phrase, concept in part.items()]
WORDS = {"family": "family", "other": "other", "historical": "past", "planned": "plan", "hypothetical": "if",
         "negated": "no", "uncertain": "maybe"}  # fmt: skip


def facts_of(text: str) -> list[NoteFact]:
    found = read(Note(encounter="e1", text=text, observed_at=AT, available_at=AT))
    return [fact for fact in found if fact.concept != "infection.level"]


def spelled(fact: NoteFact) -> str:
    """A fact as lexicon.toml writes it: "past no bp.low = 64 mm[Hg] (map)"."""
    marks = [WORDS[word] for word in (fact.experiencer, fact.temporality, fact.polarity) if word in WORDS]
    value = [] if fact.value is None else ["=", f"{fact.value:g}"]
    parts = [*(["copied"] if fact.copied else []), *marks, fact.concept, *value, fact.unit]
    detail = f"({fact.detail})" if fact.detail else None
    return " ".join(part for part in (*parts, detail) if part) + (f", {fact.change}" if fact.change else "")


def said(text: str) -> list[str]:
    return sorted(spelled(fact) for fact in facts_of(text))


@pytest.mark.parametrize(("text", "facts"), SAYS)
def test_a_sentence_says_exactly_this(text: str, facts: list[str]) -> None:
    """Every phrase gives its fact with number, unit and all, and nothing beside."""
    assert said(text) == sorted(facts)


@pytest.mark.parametrize(("text", "facts"), REACH)
def test_a_cue_touches_exactly_this(text: str, facts: list[str]) -> None:
    """Each cue looks its way, touches its kinds of phrase, over a comma or not, and no further than it may."""
    assert said(text) == sorted(facts)


@pytest.mark.parametrize(("text", "facts"), ENDS)
def test_a_word_ends_exactly_this(text: str, facts: list[str]) -> None:
    """A word that turns the sentence ends some cues and lets others go on; a header holds for what follows it."""
    assert said(text) == sorted(facts)


@pytest.mark.parametrize(("phrase", "concept", "kind"), KINDS)
def test_what_kind_of_thing_a_phrase_is(phrase: str, concept: str, kind: str) -> None:
    """Denied along a list: findings and diagnoses; "old" along a list: diagnoses; "from": states; tomorrow: acts."""

    told = (
        {concept, "infection.bloodstream"} if phrase == "bacteremia" else {concept}
    )  # denied, it says so of the blood

    def last(text: str) -> NoteFact:
        return next(fact for fact in reversed(facts_of(text)) if fact.concept in told)

    listed = last(f"no pallor, or {phrase}").polarity is Polarity.NEGATED
    assert listed == (kind in {"finding", "diagnosis"} or last(phrase).polarity is Polarity.NEGATED)
    old = {"diagnosis": f"old CHF, or {phrase}", "state": f"from {phrase}", "act": f"{phrase} tomorrow"}
    plain = last(phrase).temporality
    for of, text in old.items():
        marked = Temporality.PLANNED if of == "act" else Temporality.HISTORICAL
        assert last(text).temporality is (marked if of == kind else plain)


@pytest.mark.parametrize(("phrase", "concept"), [(phrase, concept) for phrase, concept, _ in KINDS])
def test_a_history_of_what_lasts_is_no_history(phrase: str, concept: str) -> None:
    """Who had COPD, an allergy or oxygen at home has it still; a history of anything else is over."""
    told = next(fact for fact in reversed(facts_of(f"h/o: {phrase}")) if fact.concept == concept)
    assert (told.temporality is Temporality.HISTORICAL) == (phrase not in DATA["lasting"]["phrases"])


# -- nothing is left out

STATING = [entry for entry in LEXICON if entry != Entry(entry.row, entry.concept, entry.phrases, names=entry.names)]
"""The entries that say more than a name: a kind, a number, a bound, a change …"""


def met(text: str) -> Iterator[tuple[Item, list[float]]]:
    """The entries and cues whose phrases stand in a text, each with its numbers, those that a change led to."""
    text_words = cut(text)
    for start, end, items in PHRASES.find(text_words):
        words = text_words.words[start:end]
        for item in items:
            changes = isinstance(item, Entry) and item.may_change
            before = max((at for at, word in enumerate(words) if word == "->" and changes), default=-1)
            numbers = [number(word) for word in words[before + 1 :] if is_number(word)]
            yield item, [n for n in numbers if n is not None]


def stated(entry: Entry) -> tuple[str, ...]:
    """What an entry says in a note: what is so where its phrase is a clause of its own, or what it ends."""
    return tuple(GONE.get(entry.concept, (BARE.get(entry.concept, entry.concept),)))


def outcomes(entry: Entry) -> set[bool]:
    """Whether the sentences that hold a phrase of the entry state its fact: some, and some not."""
    return {
        any(concept in fact for fact in facts for concept in stated(entry))
        for text, facts in SAYS
        for item, _ in met(text)
        if item is entry
    }


def named(entries: Iterable[Entry]) -> list[str]:
    return [f"{entry.concept}: {entry.phrases[0]}" for entry in entries]


def test_every_entry_that_states_something_has_a_sentence() -> None:
    """One that gives its fact, with all that the entry says of it."""
    assert named(e for e in STATING if True not in outcomes(e)) == []


def test_every_entry_that_looks_around_has_a_sentence_of_each_kind() -> None:
    """One in which the words near it let it say its fact, and one in which they do not."""
    looking = [e for e in STATING if e.near is not None or e.apart is not None]
    assert named(e for e in looking if outcomes(e) != {True, False}) == []


def test_every_entry_that_states_something_has_a_kind() -> None:
    """Entered twice, too; but for what only a denial states, what stands alone and what ends something else."""
    tried = {(id(item), kind) for phrase, _, kind in KINDS for item, _ in met(phrase)}
    alone = {*BARE, *GONE}
    stating = [e for e in STATING if not e.denied_only and e.concept not in alone]
    assert named(e for e in stating if (id(e), e.kind) not in tried) == []


def test_every_entry_that_lasts_is_entered_as_such() -> None:
    """One phrase of it at least."""
    lasting = {id(item) for phrase in DATA["lasting"]["phrases"] for item, _ in met(phrase)}
    assert named(e for e in STATING if e.lasting and id(e) not in lasting) == []


def test_every_bound_is_tried_on_both_sides() -> None:
    """With a number that is just kept and one that is just not."""
    tried = [(item, numbers) for text, _ in SAYS for item, numbers in met(text) if numbers]
    for entry, bound in [(e, bound) for e in STATING for bound in (e.above, e.below) if bound is not None]:
        near = 1 if bound == int(bound) else max(bound / 10, 0.5)
        away = [numbers[0] - bound for item, numbers in tried if item is entry and abs(numbers[0] - bound) <= near]
        kept = [gap > 0 if bound == entry.above else gap < 0 for gap in away]
        assert set(kept) == {True, False}, named([entry])


def test_every_cue_has_a_sentence() -> None:
    """So has every word that ends one, and every header."""
    tried = [item for text, _ in (*SAYS, *REACH, *ENDS) for item, _ in met(text)]
    assert [cue.words[0] for cue in CUES if not any(item is cue for item in tried)] == []


def test_the_numbers_of_a_phrase_are_counted_from_one() -> None:
    """None of them is the one before the first: such a row is refused."""
    for value in (0, -1):
        with pytest.raises(ValidationError):
            Entry(1, "perf.mottled", ("mottled #",), value=value)
    assert Entry(1, "perf.mottled", ("mottled #",), value=1).value == 1


def test_no_affirmed_act_swallows_the_word_that_denies_it() -> None:
    """ "CRRT stopped", "pt refused": within a longer phrase the word would not deny what it stands beside."""
    denying = {word for cue in CUES if isinstance(cue, Cue) and cue.cls == "negated" and cue.kinds == ("act",)
               for word in cue.words}  # fmt: skip
    acts = [e for e in LEXICON if e.polarity is Polarity.AFFIRMED and (e.kind == "act" or e.row == REFUSED)]
    held = [(phrase, set(re.split(r"[\s()\[\]|]+", phrase)) & denying) for e in acts for phrase in e.phrases]
    assert [phrase for phrase, words in held if words - {phrase}] == []


def test_a_row_without_a_number_in_its_phrases_gives_no_value() -> None:
    """`value` where no phrase holds a number, any or a certain one ("88 to 92"), would be forgotten there."""
    numbered = re.compile(r"#|(?<![^\W_])\d+(?![^\W_])")
    assert named(e for e in LEXICON if e.value is not None and not any(map(numbered.search, e.phrases))) == []


@pytest.mark.parametrize("phrase", ["(a", "[a", "a (b|c", "a)", "a]", "(a]", "[a)", "a [(b] c)"])
def test_a_bracket_that_is_not_closed_is_refused(phrase: str) -> None:
    """Nor one that was not opened, or is closed by another kind; all behind it would be optional."""
    with pytest.raises(ValueError, match="bracket"):
        Automaton({}).add(phrase, CUES[0])


@pytest.mark.parametrize("phrase", ["[a]", "a|[b]", ""])
def test_a_phrase_that_may_be_empty_is_refused(phrase: str) -> None:
    """It would stand everywhere."""
    with pytest.raises(ValueError, match="empty"):
        Automaton({}).add(phrase, CUES[0])
