"""Every limit is what docs/limits.md says it is, and none is left out."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import ModuleType

import pytest

from forecasting.local import moments, teaching, versions
from guidelines import checklist, evidence, findings, wording
from guidelines.asking import meaning, nearest, tokens
from guidelines.asking import reading as asked
from guidelines.notes import copied, reading, scope, values
from guidelines.quantities import pressure
from infra.commands import teach
from schemas import events
from schemas.boards import views
from schemas.clinical import cards as hooks
from schemas.codes import units
from schemas.conditions import text
from schemas.events import quarantine, wire
from streams.cohorts import visits
from streams.core import asking, cards, chart, ordering, resting, retention, source_clock, step, view

MODULES: tuple[ModuleType, ...] = (
    events, wire, quarantine, hooks, units, text, views, checklist, evidence, findings, wording, copied, reading, scope,
    values, pressure, tokens, meaning, nearest, asked, asking, cards, chart, ordering, resting, retention, source_clock,
    step, view, visits, moments,
    versions, teaching, teach,
)  # fmt: skip
PAGE = Path(__file__).parents[1] / "docs" / "limits.md"
ROW = re.compile(r"^\| `([\w.]+)\.(\w+)` \| ([\d.e]+) ?([^|]*?) \|", re.MULTILINE)
UNITS = {"KiB": 1024, "s": 1, "min": 60, "h": 3_600, "d": 86_400}


def said() -> Iterator[tuple[str, str, float]]:
    """Module, name and value of each row; of a time its seconds."""
    for module, name, number, unit in ROW.findall(PAGE.read_text(encoding="utf-8")):
        yield module, name, float(number) * UNITS.get(unit, 1)


@pytest.mark.parametrize(("module", "name", "value"), list(said()))
def test_a_limit_is_what_its_page_says(module: str, name: str, value: float) -> None:
    """Bytes, seconds, or a count."""
    found = vars({m.__name__: m for m in MODULES}[module])[name]
    assert (found.total_seconds() if isinstance(found, timedelta) else found) == value


def test_no_row_of_the_page_is_passed_over() -> None:
    """One that is written in another form would be compared with nothing."""
    assert len(list(said())) == PAGE.read_text(encoding="utf-8").count("\n| `")


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_no_limit_is_left_out(module: ModuleType) -> None:
    """Whatever a module calls a maximum is on the page."""
    source = Path(str(module.__file__)).read_text(encoding="utf-8")
    own = set(re.findall(r"^([A-Z]\w*_MAX)(?:: [^=]+)? = ", source, re.MULTILINE))
    assert own <= {name for of, name, _ in said() if of == module.__name__}
