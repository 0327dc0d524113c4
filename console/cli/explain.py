"""`crossdock explain`: why an order, decision, message, delivery, exception or stock figure is as it is."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from console.cli.base import Session, command, pass_session
from console.cli.lists import Moment

if TYPE_CHECKING:
    from console.cli.reasons import Reasons


@command("explain")
@click.argument("subject", nargs=-1, required=True, metavar="ID | SKU@NODE | stock SKU | order NUMBER")
@click.option("--as-of", type=Moment(), help="As it was at a time, such as 2h or 2026-11-20T09:00:00Z.")
@click.option("--connection", help="With stock: as this connection may be promised it.")
@pass_session
def explain_command(
    session: Session, /, subject: tuple[str, ...], as_of: datetime | None, connection: str | None
) -> None:
    """Say why something is as it is: ord_, dec_, msg_, dlv_, exc_ or an order's number; SKU@NODE for a stock figure."""
    from console.cli import reasons, stock_reasons

    if len(subject) > 2 or (len(subject) == 2 and subject[0] not in ("stock", "order")):
        raise click.UsageError("Give one id, or `stock SKU`, or `order NUMBER`.")
    with session.hub() as hub, hub.store.read() as conn:
        # One picture: what is read last must belong to what was read first.
        conn.execution_options(isolation_level="REPEATABLE READ")
        if subject[0] == "stock" or (len(subject) == 1 and "@" in subject[0]):
            found = stock_reasons.of_stock(conn, subject[-1], as_of, connection)
        else:
            found = reasons.of(conn, subject, as_of)
    if session.json:
        session.out.line(found.facts)
    else:
        _show(session, found)


def _show(session: Session, found: Reasons) -> None:
    click.echo(click.style(found.headline, bold=True))
    for line in found.lines:
        click.echo(line)
    for title, rows, columns in found.tables:
        if rows:
            click.echo(f"\n{title}")
            session.out.rows(_flat(rows), columns)
    for each in found.following:
        click.echo(f"Next:  {each}", err=True)


def _flat(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if not isinstance(value, dict) or value} for row in rows]
