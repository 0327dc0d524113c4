"""Units that left a node and were not on its books: counted all the same, and told."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from sqlalchemy import text

from core.domain.cases import UNBOOKED
from core.domain.money import plain
from core.domain.shelf import Key
from core.services.cases import Member, Opened, open_cases
from core.store.unit import Unit

NAMES = """
SELECT i.id AS item_id, n.id AS node_id, i.sku, n.code FROM unnest(CAST(:items AS uuid[]), CAST(:nodes AS uuid[]))
    AS w(item_id, node_id)
JOIN item i ON i.tenant_id = :t AND i.id = w.item_id JOIN node n ON n.tenant_id = :t AND n.id = w.node_id
"""


def report_unbooked(unit: Unit, lacking: Mapping[Key, Decimal]) -> None:
    """Ask a person to find out whence units by (item, node) came that left a node and were not on hand there."""
    if not lacking:
        return
    values = {"t": unit.tenant, "items": [item for item, _ in lacking], "nodes": [node for _, node in lacking]}
    opened = []
    for row in unit.conn.execute(text(NAMES), values):
        units = lacking[row.item_id, row.node_id]
        evidence = {"sku": row.sku, "node": row.code, "units": plain(units)}
        fingerprint = f"{UNBOOKED.code}:{row.item_id.hex}:{row.node_id.hex}"
        member = Member("position", row.item_id, None, units)
        opened.append(Opened(UNBOOKED, fingerprint, evidence, [member], node_id=row.node_id))
    open_cases(unit, opened)
