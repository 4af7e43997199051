"""The embedded service: the shell, its clock and what the board reads of it, in one process."""

import asyncio
from collections import ChainMap, Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import NamedTuple

import structlog
from msgspec.structs import replace

from boards.source import Verb
from boards.station.cards import steps
from forecasting.local.own import Own
from guidelines.book.units import load_units
from infra.clocks import Clock
from infra.settings import Settings
from schemas.boards.asked import Asked
from schemas.boards.hindsight import Hindsight
from schemas.boards.status import BoardStatus, RefusalGroup
from schemas.boards.views import BedView
from schemas.clinical.findings import StepState
from schemas.events import Response
from schemas.events.quarantine import Fault, Rejected
from schemas.frozen import EARLIEST
from streams.core.asking import answered
from streams.core.bed import Bed
from streams.core.hindsight import looked_back
from streams.core.judge import Mind
from streams.core.policy import Policy
from streams.shells.embedded import Embedded, Update
from streams.shells.refused import about
from streams.stores.codec import Damaged
from streams.stores.failures import StoreFailed

LOOK_EVERY_S = 0.1  # how often the clock is looked at: what a bed waits for is at most this late
COUNT_EVERY_S = 0.5  # how often the refusals are counted at most, however many come
COUNT_AGAIN_S = 5.0  # after they could not be counted
KEPT_S = 10.0  # for a person's answer to be in the log
BROUGHT_S = 2.0  # for a bed that rests to come back into memory when somebody looks at it
SHOWN_S = 3.0  # for it to show on the bed; where order allows no more, the page says "saved"

RESTS = (  # what a board says of a bed that is only in the store, after "This bed "
    "is silent for so long that only its last values are here: the rest is in the store, "
    "and comes when its page can be opened"
)

log = structlog.get_logger()


def mind_of(settings: Settings, own: Own) -> Mind:
    """The rules that this installation runs, and the model. Raises BadBook."""
    books = load_units(settings.overlays)
    return Mind(books.base, own.forecaster, policy_of(settings), books.units)


def policy_of(settings: Settings) -> Policy:
    """How long this installation waits for what comes late, and by which clocks."""
    lateness = timedelta(seconds=settings.allowed_lateness_s)
    return Policy(allowed_lateness=lateness, zone=settings.zone, hours=settings.hours)


class _Viewed(NamedTuple):
    bed: Bed
    view: BedView


