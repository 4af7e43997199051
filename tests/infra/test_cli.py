"""The command line: what is wrong is said in one sentence with a status, and what is asked for is done."""

import io
import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

import infra.commands.cli
from infra.progress import progress, say
from infra.settings import PREFIX
from infra.web import PortTaken, listening_socket


@pytest.fixture
def foreshock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Command":
    monkeypatch.setattr(infra.commands.cli, "configure_logs", lambda _: None)  # the tests have their own logging
    return Command(tmp_path)


class Command:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, *words: object, **settings: str) -> Result:
        environment = {f"{PREFIX}DATA_DIR": str(self._folder / "kept")} | {PREFIX + k: v for k, v in settings.items()}
        return CliRunner().invoke(infra.commands.cli.app, [str(word) for word in words], env=environment)


def sentence(result: Result) -> str:
    """The one line that a refused command writes."""
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    (line,) = result.stderr.splitlines()
    return line


@pytest.mark.parametrize(
    ("path", "source", "out", "said"),
    [
        ("missing", "challenge2019", "out", "expected a file or folder at "),
        (
            "some.txt",
            "challenge2019",
            "out",
            "expected a folder of .psv files or one .parquet file (challenge2019), found",
        ),
        ("empty", "mimic3", "out", "expected the MIMIC-III table 'icustays' in 'empty', found"),
        ("empty", "clif", "out", "expected the CLIF table 'clif_hospitalization' in 'empty', found"),
        ("V1.ndjson", "ndjson", "some.txt", "expected a folder for the results at "),
        ("V1.ndjson", "ndjson", "some.txt/below", "Not a directory: "),
    ],
)
def test_a_replay_that_cannot_be_is_one_sentence(
    foreshock: Command, root: Path, tmp_path: Path, path: str, source: str, out: str, said: str
) -> None:
    """A missing path, another format and a folder that cannot be written each end in one sentence and status 2."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "some.txt").write_text("no data")
    (tmp_path / "V1.ndjson").write_bytes((root / "data/vignettes/V1.ndjson").read_bytes())
    result = foreshock("replay", tmp_path / path, "--from", source, "--out", tmp_path / out, "--processes", 1)
    assert result.exit_code == 2
    assert sentence(result).startswith(f"foreshock: {said}")


def test_a_replay_says_what_it_wrote(foreshock: Command, root: Path, tmp_path: Path) -> None:
    """A vignette is replayed into the four files, and the last line counts what was done."""
    out = tmp_path / "out"
    path = root / "data/vignettes/V1.ndjson"
    result = foreshock("replay", path, "--from", "ndjson", "--out", out, "--processes", 1)
    assert result.exit_code == 0, result.stderr
    assert {file.name for file in out.iterdir()} >= {
        "risks.parquet",
        "forecasts.parquet",
        "alerts.ndjson",
        "manifest.json",
    }
    last = result.stderr.splitlines()[-1]
    assert last.startswith("1 stays, ")
    assert last.endswith(f"written to {out}")
    assert json.loads((out / "manifest.json").read_text())["counts"]["stays"] == 1


def test_check_names_each_part_and_what_is_wrong(foreshock: Command) -> None:
    """A sound installation ends with 0; a store that cannot be reached is named, and the other parts still are."""
    sound = foreshock("check")
    assert (sound.exit_code, [line[:4] for line in sound.stdout.splitlines()]) == (0, ["ok  "] * 5)
    broken = foreshock("check", DATABASE_URL="sqlite:////dev/null/s.sqlite")
    assert broken.exit_code == 1
    assert [line[:4] for line in broken.stdout.splitlines()] == ["ok  "] * 4 + ["BAD "]


@pytest.mark.parametrize("url", ["sqlite:////dev/null/s.sqlite", "nonsense:hunter2"])
def test_a_store_that_cannot_be_used_is_one_sentence(foreshock: Command, url: str) -> None:
    """The service says that its store cannot be used, without the address, and ends with 1."""
    result = foreshock("serve", "--port", 0, DATABASE_URL=url)
    assert result.exit_code == 1
    assert sentence(result).startswith("foreshock: the store cannot be used: ")
    assert url not in result.stderr


@pytest.mark.parametrize("command", ["serve", "worker", "replay"])
def test_an_overlay_that_cannot_be_read_is_one_sentence_at_the_start(
    foreshock: Command, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """Nothing begins with rules that are not what a unit has written: the command names the unit and ends with 2."""
    monkeypatch.setattr("infra.kafka.run._log_or_why", lambda *_: None)  # a broker is not what is missing
    monkeypatch.setattr("infra.kafka.run.configure_logs", lambda _: None)
    (tmp_path / "overlays" / "Ward 7").mkdir(parents=True)
    (tmp_path / "overlays" / "Ward 7" / "own.toml").write_text("[[triggers")
    words: dict[str, tuple[object, ...]] = {
        "serve": ("--port", 0),
        "worker": (),
        "replay": (root / "data/vignettes/V1.ndjson", "--from", "ndjson", "--out", tmp_path / "out"),
    }
    result = foreshock(command, *words[command], OVERLAYS=str(tmp_path / "overlays"))
    assert result.exit_code == 2
    assert sentence(result).startswith("foreshock: overlay of unit Ward 7: own.toml: not TOML")
    assert not (tmp_path / "out").exists()
    checked = foreshock("check", OVERLAYS=str(tmp_path / "overlays"))
    assert checked.stdout.startswith("BAD  rules: BadBook: overlay of unit Ward 7")


def test_a_taken_port_names_the_next_free_one() -> None:
    """The sentence offers a port that can be had at once; the process that holds the port is not disturbed."""
    with listening_socket("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(PortTaken) as taken:
            listening_socket("127.0.0.1", port)
        offered = int(str(taken.value).partition("--port ")[2].rstrip("."))
        assert offered > port
        with listening_socket("127.0.0.1", offered), socket.create_connection(("127.0.0.1", port), 5):
            pass


def test_settings_are_shown_without_the_password(foreshock: Command) -> None:
    """Each setting is printed; the address of the store, which may hold a password, is not."""
    result = foreshock("settings", DATABASE_URL="postgresql://u:hunter2@db/x", PORT="9001")
    assert "port = 9001" in result.stdout.splitlines()
    assert "hunter2" not in result.output


@pytest.mark.parametrize("words", [("demo", "--speed", "0"), ("demo", "--speed", "nan"), ("serve", "--port", "65536")])
def test_a_number_out_of_range_is_refused(foreshock: Command, words: tuple[str, ...]) -> None:
    """A speed or a port that cannot be is refused before anything starts."""
    assert foreshock(*words).exit_code == 2


def test_wrong_settings_end_the_command() -> None:
    """The command itself, as a process, ends with one sentence and status 2, not with a trace."""
    code = "import infra.commands.cli; infra.commands.cli.main()"
    environment = {f"{PREFIX}PROT": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code, "settings"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "did you mean FORESHOCK_PORT?" in done.stderr


def test_progress_without_a_terminal_is_a_plain_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a pipe the first state and then one in ten seconds is a line, not folded, with no markup."""
    now = 0.0
    monkeypatch.setattr("infra.progress.time.monotonic", lambda: now)
    out = io.StringIO()
    console = Console(file=out, width=20)
    with progress(console) as tell:
        for now in (0.0, 4.0, 9.9, 10.1, 12.0, 20.2):
            tell(int(now), 100, "playing [red]something long")
    say(console, "a path: /srv/[b]old[/b]/foreshock.sqlite")
    assert out.getvalue().splitlines() == [
        "playing [red]something long: 0 of 100",
        "playing [red]something long: 10 of 100",
        "playing [red]something long: 20 of 100",
        "a path: /srv/[b]old[/b]/foreshock.sqlite",
    ]
