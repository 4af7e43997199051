"""The tables as version 0.1 made them, where they are not there yet: it kept no number of its tables."""

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, LargeBinary, MetaData, String, Table, Text

revision = "0001"
down_revision = None

_TABLES = MetaData()
Table(
    "log",
    _TABLES,
    Column("offset", BigInteger, primary_key=True, autoincrement=False),
    Column("at_us", BigInteger, nullable=False),
    Column("kind", String(8), nullable=False),
    Column("body", LargeBinary, nullable=False),
)
Table(
    "beds",
    _TABLES,
    Column("encounter", String(64), primary_key=True),
    Column("state", LargeBinary, nullable=False),
)
Table(
    "progress",
    _TABLES,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("applied", BigInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False),
)
Table(
    "alert_events",
    _TABLES,
    Column("id", String(32), primary_key=True),
    Column("alert", String(32), nullable=False, index=True),
    Column("encounter", String(64), nullable=False, index=True),
    Column("at_us", BigInteger, nullable=False, index=True),
    Column("change", String(16), nullable=False),
    Column("body", LargeBinary, nullable=False),
)
Table(
    "quarantine",
    _TABLES,
    Column("id", String(32), primary_key=True),
    Column("encounter", String(64)),
    Column("fault", String(32), nullable=False, index=True),
    Column("at_us", BigInteger, nullable=False, index=True),
    Column("body", LargeBinary, nullable=False),
)
Table(
    "late",
    _TABLES,
    Column("id", String(32), primary_key=True),
    Column("encounter", String(64), nullable=False, index=True),
    Column("at_us", BigInteger, nullable=False, index=True),
    Column("body", LargeBinary, nullable=False),
)
Table(
    "responses",
    _TABLES,
    Column("id", String(400), primary_key=True),
    Column("encounter", String(64), nullable=False, index=True),
    Column("at_us", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
Table(
    "partition_progress",
    _TABLES,
    Column("log", String(64), primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("applied", BigInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("heard", Text, nullable=False),
)
Table(
    "partition_beds",
    _TABLES,
    Column("log", String(64), primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("encounter", String(64), primary_key=True),
    Column("state", LargeBinary, nullable=False),
)


def upgrade() -> None:
    _TABLES.create_all(op.get_bind())
