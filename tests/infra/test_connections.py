"""Connections at their limits, on a small server whose limits are smaller still."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import uvicorn
from prometheus_client import REGISTRY
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from infra import connections

GREEDY, OTHER = "127.0.0.2", "127.0.0.1"
ASK = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
REFUSED = b"POST /refused HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Says "well"; at /refused before it has read the body, at /large eight megabytes of it."""
    path = Request(scope).url.path
    await PlainTextResponse("well" * (2 << 20 if path == "/large" else 1))(scope, receive, send)


Connect = Callable[[str], socket.socket]


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Iterator[Connect]:
    """How to connect from an address; all is closed at the end."""
    for limit, value in {"HEAD_S": 1.0, "TAKE_S": 1.0, "CLIENT_MAX": 6, "ALL_MAX": 8}.items():
        monkeypatch.setattr(connections, limit, value)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(
            application,
            log_level="critical",
            lifespan="off",
            timeout_graceful_shutdown=1,
            **connections.CONFIG | {"timeout_keep_alive": 30},
        )
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    with ExitStack() as lines:

        def one(source: str) -> socket.socket:
            line = socket.create_connection(listener.getsockname(), 10, source_address=(source, 0))
            return lines.enter_context(line)

        yield one
    server.should_exit = True
    thread.join(10)


def closed(line: socket.socket) -> bool:
    """Whether the other end has closed it, after whatever still came."""
    try:
        while line.recv(65_536):
            pass
    except ConnectionResetError:
        pass
    except TimeoutError:
        return False
    return True


def answered(line: socket.socket, sent: bytes = ASK) -> bool:
    """Whether a request on this connection is answered now."""
    said = b""
    try:
        line.sendall(sent)
        while not said.endswith(b"well") and (data := line.recv(65_536)):
            said += data
    except ConnectionError:
        return False
    return said.startswith(b"HTTP/1.1 200")


def shut_out(connect: Connect, source: str) -> bool:
    """Whether a new connection is closed unanswered: that may come before the kernel has told us that it stands."""
    try:
        return not answered(connect(source))
    except ConnectionError:
        return True


def taken(line: socket.socket) -> bool:
    """Whether the other end still takes a byte."""
    try:
        line.sendall(b"x")
    except OSError:
        return False
    return True


def _closed_because_of(limit: str) -> float:
    return REGISTRY.get_sample_value("foreshock_connections_closed_total", {"limit": limit}) or 0


def test_when_all_connections_are_taken_the_fullest_address_gives_way(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the address that has most, the one that waits longest is closed; whoever comes from elsewhere gets in."""
    monkeypatch.setattr(connections, "HEAD_S", 60.0)
    theirs = [connect(GREEDY) for _ in range(5)]
    mine = [connect(OTHER) for _ in range(3)]
    assert all(answered(line) for line in (*theirs, *mine))
    before = _closed_because_of("all")
    late = connect(OTHER)
    assert answered(late)
    assert closed(theirs[0])
    assert all(answered(line) for line in (*theirs[1:], *mine, late))
    assert _closed_because_of("all") == before + 1
    assert shut_out(connect, GREEDY)  # all are taken, and nobody has more than this address


def test_one_address_has_its_share_and_no_more(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection after the last allowed one is closed at once; after one is given back there is room."""
    monkeypatch.setattr(connections, "HEAD_S", 60.0)
    lines = [connect(GREEDY) for _ in range(6)]
    assert all(answered(line) for line in lines)
    assert shut_out(connect, GREEDY)
    lines[0].close()
    time.sleep(0.1)
    assert answered(connect(GREEDY))


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HT",
        ASK + b"GET / HT",  # a second request on the same connection
        REFUSED + b"x",  # answered already; its body will never end
        ASK + ASK + b"G",  # two at once, and part of a third
    ],
)
def test_a_connection_that_does_not_come_to_its_point_is_closed(connect: Connect, sent: bytes) -> None:
    """However far a request got, its head has to come in time, and so has the end of a body that was refused."""
    line = connect(GREEDY)
    began = time.monotonic()
    line.sendall(sent)
    line.settimeout(5)
    assert closed(line)
    assert 0.5 < time.monotonic() - began < 4


def test_a_trickle_does_not_prolong_the_wait(connect: Connect) -> None:
    """A byte now and then, of a head or of a body that was refused, gives no more time."""
    for start in (ASK, REFUSED):
        line = connect(GREEDY)
        assert answered(line, start)
        began = time.monotonic()
        while time.monotonic() - began < 5 and taken(line):
            time.sleep(0.1)
        assert 0.5 < time.monotonic() - began < 4


def test_a_steady_reader_gets_all_and_one_that_takes_nothing_is_let_go(connect: Connect) -> None:
    """Eight megabytes reach whoever reads them; whoever does not loses the connection, and nobody waits for him."""
    large = b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    idle, steady = connect(GREEDY), connect(GREEDY)
    idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    for line in (idle, steady):
        line.sendall(large)
    came, began = 0, time.monotonic()
    while data := steady.recv(1 << 16):
        came += len(data)
        time.sleep(max(0.0, began + 3 * came / (8 << 20) - time.monotonic()))  # 3 s in all: none of them without a byte
    assert came > 8 << 20
    came = 0
    try:
        while data := idle.recv(1 << 16):
            came += len(data)
    except ConnectionResetError:
        pass
    assert came < 8 << 20
    assert answered(connect(OTHER))
