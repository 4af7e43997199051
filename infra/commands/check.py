"""`foreshock check`: whether this installation can serve, one line per part."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from sqlalchemy import create_engine, make_url, text

from boards.web.app import LIBRARIES, NODE_MODULES
from forecasting.local.own import own
from forecasting.network import forecaster
from guidelines.book.units import load_units
from infra.private import keep_private
from infra.settings import Settings


class Checked(NamedTuple):
    """One part, whether it is in order, and what was found."""

    what: str
    ok: bool
    says: str


def findings(settings: Settings) -> Iterator[Checked]:
    """Each part in turn; a part that fails does not keep the next from being looked at."""
    yield _checked("rules", lambda: _rules(settings))
    yield _checked("model", _model)
    yield _checked("chances", lambda: _chances(settings))
    yield _checked("browser libraries", _libraries)
    yield _checked("store", lambda: _store(settings))


def _checked(what: str, look: Callable[[], str]) -> Checked:
    try:
        return Checked(what, True, look())
    except Exception as problem:  # whatever is wrong with a part is what this command is for
        first, *_ = str(problem).splitlines() or [""]
        return Checked(what, False, f"{type(problem).__name__}: {first}")


def _rules(settings: Settings) -> str:
    books = load_units(settings.overlays)
    states = ", ".join(f"{g.id} {g.version} ({g.status})" for g in books.base.guidelines)
    own = "".join(f"; unit {unit}: {book.version[:12]}" for unit, book in books.units.items())
    return f"{states}; hash {books.base.version[:12]}{own}"


def _model() -> str:
    loaded = forecaster.load()
    if loaded.problem is not None:
        raise ValueError(f"no chances are given: {loaded.problem}")
    return f"{loaded.name} {loaded.version}, {len(loaded.concepts)} concepts; hash {loaded.digest[:12]}"


def _chances(settings: Settings) -> str:
    local = own(settings.data_dir)
    if local.problems:
        raise ValueError("; ".join(local.problems))
    return local.said


def _libraries() -> str:
    missing = [path for path in LIBRARIES.values() if not (NODE_MODULES / path).is_file()]
    if missing:
        raise FileNotFoundError(f"missing {', '.join(missing)}: install them with ./run")
    return "installed"


def _store(settings: Settings) -> str:
    """Connects without taking the store over from a service that runs."""
    url = make_url(settings.database_url)
    if url.get_backend_name() == "sqlite" and url.database:
        keep_private()
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url)
    with engine.connect() as connection:
        connection.execute(text("select 1"))
    engine.dispose()
    return f"{url.get_backend_name()} answers"
