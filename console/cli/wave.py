"""`crossdock wave`: run, list, show."""

from __future__ import annotations

from typing import Any

import click

from console.cli.base import Session, changes, find_id, group, pass_session
from console.cli.lists import limit_option, pages
from console.cli.output import note

CAUSES = click.Choice(["schedule", "cutoff", "asked"])
COLUMNS = (
    "id", "at", "cause", "orders", "changed", "cost_before=before", "cost_after=after", "saved", "gap_percent=gap %",
    "actor",
)  # fmt: skip
MOVES = ("number", "nodes=from", "to_nodes=to", "cost_before=before", "cost_after=after", "arrives_after=arrives",
         "due_at=due")  # fmt: skip


@group("wave")
def wave_command() -> None:
    """Waiting work planned again together; policies say what waits (release_after_minutes)."""


@wave_command.command("run")
@click.option("--seconds", type=click.FloatRange(0.1, 30), help="Longest search [waves.search_seconds].")
@click.option("--orders", type=click.IntRange(1, 1_000), help="Most orders [waves.orders].")
@changes
@pass_session
def run(session: Session, /, seconds: float | None, orders: int | None) -> None:
    """Plan all waiting work again now and carry out what is better; --dry-run only shows it."""
    from core.services.facts import read_facts
    from core.services.waving import Asked, run_wave

    waves = session.settings().waves
    asked = Asked("asked", seconds or waves.search_seconds, orders or waves.orders, session.dry_run)
    with session.hub() as hub, session.changing(hub) as unit:
        found = run_wave(unit, read_facts(unit.conn, hub.connectors, unit.tenant, hub.promising), asked)
    if not session.json:
        _show(session, found)
    session.out.did(found, _sentence(found), *([f"crossdock wave show {found['id']}"] if found["id"] else []))
    if found["refused"]:
        raise click.exceptions.Exit(1)


@wave_command.command("list")
@click.option("--cause", multiple=True, type=CAUSES, help="Only those that ran for this.")
@limit_option
@pass_session
def list_(session: Session, /, limit: int, cause: tuple[str, ...]) -> None:
    """List waves, the newest first."""
    from core.store.read.waves import list_waves

    with session.hub() as hub, hub.store.read() as conn:
        session.out.rows(pages(lambda piece: list_waves(conn, piece, cause=cause), limit), COLUMNS)


@wave_command.command("show")
@click.argument("wave")
@pass_session
def show(session: Session, /, wave: str) -> None:
    """Show one wave: what moved, what did not and why, what it saved and what is the least possible."""
    from core.store.read.waves import read_wave

    with session.hub() as hub, hub.store.read() as conn:
        session.out.one(read_wave(conn, find_id(conn, "wave", wave)))


def _show(session: Session, found: dict[str, Any]) -> None:
    rows = [{**row, "nodes": _nodes(row["from"]), "to_nodes": _nodes(row["to"])} for row in found["moves"]]
    if rows:
        session.out.rows(rows, MOVES)
    for row in found["skipped"]:
        note(f"{row['number']} stays: {row['reason']}.")
    for reason, orders in found["outside"].items():
        note(f"{orders} that wait are left out: {reason}.")
    for reason in found["refused"]:
        note(f"Refused: {reason}.")


def _nodes(parts: list[dict[str, Any]]) -> str:
    return ", ".join(part["node"] for part in parts)


def _sentence(found: dict[str, Any]) -> str:
    if not found["orders"]:
        return "No work waits that a wave may plan again."
    costs = f"{found['cost_before']} becomes {found['cost_after']}"
    return (
        f"{found['changed']} of {found['orders']} orders change: {costs};"
        f" no plans that keep every promise cost less than {found['bound']}."
    )
