"""`crossdock nodes`: list, off, on, capacity, stock; what a change concerns is shown before its work goes elsewhere."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import click

from console.cli.base import Session, changes, group, pass_session
from console.cli.lists import Moment, limit_option, pages

COLUMNS = (
    "code",
    "kind",
    "country",
    "city",
    "active",
    "off_until",
    "off_reason=reason",
    "capacity_per_day=a day",
    "stock_mode=stock",
)
MODES = click.Choice(["live", "batch"])


@group("nodes")
def nodes_command() -> None:
    """Nodes: where goods are and leave from."""


@nodes_command.command("list")
@click.option("--kind", multiple=True, help="Only of this kind; may be repeated.")
@click.option("--country", help="Only in this country.")
@limit_option
@pass_session
def list_(session: Session, /, limit: int, kind: tuple[str, ...], country: str | None) -> None:
    """List nodes by code."""
    from core.store.read.catalog import list_nodes

    with session.hub() as hub, hub.store.read() as conn:
        found = pages(lambda piece: list_nodes(conn, piece, kind=kind, country=country), limit)
        session.out.rows(found, COLUMNS)


@nodes_command.command("off")
@click.argument("code")
@click.option(
    "--until", type=Moment(ahead=True), help="When it works again by itself, such as 4h or 2026-12-01T06:00Z."
)
@click.option("--reason", help="Why, for everybody who looks.")
@click.option("--keep-work", is_flag=True, help="Leave released work where it is.")
@changes
@pass_session
def off(session: Session, /, code: str, until: datetime | None, reason: str | None, keep_work: bool) -> None:
    """Send a node nothing more, and give its released work to other nodes.

    What was not sent to the node yet moves at once; what it was told of moves when it agrees; what is picked stays.
    """
    switch = {"active": False} if until is None else {"off_until": until}
    _change(session, code, {**switch, "off_reason": reason}, f"{code} is off", reason, keep_work=keep_work)


@nodes_command.command("on")
@click.argument("code")
@changes
@pass_session
def on(session: Session, /, code: str) -> None:
    """Let a node work again; orders that wait for it go on by themselves."""
    _change(session, code, {"active": True}, f"{code} is on", None, keep_work=True)


@nodes_command.command("capacity")
@click.argument("code")
@click.argument("orders", type=click.IntRange(0), required=False)
@click.option("--reason", help="Why, for everybody who looks.")
@click.option("--keep-work", is_flag=True, help="Leave released work where it is.")
@changes
@pass_session
def capacity(session: Session, /, code: str, orders: int | None, reason: str | None, keep_work: bool) -> None:
    """Say how many fulfillment orders may leave a node on one day (no number: no limit); the rest goes elsewhere."""
    sentence = f"{code} ships {'without limit' if orders is None else f'{orders} fulfillment orders a day'}"
    _change(session, code, {"capacity_per_day": orders}, sentence, reason, keep_work=keep_work, over_capacity=True)


@nodes_command.command("stock")
@click.argument("code")
@click.option("--mode", type=MODES, help="As it changes, or by counts that age in between.")
@click.option("--hours", type=click.FloatRange(0.1, 8760), help="Hours between two counts, until counts tell better.")
@click.option("--error", type=click.FloatRange(0, 1), help="The share a count finds missing, until counts tell better.")
@click.option("--samples", type=click.IntRange(0, 100_000), help="Outcomes it takes for these rules to be forgotten.")
@click.option("--quantile", type=click.FloatRange(0, 1), help="Of the errors learned, the quantile that is kept back.")
@changes
@pass_session
def stock(
    session: Session,
    /,
    code: str,
    mode: str | None,
    hours: float | None,
    error: float | None,
    samples: int | None,
    quantile: float | None,
) -> None:
    """Say how a node's stock is known; what is learned of its counts is in `crossdock scores --measure count_error`."""
    rules = {"count_hours": hours, "count_error": error, "count_quantile": quantile}
    what = {name: Decimal(str(value)) for name, value in rules.items() if value is not None}
    given: dict[str, Any] = {"stock_mode": mode, "count_samples": samples}
    what |= {name: value for name, value in given.items() if value is not None}
    if not what:
        raise click.UsageError("Say what is to change: --mode, --hours, --error, --samples or --quantile.")
    told = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in what.items())
    _change(session, code, what, f"{code}: {told}", None, keep_work=True)


def _change(
    session: Session,
    code: str,
    what: dict[str, Any],
    sentence: str,
    reason: str | None,
    *,
    keep_work: bool,
    over_capacity: bool = False,
) -> None:
    from console.cli.replans import replan
    from core.services.affected import Scope
    from core.services.catalog import node_coded
    from core.services.disruptions import change_node
    from core.store.read.catalog import read_node

    with session.hub() as hub:
        if not keep_work:
            with hub.store.begin() as unit:
                scope = Scope(node=node_coded(unit, code), over_capacity=over_capacity)
            found = replan(session, hub, scope, reason or sentence, before=lambda unit: change_node(unit, code, what))
        else:
            found = None
            with session.changing(hub) as unit:
                change_node(unit, code, what)
        with hub.store.read() as conn:
            node = read_node(conn, code)
    following = f"crossdock nodes on {code}" if not node["active"] or node["off_until"] else "crossdock nodes list"
    session.out.did({**node, "replan": found}, f"{sentence}.", following)
