"""`crossdock orders`: list, show, cancel, change, hold, release, refund."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from console.cli.base import Session, changes, find_id, group, pass_session
from console.cli.lists import Moment, find_order, limit_option, pages
from console.cli.refunds import refund_command

COLUMNS = ("id", "order", "connection", "state", "phase", "placed_at=placed", "total", "currency=")


@group("orders")
def orders_command() -> None:
    """Orders, whatever door they came in by."""


orders_command.add_command(refund_command)


@orders_command.command("list")
@click.option("--state", multiple=True, help="Only in this state; may be repeated.")
@click.option("--phase", multiple=True, help="Only in this phase; may be repeated.")
@click.option("--connection", help="Only from this connection.")
@click.option("--number", help="Only with this number.")
@click.option("--sku", help="Only with a line of this SKU.")
@click.option("--email", help="Only of this buyer.")
@click.option("--tracking", help="Only with this tracking number.")
@click.option("--since", type=Moment(), help="Changed since, such as 2h or 2026-11-20T09:00:00Z.")
@limit_option
@pass_session
def list_(session: Session, /, limit: int, since: datetime | None, **given: Any) -> None:
    """List orders, the newest received first."""
    from core.store.read.order_list import OrderFilter, list_with_totals

    where = OrderFilter(since=since, **given)
    with session.hub() as hub, hub.store.read() as conn:
        session.out.rows(pages(lambda piece: list_with_totals(conn, where, piece), limit), COLUMNS)


@orders_command.command("show")
@click.argument("order")
@pass_session
def show(session: Session, /, order: str) -> None:
    """Show one order, by its id, number or external id, with what happened to it.

    Of a partner's order also what he says he received.
    """
    from core.store.read.catalog import list_items
    from core.store.read.orders import read_order
    from core.store.read.page import Slice
    from core.store.read.received import received_of_order
    from core.store.read.timeline import read_timeline

    with session.hub() as hub, hub.store.read() as conn:
        order_id = find_order(conn, order)
        received = received_of_order(conn, order_id)
        found = {**read_order(conn, order_id), "received": received, "timeline": read_timeline(conn, order_id)}
        nameless = [line["sku"] for line in found["lines"] if line["sku"] and not line["title"]]
        items = list_items(conn, Slice(len(nameless)), sku=nameless).data if nameless else []
    if session.json:
        session.out.line(found)
        return
    out = session.out
    for name in ("id", "number", "external_id", "connection", "state", "phase", "placed_at", "currency"):
        click.echo(f"{name:<12} {found[name] if found[name] is not None else '-'}")
    click.echo(f"{'total':<12} {(found['totals'] or {}).get('grand', '-')}")
    click.echo("\nLines")
    # A source need not send titles; people see the item's own then.
    titles = {item["sku"]: item["title"] for item in items}
    out.rows(
        [{**line, "title": line["title"] or titles.get(line["sku"])} for line in found["lines"]],
        ("position=#", "sku", "title", "quantity", "unit_price=price", "open", "reserved", "allocated", "shipped",
         "canceled"),
    )  # fmt: skip
    if found["holds"]:
        click.echo("\nHolds")
        out.rows(found["holds"], ("id", "kind", "detail", "created_at=since"))
    if received:
        click.echo("\nReceived by the buyer")
        out.rows(
            received,
            ("external_id=report", "shipment_number=shipment", "received_at=received", "accepted",
             "rejected=not accepted", "difference=against the advice"),
        )  # fmt: skip
    click.echo("\nTimeline")
    out.rows(found["timeline"], ("at", "kind", "name", "state", "connection", "outcome", "actor"))


@orders_command.command("cancel")
@click.argument("order")
@click.option("--line", "lines", multiple=True, metavar="LINE=UNITS", help="Only units of a line (lin_… or its SKU).")
@click.option("--reason", help="Why, for the partners.")
@changes
@pass_session
def cancel(session: Session, /, order: str, lines: tuple[str, ...], reason: str | None) -> None:
    """Cancel what is still open of an order, or units of some lines."""
    from core.domain.ids import public_id
    from core.services import audit
    from core.services.canceling import cancel_order
    from core.store.read.orders import read_order

    with session.hub() as hub:
        with hub.store.read() as conn:
            order_id = find_order(conn, order)
            shown = read_order(conn, order_id)
        session.agree(f"Cancel order {shown['number'] or shown['external_id']}?")
        with session.changing(hub) as unit:
            facts = hub.facts.get(unit.conn, unit.tenant)
            answer = cancel_order(unit, facts, order_id, _units(shown, lines) if lines else None, reason)
            audit.record(
                unit, "order.canceled", public_id("order", order_id), {"reason": reason, "state": answer["state"]}
            )
    if answer["too_late"]:
        sentence = f"Too late: nothing of {order} is open; it is {answer['state']}."
    elif answer["requested"]:
        sentence = f"The nodes that work on {order} are asked; it is canceled when they agree."
    else:
        sentence = f"Order {order} is {answer['state']}."
    if answer["too_late"]:
        # Nothing was done, nor would be: a dry run says the same.
        session.out.undone(answer, sentence)
        raise click.exceptions.Exit(1)
    session.out.did(answer, sentence, f"crossdock orders show {order}")


def _units(order: dict[str, Any], wanted: tuple[str, ...]) -> dict[Any, Any]:
    from core.domain.ids import parse_id
    from core.domain.units import check_quantity
    from core.errors import InputError

    found: dict[Any, Any] = {}
    for each in wanted:
        name, _, units = each.rpartition("=")
        begins = name if name.startswith("lin_") else None
        matches = [
            line
            for line in order["lines"]
            if name in (line["external_id"], line["sku"]) or (begins and line["id"].startswith(begins))
        ]
        if len(matches) != 1:
            raise InputError(
                f"{name[:60]!r} is not one line of the order.",
                fix="Write --line LINE=UNITS with the line's id (lin_…), external id or SKU.",
                code="CLI-LINE-422",
            )
        found[parse_id("line", matches[0]["id"])] = check_quantity(units, "The units to cancel")
    return found


@orders_command.command("change")
@click.argument("order")
@click.option(
    "--set", "sets", multiple=True, metavar="PATH=VALUE", help="Such as ship_to.city=Aarhus, lines.0.quantity=2."
)
@click.option(
    "--file", "file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="The whole order as JSON."
)
@changes
@pass_session
def change(session: Session, /, order: str, sets: tuple[str, ...], file: Path | None) -> None:
    """Change an order as its source would: lines, units, address; what is reserved or released follows."""
    from console.cli.changes import changed_document
    from core.domain.documents import check_document
    from core.domain.ids import public_id
    from core.errors import InputError
    from core.services import audit
    from core.services.submit import submit_changed
    from core.store.read.orders import read_order

    if bool(sets) == bool(file):
        raise click.UsageError("Give --set PATH=VALUE, once or more, or --file.")
    with session.hub() as hub:
        with hub.store.read() as conn:
            order_id = find_order(conn, order)
            shown = read_order(conn, order_id)
        document, raw = changed_document(shown, sets, file)
        if document.get("external_id") != shown["external_id"]:
            raise InputError("The external id of an order cannot change.", code="CLI-CHANGE-422")
        checked = check_document("order", document)
        session.agree(f"Change order {shown['number'] or shown['external_id']}?")
        with session.changing(hub) as unit:
            facts = hub.facts.get(unit.conn, unit.tenant)
            submit_changed(unit, facts, order_id, checked, raw)
            after = read_order(unit.conn, order_id, unit.tenant)
            audit.record(
                unit, "order.changed", public_id("order", order_id), {"set": [s.partition("=")[0] for s in sets]}
            )
    session.out.did(after, f"Order {order} is {after['state']}, {after['phase']}.", f"crossdock orders show {order}")


@orders_command.command("hold")
@click.argument("order")
@click.option("--reason", required=True, help="Why it is to wait.")
@changes
@pass_session
def hold(session: Session, /, order: str, reason: str) -> None:
    """Stop an order until somebody releases it; work already released goes on."""
    from core.domain.ids import public_id
    from core.domain.vocabulary import HoldKind
    from core.services import audit
    from core.services.holds import place_hold
    from core.store.read.orders import read_order

    with session.hub() as hub, session.changing(hub) as unit:
        order_id = find_order(unit.conn, order)
        place_hold(unit, hub.facts.get(unit.conn, unit.tenant), order_id, HoldKind.MANUAL, reason)
        after = read_order(unit.conn, order_id, unit.tenant)
        audit.record(unit, "order.held", public_id("order", order_id), {"reason": reason})
    session.out.did(after, f"Order {order} is {after['state']}.", f"crossdock orders release {order}")


@orders_command.command("release")
@click.argument("order")
@click.option("--hold", "hold_name", metavar="HOLD", help="Only this hold (hld_…); all of them otherwise.")
@changes
@pass_session
def release(session: Session, /, order: str, hold_name: str | None) -> None:
    """Release the holds of an order; it goes on when none is left."""
    from core.domain.ids import public_id
    from core.errors import Conflict
    from core.services import audit
    from core.services.holds import release_hold
    from core.store.read.orders import read_order

    with session.hub() as hub, session.changing(hub) as unit:
        order_id = find_order(unit.conn, order)
        held = [each["id"] for each in read_order(unit.conn, order_id, unit.tenant)["holds"]]
        if not held and hold_name is None:
            raise Conflict(f"Order {order} has no hold.", code="CLI-HOLD-409")
        for each in [hold_name] if hold_name else held:
            release_hold(unit, order_id, find_id(unit.conn, "hold", each))
        after = read_order(unit.conn, order_id, unit.tenant)
        audit.record(unit, "hold.released", public_id("order", order_id), {"holds": [hold_name] if hold_name else held})
    session.out.did(after, f"Order {order} is {after['state']}.", f"crossdock orders show {order}")
