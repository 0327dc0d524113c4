"""The network: nodes with calendars and scores; switched off or on, given another capacity, their work moved."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from console.web import calendars, carriers, disruptions, forms, params, replans
from console.web.context import require_changes, services
from console.web.errors import missing
from core.domain.ids import parse_id
from core.errors import CrossdockError
from core.services.affected import Scope
from core.services.disruptions import change_node
from core.store.read.calendars import read_calendar
from core.store.read.catalog import read_node
from core.store.read.page import Slice
from core.store.read.promises import list_scores
from core.store.unit import Unit
from core.store.views import network
from webhooks.api.disruptions import NodePatch

PER_PAGE = 100
# What a change of a node touches, by the name of its form.
CHANGES = {"off": "switched off", "on": "switched on", "capacity": "given another capacity"}
blueprint = Blueprint("network", __name__, url_prefix="/network")
# Screens within the screen: part of its address and of its entry in the menu.
for part in (calendars, carriers, disruptions):
    blueprint.register_blueprint(part.blueprint)


@blueprint.get("")
def page() -> str:
    """Show every node."""
    hub, after = services(), params.word("after")
    with hub.store.read() as conn:
        rows = network.nodes(conn, hub.tenant, after=after, limit=PER_PAGE + 1)
    shown = rows[:PER_PAGE]
    more = params.link("console.network.page", after=shown[-1]["code"]) if len(rows) > PER_PAGE else None
    return render_template("console/nodes.html", rows=shown, more=more, off=sum(not row["works"] for row in shown))


@blueprint.get("/nodes/<code>")
def detail(code: str) -> str:
    """Show one node: when it works, how it does, and what becomes of its work when it does not."""
    return _detail(code, forms.Form())


def _detail(code: str, form: forms.Form, what: str = "", found: dict[str, Any] | None = None) -> str:
    hub = services()
    with hub.store.read() as conn:
        row = next(iter(network.nodes(conn, hub.tenant, only=code)), None)
        if row is None:
            raise missing("node")
        calendar = read_calendar(conn, code, hub.tenant)
        node = read_node(conn, code, hub.tenant)
        scores = list_scores(conn, Slice(50), subject=["node"], name=[code], tenant=hub.tenant).data
    if not form.values and row["capacity_per_day"] is not None:
        form = replace(form, values={"capacity_per_day": str(row["capacity_per_day"])})
    if not what and not row["works"] and row["open"]:
        found = replans.looked(replans.of_node(parse_id("node", node["id"])))
    return render_template(
        "console/node.html", row=row, node=node, calendar=calendar, days=calendars.DAYS, scores=scores, form=form,
        what=what, found=found,
    )  # fmt: skip


@blueprint.post("/nodes/<code>/<what>")
def change(code: str, what: str) -> AnyResponse | tuple[str, int]:
    """Show what a change would do to the node's work, or make it, with its work moved or not."""
    require_changes()
    if what not in CHANGES:
        raise missing("address")
    form, verb = forms.sent(), request.form.get("verb", "")
    hub = services()
    with hub.store.read() as conn:
        node = parse_id("node", read_node(conn, code, hub.tenant)["id"])
    try:
        changes = _changes(what)
        if verb == "preview":
            return _detail(code, form, what, replans.looked(lambda unit: _after(unit, code, node, what, changes))), 200
        made = forms.submit(lambda unit: change_node(unit, code, changes), "", lambda _: code, None)
        if made is not None:
            flash(f"{code} is {CHANGES[what]}.")
        if verb == "move":
            replans.move(replans.of_node(node, over_capacity=what == "capacity"), _reason(code, what), code)
    except CrossdockError as error:
        return _detail(code, form.refused(error), what), error.status
    return redirect(url_for(".detail", code=code), 303)


@blueprint.post("/nodes/<code>/move")
def move(code: str) -> AnyResponse:
    """Give the work of a node that is off to other nodes."""
    require_changes()
    hub = services()
    with hub.store.read() as conn:
        node = parse_id("node", read_node(conn, code, hub.tenant)["id"])
    replans.move(replans.of_node(node), f"{code} is off", code)
    return redirect(url_for(".detail", code=code), 303)


def _changes(what: str) -> dict[str, Any]:
    """Return what a form says of a node, as the API would take it."""
    if what == "on":
        return {"active": True}
    given = forms.read(NodePatch())
    if what == "capacity":
        return {"capacity_per_day": given.get("capacity_per_day")}
    reason = given.get("off_reason")
    until = given.get("off_until")
    return {"off_reason": reason, **({"active": False} if until is None else {"off_until": until})}


def _after(unit: Unit, code: str, node: UUID, what: str, changes: dict[str, Any]) -> Scope:
    change_node(unit, code, changes)
    return Scope(node=node, over_capacity=what == "capacity")


def _reason(code: str, what: str) -> str:
    return request.form.get("off_reason", "").strip()[:200] or f"{code} is {CHANGES[what]}"
