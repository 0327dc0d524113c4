"""Routing: versions of policies, what each would have made of recorded orders, and their way into force."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from sqlalchemy import RowMapping
from werkzeug.wrappers import Response as AnyResponse

from console.grounds import amounts, grounds
from console.web import charts, params
from console.web.context import me, require_changes, services
from console.web.errors import missing
from core.domain.ids import parse_id
from core.domain.policies import POLICY, difference
from core.errors import Conflict, CrossdockError, InputError, Refused
from core.services import policies, simulations
from core.store.read.page import Slice
from core.store.read.policies import counterpart, policy_row, read_policy
from core.store.read.waves import list_waves, read_wave
from core.store.unit import Unit
from core.store.views import policies as views

TONES = {"draft": "", "approved": "info", "active": "ok", "retired": ""}
AGAINST = {"split": "Orders split", "promise": "Promises broken", "short": "Orders short"}
FIGURES = (
    ("cost_per_order", "Cost per order", "", "change_percent", " %"),
    ("promise_kept_percent", "Promise kept", " %", "change_points", " pt"),
    ("carbon_kg_per_order", "CO2e per order", " kg", "change_percent", " %"),
    ("split_percent", "Orders split", " %", "change_points", " pt"),
    ("short_percent", "Orders short", " %", "change_points", " pt"),
)
"""Key of the report, what people call it, unit, key and unit of its change."""
CAUSES = {"schedule": "its time came", "cutoff": "a cut-off came", "asked": "somebody asked"}
WAVES = 10
"""Waves on the screen."""
# The picture takes the whole width of the screen.
WIDE = 1_120
blueprint = Blueprint("routing", __name__)


@blueprint.get("/routing")
def page() -> str:
    """Show every version and how those that were tried compare."""
    hub, against = services(), params.word("against", AGAINST, "split")
    with hub.store.read() as conn:
        rows = views.versions(conn, hub.tenant)
        tryable = views.any_decision(conn, hub.tenant)
        waves = [timed(each) for each in list_waves(conn, Slice(WAVES), tenant=hub.tenant).data]
    return render_template(
        "console/routing.html",
        rows=rows,
        verdict=verdict,
        tones=TONES,
        picture=charts.scatter(compared(rows, against), width=WIDE),
        against=against,
        choices=[(name, title, params.link("console.routing.page", against=name)) for name, title in AGAINST.items()],
        y_title=AGAINST[against],
        tryable=tryable,
        waves=waves,
        causes=CAUSES,
        signed=signed,
    )


def compared(rows: Sequence[RowMapping], against: str) -> list[charts.Point]:
    """Return the tried versions as points: change of cost in percent against another figure in percent.

    The first point is what was recorded, as the newest simulation saw it.
    """
    found: list[charts.Point] = []
    tried = [row for row in rows if row["simulation"] and _is_of_version(row["simulation"])]
    tried.sort(key=lambda row: row["simulated_at"], reverse=True)
    for row in tried:
        cost, other = row["simulation"]["cost_per_order"], _figure(row["simulation"], against)
        if cost["change_percent"] is None or other is None:
            continue
        if not found:
            found.append(charts.Point("as recorded", "", 0.0, other[0], 0.0, 0.0))
        low, high = cost["interval"] or (cost["change_percent"],) * 2
        found.append(charts.Point(row["title"], row["title"], cost["change_percent"], other[1], low, high))
    return found


def _is_of_version(report: Mapping[str, Any]) -> bool:
    """Return whether a report has figures of its version, and not of what its retirement would do."""
    return bool(report["orders"]) and report.get("change") != "retire"


def _figure(report: Mapping[str, Any], against: str) -> tuple[float, float] | None:
    """Return a figure before and after, the lower the better; None when it is not known."""
    if against == "promise":
        kept = report.get("promise_kept_percent")
        return None if kept is None else (100 - kept["before"], 100 - kept["after"])
    figure = report[f"{against}_percent"]
    return figure["before"], figure["after"]


@blueprint.get("/routing/waves/<wave>")
def wave(wave: str) -> str:
    """Show one wave: what moved, what did not and why."""
    hub = services()
    with hub.store.read() as conn:
        found = timed(read_wave(conn, parse_id("wave", wave), hub.tenant))
    found["moves"] = [timed(move) for move in found["moves"]]
    return render_template("console/wave.html", wave=found, causes=CAUSES)


def timed(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the API shows with its times as times."""
    times = {name for name in ("at", "arrives_after", "due_at") if row.get(name)}
    return {name: datetime.fromisoformat(value) if name in times else value for name, value in row.items()}


