"""`foreshock teach` makes a few labelled stays a chance that rules may ask for, and says why where it does not."""

import json
import re
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console
from typer.testing import CliRunner

from forecasting.checks import foreseen
from forecasting.local.own import lessons, own
from forecasting.network import forecaster
from guidelines.book.load import read
from guidelines.rules.truth import truth
from infra.commands import cli, teach
from infra.commands.teach import CannotTeach, Task, examples_in, run_teach
from infra.settings import Settings
from schemas.clinical.findings import Truth
from schemas.clinical.forecasts import Odds, Unavailable
from schemas.clinical.snapshot import Snapshot
from schemas.conditions import Named
from schemas.conditions.text import parse, write
from tests.forecasting.network.test_forecaster import SINKING, STEADY, made_up
from tests.forecasting.snapshots import bed

NOW = datetime(2031, 5, 4, 8, 0, tzinfo=UTC)
WITHIN = timedelta(hours=12)
QUIET = Console(quiet=True)


@pytest.fixture(autouse=True)
def served(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small network with drawn weights, for speed."""
    monkeypatch.setattr(forecaster, "load", made_up)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 stays of four hours: every third patient has a fast heart and a low pressure from the beginning."""
    columns = ("HR", "O2Sat", "Temp", "SBP", "MAP", "DBP", "Resp")
    sick, well = (135, 88, 38.9, 88, 58, 44, 32), (74, 98, 36.8, 128, 88, 66, 14)
    from streams.adapters.challenge2019 import _NEEDED

    rows = []
    for number in range(24):
        for hour in range(4):
            told = zip(columns, sick if number % 3 == 0 else well, strict=True)
            row = dict.fromkeys(_NEEDED) | {name: value + (number + hour) % 3 for name, value in told}
            rows.append(
                {"patient_id": f"s{number:02}", **row, "Age": 60.0, "Gender": 1, "Unit1": 1, "HospAdmTime": -2.0}
            )
    path = tmp_path_factory.mktemp("data") / "stays.parquet"
    pl.DataFrame(rows, infer_schema_length=None).with_columns(
        pl.col(name).cast(pl.Float64) for name in _NEEDED
    ).write_parquet(path)
    return path


def labels(folder: Path, wrong: bool = False) -> Path:
    """Who is sick, three hours after the stay began; `wrong`: labels that mean nothing."""
    path = folder / "examples.csv"
    rows = [f"s{number:02},3,{int(number % 2 == 0 if wrong else number % 3 == 0)}" for number in range(24)]
    path.write_text("\n".join(["encounter,time,label", *rows]), encoding="utf-8")
    return path


def task(examples: Path, cohort: Path, name: str = "going_down") -> Task:
    return Task(name, 12.0, examples, cohort, "challenge2019")


@pytest.fixture
def learnt(cohort: Path, tmp_path: Path) -> Settings:
    """A hospital that taught `going_down`."""
    settings = Settings(data_dir=tmp_path / "own")
    run_teach(task(labels(tmp_path), cohort), settings, NOW, QUIET)
    return settings


def test_what_was_taught_is_told(learnt: Settings) -> None:
    """A sick patient has a higher chance than a steady one, with bounds and the version's name."""
    model = own(learnt.data_dir).forecaster
    sick, well = (foreseen(model, one).chance(Named("going_down"), WITHIN) for one in (SINKING, STEADY))
    assert isinstance(sick, Odds)
    assert isinstance(well, Odds)
    assert sick.probability > well.probability
    assert sick.low <= sick.probability <= sick.high
    assert sick.model.endswith(f"taught {lessons(learnt.data_dir, 'going_down').in_force()}")


def test_a_rule_may_ask_for_it_like_for_any_chance(learnt: Settings) -> None:
    """It is text of the one language, it loads in a book, and it is answered YES, NO and UNKNOWN."""
    model = own(learnt.data_dir).forecaster
    odds = foreseen(model, SINKING).chance(Named("going_down"), WITHIN)
    assert isinstance(odds, Odds)
    below, above = (round(100 * odds.probability) + off for off in (-5, 5))
    condition = parse(f"chance of (is going_down) within 12 h at_least {below} %")
    assert parse(write(condition)) == condition
    book = read({"definitions.toml": f'[worry]\nwhen = "{write(condition)}"\nwhy = "x"\n', "wording.toml": ""})
    assert book.definitions["worry"] == condition

    def answered(text: str, model: forecaster.CrossingNetwork, patient: Snapshot = SINKING) -> Truth:
        return truth(parse(text), patient, foreseen(model, patient)).truth

    likely = f"chance of (is going_down) within 12 h at_least {below} %"
    assert answered(likely, model) is Truth.YES
    assert answered(f"chance of (is going_down) within 12 h at_least {above} %", model) is Truth.NO
    assert answered(likely, model, bed({"hr": {60 * 30: 80}})) is Truth.UNKNOWN
    assert answered(likely.replace("12 h", "6 h"), model) is Truth.UNKNOWN
    assert answered(likely, made_up()) is Truth.UNKNOWN


def test_other_weights_make_it_unknown_and_say_so(learnt: Settings, tmp_path: Path) -> None:
    """What was taught to another model is not told; the reason is that of the chance, and of `foreshock check`."""
    versions = lessons(learnt.data_dir, "going_down")
    text = versions.text(str(versions.in_force())).replace(made_up().ahead.digest, "0" * 32)  # type: ignore[union-attr]
    lessons(tmp_path / "other", "going_down").add(text, NOW)
    here = own(tmp_path / "other")
    found = foreseen(here.forecaster, SINKING).chance(Named("going_down"), WITHIN)
    assert isinstance(found, Unavailable)
    assert found.reason == "going_down was taught to another version of the model: teach it again"
    assert here.problems == (f"taught going_down: {found.reason}",)


def test_labels_that_mean_nothing_teach_nothing(cohort: Path, tmp_path: Path) -> None:
    """It is refused with its figures, and nothing is kept."""
    settings = Settings(data_dir=tmp_path / "own")
    with pytest.raises(CannotTeach, match=r"not surely better than the base rate: .* AUROC 0\.\d\d"):
        run_teach(task(labels(tmp_path, wrong=True), cohort), settings, NOW, QUIET)
    assert not settings.data_dir.exists()


def test_its_worth_is_shown(cohort: Path, tmp_path: Path) -> None:
    """Examples, AUROC and log loss against the base rate, and how a rule asks."""
    said = StringIO()
    run_teach(task(labels(tmp_path), cohort), Settings(data_dir=tmp_path), NOW, Console(file=said, width=200))
    assert "24 examples of 24 patients, 8 with the event" in said.getvalue()
    assert re.search(r"AUROC \S+ \(\S+ to \S+\); log loss 0\.\d+, of the base rate alone 0\.\d+", said.getvalue())
    assert "chance of (is going_down) within 12 h at_least 30 %" in said.getvalue()


def test_it_can_be_listed_undone_and_used_again(learnt: Settings) -> None:
    """Step by step; afterwards it is told, or not."""
    said = StringIO()
    teach.listed(learnt, Console(file=said, width=200))
    version = str(lessons(learnt.data_dir, "going_down").in_force())
    assert f"in force  going_down {version}: within 12 h" in said.getvalue()
    teach.stepped("going_down", None, learnt, NOW, QUIET)
    assert own(learnt.data_dir).forecaster is made_up()
    teach.stepped("going_down", version, learnt, NOW, QUIET)
    assert own(learnt.data_dir).forecaster is not made_up()
    for name, wanted, why in (
        (None, None, "the name"),
        ("going_down", "0009-0", "no version"),
        ("other", None, "nothing"),
    ):
        with pytest.raises(CannotTeach, match=why):
            teach.stepped(name, wanted, learnt, NOW, QUIET)


@pytest.mark.parametrize("name", ["sepsis", "hypotension", "map", "news2"])
def test_a_name_with_a_meaning_is_refused(name: str, cohort: Path, tmp_path: Path) -> None:
    """Of an event that was fitted, a definition, a concept, a score."""
    with pytest.raises(CannotTeach, match="has a meaning already"):
        run_teach(task(labels(tmp_path), cohort, name), Settings(data_dir=tmp_path), NOW, QUIET)


@pytest.mark.parametrize("name", ["", "ab", "Going", "going-down", "../x", "a" * 41])
def test_what_is_no_name_is_refused(name: str, cohort: Path, tmp_path: Path) -> None:
    """Rules could not write it, or it leads elsewhere."""
    with pytest.raises(CannotTeach, match="expected a name"):
        run_teach(task(labels(tmp_path), cohort, name), Settings(data_dir=tmp_path), NOW, QUIET)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("s99,3,1", "s99 at 3.0: no such stay"),
        ("s01,30,1", "s01 at 30.0: the time is not in the stay"),
        ("s01,1999-12-31T23:00:00Z,1", "the time is not in the stay"),
    ],
)
def test_an_example_that_cannot_be_seen_is_no_example(line: str, why: str, cohort: Path, tmp_path: Path) -> None:
    """It is named, and nothing is taught without it: to leave it out is the person's choice."""
    path = labels(tmp_path)
    path.write_text(path.read_text("utf-8").replace("s01,3,0", line), "utf-8")
    with pytest.raises(CannotTeach, match=why):
        run_teach(task(path, cohort), Settings(data_dir=tmp_path), NOW, QUIET)


