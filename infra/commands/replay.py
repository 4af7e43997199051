"""`foreshock replay` in a terminal: a progress bar, and what came of it."""

from pathlib import Path

from rich.console import Console

from infra.progress import progress, say
from infra.service import policy_of
from infra.settings import Settings
from streams.cohorts.replay import Job, Played, replay


def run_replay(path: Path, source: str, out: Path, processes: int, settings: Settings, console: Console) -> None:
    """Replay and say what was written. Raises WrongFormat, BadBook, OSError."""
    if not path.exists():
        raise FileNotFoundError(f"expected a file or folder at {path}, found nothing")
    if out.exists() and not out.is_dir():
        raise NotADirectoryError(f"expected a folder for the results at {out}, found a file")
    job = Job(path, source, policy_of(settings), overlays=settings.overlays, own=settings.data_dir)
    stays = hours = 0
    with progress(console) as tell:

        def told(played: Played) -> None:
            nonlocal stays, hours
            stays, hours = stays + 1, hours + played.counts["patient_hours"]
            tell(stays, None, f"{hours} patient-hours, stays replayed")

        manifest = replay(job, out, processes, told)
    counts, timings = manifest["counts"], manifest["timings"]
    say(
        console,
        f"{counts.get('stays', 0)} stays, {counts.get('patient_hours', 0)} patient-hours, "
        f"{counts.get('alert_raised', 0)} alerts raised, "
        f"{timings['patient_hours_per_second']} patient-hours per second; written to {out}",
    )
