"""The edges of the service, as a real process: no client, slow, greedy or uninvited, can stop or silence it."""

import http.client
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from boards.web.places import CLIENT_MAX
from infra import connections
from infra.clocks import wall
from infra.door import CONTENT_TYPE
from infra.private import NotPrivate, tokens
from tests.infra.processes import Running, running

MESSAGE = (
    b'{"v":1,"kind":"reading","encounter":"MRN-4711998","concept":"hr","value":148,"unit":"/min",'
    b'"observed_at":"2026-03-01T08:00:00Z"}'
)
SLOW = 200  # clients at once
SOON_S = connections.HEAD_S / 2  # whoever waits for them waits twice as long
SLOW_FROM, ELSEWHERE = "127.0.0.2", "127.0.0.3"  # addresses of this machine too, so other clients to the service


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One service for all tests of this module: none of them may harm it."""
    with running(tmp_path_factory.mktemp("data"), "serve", "--port", "0") as service:
        service.address()
        yield service
        assert service.stop(signal.SIGTERM) == 0


def ask(service: Running, method: str, path: str, body: bytes = b"", source: str = "127.0.0.1", **headers: Any) -> Any:
    """One request from an address of this machine; the answer, read."""
    host = urlsplit(service.address()).netloc
    connection = http.client.HTTPConnection(host, timeout=30, source_address=(source, 0))
    connection.request(method, path, body or None, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    answer.text = answer.read().decode()  # type: ignore[attr-defined]
    connection.close()
    return answer


def post(service: Running, body: bytes = MESSAGE, source: str = "127.0.0.1") -> int:
    given = service.token("events")
    return int(ask(service, "POST", "/api/events", body, source, content_type=CONTENT_TYPE, **given).status)


def status(service: Running, path: str, source: str = "127.0.0.1", **headers: Any) -> int:
    return int(ask(service, "GET", path, source=source, **headers).status)


def opened(service: Running, sent: bytes, source: str) -> socket.socket:
    """A connection from an address, on which so much was sent and no more."""
    where = urlsplit(service.address())
    line = socket.create_connection((where.hostname, where.port), 30, source_address=(source, 0))
    line.sendall(sent)
    return line


def rest(line: socket.socket) -> bytes:
    """What still comes until the other end closes."""
    found = b""
    try:
        while data := line.recv(65_536):
            found += data
    except ConnectionResetError:
        pass
    return found


def half_a_post(service: Running) -> bytes:
    token = service.token("events")["authorization"]
    host = urlsplit(service.address()).netloc
    head = f"POST /api/events HTTP/1.1\r\nHost: {host}\r\nContent-Type: {CONTENT_TYPE}\r\nAuthorization: {token}\r\n"
    return f"{head}Content-Length: 100000\r\n\r\n{{".encode()


# --- slow and greedy clients


@pytest.mark.parametrize("source", ["127.0.0.1", SLOW_FROM])
def test_slow_bodies_lose_and_nobody_waits_for_them(service: Running, source: str) -> None:
    """While 200 bodies trickle, from the same address or another, a post is answered long before they end."""
    with ExitStack() as lines:
        slow = [lines.enter_context(opened(service, half_a_post(service), source)) for _ in range(SLOW)]
        for _ in range(3):
            began = time.monotonic()
            assert post(service) == 202
            assert time.monotonic() - began < SOON_S
            time.sleep(0.3)
        assert (status(service, "/readyz"), status(service, "/healthz")) == (200, 200)
        answers = [rest(line) for line in slow]
        assert {answer.split(b" ")[1] for answer in answers} == {b"408"}
    assert time.monotonic() - began < connections.HEAD_S + 10


def test_unfinished_heads_harm_nobody(service: Running) -> None:
    """While the heads of 200 requests do not end, everybody else is answered (test_connections: they are closed)."""
    with ExitStack() as lines:
        for _ in range(SLOW):
            lines.enter_context(opened(service, b"GET / HTTP/1.1\r\nX: ", SLOW_FROM))
        began = time.monotonic()
        assert post(service) == 202
        assert (status(service, "/healthz"), status(service, "/", **service.token("board"))) == (200, 200)
        assert time.monotonic() - began < SOON_S


def test_one_address_cannot_take_all_connections(service: Running) -> None:
    """Beyond its share an address is not let in, and others are."""
    with ExitStack() as lines:
        for _ in range(connections.CLIENT_MAX):
            lines.enter_context(opened(service, b"GET", SLOW_FROM))
        time.sleep(0.3)
        with suppress(ConnectionResetError):  # it is closed at once, maybe before we have said a word
            assert rest(lines.enter_context(opened(service, b"GET", SLOW_FROM))) == b""
        assert status(service, "/healthz", ELSEWHERE) == 200


def test_what_is_no_http_is_refused_and_not_written_down(service: Running) -> None:
    """A flood of nonsense ends in refusals, and fills no log."""
    before = len(service.said())
    for _ in range(50):
        with opened(service, b"\x16\x03\x01 nonsense\r\n\r\n", SLOW_FROM) as line:
            assert rest(line).startswith(b"HTTP/1.1 400")
    assert len(service.said()) - before < 1_000


# --- live lines


def signed_in(service: Running, source: str = "127.0.0.1") -> str:
    """The cookie of a browser that opened the link."""
    token = service.token("board")["authorization"].removeprefix("Bearer ")
    answer = ask(service, "GET", f"/?token={token}", source=source)
    assert (answer.status, answer.headers["location"]) == (303, "/")
    given = str(answer.headers["set-cookie"])
    assert {"HttpOnly", "Path=/", "SameSite=strict"} <= {part.strip() for part in given.split(";")}
    return given.partition(";")[0]


@contextmanager
def live_lines(service: Running, cookie: str, number: int, source: str) -> Iterator[list[socket.socket]]:
    host = urlsplit(service.address()).netloc
    asked = f"GET /events HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n\r\n".encode()
    with ExitStack() as lines:
        yield [lines.enter_context(opened(service, asked, source)) for _ in range(number)]


@pytest.mark.parametrize("source", ["127.0.0.1", SLOW_FROM])
def test_one_browser_cannot_take_all_live_lines(service: Running, source: str) -> None:
    """80 lines of one browser: its oldest are told and closed, its newest go on, and a nurse's board opens at once."""
    with live_lines(service, signed_in(service), 80, source) as lines:
        nurse = signed_in(service)
        began = time.monotonic()
        with live_lines(service, nurse, 1, "127.0.0.1") as (hers,):
            hers.settimeout(5)
            heard = b""
            while b"event: status" not in heard:
                heard += hers.recv(65_536)
            assert heard.startswith(b"HTTP/1.1 200")
            assert time.monotonic() - began < SOON_S
            ended = [rest(line) for line in lines[: 80 - CLIENT_MAX]]
            assert all(b"event: full" in said and b"reload to use it" in said for said in ended)
            lines[-1].settimeout(5)
            assert b"event: beds" in lines[-1].recv(65_536)


