"""Places for live lines: so many for one client, so many in all; who has most gives way, its oldest first."""

import asyncio
from collections import Counter as Counts
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Counter, Gauge

CLIENT_MAX = 6  # of one browser, or of one address where there are no browsers to tell apart
ALL_MAX = 64

OPEN = Gauge("foreshock_live_lines", "Live lines of boards that are open.")
GAVE_WAY = Counter("foreshock_live_lines_closed", "Live lines closed so that others find room.")
TURNED_AWAY = Counter("foreshock_live_lines_refused", "Live lines refused because all places are taken.")


class NoPlace(Exception):
    """All places are taken, and nobody has more than whoever asks."""


class _Place:
    def __init__(self, client: str, address: str) -> None:
        self.client, self.address = client, address
        self.left: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Places:
    """Who has one, in the order in which they came."""

    def __init__(self) -> None:
        self._taken: list[_Place] = []

    @contextmanager
    def one(self, client: str, address: str) -> Iterator["asyncio.Future[None]"]:
        """A place for as long as this is open; the future is done when it has to be left. Raises NoPlace."""
        self._make_room(client, address)
        place = _Place(client, address)
        self._taken.append(place)
        OPEN.set(len(self._taken))
        try:
            yield place.left
        finally:
            self._leave(place)

    def _make_room(self, client: str, address: str) -> None:
        own = [place for place in self._taken if place.client == client]
        if len(own) >= CLIENT_MAX:
            self._give_way(own[0])
        elif len(self._taken) >= ALL_MAX:
            addresses = Counts(place.address for place in self._taken)
            crowd, most = addresses.most_common(1)[0]
            if most <= addresses[address] + 1:
                TURNED_AWAY.inc()
                raise NoPlace
            self._give_way(next(place for place in self._taken if place.address == crowd))

    def _give_way(self, place: _Place) -> None:
        GAVE_WAY.inc()
        place.left.set_result(None)
        self._leave(place)

    def _leave(self, place: _Place) -> None:
        if place in self._taken:
            self._taken.remove(place)
            OPEN.set(len(self._taken))
