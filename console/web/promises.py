"""Promises: how well they were kept, which will rather be late, and which were."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flask import Blueprint, render_template

from console.web import calibration, params
from console.web.context import services
from core.domain.ids import public_id
from core.intelligence.lanes import LEVELS
from core.store.read.calibration import read_calibration
from core.store.views import promises

TABS = {"report": "Kept as said", "risk": "At risk now", "late": "Late"}
SPANS = {"7d": 7, "30d": 30, "90d": 90}
PER_PAGE = 50
blueprint = Blueprint("promises", __name__)


@blueprint.get("/promises")
def page() -> str:
    """Show the report, or a list of promises."""
    hub, now = services(), datetime.now(UTC)
    show, span = params.word("tab", TABS, "report"), params.word("since", SPANS, "30d")
    since, after = now - timedelta(days=SPANS[span]), params.cursor("after", "promise")
    with hub.store.read() as conn:
        counts = promises.counts(conn, hub.tenant, risk=hub.risk, since=since)
        report = read_calibration(conn, since, hub.tenant)
        rows = (
            promises.at_risk(conn, hub.tenant, risk=hub.risk, after=after, limit=PER_PAGE + 1)
            if show == "risk"
            else promises.late(conn, hub.tenant, since=since, after=after, limit=PER_PAGE + 1)
            if show == "late"
            else []
        )
    shown = rows[:PER_PAGE]
    more = public_id("promise", shown[-1]["id"]) if len(rows) > PER_PAGE else None
    endpoint = "console.promises.page"
    return render_template(
        "console/promises.html",
        show=show,
        tabs=params.tabs(endpoint, TABS, show, counts, hot=["risk"]),
        spans=[(name, params.link(endpoint, since=name)) for name in SPANS],
        span=span,
        rows=shown,
        pager=params.Page(
            len(shown), f"{counts.get(show, 0):,}", params.link(endpoint, after=more) if more else None,
            params.link(endpoint) if after else None,
        ),
        report=report,
        levels=LEVELS,
        table=calibration.table(report),
        pictures=[("Orders", calibration.picture(report["orders"]["levels"]), report["orders"]["promises"]),
                  ("Parcels", calibration.picture(report["parcels"]["levels"]), report["parcels"]["promises"])],
        now=now,
    )  # fmt: skip
