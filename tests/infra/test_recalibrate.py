"""`foreshock recalibrate` keeps a version with its before and after, puts it in force, and takes it back."""

from collections.abc import Callable
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from forecasting.local.own import own, recalibrations
from forecasting.network import forecaster
from infra.commands import cli, recalibrate
from infra.commands.check import findings
from infra.commands.recalibrate import CannotRecalibrate, run_recalibrate
from infra.settings import Settings
from streams.cohorts.replay import Job
from streams.core.policy import Policy
from tests.forecasting.network.test_forecaster import made_up
from tests.forecasting.protocols.collections import write_2019

NOW = datetime(2031, 5, 4, 8, 0, tzinfo=UTC)
Ran = tuple[Settings, str, str]


@pytest.fixture(autouse=True)
def served(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small network with drawn weights, for speed."""
    monkeypatch.setattr(forecaster, "load", made_up)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """110 drawn stays."""
    data = tmp_path_factory.mktemp("data")
    write_2019(data, 110)
    return data / "challenge2019" / "setA.parquet"


@pytest.fixture(scope="module")
def ran(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """One run: the settings, the version, and what was printed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forecaster, "load", made_up)
        settings = Settings(data_dir=tmp_path_factory.mktemp("own"))
        said = StringIO()
        version = run_recalibrate(cohort, "challenge2019", 1, settings, NOW, Console(file=said, width=110))
        return settings, version, said.getvalue()


def told(call: Callable[[Console], object]) -> str:
    """What a command prints."""
    said = StringIO()
    call(Console(file=said, width=200))
    return said.getvalue()


def test_before_and_after_are_shown(ran: Ran) -> None:
    """A table on the console, and a page with everything beside the version."""
    settings, version, said = ran
    assert "slope before" in said
    assert "all lines" in said
    assert f"{version} is in force" in said
    page = (settings.data_dir / "recalibration" / f"{version}.md").read_text("utf-8")
    assert "# Recalibration at a hospital" in page
    assert "## All lines and times of each question" in page
    assert "110" in page


def test_what_was_fitted_is_served(ran: Ran) -> None:
    """By the service, by a replay, and `foreshock check` says so."""
    settings, version, _ = ran
    here = own(settings.data_dir)
    assert here.recalibration is not None
    assert here.recalibration.version == version
    assert here.recalibration.patients == 110
    job = Job(settings.data_dir, "challenge2019", Policy(), own=settings.data_dir)
    assert job.mind().forecaster.digest == here.forecaster.digest != made_up().digest
    chances = next(finding for finding in findings(settings) if finding.what == "chances")
    assert chances.ok
    assert chances.says == "Chances were checked on 110 patients of this hospital, 2031-05-04."


def test_it_can_be_listed_undone_and_used_again(ran: Ran) -> None:
    """Each says what is in force afterwards; a step that cannot be taken is refused."""
    settings, version, _ = ran
    assert f"in force  {version}: 2031-05-04, 110 patients" in told(lambda out: recalibrate.listed(settings, out))
    assert "as they were fitted" in told(lambda out: recalibrate.undo(settings, NOW, out))
    assert own(settings.data_dir).forecaster is made_up()
    with pytest.raises(CannotRecalibrate, match="nothing is in force"):
        recalibrate.undo(settings, NOW, Console(quiet=True))
    assert f"{version} is in force" in told(lambda out: recalibrate.use(version, settings, NOW, out))
    with pytest.raises(CannotRecalibrate, match="there is no version"):
        recalibrate.use("0009-00000000", settings, NOW, Console(quiet=True))
    assert recalibrations(settings.data_dir).in_force() == version


def test_one_of_another_model_is_said_and_not_used(ran: Ran, tmp_path: Path) -> None:
    """By the list, by `use` and by `foreshock check`."""
    settings, version, _ = ran
    digest = made_up().ahead.digest  # type: ignore[union-attr]
    text = recalibrations(settings.data_dir).text(version).replace(digest, "0" * 32)
    other = recalibrations(tmp_path).add(text, NOW)
    elsewhere = Settings(data_dir=tmp_path)
    assert "of another version of the model" in told(lambda out: recalibrate.listed(elsewhere, out))
    with pytest.raises(CannotRecalibrate, match="belongs to another version"):
        recalibrate.use(other, elsewhere, NOW, Console(quiet=True))
    chances = next(finding for finding in findings(elsewhere) if finding.what == "chances")
    assert not chances.ok
    assert "belongs to another version of the model" in chances.says


def test_too_few_patients_are_refused(cohort: Path, tmp_path: Path) -> None:
    """Nothing is written."""
    import polars as pl

    few = tmp_path / "few.parquet"
    table = pl.read_parquet(cohort)
    table.filter(pl.col("patient_id") < "A0020").write_parquet(few)
    settings = Settings(data_dir=tmp_path / "own")
    with pytest.raises(CannotRecalibrate, match="20 patients are too few"):
        run_recalibrate(few, "challenge2019", 1, settings, NOW, Console(quiet=True))
    assert not (tmp_path / "own").exists()


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    """Nothing there, and another format."""
    settings = Settings(data_dir=tmp_path)
    for path in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(CannotRecalibrate, match="expected"):
            run_recalibrate(path, "challenge2019", 1, settings, NOW, Console(quiet=True))


@pytest.mark.parametrize("words", [[], ["--list", "--undo"], ["somewhere"], ["--from", "challenge2019", "--list"]])
def test_one_thing_is_asked_at_a_time(words: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A cohort with its format, or a list, or a step: else one sentence, and nothing happens."""
    monkeypatch.setattr(cli, "configure_logs", lambda _: None)  # the tests have their own logging
    found = CliRunner().invoke(cli.app, ["recalibrate", *words], env={"FORESHOCK_DATA_DIR": str(tmp_path)})
    assert found.exit_code == 2
    assert "expected a COHORT with its --from, or one of --list, --use and --undo" in found.stderr
