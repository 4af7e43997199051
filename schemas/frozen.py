"""The bases of every record: `Frozen` at the edge, where input is checked; `Record` behind it, where it is trusted."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import msgspec
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, StringConstraints

EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
LATEST = datetime(2300, 1, 1, tzinfo=UTC)  # de-identified sets live in shifted centuries

T = TypeVar("T")


def _utc(moment: datetime) -> datetime:
    """The same moment in UTC; a moment outside 1900–2300 is a broken clock, not a time."""
    if not EARLIEST <= moment <= LATEST:
        raise ValueError("expected a time between 1900 and 2300")
    return moment.astimezone(UTC)


Moment = Annotated[AwareDatetime, AfterValidator(_utc)]
"""A time with a zone, kept in UTC. Naive times are refused."""

EncounterId = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][\w.:|/-]*$")]
"""The key of every message: one stay of one patient. Never a name."""

ShortText = Annotated[str, StringConstraints(max_length=200)]


class Frozen(BaseModel):
    """A record at the edge: never changes, refuses unknown fields and NaN, keeps its values out of error texts."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """A record behind the edge: frozen, small, and unchecked, since it is made of what was checked there.

    `None` is left out of its JSON; `always` keeps a default in. Records hold no cycles, so the garbage collector need
    not look at them: with a thousand beds it would look for a second.
    """


def always(value: T) -> T:
    """The default of a field that is written even where it is the default."""
    made: Callable[[], T] = lambda: value  # noqa: E731
    return msgspec.field(default_factory=made)


def to_json(record: Any) -> bytes:
    """A record as JSON in UTF-8. Equal records give equal bytes."""
    return msgspec.json.encode(record)


def from_json(raw: bytes, kind: type[T]) -> T:
    """The record that was written. Raises msgspec.DecodeError, msgspec.ValidationError."""
    return msgspec.json.decode(raw, type=kind)
