"""The ordered log says of each message whom it is from, so that a refusal can say so, however often it is read."""

from alembic import op
from sqlalchemy import Column, String

revision = "0003"
down_revision = "0002"

_SENDERS_CHARS_MAX = 40


def upgrade() -> None:
    op.add_column("log", Column("sender", String(_SENDERS_CHARS_MAX), nullable=True))
