"""The mutation job: which faults it makes, and that it tells one that is noticed from one that is not."""

import ast
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from benchmarks.mutation.mutants import enumerations, mutants_of
from benchmarks.mutation.trials import modules_apart_from

ENUM = "class Truth(Enum):\n    YES = 1\n    NO = 2\n"


def after(text: str, name: str = "a.py") -> set[str]:
    """What one line becomes, fault by fault."""
    enumerations({"e.py": ENUM})
    return {mutant.diff(text)[1] for mutant in mutants_of(Path(name), text)}


@pytest.mark.parametrize(
    ("line", "becomes"),
    [
        ("a < b", {"a <= b", "a > b"}),
        ("a is not b", {"a is b"}),
        ("a and b", {"a or b"}),
        ("a + 2", {"a - 2", "a + 3", "a + 1"}),
        ("0.5", {"0.55", "0.45"}),
        ("max(a)", {"min(a)"}),
        ("not a", {"a"}),
        ("b if a else c", {"(b)", "(c)"}),
        ("(a, b, c)", {"(b, c)", "(a, c)", "(a, b)"}),
        ("(a, b)", {"(a,)", "(b,)"}),
        ("{a: b, c: d}", {"{c: d}", "{a: b}"}),
        ("Truth.YES", {"Truth.NO"}),
        ('"hard"', {'"soft"'}),
        ('"Penicillin allergy."', set()),
        ("[a for a in b if a]", {"[a for a in b if (not (a))]"}),
    ],
)
def test_a_line_has_these_faults(line: str, becomes: set[str]) -> None:
    """Each kind of fault, and nothing else, is put into a line."""
    assert after(f"x = {line}") == {f"x = {new}" for new in becomes}


def test_a_result_and_a_condition_have_faults_too() -> None:
    """A function may return nothing, and a condition be turned round."""
    assert "return None" in after("def f():\n    return a")
    assert "if (not (a)):" in after("if a:\n    pass")


def test_what_is_for_people_and_for_types_is_left_alone() -> None:
    """No fault is put into docstrings, annotations, decorators, messages or imports."""
    head = '@dataclass(frozen=True)\nclass A(B, slots=True):\n    """Of 3."""\n    x: Literal[1, 2]\n\n'
    assert after(head + '    def f(self) -> 1:\n        raise E(f"at most {1}")\n') == set()


@pytest.mark.parametrize(
    ("line", "becomes"),
    [
        (
            'when = "map below 65 for 10 min"',
            {"at_most 65 for 10", "below 66 for 10", "below 64 for 10", "65 for 11", "65 for 9"},
        ),
        ('when = "any_of(is a; is b)"', {"all_of(is a; is b)", "any_of(is a)", "any_of(is b)"}),
        ('severity = "hard"', {'"soft"'}),
        ("prepare = true", {"false"}),
        ('orders = ["x", "y"]', {'["x"]', '["y"]'}),
        ('text = "Give 30 mL/kg within 3 h"', set()),
    ],
)
def test_a_rule_has_these_faults(line: str, becomes: set[str]) -> None:
    """Numbers, words and parts of what decides; never the words for people."""
    made = after(f"[a]\n{line}\n", "a.toml")
    assert len(made) == len(becomes)
    assert all(any(new in one for one in made) for new in becomes)
    assert all(tomllib.loads(one) for one in made)


def test_every_fault_in_our_own_code_still_parses(root: Path) -> None:
    """A fault that is no Python or no TOML would be noticed by everything, and say nothing."""
    notes = ("guidelines/notes/words.py", "guidelines/notes/scope.py")
    for name in (*notes, "streams/core/ordering.py", "schemas/conditions/text.py"):
        text = (root / name).read_text(encoding="utf-8")
        for mutant in mutants_of(Path(name), text)[::7]:
            ast.parse(mutant.applied(text))
    for path in (root / "guidelines/knowledge").rglob("*.toml"):
        text = path.read_text(encoding="utf-8")
        for mutant in mutants_of(path, text, root)[::25]:
            tomllib.loads(mutant.applied(text))


