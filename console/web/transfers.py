"""Transfers between nodes: sent, received, and the units that were lost on the way."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from console.web import forms, params
from console.web.context import require_changes, services
from core.domain.ids import parse_id, public_id
from core.domain.money import plain
from core.errors import CrossdockError
from core.services.announcing import announce_transfer
from core.services.facts import read_facts
from core.services.transfer_receipts import receive_transfer
from core.services.transfers import send_transfer
from core.store.read.page import Json, Slice
from core.store.read.supply import list_transfers, read_transfer
from core.store.unit import Unit
from core.store.views import inventory, supply
from webhooks.api.supply import TransferBody, TransferReceiptBody

TABS = {"in_transit": "In transit", "late": "Late", "received": "Received", "lost": "With lost units"}
TONES = {"in_transit": "acc", "received": "ok"}
LINE = ("sku", "quantity", "lot")
ROWS, MOST_ROWS = 4, 100
PER_PAGE = 50
blueprint = Blueprint("transfers", __name__, url_prefix="/inventory/transfers")


@blueprint.get("")
def page() -> str:
    """Show the transfers of a tab."""
    hub, show, reference = services(), params.word("tab", TABS, "in_transit"), params.word("reference")
    before = params.cursor("before", "transfer")
    with hub.store.read() as conn:
        found = list_transfers(
            conn,
            Slice(PER_PAGE, [str(before)] if before else None),
            state=[show] if show in TONES else [],
            reference=reference or None,
            late=show == "late",
            lost=show == "lost",
            tenant=hub.tenant,
        )
        counts = supply.transfer_counts(conn, hub.tenant, reference=reference)
    return render_template(
        "console/transfers.html",
        rows=[_shown(row) for row in found.data],
        tabs=params.tabs("console.inventory.transfers.page", TABS, show, counts, hot=["late", "lost"]),
        pager=params.listed("console.inventory.transfers.page", "transfer", found, counts[show]),
        reference=reference,
        show=show,
        tones=TONES,
    )


def _shown(row: Json) -> Json:
    """Return a transfer with its sums, and whether it should be there."""
    sums = {name: sum((Decimal(line[name]) for line in row["lines"]), Decimal(0)) for name in
            ("quantity", "received", "lost")}  # fmt: skip
    due = row["expected_at"]
    late = row["state"] == "in_transit" and due is not None and datetime.fromisoformat(due) < datetime.now(UTC)
    return {**row, **sums, "left": sums["quantity"] - sums["received"] - sums["lost"], "late": late}


@blueprint.get("/new")
def new() -> str:
    """Show the form for a transfer."""
    require_changes()
    names = ("from_node", "to_node", "lines.0.sku", "lines.0.quantity")
    return _form(forms.Form({name: params.word(name) for name in names}))


@blueprint.post("/new")
def create() -> AnyResponse | tuple[str, int]:
    """Send a transfer, or say beside the fields why not."""
    require_changes()
    form = forms.sent()
    lines = forms.rows("lines", LINE)
    try:
        body = forms.read(TransferBody(), {"lines": list(lines.values())})
        made = forms.submit(lambda unit: _send(unit, body))
    except CrossdockError as error:
        return _form(form.refused(forms.placed(error, "lines", list(lines)))), error.status
    if made is None:
        return redirect(url_for(".page"), 303)
    flash(f"{body['reference']} left {body['from_node']}; it is expected at {body['to_node']}.")
    return redirect(url_for(".detail", transfer=public_id("transfer", made)), 303)


def _send(unit: Unit, body: Json) -> UUID:
    """Send a transfer, and announce it to the node where its connection is told of it."""
    transfer_id = send_transfer(unit, **body)
    announce_transfer(unit, read_facts(unit.conn, services().connectors, unit.tenant), transfer_id)
    return transfer_id


def _form(form: forms.Form) -> str:
    hub = services()
    with hub.store.read() as conn:
        nodes = inventory.nodes(conn, hub.tenant)
    shown = max([ROWS, _more(), *(place + 1 for place in forms.rows("lines", LINE))])
    return render_template("console/transfer_new.html", form=form, nodes=nodes, rows=shown, most=MOST_ROWS)


def _more() -> int:
    """Return how many rows the address asks for."""
    wanted = request.args.get("rows", "")
    return min(int(wanted), MOST_ROWS) if wanted.isdecimal() and len(wanted) < 4 else 0


@blueprint.get("/<transfer>")
def detail(transfer: str) -> str:
    """Show one transfer with the form for what came of it."""
    return _detail(transfer, forms.Form())


@blueprint.post("/<transfer>/receive")
def receive(transfer: str) -> AnyResponse | tuple[str, int]:
    """Take units in at the other node, or say beside the fields why not."""
    require_changes()
    form, key = forms.sent(), parse_id("transfer", transfer)
    lines = forms.rows("lines", LINE)
    given = {place: line for place, line in lines.items() if line.get("quantity")}
    try:
        body = forms.read(TransferReceiptBody(), {"lines": list(given.values())} if given else {})
        if not given and not body["last"]:
            raise forms.nothing("lines.0.quantity", "say what came")
        forms.submit(lambda unit: _receive(unit, key, body))
    except CrossdockError as error:
        return _detail(transfer, form.refused(forms.placed(error, "lines", list(given)))), error.status
    with services().store.read() as conn:
        after = _shown(read_transfer(conn, key, services().tenant))
    flash(f"{after['reference']}: {plain(after['received'])} of {plain(after['quantity'])} units came"
          f"{', ' + plain(after['lost']) + ' are lost' if after['lost'] else ''}.")  # fmt: skip
    return redirect(url_for(".detail", transfer=transfer), 303)


def _receive(unit: Unit, key: UUID, body: dict[str, Any]) -> dict[str, Decimal]:
    # No line at all means that nothing came, not that everything did.
    return receive_transfer(unit, key, body.get("lines", []), last=body["last"], over=body["over"])


def _detail(transfer: str, form: forms.Form) -> str:
    hub = services()
    with hub.store.read() as conn:
        row = _shown(read_transfer(conn, parse_id("transfer", transfer), hub.tenant))
    return render_template("console/transfer.html", row=row, form=form, tones=TONES, number=Decimal)
