"""What a board reads and answers: the contract that every shell implements (embedded, Kafka, the fake of the tests)."""

from collections.abc import AsyncIterator, Sequence
from typing import Literal, Protocol

from schemas.boards.asked import Asked
from schemas.boards.hindsight import Hindsight
from schemas.boards.status import BoardStatus, RefusalGroup
from schemas.boards.views import BedView

__all__ = ["BoardSource", "BoardStatus", "RefusalGroup", "Verb"]

Verb = Literal["acknowledge", "step_done", "step_undone"]


class BoardSource(Protocol):
    """All that the pages know of the rest of the service. Every call is made on the event loop and must be quick."""

    def encounters(self) -> Sequence[str]:
        """Every bed with a patient in it, in any order. A discharged patient is not in it."""
        ...

    def bed(self, encounter: str) -> BedView | None:
        """One bed as it stands, or None when no such patient is here.

        May raise, whatever it likes: the board then says that this bed cannot be shown, and shows all others.
        """
        ...

    async def bring(self, encounter: str) -> None:
        """Somebody is about to look at all of one bed: where the service does not hold all of it ready, it gets it now.

        Where it cannot, `bed` says in `problem` that its picture is not whole.
        """
        ...

    async def ask(self, encounter: str, question: str) -> Asked | None:
        """A question in plain English about one bed, answered or refused; None when no such patient is here.

        May raise as `bed` does.
        """
        ...

    async def looked_back(self, encounter: str) -> Hindsight | None:
        """Earlier chances against what came of them; None when no such patient is here. May raise as `bed` does."""
        ...

    def changes(self) -> AsyncIterator[str]:
        """Encounters whose bed has changed since this call, for one reader, until it is closed.

        Each call is a subscription of its own. It is bounded and coalescing: a slow reader gets each encounter once
        with its newest state, and never holds up the service. A bed that came or left counts as changed, and so does
        one in which only time passed, whenever that altered what is shown.
        """
        ...

    async def respond(self, encounter: str, alert: str, verb: Verb, step: str | None, by: str) -> str | None:
        """Put a person's answer into the log. None once it is durable; else why it is not kept, in one sentence.

        Where the shell can, it returns when `bed` already shows the answer's effect; the page is drawn right after.
        """
        ...

    async def refusals(self, search: str) -> Sequence[RefusalGroup]:
        """What was refused lately, alike ones together, newest first; only what holds `search`, whatever its case."""
        ...

    def status(self) -> BoardStatus:
        """How the service stands now. Never raises and never waits: a broker that is away is an answer."""
        ...
