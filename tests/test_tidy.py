"""Style that a machine can check, over every tracked file."""

import ast
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

LINE_MAX = 120
FUNCTION_MAX_LINES = 70
FILE_MAX_BYTES = 5 * 2**20
WEIGHTS, WEIGHTS_MAX_BYTES = "forecasting/network/weights.safetensors", 25_000_000
CODE = {".py", ".js", ".css", ".sh", ".html", ".yaml"}  # prose and data files may have long lines
PURE = (
    "schemas/",
    "guidelines/",
    "forecasting/",
    "streams/",
)  # there the clock is an argument, and ids come from content
HERE = "tests/test_tidy.py"  # names what it forbids

FORBIDDEN = {
    "a path of somebody's machine": re.compile(r"(?<![\w.$}/-])/(wor[k]|roo[t]|home/\w+|Users/\w+|tmp/\w+)(/|\b)"),
    "the host of a package registry": re.compile(
        r"pypi\.org|pythonhosted\.org|registry\.npmjs|npmjs\.com|deb\.debian\.org|repo1?\.maven|crates\.io"
    ),
}
WALL_CLOCK_OR_CHANCE = re.compile(
    r"\b(datetime|date)\.(now|utcnow|today)\(|\btime\.time(_ns)?\(|\bfrom time import .*\btime\b|\buuid[14]\("
)


def _tracked(root: Path) -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=True, text=True)
    return [name for name in listed.stdout.split("\0") if name and (root / name).is_file()]


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    """Path and text of every tracked text file."""
    root = Path(__file__).parent.parent
    found = {}
    for name in _tracked(root):
        try:
            found[name] = (root / name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
    return found


def _lines(texts: dict[str, str], wanted: Callable[[str], bool], fault: Callable[[str], object]) -> list[str]:
    return [
        f"{name}:{number}"
        for name, text in texts.items()
        if wanted(name)
        for number, line in enumerate(text.splitlines(), 1)
        if fault(line)
    ]


def _functions(source: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _is_test(name: str) -> bool:
    return name.startswith("tests/") and Path(name).name.startswith("test_")


def _is_code(name: str) -> bool:
    return Path(name).suffix in CODE or Path(name).name in {"run", "lock"}


def test_no_line_is_longer_than_a_screen_is_wide(texts: dict[str, str]) -> None:
    """No line of code is longer than 120 characters."""
    assert _lines(texts, _is_code, lambda line: len(line) > LINE_MAX) == []


def test_a_function_fits_on_a_screen(texts: dict[str, str]) -> None:
    """No function outside the tests is longer than 70 lines."""
    long = [
        f"{name}:{function.lineno} {function.name}"
        for name, text in texts.items()
        if name.endswith(".py") and not name.startswith("tests/")
        for function in _functions(text)
        if (function.end_lineno or 0) - function.lineno >= FUNCTION_MAX_LINES
    ]
    assert long == []


@pytest.mark.parametrize("what", FORBIDDEN)
def test_nothing_names_the_machine_it_was_made_on(texts: dict[str, str], what: str) -> None:
    """No tracked file names a path of one machine or the host of a package registry."""
    assert _lines(texts, lambda name: name != HERE, FORBIDDEN[what].search) == []


def test_the_pure_layers_read_no_clock_and_throw_no_dice(texts: dict[str, str]) -> None:
    """Below the boards the time is an argument, and an id is made from content: nothing asks the machine for either."""

    def pure(name: str) -> bool:
        return name.startswith(PURE) and name.endswith(".py")

    assert _lines(texts, pure, WALL_CLOCK_OR_CHANCE.search) == []


def test_every_test_says_what_it_proves(texts: dict[str, str]) -> None:
    """Every test opens with a docstring, and every test module and package module says what it is about."""
    silent = [
        f"{name}:{function.lineno} {function.name}"
        for name, text in texts.items()
        if _is_test(name)
        for function in _functions(text)
        if function.name.startswith("test_") and not ast.get_docstring(function)
    ]
    modules = [
        name for name, text in texts.items() if name.endswith(".py") and text and not ast.get_docstring(ast.parse(text))
    ]
    assert silent + modules == []


def test_nothing_is_left_for_later(texts: dict[str, str]) -> None:
    """No code holds a note of something undone."""
    undone = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|NotImplementedError")
    assert _lines(texts, lambda name: _is_code(name) and name != HERE, undone.search) == []


def test_a_tracked_file_is_small(root: Path) -> None:
    """No tracked file is larger than 5 MiB, but for the network's weights, and they are under 25 MB: a clone stays
    quick."""
    large = {name for name in _tracked(root) if (root / name).stat().st_size > FILE_MAX_BYTES}
    assert large <= {WEIGHTS}
    assert (root / WEIGHTS).stat().st_size < WEIGHTS_MAX_BYTES


@pytest.mark.parametrize(
    ("pattern", "caught", "passed"),
    [
        (
            FORBIDDEN["a path of somebody's machine"],
            ["cd /home/ann/project", "'/Users/ann/x'", "/tmp/abc"],
            ["$root/x", "a/home/b"],
        ),
        (WALL_CLOCK_OR_CHANCE, ["datetime.now(UTC)", "x = time.time()", "uuid4()"], ["now()", "time.monotonic()"]),
    ],
)
def test_the_patterns_catch_what_they_are_for(
    pattern: re.Pattern[str], caught: Iterable[str], passed: Iterable[str]
) -> None:
    """Each pattern finds the fault and leaves its look-alike alone."""
    assert all(pattern.search(line) for line in caught)
    assert not any(pattern.search(line) for line in passed)
