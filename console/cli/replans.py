"""Showing what released work would become, asking, and carrying it out order by order."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from console.cli.base import Session
from console.cli.output import note

if TYPE_CHECKING:
    from core.jobs.hub import Hub
    from core.services.affected import Scope
    from core.store.unit import Unit

COLUMNS = (
    "number", "from_nodes=from", "way", "to_nodes=to", "cost_before=cost", "cost_after=then", "date_before=arrives",
    "date_after=then", "promise_late=late", "short",
)  # fmt: skip
STAYING = ("number", "node=stays at", "reason")


def replan(
    session: Session,
    hub: Hub,
    scope: Scope,
    reason: str,
    *,
    before: Callable[[Unit], object] | None = None,
    within: Unit | None = None,
) -> dict[str, Any]:
    """Show the work a scope concerns with its costs and dates before and after, ask, and move it; return the report.

    Args:
        session: of the command; a dry run ends after showing.
        hub: the hub's parts.
        scope: what happened.
        reason: for nodes and history.
        before: the change whose effect is shown: tried first, made for good only after the answer.
        within: a transaction in which all is only looked at.
    """
    from core.services.facts import read_facts
    from core.services.replanning import carry_out

    if within is not None:
        return {**_looked(session, hub, within, scope)[0], "applied": None}
    tried = Session()
    tried.dry_run = True
    with tried.changing(hub) as unit:
        if before is not None:
            before(unit)
        found, replans = _looked(session, hub, unit, scope)
    if session.dry_run:
        return {**found, "applied": None}
    replans = [each for each in replans if each.works]
    if replans:
        session.agree(f"Move the work of {len(replans)} orders?")
    if before is not None:
        with session.changing(hub) as unit:
            before(unit)
    sums = {"moved": 0, "asked": 0, "stayed": 0}
    for each in replans:
        with session.changing(hub) as unit:
            facts = read_facts(unit.conn, hub.connectors, unit.tenant)
            order_id = each.works[0].order_id
            done = carry_out(unit, facts, order_id, {work.id for work in each.works}, reason)
        for name, works in done.items():
            sums[name] += works
    return {**found, "applied": sums}


def _looked(session: Session, hub: Hub, unit: Unit, scope: Scope) -> tuple[dict[str, Any], list[Any]]:
    from core.services.affected import find_affected
    from core.services.facts import read_facts
    from core.services.replanning import compare, report

    facts = read_facts(unit.conn, hub.connectors, unit.tenant)
    affected = find_affected(unit.conn, facts, scope, unit.tenant)
    replans = compare(unit, facts, affected)
    found = report(facts, affected, replans)
    if not session.json and affected:
        shown = [
            {
                **row,
                "from_nodes": ", ".join(row["from"]),
                "to_nodes": ", ".join(each["node"] for each in row["to"]),
                **{name: _day(row, name) for name in ("date_before", "date_after")},
                "promise_late": None if row["promise_late"] is None else f"{row['promise_late']:.0%}",
            }
            for row in found["orders"]
        ]
        if shown:
            session.out.rows(shown, COLUMNS)
        if found["staying"]:
            session.out.rows(found["staying"], STAYING)
        note(
            f"{found['affected']} fulfillment orders: {found['moves']} move, {found['asked']} are asked for,"
            f" {found['stays']} stay; what ships whole from elsewhere costs {found['cost_after']} instead of"
            f" {found['cost_before']},"
            f" {found['later']} orders arrive or leave later, of {found['at_risk']} the promise is at risk,"
            f" {found['short']} lack stock elsewhere."
        )
    return found, replans


def _day(row: dict[str, Any], name: str) -> str | None:
    """Return a day of arrival by the carriers' word, any other with what it is: expected, or the day of leaving."""
    return f"{row['dates']} {row[name]}" if row[name] and row["dates"] != "arrives" else row[name]