class EmbeddedBoard:
    """What a board sees of an embedded service (`boards.source.BoardSource`)."""

    def __init__(self, service: Embedded, clock: Clock, plays: str | None = None, chances: str | None = None) -> None:
        self._service, self._clock, self.plays, self._chances = service, clock, plays, chances
        self._views: dict[str, _Viewed] = {}
        self._refused: Mapping[Fault, int] = {}
        self._looking = asyncio.Lock()

    def encounters(self) -> Sequence[str]:
        beds = self._beds()
        here = [encounter for encounter, bed in beds.items() if not bed.chart.discharged]
        return [*here, *(self._service.damaged - beds.keys())]

    def bed(self, encounter: str) -> BedView | None:
        bed = self._beds().get(encounter)
        if bed is None and encounter in self._service.damaged:
            raise Damaged  # what was saved of it cannot be read: it is there, and must not be missing from the board
        if bed is None or bed.chart.discharged:
            self._views.pop(encounter, None)
            return None
        seen = self._views.get(encounter)
        if seen is None or seen.bed is not bed:
            view = self._service.view(encounter)
            assert view is not None
            if encounter in self._service.resting:
                view = replace(view, problem=RESTS)
            seen = self._views[encounter] = _Viewed(bed, view)
        return seen.view

    async def ask(self, encounter: str, question: str) -> Asked | None:
        bed = self._beds().get(encounter)
        if bed is None and encounter in self._service.damaged:
            raise Damaged
        if bed is None or bed.chart.discharged:
            return None
        if encounter in self._service.resting:
            now = self._clock.now()
            return Asked(encounter=encounter, question=question, now=now, refused=f"this bed {RESTS}")
        now = max(self._clock.now(), bed.line.clock or EARLIEST)
        return await asyncio.to_thread(answered, bed, question, now, self._service.mind)  # others are served meanwhile

    async def looked_back(self, encounter: str) -> Hindsight | None:
        """Of a bed of which nothing was foreseen there is nothing to look back on."""
        bed = self._service.beds.get(encounter)
        if bed is None or bed.chart.discharged or bed.foreseen_at is None:
            return None
        return await asyncio.to_thread(looked_back, bed, bed.foreseen_at, self._service.mind.of(bed))

    async def bring(self, encounter: str) -> None:
        try:
            async with asyncio.timeout(BROUGHT_S):
                await self._service.bring(encounter)
        except (StoreFailed, TimeoutError) as problem:  # the page says that it is not whole
            log.error("bed_not_brought", component="boards", exc_info=problem)

    def _beds(self) -> Mapping[str, Bed]:
        """All of them; of those that rest the outlines."""
        return ChainMap(self._service.beds, self._service.resting)  # type: ignore[arg-type]  # nobody writes there

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
        changed = self._beds() if update.encounters is None else update.encounters
        waiting.update(dict.fromkeys(sorted(changed)))

    async def count_refusals(self) -> None:
        """Keeps the counts of the status, as the store has them; runs for as long as the service does."""
        with self._service.subscribe() as queue:
            while True:
                try:
                    self._refused = {Fault(name): count for name, count in (await self._service.faults()).items()}
                except Exception as problem:  # whatever is wrong with a refusal: it must not end the service
                    log.error("refusals_not_counted", component="boards", exc_info=problem)
                    await asyncio.sleep(COUNT_AGAIN_S)
                    continue
                while not _refuses(await queue.get()):
                    pass
                await asyncio.sleep(COUNT_EVERY_S)

    async def refusals(self, search: str) -> Sequence[RefusalGroup]:
        async with self._looking:  # one search at a time: messages are written by the same thread of the store
            kinds = await self._service.refusals(search)
        return [
            RefusalGroup(
                fault=Fault(kind.fault),
                sender=kind.sender or "",
                what=about(kind.code, kind.unit),
                encounter=kind.encounter,
                why=kind.why,
                count=kind.times,
                first_at=kind.first_at,
                last_at=kind.last_at,
            )
            for kind in kinds
        ]

    async def respond(self, encounter: str, alert: str, verb: Verb, step: str | None, by: str) -> str | None:
        now = self._clock.now()
        response = Response(
            encounter=encounter, observed_at=now, available_at=now, alert=alert, verb=verb, step=step, by=by
        )
        with self._service.subscribe() as changed:
            try:
                async with asyncio.timeout(KEPT_S):
                    await self._service.submit_event(response, now)
            except Exception as problem:  # of whatever database: the board says it in a sentence
                return f"the answer could not be kept ({type(problem).__name__}); write it in the chart"
            with suppress(TimeoutError):  # it is kept; where an event may come late, its turn comes later
                async with asyncio.timeout(SHOWN_S):
                    while not self._shows(response):
                        await changed.get()
        return None

    def _shows(self, response: Response) -> bool:
        """Whether the bed shows what somebody answered, or can no longer show it."""
        try:
            view = self.bed(response.encounter)
        except Exception:  # a bed that cannot be made is said to be so on its own page
            return True
        alert = next((a for a in view.alerts if a.id == response.alert), None) if view else None
        if alert is None or alert.state == "resolved":
            return True
        if response.verb == "acknowledge":
            return alert.state == "acknowledged"
        step = next((s for s in steps(alert) if s.id == response.step), None)
        return step is None or (step.state is StepState.DONE) == (response.verb == "step_done")

    def status(self) -> BoardStatus:
        counts: Counter[str] = Counter()
        trouble = self._service.trouble
        for bed in self._beds().values():
            counts.update({name: bed.counts.get(name, 0) for name in ("late", "duplicate", "corrected")})
        return BoardStatus(
            now=self._clock.now(),
            speed=self._clock.speed,
            shell="embedded",
            plays=self.plays,
            chances=self._chances,
            lag_s=self._service.lag_s,
            clock_doubt=self._clock.doubt,
            away_since=None if trouble is None else self._clock.now() - timedelta(seconds=self._service.trouble_s),
            away_why=None
            if trouble is None
            else f"Nothing new is taken: {trouble.why}. What is shown goes on by time.",
            refused=self._refused,
            late=counts["late"],
            duplicate=counts["duplicate"],
            corrected=counts["corrected"],
        )


def _refuses(update: Update) -> bool:
    """Whether the counts may have changed: something was refused, or so much was missed that it may have been."""
    return update.encounters is None or any(isinstance(output, Rejected) for output in update.outputs)


async def keep_time(service: Embedded, clock: Clock) -> None:
    """Tells the beds that time passes, whenever that matters to one of them; runs for as long as the service does.

    A clock that was put back, also before the start, is told as soon as it can be: the beds go on at the right time.
    """
    last, put_back = max(clock.now(), service.logged_at or EARLIEST), False
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        service.look()
        now, alarm = clock.now(), service.next_alarm
        put_back = put_back or now < last
        if put_back or (alarm is not None and now > alarm) or service.trouble is not None:
            await service.advance(now, put_back)
            put_back = put_back and service.trouble is not None
        last = now
