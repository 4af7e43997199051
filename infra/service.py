"""The embedded service: the shell, its clock and what the board reads of it, in one process."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from boards.source import Verb
from forecasting.baselines import trend
from guidelines.book import load as book
from infra.clocks import Clock
from infra.settings import Settings
from schemas.boards.status import RECENT_MAX, BoardStatus, Refusal
from schemas.boards.views import BedView
from schemas.events import Response
from schemas.events.quarantine import Fault, Rejected
from streams.core.alerting import Policy
from streams.core.bed import Bed
from streams.core.step import Mind, wakes_at
from streams.shells.embedded import Embedded, Update

LOOK_EVERY_S = 0.1  # how often the clock is looked at: what a bed waits for is at most this late
COUNT_EVERY_S = 0.5  # how often the refusals are counted at most, however many come


def mind_of(settings: Settings) -> Mind:
    """The rules and the model that this installation runs."""
    return Mind(book.load(), trend.load(), Policy(allowed_lateness=timedelta(seconds=settings.allowed_lateness_s)))


class _Viewed(NamedTuple):
    bed: Bed
    view: BedView


class EmbeddedBoard:
    """What a board sees of an embedded service (`boards.source.BoardSource`)."""

    def __init__(self, service: Embedded, clock: Clock, plays: str | None = None) -> None:
        self._service, self._clock, self.plays = service, clock, plays
        self._views: dict[str, _Viewed] = {}
        self._refused: Mapping[Fault, int] = {}
        self._recent: tuple[Refusal, ...] = ()

    def beds(self) -> Sequence[BedView]:
        here = [encounter for encounter, bed in self._service.beds.items() if not bed.chart.discharged]
        return [view for encounter in here if (view := self.bed(encounter)) is not None]

    def bed(self, encounter: str) -> BedView | None:
        bed = self._service.beds.get(encounter)
        if bed is None or bed.chart.discharged:
            return None
        seen = self._views.get(encounter)
        if seen is None or seen.bed is not bed:
            view = self._service.view(encounter)
            assert view is not None
            seen = self._views[encounter] = _Viewed(bed, view)
        return seen.view

    async def changes(self) -> AsyncIterator[str]:
        with self._service.subscribe() as queue:
            waiting: dict[str, None] = {}
            while True:
                if not waiting:
                    self._join(waiting, await queue.get())
                while not queue.empty():
                    self._join(waiting, queue.get_nowait())
                if waiting:
                    encounter = next(iter(waiting))
                    del waiting[encounter]
                    yield encounter

    def _join(self, waiting: dict[str, None], update: Update) -> None:
        changed = self._service.beds if update.encounters is None else update.encounters
        waiting.update(dict.fromkeys(sorted(changed)))

    async def count_refusals(self) -> None:
        """Keeps the counts of the status, as the store has them; runs for as long as the service does."""
        with self._service.subscribe() as queue:
            while True:
                self._refused = {Fault(name): count for name, count in (await self._service.faults()).items()}
                newest = reversed(await self._service.quarantined(RECENT_MAX))
                self._recent = tuple(Refusal(at=r.received_at, fault=r.fault, why=r.why) for r in newest)
                while not _refuses(await queue.get()):
                    pass
                await asyncio.sleep(COUNT_EVERY_S)

    async def respond(self, encounter: str, alert: str, verb: Verb, step: str | None, by: str) -> str | None:
        now = self._clock.now()
        response = Response(
            encounter=encounter, observed_at=now, available_at=now, alert=alert, verb=verb, step=step, by=by
        )
        try:
            await self._service.submit_event(response, now)
        except Exception as problem:  # of whatever database: the board says it in a sentence
            return f"the answer could not be kept ({type(problem).__name__}); write it in the chart"
        return None

    def status(self) -> BoardStatus:
        counts: Counter[str] = Counter()
        for bed in self._service.beds.values():
            counts.update({name: bed.counts.get(name, 0) for name in ("late", "duplicate", "corrected")})
        return BoardStatus(
            now=self._clock.now(),
            speed=self._clock.speed,
            shell="embedded",
            plays=self.plays,
            lag_s=self._service.lag_s,
            refused=self._refused,
            recent=self._recent,
            late=counts["late"],
            duplicate=counts["duplicate"],
            corrected=counts["corrected"],
        )


def _refuses(update: Update) -> bool:
    """Whether the counts may have changed: something was refused, or so much was missed that it may have been."""
    return update.encounters is None or any(isinstance(output, Rejected) for output in update.outputs)


async def keep_time(service: Embedded, clock: Clock, policy: Policy) -> None:
    """Tells the beds that time passes, whenever that matters to one of them; runs for as long as the service does."""
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        now = clock.now()
        if any(_wakes(bed, policy, now) for bed in service.beds.values()):
            await service.advance(now)


def _wakes(bed: Bed, policy: Policy, now: datetime) -> bool:
    at = wakes_at(bed, policy)
    return at is not None and now > at