# --- names and tokens


@pytest.mark.parametrize(
    ("host", "answered"),
    [
        ("127.0.0.1:{port}", 200),
        ("LOCALHOST:1", 200),
        ("[::1]:{port}", 200),
        ("127.0.0.1", 200),
        ("evil.example", 421),
        ("evil.example:{port}", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost.", 421),
        ("0.0.0.0", 421),
        ("[::1", 421),
        ("a@127.0.0.1", 421),
        ("", 421),
    ],
)
def test_it_answers_to_its_own_names_only(service: Running, host: str, answered: int) -> None:
    """A page of a site that points its name at this machine gets nothing, not even with the token."""
    given = host.format(port=urlsplit(service.address()).port)
    answer = ask(service, "GET", "/api/beds", host=given, **service.token("board"))
    assert answer.status == answered
    said = json.loads(answer.text)
    if answered == 421:
        assert said == {"detail": "This service does not go by that name; see the setting allowed_hosts."}


def test_each_token_opens_its_own_door(service: Running) -> None:
    """Without a token nothing is answered but health and the files of pages; with the wrong one neither."""
    events, board = service.token("events"), service.token("board")
    cookie = {"cookie": signed_in(service)}
    reads = ["/", "/api/beds", "/api/bed/e1", "/bed/e1", "/refused", "/events", "/trends/e1", "/nothing"]
    for path in reads:
        for given in ({}, events, {"authorization": "Bearer x"}, {"authorization": board["authorization"][7:]}):
            assert status(service, path, **given) == 401, (path, given)
    for path in ("/", "/api/beds", "/refused"):
        assert status(service, path, **board) == status(service, path, **cookie) == 200
    for given in ({}, board, cookie, {"authorization": "Bearer x"}):
        answer = ask(service, "POST", "/api/events", MESSAGE, content_type=CONTENT_TYPE, **given)
        assert answer.status == 401
        assert json.loads(answer.text)["detail"].endswith(".")
    for path in ("/healthz", "/readyz"):
        assert status(service, path, host="10.1.2.3") == 200  # asked by address, by whatever watches
    assert status(service, "/lib/htmx.min.js") == 200
    assert status(service, "/?token=wrong") == 401
    forged = cookie["cookie"][:-4] + "0000"
    assert status(service, "/", cookie=forged) == 401
    assert status(service, "/", cookie=cookie["cookie"].partition("=")[0] + "=") == 401


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/static/x", "/static/../api/beds", "/lib/..%2f..", "/lib/x"])
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "DELETE"])
def test_what_is_open_to_all_says_nothing_of_the_ward(service: Running, path: str, method: str) -> None:
    """Health and files answer without a token, and however they are asked, not even a count of warnings is in it."""
    answer = ask(service, method, path, host="127.0.0.1")
    assert answer.status in (200, 404, 405)
    text = answer.text
    assert "refused" not in text
    assert "warnings" not in text
    assert len(text) < 200