THING = '''"""A thing."""

from functools import cache
from pathlib import Path

import tomllib

LIMIT = 3
LONGEST = 8
TABLE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text())


def low(x: int) -> bool:
    return x < LIMIT


def loud(x: int) -> int:
    return x + 1


@cache
def twice(x: int) -> int:
    return x * 2
'''
TABLE = "[a]\nvalue = 4\n"
USER = """
from schemas.thing import TABLE

def sides():
    return TABLE["a"]["value"]
"""
TESTS = """
from schemas.thing import LONGEST, loud, low, twice
from schemas.user import sides

def test_longest():
    assert LONGEST == 8

def test_low():
    assert low(2) and not low(3)

def test_loud():
    loud(1)

def test_twice_is_only_run():
    twice(3)

def test_twice():
    assert twice(3) == 6

def test_sides():
    assert sides() == 4
"""
JOB = """
import json
from pathlib import Path
from benchmarks.mutation.mutants import mutants_of
from benchmarks.mutation.trials import mapped, trials_of
root = Path.cwd()
tests, said = mapped(["tests"], root), {}
for name in ("schemas/thing.py", "schemas/thing.toml"):
    text = (root / name).read_text()
    trials = trials_of(name, mutants_of(root / name, text, root), tests, root)
    said |= {t.mutant.diff(text)[1]: t.outcome for t in trials}
print(json.dumps(said))
"""


@pytest.mark.timeout(300)  # it runs a small suite dozens of times
def test_the_job_tells_what_is_noticed_from_what_is_not(root: Path, tmp_path: Path) -> None:
    """Faults of what a test checks are noticed, also in a constant, in data, and in an answer that is kept for the next
    who asks; of what a test only runs, they live."""
    files = {
        "schemas/__init__.py": "",
        "schemas/thing.py": THING,
        "schemas/thing.toml": TABLE,
        "schemas/user.py": USER,
        "tests/test_thing.py": TESTS,
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    for layer in ("guidelines", "forecasting", "streams"):
        (tmp_path / layer).mkdir()
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{root}"}
    environment.pop("COVERAGE_PROCESS_START", None)  # the job measures coverage itself
    command = [sys.executable, "-c", JOB]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-800:]
    assert json.loads(done.stdout) == {
        "LIMIT = 4": "killed",
        "LIMIT = 2": "killed",
        "LONGEST = 9": "killed",
        "LONGEST = 7": "killed",
        "return x <= LIMIT": "killed",
        "return x > LIMIT": "killed",
        "return None": "killed",  # of `twice`; those of `low` and `loud`, which read the same, come before it
        "return x - 1": "survived",
        "return x + 2": "survived",
        "return x + 0": "survived",
        "return x / 2": "killed",
        "return x * 3": "killed",
        "return x * 1": "killed",
        "value = 5": "killed",
        "value = 3": "killed",
    }


@pytest.mark.parametrize("package", ["schemas.events", "schemas.conditions"])
def test_a_package_is_not_loaded_before_the_fault_is_in_it(package: str) -> None:
    """Whoever lies in it loads it: such a module is none that does not rest on it."""
    root = Path(__file__).parents[1]
    apart = modules_apart_from(f"{package.replace('.', '/')}/__init__.py", root)
    assert apart
    assert not [name for name in apart if name.startswith(package)]


@pytest.mark.parametrize("name", ["lexicon", "cues"])
def test_the_words_of_notes_are_not_read_before_the_fault_is_in_them(name: str) -> None:
    """The module that reads them as it is loaded is none that does not rest on them."""
    apart = modules_apart_from(f"guidelines/knowledge/notes/{name}.toml", Path(__file__).parents[1])
    assert "schemas.codes.drugs" in apart
    assert not {"guidelines.notes.lexicon", "guidelines.notes.reading"} & set(apart)
