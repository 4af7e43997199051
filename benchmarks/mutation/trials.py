"""Runs the tests that may notice a mutant, each in a forked process of its own.

    base process        libraries are loaded; nothing of the project
      └ one per file    the modules of the project that do not rest on that file are loaded
          └ one per mutant      the file is read with the fault in it, and the tests that run its line, quickest first

A process that was forked starts in no time, and nothing of one mutant reaches the next. Which tests run a line is
known from one run of all of them with coverage (`Map`).
"""

import ast
import importlib
import importlib.util
import json
import os
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple

import coverage
import pytest

from benchmarks.mutation.mutants import Mutant

LIBRARIES = ("hypothesis", "pydantic", "msgspec", "lark", "sqlalchemy", "structlog", "fastapi", "httpx", "pint",
             "polars", "playwright.sync_api", "kafka", "sse_starlette", "uvicorn", "jinja2")  # fmt: skip
LAYERS = ("schemas", "guidelines", "forecasting", "streams")
LIMIT_S = 15.0  # for a trial to start and collect; its tests may take five times as long as without the fault
FILE_LIMIT_S = 6 * 3600.0
SLOW_S = 3.0  # of CPU; a test that takes longer alone is left out of the trials
PLAIN = [
    "-q",
    "-p",
    "no:cacheprovider",
    "--no-header",
    "--tb=no",
    "-W",
    "ignore::coverage.exceptions.CoverageWarning",
    "-W",
    "ignore::pytest.PytestAssertRewriteWarning",
]
STALE = "not stale"  # a page made from a file is stale as soon as the file changes: that is no test of what it says


class Trial(NamedTuple):
    """What came of one mutant: killed, survived, timed out or untested; `by` is the first test that failed."""

    mutant: Mutant
    outcome: str
    by: str
    seconds: float


class Map(NamedTuple):
    """Which tests run which line of which file, and how long each takes. Made by `mapped`."""

    tests_of: Mapping[str, Mapping[int, Sequence[str]]]  # of the lines that stand in a function
    seconds: Mapping[str, float]
    failing: Sequence[str]
    users: Mapping[str, Sequence[str]] = {}  # of each file, those that import it, test files among them

    def rounds(self, mutant: Mutant, lately: str) -> list[list[str]]:
        """The tests that run the statement of a mutant, in two rounds: first the test file that noticed one `lately`,
        else the one that is most about the line.

        Of what is run on import only, and of data, the tests that run any function of its file or of one that imports
        it, and all of a test file that does. The quickest go first. What a test file runs as it is collected, all its
        tests rest on.
        """
        lines = self.tests_of.get(_read_by(mutant.path), {})
        wanted = range(mutant.lines[0], mutant.lines[1] + 1) if mutant.inside else ()
        contexts = {context for n in wanted for context in lines.get(n, ())}
        if not any("::" in context for context in contexts):
            files = (_read_by(mutant.path), *self.users.get(_read_by(mutant.path), ()))
            contexts |= {c for f in files for of_line in self.tests_of.get(f, {}).values() for c in of_line} | {*files}
        chosen = [t for t in self.seconds if t in contexts or _file(t) in contexts] or list(self.seconds)
        ordered = sorted(chosen, key=lambda t: (self.seconds[t], t))
        in_all, in_chosen = (Counter(map(_file, tests)) for tests in (self.seconds, ordered))
        takes = dict.fromkeys(in_all, 0.0)
        for test, seconds in self.seconds.items():
            takes[_file(test)] += seconds
        about = max(in_chosen, key=lambda file: (in_chosen[file] / in_all[file], -takes[file]), default="")
        first = lately if lately in in_chosen else about
        rounds = [t for t in ordered if _file(t) == first], [t for t in ordered if _file(t) != first]
        return [tests for tests in rounds if tests]


def _file(test: str) -> str:
    return test.partition("::")[0]


NOTES, RULES = "guidelines/notes/lexicon.py", "guidelines/book/load.py"
QUESTIONS = "guidelines/asking/lexicon.py"


def _read_by(path: str) -> str:
    """The module that reads a data file; a module itself."""
    if path == "guidelines/knowledge/asking.toml":
        return QUESTIONS
    if path.startswith("guidelines/knowledge/"):
        return NOTES if "/notes/" in path else RULES
    return Path(path).with_suffix(".py").as_posix()


# -- forking


class Failed(RuntimeError):
    """The job itself went wrong, not a mutant."""


def _forked(work: Callable[[], Any], limit_s: float) -> Any:
    """What `work` gives in a process of its own, as JSON; None if it took too long or died. Raises Failed."""
    with tempfile.TemporaryFile() as told:
        child = os.fork()
        if child == 0:
            try:
                os.setpgid(0, 0)
                _silence()
                told.write(json.dumps({"made": work()}).encode())
            except BaseException:
                told.write(json.dumps({"wrong": traceback.format_exc()}).encode())
            finally:
                told.flush()
                os._exit(0)
        if not _ended(child, limit_s):
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return None
        told.seek(0)
        said = json.loads(told.read() or b'{"made": null}')
    if "wrong" in said:
        raise Failed(said["wrong"])
    return said["made"]


