"""`crossdock stock`: list, movements, lots, serials, move, settle."""

from __future__ import annotations

import click

from console.cli.base import Session, changes, group, pass_session
from console.cli.lists import find_order, limit_option, pages

POSITIONS = ("sku", "node", "on_hand", "reserved", "allocated", "safety", "uncertain", "available", "counted_at")
MOVEMENTS = (
    "number=#", "at", "sku", "node", "kind", "on_hand", "reserved", "allocated", "uncertain", "order", "cause", "actor",
)  # fmt: skip
LOTS = ("sku", "node", "lot", "status", "on_hand", "promised", "shortfall", "expires_on=expires")
SERIALS = ("serial", "sku", "node", "shipment", "order", "shipped_at=left")
STATUSES = click.Choice(["sellable", "damaged", "quality_hold", "expired"])
sku_option = click.option("--sku", multiple=True, help="Only of this item; may be repeated.")
node_option = click.option("--node", multiple=True, help="Only at this node; may be repeated.")


@group("stock")
def stock_command() -> None:
    """Stock: positions, their ledger, lots and serial numbers; `crossdock explain stock SKU` says why."""


@stock_command.command("list", epilog="Example: crossdock stock list --node HAM")
@sku_option
@node_option
@limit_option
@pass_session
def list_(session: Session, /, limit: int, sku: tuple[str, ...], node: tuple[str, ...]) -> None:
    """List positions by SKU and node."""
    from core.store.read.stock import list_positions

    with session.hub() as hub, hub.store.read() as conn:
        session.out.rows(pages(lambda piece: list_positions(conn, piece, sku=sku, node=node), limit), POSITIONS)


@stock_command.command("movements", epilog="Example: crossdock stock movements --sku FP-MUG-350-GRN --kind count")
@click.option("--sku", help="Only of this item.")
@click.option("--node", help="Only at this node.")
@click.option("--kind", multiple=True, help="Only of this kind, such as count; may be repeated.")
@click.option("--order", help="Only those of this order.")
@limit_option
@pass_session
def movements(
    session: Session, /, limit: int, sku: str | None, node: str | None, kind: tuple[str, ...], order: str | None
) -> None:
    """List the ledger, newest first; quantities are changes."""
    from core.store.read.stock import list_movements

    with session.hub() as hub, hub.store.read() as conn:
        about = find_order(conn, order) if order else None
        found = pages(lambda piece: list_movements(conn, piece, sku=sku, node=node, kind=kind, order_id=about), limit)
        session.out.rows(found, MOVEMENTS)


@stock_command.command("lots", epilog="Example: crossdock stock lots --sku MILK --status quality_hold")
@sku_option
@node_option
@click.option("--status", multiple=True, type=STATUSES, help="Only in this status; may be repeated.")
@limit_option
@pass_session
def lots(session: Session, /, limit: int, sku: tuple[str, ...], node: tuple[str, ...], status: tuple[str, ...]) -> None:
    """List units that lie in lots or in another status than sellable, by SKU and node."""
    from core.store.read.supply import list_lots

    with session.hub() as hub, hub.store.read() as conn:
        found = pages(lambda piece: list_lots(conn, piece, sku=sku, node=node, status=status), limit)
        session.out.rows(found, LOTS, empty="No units lie in lots, and all are sellable.")


@stock_command.command("serials", epilog="Example: crossdock stock serials --serial SN-0042")
@sku_option
@click.option("--serial", multiple=True, help="Only this number; may be repeated.")
@click.option("--order", help="Only those that left for this order.")
@limit_option
@pass_session
def serials(session: Session, /, limit: int, sku: tuple[str, ...], serial: tuple[str, ...], order: str | None) -> None:
    """List serial numbers of units that have left, with their shipment and order."""
    from core.store.read.serials import list_serials

    with session.hub() as hub, hub.store.read() as conn:
        about = find_order(conn, order) if order else None
        session.out.rows(
            pages(lambda piece: list_serials(conn, piece, sku=sku, serial=serial, order_id=about), limit), SERIALS
        )


@stock_command.command(
    "move", epilog="Example: crossdock stock move MILK HAM 2 sellable damaged --reason 'broken seal'"
)
@click.argument("sku")
@click.argument("node")
@click.argument("quantity")
@click.argument("before", type=STATUSES)
@click.argument("after", type=STATUSES)
@click.option("--lot", help="Of which lot, where the item has lots.")
@click.option("--reason", required=True, help="Why, for everybody who looks.")
@changes
@pass_session
def move(
    session: Session, /, sku: str, node: str, quantity: str, before: str, after: str, lot: str | None, reason: str
) -> None:
    """Move units from one status to another; only sellable ones are on hand."""
    from console.cli.bodies import body_of
    from core.services.statuses import change_status
    from core.store.read.stock import read_position
    from webhooks.api.supply import StatusBody

    body = body_of(
        StatusBody, sku=sku, node=node, quantity=quantity, before=before, after=after, lot=lot, reason=reason
    )
    with session.hub() as hub, session.changing(hub) as unit:
        change_status(unit, **{**body, "lot": lot or ""})
        shown = read_position(unit.conn, sku, node, unit.tenant)
    session.out.did(
        shown,
        f"{quantity} x {sku} at {node}: {before} to {after}; {shown['on_hand']} are on hand.",
        f"crossdock stock lots --sku {sku}",
    )


@stock_command.command("settle", epilog="Example: crossdock stock settle --dry-run")
@changes
@pass_session
def settle(session: Session, /) -> None:
    """Have free units pay the shortfall they lie beside, which `crossdock doctor` finds: no count has found them."""
    from core.services.settling import settle_unpaid
    from core.store.read.text import quantity

    with session.hub() as hub, session.changing(hub) as unit:
        settled = settle_unpaid(unit)
    shown = [
        {"sku": each.sku, "node": each.node, "paid": quantity(each.paid), "shortfall": quantity(each.shortfall)}
        for each in settled
    ]
    told = "; ".join(f"{each['sku']} at {each['node']} {each['paid']}" for each in shown)
    session.out.did(
        {"settled": shown},
        f"Units that no count found, and that are sold no more: {told}." if told else "There is nothing to settle.",
        "crossdock doctor --only oversell",
    )
