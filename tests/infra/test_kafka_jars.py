"""Kafka's jars: what is kept is what was reviewed, whatever the network does."""

import gc
import hashlib
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from infra.kafka import KafkaProblem
from infra.kafka.jars import JARS, Jar, JarsOutOfReach, fetch, read_coordinates

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # jgo 3.2.0 leaves connections to the collector


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """Connections are collected here, where the mark above holds, and not in some later test."""
    yield
    gc.collect()


def _jar(name: str, content: bytes) -> Jar:
    return Jar("org.example", name, "1.0", hashlib.sha256(content).hexdigest())


ONE, TWO = b"one" * 1000, b"two" * 1000
PAIR = (_jar("one", ONE), _jar("two", TWO))


@dataclass
class Mirror:
    """A Maven repository of this test: what it hands out, how many bytes before it hangs up, and what was asked."""

    files: dict[str, bytes]
    hangs_up_after: int | None = None
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    """A repository on the loopback address, named in the settings file of jgo as a hospital would name its own."""
    serves = Mirror({"one-1.0.jar": ONE, "two-1.0.jar": TWO})

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.rpartition("/")[2]
            content = serves.files.get(name)
            if not name.endswith(".jar") or content is None:
                self.send_error(404)
                return
            serves.asked.append(name)
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: serves.hangs_up_after])

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        home = tmp_path / "home"
        (home / ".config").mkdir(parents=True)
        settings = f"[repositories]\ncentral = http://127.0.0.1:{server.server_port}\n"
        (home / ".config" / "jgo.conf").write_text(settings)
        monkeypatch.setenv("HOME", str(home))
        monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield serves
        server.shutdown()
        thread.join()


def _kept(cache: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in cache.rglob("*") if path.is_file() and path.name != "fetch.lock"}


def test_the_broker_is_named_jar_by_jar() -> None:
    """The declaration names 46 different jars, each exactly once and each with a whole SHA-256."""
    assert len({jar.filename for jar in JARS}) == len(JARS) == 46
    assert all(len(bytes.fromhex(jar.sha256)) == 32 for jar in JARS)
    assert read_coordinates("# a comment\n\na:b:1 00\n") == (Jar("a", "b", "1", "00"),)


def test_jars_are_fetched_once(mirror: Mirror, tmp_path: Path) -> None:
    """The first call fetches and tells its progress to the end; the second asks the network for nothing."""
    told: list[tuple[int, int]] = []
    cache = tmp_path / "a cache"
    paths = fetch(cache, lambda here, of: told.append((here, of)), PAIR)
    fetch(cache, jars=PAIR)
    assert [path.read_bytes() for path in paths] == [ONE, TWO]
    assert told == [(0, 2), (1, 2), (2, 2)]
    assert sorted(mirror.asked) == ["one-1.0.jar", "two-1.0.jar"]


def test_half_a_jar_is_never_believed(mirror: Mirror, tmp_path: Path) -> None:
    """A connection that breaks in the middle leaves nothing behind, and the next call brings the whole jar."""
    mirror.hangs_up_after = 1500
    with pytest.raises(JarsOutOfReach, match=r"one-1.0.jar.* could not be fetched"):
        fetch(tmp_path, jars=PAIR[:1])
    assert "one-1.0.jar" not in _kept(tmp_path)
    mirror.hangs_up_after = None
    assert fetch(tmp_path, jars=PAIR[:1])[0].read_bytes() == ONE


def test_what_a_killed_fetch_left_is_thrown_away(mirror: Mirror, tmp_path: Path) -> None:
    """A half jar of a killed fetch and a damaged jar in the cache are both replaced; a right one stays."""
    half = tmp_path / "partial" / "one-1.0.jar" / "org" / "example" / "one" / "1.0" / "one-1.0.jar"
    half.parent.mkdir(parents=True)
    half.write_bytes(ONE[:100])
    (tmp_path / "one-1.0.jar").write_bytes(ONE[:100])
    (tmp_path / "two-1.0.jar").write_bytes(TWO)
    fetch(tmp_path, jars=PAIR)
    assert mirror.asked == ["one-1.0.jar"]
    assert {name: content for name, content in _kept(tmp_path).items() if name.endswith(".jar")} == {
        "one-1.0.jar": ONE,
        "two-1.0.jar": TWO,
    }


def test_another_file_under_the_right_name_is_refused(mirror: Mirror, tmp_path: Path) -> None:
    """A jar whose hash is wrong is not kept, and the sentence names the hash it has and the one it should have."""
    mirror.files["one-1.0.jar"] = TWO
    with pytest.raises(KafkaProblem, match=f"{PAIR[1].sha256}, expected {PAIR[0].sha256}") as refused:
        fetch(tmp_path, jars=PAIR)
    assert not isinstance(refused.value, JarsOutOfReach)  # a test run must fail on this, not skip
    assert "one-1.0.jar" not in _kept(tmp_path)


def test_a_repository_without_the_jar_is_said(mirror: Mirror, tmp_path: Path) -> None:
    """What the repository does not have is one sentence, and the jars that did arrive are kept."""
    del mirror.files["one-1.0.jar"]
    fetch(tmp_path, jars=PAIR[1:])
    with pytest.raises(JarsOutOfReach, match=r"one-1\.0\.jar.*: the Maven repository does not hand it out;"):
        fetch(tmp_path, jars=PAIR)
    assert _kept(tmp_path)["two-1.0.jar"] == TWO


def test_a_cache_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """A cache folder that is a file is one sentence that names it."""
    (tmp_path / "cache").write_text("in the way")
    with pytest.raises(KafkaProblem, match=r"cannot be kept in .*/cache: "):
        fetch(tmp_path / "cache", jars=PAIR)
