"""Connections: how each account fares, pause and resume."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from console.web import actions, kinds
from console.web.context import require_changes, services
from core.store.views import connections

blueprint = Blueprint("connections", __name__)


@blueprint.get("/connections")
def page() -> str:
    """Show every account."""
    hub, now = services(), datetime.now(UTC)
    with hub.store.read() as conn:
        rows = connections.health(conn, hub.tenant, now)
    states = [row.state for row in rows]
    return render_template(
        "console/connections.html",
        rows=rows,
        summary=[(kinds.HEALTH[state], states.count(state)) for state in kinds.HEALTH if state in states],
        health=kinds.HEALTH,
        now=now,
    )


@blueprint.post("/connections/<name>/pause")
def pause(name: str) -> AnyResponse:
    """Stop sending to one account until it is resumed."""
    require_changes()
    actions.pause_connection(name, request.form.get("reason", "").strip()[:300])
    flash(f"{name} is paused; what is due for it waits in order.")
    return redirect(url_for(".page"), 303)


@blueprint.post("/connections/<name>/resume")
def resume(name: str) -> AnyResponse:
    """Send to a paused account again."""
    require_changes()
    actions.resume_connection(name)
    flash(f"{name} is resumed.")
    return redirect(url_for(".page"), 303)
