"""What is on its way to a node is announced to it: supplies and transfers, where its connection is told of them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from core.domain.ids import public_id
from core.domain.money import plain
from core.domain.payloads import jsonable
from core.domain.vocabulary import Write
from core.services.facts import Facts
from core.services.outbox import Outgoing, enqueue
from core.store.unit import Unit

TRANSFER = """
SELECT t.id, t.reference, t.to_node_id AS node_id, f.code AS from_node, t.expected_at FROM transfer t
JOIN node f ON f.tenant_id = t.tenant_id AND f.id = t.from_node_id WHERE t.tenant_id = :t AND t.id = :id
"""
TRANSFER_LINES = """
SELECT i.sku, i.title, i.unit, l.quantity, nullif(l.lot, '') AS lot, l.expires_on FROM transfer_line l
JOIN item i ON i.tenant_id = l.tenant_id AND i.id = l.item_id
WHERE l.tenant_id = :t AND l.transfer_id = :id ORDER BY i.sku, l.lot
"""
SUPPLY = """
SELECT s.id, s.reference, s.node_id, NULL AS from_node, s.expected_at FROM supply s
WHERE s.tenant_id = :t AND s.id = :id AND s.created_at >= now()
"""
SUPPLY_LINES = """
SELECT i.sku, i.title, i.unit, s.quantity, NULL AS lot, NULL AS expires_on FROM supply s
JOIN item i ON i.tenant_id = s.tenant_id AND i.id = s.item_id WHERE s.tenant_id = :t AND s.id = :id
"""


def announce_transfer(unit: Unit, facts: Facts, transfer_id: UUID) -> bool:
    """Write the delivery that announces a transfer to the node it is for; return whether the node is told."""
    return _announce(unit, facts, "transfer", transfer_id, TRANSFER, TRANSFER_LINES)


def announce_supply(unit: Unit, facts: Facts, supply_id: UUID) -> bool:
    """Write the delivery that announces a supply to the node that expects it; return whether the node is told.

    A supply is announced when it is new, in the transaction that writes it: a second announcement would be of more
    goods.
    """
    return _announce(unit, facts, "supply", supply_id, SUPPLY, SUPPLY_LINES)


def _announce(unit: Unit, facts: Facts, kind: str, subject_id: UUID, head: str, lines: str) -> bool:
    values = {"t": unit.tenant, "id": subject_id}
    row: Row[Any] | None = unit.conn.execute(text(head), values).one_or_none()
    if row is None:
        return False
    connection_id = facts.node_connections.get(row.node_id)
    connection = facts.connections.get(connection_id) if connection_id else None
    if connection is None or not connection.takes(Write.PUSH_INCOMING):
        return False
    incoming = {
        "id": public_id(kind, row.id),
        "kind": kind,
        "reference": row.reference,
        "node": facts.nodes[row.node_id].code,
        "from_node": row.from_node,
        "expected_at": jsonable(row.expected_at),
        "at": jsonable(unit.now),
        "lines": [
            {**jsonable(dict(each._mapping)), "quantity": plain(each.quantity)}
            for each in unit.conn.execute(text(lines), values)
        ],
    }
    lane = f"{kind}:{row.id.hex}"
    enqueue(unit, [Outgoing(connection.id, Write.PUSH_INCOMING, {"incoming": incoming}, None, lane=lane)])
    return True
