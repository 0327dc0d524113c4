"""Serial numbers: which units left with a shipment, where an item is tracked by them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from core.domain.ids import public_id
from core.services.fulfilling import lines_named
from core.services.steps import Step
from core.store import schema as t
from core.store.bulk import copy_rows
from core.store.unit import Unit


def record_serials(unit: Unit, steps: Sequence[Step]) -> dict[UUID, dict[str, str]]:
    """Write the serial numbers of new shipments; return by shipment the units that lack one, by the line's public id.

    What has left cannot be refused: a missing number is told with the shipment, and a number is kept for any item that
    came with one.
    """
    rows: list[tuple[UUID | None, UUID, UUID, str]] = []
    lacking: dict[UUID, dict[str, str]] = {}
    for step in steps:
        told: dict[UUID, set[str]] = {}
        lines = {line.line_id: line for line in step.lines}
        for each in step.document.get("lines") or ():
            for line in lines_named(step.lines, each)[:1]:
                told.setdefault(line.line_id, set()).update(each.get("serials") or ())
        rows += [
            (step.shipment_id, line, lines[line].told_item, serial)
            for line in sorted(told)
            for serial in sorted(told[line])
        ]
        missing = {
            public_id("line", line): format(number, "f")
            for line, units in step.left.items()
            if lines[line].tracking == "serial"
            and (number := units * lines[line].per_unit - len(told.get(line, ()))) > 0
        }
        if missing and step.shipment_id:
            lacking[step.shipment_id] = missing
    copy_rows(unit, t.shipment_serial, ("shipment_id", "line_id", "item_id", "serial"), rows)
    return lacking
