"""Kafka's jars: fetched once per user, and each believed only by its SHA-256."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from infra.kafka import KafkaProblem

ATTEMPTS_MAX = 3
ANSWER_TIMEOUT_S = 20
PARALLEL_FETCHES = 4  # one at a time takes three times as long; more gains little

Progress = Callable[[int, int], None]
"""Told how many jars are here, of how many."""


def untold(_here: int, _of: int) -> None:
    """The progress that nobody watches."""


class JarsOutOfReach(KafkaProblem):
    """The jars are not all here, and they cannot be fetched now."""


@dataclass(frozen=True)
class Jar:
    """One library of the broker: its Maven coordinate, and the hash that it must have."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def filename(self) -> str:
        return f"{self.artifact}-{self.version}.jar"


def read_coordinates(text: str) -> tuple[Jar, ...]:
    """The jars named by lines of `group:artifact:version sha256`; lines that begin with # are comments."""
    rows = (line.split() for line in text.splitlines() if line.strip() and not line.startswith("#"))
    split = ((coordinate.split(":"), sha256) for coordinate, sha256 in rows)
    return tuple(Jar(group, artifact, version, sha256) for (group, artifact, version), sha256 in split)


JARS = read_coordinates(Path(__file__).with_name("coordinates.txt").read_text("utf-8"))


def default_cache() -> Path:
    """Where this user's jars lie: `foreshock/kafka` in the cache folder of the XDG base directories."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "foreshock" / "kafka"


def fetch(cache: Path, progress: Progress = untold, jars: tuple[Jar, ...] = JARS) -> list[Path]:
    """Bring every jar into `cache`, keep those that are already right, and give their paths in the order of `jars`.

    A jar is downloaded beside its place, checked, and only then moved into it: a killed download leaves nothing that
    is believed, and the next call goes on with the jars that are missing. Two callers take turns.

    Raises JarsOutOfReach when a jar cannot be fetched, KafkaProblem when it is not the file that was reviewed.
    """
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with (cache / "fetch.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            missing = [jar for jar in jars if not _is_right(cache / jar.filename, jar)]
            progress(len(jars) - len(missing), len(jars))
            if missing:
                _fetch_missing(missing, cache, lambda done: progress(len(jars) - len(missing) + done, len(jars)))
    except OSError as problem:
        raise KafkaProblem(f"Kafka's jars cannot be kept in {cache}: {problem.strerror or problem}.") from problem
    return [cache / jar.filename for jar in jars]


def _fetch_missing(missing: list[Jar], cache: Path, done: Callable[[int], None]) -> None:
    workshop = cache / "partial"
    shutil.rmtree(workshop, ignore_errors=True)  # what a killed fetch left; the lock says that nobody uses it
    pool = ThreadPoolExecutor(PARALLEL_FETCHES)
    try:
        for count, finished in enumerate(as_completed([pool.submit(_fetch_one, jar, cache) for jar in missing]), 1):
            finished.result()
            done(count)
    finally:
        pool.shutdown(cancel_futures=True)
        shutil.rmtree(workshop, ignore_errors=True)


def _fetch_one(jar: Jar, cache: Path) -> None:
    workshop = cache / "partial" / jar.filename
    problem: Exception | None = None
    for _ in range(ATTEMPTS_MAX):
        shutil.rmtree(workshop, ignore_errors=True)
        try:
            fetched = _download(jar, workshop)
        except (OSError, RuntimeError) as failed:  # requests' errors are OSErrors; jgo's refusal is a RuntimeError
            problem = failed
            continue
        if _is_right(fetched, jar):
            fetched.replace(cache / jar.filename)
            return
        raise KafkaProblem(
            f"{jar.filename} was fetched but is not the file that was reviewed (its SHA-256 is {_sha256(fetched)}, "
            f"expected {jar.sha256}); it was thrown away, so look at the mirror or proxy that it came through."
        )
    raise JarsOutOfReach(
        f"{jar.filename}, one of Kafka's {len(JARS)} jars, could not be fetched: {_why(problem)}; "
        f"what has arrived is kept in {cache}, so run this again when the way is open."
    ) from problem


def _download(jar: Jar, workshop: Path) -> Path:
    # jgo by single artifact: no dependency is resolved (it would pick an older kafka-clients), and no Java is needed.
    from jgo.config import GlobalSettings
    from jgo.constants import MAVEN_CENTRAL_URL
    from jgo.maven import MavenContext

    # A hospital names its own mirror as `central` in jgo's settings file.
    repositories = {"central": MAVEN_CENTRAL_URL} | GlobalSettings.load().repositories
    maven = MavenContext(repo_cache=workshop, local_repos=[], remote_repos=repositories, timeout=ANSWER_TIMEOUT_S)
    path: Path = maven.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve()
    return path


def _why(problem: Exception | None) -> str:
    import requests

    match problem:
        case requests.exceptions.SSLError():
            return "the repository's certificate is not trusted (REQUESTS_CA_BUNDLE can name your own authority)"
        case requests.exceptions.ProxyError():
            return "the proxy refused or could not be reached"
        case requests.exceptions.Timeout():
            return f"no answer within {ANSWER_TIMEOUT_S} s"
        case requests.exceptions.RequestException():
            return "the Maven repository could not be reached"
        case OSError():
            return str(problem.strerror or problem)
    return "the Maven repository does not hand it out"


def _is_right(path: Path, jar: Jar) -> bool:
    return path.is_file() and _sha256(path) == jar.sha256


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
