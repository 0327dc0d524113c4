"""`crossdock route`: decide without booking, now or over recorded decisions, as things are or as they might be."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from console.cli.base import Session, command, pass_session
from console.cli.lists import Moment, carry_option, find_order, processes_option
from console.cli.output import hint

if TYPE_CHECKING:
    from uuid import UUID

    from core.jobs.hub import Hub
    from core.services.rerouting import Asked
    from core.services.whatif import Scenario
    from core.store.unit import Unit

Json = dict[str, Any]
CANDIDATES = ("node", "lines", "service", "shipment=ship", "handling=handle", "km", "reason")


@command("route")
@click.argument("subject", required=False, metavar="[ORDER | FILE]")
@click.option(
    "--what-if",
    "what_if",
    multiple=True,
    metavar="WORD",
    help="policy=NAME@V, node.CODE=off or node.CODE.capacity=N; may be repeated.",
)
@click.option("--since", type=Moment(), help="Instead of one order: decisions made since, such as 7d.")
@click.option("--connection", default="api", show_default=True, help="Whose order a FILE is, where it does not say.")
@carry_option
@processes_option
@pass_session
def route_command(
    session: Session,
    /,
    subject: str | None,
    what_if: tuple[str, ...],
    since: datetime | None,
    connection: str,
    carry: bool,
    processes: int,
) -> None:
    """Say which nodes an order would get; nothing is booked.

    ORDER is an id, number or external id; FILE holds one canonical order as JSON.
    """
    if (subject is None) == (since is None):
        raise click.UsageError("Name an ORDER or a FILE, or say --since for recorded decisions.")
    if subject is None and not what_if:
        raise click.UsageError("Recorded decisions come out as they are: say --what-if.")
    with session.hub() as hub:
        if subject is None:
            _past(session, hub, what_if, since, carry, processes)
        else:
            _one(session, hub, subject, what_if, connection)


def _one(session: Session, hub: Hub, subject: str, what_if: tuple[str, ...], connection: str) -> None:
    from core.services.rerouting import decided
    from core.services.whatif import scenario_of

    with hub.store.begin() as unit:
        asked = then = _asked(hub, unit, subject, connection, None)
        scenario = scenario_of(unit.conn, what_if, unit.tenant) if what_if else None
        if scenario is not None and asked.legs:
            then = _asked(hub, unit, subject, connection, scenario)
    found: Json = {"order": subject, "now": decided(asked)}
    if scenario is not None:
        found["what_if"] = {"words": list(what_if), **decided(then, scenario)}
    if session.json:
        session.out.line(found)
        return
    _show(session, f"{subject} now", found["now"])
    if scenario is not None:
        click.echo()
        _show(session, f"{subject} if {', '.join(what_if)}", found["what_if"])
        alike = found["now"]["assignments"] == found["what_if"]["assignments"]
        click.echo("\nThe same nodes and days would be chosen." if alike else f"\ncost {_move(found)}")
    click.echo("Nothing was booked.", err=True)
    if scenario is None:
        hint(f"crossdock route {subject} --what-if node.{_first_node(found)}=off")


def _asked(hub: Hub, unit: Unit, subject: str, connection: str, scenario: Scenario | None) -> Asked:
    """Return the order named, or the one in the file; what taking it in did is taken back."""
    import orjson

    from core.domain.documents import check_document
    from core.errors import InputError
    from core.services.catalog import connection_named
    from core.services.rerouting import of_document, of_order
    from webhooks.api.transactions import previewed

    facts = hub.facts.get(unit.conn, unit.tenant)
    path = Path(subject)
    if not path.is_file():
        return of_order(unit, facts, find_order(unit.conn, subject), scenario)
    try:
        body = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise InputError(f"{path} holds no JSON: {error}.", code="ROUTE-FILE-422") from None
    if not isinstance(body, dict):
        raise InputError(f"{path} holds no order: one JSON object is expected.", code="ROUTE-FILE-422")
    document = check_document("order", body)
    account: UUID = connection_named(unit, document.get("connection") or connection).id
    return previewed(unit, lambda: of_document(unit, facts, account, document))


def _show(session: Session, title: str, found: Json) -> None:
    late = "" if found["on_time"] is None else f" · on time {100 * found['on_time']:.0f} %"
    head = f"{title} · policy {found['policy']} · cost {found['cost']} · {found['bound']}{late}"
    click.echo(click.style(head, bold=True))
    for each in found["assignments"]:
        service = f" by {each['service']}" if each["service"] else ""
        leaves = f", leaves {each['ship_on']}" if each["ship_on"] else ""
        click.echo(f" {each['node']}  {each['quantity']} x {each['sku']}{service}{leaves}")
    for sku, units in found["short"].items():
        click.echo(f" nowhere  {units} x {sku}")
    rows = [
        {**each, **{name: each[name] / 10_000 for name in ("shipment", "handling") if isinstance(each.get(name), int)}}
        for each in found["candidates"]
    ]
    session.out.rows(rows, CANDIDATES)


def _move(found: Json) -> str:
    before, after = float(found["now"]["cost"]), float(found["what_if"]["cost"])
    return f"{before:.2f} → {after:.2f}   {after - before:+.2f}"


def _first_node(found: Json) -> str:
    return next((each["node"] for each in found["now"]["assignments"]), "CODE")


def _past(
    session: Session, hub: Hub, what_if: tuple[str, ...], since: datetime | None, carry: bool, processes: int
) -> None:
    from console.cli.simulation import show_report
    from core.services.guardrails import report
    from core.services.simulating import decide_again
    from core.services.trials import rooms
    from core.services.whatif import check_nodes, scenario_of

    with hub.store.begin() as unit:
        scenario = scenario_of(unit.conn, what_if, unit.tenant)
        capacity = rooms(unit.conn, unit.tenant)
        check_nodes(scenario, capacity)
        replayed = decide_again(unit.conn, scenario, since, engine=hub.store.engine, processes=processes, carry=carry)
        found = {"words": list(what_if), **report(replayed, {}, since, unit.now, capacity)}
    if session.json:
        session.out.line(found)
    else:
        show_report(session, found)
        click.echo(f"{found['moved']:,} orders would change node. Nothing was changed.")
