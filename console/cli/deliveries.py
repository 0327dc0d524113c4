"""`crossdock deliveries`: list, show, retry."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from console.cli.base import Session, changes, find_id, group, pass_session
from console.cli.lists import Moment, limit_option, list_about, names_of_all

COLUMNS = ("id", "created_at=created", "connection", "kind", "state", "attempts", "outcome", "order")


@group("deliveries")
def deliveries_command() -> None:
    """What goes out, with every attempt."""


@deliveries_command.command("list")
@click.option("--state", multiple=True, help="Only in this state; may be repeated.")
@click.option("--connection", help="Only to this connection.")
@click.option("--kind", multiple=True, help="Only of this kind, such as push_order.")
@click.option("--order", help="Only about this order.")
@click.option("--since", type=Moment(), help="Created since, such as 2h.")
@limit_option
@pass_session
def list_(session: Session, /, limit: int, since: datetime | None, order: str | None, **given: Any) -> None:
    """List deliveries, newest first."""
    from core.store.read.plumbing import list_deliveries

    list_about(session, list_deliveries, COLUMNS, limit=limit, order=order, created_since=since, **given)


@deliveries_command.command("show")
@click.argument("delivery")
@pass_session
def show(session: Session, /, delivery: str) -> None:
    """Show one delivery with its payload and its attempts."""
    from core.store.read.plumbing import read_delivery

    with session.hub() as hub, hub.store.read() as conn:
        session.out.one(read_delivery(conn, find_id(conn, "delivery", delivery)))


@deliveries_command.command("retry")
@click.argument("deliveries", nargs=-1)
@click.option("--dead", is_flag=True, help="All that were given up.")
@click.option("--connection", help="With --dead: only to this connection.")
@changes
@pass_session
def retry(session: Session, /, deliveries: tuple[str, ...], dead: bool, connection: str | None) -> None:
    """Send dead deliveries again, now; what may have happened is looked up at the partner first."""
    from core.domain.ids import public_id
    from core.services import audit
    from core.services.replaying import retry_delivery
    from core.store.read.plumbing import list_deliveries

    if bool(deliveries) == dead:
        raise click.UsageError("Name deliveries (dlv_…), or say --dead.")
    with session.hub() as hub:
        if dead:
            deliveries = names_of_all(
                session, hub, list_deliveries, empty="No delivery is dead.", state=["dead"], connection=connection
            )

        def again(delivery: str) -> tuple[dict[str, Any], str]:
            with session.changing(hub) as unit:
                delivery_id = find_id(unit.conn, "delivery", delivery)
                name, state = public_id("delivery", delivery_id), retry_delivery(unit, delivery_id)
                audit.record(unit, "delivery.retried", name)
            return {"id": name, "state": state}, f"{name} is {state}."

        session.for_each(deliveries, again)
