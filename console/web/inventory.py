"""Inventory: items by nodes, and why a figure is what it is."""

from __future__ import annotations

from flask import Blueprint, render_template, url_for

from console.web import incoming, params, rules, transfers
from console.web.context import services
from console.web.errors import missing
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
    """Show one cell with its ledger."""
    hub = services()
    before = params.word("before")
    with hub.store.read() as conn:
        found = inventory.position(conn, hub.tenant, sku, node, before=int(before) if before.isdecimal() else None)
    if found is None:
        raise missing("stock position")
    older = url_for(".position", sku=sku, node=node, before=found.older) if found.older else None
    return render_template("console/position.html", found=found, cell=found.cell, older=older)
