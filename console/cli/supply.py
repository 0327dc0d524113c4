"""`crossdock supply`: list, show, expect, receive, end."""

from __future__ import annotations

from datetime import datetime

import click

from console.cli.base import Session, changes, find_id, group, pass_session
from console.cli.lists import Moment, limit_option, pages

COLUMNS = ("id", "reference", "sku", "node", "quantity", "received", "promisable", "promised", "expected_at", "state")
STATES = click.Choice(["expected", "in_transit", "received", "canceled"])


@group("supply")
def supply_command() -> None:
    """Incoming supply: what is expected of an item at a node, and what of it may be promised before it is there."""


@supply_command.command("list", epilog="Example: crossdock supply list --sku FP-MUG-350-GRN --state expected")
@click.option("--sku", multiple=True, help="Only of this item; may be repeated.")
@click.option("--node", multiple=True, help="Only for this node; may be repeated.")
@click.option("--state", multiple=True, type=STATES, help="Only in this state; may be repeated.")
@limit_option
@pass_session
def list_(session: Session, /, limit: int, sku: tuple[str, ...], node: tuple[str, ...], state: tuple[str, ...]) -> None:
    """List supply, newest first, with what is promised of it."""
    from core.store.read.supply import list_supplies

    with session.hub() as hub, hub.store.read() as conn:
        session.out.rows(
            pages(lambda piece: list_supplies(conn, piece, sku=sku, node=node, state=state), limit), COLUMNS
        )


@supply_command.command("show", epilog="Example: crossdock supply show sup_0198f3c2")
@click.argument("supply")
@pass_session
def show(session: Session, /, supply: str) -> None:
    """Show one supply."""
    from core.store.read.supply import read_supply

    with session.hub() as hub, hub.store.read() as conn:
        session.out.one(read_supply(conn, find_id(conn, "supply", supply)))


@supply_command.command("expect", epilog="Example: crossdock supply expect PO-7 FP-MUG-350-GRN HAM 100 --promisable 80")
@click.argument("reference")
@click.argument("sku")
@click.argument("node")
@click.argument("quantity")
@click.option("--promisable", help="Units of it that may be promised before they are there [0].")
@click.option("--at", "expected_at", type=Moment(ahead=True), help="When it is expected, such as 5d.")
@changes
@pass_session
def expect(
    session: Session,
    /,
    reference: str,
    sku: str,
    node: str,
    quantity: str,
    promisable: str | None,
    expected_at: datetime | None,
) -> None:
    """Say what is expected of an item at a node; the same reference, item and node again changes it."""
    from console.cli.bodies import body_of
    from core.services.announcing import announce_supply
    from core.services.supplying import expect_supply
    from core.store.read.supply import read_supply
    from webhooks.api.supply import SupplyBody

    body = body_of(
        SupplyBody, reference=reference, sku=sku, node=node, quantity=quantity, promisable=promisable,
        expected_at=expected_at,
    )  # fmt: skip
    with session.hub() as hub, session.changing(hub) as unit:
        supply_id = expect_supply(unit, **body)
        announce_supply(unit, hub.facts.get(unit.conn, unit.tenant), supply_id)
        shown = read_supply(unit.conn, supply_id, unit.tenant)
    session.out.did(
        shown,
        f"{shown['id']}: {shown['quantity']} x {sku} for {node}, {shown['promisable']} of them promisable.",
        f"crossdock supply receive {shown['id']} UNITS",
    )


@supply_command.command("receive", epilog="Example: crossdock supply receive sup_0198f3c2 60 --last")
@click.argument("supply")
@click.argument("quantity")
@click.option("--lot", help="Their lot, where the item has lots.")
@click.option("--expires", "expires_on", type=click.DateTime(["%Y-%m-%d"]), help="The lot's last day.")
@click.option("--last", is_flag=True, help="Nothing more comes of it.")
@click.option("--over", is_flag=True, help="More came than is still expected: take all of it in.")
@changes
@pass_session
def receive(
    session: Session,
    /,
    supply: str,
    quantity: str,
    lot: str | None,
    expires_on: datetime | None,
    last: bool,
    over: bool,
) -> None:
    """Take units of a supply in; backorders that wait for them are sourced by themselves."""
    from console.cli.bodies import body_of
    from core.services.supplying import receive_supply
    from core.store.read.supply import read_supply
    from webhooks.api.supply import ReceiptBody

    day = None if expires_on is None else expires_on.date()
    body = body_of(ReceiptBody, quantity=quantity, lot=lot, expires_on=day, last=last, over=over)
    with session.hub() as hub, session.changing(hub) as unit:
        supply_id = find_id(unit.conn, "supply", supply)
        receive_supply(unit, supply_id, **body)
        shown = read_supply(unit.conn, supply_id, unit.tenant)
    session.out.did(
        shown, f"{shown['received']} of {shown['quantity']} x {shown['sku']} came; the supply is {shown['state']}."
    )


@supply_command.command("end", epilog="Example: crossdock supply end sup_0198f3c2")
@click.argument("supply")
@changes
@pass_session
def end(session: Session, /, supply: str) -> None:
    """Say that nothing more comes of a supply; refused while units of it are promised."""
    from core.services.supplying import end_supply
    from core.store.read.supply import read_supply

    with session.hub() as hub:
        with hub.store.read() as conn:
            supply_id = find_id(conn, "supply", supply)
            shown = read_supply(conn, supply_id)
        session.agree(f"Expect nothing more of {shown['reference']}, {shown['sku']} at {shown['node']}?")
        with session.changing(hub) as unit:
            end_supply(unit, supply_id)
            shown = read_supply(unit.conn, supply_id, unit.tenant)
    session.out.did(shown, f"{shown['id']} is {shown['state']}.")
