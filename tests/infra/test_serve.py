"""The service and its door: each message is judged on its own, nobody else is harmed, and nothing taken is lost."""

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import httpx
import pytest
from fastapi import FastAPI

from boards.web.app import create_app
from infra import door as doors
from infra.clocks import wall
from infra.door import BODY_BYTES_MAX, CONTENT_TYPE, LINES_MAX, Door, add_door
from infra.service import EmbeddedBoard
from schemas.events.quarantine import Fault
from streams.shells.embedded import Embedded
from streams.stores.kept import Store
from streams.stores.tables import EMBEDDED
from tests.infra.processes import Running, running
from tests.streams.bedside import at, mind

TYPE = {"content-type": CONTENT_TYPE}


class Standing:
    """A clock that says what it is told."""

    speed = 1.0
    doubt: str | None = None
    moment = at("08:00:10")

    def __init__(self) -> None:
        self.offsets: list[float] = []

    def now(self) -> Any:
        return self.moment

    def heard(self, offset_s: float) -> None:
        self.offsets.append(offset_s)


class Ward:
    """A service with its board and door, and a program that posts to it."""

    def __init__(
        self, app: FastAPI, service: Embedded, board: EmbeddedBoard, clock: Standing, client: httpx.AsyncClient
    ) -> None:
        self.app, self.service, self.board, self.clock, self.client = app, service, board, clock, client

    async def post(self, *lines: bytes, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post("/api/events", content=b"\n".join(lines), headers=TYPE | named)

    async def judged(self) -> None:
        """Ten seconds pass. After a pause the log's time waits until nothing is on its way, so it is told again."""
        self.clock.moment += timedelta(seconds=10)
        for _ in range(500):
            await self.service.advance(self.clock.now())
            if not any(bed.line.waiting for bed in self.service.beds.values()):
                return
            await asyncio.sleep(0.02)

    async def counted(self, refused: int) -> dict[Fault, int]:
        for _ in range(200):
            if sum(self.board.status().refused.values()) >= refused:
                break
            await asyncio.sleep(0.02)
        return dict(self.board.status().refused)


@asynccontextmanager
async def ward(folder: Path) -> AsyncIterator[Ward]:
    async with Embedded(f"sqlite:///{folder}/s.sqlite", mind()) as service:
        clock = Standing()
        board = EmbeddedBoard(service, clock)
        door = Door(service, clock)
        app = create_app(board, trouble=door.trouble)
        add_door(app, door)
        counting = asyncio.create_task(board.count_refusals())
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        try:
            async with httpx.AsyncClient(transport=transport, base_url="http://ward") as client:
                yield Ward(app, service, board, clock, client)
        finally:
            counting.cancel()


def line(**fields: Any) -> bytes:
    about = {"v": 1, "kind": "reading", "encounter": "e1", "observed_at": at("08:00").isoformat()}
    return json.dumps(about | {"concept": "hr", "value": 80, "unit": "/min"} | fields).encode()


BAD = {
    b"\xff\xfe\x00": Fault.UNDECODABLE,
    line(concept="zzz"): Fault.UNKNOWN_CONCEPT,
    line(concept="lactate", unit="zorkmid"): Fault.UNKNOWN_UNIT,
    line(concept="map", value=900, unit="mm[Hg]"): Fault.IMPOSSIBLE_VALUE,
    line(observed_at="2026-03-01T08:00:00"): Fault.NAIVE_TIME,
    line(observed_at="2026-03-01T11:00:00Z"): Fault.FUTURE_TIME,
    line(value=float("nan")): Fault.IMPOSSIBLE_VALUE,
    line(v=2): Fault.WRONG_VERSION,
    line(surname="Kowalczyk"): Fault.UNKNOWN_FIELD,
    line(kind="note", text="Kowalczyk " * 500_000): Fault.TOO_LARGE,
}


@pytest.mark.anyio
async def test_each_line_is_judged_on_its_own(tmp_path: Path) -> None:
    """Bad lines of ten kinds beside good ones: all are taken, the bad are counted and explained, the good are seen."""
    async with ward(tmp_path) as here:
        answer = await here.post(line(), *BAD, b"", line(concept="creatinine", value=88.4, unit="umol/L"))
        assert (answer.status_code, answer.json()) == (202, {"taken": len(BAD) + 2})
        await here.judged()
        counts = await here.counted(len(BAD))
        assert counts == {fault: list(BAD.values()).count(fault) for fault in BAD.values()}
        readings = here.service.beds["e1"].chart.readings
        assert [(r.value, r.quality) for c in ("hr", "creatinine", "map") for r in readings[c]] == [
            (80, "ok"),
            (pytest.approx(1.0, rel=1e-4), "ok"),
            (900, "artefact"),
        ]
        page = (await here.client.get("/refused")).text
        assert "map: expected 15–250 mmHg, found a value outside" in page
        assert "lactate in zorkmid" in page
        assert "Kowalczyk" not in page


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (415, {"content_type": "application/x-www-form-urlencoded"}, line()),
        (415, {"content_type": "text/plain"}, line()),
        (415, {"content_encoding": "gzip"}, line()),
        (403, {"origin": "http://elsewhere"}, line()),
        (403, {"origin": "http://ward"}, line()),
        (403, {"sec_fetch_site": "cross-site"}, line()),
        (413, {}, b"x" * (BODY_BYTES_MAX + 1)),
        (413, {}, b"x\n" * (LINES_MAX + 1)),
    ],
)
async def test_the_door_is_for_programs_and_has_limits(
    tmp_path: Path, status: int, headers: dict[str, str], body: bytes
) -> None:
    """What a page in a browser could send, and what is too much, is refused in one sentence, and nothing is taken."""
    async with ward(tmp_path) as here:
        answer = await here.post(body, **headers)
        assert answer.status_code == status
        assert answer.json()["detail"].endswith(".")
        assert here.service.applied == -1


