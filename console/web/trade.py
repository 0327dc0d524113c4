"""B2B trade: the papers of orders with their clock, one paper, and the labels of a shipment."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Blueprint, Response, flash, redirect, render_template, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response as AnyResponse

from console.web import chargebacks, params
from console.web.context import me, require_changes, services
from console.web.errors import missing
from console.web.messages import pretty
from core.domain.ids import parse_id, public_id
from core.domain.vocabulary import Paper
from core.services import audit
from core.services.advising import labels_of
from core.services.agreed_papers import send_agreed
from core.services.facts import read_facts
from core.services.sscc import Numbers
from core.store.read.page import Json, Slice
from core.store.read.received import received_of_order
from core.store.read.trade import list_papers, read_packages, read_paper
from core.store.views import choices, order_page, trade

TABS = {"all": "All", "kept_back": "Kept back", "failed": "Failed", "late": "Late", "waiting": "Waiting",
        "sent": "Sent", "accepted": "Accepted", "refused": "Refused", "not_agreed": "Not agreed"}  # fmt: skip
TONES = {
    "kept_back": "bad", "waiting": "info", "sent": "acc", "failed": "bad", "accepted": "ok", "refused": "bad",
    "not_agreed": "",
}  # fmt: skip
FORMATS = {"pdf": "application/pdf", "zpl": "text/plain; charset=utf-8"}
PER_PAGE = 50
MOST_ON_ORDER = 50
blueprint = Blueprint("trade", __name__, url_prefix="/trade")
blueprint.register_blueprint(chargebacks.blueprint)


@blueprint.get("/papers")
def page() -> str:
    """Show the papers of a tab."""
    hub, show = services(), params.word("tab", TABS, "all") or "all"
    kind, account = params.word("kind", [str(each) for each in Paper]), params.word("connection")
    number = params.word("number")
    before = params.cursor("before", "paper")
    with hub.store.read() as conn:
        accounts = choices.connections(conn, hub.tenant)
        found = list_papers(
            conn,
            Slice(PER_PAGE, [str(before)] if before else None),
            connection=account if account in dict(accounts) else None,
            kind=[kind] if kind else [],
            state=[show] if show not in ("all", "late") else [],
            number=number or None,
            late=show == "late",
            tenant=hub.tenant,
        )
        counts = trade.paper_counts(conn, hub.tenant)
    narrowed = bool(kind or account or number)
    total = len(found.data) if narrowed else counts.get(show, 0)
    return render_template(
        "console/papers.html",
        rows=[clocked(row) for row in found.data],
        tabs=params.tabs("console.trade.page", TABS, show, counts, hot=("kept_back", "failed", "late", "refused")),
        pager=params.listed("console.trade.page", "paper", found, total),
        wanted={"kind": kind, "connection": account, "number": number},
        accounts=accounts,
        kinds=[(str(each), str(each).replace("_", " ")) for each in Paper],
        show=show,
        tones=TONES,
    )


@blueprint.get("/papers/<paper>")
def detail(paper: str) -> str:
    """Show one paper as it left, with what the partner's rules said of it."""
    hub = services()
    with hub.store.read() as conn:
        row = clocked(read_paper(conn, parse_id("paper", paper), hub.tenant))
    return render_template("console/paper.html", row=row, body=pretty(row["body"]), tones=TONES)


@blueprint.post("/papers/<paper>/send")
def send(paper: str) -> AnyResponse:
    """Send a paper that was kept back as it is, or one whose delivery failed again."""
    require_changes()
    hub = services()
    with hub.store.begin(actor=me().actor) as unit:
        facts = read_facts(unit.conn, hub.connectors, hub.tenant)
        send_agreed(unit, facts, hub.connectors, parse_id("paper", paper))
        audit.record(unit, "paper.sent", paper)
    flash("It is on its way.")
    return redirect(url_for(".detail", paper=paper), 303)


@blueprint.post("/shipments/<shipment>/labels/<form>")
def labels(shipment: str, form: str) -> Response:
    """Send the GS1 labels of a shipment's packages as a file; a shipment nobody packed is packed first."""
    from mappings.labels.pdf import to_pdf
    from mappings.labels.zpl import to_zpl

    require_changes()
    if form not in FORMATS:
        raise missing("label format")
    hub = services()
    numbers = hub.numbers or Numbers(hub.store, tenant=hub.tenant)
    with hub.store.begin(actor=me().actor) as unit:
        found = labels_of(unit, numbers, parse_id("shipment", shipment))
        audit.record(unit, "labels.printed", shipment, {"labels": len(found), "format": form})
    answer = Response(to_pdf(found) if form == "pdf" else to_zpl(found), content_type=FORMATS[form])
    answer.headers["Content-Disposition"] = f'attachment; filename="{shipment}.{form}"'
    return answer


def of_order(conn: Connection, tenant: int, found: order_page.OrderPage) -> Json | None:
    """Return the papers of an order and the pack trees of its shipments; None for an order that is not B2B."""
    order = found.order
    if order["type"] != "b2b":
        return None
    papers = list_papers(conn, Slice(MOST_ON_ORDER, None), order_id=order["id"], tenant=tenant)
    packed = [
        {
            "shipment": public_id("shipment", each["id"]),
            "number": each["number"],
            "packages": tree(read_packages(conn, each["id"], tenant)["data"]),
        }
        for each in found.shipments
    ]
    return {
        "papers": [clocked(row) for row in papers.data],
        "packed": packed,
        "received": received_of_order(conn, found.order["id"], tenant),
        "tones": TONES,
    }


def tree(packages: list[Json]) -> list[Json]:
    """Return packages in the order of their tree, each with how deep it stands."""
    below: dict[str | None, list[Json]] = {}
    for each in packages:
        below.setdefault(each["parent"], []).append(each)

    def walk(parent: str | None, depth: int) -> list[Json]:
        return [
            found
            for each in below.get(parent, [])
            for found in ({**each, "depth": depth}, *walk(each["id"], depth + 1))
        ]

    return walk(None, 0)


def clocked(row: Json) -> Json:
    """Return a paper with what its clock says: until when, whether that was kept, and whether it still runs."""
    sent, heard = row["sent_at"], row["acknowledged_at"] if row["state"] == "accepted" else None
    waits = "sent" if not sent else "accepted" if row["accept_by"] and not heard else None
    due = row["due_at"] if waits == "sent" else row["accept_by"] if waits else None
    late = bool(row["late_at"]) or (due is not None and datetime.fromisoformat(due) < datetime.now(UTC))
    return {**row, "waits": waits if due else None, "due": due, "late": late}
