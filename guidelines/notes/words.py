"""A note cut into words, each in its sentence, clause and line."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from guidelines.notes.lexicon import LISTS

_LETTERS = re.compile(r" ?([a-z]+)")
WRAP_COLUMN = 60  # a line at least so long, that goes on with a small letter, was only wrapped

# Every replacement is one character for one, so that offsets stay those of the note.
_SAME = str.maketrans("’‘`´“”—−≥≤×µμ₂₃Ø\v\f\x85\u2028\u2029", "''''\"\"–-><xuu23∅\n\n\n\n\n")
_WORD = re.compile(
    r"[^\S\n]*+(?:("  # the blanks before a word are no places to look for one
    r"[^\W\d_]++(?=[\s.,;:()])"  # the usual word first, for speed
    r"|w/o(?:ut)?(?![^\W_])"
    r"|(?:sp|sa|fi|pa|et|eti)?o2(?![^\W_])|(?:p|pa|pv|pt|et|eti)?co2(?![^\W_])|hco3|d(?:50|10|5)(?!\d)"  # with a digit
    r"|\d+(?:[.,:]\d+)*|(?<![\w.])\.\d+|[^\W\d_]+(?:'[^\W\d_]+)?"
    r"|\[ ?\]|\[[x✓✔]\]|\(?[-–+]ve\)?(?![^\W_])"  # boxes; "-ve" is negative
    r"|\([-+–s]\)|=>|--?>|<--?|\n|([^\w\s])\2*"  # signs in a row ("+++", "...") are one
    r")|_|$)"  # nothing fails, so that a long row of blanks is gone through once
)
_SIGNS = {
    **dict.fromkeys(("->", "-->", "→", "=>"), "->"),
    **dict.fromkeys(("<-", "<--", "←"), "<-"),
    **dict.fromkeys(("(-)", "(–)", "✗", "✘", "[ ]", "[]", "☐", "□"), "⊖"),
    **dict.fromkeys(("(+)", "✓", "✔", "[x]", "[✓]", "[✔]", "☑", "☒", "■"), "⊕"),
}
# Signs that are what they are wherever they stand, and what they end.
_PLAIN = {**dict.fromkeys(",()", "clause"), **dict.fromkeys(";•●▪", "sentence"), **dict.fromkeys("/%+&=@~#*:", "")}
# Answers in columns: "Headache: yes  Rash: no" is two labels, and what stands behind each is its own.
_ANSWERED = re.compile(
    r"[ \t]*(?:no|none|n|nil|neg|negative|denied|denies|yes|y|pos|positive|absent|present)"
    r"(?=[ \t]+[a-z][^\n.,;:]{0,40}:)"
)
_NUMERALS = {
    word: str(value)
    for words, values in (
        ("two three four five six seven eight nine ten eleven twelve", range(2, 13)),
        ("fifteen twenty thirty forty fifty sixty seventy eighty ninety", (15, *range(20, 100, 10))),
    )
    for word, value in zip(words.split(), values, strict=True)
}
_ANSWER = re.compile(r"\s*(?:no|n|none|neg|negative|denied|denies|yes|y|pos|positive)(?=\s*(?:[.,;\n]|$))")
_SIGNED = re.compile(r"(?<![^\s(,:])[-–+](?=[^\W\d_])")  # "+cough", "-fever"
SIGNS_NEAR = 80  # characters to either side in which a list of "+cough -fever" shows
_DIGITS_MAX = 12  # longer numbers are no measurements
ANY_NUMBER = "0.000"  # stands for every number that no phrase spells out


@dataclass(slots=True)
class Text:
    """A note cut into words, with the sentence, clause and line of each word. `spans` are offsets into the note."""

    words: list[str] = field(default_factory=list)
    spans: list[tuple[int, int]] = field(default_factory=list)
    sentence: list[int] = field(default_factory=list)
    clause: list[int] = field(default_factory=list)
    line: list[int] = field(default_factory=list)
    blank_before: set[int] = field(default_factory=set)  # lines that follow an empty one
    clauses: dict[int, range] = field(default_factory=dict)  # of each clause its words: `clause`, turned round


def _normal(text: str) -> str:
    """The text in small letters and plain signs, of the same length."""
    if "\r" in text:
        text = text.replace("\r\n", " \n").replace("\r", "\n")
    low = text.translate(_SAME)
    lower = low.lower()
    return lower if len(lower) == len(low) else "".join(c.lower() if len(c.lower()) == 1 else c for c in low)


def ranges(parts: Sequence[int]) -> dict[int, range]:
    """Per clause, sentence or line the places of its words, from the place of each word."""
    found: dict[int, range] = {}
    begin = 0
    for part, count in Counter(parts).items():  # they only rise
        found[part] = range(begin, begin + count)
        begin += count
    return found


def is_number(word: str) -> bool:
    return word[0].isdecimal() or (word[0] == "." and len(word) > 1)


def number(word: str) -> float | None:
    if len(word) > _DIGITS_MAX or ":" in word:
        return None
    plain = word.replace(",", "") if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", word) else word.replace(",", ".")
    try:
        return float(plain)
    except ValueError:
        return None


def _is_wrap(original: str, at: int) -> bool:
    """Whether the line end at `at` only wraps a long line, so that the sentence goes on."""
    start = original.rfind("\n", 0, at) + 1
    before = original[start:at].rstrip()
    following = original[at + 1 : at + 2]
    return at - start >= WRAP_COLUMN and following.islower() and not before.endswith((".", ":", ";", "!", "?"))


def _ends_sentence(low: str, original: str, words: Sequence[str], at: int) -> bool:
    """Whether the full stop at offset `at` ends its sentence ("c.diff", "2.5" and "pt. confused" do not)."""
    following = original[at + 1 : at + 2]
    if following and not following.isspace():
        return at > 0 and original[at - 1].islower() and following.isupper()  # "confused.No fever"
    named = _LETTERS.match(low, at + 1) if words and len(words[-1]) == 1 else None
    if named is not None and named[1] in LISTS["species"]:
        return False  # "E. coli"
    rest = low[at + 1 : at + 4].lstrip()
    if not (words and rest and words[-1] in LISTS["abbreviations"]):
        return True
    counts = rest[0].isdecimal() and words[-1] in LISTS["counted"]
    return not (counts or original[at + 1 : at + 4].lstrip()[:1].islower())


def cut(original: str) -> Text:
    low = _normal(original)
    text = Text()
    words, spans, sentences, clauses, lines = text.words, text.spans, text.sentence, text.clause, text.line
    sentence = clause = line = 0
    last = ""
    answered = -1  # offset where the answer to a label ends
    for match in _WORD.finditer(low):
        word, span = match[1], match.span(1)
        ends = ""  # what the word ends: a clause or its sentence
        if word is None:
            continue
        if not word[0].isalnum():
            if word == "\n":
                if not _is_wrap(original, span[0]):
                    line, sentence, clause = line + 1, sentence + 1, clause + 1
                    if last == word:
                        text.blank_before.add(line)
                    last = word
                continue
            plain = _PLAIN.get(word)
            word, ends = _sign(low, original, words, span, word) if plain is None else (word, plain)
            if not word:
                continue
            answered = _answered(low, span[1], answered) if word == ":" else answered
        words.append(_NUMERALS.get(word, word))
        spans.append(span)
        sentences.append(sentence)
        clauses.append(clause)
        lines.append(line)
        last = word
        if ends or span[1] == answered:
            clause += 1
            sentence += ends == "sentence"
    text.clauses = ranges(clauses)
    return text


def _answered(low: str, at: int, before: int) -> int:
    """Where the answer to a label that ends at `at` ends, if another label follows it on the line."""
    answer = _ANSWERED.match(low, at)
    return answer.end() if answer else before


def _sign(low: str, original: str, words: Sequence[str], span: tuple[int, int], sign: str) -> tuple[str, str]:
    """The sign as the phrases spell it (empty: skip it), and what it ends."""
    start, end = span
    if sign in _SIGNS:
        return _SIGNS[sign], ""
    if "ve" in sign:
        return ("positive" if "+" in sign else "negative"), ""
    if sign == "(s)" or sign[0] in "[]\"'":
        return "", ""  # "device(s)", "Skin [Temperature]", 'throat "closing"'
    if sign[1:2].isdecimal():
        return sign, ""
    before, sign = low[start - 1 : start], sign[0]
    if sign in "-–" and (denied := _dash(low, original, span)) is not None:
        return denied, ""
    return _question(low, before, end) if sign == "?" else _mark(low, original, words, span, sign)


def _mark(low: str, original: str, words: Sequence[str], span: tuple[int, int], sign: str) -> tuple[str, str]:
    """A sign that stays what it is, and what it ends."""
    before, end = low[span[0] - 1 : span[0]], span[1]
    if sign == ">" and before.isdecimal() and low[end : end + 1].isdecimal():
        return "->", ""  # "WBC 22>11"
    if sign == "!":
        return ("", "") if low[end : end + 1] == ")" else (sign, "sentence")
    if sign == ".":
        return sign, "sentence" if _ends_sentence(low, original, words, end - 1) else ""
    return sign, _PLAIN.get(sign, "") if sign != "–" or before.strip() else "clause"


def _question(low: str, before: str, end: int) -> tuple[str, str]:
    """A question mark: before a word it doubts, "ESRD? no" is a label and its answer, else it ends a sentence."""
    if before.strip() and _ANSWER.match(low, end):
        return ":", ""
    asks = low[end : end + 1].isalnum() or (not before.strip() and low[end : end + 1] == " ")
    return ("¿", "") if asks else ("⁇", "sentence")


def _dash(low: str, original: str, span: tuple[int, int]) -> str | None:
    """What a dash is where it is no dash: nothing inside a word ("non-blanching"), a denial before one ("− fever").

    A minus sign denies. A hyphen does so only within a line of such signs ("+cough -fever"): elsewhere it is a bullet.
    """
    start, end = span
    before, after = low[start - 1 : start], low[end : end + 1]
    if before.isalpha() and after.isalpha() and low[start] == "-":
        return ""
    if low[max(start - 3, 0) : start].rstrip(" ").endswith(":") and low[end : end + 3].lstrip(" ")[:1] in {"", "\n"}:
        return "⊟"  # "Chest pain: -"
    if end - start > 1 or before.strip(" \n(,:;"):
        return None
    if original[start] == "−":
        return "⊖" if low[end : end + 2].lstrip(" ")[:1].isalpha() else None
    near = low[max(start - SIGNS_NEAR, 0) : start].rpartition("\n")[2], low[start : end + SIGNS_NEAR].partition("\n")[0]
    if not after.isalpha() or not near[0].strip():
        return None
    return "⊖" if len(_SIGNED.findall("".join(near))) > 1 else None
