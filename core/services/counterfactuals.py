"""What would have changed a stored decision, in words: decided again from what it was made from, nothing of it kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection, Row, select

from core.domain.ids import public_id
from core.domain.money import plain
from core.domain.packing import Corrupt
from core.errors import NotFound
from core.routing import record
from core.routing.counterfactual import Turn, turns
from core.routing.optimizer import solve
from core.routing.problem import SCALE, Problem
from core.services.recording import plan_texts
from core.services.redeciding import Bases, problem_behind, rows_of
from core.store import schema as t
from core.store.read.text import quantity
from core.store.unit import DEFAULT_TENANT

Json = dict[str, Any]
MONEY = ("handling", "shipment", "rate")
WORDS = {"late": "lateness", "way": "distance", "tier": "stock tiers"}
OLDER = "It was made before decisions could be made again."
ENGINE = "It was made by an older engine, which need not choose alike."
DAMAGED = "What it was made from cannot be read."
DIFFERS = "Made again today it comes out differently; `crossdock decisions verify` says where."


def would_change(conn: Connection, decision: UUID, tenant: int = DEFAULT_TENANT) -> Json:
    """Return what would have changed a decision, the smallest move first.

    Args:
        conn: a session; nothing is written.
        decision: the decision.
        tenant: whose.

    Returns:
        `decision`; `changes`, each with `kind`, whose input it is (`node`, `service`, `sku`, `term`), `before`, `still`
        (the last value with the same choice), `after` (the first with another), `sentence`, and `then`, what would be
        chosen; and `unknown`, why nothing can be said, null otherwise. Money is in the currency of the costs.

    Raises:
        NotFound: there is no such decision.
    """
    row = next(iter(rows_of(conn, (decision, decision), tenant)), None)
    if row is None:
        raise NotFound(f"There is no decision {public_id('decision', decision)}.")
    found: Json = {"decision": public_id("decision", decision), "changes": [], "unknown": None}
    made = _made_again(conn, row, tenant)
    if isinstance(made, str):
        return {**found, "unknown": made}
    problem, plan = made
    moved = turns(problem, plan)
    skus = _skus(conn, {demand.item_id for demand in problem.demands}, tenant)
    lines = [skus.get(demand.item_id, "?") for demand in problem.demands]
    return {**found, "changes": [_told(turn, skus, lines) for turn in moved]}


def _made_again(conn: Connection, row: Row[Any], tenant: int) -> tuple[Problem, Any] | str:
    """Return the problem of a decision and its plan, or why it cannot be made again as it was."""
    if row.basis is None:
        return OLDER
    bases = Bases(conn, tenant)
    try:
        if bases.get(bytes(row.basis)).engine != record.ENGINE:
            return ENGINE
        problem, _ = problem_behind(row, bases)
    except (Corrupt, orjson.JSONDecodeError):
        return DAMAGED
    plan = solve(problem)
    return (problem, plan) if plan_texts(problem, plan)[1] == row.choice else DIFFERS


def _skus(conn: Connection, items: set[UUID], tenant: int) -> dict[UUID, str]:
    i = t.item.c
    return dict(conn.execute(select(i.id, i.sku).where(i.tenant_id == tenant, i.id.in_(items))).all())


def _told(turn: Turn, skus: Mapping[UUID, str], lines: list[str]) -> Json:
    scale = SCALE if turn.kind in MONEY else 1
    sku = None if turn.item is None else skus.get(turn.item, "?")
    return {
        "kind": turn.kind,
        "node": turn.node or None,
        "service": turn.service,
        "sku": sku,
        "term": turn.term or None,
        "before": quantity(turn.before / scale),
        "still": quantity(turn.still / scale),
        "after": quantity(turn.after / scale),
        "sentence": f"would change to {_choice(turn)} if {_condition(turn, sku)}",
        "then": [
            {"sku": lines[line], "node": node, "service": service, "quantity": quantity(units)}
            for line, node, service, units in turn.choice
        ],
    }


def _condition(turn: Turn, sku: str | None) -> str:
    """Return what would have to be otherwise."""
    up = turn.after > turn.before
    if turn.kind == "stock":
        return f"{turn.node} had {plain(turn.after - turn.before)} more of {sku}"
    if turn.kind == "weight":
        word = WORDS.get(turn.term, turn.term)
        return f"the weight of {word} {'rose' if up else 'fell'} from {_factor(turn.before)} to {_factor(turn.after)}"
    if turn.kind == "open":
        return f"{turn.node} could be used ({turn.term})"
    by, to = (plain(each / SCALE) for each in (abs(turn.after - turn.before), turn.after))
    what = {
        "handling": f"{turn.node}'s handling of a unit",
        "shipment": f"{turn.node}'s cost of a shipment",
        "rate": f"{turn.service}'s rate from {turn.node}",
    }[turn.kind]
    return f"{what} {'rose' if up else 'fell'} by {by} to {to}"


def _factor(percent: Decimal) -> str:
    return plain(percent / 100)


def _choice(turn: Turn) -> str:
    """Return what would be chosen: nodes with their services and units."""
    sums: defaultdict[tuple[str, str | None], Decimal] = defaultdict(Decimal)
    for _, node, service, units in turn.choice:
        sums[node, service] += units
    parts = [
        f"{plain(units)} from {node}{f' by {service}' if service else ''}"
        for (node, service), units in sorted(sums.items(), key=lambda each: (each[0][0], each[0][1] or ""))
    ]
    return " and ".join(parts) or "nothing"