def test_nobody_answers_for_a_nurse_without_the_token(service: Running) -> None:
    """An acknowledgement needs the board's cookie or token, also from this machine, with the right Origin."""
    path = f"/acknowledge/{1:032x}/MRN-4711998"
    assert ask(service, "POST", path, origin=service.address()).status == 401
    assert ask(service, "POST", path, origin=service.address(), **service.token("events")).status == 401
    assert ask(service, "POST", path, origin=service.address(), **service.token("board")).status == 404  # no such alert


def test_metrics_are_for_this_machine_and_hold_no_patient(service: Running) -> None:
    """Counts of what was dropped or refused are there, patients are not; what a proxy passes on needs the token."""
    assert post(service, MESSAGE + b"\n" + MESSAGE.replace(b"148", b'"Kowalczyk"')) == 202
    answer = ask(service, "GET", "/metrics")
    text = answer.text
    for name in ("door_messages_total", "door_refused_total", "access_refused_total", "live_lines", "log_lines_lost"):
        assert f"foreshock_{name}" in text
    assert not [secret for secret in ("4711998", "MRN", "Kowalczyk") if secret in text]
    assert status(service, "/metrics", x_forwarded_for="10.0.0.1") == 401
    assert status(service, "/metrics", x_forwarded_for="10.0.0.1", **service.token("board")) == 200


# --- clocks and messages


def vitals(encounter: str, ago: timedelta = timedelta(0), **values: float) -> bytes:
    """Readings of now, or of some time ago, one a line."""
    units = {"hr": "/min", "rr": "/min", "spo2": "%", "sbp": "mm[Hg]", "map": "mm[Hg]", "lactate": "mmol/L"}
    about = {"v": 1, "kind": "reading", "encounter": encounter, "observed_at": (wall() - ago).isoformat()}
    rows = [about | {"concept": name, "value": value, "unit": units[name]} for name, value in values.items()]
    return b"\n".join(json.dumps(row).encode() for row in rows)


def eventually(holds: Callable[[], object], within_s: float) -> None:
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


def page(service: Running, path: str) -> str:
    return str(ask(service, "GET", path, **service.token("board")).text)


@pytest.mark.parametrize("ahead", [3600, -3 * 86_400])
def test_a_clock_that_is_wrong_for_two_seconds_silences_no_bed(tmp_path: Path, ahead: int) -> None:
    """An hour or days ahead or back, for two seconds: the board says so, and the next sick patient is warned of."""
    with running(tmp_path, "8", "2", str(ahead), "serve", "--port", "0", module="tests.infra.leaping") as service:
        service.address()
        assert post(service, vitals("e1", hr=80, rr=16, spo2=97, sbp=120)) == 202
        eventually(lambda: "Clock in doubt" in page(service, "/"), within_s=30)
        assert post(service, vitals("e1", hr=81)) == 202
        eventually(lambda: "Clock in doubt" not in page(service, "/"), within_s=10)
        assert post(service, vitals("e1", hr=150, rr=34, spo2=84, sbp=70)) == 202
        eventually(lambda: json.loads(page(service, "/api/bed/e1"))["alerts"], within_s=10)


def test_an_answer_shows_as_soon_as_the_page_comes_back(service: Running) -> None:
    """A nurse presses a button: the card that comes back says by whom it is acknowledged, and it is in the log."""
    assert post(service, vitals("sick", hr=150, rr=34, spo2=84, sbp=70)) == 202
    eventually(lambda: json.loads(page(service, "/api/bed/sick")).get("alerts"), within_s=10)
    (alert, *_) = json.loads(page(service, "/api/bed/sick"))["alerts"]
    began = time.monotonic()
    answer = ask(
        service,
        "POST",
        f"/acknowledge/{alert['id']}/sick",
        b"by=RN+Okafor",
        cookie=signed_in(service),
        origin=service.address(),
        hx_request="true",
    )
    assert time.monotonic() - began < 3
    assert (answer.status, "by RN Okafor" in answer.text) == (200, True)
    assert "saved; it shows here in a moment" not in answer.text


