"""Schema migrations: upgrade to head, say where a database stands, refuse one that is newer than the code."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from core.errors import Unavailable
from core.store.schema import metadata

SCRIPTS = Path(__file__).parent / "migrations"
# One writer at a time: two processes starting together must not migrate together.
MIGRATION_LOCK = 0x63726F7373


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.attributes["connection"] = connection
    return config


def head() -> str:
    """Return the newest revision this code knows."""
    found = ScriptDirectory.from_config(_config()).get_current_head()
    assert found is not None
    return found


def current(connection: Connection) -> str | None:
    """Return the revision of the database, or None when it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


def upgrade(engine: Engine) -> str:
    """Bring the schema to head and return the revision.

    Raises:
        Unavailable: the database is at a revision this code does not know.
    """
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
        try:
            at = current(connection)
            known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
            if at is not None and at not in known:
                raise Unavailable(
                    f"The database is at schema {at}, which this version does not know.",
                    why="A newer Crossdock has migrated it.",
                    fix="Start that version, or restore a backup made before the upgrade.",
                    code="DB-NEWER-503",
                )
            connection.commit()
            command.upgrade(_config(connection), "head")
            connection.commit()
        finally:
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": MIGRATION_LOCK})
            connection.commit()
    return head()


def differences(connection: Connection) -> list[object]:
    """Return what the database lacks or has too much against the tables in code; empty when equal."""
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, metadata))


def write_revision(engine: Engine, message: str, revision: str) -> None:
    """Write a migration from the difference between the tables in code and the database (for developers)."""
    with engine.connect() as connection:
        command.revision(_config(connection), message=message, autogenerate=True, rev_id=revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Take the schema back to an older revision; data of newer tables is lost."""
    with engine.connect() as connection:
        command.downgrade(_config(connection), revision)
        connection.commit()
