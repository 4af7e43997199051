"""The forecaster of one hospital: what was fitted, with what the hospital's data folder holds of its own.

    DIR/recalibration/          versions of its recalibration
    DIR/taught/NAME/            versions of each thing that it taught

What belongs to another model, or cannot be read, is left aside with the reason: it never keeps a service from starting.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

from forecasting.baselines import trend
from forecasting.local import taught
from forecasting.local.recalibration import Recalibration, Unfit
from forecasting.local.versions import NotKept, Versions
from forecasting.network import forecaster
from forecasting.network.fitted import Fitted
from forecasting.network.forecaster import CrossingNetwork

RECALIBRATION, TAUGHT = "recalibration", "taught"


@dataclass(frozen=True)
class Own:
    """What serves here, and what a person must know of it."""

    forecaster: CrossingNetwork
    recalibration: Recalibration | None = None
    problems: tuple[str, ...] = ()

    @property
    def said(self) -> str:
        """Whether chances were checked on patients of this hospital, for its boards."""
        own = self.recalibration
        if own is not None:
            return f"Chances were checked on {own.patients:,} patients of this hospital, {own.made_on}."
        why = next((problem for problem in self.problems if problem.startswith(RECALIBRATION)), None)
        return f"Chances are not checked at this hospital{'' if why is None else f': {why}'}."


def recalibrations(folder: Path) -> Versions:
    """Of the hospital whose data folder this is."""
    return Versions(folder / RECALIBRATION)


def lessons(folder: Path, name: str) -> Versions:
    """Of one thing that this hospital teaches."""
    return Versions(folder / TAUGHT / name)


def own(folder: Path | None) -> Own:
    """What serves at the hospital with this data folder; None: what was fitted, and nothing else."""
    fitted = forecaster.load()
    if folder is None or isinstance(fitted.ahead, str):
        return Own(fitted)
    ahead, problems = _with_lessons(folder, fitted.ahead)
    recalibration = None
    try:
        if (version := recalibrations(folder).in_force()) is not None:
            recalibration = Recalibration.read(version, recalibrations(folder).text(version))
            ahead = recalibration.applied(ahead, fitted.ahead.digest)
    except (Unfit, NotKept) as problem:
        recalibration, problems = None, (*problems, f"{RECALIBRATION}: {problem}")
    served = fitted if ahead is fitted.ahead else CrossingNetwork(trend.load(), ahead)
    return Own(served, recalibration, problems)


def _with_lessons(folder: Path, fitted: Fitted) -> tuple[Fitted, tuple[str, ...]]:
    known, unknown = {}, {}
    for name, versions in _taught(folder):
        try:
            if (version := versions.in_force()) is not None:
                known[name] = taught.read(version, versions.text(version), fitted)
        except (Unfit, NotKept) as problem:
            unknown[name] = str(problem)
    if not known and not unknown:
        return fitted, ()
    told = " ".join(f"{name} {one.version}" for name, one in sorted(known.items()))
    digest = blake2b(f"{fitted.digest} {told}".encode(), digest_size=16).hexdigest()
    with_them = replace(fitted, digest=digest, taught=known, untaught=unknown)
    return with_them, tuple(f"{TAUGHT} {name}: {why}" for name, why in sorted(unknown.items()))


def _taught(folder: Path) -> Iterator[tuple[str, Versions]]:
    place = folder / TAUGHT
    for path in sorted(place.iterdir()) if place.is_dir() else ():
        if path.is_dir() and taught.NAME.fullmatch(path.name):
            yield path.name, lessons(folder, path.name)
