"""A question about a bed: the reading stands before the answer, and whatever is typed is answered, never a failure."""

import asyncio
import json

import httpx
import pytest
from fastapi import FastAPI

from boards.icu.asked import EXAMPLES, TRUTHS
from boards.web.app import create_app
from guidelines.asking.question import Question
from guidelines.asking.reading import read
from guidelines.asking.tokens import QUESTION_CHARS_MAX
from schemas.boards.asked import Asked
from schemas.clinical.findings import Evidence, Need, Truth
from schemas.clinical.forecasts import Odds, Unavailable
from schemas.local_time import UTC
from tests.boards.fixtures import NOW, FakeSource, at, five

E1 = "mimic3|200001"
HTMX: dict[str, str] = {"hx-request": "true"}
MAP_61 = Evidence(
    kind="reading", subject="map", label="MAP", shown="61 mmHg", at=at("10:30"), ref="r|e1||monitor|…", value=61.0
)
CHANCE = Asked(
    encounter=E1,
    question="",
    now=NOW,
    read_as="SpO₂ below 90 %, measured at least once within 6 h (by 16:32)",
    condition="spo2 below 90",
    within_h=6.0,
    odds=Odds(probability=0.34, low=0.28, high=0.41, within_h=6.0, model="network@1"),
    evidence=(MAP_61,),
    remarks=("A low one is no all-clear.",),
)
TRUE = Asked(
    encounter=E1, question="", now=NOW, read_as="MAP below 65 mmHg, as of 10:32", truth=Truth.YES, evidence=(MAP_61,)
)
OPEN = Asked(
    encounter=E1,
    question="",
    now=NOW,
    read_as="lactate above 4.0 mmol/L, as of 10:32",
    truth=Truth.UNKNOWN,
    needs=(Need(subject="lactate", label="lactate", why="never measured"),),
)
NO_CHANCE = Asked(
    encounter=E1,
    question="",
    now=NOW,
    read_as="K above 6",
    within_h=6.0,
    missing=Unavailable(reason="no usable potassium is known"),
    nearest=("chance that MAP falls below 65 mmHg within 6 h",),
)
REFUSED = Asked(
    encounter=E1,
    question="",
    now=NOW,
    refused="glucose 8 needs its unit",
    nearest=("chance that glucose rises above 8 mmol/L within 6 h",),
)


@pytest.fixture
def source() -> FakeSource:
    return five()


class Client:
    """Plain requests to the application, without a server."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    def get(self, path: str, question: str | None = None, **headers: str) -> httpx.Response:
        async def sent() -> httpx.Response:
            transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
                params = {} if question is None else {"question": question}
                return await client.get(path, params=params, headers=headers)

        return asyncio.run(sent())


@pytest.fixture
def client(source: FakeSource) -> Client:
    return Client(create_app(source))


def page(client: Client, source: FakeSource, answer: Asked | Exception, question: str = "x", **more: str) -> str:
    source.asked = answer
    found = client.get(f"/ask/{E1}", question, **more)
    assert found.status_code == 200
    return found.text


@pytest.mark.parametrize("answer", [CHANCE, TRUE, OPEN, NO_CHANCE])
def test_how_it_was_read_stands_before_the_answer(client: Client, source: FakeSource, answer: Asked) -> None:
    """On the whole page and in the fragment that takes its place."""
    for headers in ({}, HTMX):
        text = page(client, source, answer, **headers)
        assert answer.read_as is not None
        assert 0 < text.index(answer.read_as) < text.index('class="verdict"')


def test_a_chance_has_its_bounds_its_model_and_its_warning(client: Client, source: FakeSource) -> None:
    """In the words of the data summary, with the newest value, its time and its source."""
    text = " ".join(page(client, source, CHANCE).split())
    for said in ("34 %", "28 to 41 of 100 alike", "network@1", "no all-clear", "61 mmHg", "10:30", "monitor"):
        assert said in text


@pytest.mark.parametrize(("answer", "word"), [(TRUE, "Yes."), (OPEN, "Cannot tell.")])
def test_an_answer_of_now_is_a_mark_and_a_word(client: Client, source: FakeSource, answer: Asked, word: str) -> None:
    """Never a colour alone; of what cannot be told, what would settle it."""
    text = page(client, source, answer)
    assert word in text
    assert TRUTHS[answer.truth or Truth.NO][0] in text
    assert ("never measured" in text) == (answer is OPEN)


@pytest.mark.parametrize("answer", [REFUSED, NO_CHANCE])
def test_what_can_be_asked_is_a_link_that_asks_it(client: Client, source: FakeSource, answer: Asked) -> None:
    """With a script and without."""
    text = page(client, source, answer)
    assert "What can be asked" in text
    link = f"/ask/{E1.replace('|', '%7C')}?question=chance%20that%20"
    assert text.count(f'href="{link}') == 1
    assert text.count(f'hx-get="{link}') == 1


def test_the_box_stands_on_the_page_of_the_bed(client: Client) -> None:
    """Empty, with the longest question that may be typed."""
    text = client.get(f"/bed/{E1}").text
    assert 'name="question"' in text
    assert f'maxlength="{QUESTION_CHARS_MAX}"' in text
    assert 'class="verdict"' not in text


def test_the_examples_of_the_box_are_read() -> None:
    """Whoever types what stands there is understood."""
    assert all(isinstance(read(example, NOW, UTC), Question) for example in EXAMPLES)


def test_a_program_gets_the_same_as_json(client: Client, source: FakeSource) -> None:
    """An `Asked`, refusals included: they are answers."""
    source.asked = REFUSED
    found = client.get(f"/api/ask/{E1}", "glucose above 8")
    assert found.status_code == 200
    told = json.loads(found.content)
    assert (told["question"], told["refused"]) == ("glucose above 8", "glucose 8 needs its unit")
    assert told["nearest"] == list(REFUSED.nearest)


@pytest.mark.parametrize(
    "question", ["<script>alert(1)</script>", "'\"><img src=x>", "{{ 7*7 }}", "a\u202eb", "x" * 5000]
)
def test_whatever_is_typed_is_shown_as_text(client: Client, source: FakeSource, question: str) -> None:
    """Escaped, without what cannot be seen, and cut at the limit."""
    text = page(client, source, REFUSED, question)
    assert "<script>alert" not in text
    assert "<img src" not in text
    assert "\u202e" not in text
    assert "x" * (QUESTION_CHARS_MAX + 2) not in text


def test_a_fault_of_ours_is_an_answer_too(client: Client, source: FakeSource) -> None:
    """The page and the program hear that it is not answered, and the status is that of an answer."""
    text = page(client, source, ZeroDivisionError("61 mmHg"))
    assert "internal error (ZeroDivisionError)" in text
    assert "internal error" in client.get(f"/api/ask/{E1}", "x").json()["refused"]


def test_of_a_patient_who_is_not_here_nothing_is_asked(client: Client, source: FakeSource) -> None:
    """As everywhere: 404, in a sentence."""
    source.asked = TRUE
    assert client.get("/ask/nobody", "x").status_code == 404
    assert client.get("/api/ask/nobody", "x").status_code == 404
    source.asked = None
    assert client.get(f"/api/ask/{E1}", "x").status_code == 404
