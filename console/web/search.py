"""One field that finds anything by any of its identifiers."""

from __future__ import annotations

from flask import Blueprint, redirect, url_for
from werkzeug.wrappers import Response as AnyResponse

from console.web import params
from console.web.context import services
from core.domain.ids import kind_of, public_id
from core.store.views import inventory, orders

PAGES = {
    "order": ("console.orders.detail", "order"),
    "message": ("console.messages.detail", "message"),
    "delivery": ("console.deliveries.detail", "delivery"),
    "edi_document": ("console.partners.document", "document"),
    "interchange": ("console.partners.interchange", "interchange"),
}
blueprint = Blueprint("search", __name__)


@blueprint.get("/search")
def find() -> AnyResponse:
    """Go to the one thing found, else to the list of orders that the text names."""
    text = params.word("q")
    kind = kind_of(text) if "_" in text else None
    if kind in PAGES:
        endpoint, argument = PAGES[kind]
        return redirect(params.address(endpoint, {argument: text}))
    if kind == "case":
        return redirect(url_for("console.exceptions.page", case=text))
    hub = services()
    with hub.store.read() as conn:
        found, _ = orders.page(conn, hub.tenant, orders.OrderFilter(text=text), limit=2) if text else ([], None)
        items = inventory.counts(conn, hub.tenant, text)["all"] if text and not found else 0
    if len(found) == 1:
        return redirect(url_for("console.orders.detail", order=public_id("order", found[0].id)))
    if not found and items:
        return redirect(url_for("console.inventory.page", q=text))
    return redirect(url_for("console.orders.page", q=text or None))
