"""Words misspelled by one letter ("hypotensve", "motling"): long ones that no list knows are read as clinical ones.

One letter missing, too much or wrong, or two swapped (Damerau's distance 1); and only where there is one such word:
what could be two ("aebrile": febrile or afebrile) stays as it was written. The first letter is taken to be right,
as the letters that deny stand there ("un-", "in-", "a-"). What may be read, and English words that look like it, are
data (`spelling.toml`).
"""

from collections.abc import Iterable
from functools import lru_cache

LETTERS_LEAST = 7
LETTERS_MOST = 30
KEPT_MAX = 4096  # words whose answer is remembered


def _shorter(word: str) -> set[str]:
    """The word and what is left of it without one of its letters."""
    return {word, *(word[:k] + word[k + 1 :] for k in range(len(word)))}


def one_apart(a: str, b: str) -> bool:
    """Whether one letter, or two swapped, make one word of the other."""
    if len(a) > len(b):
        a, b = b, a
    if len(b) - len(a) > 1 or a == b:
        return False
    same = next((k for k in range(len(a)) if a[k] != b[k]), len(a))
    if len(a) < len(b):
        return a[same:] == b[same + 1 :]
    swapped = a[same : same + 2] == b[same : same + 2][::-1] and a[same + 2 :] == b[same + 2 :]
    return swapped or a[same + 1 :] == b[same + 1 :]


def _american(word: str) -> str:
    """The word as it is spelled in America, roughly: both spellings of one word are one word."""
    return word.replace("our", "or").replace("ae", "e").replace("oe", "e")


class Speller:
    """Puts words right that are one letter away from one of `targets`."""

    def __init__(self, targets: Iterable[str], known: Iterable[str], others: Iterable[str]) -> None:
        """`known` are all words of the lexicon, `others` are right and mean something else: both stay what they are."""
        self._targets = frozenset(targets)
        words = {word for word in known if word.isalpha() and len(word) >= LETTERS_LEAST - 1}
        self._taken = frozenset((*words, *others))
        self._near: dict[str, list[str]] = {}
        for word in sorted(words):
            for part in _shorter(word):
                self._near.setdefault(part, []).append(word)
        self._put = lru_cache(KEPT_MAX)(self._search)

    def right(self, word: str) -> str:
        """The word, or the one known word that it misspells."""
        if not LETTERS_LEAST <= len(word) <= LETTERS_MOST or word in self._taken or not word.isalpha():
            return word
        return self._put(word)

    def _search(self, word: str) -> str:
        near = {other for part in _shorter(word) for other in self._near.get(part, ()) if one_apart(word, other)}
        if len({_american(other) for other in near}) != 1:
            return word
        other = min(near)
        return other if other in self._targets and other[0] == word[0] else word
