"""Carriers: their services with cut-offs and rates, and how well they kept their dates, by lane and service."""

from __future__ import annotations

from flask import Blueprint, render_template

from console.web import params
from console.web.context import services
from console.web.errors import missing
from core.store.read.page import Slice
from core.store.read.promises import list_scores
from core.store.read.routing import list_rates
from core.store.views import network

PER_PAGE = 50
MOST_SCORES = 200
blueprint = Blueprint("carriers", __name__, url_prefix="/carriers")


@blueprint.get("")
def page() -> str:
    """Show every service of every carrier."""
    hub = services()
    with hub.store.read() as conn:
        rows = network.services(conn, hub.tenant)
    return render_template("console/carriers.html", rows=rows, carriers=len({row["carrier"] for row in rows}))


@blueprint.get("/<carrier>")
def detail(carrier: str) -> str:
    """Show one carrier: services, scores with their sample sizes, rates."""
    hub, before, country = services(), params.word("before"), params.word("country")
    with hub.store.read() as conn:
        rows = network.services(conn, hub.tenant, carrier=carrier)
        if not rows:
            raise missing("carrier")
        scores = list_scores(
            conn, Slice(MOST_SCORES), subject=["carrier"], name=[carrier.lower()], tenant=hub.tenant
        ).data
        rates = list_rates(
            conn, Slice(PER_PAGE, [before] if before else None), carrier=carrier, to_country=country or None,
            tenant=hub.tenant,
        )  # fmt: skip
    older = params.link(".detail", carrier=carrier, before=rates.after[0]) if rates.after else None
    return render_template(
        "console/carrier.html", carrier=carrier, rows=rows, scores=scores, rates=rates.data, older=older,
        country=country,
    )  # fmt: skip
