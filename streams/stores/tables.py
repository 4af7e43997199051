"""The tables of every shell, on SQLite and PostgreSQL alike. The migrations make them; a test compares the two.

A bed is its rows in `bed_changes`, from its newest whole one on: a large bed is written rarely, what changed is written
with every batch. Every table of things said is keyed by an id made of content: to say a thing again changes nothing.
"""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, MetaData, String, Table, Text

EMBEDDED = "embedded"
"""The name of the embedded shell's log among the partitions; those of Kafka are named by their topic's id."""

WHY_CHARS_MAX = 200  # of a text in an index: PostgreSQL indexes none of kilobytes, and the body has all of it
SENDERS_CHARS_MAX = 40  # the same of a sender's own words

TABLES = MetaData()

log = Table(  # the ordered log of the embedded shell; Kafka keeps its own
    "log",
    TABLES,
    Column("offset", BigInteger, primary_key=True, autoincrement=False),
    Column("at_us", BigInteger, nullable=False),  # what the clock said when it was written
    Column("kind", String(8), nullable=False),  # message | refusal
    Column("body", LargeBinary, nullable=False),
    Column("sender", String(SENDERS_CHARS_MAX)),  # as the door knows it
)
partitions = Table(
    "partitions",
    TABLES,
    Column("log", String(64), primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("applied", BigInteger, nullable=False),  # the last offset whose effects are in the beds; -1: none
    Column("epoch", BigInteger, nullable=False),  # who owns it: the last one that took it
    Column("heard", Text, nullable=False),  # JSON: source -> offset of the newest message of it that was judged
)
bed_changes = Table(
    "bed_changes",
    TABLES,
    Column(
        "number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True
    ),  # rises: the order of a bed's rows
    Column("log", String(64), nullable=False),
    Column("partition", Integer, nullable=False),
    Column("encounter", String(64), nullable=False),
    Column("whole", Boolean, nullable=False),  # the state itself, not what changed; it is the oldest row of its bed
    Column("body", LargeBinary, nullable=False),
    Index("bed_changes_of_bed", "log", "partition", "encounter", "number"),
)
alert_events = Table(
    "alert_events",
    TABLES,
    Column("id", String(32), primary_key=True),
    Column("alert", String(32), nullable=False),
    Column("encounter", String(64), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("change", String(16), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("alert_events_newest", "at_us"),
    Index("alert_events_of_encounter", "encounter", "at_us"),
)
quarantine = Table(
    "quarantine",
    TABLES,
    Column("id", String(32), primary_key=True),
    Column("encounter", String(64)),
    Column("fault", String(32), nullable=False),
    Column("why", String(WHY_CHARS_MAX), nullable=False),  # this and the next three: to group by, and to search
    Column("sender", String(SENDERS_CHARS_MAX)),
    Column("code", String(SENDERS_CHARS_MAX)),
    Column("unit", String(SENDERS_CHARS_MAX)),
    Column("at_us", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("quarantine_newest", "at_us"),
    Index("quarantine_grouped", "fault", "why", "sender", "code", "unit", "encounter", "at_us"),  # the page of refusals
)
late = Table(
    "late",
    TABLES,
    Column("id", String(32), primary_key=True),
    Column("encounter", String(64), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("late_newest", "at_us"),
)
responses = Table(
    "responses",
    TABLES,
    Column("id", String(400), primary_key=True),  # begins with the encounter
    Column("encounter", String(64), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