# --- the file --------------------------------------------------------------------------------------------------------


def test_both_forms_and_both_kinds_of_time_are_read(tmp_path: Path) -> None:
    """Hours since the stay began, or a time with its zone; further columns do not matter."""
    table, lines = tmp_path / "e.csv", tmp_path / "e.ndjson"
    table.write_text("note,encounter,time,label\nx,a,3,1\ny,b,2031-05-04T08:00:00+00:00,0\n", "utf-8")
    rows = [{"encounter": "a", "time": 3, "label": 1}, {"encounter": "b", "time": "2031-05-04T08:00:00Z", "label": 0}]
    lines.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    assert examples_in(table) == examples_in(lines) == [("a", 3.0, True), ("b", NOW, False)]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("encounter,label\na,1", "expected the columns encounter, time, label"),
        ("encounter,time,label\n,3,1", "line 2: expected an encounter"),
        ("encounter,time,label\na,3,yes", "line 2: expected the label 0 or 1"),
        ("encounter,time,label\na,3,", "line 2: expected the label 0 or 1"),
        ("encounter,time,label\na,-1,1", "line 2: expected a time"),
        ("encounter,time,label\na,nan,1", "line 2: expected a time"),
        ("encounter,time,label\na,2031-05-04T08:00:00,1", "line 2: expected a time"),
        ("encounter,time,label\na,soon,1", "line 2: expected a time"),
        ("encounter,time,label\na,3,1\na,3,1", "stands twice"),
        ("encounter,time,label\na,3,1\na,3.0,0", "stands twice"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(text: str, why: str, tmp_path: Path) -> None:
    """Nothing is guessed: no zone, no label, no time."""
    path = tmp_path / "e.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(CannotTeach, match=why):
        examples_in(path)


def test_what_is_no_text_or_too_much_is_refused(tmp_path: Path) -> None:
    """Before it is read."""
    path = tmp_path / "e.ndjson"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(CannotTeach, match="UTF-8"):
        examples_in(path)
    path.write_text("[1]\n", "utf-8")
    with pytest.raises(CannotTeach, match="line 1: expected an encounter"):
        examples_in(path)
    path.write_text("{", "utf-8")
    with pytest.raises(CannotTeach, match="line 1: expected a JSON object"):
        examples_in(path)
    path.write_bytes(b"x" * (teach.FILE_BYTES_MAX + 1))
    with pytest.raises(CannotTeach, match="at most"):
        examples_in(path)


@pytest.mark.parametrize("words", [[], ["one_name"], ["one_name", "--examples", "e.csv"], ["--list", "--undo"]])
def test_one_thing_is_asked_at_a_time(words: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """All that is needed to teach, or a list, or a step: else one sentence, and nothing happens."""
    monkeypatch.setattr(cli, "configure_logs", lambda _: None)  # the tests have their own logging
    found = CliRunner().invoke(cli.app, ["teach", *words], env={"FORESHOCK_DATA_DIR": str(tmp_path)})
    assert found.exit_code == 2
    assert "expected a NAME with --examples, --cohort, --from and --within, or one of --list" in found.stderr
