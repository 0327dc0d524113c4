"""`crossdock orders refund`: money or units given back to a partner."""

from __future__ import annotations

import click

from console.cli.base import Session, changes, command, pass_session
from console.cli.lists import find_order


@command("refund", epilog="Example: crossdock orders refund PO-7 --amount 23.74 --line A=1 --note broken")
@click.argument("order")
@click.option("--amount", help="Money that is given back in all, tax included.")
@click.option(
    "--line",
    "lines",
    multiple=True,
    metavar="LINE=UNITS",
    help="Units of a line (lin_…, its external id or its SKU) that the money is for. May be repeated.",
)
@click.option(
    "--restock",
    type=click.Choice(["return", "cancel", "none"]),
    default="return",
    show_default=True,
    help="What becomes of these units: they were shipped and come back, are open and leave the order, or neither.",
)
@click.option("--note", help="Why, for the partner; it stands on the credit note.")
@click.option("--number", help="Your number of this refund: the same one again is the same refund [made by the hub].")
@changes
@pass_session
def refund_command(
    session: Session,
    /,
    order: str,
    amount: str | None,
    lines: tuple[str, ...],
    restock: str,
    note: str | None,
    number: str | None,
) -> None:
    """Give back money or units of a partner's order.

    Where money is given back to a partner with terms of trade, a credit note of the invoices leaves by itself. Without
    --amount only units are canceled or come back, and no credit note is made. Orders of shops are refunded at the shop.
    """
    from console.cli.bodies import body_of
    from core.domain.ids import public_id
    from core.services import audit
    from core.services.refunding import refund_order
    from core.store.read.refunds import read_refund
    from webhooks.api.refunds import RefundBody

    named = []
    for each in lines:
        line, equals, units = each.rpartition("=")
        if not equals or not line:
            raise click.UsageError(f"{each!r} is not LINE=UNITS.")
        named.append({"line": line, "quantity": units, "restock": restock})
    body = body_of(RefundBody, external_id=number, amount=amount, note=note, lines=named or None)
    with session.hub() as hub:
        with hub.store.read() as conn:
            order_id = find_order(conn, order)
        session.agree(f"Give back {amount or 'units'} of order {order}?")
        with session.changing(hub) as unit:
            facts = hub.facts.get(unit.conn, unit.tenant)
            refund_id, new = refund_order(unit, facts, order_id, body)
            shown = read_refund(unit.conn, refund_id, unit.tenant)
            if new:
                told = {"refund": shown["id"], "amount": shown["amount"]}
                audit.record(unit, "order.refunded", public_id("order", order_id), told)
    given = f"{shown['amount']} {shown['currency']}" if shown["amount"] else "units alone"
    sentence = f"Refund {shown['external_id']} of order {order}: {given}."
    session.out.did(
        shown,
        sentence if new else f"{sentence} It was made before.",
        f"crossdock papers list --order {order} --kind credit_note",
    )
