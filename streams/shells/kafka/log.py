"""How the topics are spoken: names, partitions, headers. Every client of ours, of whichever library, goes through here.

A record of the `events` topic holds events in the wire form (`schemas.events.wire`) and two headers: `now`, the log
time at which it is judged, and `src`, the place of the message that it was made of. A message that was routed twice has
the same `src` twice, and is judged once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Literal, NamedTuple

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from schemas.events import Event, Movement, Note, Reading, Response, Source, Treatment
from schemas.events.wire import MESSAGE_BYTES_MAX
from schemas.frozen import Frozen, Moment

INPUTS = ("vitals", "labs", "notes", "treatments", "movements", "responses")
OUTPUTS = ("events", "quarantine", "late", "alerts", "views")
BYTES_MAX = 8 * 2**20  # of one request: notes, events, quarantine, late and views may be so large
RECORD_BYTES_MAX = 4 * MESSAGE_BYTES_MAX  # of the log: a message in our own words, which name what a sender left out
ANSWER_TIMEOUT_MS = 10_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Headers = Iterable[tuple[str, bytes]]


class NoLog(RuntimeError):
    """The topics are not there, or do not fit together; the text says in one sentence what to do."""


class Src(NamedTuple):
    """Where a message stood. `source` names topic, its id and partition: a topic made anew is another source."""

    source: str
    offset: int

    @property
    def place(self) -> str:
        return f"{self.source} {self.offset}"

    @property
    def header(self) -> bytes:
        return self.place.encode()


@dataclass(frozen=True)
class Log:
    """The topics on one broker. `ids`: what the broker calls each topic; a topic that was made anew has a new id."""

    bootstrap: str
    prefix: str
    partitions: int
    ids: Mapping[str, str]

    def topic(self, name: str) -> str:
        return self.prefix + name

    def source(self, name: str, partition: int) -> str:
        return f"{name}@{self.ids[name][:8]}/{partition}"


def found(bootstrap: str, prefix: str = "") -> Log:
    """The topics as they stand on the broker. Raises NoLog when one is missing or has another number of partitions."""
    names = {prefix + name: name for name in (*INPUTS, *OUTPUTS)}
    try:
        with KafkaAdminClient(
            bootstrap_servers=bootstrap, bootstrap_timeout_ms=ANSWER_TIMEOUT_MS, request_timeout_ms=ANSWER_TIMEOUT_MS
        ) as client:
            missing = names.keys() - set(client.list_topics())
            if missing:
                raise NoLog(f"The topic {min(missing)} is missing at {bootstrap}; `foreshock topics` makes it.")
            rows = client.describe_topics(list(names))
    except (KafkaError, OSError) as problem:
        raise NoLog(f"No Kafka broker answers at {bootstrap}; `foreshock kafka up` starts one.") from problem
    counts = {len(row["partitions"]) for row in rows}
    if len(counts) > 1:
        raise NoLog(f"The topics at {bootstrap} differ in their number of partitions; make them anew with one number.")
    return Log(bootstrap, prefix, counts.pop(), {names[row["name"]]: str(row["topic_id"]) for row in rows})


def partition_of(encounter: str, partitions: int) -> int:
    """The partition of an encounter in every topic, the same from every client and library."""
    return int.from_bytes(blake2b(encounter.encode(), digest_size=8).digest()) % partitions


def topic_of(event: Event) -> str:
    """The input topic that an event of this kind is sent to."""
    match event:
        case Reading():
            return "labs" if event.source in (Source.LAB, Source.POC) else "vitals"
        case Note():
            return "notes"
        case Treatment():
            return "treatments"
        case Movement():
            return "movements"
        case Response():
            return "responses"


def micros(moment: datetime) -> int:
    """Microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def now_header(now: datetime) -> tuple[str, bytes]:
    return ("now", b"%d" % micros(now))


def read_now(headers: Headers) -> datetime | None:
    """The log time that a record carries; None where it carries none, or one that is no time."""
    for name, value in headers:
        if name == "now":
            try:
                return moment(int(value))
            except (ValueError, OverflowError, TypeError):
                return None
    return None


def read_src(headers: Headers) -> Src | None:
    """The place of the message that a record was made of; None for ticks."""
    for name, value in headers:
        if name == "src":
            source, _, offset = value.decode().rpartition(" ")
            return Src(source, int(offset))
    return None


class Pulse(Frozen):
    """What a worker says of one partition every second, on the views topic under `pulse_key`."""

    v: Literal[1] = 1
    now: Moment  # log time of the newest record that was judged
    written_at: Moment  # when the broker got that record
    behind: int  # records that wait in the log


def pulse_key(partition: int) -> bytes:
    """A key that is no encounter: those begin with a letter or a digit."""
    return b"@%d" % partition