@blueprint.get("/routing/<policy>")
def detail(policy: str) -> str:
    """Show one version: what it says, what it would have made of recorded orders, who said what."""
    hub = services()
    with hub.store.read() as conn:
        row = policy_row(conn, policy, hub.tenant)
        base = counterpart(conn, row)
        found = read_policy(conn, policy, hub.tenant)
    return render_template(
        "console/policy.html",
        row=row,
        policy=found,
        report=found["simulation"],
        verdict=verdict(found["simulation"]),
        base=f"{base.name}@{base.number}" if base else "the defaults",
        differences=difference(base.document if base else {}, row.document),
        tones=TONES,
        figures=FIGURES,
        signed=signed,
        share=share,
        amounts=amounts,
        grounds=grounds,
        said=said,
        may={
            **{verb: POLICY.may(row.state, verb) for verb in ("approve", "activate", "retire")},
            "restore": POLICY.may(row.state, "restore") and row.approver is not None,
        },
        own=row.author == me().actor,
    )


def verdict(report: Mapping[str, Any] | None) -> tuple[str, str]:
    """Return whether the guardrails hold, and the tone of that; one holds only where its figure is known."""
    if report is None or report["passed"] is None or (report["passed"] and not report["guardrails"]):
        return "nothing to compare yet", ""
    if report["passed"]:
        return "guardrails hold", "ok"
    unknown = all(each["value"] is None for each in report["guardrails"] if not each["holds"])
    return "a guardrail is not known" if unknown else "a guardrail is broken", "bad"


@blueprint.post("/routing/<policy>/<verb>")
def change(policy: str, verb: str) -> AnyResponse:
    """Do one thing with a version; what is refused is said on its page."""
    require_changes()
    note = request.form.get("comment", "").strip()[:2_000] or None
    works: dict[str, Callable[[Unit], UUID]] = {
        "simulate": lambda unit: simulations.simulate_or_ask(unit, policy, None)[0],
        "approve": lambda unit: policies.approve(unit, policy, note),
        "activate": lambda unit: policies.activate(unit, policy, _moment(), note),
        "retire": lambda unit: policies.retire(unit, policy, note),
        "rollback": lambda unit: policies.rollback(unit, policy, note),
        "restore": lambda unit: policies.restore(unit, policy, note),
    }
    said = {
        "simulate": "was tried over recorded orders", "approve": "is approved", "activate": "is activated",
        "retire": "is retired", "rollback": "is in force again",
        "restore": "is in force again",
    }  # fmt: skip
    if verb not in works:
        raise missing("address")
    hub = services()
    try:
        with hub.store.begin(actor=me().actor) as unit:
            found = read_policy(unit.conn, f"pol_{works[verb](unit).hex}", hub.tenant)
    except (Refused, Conflict, InputError) as error:
        flash(_words(error), "error")
        return redirect(url_for(".detail", policy=policy), 303)
    running = verb == "simulate" and found["simulating"] is not None
    flash(f"{found['policy']} {'is being tried over recorded orders' if running else said[verb]}.")
    return redirect(url_for(".detail", policy=found["policy"]), 303)


def _moment() -> datetime | None:
    """Return when a version shall begin, as the form says it in UTC; now when it says nothing."""
    value = request.form.get("at", "").strip()
    if not value:
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        raise InputError(f"{value[:40]!r} is no time.", fix="Write it as 2026-12-01T06:00.") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _words(error: CrossdockError) -> str:
    return f"{error.what} {error.fix or ''}".strip()


def signed(value: float | None, unit: str) -> str:
    """Return a change with its sign and unit; a dash where nothing could be compared."""
    return "–" if value is None else f"{'−' if value < 0 else '+'}{abs(value):.1f}{unit}"


def share(figure: Mapping[str, Any] | None) -> str:
    """Return a share before and after, with the interval of its change; a dash where it is not known."""
    if not figure:
        return "–"
    before, after = ("–" if figure[when] is None else f"{figure[when]:.1f} %" for when in ("before", "after"))
    ends = figure.get("interval")
    return f"{before} → {after}" + (f" ({signed(ends[0], '')} to {signed(ends[1], ' pt')})" if ends else "")


def said(value: Any) -> str:
    """Return a value of a document as people read it: lists and ranges without brackets."""
    if value is None or value == {} or value == []:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{name.replace('_', ' ')} {said(inner)}" for name, inner in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
