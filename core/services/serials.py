"""Serial numbers: which units left with a shipment, where an item is tracked by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select

from core.domain.ids import public_id
from core.services.fulfilling import lines_named
from core.store import schema as t
from core.store.bulk import copy_rows
from core.store.unit import Unit

ZERO = Decimal(0)


def record_serials(
    unit: Unit,
    shipment_id: UUID,
    lines: Sequence[Row[Any]],
    named: Sequence[Mapping[str, Any]] | None,
    by_line: Mapping[UUID, Decimal],
) -> dict[str, str]:
    """Write the serial numbers of a shipment and return the units that lack one, by the public id of the line.

    What has left cannot be refused: a missing number is told with the shipment, and a number is kept for any item that
    came with one.

    Args:
        unit: the running transaction.
        shipment_id: the shipment.
        lines: the lines of its fulfillment order.
        named: what the node reported by line, if it named any.
        by_line: units that left by order line.
    """
    told: dict[UUID, set[str]] = {}
    items = {line.line_id: line.item_id for line in lines}
    for each in named or ():
        for line in lines_named(lines, each)[:1]:
            told.setdefault(line.line_id, set()).update(each.get("serials") or ())
    copy_rows(
        unit,
        t.shipment_serial,
        ("shipment_id", "line_id", "item_id", "serial"),
        [(shipment_id, line, items[line], serial) for line in sorted(told) for serial in sorted(told[line])],
    )
    i = t.item.c
    query = select(i.id).where(i.tenant_id == unit.tenant, i.id.in_(set(items.values())), i.tracking == "serial")
    tracked = set(unit.conn.execute(query).scalars())
    return {
        public_id("line", line): format(units - len(told.get(line, ())), "f")
        for line, units in by_line.items()
        if items[line] in tracked and units > len(told.get(line, ()))
    }
