"""What stops nodes and carriers for a while: nodes switched off and on, capacity lost, areas shut."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, text, update

from core.domain.ids import public_id, uuid7
from core.domain.payloads import jsonable
from core.errors import Conflict, InputError
from core.services import audit
from core.services.backorders import look_again
from core.services.catalog import node_coded
from core.store import schema as t
from core.store.locks import mark_listings_at
from core.store.moves import note_switch
from core.store.unit import Unit

# Where a node is off for good, what it was off for until then is of no interest.
OVER = text(
    "SELECT id, code FROM node WHERE tenant_id = :t AND active AND off_until <= clock_timestamp()"
    " ORDER BY id FOR NO KEY UPDATE SKIP LOCKED"
)


def change_node(unit: Unit, code: str, changes: Mapping[str, Any]) -> UUID:
    """Change a node's switch, capacity or way of counting and return its id.

    Waiting orders are looked at again; released work stays.

    Args:
        unit: the running transaction.
        code: of the node.
        changes: any of active, off_until, off_reason, capacity_per_day, stock_mode, count_hours, count_error,
            count_samples, count_quantile. Switching on ends what it was off for.

    Raises:
        NotFound: there is no such node.
        InputError: `off_until` is over.
    """
    node = node_coded(unit, code)
    values = dict(changes)
    if values.get("off_until") is not None and values["off_until"] <= unit.now:
        raise InputError(
            f"The node {code} cannot be off until {values['off_until'].isoformat()}: that is over.",
            fix="Give a moment to come, or leave it out.",
            code="NODE-UNTIL-422",
        )
    if values.get("active"):
        values = {"off_until": None, "off_reason": None, **values}
    n = t.node.c
    # What is off until a moment works again then, even if it was off for good before.
    back = {"active": True} if values.get("off_until") is not None else {}
    unit.conn.execute(
        update(t.node).where(n.tenant_id == unit.tenant, n.id == node).values(version=n.version + 1, **back | values)
    )
    if note_switch(unit, node):
        mark_listings_at(unit, [node])
    look_again(unit)
    told = jsonable(values)
    unit.event("node.changed", "node", node, {"node": code, **told})
    audit.record(unit, "node.changed", code, told)
    return node


def end_outages(unit: Unit) -> int:
    """Have channels told and waiting orders looked at where what nodes were off for is over; return how many nodes.

    A sweep of the relay: a node works again at its moment by itself, and nothing else happens then.
    """
    nodes = unit.conn.execute(OVER, {"t": unit.tenant}).all()
    if not nodes:
        return 0
    n = t.node.c
    over = update(t.node).where(n.tenant_id == unit.tenant, n.id.in_([node.id for node in nodes]))
    unit.conn.execute(over.values(off_until=None, off_reason=None, version=n.version + 1))
    mark_listings_at(unit, [node.id for node in nodes])
    look_again(unit)
    for node in nodes:
        unit.event("node.changed", "node", node.id, {"node": node.code, "off_until": None, "off_reason": None})
    return len(nodes)


def add_disruption(unit: Unit, body: Mapping[str, Any]) -> UUID:
    """Write a disruption and return its id.

    Args:
        unit: the running transaction.
        body: {label, area, carrier, starts_at, ends_at}; it starts now when nothing else is said.

    Raises:
        InputError: it ends before it starts, or is over, or no service is of its carrier.
    """
    if body.get("carrier") is not None:
        _require_carrier(unit, body["carrier"])
    starts_at = body.get("starts_at") or unit.now
    ends_at = body.get("ends_at")
    if ends_at is not None and (ends_at <= starts_at or ends_at <= unit.now):
        raise InputError("A disruption ends after it starts, and not in the past.", code="DISRUPTION-WINDOW-422")
    found = uuid7()
    unit.conn.execute(
        insert(t.disruption).values(
            tenant_id=unit.tenant,
            id=found,
            label=body["label"],
            area=body["area"],
            carrier=body.get("carrier"),
            starts_at=starts_at,
            ends_at=ends_at,
            actor=unit.actor,
        )
    )
    unit.event("disruption.started", "disruption", found, {"label": body["label"], "carrier": body.get("carrier")})
    audit.record(unit, "disruption.added", public_id("disruption", found), {"label": body["label"]})
    return found


def _require_carrier(unit: Unit, carrier: str) -> None:
    s = t.carrier_service.c
    known = unit.conn.execute(select(s.carrier).distinct().where(s.tenant_id == unit.tenant).order_by(s.carrier))
    names = list(known.scalars())
    if carrier not in names:
        raise InputError(
            f"No service is of a carrier {carrier[:80]!r}, so nothing would be disrupted.",
            fix=f"Carriers are: {', '.join(names[:20]) or 'none yet'}.",
            code="DISRUPTION-CARRIER-422",
            errors=[{"path": "carrier", "reason": "no service is of this carrier"}],
        )


def end_disruption(unit: Unit, disruption: UUID) -> None:
    """End a disruption now.

    Raises:
        Conflict: there is no such disruption that is not over.
    """
    ended = unit.conn.execute(
        text(
            "UPDATE disruption SET ends_at = greatest(clock_timestamp(), starts_at), version = version + 1"
            " WHERE tenant_id = :t AND id = :id AND (ends_at IS NULL OR ends_at > clock_timestamp())"
        ),
        {"t": unit.tenant, "id": disruption},
    ).rowcount
    if not ended:
        raise Conflict(
            f"The disruption {public_id('disruption', disruption)} is over already, or there is none.",
            code="DISRUPTION-OVER-409",
        )
    look_again(unit)
    unit.event("disruption.ended", "disruption", disruption)
    audit.record(unit, "disruption.ended", public_id("disruption", disruption))
