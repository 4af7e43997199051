"""The one base of every record on the wire: frozen, closed, finite, in UTC."""

from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, StringConstraints

EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
LATEST = datetime(2300, 1, 1, tzinfo=UTC)  # de-identified sets live in shifted centuries


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
    """A record that never changes, refuses unknown fields and NaN, and keeps its values out of error texts."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)

    @classmethod
    def trusted(cls, **fields: Any) -> Self:
        """A record of fields that this program made itself, unchecked: `model_construct` in a third of the time."""
        made = cls.__new__(cls)
        _put(made, "__dict__", {**_defaults(cls), **fields})
        _put(made, "__pydantic_fields_set__", set(fields))
        _put(made, "__pydantic_extra__", None)
        _put(made, "__pydantic_private__", None)
        return made


_put = object.__setattr__


@cache
def _defaults(kind: type[Frozen]) -> dict[str, Any]:
    """Every field of a record in its order, which is also that of its JSON, with the default where there is one."""
    return {name: None if field.is_required() else field.default for name, field in kind.model_fields.items()}
