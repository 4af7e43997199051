"""`foreshock recalibrate`: a hospital's chances set right on its own past patients, version by version."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from forecasting.local import compared
from forecasting.local.moments import Cohort as Told
from forecasting.local.moments import Visited
from forecasting.local.own import recalibrations
from forecasting.local.recalibrating import Compared, Refused, Result, recalibrated
from forecasting.local.recalibration import Recalibration, Unfit
from forecasting.local.versions import NotKept
from forecasting.network.fitted import Fitted
from forecasting.training import json_rows
from infra.private import keep_private
from infra.progress import progress, say
from infra.service import policy_of
from infra.settings import Settings
from streams.adapters import WrongFormat
from streams.cohorts.hashes import files_of, hash_of
from streams.cohorts.visits import HORIZON_H, Cohort, fitted_or_why, visited
from streams.core.questions import ASKED

SEED = 7
SHOWN = tuple((f"{asked.condition.quantity} {asked.condition.op}", asked.condition.value, HORIZON_H) for asked in ASKED)
"""The lines of the board."""


class CannotRecalibrate(Exception):
    """Why nothing was recalibrated; what was in force still is."""


def run_recalibrate(
    path: Path, source: str, processes: int, settings: Settings, now: datetime, console: Console
) -> str:
    """Fit, keep and put in force; the version. Raises CannotRecalibrate, OSError."""
    if not path.exists():
        raise CannotRecalibrate(f"expected a file or folder at {path}, found nothing")
    cohort = Cohort(path, source, policy_of(settings))
    found: list[Visited] = []
    try:
        with progress(console) as tell:
            for stay in visited(cohort, processes):
                found.append(stay)
                tell(len(found), None, "stays looked at")
            fitted = fitted_or_why()
            tell(len(found), len(found), "stays looked at; scales are fitted")
            told = Told.of(found, [question.name for question in fitted.questions])
            result = recalibrated(told, SHOWN, SEED)
    except (Refused, WrongFormat, ValueError) as problem:
        raise CannotRecalibrate(problem) from None
    about = _about(told, cohort, fitted, now)
    versions = recalibrations(settings.data_dir)
    keep_private()
    version = versions.add(json_rows.dumps(compared.kept(result, about)), now)
    page = versions.folder / f"{version}.md"
    page.write_text(compared.report(result, about).markdown(), encoding="utf-8")
    console.print(_table(result))
    changed = sum(one.left is None for one in result.questions.values())
    say(
        console,
        f"{version} is in force: of {len(result.questions)} questions that could be checked {changed} are set right; "
        f"{len(result.too_few)} have too few patients. All figures: {page}",
    )
    say(console, "A service that runs reads it when it starts again. To take it back: foreshock recalibrate --undo")
    return version


def _about(told: Told, cohort: Cohort, fitted: Fitted, now: datetime) -> dict[str, Any]:
    return {
        "made_at": now.isoformat(timespec="seconds"),
        "belongs_to": fitted.digest,
        "cohort": {
            "name": cohort.path.name,
            "from": cohort.source,
            "sha256": hash_of(files_of(cohort.path)),
            "patients": len(told.patients),
            "moments": told.moments,
        },
        "seed": SEED,
    }


def _table(result: Result) -> Table:
    """The lines of the board before and after, where enough patients are there; then all lines of each question."""
    table = Table("", "slope before", "after", "Brier before", "after", title="Chances, before and after")
    rows: Sequence[tuple[str, Compared]] = [
        *((f"{p.question} {p.which}", p.compared) for p in result.parts if p.what == "shown"),
        *((f"{name}, all lines", one.compared) for name, one in result.questions.items()),
    ]
    for name, of in rows:
        slopes = (f"{of.before.slope.value:.2f}", f"{of.after.slope.value:.2f}")
        table.add_row(name, *slopes, f"{of.before.brier.value:.4f}", f"{of.after.brier.value:.4f}")
    return table


def use(version: str, settings: Settings, now: datetime, console: Console) -> None:
    """Put a version in force that was kept. Raises CannotRecalibrate."""
    versions = recalibrations(settings.data_dir)
    try:
        Recalibration.read(version, versions.text(version)).applied(fitted_or_why(), fitted_or_why().digest)
        versions.use(version, now)
    except (NotKept, Unfit, ValueError) as problem:
        raise CannotRecalibrate(problem) from None
    say(console, f"{version} is in force.")


def undo(settings: Settings, now: datetime, console: Console) -> None:
    """Back to what was in force before. Raises CannotRecalibrate."""
    try:
        version = recalibrations(settings.data_dir).undo(now)
    except NotKept as problem:
        raise CannotRecalibrate(problem) from None
    say(console, "Chances are as they were fitted." if version is None else f"{version} is in force again.")


def listed(settings: Settings, console: Console) -> None:
    """Every version that is kept. Raises CannotRecalibrate."""
    versions = recalibrations(settings.data_dir)
    try:
        in_force = versions.in_force()
    except NotKept as problem:
        raise CannotRecalibrate(problem) from None
    for version in versions.kept():
        try:
            own = Recalibration.read(version, versions.text(version))
            about = f"{own.made_on}, {own.patients} patients, {len(own.questions)} questions"
            if own.belongs_to != fitted_or_why().digest:
                about += "; of another version of the model, so it is not used"
        except (NotKept, Unfit, ValueError) as problem:
            about = str(problem)
        say(console, f"{'in force  ' if version == in_force else '          '}{version}: {about}")
    if not versions.kept():
        say(console, f"No recalibration is kept in {versions.folder}.")
