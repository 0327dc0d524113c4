"""`crossdock db`: upgrade, check."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from console.cli.base import Session, changes, group, pass_session

if TYPE_CHECKING:
    from sqlalchemy import Engine


@group("db")
def db_command() -> None:
    """The database schema."""


@contextmanager
def _engine(session: Session, /) -> Iterator[Engine]:
    from core.store.engine import open_engine

    url = session.located().database_url
    assert url is not None
    engine = open_engine(url, pool_size=1)
    try:
        yield engine
    finally:
        engine.dispose()


@db_command.command("upgrade")
@changes
@pass_session
def upgrade(session: Session, /) -> None:
    """Bring the schema to the newest this version knows; safe while others run it."""
    from core.store import migrate

    with _engine(session) as engine:
        with engine.connect() as connection:
            before = migrate.current(connection)
        after = migrate.head() if session.dry_run else migrate.upgrade(engine)
    session.out.did(
        {"before": before, "after": after, "changed": before != after},
        f"The schema is at {after}." if before == after else f"The schema goes from {before or 'nothing'} to {after}.",
        "crossdock db check",
    )


@db_command.command("check")
@pass_session
def check(session: Session, /) -> None:
    """Compare the schema with the tables in code; exit 1 when they differ."""
    from core.store import migrate

    with _engine(session) as engine, engine.connect() as connection:
        at, head = migrate.current(connection), migrate.head()
        differing = [str(each) for each in migrate.differences(connection)]
    ok = at == head and not differing
    session.out.did(
        {"revision": at, "head": head, "at_head": at == head, "differences": differing},
        f"The schema is at {at or 'nothing'}, head is {head}, {len(differing)} differences."
        + "".join(f"\n  {each}" for each in differing),
        *([] if ok else ["crossdock db upgrade"]),
    )
    if not ok:
        raise click.exceptions.Exit(1)
