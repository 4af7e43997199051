"""Runs a web application in this process until it is asked to stop, beside the tasks that feed it."""

import asyncio
import contextlib
import resource
import signal
import socket
from collections.abc import Awaitable, Callable

import uvicorn
from starlette.types import ASGIApp

from infra import connections

PORTS_TRIED = 50
CLOSING_S = 3  # how long open event streams have to end after Ctrl-C
FILES_OPEN = 4_096  # connections, the store, and some room


class PortTaken(Exception):
    """Somebody listens there already; the text offers a free port."""


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket bound to the address. Raises PortTaken, which names the next free port."""
    try:
        return _bound(host, port)
    except OSError as problem:
        if isinstance(problem, socket.gaierror):
            raise PortTaken(f"cannot listen on {host}: no such address on this machine.") from None
        free = _next_free(host, port)
        offer = f"; try --port {free}" if free else ""
        raise PortTaken(f"port {port} on {host} cannot be used ({problem.strerror}){offer}.") from None


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(1_024)
    except OSError:
        listener.close()
        raise
    return listener


def _next_free(host: str, port: int) -> int | None:
    for candidate in range(port + 1, min(port + 1 + PORTS_TRIED, 65_536)):
        with contextlib.suppress(OSError):
            _bound(host, candidate).close()
            return candidate
    return None


def address(listener: socket.socket) -> str:
    """What a person on this machine types into a browser."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104, what others bound
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


async def run_web(
    app: ASGIApp, listener: socket.socket, beside: Callable[[], Awaitable[None]], ready: Callable[[], None]
) -> None:
    """Serve until SIGINT or SIGTERM, or until `beside` fails; `beside` may end by itself without ending the service."""
    _open_more_files()
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_config=None,
            log_level="error",  # what clients do wrong is counted, not written: they could fill a disk
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=CLOSING_S,
            **connections.CONFIG,
        )
    )
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for wanted in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(wanted, stop.set)
    serving = asyncio.create_task(_serve_without_signals(server, listener))
    working = asyncio.ensure_future(beside())
    stopping = asyncio.create_task(stop.wait())
    try:
        while not server.started and not serving.done():
            await asyncio.sleep(0.01)
        ready()
        watched = {serving, working, stopping}
        while not (stop.is_set() or serving.done()):
            done, watched = await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
            if working in done:
                working.result()
    finally:
        working.cancel()
        stopping.cancel()
        server.should_exit = True
        await asyncio.gather(serving, working, stopping, return_exceptions=True)


def _open_more_files() -> None:
    """Room for all the connections that are allowed: many systems begin with 1,024 files in all."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_OPEN if hard == resource.RLIM_INFINITY else min(FILES_OPEN, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _serve_without_signals(server: uvicorn.Server, listener: socket.socket) -> None:
    with contextlib.ExitStack() as stack:
        # uvicorn would take over Ctrl-C and raise it again after its own end; stopping in order is ours
        server.capture_signals = lambda: stack  # type: ignore[method-assign, assignment, return-value]
        await server.serve(sockets=[listener])
