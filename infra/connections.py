"""Connections with deadlines: a client that is slow, or opens too many, loses its own, and takes nobody else's place.

uvicorn leaves three waits without an end: for the head of a request, for the rest of a body that was already answered,
and for a client that takes nothing of its answer. Here each has one. (A body on its way is the door's to judge.)
"""

import asyncio
import socket
import struct
from collections import Counter as Counts
from typing import Any

from prometheus_client import Counter
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S = 10.0  # for the head of a request to come, from when the connection is free for it
HEAD_BYTES_MAX = 16 * 1024
TAKE_S = 10.0  # a client that takes nothing of its answer for so long is let go
IDLE_S = 5.0  # a connection that asks nothing is kept so long
CLIENT_MAX = 256  # connections of one address; behind a hospital's gateway all boards are one
ALL_MAX = 1024

CLOSED = Counter("foreshock_connections_closed", "Connections closed because of a limit, by which one.", ["limit"])
INVALID = Counter("foreshock_requests_invalid", "Requests that were not HTTP.")


class Connection(H11Protocol):
    """One connection of a client."""

    _head: asyncio.TimerHandle | None = None  # ends the wait for a request, or for an answered one to go away
    _take: asyncio.TimerHandle | None = None  # ends the wait for a client that takes nothing

    @property
    def peer(self) -> str:
        return self.client[0] if self.client else ""

    @property
    def answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.made_at = self.loop.time()
        self._await_head()
        self._find_room()

    def _find_room(self) -> None:
        """One client has so many connections at most; when all are taken, whoever has the most loses its oldest."""
        peers = Counts(connection.peer for connection in self._others())
        if peers[self.peer] >= CLIENT_MAX:
            self._close("client")
        elif peers.total() >= ALL_MAX:
            crowd, number = peers.most_common(1)[0]
            theirs = [connection for connection in self._others() if connection.peer == crowd]
            loser = min(theirs, key=lambda c: (c.answering, c.made_at)) if number > peers[self.peer] else self
            loser._close("all")

    def _others(self) -> list["Connection"]:
        return [other for other in self.connections if isinstance(other, Connection) and other is not self]

    def _close(self, limit: str) -> None:
        CLOSED.labels(limit).inc()
        self.connections.discard(self)  # it counts no longer, also while the loop has not yet let it go
        line: socket.socket = self.transport.get_extra_info("socket")
        line.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )  # the system keeps no answer for it
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.answering:
            _stop(self._head)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.answering:  # else the next request had come already
            self._await_head()

    def _await_head(self) -> None:
        _stop(self._head)
        self._head = self.loop.call_later(HEAD_S, self._no_head)

    def _no_head(self) -> None:
        if self._take is None:
            self._close("head")
        else:  # the answer before is still being taken
            self._await_head()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._await_taking()

    def _await_taking(self) -> None:
        untaken = self.transport.get_write_buffer_size()
        self._take = self.loop.call_later(TAKE_S, self._still_taken, untaken)

    def _still_taken(self, untaken: int) -> None:
        if self.transport.get_write_buffer_size() < untaken:
            self._await_taking()
        else:
            self._close("take")

    def resume_writing(self) -> None:
        super().resume_writing()
        _stop(self._take)
        self._take = None

    def send_400_response(self, msg: str) -> None:
        INVALID.inc()
        super().send_400_response(msg)

    def connection_lost(self, exc: Exception | None) -> None:
        _stop(self._head)
        _stop(self._take)
        super().connection_lost(exc)


def _stop(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()


CONFIG: dict[str, Any] = {
    "http": Connection,
    "ws": "none",
    "h11_max_incomplete_event_size": HEAD_BYTES_MAX,
    "timeout_keep_alive": IDLE_S,
    "proxy_headers": False,  # who asks is the address at the other end; what a client says of itself counts nothing
    "server_header": False,
}
"""What uvicorn is told besides."""
