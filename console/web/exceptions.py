"""The exceptions queue: causes on the left, the case on the right, every action a key."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from console.web import actions, kinds, params
from console.web.context import me, require_changes, services
from console.web.errors import missing
from core.domain.ids import parse_id, public_id
from core.errors import CrossdockError
from core.store.views import cases, choices

RISK = timedelta(hours=4)
# How long a snooze may be: the value in the form, its words, and the time.
SNOOZES = {
    "1h": ("1 hour", timedelta(hours=1)), "4h": ("4 hours", timedelta(hours=4)), "1d": ("1 day", timedelta(days=1)),
    "3d": ("3 days", timedelta(days=3)),
}  # fmt: skip
SEVERITIES = ("high", "medium", "low")
blueprint = Blueprint("exceptions", __name__)


@blueprint.get("/exceptions")
def page() -> str:
    """Show the queue with the chosen case, or its first."""
    hub, now = services(), datetime.now(UTC)
    wanted = cases.CaseFilter(
        tab=params.word("tab", cases.TABS, "needs_action") or "needs_action",
        connection=params.word("connection"),
        klass=params.word("class"),
        severity=params.word("severity", SEVERITIES),
    )
    chosen = params.cursor("case", "case")
    with hub.store.read() as conn:
        rows = cases.page(conn, hub.tenant, wanted, now=now, risk=now + RISK, me=me().email)
        counts = cases.tab_counts(conn, hub.tenant, now=now, risk=now + RISK, me=me().email)
        affected, values = cases.totals(conn, hub.tenant)
        classes = cases.classes(conn, hub.tenant)
        accounts = choices.connections(conn, hub.tenant)
    shown = chosen or (rows[0].id if rows else None)
    titles = {name: title for name, (title, _) in cases.TABS.items()}
    kept = {"case": public_id("case", shown)} if shown else {}
    return render_template(
        "console/exceptions.html",
        rows=rows,
        chosen=shown,
        pane=_pane(shown, now) if shown else None,
        tabs=params.tabs("console.exceptions.page", titles, wanted.tab, counts, hot=("risk",)),
        counts=counts,
        affected=affected,
        values=values,
        wanted=wanted,
        severities=[(one, one) for one in SEVERITIES],
        classes=[(one, one.replace("_", " ")) for one in classes],
        accounts=accounts,
        again=params.address("console.exceptions.page", {**request.args, **kept}),
        now=now,
        soon=now + RISK,
        time_left=time_left,
        row_url=lambda case_id: params.link("console.exceptions.page", case=public_id("case", case_id)),
    )


@blueprint.get("/exceptions/<case>")
def detail(case: str) -> str:
    """Show the pane of one case."""
    now = datetime.now(UTC)
    return render_template("console/case.html", pane=_pane(parse_id("case", case), now), now=now, soon=now + RISK)


def _pane(case_id: UUID, now: datetime) -> dict[str, Any]:
    hub = services()
    with hub.store.read() as conn:
        case = cases.one(conn, hub.tenant, case_id, now=now)
        if case is None:
            raise missing("exception")
        return {
            "case": case,
            "members": cases.members(conn, hub.tenant, case_id),
            "history": cases.history(conn, hub.tenant, case_id),
            "evidence": _evidence(case.evidence),
            "snoozes": [(key, words) for key, (words, _) in SNOOZES.items()],
            "live": case.state in ("open", "assigned", "snoozed", "auto_resolving"),
            "member_url": member_url,
        }


def _evidence(evidence: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the evidence as name and value, without empty ones and without `what`, which is the case's sentence."""
    return [
        (name.replace("_", " "), ", ".join(map(str, value)) if isinstance(value, list) else str(value))
        for name, value in evidence.items()
        if value not in (None, "", [], {}) and name != "what"
    ]


def time_left(case: cases.CaseRow, now: datetime) -> float:
    """Return how much of the time between first seen and deadline is used up, 0 to 1."""
    if case.deadline is None:
        return 0.0
    whole = (case.deadline - case.first_seen).total_seconds()
    return min(max((now - case.first_seen).total_seconds() / whole, 0.0), 1.0) if whole > 0 else 1.0


def member_url(member: cases.Member) -> str | None:
    """Return the page of what a case is about."""
    if member.subject == "message":
        return url_for("console.messages.detail", message=public_id("message", member.subject_id))
    if member.subject == "delivery":
        return url_for("console.deliveries.detail", delivery=public_id("delivery", member.subject_id))
    if member.subject == "interchange":
        return url_for("console.partners.interchange", interchange=public_id("interchange", member.subject_id))
    if member.subject == "paper":
        return url_for("console.trade.detail", paper=public_id("paper", member.subject_id))
    if member.order_id is not None:
        return url_for("console.orders.detail", order=public_id("order", member.order_id))
    return None


@blueprint.post("/exceptions/act")
def act() -> AnyResponse:
    """Do one thing with one or several cases: apply, take, snooze, resolve, dismiss or reopen."""
    require_changes()
    verb = request.form.get("verb", "")
    chosen = [parse_id("case", text) for text in request.form.getlist("case")]
    done, problems = actions.act_on_cases(
        verb, chosen, until=_until(), note=_field("note"), args=_args(), action=_field("action") or None
    )
    if done:
        flash(f"{WORDS.get(verb, verb)}: {len(done)} exception{'s' if len(done) != 1 else ''}. {' '.join(done)[:300]}")
    for problem in problems:
        flash(problem, "error")
    return redirect(_back(verb, chosen), 303)


@blueprint.post("/exceptions/<case>/preview")
def preview(case: str) -> str:
    """Show what applying would do, by doing it in a transaction that is rolled back."""
    require_changes()
    try:
        effects = actions.preview_case(parse_id("case", case), _args(), _field("action") or None)
    except CrossdockError as error:
        return render_template("console/preview.html", problem=str(error), effects=[])
    return render_template("console/preview.html", problem=None, effects=effects)


WORDS = {
    "apply": "Applied", "assign": "Taken", "snooze": "Snoozed", "resolve": "Resolved", "dismiss": "Dismissed",
    "reopen": "Reopened",
}  # fmt: skip


def _field(name: str) -> str:
    return request.form.get(name, "").strip()[:300]


def _args() -> dict[str, str]:
    """Return what was said for an action: fields of the form named `set.name`, and the SKU of the recommended one."""
    named = {name.removeprefix("set."): _field(name) for name in request.form if name.startswith("set.")}
    return {name: value for name, value in {"sku": _field("sku"), **named}.items() if value}


def _until() -> datetime | None:
    span = SNOOZES.get(request.form.get("for", ""))
    return datetime.now(UTC) + span[1] if span else None


def _back(verb: str, chosen: list[UUID]) -> str:
    """Return the queue as it was; a case that stays in view stays chosen."""
    tab = request.form.get("tab", "")
    keep = public_id("case", chosen[0]) if len(chosen) == 1 and verb in ("apply", "assign", "reopen") else None
    return url_for(".page", tab=tab if tab in cases.TABS and tab != "needs_action" else None, case=keep)


def case_icon(klass: str) -> str:
    """Return the icon of a class of exceptions."""
    return kinds.CASE_ICONS.get(klass, "alert-triangle")