HARMFUL = {
    "a number beyond all limits": b'"concept":"hr","value":1e300,"unit":"/min"',
    "the smallest number": b'"concept":"map","value":-1e308,"unit":"mm[Hg]"',
    "a temperature unit for a substance": b'"concept":"bun","value":37,"unit":"Cel"',
    "unseen characters": '"concept":"hr","value":80,"unit":"/min","method":"\u202e\u2066\u200b"'.encode(),
    "half of a pair": b'"concept":"hr","value":80,"unit":"\\ud800"',
    "a very long unit": b'"concept":"hr","value":80,"unit":"' + b"min" * 2_000 + b'"',
    "markup": b'"concept":"<img src=x onerror=alert(1)>","value":80,"unit":"<b>"',
}


@pytest.mark.parametrize("harm", HARMFUL)
def test_no_message_takes_a_page_from_anybody(service: Running, harm: str) -> None:
    """Whatever one message holds, it is taken, the service is ready, and every page of it and of others opens."""
    assert post(service, vitals("calm", hr=80, rr=16, spo2=97, sbp=120)) == 202
    about = b'{"v":1,"kind":"reading","encounter":"harmed","observed_at":"%s",' % wall().isoformat().encode()
    assert post(service, vitals("harmed", hr=80) + b"\n" + about + HARMFUL[harm] + b"}") == 202
    assert post(service, vitals("harmed", hr=82)) == 202
    eventually(lambda: "harmed" in page(service, "/api/beds"), within_s=10)
    time.sleep(0.5)
    board = service.token("board")
    for path in ("/", "/readyz", "/refused", "/bed/calm", "/trends/calm", "/bed/harmed", "/trends/harmed", "/api/beds"):
        assert status(service, path, **board) == 200, path
    assert "NOT SHOWN" not in page(service, "/")


# --- what it keeps


def test_all_that_it_makes_is_for_its_user_alone_and_tokens_are_shown_once(tmp_path: Path) -> None:
    """Whatever the umask was: files 0600, folders 0700. A second start shows no token, and knows the old cookie."""
    folder = tmp_path / "deep" / "data"
    before = os.umask(0o000)
    try:
        (tmp_path / "deep").mkdir()
        folder.mkdir(mode=0o700)
        with running(folder, "serve", "--port", "0") as service:
            service.address()
            assert post(service) == 202
            tokens = [service.token(name)["authorization"].removeprefix("Bearer ") for name in ("events", "board")]
            made = [path for path in folder.rglob("*") if not path.name.startswith("words-")]
            assert len(made) >= 3
            assert {path.stat().st_mode & 0o077 for path in made} == {0}
            cookie = signed_in(service)
            assert service.stop(signal.SIGTERM) == 0
            said = service.said()
            assert all(said.count(token) == 1 for token in tokens)
        port = cookie.partition("=")[0].removeprefix("foreshock-")
        with running(folder, "serve", "--port", port) as again:
            assert status(again, "/", cookie=cookie) == 200
            assert not any(token in again.said() for token in tokens)
            assert "token-board" in again.said()
    finally:
        os.umask(before)


@pytest.mark.parametrize(
    ("mode", "text", "said"),
    [
        (0o644, "x" * 43, "can be read by other users"),
        (0o600, "short", "holds no token"),
        (0o600, "", "holds no token"),
    ],
)
def test_a_token_that_is_no_secret_is_not_used(tmp_path: Path, mode: int, text: str, said: str) -> None:
    """A token that others can read, or that is none, is refused in a sentence that names the file."""
    tokens(tmp_path)
    (tmp_path / "token-board").write_text(text)
    (tmp_path / "token-board").chmod(mode)
    with pytest.raises(NotPrivate) as refused:
        tokens(tmp_path)
    assert said in str(refused.value)
    assert str(tmp_path / "token-board") in str(refused.value)


def test_a_service_without_its_secret_does_not_start(tmp_path: Path) -> None:
    """It ends with one sentence, and not with an open door."""
    (tmp_path / "token-board").write_text("x" * 43)
    (tmp_path / "token-board").chmod(0o644)
    with running(tmp_path, "serve", "--port", "0") as service:
        assert service.process.wait(60) == 1
        assert service.said().splitlines()[-1].startswith("foreshock: ")
        assert "can be read by other users" in service.said()


def test_two_that_start_at_once_make_one_token(tmp_path: Path) -> None:
    """However many make the tokens at the same time, all read the same."""
    found = []
    threads = [threading.Thread(target=lambda: found.append(tokens(tmp_path)[:2])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["token-board", "token-events"]
