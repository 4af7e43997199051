"""Settings: where they come from, what is refused, and that the page about them is true."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError
from pydantic_core import PydanticUndefined

from forecasting.local.own import Own
from forecasting.network.forecaster import load
from infra.service import mind_of
from infra.settings import PREFIX, Settings, SettingsError, read_settings


def test_the_environment_wins_over_the_file_and_the_file_over_the_default(tmp_path: Path) -> None:
    """A setting comes from the environment, else from the file, else from its default."""
    file = tmp_path / "foreshock.toml"
    file.write_text("port = 9000\nkafka_partitions = 12\n")
    settings = read_settings({"FORESHOCK_CONFIG": str(file), "FORESHOCK_PORT": "9001", "PATH": "/usr/bin"})
    assert (settings.port, settings.kafka_partitions, settings.host) == (9001, 12, "127.0.0.1")


def test_the_store_lies_in_the_data_folder_unless_it_is_said_where() -> None:
    """The address of the store follows the data folder, and a given one is kept as it is."""
    assert read_settings({"FORESHOCK_DATA_DIR": "/srv/data"}).database_url == "sqlite:////srv/data/foreshock.sqlite"
    assert read_settings({"FORESHOCK_DATABASE_URL": "postgresql://db/f"}).database_url == "postgresql://db/f"


def test_the_data_folder_follows_the_desktop_convention() -> None:
    """The default data folder is in XDG_STATE_HOME, or in the home folder without it; it is always absolute."""
    assert read_settings({"XDG_STATE_HOME": "/srv/state"}).data_dir == Path("/srv/state/foreshock")
    assert read_settings({}).data_dir == Path.home() / ".local/state/foreshock"
    assert read_settings({"FORESHOCK_DATA_DIR": "here"}).data_dir == Path.cwd() / "here"


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"FORESHOCK_PROT": "1"}, "FORESHOCK_PROT is not a setting; did you mean FORESHOCK_PORT?"),
        ({"FORESHOCK_ZZZ": "1"}, "FORESHOCK_ZZZ is not a setting: docs/settings.md lists them all."),
        ({"FORESHOCK_PORT": "65536"}, "FORESHOCK_PORT: Input should be less than or equal to 65535."),
        ({"FORESHOCK_ALLOWED_LATENESS_S": "nan"}, "FORESHOCK_ALLOWED_LATENESS_S: Input should be a finite number."),
        (
            {"FORESHOCK_TIME_ZONE": "Berlin"},
            "FORESHOCK_TIME_ZONE: expected a time zone by its IANA name, such as Europe/Berlin.",
        ),
        ({"FORESHOCK_TIME_ZONE": "../UTC"}, "such as Europe/Berlin."),
        ({"FORESHOCK_CONFIG": "/no/such.toml"}, "FORESHOCK_CONFIG names /no/such.toml, which cannot be read"),
        ({"FORESHOCK_DATA_DIR": "~nobody-here/x"}, "begins with ~, but this user has no home folder."),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_sentence(environ: dict[str, str], said: str) -> None:
    """An unknown name, a value out of range and an unreadable file each end in a sentence that names the culprit."""
    with pytest.raises(SettingsError) as refused:
        read_settings(environ)
    assert said in str(refused.value)


@pytest.mark.parametrize(("text", "said"), [("prot = 1", "did you mean port in "), ("port", "is not a TOML file")])
def test_a_wrong_file_is_refused_by_its_name(tmp_path: Path, text: str, said: str) -> None:
    """A file with an unknown key, or that is no TOML, is refused, and the sentence names the file."""
    file = tmp_path / "foreshock.toml"
    file.write_text(text)
    with pytest.raises(SettingsError) as refused:
        read_settings({"FORESHOCK_CONFIG": str(file)})
    assert said in str(refused.value)
    assert str(file) in str(refused.value)


def test_a_password_is_not_shown() -> None:
    """The address of the store, which may hold a password, is neither in the settings' text nor in a refusal."""
    address = "postgresql://foreshock:hunter2@db/f"
    assert "hunter2" not in repr(read_settings({"FORESHOCK_DATABASE_URL": address}))
    with pytest.raises(SettingsError) as refused:
        read_settings({"FORESHOCK_PORT": address})
    assert "hunter2" not in str(refused.value)


def test_boards_and_sentences_go_by_the_clocks_of_the_ward() -> None:
    """One setting for both: no card shows a time of the one beside a time of the other."""
    settings = read_settings({"FORESHOCK_TIME_ZONE": "Asia/Kolkata"})
    assert settings.zone == mind_of(settings, Own(load())).policy.zone == ZoneInfo("Asia/Kolkata")
    assert read_settings({}).zone.key == "UTC"


def test_settings_do_not_change() -> None:
    """Settings are frozen: nobody changes them for somebody else."""
    with pytest.raises(ValidationError):
        read_settings({}).port = 1  # type: ignore[misc]


def test_the_page_describes_each_setting_as_it_is(root: Path) -> None:
    """docs/settings.md has one row for each setting, with its name, default and description as in the code."""
    rows = [
        f"| `{name}` | `{PREFIX}{name.upper()}` | "
        + ("`foreshock.sqlite` in `data_dir`" if field.default is PydanticUndefined else f"`{field.default}`")
        + f" | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    rows = [row.replace("| `` |", "| none |").replace("| `None` |", "| none |") for row in rows]
    page = (root / "docs/settings.md").read_text(encoding="utf-8").splitlines()
    assert [line for line in page if line.startswith("| `")] == rows
