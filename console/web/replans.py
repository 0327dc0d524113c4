"""Released work that an outage, lost capacity or a disruption concerns: compared with nothing kept, then moved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from flask import flash

from console.web import forms
from console.web.context import services, trial
from core.services.affected import Scope, find_affected
from core.services.facts import read_facts
from core.services.replanning import Replan, apply_replans, compare, report
from core.store.unit import Unit

MOST_SHOWN = 200


def looked(scope: Callable[[Unit], Scope]) -> dict[str, Any]:
    """Return what released work costs and when it arrives, today and elsewhere; nothing is kept.

    Args:
        scope: makes the change whose effect is looked at, if any, and says what it concerns.
    """
    with trial() as unit:
        found = _compared(unit, scope(unit))[0]
    return found


def move(scope: Callable[[Unit], Scope], reason: str, subject: str) -> None:
    """Give the work a scope concerns to other nodes, once for each form, and say what came of it."""
    done = forms.submit(
        lambda unit: _move(unit, scope(unit), reason), "work.replanned", lambda _: subject, {"reason": reason},
        step="move",
    )  # fmt: skip
    if done is not None:
        flash(f"{done['moved']} moved at once, {done['asked']} asked for at their nodes, {done['stayed']} stay.")


def _move(unit: Unit, scope: Scope, reason: str) -> Mapping[str, int]:
    facts = read_facts(unit.conn, services().connectors, unit.tenant)
    replans = compare(unit, facts, find_affected(unit.conn, facts, scope, unit.tenant))
    return apply_replans(unit, facts, replans, reason)


def _compared(unit: Unit, scope: Scope) -> tuple[dict[str, Any], list[Replan]]:
    """Return the report of the API, with how many orders leave in parts today and would."""
    facts = read_facts(unit.conn, services().connectors, unit.tenant)
    affected = find_affected(unit.conn, facts, scope, unit.tenant)
    replans = compare(unit, facts, affected)
    found = report(facts, affected, replans)
    rows = found["orders"]
    return {
        **found,
        "split_before": sum(len(row["from"]) > 1 for row in rows),
        "split_after": sum(len(row["to"]) > 1 for row in rows),
        "shown": rows[:MOST_SHOWN],
    }, replans


def of_node(node: UUID, *, over_capacity: bool = False) -> Callable[[Unit], Scope]:
    """Return the scope of a node, or of what its capacity does not hold."""
    return lambda _: Scope(node=node, over_capacity=over_capacity)


def of_disruption(disruption: UUID) -> Callable[[Unit], Scope]:
    """Return the scope of a disruption."""
    return lambda _: Scope(disruption=disruption)
