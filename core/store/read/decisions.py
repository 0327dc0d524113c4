"""Decisions as the API shows them, and as they are made again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection, Row, select

from core.domain.ids import public_id
from core.domain.packing import unpack
from core.routing.record import problem_of, shared_from
from core.store import schema as t
from core.store.read.page import Json, Listed, Slice, only, row_of, rows_by_id, since
from core.store.read.text import instant, quantity, ref
from core.store.unit import DEFAULT_TENANT

_d = t.decision.c


def list_decisions(
    conn: Connection,
    piece: Slice,
    *,
    kind: Sequence[str] = (),
    order_id: UUID | None = None,
    policy: str | None = None,
    at_since: datetime | None = None,
    tenant: int = DEFAULT_TENANT,
) -> Listed:
    """Return a page of decisions without their inputs and candidates, newest first."""
    columns = [
        _d[name] for name in ("id", "kind", "order_id", "policy", "choice", "bound", "duration_us", "actor", "at")
    ]
    query = only(
        select(*columns),
        t.decision,
        tenant,
        kind=(_d.kind, kind),
        order=(_d.order_id, order_id),
        policy=(_d.policy, policy),
    )
    rows, after = rows_by_id(conn, since(query, _d.at, at_since), _d.id, piece)
    return Listed([_decision(row) for row in rows], after)


def read_decision(conn: Connection, decision_id: UUID, tenant: int = DEFAULT_TENANT) -> Json:
    """Return one decision with everything it was made from.

    Raises:
        NotFound: there is no such decision.
    """
    b = t.decision_basis.c
    row = row_of(
        conn,
        select(t.decision, b.body).outerjoin(t.decision_basis, (b.tenant_id == _d.tenant_id) & (b.hash == _d.basis)),
        _d.id,
        decision_id,
        "decision",
        tenant,
    )
    inputs = orjson.loads(unpack(row.inputs))
    # Rows from before decisions could be made again say less.
    shown = inputs if row.body is None else _readable(orjson.loads(unpack(row.body)), inputs)
    return {**_decision(row), "inputs": shown, "candidates": orjson.loads(unpack(row.candidates))}


def _decision(row: Row[Any]) -> Json:
    return {
        "id": public_id("decision", row.id),
        "kind": row.kind,
        "order": ref("order", row.order_id),
        "policy": row.policy,
        "choice": row.choice,
        "bound": row.bound,
        "duration_us": row.duration_us,
        "actor": row.actor,
        "at": instant(row.at),
    }


def _readable(shared: Json, inputs: Json) -> Json:
    """Return the inputs of a decision by public ids and node codes instead of places in lists."""
    problem = problem_of(shared_from(shared), inputs)
    code = {node.id: node.code for node in problem.nodes}
    stock: dict[str, dict[str, str | None]] = {}
    for (item, node), units in problem.stock.items():
        stock.setdefault(public_id("item", item), {})[code[node]] = quantity(units)
    goal = problem.destination
    found: Json = {
        "order": inputs.get("order", {}),
        "wave": inputs.get("wave", {}),
        "lines": [
            {
                "line": public_id("line", each.line_id),
                "item": public_id("item", each.item_id),
                "quantity": quantity(each.quantity),
            }
            for each in problem.demands
        ],
        "stock": stock,
        "destination": {"country": goal.country, "latitude": goal.latitude, "longitude": goal.longitude},
        "partial_allowed": problem.partial_allowed,
        "parts": problem.parts,
        "excluded": {code[node]: reason for node, reason in problem.excluded.items()},
        "capacity": {code[node]: quantity(units) for node, units in problem.capacity.items()},
        "load": {code[node]: part for node, part in problem.load.items()},
        "forbidden": [
            {"item": public_id("item", item), "node": code[node], "reason": reason}
            for (item, node), reason in problem.forbidden.items()
        ],
        "services": {problem.nodes[node].code: offered for node, offered in inputs.get("services", ())},
        "tiers": [
            {
                "item": public_id("item", item),
                "node": code[node],
                "tiers": [{"units": quantity(each.units), "extra": each.extra, "label": each.label} for each in tiers],
            }
            for (item, node), tiers in problem.ladders.items()
        ],
        "nodes": [dict(zip(shared["node_fields"], row, strict=True)) for row in shared["nodes"]],
        "policy": shared["policy"],
        "engine": shared["engine"],
    }
    return {name: value for name, value in found.items() if value not in ({}, [])}
