"""`crossdock reservations`: list, show, make, release."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import click

from console.cli.base import Session, changes, find_id, group, pass_session
from console.cli.lists import Span, limit_option, pages

COLUMNS = ("id", "state", "connection", "units", "expires_at=until", "created_at=since")
LINES = ("sku", "node", "quantity")
STATES = click.Choice(["held", "allocated", "consumed", "released", "expired"])


@group("reservations")
def reservations_command() -> None:
    """Soft reservations: units held for a while, as checkouts do it."""


@reservations_command.command("list", epilog="Example: crossdock reservations list --state held")
@click.option("--state", multiple=True, type=STATES, help="Only in this state; may be repeated.")
@click.option("--sku", help="Only with units of this item.")
@limit_option
@pass_session
def list_(session: Session, /, limit: int, state: tuple[str, ...], sku: str | None) -> None:
    """List soft reservations, newest first."""
    from core.store.read.stock import list_reservations

    with session.hub() as hub, hub.store.read() as conn:
        found = pages(lambda piece: list_reservations(conn, piece, state=state, sku=sku), limit)
        session.out.rows(found if session.json else map(_with_units, found), COLUMNS)


def _with_units(found: dict[str, Any]) -> dict[str, Any]:
    units = [f"{each['quantity']} x {each['sku']}@{each['node']}" for each in found["lines"]]
    return {**found, "units": ", ".join(units)}


@reservations_command.command("show", epilog="Example: crossdock reservations show res_0198f3c2")
@click.argument("reservation")
@pass_session
def show(session: Session, /, reservation: str) -> None:
    """Show one soft reservation with its units by node."""
    from core.store.read.stock import read_reservation

    with session.hub() as hub, hub.store.read() as conn:
        session.out.one_with(read_reservation(conn, find_id(conn, "reservation", reservation)), "lines", LINES)


@reservations_command.command(
    "make", epilog="Example: crossdock reservations make FP-MUG-350-GRN=2 VASE@HAM=1 --for 30m"
)
@click.argument("lines", nargs=-1, required=True, metavar="SKU[@NODE]=UNITS...")
@click.option("--for", "span", type=Span(), default="15m", show_default=True, help="How long they are held.")
@click.option("--connection", help="For which channel; its caps and floors then count.")
@changes
@pass_session
def make(session: Session, /, lines: tuple[str, ...], span: timedelta, connection: str | None) -> None:
    """Hold units for a while, all of them or none; without a node they come from the fewest nodes that have them."""
    from console.cli.bodies import body_of, units_of
    from core.services.catalog import connection_named
    from core.services.checkouts import reserve_lines
    from core.store.read.stock import read_reservation
    from webhooks.api.reservations import ReservationBody

    named = [units_of(each, "node") for each in lines]
    body = body_of(ReservationBody, lines=named, seconds=int(span.total_seconds()), connection=connection)
    with session.hub() as hub, session.changing(hub) as unit:
        owner = connection_named(unit, connection).id if connection else None
        group_id = reserve_lines(unit, body["lines"], body["seconds"], owner)
        shown = read_reservation(unit.conn, group_id, unit.tenant)
    session.out.did(
        shown,
        f"{shown['id']}: {_with_units(shown)['units']}, held until {shown['expires_at']}.",
        f"crossdock reservations release {shown['id']}",
    )


@reservations_command.command("release", epilog="Example: crossdock reservations release res_0198f3c2")
@click.argument("reservation")
@changes
@pass_session
def release(session: Session, /, reservation: str) -> None:
    """Give a soft reservation back before its time."""
    from core.services.reserving import release_group
    from core.store.read.stock import read_reservation

    with session.hub() as hub, session.changing(hub) as unit:
        group_id = find_id(unit.conn, "reservation", reservation)
        release_group(unit, group_id)
        shown = read_reservation(unit.conn, group_id, unit.tenant)
    session.out.did(shown, f"{shown['id']} is {shown['state']}.")