def _ended(child: int, limit_s: float) -> bool:
    until = time.monotonic() + limit_s
    while time.monotonic() < until:
        if os.waitpid(child, os.WNOHANG)[0] == child:
            return True
        time.sleep(0.005)
    return False


def _silence() -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)


def warm() -> None:
    """Load the libraries that tests and project use."""
    for library in LIBRARIES:
        importlib.import_module(library)


# -- which tests run what


@cache
def _in_functions(text: str) -> frozenset[int]:
    """The lines of a module that stand in a function."""
    functions = (n for n in ast.walk(ast.parse(text)) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef)))
    return frozenset(k for f in functions for k in range(f.body[0].lineno, (f.end_lineno or f.lineno) + 1))


class _Recorder:
    """A plugin that names each test to coverage and notes how long it took."""

    def __init__(self, measured: coverage.Coverage) -> None:
        self.measured, self.seconds, self.failing = measured, dict[str, float](), list[str]()
        self.busy_s: dict[str, float] = {}  # of CPU: on a machine that others use a test is not slow because of them

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        _forget()
        self.measured.switch_context(item.nodeid)
        start, busy = time.perf_counter(), time.process_time()
        yield
        self.seconds[item.nodeid] = time.perf_counter() - start
        self.busy_s[item.nodeid] = time.process_time() - busy
        self.measured.switch_context("")

    @pytest.hookimpl(hookwrapper=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Iterator[None]:
        self.measured.switch_context(collector.nodeid if isinstance(collector, pytest.Module) else "")
        yield
        self.measured.switch_context("")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.outcome == "failed" and report.nodeid not in self.failing:
            self.failing.append(report.nodeid)


def _forget() -> None:
    """Empty the caches of the project's functions: else only the first test that asks one is seen to run it."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in LAYERS:
            for thing in list(vars(module).values()):
                if hasattr(thing, "cache_clear"):
                    thing.cache_clear()


def mapped(tests: Sequence[str], root: Path, limit_s: float = 3600.0) -> Map:
    """Run the tests once and note who runs which line. Tests that fail as it is, or are slow, are left out."""

    def work() -> dict[str, Any]:
        measured = coverage.Coverage(data_file=None, source=[str(root / layer) for layer in LAYERS], config_file=False)
        recorder = _Recorder(measured)
        measured.start()
        pytest.main([*PLAIN, "--continue-on-collection-errors", "-k", STALE, *tests], plugins=[recorder])
        measured.stop()
        data = measured.get_data()
        lines = {
            Path(file).relative_to(root).as_posix(): {
                str(line): [c for c in contexts if c]
                for line, contexts in data.contexts_by_lineno(file).items()
                if line in _in_functions(Path(file).read_text(encoding="utf-8"))
            }
            for file in data.measured_files()
        }
        slow = [test for test, busy_s in recorder.busy_s.items() if busy_s >= SLOW_S]
        return {"lines": lines, "seconds": recorder.seconds, "failing": recorder.failing, "slow": slow}

    made = _forked(work, limit_s)
    if made is None:
        raise Failed("the tests did not end, or did not run at all")
    quick = {t: s for t, s in made["seconds"].items() if t not in made["failing"] and t not in made["slow"]}
    lines = {file: {int(n): tests for n, tests in of.items()} for file, of in made["lines"].items()}
    files = {module_name(file.relative_to(root)): file.relative_to(root).as_posix() for file in _modules(root)}
    imports = {files[name]: of for name, of in _imports(root).items()}
    imports |= {file: set(_imported((root / file).read_text(encoding="utf-8"))) for file in {*map(_file, quick)}}
    users = {file: [user for user, of in imports.items() if user != file and _meets(of, {name})]
             for name, file in files.items()}  # fmt: skip
    return Map(lines, quick, made["failing"], users)


# -- one file with a fault in it


class _Mutated(SourceFileLoader):
    """Loads a module from a text instead of its file."""

    def __init__(self, name: str, path: str, text: str) -> None:
        super().__init__(name, path)
        self._text = text

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._text, self.get_filename(fullname), "exec", dont_inherit=True)


class _Finder:
    """Finds one module, and leaves all others to the usual ones."""

    def __init__(self, name: str, path: Path, text: str) -> None:
        self._name, self._path, self._text = name, path, text

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:  # noqa: ARG002
        if name != self._name:
            return None
        loader = _Mutated(name, str(self._path), self._text)
        inside = [str(self._path.parent)] if self._path.name == "__init__.py" else None
        return importlib.util.spec_from_file_location(
            name, self._path, loader=loader, submodule_search_locations=inside
        )


def _put_in(path: Path, text: str, root: Path) -> None:
    """From now on this process reads the file as `text`."""
    if path.suffix == ".py":
        sys.meta_path.insert(0, _Finder(module_name(path.relative_to(root)), path, text))
        return
    plain = Path.read_text

    def read_text(self: Path, *args: Any, **more: Any) -> str:
        return text if self.resolve() == path else plain(self, *args, **more)

    Path.read_text = read_text  # type: ignore[method-assign]


def module_name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


class _Verdict:
    """A plugin that keeps only the chosen tests, in their order, and notes the first that failed."""

    def __init__(self, chosen: Sequence[str]) -> None:
        self.order = {test: place for place, test in enumerate(chosen)}
        self.by = ""

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted((i for i in items if i.nodeid in self.order), key=lambda i: self.order[i.nodeid])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.by:
            self.by = report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed and not self.by:
            self.by = f"{report.nodeid} (it does not load)"


def _tried(mutant: Mutant, text: str, tests: Map, root: Path, lately: str) -> Trial:
    start, outcome, by = time.monotonic(), "untested", ""
    for chosen in tests.rounds(mutant, lately):
        outcome, by = _tested(mutant, text, chosen, root, LIMIT_S + 5 * sum(tests.seconds[t] for t in chosen))
        if outcome != "survived":
            break
    return Trial(mutant, outcome, by, time.monotonic() - start)


def _tested(mutant: Mutant, text: str, chosen: Sequence[str], root: Path, limit_s: float) -> tuple[str, str]:
    """What becomes of a mutant under some tests, and the first that notices it."""

    def work() -> list[Any]:
        _put_in(root / mutant.path, mutant.applied(text), root)
        verdict = _Verdict(chosen)
        status = int(pytest.main([*PLAIN, "-x", *dict.fromkeys(map(_file, chosen))], plugins=[verdict]))
        return [status, verdict.by]

    made = _forked(work, limit_s)
    if made is None:
        return "timed out", ""
    return ("survived" if made[0] == 0 else "killed"), made[1]


def trials_of(path: str, mutants: Sequence[Mutant], tests: Map, root: Path) -> list[Trial]:
    """Try every mutant of one file, in a process that has loaded what does not rest on that file."""
    text = (root / path).read_text(encoding="utf-8")

    def work() -> list[Any]:
        read = _files_read()
        for name in modules_apart_from(path, root):
            importlib.import_module(name)
        if module_name(Path(path)) in sys.modules if path.endswith(".py") else root / path in read:
            raise Failed(f"{path} was loaded before a fault could be put into it")
        made: list[Trial] = []
        lately = ""
        for mutant in mutants:
            made.append(_tried(mutant, text, tests, root, lately))
            lately = _file(made[-1].by).partition(" ")[0] or lately
        return [[trial.outcome, trial.by, trial.seconds] for trial in made]

    made = _forked(work, FILE_LIMIT_S)
    if made is None:
        raise Failed(f"the trials of {path} did not end")
    return [Trial(mutant, *said) for mutant, said in zip(mutants, made, strict=True)]


def _files_read() -> set[Path]:
    """The files that this process reads as text from now on."""
    plain, read = Path.read_text, set[Path]()

    def read_text(self: Path, *args: Any, **more: Any) -> str:
        read.add(self.resolve())
        return plain(self, *args, **more)

    Path.read_text = read_text  # type: ignore[method-assign]
    return read


def modules_apart_from(path: str, root: Path) -> list[str]:
    """The modules of the pure layers that do not import, however far down, the module that a file belongs to."""
    imports = _imports(root)
    if _read_by(path) == RULES and path.endswith(".toml"):  # rules are read when they are asked for, not on import
        return [name for name in imports if _is_pure(name)]
    resting = {module_name(Path(_read_by(path)))}
    while grown := {n for n, of in imports.items() if n not in resting and _meets(of, resting)}:
        resting |= grown
    return [name for name in imports if name not in resting and _is_pure(name)]


def _modules(root: Path) -> list[Path]:
    return [f for layer in LAYERS for f in sorted((root / layer).rglob("*.py"))]


def _imports(root: Path) -> dict[str, set[str]]:
    """Of each module what it loads: modules, things in them, the packages that it lies in."""
    sources = {module_name(f.relative_to(root)): f.read_text(encoding="utf-8") for f in _modules(root)}
    return {name: {*_spelled_out(_imported(text), sources), *_packages(name)} for name, text in sources.items()}


def _packages(name: str) -> Iterator[str]:
    """The packages that a module lies in: they are loaded before it."""
    while name := name.rpartition(".")[0]:
        yield name


def _is_pure(name: str) -> bool:
    return name.startswith(("schemas", "guidelines", "forecasting.contract", "forecasting.baselines", "streams.core"))


def _meets(imported: Iterable[str], resting: set[str]) -> bool:
    """Whether one of the imported names is such a module, a thing in one, or lies in a package that is one."""
    return any(name in resting or name.rpartition(".")[0] in resting for name in imported)


def _imported(text: str) -> Iterator[str]:
    """What a module imports; of a name that is put together while it runs, what it begins with and a star."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            parts = node.args[0].values[:1] if isinstance(node.args[0], ast.JoinedStr) else node.args[:1]
            yield from (
                f"{part.value}*" for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)
            )


def _spelled_out(names: Iterable[str], modules: Iterable[str]) -> set[str]:
    """The names, those with a star as every module that begins so."""
    found = set(names)
    return found | {m for name in found if name.endswith("*") for m in modules if m.startswith(name[:-1])}
