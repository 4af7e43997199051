"""Every setting of the service, read once at the start: environment before file before default."""

import tomllib
from collections.abc import Mapping
from datetime import time
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from guidelines.asking.times import Hours
from schemas.local_time import time_zone

PREFIX = "FORESHOCK_"
CONFIG = "FORESHOCK_CONFIG"  # the one name with the prefix that is no setting: where the file is


class SettingsError(Exception):
    """The settings cannot be used; the text says which and why, without the value that was given."""


def _absolute(path: Path) -> Path:
    try:
        return path.expanduser().absolute()
    except RuntimeError:
        raise ValueError("it begins with ~, but this user has no home folder") from None


def _zone(name: str) -> str:
    return time_zone(name).key


ClockTime = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
"""A time of day as the ward's clocks show it: 08:00."""


class Settings(BaseModel):
    """The settings in force. docs/settings.md describes each one in the words given here."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True, validate_default=True
    )

    data_dir: Annotated[Path, AfterValidator(_absolute)] = Field(
        Path("~/.local/state/foreshock"), description="Folder of everything that the service keeps."
    )
    host: str = Field("127.0.0.1", min_length=1, description="Address that the board listens on.")
    port: int = Field(8000, ge=0, le=65_535, description="Port that the board listens on; 0 takes any free one.")
    allowed_hosts: str = Field(
        "",
        description="Further host names that the board answers to, separated by commas, besides loopback and `host`.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe log line that is written."
    )
    allowed_lateness_s: float = Field(
        0.5, ge=0, le=3_600, description="Seconds that an event may come out of order and still be put in its place."
    )
    overlays: Annotated[Path, AfterValidator(_absolute)] | None = Field(
        None, description="Folder of the units' own rules, one folder per unit; none: every unit has the base book."
    )
    time_zone: Annotated[str, AfterValidator(_zone)] = Field(
        "UTC", description="IANA name of the time zone that the ward's clocks go by; logs stay in UTC."
    )
    morning_round: ClockTime = Field("08:00", description="When the morning round is, where a question says so.")
    night_from: ClockTime = Field("20:00", description="When the night begins that a question calls tonight.")
    night_to: ClockTime = Field("07:00", description="When that night ends.")
    kafka_bootstrap: str = Field(
        "127.0.0.1:9092", min_length=1, description="Kafka brokers as host:port, separated by commas."
    )
    kafka_partitions: int = Field(
        6, ge=1, le=1_024, description="Partitions of each topic that is keyed by encounter; fixed once it exists."
    )
    database_url: str = Field(
        default_factory=lambda known: f"sqlite:///{known['data_dir']}/foreshock.sqlite",
        min_length=1,
        repr=False,  # may hold a password
        description="SQLAlchemy address of the store.",
    )

    @property
    def hours(self) -> Hours:
        """The times of the ward's day that questions name."""
        return Hours(*map(time.fromisoformat, (self.morning_round, self.night_from, self.night_to)))

    @property
    def zone(self) -> ZoneInfo:
        """What the ward's clocks go by."""
        return ZoneInfo(self.time_zone)


def read_settings(environ: Mapping[str, str]) -> Settings:
    """The settings that this environment, and the file it may name, ask for. Raises SettingsError."""
    state_home = environ.get("XDG_STATE_HOME")
    default = {"data_dir": f"{state_home}/foreshock"} if state_home else {}
    file = environ.get(CONFIG)
    named = {name for name in environ if name.startswith(PREFIX) and name != CONFIG}
    given = default | _table(file) | {name.removeprefix(PREFIX).lower(): environ[name] for name in named}
    try:
        return Settings.model_validate(given)
    except ValidationError as problem:
        errors = problem.errors(include_url=False, include_input=False)
        # the second kind only repeats that the first setting, on which this default rests, is wrong
        said = [_sentence(error, named, file) for error in errors if error["type"] != "default_factory_not_called"]
        raise SettingsError(" ".join(said)) from None


def _table(path: str | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        return tomllib.loads(Path(path).expanduser().read_text(encoding="utf-8"))
    except OSError as problem:
        raise SettingsError(f"{CONFIG} names {path}, which cannot be read: {problem.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise SettingsError(f"{path} is not a TOML file in UTF-8.") from None


def _sentence(error: ErrorDetails, named: set[str], file: str | None) -> str:
    key = str(error["loc"][0])
    from_environment = PREFIX + key.upper() in named

    def name(key: str) -> str:
        return PREFIX + key.upper() if from_environment else f"{key} in {file}"

    if error["type"] != "extra_forbidden":
        return f"{name(key)}: {error['msg'].removeprefix('Value error, ')}."
    near = get_close_matches(key, Settings.model_fields, n=1)
    hint = f"; did you mean {name(near[0])}?" if near else ":"
    return f"{name(key)} is not a setting{hint} docs/settings.md lists them all."
