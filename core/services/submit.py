"""Orders that come in whole, from the API or a file: the message is stored and applied in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from core.domain.vocabulary import Via
from core.ports.connectors import InboundRecord, Json
from core.services.applying import apply_orders
from core.services.facts import Facts
from core.services.intake import store_records
from core.services.order_rows import part_of
from core.services.ordering import Incoming
from core.services.unreleasable import still_uncounted
from core.store import schema as t
from core.store.unit import Unit

FINISH = """
UPDATE message m SET state = d.state, run_at = NULL, order_id = d.order_id, finished_at = clock_timestamp(),
       attempts = attempts + 1
FROM unnest(%s::uuid[], %s::text[], %s::uuid[]) AS d(id, state, order_id)
WHERE m.tenant_id = %s AND m.id = d.id
"""


@dataclass(frozen=True, slots=True)
class Submitted:
    """One order: whose it is, the checked document, what to store, and holds its map asks for."""

    connection_id: UUID
    document: Json
    record: InboundRecord
    holds: Sequence[Json] = ()


def submit_order(unit: Unit, facts: Facts, connection_id: UUID, document: Json, raw: bytes) -> UUID:
    """Store an order's raw bytes, apply it, and return its id; the same external id again is the same order.

    Args:
        unit: the running transaction.
        facts: nodes and connections.
        connection_id: the connection it belongs to.
        document: the canonical order, checked.
        raw: what was sent, kept for replay.
    """
    [order_id] = submit_orders(unit, facts, [Submitted(connection_id, document, _record(document, raw))], Via.API)
    return order_id


def submit_changed(unit: Unit, facts: Facts, order_id: UUID, document: Json, raw: bytes) -> None:
    """Store and apply an order that a person has changed, in the place of the one that is there.

    The part of a store stays one, though the document of a person does not say so.

    Args:
        unit: the running transaction.
        facts: nodes and connections.
        order_id: the order.
        document: the canonical order as it is to be, checked, of the same external id.
        raw: what was sent, kept.
    """
    o = t.orders.c
    row = unit.conn.execute(select(o.connection_id, o.body).where(o.tenant_id == unit.tenant, o.id == order_id)).one()
    whole = {**document, **part_of(row.body)}
    record = _record(document, raw)
    holds = still_uncounted(unit, order_id, document["lines"])
    submit_orders(unit, facts, [Submitted(row.connection_id, whole, record, holds)], Via.API)


def _record(document: Json, raw: bytes) -> InboundRecord:
    return InboundRecord("order", f"{document['external_id']}:{hashlib.sha256(raw).hexdigest()}", raw)


def submit_orders(unit: Unit, facts: Facts, orders: Sequence[Submitted], via: Via) -> list[UUID]:
    """Store and apply many orders and return their ids in order."""
    accepted = store_records(unit.conn, [(each.connection_id, each.record, via) for each in orders])
    unit.correlation = accepted[0].message_id if len(accepted) == 1 else None
    applied = apply_orders(
        unit,
        facts,
        [
            Incoming(each.connection_id, each.document, each.holds, correlation=message.message_id)
            for each, message in zip(orders, accepted, strict=True)
        ],
    )
    states = ["applied" if each.outcome == "applied" else "duplicate" for each in applied]
    ids = [each.order_id for each in applied]
    unit.conn.exec_driver_sql(FINISH, ([each.message_id for each in accepted], states, ids, unit.tenant))
    return [order_id for order_id in ids if order_id is not None]
