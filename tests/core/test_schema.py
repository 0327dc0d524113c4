"""The tables in code and the migrated database are the same."""

from sqlalchemy import text

from core.store import migrate
from core.store.unit import Store


def test_migrations_lead_to_the_tables_in_code(store: Store) -> None:
    with store.read() as conn:
        assert migrate.current(conn) == migrate.head()
        assert migrate.differences(conn) == []


def test_downgrade_and_upgrade_come_back_to_the_same_schema(store: Store) -> None:
    migrate.downgrade(store.engine, "base")
    with store.read() as conn:
        assert conn.execute(text("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")).scalar_one() == 1
    migrate.upgrade(store.engine)
    with store.read() as conn:
        assert migrate.differences(conn) == []
