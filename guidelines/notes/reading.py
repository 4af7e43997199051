"""Reads what a note says, without a model: phrases from a lexicon, cues that change their meaning, and when it was so.

    read(note, earlier) -> facts, each tied to its words

The knowledge is data: `lexicon.toml` (what phrases say) and `cues.toml` (negation, doubt, history, plans, other
people). The modules beside this one only apply it, in this order; time is linear in the length of the note.

    words     the text in words, sentences, clauses, lines
    spelling  words that are one letter wrong
    marks     ticks, boxes and signs that stand behind what they answer
    phrases   the longest phrases of the lexicon
    scope     which cues touch each of them
    turned    what was so, and is so no more
    facts     what each then states, with which of its `values`, at which of the `times` of the text
    copied    what stood in an earlier note
    whole     findings that decide about one another; limits of treatment, allergies
"""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from guidelines.notes.copied import EARLIER_MAX, mark_copied
from guidelines.notes.facts import Fact, fact_of
from guidelines.notes.lexicon import Cue, Entry
from guidelines.notes.marks import turn
from guidelines.notes.phrases import PHRASES, SPELLER
from guidelines.notes.scope import Found, carry_backward, carry_forward, carry_verbs, continuing, headed, join_answers
from guidelines.notes.times import Ward, may_be_time, times, when
from guidelines.notes.turned import turn_again, turn_past
from guidelines.notes.whole import settle
from guidelines.notes.words import Text, cut
from schemas.clinical.facts import NoteFact
from schemas.events import Note, identity
from schemas.local_time import UTC

FACTS_MAX = 1000  # of one note; the first ones are kept
WORDS_SHOWN = 200


def read(note: Note, earlier: Sequence[Note] = (), *, zone: ZoneInfo = UTC) -> tuple[NoteFact, ...]:
    """The facts of one note, by their place in it; at most `FACTS_MAX`.

    `earlier` are the notes of the stay that were known before, for text copied forward; a fact in copied text has
    `copied` and the time of the first occurrence. A time of day in the text is one of the clocks of `zone`. `start` and
    `end` are offsets into `note.text`. Never raises.
    """
    text = cut(note.text)
    text.words = [SPELLER.right(word) for word in text.words]
    turn(text)
    ward = Ward(note.observed_at, zone)
    found = [
        Found(start, end, item)
        for start, end, items in PHRASES.find(text)
        for item in items
        if not (isinstance(item, Cue) and item.unless_time and may_be_time(text, end - 1, ward))
    ]
    join_answers(text, found)
    goes_on = continuing(text)
    carry_forward(text, found, goes_on)
    carry_backward(text, found)
    carry_verbs(text, found, goes_on)
    turn_past(text, found)
    turn_again(text, found)
    sections = headed(text, found)
    inside, leading = times(text, ward)
    facts: list[Fact] = []
    seen: set[tuple[int, str]] = set()
    for one in found:
        if isinstance(one.item, Entry) and len(facts) < FACTS_MAX:
            fact = fact_of(text, one, one.item, sections.get(text.sentence[one.start], ""), note.observed_at)
            if fact is not None and (fact.start, fact.concept) not in seen:
                fact.at = when(text, one, inside) or leading.get(text.clause[one.start]) or note.observed_at
                seen.add((fact.start, fact.concept))
                facts.append(fact)
    own = identity(note)
    mark_copied(text, facts, [old for old in earlier[-EARLIER_MAX:] if identity(old) != own])
    settle(text, facts)
    facts.sort(key=lambda fact: (fact.start, fact.concept))
    return tuple(_spoken(text, note, own, fact) for fact in facts[:FACTS_MAX])


def _spoken(text: Text, note: Note, own: str, fact: Fact) -> NoteFact:
    start, end = text.spans[fact.start][0], text.spans[fact.end - 1][1]
    return NoteFact(
        concept=fact.concept,
        polarity=fact.polarity,
        experiencer=fact.experiencer,
        temporality=fact.temporality,
        value=fact.value,
        unit=fact.unit,
        detail=fact.detail,
        change=fact.entry.change,
        copied=fact.copied,
        note=own,
        start=start,
        end=end,
        words=note.text[start:end][:WORDS_SHOWN],
        effective_at=fact.at,
        available_at=note.available_at,
    )
