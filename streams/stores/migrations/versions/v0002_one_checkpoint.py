"""One set of tables for both shells, and a bed as its newest whole state and what changed since.

What version 0.1 kept goes on: each saved bed becomes one whole row with the bytes it had. Its bodies are made readable
for the records that followed: base64 in the alphabet of RFC 4648 section 4, and the kind of an event written out.
"""

import json
from collections.abc import Callable
from typing import Any

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Integer, LargeBinary, String, Text, column, select, table, update

revision = "0002"
down_revision = "0001"

_WHY_CHARS_MAX = 200
_SENDERS_CHARS_MAX = 40
_KIND_BY_FIELD = {"concept": "reading", "text": "note", "item": "treatment", "verb": "response", "action": "movement"}


def upgrade() -> None:
    _make_checkpoints()
    _move_checkpoints()
    _make_refusals_searchable()
    _rewrite("late", _with_kind_of_event)
    _rewrite("responses", lambda body: {"kind": "response"} | body)
    _index_what_is_asked()


def _make_checkpoints() -> None:
    op.create_table(
        "partitions",
        Column("log", String(64), primary_key=True),
        Column("partition", Integer, primary_key=True, autoincrement=False),
        Column("applied", BigInteger, nullable=False),
        Column("epoch", BigInteger, nullable=False),
        Column("heard", Text, nullable=False),
    )
    op.create_table(
        "bed_changes",
        Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
        Column("log", String(64), nullable=False),
        Column("partition", Integer, nullable=False),
        Column("encounter", String(64), nullable=False),
        Column("whole", Boolean, nullable=False),
        Column("body", LargeBinary, nullable=False),
    )
    op.create_index("bed_changes_of_bed", "bed_changes", ["log", "partition", "encounter", "number"])


def _move_checkpoints() -> None:
    to_partitions = "INSERT INTO partitions (log, partition, applied, epoch, heard) SELECT"
    to_changes = "INSERT INTO bed_changes (log, partition, encounter, whole, body) SELECT"
    op.execute(f"{to_partitions} 'embedded', 0, applied, epoch, '{{}}' FROM progress")
    op.execute(f"{to_partitions} log, partition, applied, epoch, heard FROM partition_progress")
    op.execute(f"{to_changes} 'embedded', 0, encounter, true, state FROM beds ORDER BY encounter")
    op.execute(f"{to_changes} log, partition, encounter, true, state FROM partition_beds ORDER BY log, encounter")
    for old in ("beds", "progress", "partition_beds", "partition_progress"):
        op.drop_table(old)


def _make_refusals_searchable() -> None:
    op.add_column("quarantine", Column("why", String(_WHY_CHARS_MAX), nullable=True))
    for name in ("sender", "code", "unit"):  # version 0.1 kept none
        op.add_column("quarantine", Column(name, String(_SENDERS_CHARS_MAX), nullable=True))
    _rewrite("quarantine", _with_standard_base64)
    quarantine = table("quarantine", column("id"), column("body"), column("why"))
    _each(
        "quarantine",
        lambda name, body: update(quarantine).where(quarantine.c.id == name).values(why=body["why"][:_WHY_CHARS_MAX]),
    )
    with op.batch_alter_table("quarantine") as changed:  # SQLite cannot change a column
        changed.alter_column("why", existing_type=String(_WHY_CHARS_MAX), nullable=False)


def _rewrite(name: str, rewritten: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    rows = table(name, column("id"), column("body"))

    def change(key: str, body: dict[str, Any]) -> Any:
        raw = json.dumps(rewritten(body), ensure_ascii=False, separators=(",", ":")).encode()
        return update(rows).where(rows.c.id == key).values(body=raw)

    _each(name, change)


def _each(name: str, change: Callable[[str, dict[str, Any]], Any]) -> None:
    rows = table(name, column("id"), column("body"))
    connection = op.get_bind()
    for key in connection.execute(select(rows.c.id)).scalars().all():
        body = connection.execute(select(rows.c.body).where(rows.c.id == key)).scalar_one()
        connection.execute(change(key, json.loads(body)))


def _with_standard_base64(body: dict[str, Any]) -> dict[str, Any]:
    return body | {"raw": body.get("raw", "").replace("-", "+").replace("_", "/")}


def _with_kind_of_event(body: dict[str, Any]) -> dict[str, Any]:
    kind = next(kind for field, kind in _KIND_BY_FIELD.items() if field in body["event"])
    return body | {"event": {"kind": kind} | body["event"]}


def _index_what_is_asked() -> None:
    for old in ("alert", "encounter", "at_us"):
        op.drop_index(f"ix_alert_events_{old}", "alert_events")
    for old in ("fault", "at_us"):
        op.drop_index(f"ix_quarantine_{old}", "quarantine")
    for old in ("encounter", "at_us"):
        op.drop_index(f"ix_late_{old}", "late")
    op.drop_index("ix_responses_encounter", "responses")
    op.create_index("alert_events_newest", "alert_events", ["at_us"])
    op.create_index("alert_events_of_encounter", "alert_events", ["encounter", "at_us"])
    op.create_index("quarantine_newest", "quarantine", ["at_us"])
    grouped = ["fault", "why", "sender", "code", "unit", "encounter", "at_us"]
    op.create_index("quarantine_grouped", "quarantine", grouped)
    op.create_index("late_newest", "late", ["at_us"])
