"""The first screen: is it flowing, where does it hang, what needs a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from flask import Blueprint, render_template, url_for
from sqlalchemy import Connection

from console.web import charts, format, params
from console.web.context import me, services
from console.web.network import network
from core.store.views import cases, connections, overview

RANGES = {"24h": (24, 48, "orders per 30 min"), "7d": (168, 56, "orders per 3 h"), "30d": (720, 60, "orders per 12 h")}
CHANNELS = 5
RISK = timedelta(hours=4)
blueprint = Blueprint("overview", __name__)


@dataclass(frozen=True, slots=True)
class Figure:
    """One key figure; `tone` says whether its change is good or bad news."""

    key: str
    label: str
    value: str
    unit: str
    delta: str
    tone: str
    note: str
    series: Sequence[float]
    url: str


@blueprint.get("/")
def page() -> str:
    """Show the overview for a window that ends now."""
    hub, now = services(), datetime.now(UTC)
    span = params.word("range", RANGES, "24h") or "24h"
    hours, points, per = RANGES[span]
    window = overview.Window(now, hours)
    with hub.store.read() as conn:
        figures = _figures(conn, hub.tenant, window, span)
        flow_window = _aligned(window, points)
        flow = overview.flow(conn, hub.tenant, flow_window, points)
        nodes = network(overview.nodes(conn, hub.tenant, now), overview.lanes(conn, hub.tenant, now))
        wanted = cases.CaseFilter()
        attention = cases.page(conn, hub.tenant, wanted, now=now, risk=now + RISK, me=me().email, limit=6)
        counts = cases.tab_counts(conn, hub.tenant, now=now, risk=now + RISK, me=me().email)
        health = connections.health(conn, hub.tenant, now)
        carriers = overview.carriers(conn, hub.tenant, now)
    series, begins = _flow(flow, flow_window, points)
    return render_template(
        "console/overview.html",
        now=now,
        span=span,
        ranges=RANGES,
        per=per,
        figures=figures,
        stack=charts.stack(series, points, every=points // 8),
        begins=begins,
        clock="clock" if span == "24h" else "day",
        series=series,
        network=nodes,
        attention=attention,
        counts=counts,
        health=sorted(health, key=lambda one: (one.state not in ("failing", "paused"), one.name))[:8],
        states=[one.state for one in health],
        carriers=carriers,
        soon=now + RISK,
    )


def _figures(conn: Connection, tenant: int, window: overview.Window, span: str) -> list[Figure]:
    this = overview.order_figures(conn, tenant, window)
    before = overview.order_figures(conn, tenant, window.earlier())
    lag = overview.lag(conn, tenant, window)
    lag_before = overview.lag(conn, tenant, window.earlier())
    waiting = overview.waiting(conn, tenant)
    ago = {"24h": "the day before", "7d": "the week before", "30d": "the 30 days before"}[span]
    orders = "console.orders.page"
    return [
        Figure(
            "orders", f"Orders, last {span.replace('h', ' h').replace('d', ' d')}", format.number(this.orders), "",
            *_change(this.orders, before.orders), f"vs {ago}", this.series_orders, url_for(orders, placed=span),
        ),
        Figure(
            "touchless", "Routed without a person", *_share(this.orders - this.touched, this.orders),
            *_points(_untouched(this), _untouched(before)),
            f"{format.number(this.touched)} held for a person", this.series_untouched,
            url_for(orders, placed=span, touched="no"),
        ),
        Figure(
            "shipped", "Shipped", *_share(this.shipped, this.orders), "", "",
            f"{format.number(this.shipped)} orders, median {format.duration(this.seconds_to_parcel)}"
            if this.shipped else "none of these yet",
            this.series_shipped, url_for(orders, placed=span, shipped="yes"),
        ),
        Figure(
            "waiting", "Held or backordered",
            _brief_money(waiting[0]) if waiting else "0", "", "", "",
            _waiting_note(waiting), overview.new_holds(conn, tenant, window), url_for(orders, waiting="yes"),
        ),
        Figure(
            "lag", "Ingest lag p95", *_split(format.duration(lag.seconds)),
            *_lag_change(lag.seconds, lag_before.seconds),
            f"outbox depth {format.number(overview.backlog(conn, tenant))}", lag.series,
            url_for("console.messages.page", since=span),
        ),
    ]  # fmt: skip


def _brief_money(waiting: overview.Waiting) -> str:
    return format.money(waiting.value, waiting.currency).partition(".")[0] if waiting.value >= 10_000 else format.money(
        waiting.value, waiting.currency
    )  # fmt: skip


def _waiting_note(waiting: Sequence[overview.Waiting]) -> str:
    if not waiting:
        return "nothing waits"
    count = sum(one.orders for one in waiting)
    others = f" · +{len(waiting) - 1} more currencies" if len(waiting) > 1 else ""
    return f"{format.number(count)} order{'s' if count != 1 else ''}{others}"


def _untouched(figures: overview.OrderFigures) -> float | None:
    return (figures.orders - figures.touched) / figures.orders if figures.orders else None


def _share(part: int, whole: int) -> tuple[str, str]:
    return (f"{part / whole * 100:.1f}", "%") if whole else ("–", "")


def _change(now: int, before: int) -> tuple[str, str]:
    """Return the change in per cent and its tone; without a past there is nothing to compare."""
    if not before:
        return "", ""
    if now > 4 * before:
        return f"×{now / before:,.0f}", "good"
    share = (now - before) / before * 100
    return f"{'+' if share >= 0 else format.MINUS}{abs(share):.1f}%", "good" if share >= 0 else "bad"


def _points(now: float | None, before: float | None) -> tuple[str, str]:
    if now is None or before is None:
        return "", ""
    points = round((now - before) * 100, 1)
    return f"{'+' if points >= 0 else format.MINUS}{abs(points):.1f} pt", "good" if points >= 0 else "bad"


def _lag_change(now: float | None, before: float | None) -> tuple[str, str]:
    if now is None or before is None:
        return "", ""
    text = format.duration(abs(now - before))
    return f"{'+' if now > before else format.MINUS}{text}", "bad" if now > before else "good"


def _split(text: str) -> tuple[str, str]:
    value, _, unit = text.partition(" ")
    return (value, unit) if unit and " " not in unit else (text, "")


def _flow(
    channels: Sequence[overview.Channel], window: overview.Window, points: int
) -> tuple[list[tuple[str, str, Sequence[int]]], list[datetime]]:
    """Return the busiest channels and one band for the rest, with the time each bucket begins."""
    series: list[tuple[str, str, Sequence[int]]] = [(one.label, one.name, one.counts) for one in channels[:CHANNELS]]
    if rest := channels[CHANNELS:]:
        series.append(
            (f"{len(rest)} others", "", [sum(values) for values in zip(*(o.counts for o in rest), strict=True)])
        )
    step = timedelta(hours=window.hours) / points
    return series, [window.start + step * i for i in range(points)]


def _aligned(window: overview.Window, points: int) -> overview.Window:
    """Return the window with its end moved to the next full bucket, so that buckets begin at round times."""
    step = window.hours * 3600 // points
    end = -(-int(window.now.timestamp()) // step) * step
    return overview.Window(datetime.fromtimestamp(end, UTC), window.hours)
