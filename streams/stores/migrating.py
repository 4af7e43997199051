"""From whatever version a database has to this one: its migrations, numbered, in `migrations/versions/`.

A migration is never changed once a release holds it; a new one is added, and `NEWEST` names it. New databases take the
same way, from nothing: so there is one description of how tables come to be, and a test that it ends in `tables.py`.
"""

from sqlalchemy import Connection, inspect, text

from streams.stores.failures import StoreNewer

NEWEST = "0003"


def is_newest(connection: Connection) -> bool:
    """Whether the tables are those of this version of the program. Raises StoreNewer."""
    if not inspect(connection).has_table("alembic_version"):
        return False
    version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    if version is not None and version > NEWEST:
        raise StoreNewer
    return version == NEWEST


def upgrade(connection: Connection, to: str = NEWEST) -> None:
    """Runs what is missing, in the connection's transaction, which is to be one that nobody else can write beside."""
    from alembic import command  # here: it takes as long to import as everything else, and is needed once
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "streams.stores:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, to)
