"""`crossdock calendars`: list, show, export, import."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from console.cli.base import Session, changes, group, pass_session
from console.cli.lists import limit_option, pages

if TYPE_CHECKING:
    from sqlalchemy import Connection

COLUMNS = ("node", "timezone", "cutoff", "handling_minutes=handling", "hours", "closures")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@group("calendars")
def calendars_command() -> None:
    """When nodes work: hours, cut-offs, handling times, and the days that differ."""


def _calendars(conn: Connection, nodes: tuple[str, ...], limit: int) -> Iterator[dict[str, Any]]:
    from core.store.read.calendars import read_calendar
    from core.store.read.catalog import list_nodes

    codes = nodes or (each["code"] for each in pages(lambda piece: list_nodes(conn, piece), limit))
    return (read_calendar(conn, code) for code in codes)


def _in_words(found: dict[str, Any]) -> dict[str, Any]:
    """Return a calendar with its week as days that are alike and its closures as days."""
    runs: list[tuple[str, list[str]]] = []
    for day, each in zip(DAYS, found["week"], strict=True):
        span = "closed" if each is None else f"{each['opens']}-{each['closes']}"
        if runs and runs[-1][0] == span:
            runs[-1][1].append(day)
        else:
            runs.append((span, [day]))
    hours = [f"{days[0]}{'-' + days[-1] if len(days) > 1 else ''} {span}" for span, days in runs if span != "closed"]
    return {**found, "hours": hours, "closures": [each["day"] for each in found["closures"]]}


@calendars_command.command("list", epilog="Example: crossdock calendars list")
@limit_option
@pass_session
def list_(session: Session, /, limit: int) -> None:
    """List the calendars of all nodes, with closures from today on."""
    with session.hub() as hub, hub.store.read() as conn:
        found = _calendars(conn, (), limit)
        session.out.rows(found if session.json else map(_in_words, found), COLUMNS)


@calendars_command.command("show", epilog="Example: crossdock calendars show HAM")
@click.argument("node")
@pass_session
def show(session: Session, /, node: str) -> None:
    """Show when one node works."""
    with session.hub() as hub, hub.store.read() as conn:
        [found] = _calendars(conn, (node,), 0)
    session.out.one(found)


@calendars_command.command("export", epilog="Example: crossdock calendars export HAM LYS > calendars.yaml")
@click.argument("nodes", nargs=-1)
@pass_session
def export(session: Session, /, nodes: tuple[str, ...]) -> None:
    """Write calendars as YAML, all of them or those of some nodes, as `import` takes them."""
    from console.cli.calendarfile import written

    with session.hub() as hub, hub.store.read() as conn:
        found = list(_calendars(conn, nodes, 0))
    if session.json:
        session.out.rows(found, ())
    else:
        click.echo(written(found), nl=False)


@calendars_command.command("import", epilog="Example: crossdock calendars import calendars.yaml --dry-run")
@click.argument("file", type=FILE)
@changes
@pass_session
def import_(session: Session, /, file: Path) -> None:
    """Write the calendars and cut-offs of a YAML file in place of those the nodes have; all of them or none."""
    from console.cli.calendarfile import read, write

    calendars = read(file)
    nodes = [each["node"] for each in calendars]
    with session.hub() as hub, session.changing(hub) as unit:
        write(unit, calendars)
    session.out.did(
        {"file": str(file), "nodes": nodes},
        f"{len(nodes)} {'calendar is' if len(nodes) == 1 else 'calendars are'} written: {', '.join(nodes)}.",
        "crossdock calendars list",
    )
