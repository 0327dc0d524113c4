"""The first start of a hub: a person who may sign in, a key for the API, a connection for orders that come by it."""

from __future__ import annotations

import base64
import json
import os
import secrets
import subprocess
import sys
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


def first_start(settings: Settings) -> FirstAccess:
    """Bring the schema to its newest and make what a first start makes, in a process of its own.

    The supervisor lives as long as the hub; what this needs in memory goes with the process that did it.

    Raises:
        ServerError: it failed; with the process's own words and code.
    """
    from console.cli.launching import environment
    from console.servers.errors import ServerError

    told = {**environment(settings), "CROSSDOCK_DATA_DIR": str(settings.data_dir)}
    done = subprocess.run(  # noqa: S603 - our own module, by this interpreter
        [sys.executable, "-P", "-m", __name__], env={**os.environ, **told}, stdout=subprocess.PIPE, text=True,
        stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    try:
        found = json.loads(done.stdout)
    except ValueError:
        raise ServerError(
            "SERVER-START-001", f"Preparing the database ended with exit code {done.returncode} and said no reason."
        ) from None
    if "error" in found:
        error = found["error"]
        said = [error["what"], error["why"] and f"Why: {error['why']}", error["fix"] and f"Fix: {error['fix']}"]
        raise ServerError(error["code"], " ".join(filter(None, said)))
    return FirstAccess(*(Path(name) if name else None for name in (found["password_file"], found["key_file"])))


def main() -> int:
    """Do it for the settings of the environment, print where the credentials are, and return the exit code."""
    from config.settings import load_settings
    from console.cli import failures
    from console.cli.launching import migrate_schema

    try:
        settings = load_settings()
        migrate_schema(settings)
        made = ensure_access(settings)
    except Exception as error:  # noqa: BLE001 - every failure becomes words for the process that waits
        return failures.report(error, as_json=True)
    files = {"password_file": made.password_file, "key_file": made.key_file}
    print(json.dumps({name: str(path) if path else None for name, path in files.items()}))
    return 0


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


if __name__ == "__main__":
    sys.exit(main())
