"""The first start of a hub: a person who may sign in, a key for the API, a connection for orders that come by it."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from pathlib import Path

from config.settings import Settings

EMAIL = "admin@crossdock.local"
PASSWORD_FILE, KEY_FILE = "admin.password", "admin.key"
API, OWN_FORM = "api", "canonical"
"""The connection of a fresh hub, and its connector: documents in the hub's own form."""


@dataclass(frozen=True)
class FirstAccess:
    """Where the credentials of the first start are; None where they were made before."""

    password_file: Path | None
    key_file: Path | None


def ensure_access(settings: Settings) -> FirstAccess:
    """Make an administrator and the connection `api` when there is no user, and an API key when there is none.

    Credentials are kept in files with mode 0600.

    Args:
        settings: with a database URL, at the newest schema.
    """
    from sqlalchemy import func, select

    from connectors.sdk.registry import Registry
    from console.servers.datadir import write_private
    from console.wiring import secret_key_of
    from core.services.access import ADMIN, create_key, create_user
    from core.services.connections import add_connection
    from core.services.secretbox import SecretBox
    from core.store import schema as t
    from core.store.engine import open_engine
    from core.store.unit import Store

    assert settings.database_url is not None
    password_file, key_file = settings.data_dir / PASSWORD_FILE, settings.data_dir / KEY_FILE
    engine = open_engine(settings.database_url, pool_size=1)
    try:
        with Store(engine).begin(actor="cli:first-start") as unit:
            users, keys, connections = (
                unit.conn.execute(select(func.count()).select_from(table)).scalar_one()
                for table in (t.user_account, t.api_key, t.connection)
            )
            pepper = secret_key_of(settings)
            # The files are written first: a credential nobody can read would lock everybody out.
            if not users:
                password = secrets.token_urlsafe(12)
                write_private(password_file, f"{EMAIL}\n{password}\n")
                create_user(unit, EMAIL, "Administrator", password, "admin")
            if not users and not connections:
                signing = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
                add_connection(
                    unit, Registry(), SecretBox(pepper), name=API, connector=OWN_FORM,
                    secrets={"webhook_secret": signing}, label="Orders in our own form",
                )  # fmt: skip
            if not keys:
                _, key = create_key(unit, pepper, "first key", [ADMIN])
                write_private(key_file, key + "\n")
    finally:
        engine.dispose()
    return FirstAccess(None if users else password_file, None if keys else key_file)
