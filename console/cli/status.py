"""`crossdock status`: what runs, what waits, what lags."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from console.cli.base import Session, command, pass_session

if TYPE_CHECKING:
    from sqlalchemy import Connection

Json = dict[str, Any]


@command("status")
@pass_session
def status_command(session: Session, /) -> None:
    """Say what runs and what lags; exit 1 when a part is down, 3 when there is no hub at all."""
    from console.servers.state import read_state

    settings = session.settings()
    state = read_state(settings.data_dir)
    parts = [_part(name, part) for name, part in state.parts.items()] if state else []
    queues = _queues(session)
    down = [each["name"] for each in parts if each["pid"] is None]
    found = {
        "running": state is not None,
        "ok": not down and queues["relay_leads"],
        "url": session.address(),
        "data_dir": str(settings.data_dir),
        "since": state.started_at if state else None,
        "disk_full": bool(state and state.disk_full),
        "parts": parts,
        **queues,
    }
    if session.json:
        session.out.line(found)
    else:
        _show(session, found)
    if not found["ok"]:
        raise click.exceptions.Exit(1)


def _part(name: str, part: Any) -> Json:
    import psutil

    started = datetime.fromisoformat(part.started_at) if part.started_at else None
    up = round((datetime.now(UTC) - started).total_seconds()) if started and part.pid else None
    memory = None
    if part.pid is not None:
        try:
            memory = psutil.Process(part.pid).memory_info().rss // 2**20
        except psutil.NoSuchProcess:
            return {"name": name, "pid": None, "uptime_seconds": None, "restarts": part.restarts, "memory_mb": None,
                    "port": part.port, "error": part.error or "has just ended"}  # fmt: skip
    return {
        "name": name,
        "pid": part.pid,
        "uptime_seconds": up,
        "restarts": part.restarts,
        "memory_mb": memory,
        "port": part.port,
        "error": part.error or None,
    }


def _queues(session: Session) -> Json:
    from core.store.read.gauges import read_gauges

    with session.hub() as hub, hub.store.read() as conn:
        gauges = read_gauges(conn)
        leads = relay_leads(conn)
    totals = {each.name.removeprefix("crossdock_"): each.value for each in gauges if not each.labels}
    lanes: dict[str, Json] = {}
    for each in gauges:
        if each.labels:
            field = {"crossdock_deliveries_waiting": "waiting", "crossdock_delivery_oldest_seconds": "oldest_seconds"}
            name = each.labels[0][1]
            lanes.setdefault(name, {"connection": name})[field.get(each.name, each.name)] = round(each.value)
    return {
        "relay_leads": leads,
        "queues": {name: round(value) for name, value in totals.items()},
        "deliveries": list(lanes.values()),
    }


def relay_leads(conn: Connection) -> bool:
    """Return whether some relay holds the leader's lock."""
    from sqlalchemy import text

    from core.jobs.relay import LEADER_LOCK

    query = text(
        "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = :high"
        " AND objid = :low AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
    )
    key = {"high": LEADER_LOCK >> 32, "low": LEADER_LOCK & 0xFFFFFFFF}
    return bool(conn.execute(query, key).scalar_one())


def _show(session: Session, found: Json) -> None:
    out = session.out
    if found["running"]:
        click.echo(f"{found['url']}   {found['data_dir']}   since {found['since']}")
        out.rows(
            found["parts"],
            ("name", "pid", "uptime_seconds=up s", "restarts", "memory_mb=MB", "port", "error=last end"),
        )
    else:
        click.echo("No hub is supervised on this machine; the figures are the database's.")
    if not found["relay_leads"]:
        click.echo(click.style("No relay leads: nothing is sent and no timer runs.", fg="red"))
    if found["disk_full"]:
        click.echo(click.style("The disk was full: the reserve has been given back.", fg="red"))
    click.echo()
    out.rows(
        [{"what": name.replace("_", " "), "now": value} for name, value in found["queues"].items()], ("what", "now")
    )
    if found["deliveries"]:
        click.echo()
        out.rows(found["deliveries"], ("connection=deliveries to", "waiting", "oldest_seconds=oldest s"))
