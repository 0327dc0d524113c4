"""`crossdock transfers`: list, show, send, receive."""

from __future__ import annotations

from datetime import datetime

import click

from console.cli.base import Session, changes, find_id, group, pass_session
from console.cli.lists import Moment, limit_option, pages

COLUMNS = ("id", "reference", "from_node=from", "to_node=to", "state", "expected_at", "created_at")
LINES = ("sku", "lot", "quantity", "received", "lost")
STATES = click.Choice(["in_transit", "received"])


@group("transfers")
def transfers_command() -> None:
    """Transfers between nodes: out at one, in transit, in at the other."""


@transfers_command.command("list", epilog="Example: crossdock transfers list --state in_transit")
@click.option("--state", multiple=True, type=STATES, help="Only in this state; may be repeated.")
@click.option("--reference", help="Only the one of this number.")
@limit_option
@pass_session
def list_(session: Session, /, limit: int, state: tuple[str, ...], reference: str | None) -> None:
    """List transfers, newest first."""
    from core.store.read.supply import list_transfers

    with session.hub() as hub, hub.store.read() as conn:
        session.out.rows(
            pages(lambda piece: list_transfers(conn, piece, state=state, reference=reference), limit), COLUMNS
        )


@transfers_command.command("show", epilog="Example: crossdock transfers show trf_0198f3c2")
@click.argument("transfer")
@pass_session
def show(session: Session, /, transfer: str) -> None:
    """Show one transfer with its lines."""
    from core.store.read.supply import read_transfer

    with session.hub() as hub, hub.store.read() as conn:
        session.out.one_with(read_transfer(conn, find_id(conn, "transfer", transfer)), "lines", LINES)


@transfers_command.command("send", epilog="Example: crossdock transfers send T-12 HAM LYS FP-MUG-350-GRN=20 MILK@L42=6")
@click.argument("reference")
@click.argument("from_node")
@click.argument("to_node")
@click.argument("lines", nargs=-1, required=True, metavar="SKU[@LOT]=UNITS...")
@click.option("--at", "expected_at", type=Moment(ahead=True), help="When they are expected, such as 2d.")
@changes
@pass_session
def send(
    session: Session,
    /,
    reference: str,
    from_node: str,
    to_node: str,
    lines: tuple[str, ...],
    expected_at: datetime | None,
) -> None:
    """Send units from one node to another, all of them or none; they leave now and are expected there."""
    from console.cli.bodies import body_of, units_of
    from core.services.announcing import announce_transfer
    from core.services.transfers import send_transfer
    from core.store.read.supply import read_transfer
    from webhooks.api.supply import TransferBody

    named = [units_of(each, "lot") for each in lines]
    body = body_of(
        TransferBody, reference=reference, from_node=from_node, to_node=to_node, lines=named, expected_at=expected_at
    )
    with session.hub() as hub, session.changing(hub) as unit:
        transfer_id = send_transfer(unit, **body)
        announce_transfer(unit, hub.facts.get(unit.conn, unit.tenant), transfer_id)
        shown = read_transfer(unit.conn, transfer_id, unit.tenant)
    session.out.did(
        shown,
        f"{shown['id']}: {reference} is on its way from {from_node} to {to_node}.",
        f"crossdock transfers receive {shown['id']}",
    )


@transfers_command.command(
    "receive", epilog="Example: crossdock transfers receive trf_0198f3c2 FP-MUG-350-GRN=18 --last"
)
@click.argument("transfer")
@click.argument("lines", nargs=-1, metavar="[SKU[@LOT]=UNITS]...")
@click.option("--last", is_flag=True, help="What is still in transit afterwards is lost.")
@click.option("--over", is_flag=True, help="More came than is in transit: it leaves the sending node's books now.")
@changes
@pass_session
def receive(session: Session, /, transfer: str, lines: tuple[str, ...], last: bool, over: bool) -> None:
    """Take units of a transfer in: those named, else everything in transit."""
    from console.cli.bodies import body_of, units_of
    from core.services.transfer_receipts import receive_transfer
    from core.store.read.supply import read_transfer
    from webhooks.api.supply import TransferReceiptBody

    body = body_of(TransferReceiptBody, lines=[units_of(each, "lot") for each in lines] or None, last=last, over=over)
    with session.hub() as hub:
        with hub.store.read() as conn:
            transfer_id = find_id(conn, "transfer", transfer)
            shown = read_transfer(conn, transfer_id)
        if last:
            session.agree(f"Write off what of {shown['reference']} has not come?")
        with session.changing(hub) as unit:
            receive_transfer(unit, transfer_id, body.get("lines"), last=last, over=over)
            shown = read_transfer(unit.conn, transfer_id, unit.tenant)
    session.out.did(shown, f"{shown['reference']} is {shown['state'].replace('_', ' ')}.")
