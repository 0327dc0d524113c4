"""`crossdock key`: create, list, revoke."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from console.cli.base import Session, changes, find_id, group, pass_session
from console.cli.lists import Moment, limit_option, pages


@group("key")
def key_command() -> None:
    """Keys of the API."""


@key_command.command("create")
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, required=True, help="Such as orders:read or admin; may be repeated.")
@click.option("--connection", help="The key reaches what belongs to this connection only.")
@click.option("--expires", type=Moment(ahead=True), help="When it ends, such as 90d.")
@click.option(
    "--key-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the key there (mode 0600) instead of showing it.",
)
@changes
@pass_session
def create(
    session: Session,
    /,
    name: str,
    scopes: tuple[str, ...],
    connection: str | None,
    expires: datetime | None,
    key_file: Path | None,
) -> None:
    """Make a key and show it this once."""
    from console.servers.datadir import write_private
    from console.wiring import secret_key_of
    from core.services.access import create_key
    from core.services.catalog import connection_named
    from core.store.read.keys import read_key

    pepper = secret_key_of(session.located())
    with session.hub() as hub, session.changing(hub) as unit:
        connection_id = connection_named(unit, connection).id if connection else None
        key_id, token = create_key(unit, pepper, name, scopes, connection_id=connection_id, expires_at=expires)
        shown = read_key(unit.conn, key_id, unit.tenant)
        if key_file is not None and not session.dry_run:
            write_private(key_file, token + "\n")
    if key_file is not None or session.dry_run:
        session.out.did(shown, f"{shown['id']} is in {key_file}." if key_file else "A key.")
    else:
        session.out.did({**shown, "key": token}, token, "Keep it now: it cannot be shown again.")


@key_command.command("list")
@limit_option
@pass_session
def list_(session: Session, /, limit: int) -> None:
    """List keys, newest first; never the keys themselves."""
    from core.store.read.keys import list_keys

    with session.hub() as hub, hub.store.read() as conn:
        session.out.rows(
            pages(lambda piece: list_keys(conn, piece), limit),
            ("id", "name", "prefix", "scopes", "connection", "expires_at=expires", "last_used_at=used",
             "revoked_at=revoked"),
        )  # fmt: skip


@key_command.command("revoke")
@click.argument("key")
@changes
@pass_session
def revoke(session: Session, /, key: str) -> None:
    """Make a key useless from now on."""
    from core.services.access import revoke_key
    from core.store.read.keys import read_key

    with session.hub() as hub:
        with hub.store.read() as conn:
            key_id = find_id(conn, "key", key)
            shown = read_key(conn, key_id)
        session.agree(f"Revoke {shown['name']}?")
        with session.changing(hub) as unit:
            revoke_key(unit, key_id)
            shown = read_key(unit.conn, key_id, unit.tenant)
    session.out.did(shown, f"{shown['id']} is revoked.")
