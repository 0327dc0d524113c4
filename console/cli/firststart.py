"""The first start of a hub: a person who may sign in, and a key for the API, both kept where only the owner reads."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from config.settings import Settings

EMAIL = "admin@crossdock.local"
PASSWORD_FILE, KEY_FILE = "admin.password", "admin.key"


@dataclass(frozen=True)
class FirstAccess:
    """Where the credentials of the first start are; None where they were made before."""

    password_file: Path | None
    key_file: Path | None


def ensure_access(settings: Settings) -> FirstAccess:
    """Make an administrator when there is no user, and an API key when there is none; files have mode 0600.

    Args:
        settings: with a database URL, at the newest schema.
    """
    from sqlalchemy import func, select

    from console.servers.datadir import write_private
    from console.wiring import secret_key_of
    from core.services.access import ADMIN, create_key, create_user
    from core.store import schema as t
    from core.store.engine import open_engine
    from core.store.unit import Store

    assert settings.database_url is not None
    password_file, key_file = settings.data_dir / PASSWORD_FILE, settings.data_dir / KEY_FILE
    engine = open_engine(settings.database_url, pool_size=1)
    try:
        with Store(engine).begin(actor="cli:first-start") as unit:
            users, keys = (
                unit.conn.execute(select(func.count()).select_from(table)).scalar_one()
                for table in (t.user_account, t.api_key)
            )
            # The files are written first: a credential nobody can read would lock everybody out.
            if not users:
                password = secrets.token_urlsafe(12)
                write_private(password_file, f"{EMAIL}\n{password}\n")
                create_user(unit, EMAIL, "Administrator", password, "admin")
            if not keys:
                _, key = create_key(unit, secret_key_of(settings), "first key", [ADMIN])
                write_private(key_file, key + "\n")
    finally:
        engine.dispose()
    return FirstAccess(None if users else password_file, None if keys else key_file)
