"""Inventory: items by nodes, and why a figure is what it is, or was."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Blueprint, render_template, url_for
from sqlalchemy import Connection

from console.web import incoming, params, rules, transfers
from console.web.context import services
from console.web.errors import missing
from core.errors import NotFound
from core.store.read.explained import explain_availability
from core.store.read.page import Json
from core.store.views import inventory

TABS = {"": "All items", "out": "Nothing available", "promised": "Promised", "short": "Counted short"}
PER_PAGE = 50
blueprint = Blueprint("inventory", __name__)
# Screens within the screen: part of its address and of its entry in the menu.
for part in (rules, incoming, transfers):
    blueprint.register_blueprint(part.blueprint)


@blueprint.get("/inventory")
def page() -> str:
    """Show the grid."""
    hub = services()
    words, show, after = params.word("q"), params.word("tab", list(TABS)), params.word("after")
    with hub.store.read() as conn:
        rows, more = inventory.page(conn, hub.tenant, words=words, show=show, after=after, limit=PER_PAGE)
        counts = inventory.counts(conn, hub.tenant, words)
        nodes = inventory.nodes(conn, hub.tenant)
    tabs = [
        params.Tab(title, params.link("console.inventory.page", tab=name), name == show, counts[name or "all"],
                   name == "short")
        for name, title in TABS.items()
    ]  # fmt: skip
    pager = params.Page(
        len(rows),
        f"{counts[show or 'all']:,}",
        params.link("console.inventory.page", after=more) if more else None,
        params.link("console.inventory.page") if after else None,
    )
    return render_template(
        "console/inventory.html", rows=rows, nodes=nodes, tabs=tabs, pager=pager, words=words, show=show
    )


@blueprint.get("/inventory/<path:sku>/at/<node>")
def position(sku: str, node: str) -> str:
    """Show one cell with its ledger; with `at` what it was then, part by part."""
    hub = services()
    before = params.word("before")
    at = params.moment("at", datetime.now(UTC))
    with hub.store.read() as conn:
        # One picture: the parts belong to the figures above them.
        conn.execution_options(isolation_level="REPEATABLE READ")
        found = inventory.position(conn, hub.tenant, sku, node, before=int(before) if before.isdecimal() else None)
        if found is None:
            raise missing("stock position")
        place = _place(conn, sku, node, at, hub.tenant)
    older = url_for(".position", sku=sku, node=node, before=found.older) if found.older else None
    return render_template("console/position.html", found=found, cell=found.cell, older=older, place=place, at=at)


def _place(conn: Connection, sku: str, node: str, at: datetime | None, tenant: int) -> Json | None:
    """Return the figure of a cell at a time with its parts and lots; None when the item was never there until then."""
    try:
        items = explain_availability(conn, sku, node=node, as_of=at, tenant=tenant)["items"]
    except NotFound:
        return None
    # It may have been a kit then, of which nothing lay on the shelf.
    return next((place for item in items if item["sku"] == sku for place in item["nodes"]), None)
