"""Orders: the list with its tabs and filters, its export, and the page of one order."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, stream_with_context, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response as AnyResponse

from console.web import actions, decision, kinds, params, trade
from console.web.context import require_changes, services, wants_fragment
from console.web.errors import missing
from core.domain.ids import kind_of, parse_id, public_id
from core.domain.vocabulary import HoldKind
from core.services import counterfactuals
from core.store.read.decisions import costs_of
from core.store.views import choices, order_page, order_tabs, orders

COLUMNS = (
    "id", "number", "external_id", "connection", "state", "phase", "placed_at", "buyer", "country", "units", "skus",
    "total", "currency", "holds", "nodes", "carriers",
)  # fmt: skip
YES_NO = ("yes", "no")
blueprint = Blueprint("orders", __name__)


def wanted() -> orders.OrderFilter:
    """Return the filter in the address."""
    now = datetime.now(UTC)
    return orders.OrderFilter(
        tab=params.word("tab", order_tabs.TABS, "all") or "all",
        connection=params.word("connection"),
        node=params.word("node"),
        country=params.word("country"),
        carrier=params.word("carrier"),
        hold=params.word("hold", [str(kind) for kind in HoldKind]),
        placed_from=params.moment("placed", now),
        placed_to=params.moment("placed_to", now),
        touched=params.word("touched", YES_NO),
        shipped=params.word("shipped", YES_NO),
        waiting=params.word("waiting", ("yes",)),
        text=params.word("q"),
    )


@blueprint.get("/orders")
def page() -> str:
    """Show the list."""
    hub, filter_ = services(), wanted()
    before, newest = params.cursor("before", "order"), params.cursor("newest", "order")
    with hub.store.read() as conn:
        rows, more = orders.page(conn, hub.tenant, filter_, before=before, newest=newest)
        newest = newest or (rows[0].id if rows and before is None else None)
        fresh = orders.newer(conn, hub.tenant, filter_, newest) if newest and before is None else 0
        counts = orders.tab_counts(conn, hub.tenant, filter_)
        options = _options(conn, hub.tenant)
        total = orders.total(conn, hub.tenant, filter_)
    titles = {name: title for name, (title, _) in order_tabs.TABS.items()}
    return render_template(
        "console/orders.html",
        rows=rows,
        tabs=params.tabs("console.orders.page", titles, filter_.tab, counts, hot=("held",)),
        pager=params.pager("console.orders.page", "order", len(rows), total, more),
        fresh=fresh,
        fresh_url=params.link("console.orders.page"),
        again=params.again("console.orders.page", "order", newest),
        options=options,
        wanted=filter_,
        chips=_chips(),
        now=datetime.now(UTC),
        tones=kinds.PHASE_TONES,
        icons=kinds.PHASE_ICONS,
        spans=params.SPANS,
    )


def _options(conn: Connection, tenant: int) -> dict[str, list[tuple[str, str]]]:
    return {
        "connection": choices.connections(conn, tenant),
        "node": choices.nodes(conn, tenant),
        "country": [(code, code) for code in choices.countries(conn, tenant)],
        "carrier": [(name, name) for name in choices.carriers(conn, tenant)],
        "hold": [(str(kind), str(kind).replace("_", " ")) for kind in HoldKind],
    }


def _chips() -> list[tuple[str, str]]:
    """Return what narrows the list without a field of its own, with the address that lifts it."""
    words = {
        ("touched", "yes"): "held for a person", ("touched", "no"): "without a person",
        ("shipped", "yes"): "shipped", ("shipped", "no"): "not yet shipped", ("waiting", "yes"): "held or backordered",
    }  # fmt: skip
    return [
        (text, params.link("console.orders.page", **{name: None}))
        for (name, value), text in words.items()
        if request.args.get(name) == value
    ]


@blueprint.get("/orders.csv")
def export() -> Response:
    """Send every order of the list as CSV."""
    filter_ = wanted()
    hub = services()

    def lines() -> Iterator[str]:
        buffer = io.StringIO()
        writer = csv.writer(buffer)
        writer.writerow(COLUMNS)
        with hub.store.read() as conn:
            for row in orders.every(conn, hub.tenant, filter_):
                values = [
                    public_id("order", row.id), row.number, row.external_id, row.connection, row.state, row.phase,
                    row.placed_at.isoformat(), row.buyer, row.country, row.units, row.skus, row.total, row.currency,
                    " ".join(row.holds), " ".join(row.nodes), " ".join(row.carriers),
                ]  # fmt: skip
                writer.writerow([params.csv_safe(value) for value in values])
                if buffer.tell() > 65_536:
                    yield buffer.getvalue()
                    buffer.seek(0)
                    buffer.truncate()
        yield buffer.getvalue()

    answer = Response(stream_with_context(lines()), mimetype="text/csv")
    answer.headers["Content-Disposition"] = 'attachment; filename="orders.csv"'
    return answer


@blueprint.get("/orders/<order>")
def detail(order: str) -> str:
    """Show one order."""
    hub = services()
    with hub.store.read() as conn:
        found = order_page.load(conn, hub.tenant, parse_id("order", order))
        papers = trade.of_order(conn, hub.tenant, found) if found else None
        costs = costs_of(conn, found.decisions, hub.tenant) if found else {}
    if found is None:
        raise missing("order")
    return render_template(
        "console/order.html",
        page=found,
        order=found.order,
        trade=papers,
        moments=order_page.timeline(found),
        tones=kinds.PHASE_TONES,
        icons=kinds.PHASE_ICONS,
        work_tones=kinds.WORK_TONES,
        promise_tones=kinds.PROMISE_TONES,
        message_tones=kinds.MESSAGE_TONES,
        delivery_tones=kinds.DELIVERY_TONES,
        decisions=[decision.explain(row, costs.get(row["id"])) for row in found.decisions],
        decimal=Decimal,
        facts=facts,
        moment_tone=moment_tone,
    )


@blueprint.get("/orders/<order>/decisions/<decision_id>/would-change")
def would_change(order: str, decision_id: str) -> str:
    """Show what would have changed a decision about an order."""
    with services().store.read() as conn:
        told = counterfactuals.would_change(conn, parse_id("decision", decision_id), services().tenant)
    return render_template("console/would_change.html", told=told, order=order, fragment=wants_fragment())


@blueprint.post("/orders/<order>/holds/<hold>/release")
def release(order: str, hold: str) -> AnyResponse:
    """Release one hold."""
    require_changes()
    actions.release_hold(parse_id("order", order), parse_id("hold", hold))
    flash("Hold released.")
    return redirect(url_for(".detail", order=order), 303)


@blueprint.post("/orders/<order>/cancel")
def cancel(order: str) -> AnyResponse:
    """Cancel the order as far as it still can be."""
    require_changes()
    flash(actions.cancel_order(parse_id("order", order), request.form.get("reason", "").strip()[:300]))
    return redirect(url_for(".detail", order=order), 303)


BAD = ("order.held", "fulfillment.rejected", "fulfillment.short", "shipment.lost", "delivery.dead", "disturbed", "lost")
GOOD = ("order.accepted", "order.completed", "fulfillment.shipped", "shipment.delivered", "shipment.found", "delivered")


def moment_tone(moment: order_page.Moment) -> str:
    """Return the class of a timeline's dot."""
    if moment.kind == "delivery":
        return {"delivered": "cd-o-ok", "dead": "cd-o-bad"}.get(moment.row["state"], "")
    if moment.name in BAD:
        return "cd-o-bad"
    return "cd-o-ok" if moment.name in GOOD else "cd-o-acc" if moment.kind == "event" else ""


def facts(data: Any) -> str:
    """Return the simple facts of an event as words, without identifiers: `kind bad address, detail no city`.

    Costs of the routing are shown in the order's currency.
    """
    if not isinstance(data, dict):
        return ""
    plain = {
        name: f"{decision.amount(value):,.2f}" if name == "cost" and isinstance(value, int) else value
        for name, value in data.items()
        if isinstance(value, str | int) and value != "" and kind_of(str(value)) is None
    }
    simple = [f"{name.replace('_', ' ')} {value}" for name, value in plain.items()]
    return ": " + ", ".join(simple)[:200] if simple else ""
