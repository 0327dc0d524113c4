"""Orders that come in through the API: the message is stored and applied in one transaction."""

from __future__ import annotations

import hashlib
from uuid import UUID

from sqlalchemy import text

from core.domain.vocabulary import Via
from core.ports.connectors import InboundRecord, Json
from core.services.applying import apply_orders
from core.services.facts import Facts
from core.services.intake import store_records
from core.services.ordering import Incoming
from core.store.unit import Unit


def submit_order(unit: Unit, facts: Facts, connection_id: UUID, document: Json, raw: bytes) -> UUID:
    """Store an order's raw bytes, apply it, and return its id; the same external id again is the same order.

    Args:
        unit: the running transaction.
        facts: nodes and connections.
        connection_id: the connection it belongs to.
        document: the canonical order, checked.
        raw: what was sent, kept for replay.
    """
    digest = hashlib.sha256(raw).hexdigest()
    record = InboundRecord("order", f"{document['external_id']}:{digest}", raw)
    [accepted] = store_records(unit.conn, [(connection_id, record, Via.API)])
    unit.correlation = accepted.message_id
    [applied] = apply_orders(unit, facts, [Incoming(connection_id, document, correlation=accepted.message_id)])
    unit.conn.execute(
        text(
            "UPDATE message SET state = :state, run_at = NULL, order_id = :order, finished_at = clock_timestamp(),"
            " attempts = attempts + 1 WHERE tenant_id = :t AND id = :id"
        ),
        {
            "state": "applied" if applied.outcome == "applied" else "duplicate",
            "order": applied.order_id,
            "t": unit.tenant,
            "id": accepted.message_id,
        },
    )
    assert applied.order_id is not None
    return applied.order_id
