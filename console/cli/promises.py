"""`crossdock promises`: list, show, report."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from console.cli.base import Session, find_id, group, pass_session
from console.cli.lists import Moment, find_order, limit_option, pages

if TYPE_CHECKING:
    from core.store.read.page import Json

COLUMNS = ("id", "order", "state", "at", "probability", "risk", "made_at=made")
PERCENT = ("part", "name", "promises", "50 %", "80 %", "90 %", "95 %")


@group("promises")
def promises_command() -> None:
    """Dates with probabilities, and how they were kept."""


@promises_command.command("list")
@click.option("--state", multiple=True, help="Only in this state; may be repeated.")
@click.option("--order", help="Only of this order.")
@limit_option
@pass_session
def list_(session: Session, /, limit: int, order: str | None, **given: Any) -> None:
    """List promises, newest first."""
    from core.store.read.promises import list_promises

    with session.hub() as hub, hub.store.read() as conn:
        about = find_order(conn, order) if order else None
        session.out.rows(
            pages(lambda piece: list_promises(conn, piece, order_id=about, **given), limit),
            COLUMNS,
            empty="Nothing has been promised.",
        )


@promises_command.command("show")
@click.argument("promise")
@pass_session
def show(session: Session, /, promise: str) -> None:
    """Show one promise with its nodes and what it rests on."""
    from core.store.read.promises import read_promise

    with session.hub() as hub, hub.store.read() as conn:
        session.out.one(read_promise(conn, find_id(conn, "promise", promise)))


@promises_command.command("report")
@click.option("--since", type=Moment(), default="30d", show_default=True, help="A time, or an age such as 7d.")
@pass_session
def report(session: Session, /, since: datetime) -> None:
    """Show what promises said and what was kept, by carrier, lane and node."""
    from core.store.read.calibration import read_calibration

    with session.hub() as hub, hub.store.read() as conn:
        found = read_calibration(conn, since)
    if session.json:
        session.out.one(found)
        return
    rows = [_row("orders", "", found["orders"]), _row("parcels", "", found["parcels"])]
    for part in ("carriers", "lanes", "nodes"):
        rows += [_row(part.removesuffix("s"), each["name"], each) for each in found[part]]
    session.out.rows(rows, PERCENT)


def _row(part: str, name: str, figures: Json) -> Json:
    """Return a line of the report: per level what was kept with its interval, in percent."""
    cells = {
        f"{level['said']:.0%}".replace("%", " %"): "-"
        if level["kept"] is None
        else f"{level['kept']:.1%} ({level['low']:.0%}-{level['high']:.0%})"
        for level in figures["levels"]
    }
    return {"part": part, "name": name, "promises": figures["promises"], **cells}