@pytest.mark.anyio
async def test_ten_thousand_readings_in_a_second_harm_nobody_else(tmp_path: Path) -> None:
    """The flooded bed keeps what its second may hold and says how much not; meanwhile others are served."""
    flood = [
        line(encounter="e1", value=60 + n % 90, observed_at=(at("08:00") + timedelta(microseconds=n)).isoformat())
        for n in range(10_000)
    ]
    async with ward(tmp_path) as here:
        posting = asyncio.create_task(here.post(*flood))
        await asyncio.sleep(0.05)
        assert (await here.post(line(encounter="e2", value=70))).status_code == 202
        assert (await here.client.get("/healthz")).status_code == 200
        assert not posting.done()
        assert (await posting).json() == {"taken": 10_000}
        await here.judged()
        kept = here.service.beds["e1"].chart.readings["hr"]
        assert {60, 149} <= {reading.value for reading in kept}
        counts = await here.counted(9_000)
        assert set(counts) == {Fault.FLOOD}
        assert 9_000 <= counts[Fault.FLOOD] < 10_000
        assert here.service.beds["e2"].chart.readings["hr"][0].value == 70
        assert here.service.beds["e2"].counts == {}


class Bodies:
    """Bodies that come as a test lets them, each from an address of its own."""

    def __init__(self, here: Ward) -> None:
        self._here = here

    async def post(self, *chunks: bytes | float, address: str = "10.0.0.1") -> httpx.Response:
        """A number among the chunks is how many seconds the client says nothing."""

        async def body() -> AsyncIterator[bytes]:
            for chunk in chunks:
                if isinstance(chunk, bytes):
                    yield chunk
                else:
                    await asyncio.sleep(chunk)

        transport = httpx.ASGITransport(self._here.app, raise_app_exceptions=False, client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://ward") as client:
            return await client.post("/api/events", content=body(), headers=TYPE)


@pytest.mark.anyio
async def test_a_body_has_to_come_at_a_least_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trickle ends when its grace is over; a steady body gets the time that its bytes earn, up to a limit."""
    monkeypatch.setattr(doors, "GRACE_S", 0.3)
    monkeypatch.setattr(doors, "RATE_MIN", 1_000)
    monkeypatch.setattr(doors, "BODY_S", 1.0)
    async with ward(tmp_path) as here:
        came = Bodies(here)
        spaces = b" " * 500
        answers = await asyncio.gather(
            came.post(line(), 0.5, b"\n"),  # 0.3 s and some for its bytes
            came.post(spaces, 0.25, spaces, 0.25, line()),  # 500 bytes earn 0.5 s each
            came.post(b" " * 100_000, 1.2, line()),
        )
        assert [answer.status_code for answer in answers] == [408, 202, 408]
        assert "1000 bytes a second" in answers[0].json()["detail"]


@pytest.mark.anyio
async def test_when_memory_is_short_whoever_holds_most_loses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One client's many large bodies push each other out; another's small post goes through, and readiness says it."""
    monkeypatch.setattr(doors, "ROOM_BYTES", 10_000)
    async with ward(tmp_path) as here:
        came = Bodies(here)
        assert (await here.client.get("/readyz")).status_code == 200
        greedy = [asyncio.create_task(came.post(b" " * 3_000, 0.5, line(), address="10.0.0.9")) for _ in range(3)]
        await asyncio.sleep(0.1)
        small = await came.post(b" " * 2_000, line())
        assert small.status_code == 202
        answers = [await task for task in greedy]
        assert sorted(answer.status_code for answer in answers) == [202, 202, 503]
        (lost,) = [answer for answer in answers if answer.status_code == 503]
        assert (lost.headers["retry-after"], "send the request again" in lost.json()["detail"]) == ("5", True)
        ready = await here.client.get("/readyz")
        assert (ready.status_code, "posts are turned away" in ready.json()["why"]) == (503, True)


@pytest.mark.anyio
async def test_readiness_says_that_posts_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the log does not take what has come, /readyz says so; a post that is not taken in time is told so."""
    monkeypatch.setattr(doors, "KEPT_S", 0.6)
    monkeypatch.setattr(doors, "WAITS_READY_S", 0.2)
    async with ward(tmp_path) as here:

        async def stuck(*_: object) -> None:
            await asyncio.sleep(60)

        monkeypatch.setattr(here.service, "submit", stuck)
        posting = asyncio.create_task(here.post(line()))
        await asyncio.sleep(0.4)
        ready = await here.client.get("/readyz")
        assert (ready.status_code, "has been waiting" in ready.json()["why"]) == (503, True)
        assert ((await posting).status_code, (await here.client.get("/readyz")).status_code) == (503, 200)


@pytest.mark.anyio
async def test_a_refusal_names_the_machine_that_posted_it_unless_the_message_names_its_sender(tmp_path: Path) -> None:
    """The page of refusals tells which client sent what cannot be read, and believes a message about its sender."""
    async with ward(tmp_path) as here:
        await here.post(b"{", line(concept="zzz", sender="lab-7"))
        await here.judged()
        await here.counted(2)
        assert {refusal.sender for refusal in await here.service.quarantined()} == {"127.0.0.1", "lab-7"}
        page = (await here.client.get("/refused")).text
        assert "127.0.0.1" in page
        assert "lab-7" in page


@pytest.mark.anyio
async def test_the_clock_hears_what_the_senders_take_for_the_time(tmp_path: Path) -> None:
    """Of each piece of a post one message's `available_at` is told to the clock, if it gives one that is a time."""
    async with ward(tmp_path) as here:
        for sent in (
            "2026-03-01T08:00:07Z",
            "2026-03-01T09:00:10+01:00",
            "2026-03-01T08:00:00",
            "yesterday at 8",
            None,
        ):
            assert (await here.post(line(), line(available_at=sent) if sent else line())).status_code == 202
        assert here.clock.offsets == [3.0, 0.0]


@pytest.mark.anyio
async def test_a_bed_that_was_lost_is_not_missing_from_the_board(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was saved of it cannot be read: the board has it on top and says so, and shows the others."""
    async with ward(tmp_path) as here:
        await here.post(line())
        await here.judged()
        monkeypatch.setattr(here.service, "damaged", frozenset({"lost"}))
        beds = (await here.client.get("/api/beds")).json()
        assert [(bed["encounter"], bed["level"]) for bed in beds] == [("lost", "broken"), ("e1", "calm")]
        assert "cannot be shown" in (await here.client.get("/bed/lost")).text
        assert (await here.client.get("/readyz")).status_code == 200


@pytest.mark.anyio
async def test_nobody_waits_behind_the_pile_of_another(tmp_path: Path) -> None:
    """One client hands over twenty large posts; another's small one is taken before them."""
    pile = [line(encounter=f"p{n % 20}", value=60 + n % 90) for n in range(1_000)]
    async with ward(tmp_path) as here:
        came = Bodies(here)
        piled = [asyncio.create_task(came.post(b"\n".join(pile), address="10.0.0.9")) for _ in range(20)]
        await asyncio.sleep(0.1)
        assert (await came.post(line(encounter="e2"))).status_code == 202
        assert sum(task.done() for task in piled) < 10
        for task in piled:
            task.cancel()
        await asyncio.gather(*piled, return_exceptions=True)


@pytest.mark.anyio
async def test_a_store_that_fails_is_said_in_a_sentence(tmp_path: Path) -> None:
    """When the store is gone, the door and the answers of a board say so, and the service ends."""
    async with ward(tmp_path) as here:
        await here.post(line())
        other = Store(f"sqlite:///{tmp_path}/s.sqlite")
        other.take(EMBEDDED, 0)  # another process takes it over
        other.close()
        answer = await here.post(line(value=81))
        assert (answer.status_code, answer.json()["detail"].count("send the request again")) == (503, 1)
        said = await here.board.respond("e1", "an-alert", "acknowledge", None, "station")
        assert said is not None
        assert said.endswith("write it in the chart")
        with pytest.raises(RuntimeError, match="taken over"):
            await here.service.stopped()
        here.service._worker = asyncio.create_task(asyncio.sleep(0))  # so that leaving the block is quiet


@pytest.mark.timeout(300)  # two starts
def test_killed_it_has_lost_nothing_and_its_words_hold_no_patient(tmp_path: Path) -> None:
    """What was answered with 202 is there after kill -9, alerts once; no log line holds a name, a number or a value."""
    now = wall() - timedelta(minutes=1)
    sick = {
        "hr": (148, "/min"),
        "rr": (34, "/min"),
        "spo2": (84, "%"),
        "sbp": (74, "mm[Hg]"),
        "lactate": (6.25, "mmol/L"),
    }
    with running(tmp_path, "serve", "--port", "0") as service:
        for concept, (value, unit) in sick.items():
            message = line(
                encounter="MRN-4711998", concept=concept, value=value, unit=unit, observed_at=now.isoformat()
            )
            _post(service, message, line(surname="Kowalczyk"), b"Kowalczyk \xff")
        assert service.stop(signal.SIGKILL) == -signal.SIGKILL
        words = service.said()
    with running(tmp_path, "serve", "--port", "0") as service:
        _post(service, line(encounter="other", observed_at=now.isoformat()))
        end = time.monotonic() + 60
        while len((bed := _get(service, "/api/bed/MRN-4711998"))["vitals"]) < len(sick):
            assert time.monotonic() < end, "what was taken is not on the board"
            time.sleep(0.1)
        assert len(bed["alerts"]) == len({alert["key"] for alert in bed["alerts"]}) > 0
        _get(service, "/readyz")
        assert service.stop(signal.SIGTERM) == 0
        words += service.said()
    assert not [secret for secret in ("Kowalczyk", "4711998", "6.25", "148") if secret in words]
    assert "Stopped. Everything taken is in the store." in words


def _post(service: Running, *lines: bytes) -> None:
    asked = Request(f"{service.address()}/api/events", b"\n".join(lines), TYPE | service.token("events"))
    with urlopen(asked, timeout=30) as answer:
        assert (answer.status, json.load(answer)) == (202, {"taken": len(lines)})


def _get(service: Running, path: str) -> Any:
    with urlopen(Request(f"{service.address()}{path}", headers=service.token("board")), timeout=30) as answer:
        return json.load(answer)
