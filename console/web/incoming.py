"""Incoming supply: what is expected and late, what came, and what comes no more."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response as AnyResponse

from console.web import forms, params
from console.web.context import me, require_changes, services
from core.domain.ids import parse_id, public_id
from core.errors import Conflict, CrossdockError
from core.services.announcing import announce_supply
from core.services.facts import read_facts
from core.services.supplying import end_supply, expect_supply, receive_supply
from core.store.read.page import Json, Slice
from core.store.read.supply import OPEN, list_supplies, read_supply
from core.store.unit import Unit
from core.store.views import inventory, supply
from webhooks.api.supply import ReceiptBody, SupplyBody

TABS = {"open": "Expected", "late": "Late", "received": "Received", "canceled": "Ended"}
TONES = {"expected": "info", "in_transit": "acc", "received": "ok", "canceled": ""}
PER_PAGE = 50
blueprint = Blueprint("incoming", __name__, url_prefix="/inventory/incoming")


@blueprint.get("")
def page() -> str:
    """Show the supplies of a tab."""
    hub, show = services(), params.word("tab", TABS, "open")
    wanted = {name: params.word(name) for name in ("sku", "node")}
    before = params.cursor("before", "supply")
    with hub.store.read() as conn:
        found = list_supplies(
            conn,
            Slice(PER_PAGE, [str(before)] if before else None),
            sku=params.chosen(wanted["sku"]),
            node=params.chosen(wanted["node"]),
            state=OPEN if show == "open" else [] if show == "late" else [show],
            late=show == "late",
            tenant=hub.tenant,
        )
        counts = supply.supply_counts(conn, hub.tenant, **wanted)
        nodes = inventory.nodes(conn, hub.tenant)
    return render_template(
        "console/incoming.html",
        rows=[_shown(row) for row in found.data],
        tabs=params.tabs("console.inventory.incoming.page", TABS, show, counts, hot=["late"]),
        pager=params.listed("console.inventory.incoming.page", "supply", found, counts[show]),
        wanted=wanted,
        show=show,
        nodes=nodes,
        tones=TONES,
    )


def _shown(row: Json) -> Json:
    """Return a supply with what is still to come of it, and whether it should be there."""
    due = row["expected_at"]
    late = row["state"] in OPEN and due is not None and datetime.fromisoformat(due) < datetime.now(UTC)
    return {**row, "left": max(Decimal(row["quantity"]) - Decimal(row["received"]), Decimal(0)), "late": late}


@blueprint.get("/new")
def new() -> str:
    """Show the form for a supply, filled with what the address says."""
    require_changes()
    names = ("sku", "node", "reference", "quantity", "promisable", "expected_at")
    return _form(forms.Form({name: params.word(name) for name in names}))


@blueprint.post("/new")
def create() -> AnyResponse | tuple[str, int]:
    """Write what is expected, or say beside the fields why not."""
    require_changes()
    form = forms.sent()
    try:
        body = forms.read(SupplyBody())
        made = forms.submit(lambda unit: _expect(unit, body))
    except CrossdockError as error:
        return _form(form.refused(error)), error.status
    if made is None:
        return redirect(url_for(".page"), 303)
    flash(f"{body['reference']}: {body['quantity'].normalize():f} of {body['sku']} are expected at {body['node']}.")
    return redirect(url_for(".detail", supply_id=public_id("supply", made)), 303)


def _expect(unit: Unit, body: Json) -> UUID:
    """Write what is expected, and announce it to the node where its connection is told of it."""
    supply_id = expect_supply(unit, **body)
    announce_supply(unit, read_facts(unit.conn, services().connectors, unit.tenant), supply_id)
    return supply_id


def _form(form: forms.Form) -> str:
    hub = services()
    with hub.store.read() as conn:
        nodes = inventory.nodes(conn, hub.tenant)
    return render_template("console/incoming_new.html", form=form, nodes=nodes)


@blueprint.get("/<supply_id>")
def detail(supply_id: str) -> str:
    """Show one supply with the form for what came of it."""
    return _detail(supply_id, forms.Form())


@blueprint.post("/<supply_id>/receive")
def receive(supply_id: str) -> AnyResponse | tuple[str, int]:
    """Take units in, or say beside the fields why not."""
    require_changes()
    form, key = forms.sent(), parse_id("supply", supply_id)
    try:
        body = forms.read(ReceiptBody())
        forms.submit(lambda unit: _receive(unit, key, body))
    except CrossdockError as error:
        return _detail(supply_id, form.refused(error)), error.status
    with services().store.read() as conn:
        after = read_supply(conn, key, services().tenant)
    flash(f"{after['reference']}: {after['received']} of {after['quantity']} came so far.")
    return redirect(url_for(".detail", supply_id=supply_id), 303)


def _receive(unit: Unit, key: UUID, body: dict[str, Any]) -> bool:
    receive_supply(unit, key, **body)
    return True


@blueprint.post("/<supply_id>/end")
def end(supply_id: str) -> AnyResponse:
    """Say that nothing more comes; refused while units of it are promised."""
    require_changes()
    key = parse_id("supply", supply_id)
    try:
        with services().store.begin(actor=me().actor) as unit:
            end_supply(unit, key)
        flash("Nothing more is expected of it.")
    except Conflict as error:
        flash(str(error), "error")
    return redirect(url_for(".detail", supply_id=supply_id), 303)


def _detail(supply_id: str, form: forms.Form) -> str:
    hub = services()
    with hub.store.read() as conn:
        row = _shown(read_supply(conn, parse_id("supply", supply_id), hub.tenant))
        item = inventory.position(conn, hub.tenant, row["sku"], row["node"], limit=1)
    return render_template(
        "console/supply.html", row=row, form=form, position=item, open=row["state"] in OPEN, tones=TONES
    )
