"""What was said, as rows and back. The only place of the stores that knows how a record is written.

An output's id is made of its content, so it is the same in every store, topic and run.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Table

from schemas.clinical.alerts import AlertEvent
from schemas.events import Response, identity
from schemas.events.quarantine import Rejected
from schemas.frozen import from_json, to_json
from streams.core.cards import digest
from streams.stores import tables

if TYPE_CHECKING:  # a step brings the rules and the model with it: a store needs neither
    from streams.core.step import Output

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def named(output: "Output") -> tuple[str, bytes]:
    """The id of an output, made of its content, and its bytes: the same in every store, topic and run."""
    body = to_json(output)
    if isinstance(output, AlertEvent):
        return digest(output.alert.id, output.change.value, output.at.isoformat()), body
    return digest(body.decode()), body


def row_of(output: "Output") -> tuple[Table, Mapping[str, Any]]:
    """The table of an output, and its row there."""
    name, body = named(output)
    row: dict[str, Any] = {"id": name, "body": body}
    match output:
        case AlertEvent():
            row |= {"alert": output.alert.id, "encounter": output.alert.encounter, "change": output.change.value}
            return tables.alert_events, row | {"at_us": to_us(output.at)}
        case Rejected():
            words = {"sender": output.sender, "code": output.code, "unit": output.unit}
            row |= {name: word and _storable(word)[: tables.SENDERS_CHARS_MAX] for name, word in words.items()}
            row |= {"fault": output.fault.value, "why": _storable(output.why)[: tables.WHY_CHARS_MAX]}
            return tables.quarantine, row | {"encounter": output.encounter, "at_us": to_us(output.received_at)}
        case late:
            return tables.late, row | {"encounter": late.event.encounter, "at_us": to_us(late.applied_at)}


def row_of_response(response: Response) -> Mapping[str, Any]:
    """The row of what a person did; its id is the encounter and what makes two deliveries the same."""
    return {
        "id": _storable(f"{response.encounter}|{identity(response)}"),
        "encounter": response.encounter,
        "at_us": to_us(response.available_at),
        "body": to_json(response),
    }


def alert_event_of(body: bytes) -> AlertEvent:
    return from_json(body, AlertEvent)


def rejected_of(body: bytes) -> Rejected:
    return from_json(body, Rejected)


def to_us(moment: datetime) -> int:
    """Microseconds since 1970."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def from_us(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def _storable(text: str) -> str:
    """PostgreSQL keeps no NUL in a text, and one in a sender's word must not stop a partition. The body has it."""
    return text.replace("\0", "\ufffd")
