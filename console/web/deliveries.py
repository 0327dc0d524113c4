"""Deliveries: what goes out, every attempt with what was said, and retry."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response as AnyResponse

from console.web import actions, kinds, params
from console.web.context import require_changes, services
from console.web.errors import missing
from console.web.messages import pretty
from core.domain.ids import parse_id
from core.domain.vocabulary import Write
from core.store.views import choices, deliveries

blueprint = Blueprint("deliveries", __name__)


@blueprint.get("/deliveries")
def page() -> str:
    """Show the list."""
    hub = services()
    wanted = deliveries.DeliveryFilter(
        tab=params.word("tab", deliveries.TABS, "all") or "all",
        connection=params.word("connection"),
        kind=params.word("kind", [str(write) for write in Write]),
        text=params.word("q"),
    )
    before, newest = params.cursor("before", "delivery"), params.cursor("newest", "delivery")
    with hub.store.read() as conn:
        rows, more = deliveries.page(conn, hub.tenant, wanted, before=before, newest=newest)
        newest = newest or (rows[0].id if rows and before is None else None)
        fresh = deliveries.newer(conn, hub.tenant, wanted, newest) if newest and before is None else 0
        counts = deliveries.tab_counts(conn, hub.tenant, wanted)
        total = deliveries.total(conn, hub.tenant, wanted)
        accounts = choices.connections(conn, hub.tenant)
    titles = {name: title for name, (title, _) in deliveries.TABS.items()}
    return render_template(
        "console/deliveries.html",
        rows=rows,
        tabs=params.tabs("console.deliveries.page", titles, wanted.tab, counts, hot=("dead",)),
        pager=params.pager("console.deliveries.page", "delivery", len(rows), total, more),
        fresh=fresh,
        fresh_url=params.link("console.deliveries.page"),
        again=params.again("console.deliveries.page", "delivery", newest),
        wanted=wanted,
        accounts=accounts,
        writes=[(str(write), str(write).replace("_", " ")) for write in Write],
        tones=kinds.DELIVERY_TONES,
    )


@blueprint.get("/deliveries/<delivery>")
def detail(delivery: str) -> str:
    """Show one delivery with its attempts."""
    hub = services()
    with hub.store.read() as conn:
        found = deliveries.one(conn, hub.tenant, parse_id("delivery", delivery))
    if found is None:
        raise missing("delivery")
    return render_template(
        "console/delivery.html",
        page=found,
        row=found.row,
        payload=pretty(found.payload),
        pretty=pretty,
        tones=kinds.DELIVERY_TONES,
    )


@blueprint.post("/deliveries/<delivery>/retry")
def retry(delivery: str) -> AnyResponse:
    """Send a dead delivery again, from its first attempt."""
    require_changes()
    actions.retry_delivery(parse_id("delivery", delivery))
    flash("Queued again.")
    return redirect(url_for(".detail", delivery=delivery), 303)
