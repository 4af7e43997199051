"""A question about a bed and its answer, in the words of the page: the reading first, then what is said."""

from schemas.boards.asked import Asked
from schemas.clinical.findings import Truth

TRUTHS = {
    Truth.YES: ("✓", "Yes"),
    Truth.NO: ("✕", "No"),
    Truth.UNKNOWN: ("?", "Cannot tell"),
}
"""A mark and a word: neither is told by its colour."""

EXAMPLES = (
    "chance that MAP falls below 65 in the next 6 hours",
    "did lactate rise in the last 6 hours",
    "is NEWS2 at least 7 now",
)


def of_the_answer(asked: Asked) -> tuple[str, str]:
    """Mark and word of an answer about now or the past."""
    return TRUTHS[asked.truth or Truth.UNKNOWN]
