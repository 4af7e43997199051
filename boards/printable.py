"""Text as a person may read it: no character that is unseen, or turns the direction of reading, reaches a page."""

import re

# What has no picture of its own: control and format characters (the zero-width, the direction-turning and the tag ones
# among them), separators of lines, fillers, variation selectors, halves of pairs, private and forbidden code points.
# A line end, a tab and a plain, thin or unbreakable space are what they are.
_UNSEEN = re.compile(
    "[\0-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5"
    "\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ud800-\uf8ff\ufdd0-\ufdef\ufe00-\ufe0f\ufeff"
    "\uffa0\ufff0-\ufffb\ufffe\uffff\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U0010ffff]"
)


def printable(text: str) -> str:
    """The text with each unseen character told by its number: ‹U+202E›. Line ends are one line feed."""
    if _UNSEEN.search(text) is None:
        return text
    return _UNSEEN.sub(lambda found: f"‹U+{ord(found[0]):04X}›", text.replace("\r\n", "\n"))
