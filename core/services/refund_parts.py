"""Which order a refund that comes as a document is for: of one that was split by store, the part it fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text

from core.errors import InputError
from core.ports.connectors import Json
from core.services.issued import order_of, split_parts
from core.services.part_changes import parts_named
from core.services.refund_checks import UNITS
from core.store import schema as t
from core.store.locks import lock_orders_by_source
from core.store.unit import Unit

ZERO = Decimal(0)
THERE = text(
    "SELECT order_id, external_id, sum(quantity - canceled - returned) AS units FROM order_line"
    " WHERE tenant_id = :t AND order_id = ANY(:o) AND external_id IS NOT NULL GROUP BY order_id, external_id"
)
There = Mapping[tuple[UUID, str], Decimal]


def order_refunded(unit: Unit, connection_id: UUID, body: Json) -> Row[Any]:
    """Lock and return the order a refund names, or the one part by store of it that has its lines and units.

    Args:
        unit: the running transaction.
        connection_id: whose refund it is.
        body: canonical.

    Raises:
        NotFound: it has not come in (yet).
        InputError: it was split by store, and the refund fits none of its parts or several; they are named.
    """
    issued = body["order_external_id"]
    if lock_orders_by_source(unit, [(connection_id, issued)]):
        return order_of(unit, connection_id, issued)
    keys = [(connection_id, part.external_id) for part in split_parts(unit, connection_id, issued)]
    if not keys:
        return order_of(unit, connection_id, issued)
    locked = lock_orders_by_source(unit, keys)
    parts = [locked[key] for key in sorted(locked)]
    told = _told(unit, connection_id, body["external_id"])
    before = next((part for part in parts if part.id == told), None)
    if before is not None:
        # By now it may fit another one: what it gave back is not there any more.
        return before
    there = {
        (row.order_id, row.external_id): row.units
        for row in unit.conn.execute(THERE, {"t": unit.tenant, "o": [part.id for part in parts]})
    }
    lines: Sequence[Json] = body.get("lines") or []
    going = [part for part in parts if part.state != "canceled"] or parts
    fitting = [part for part in going if _fits(part.id, lines, there)]
    if len(fitting) != 1:
        raise InputError(
            f"Refund {body['external_id']} is for {issued}, which was split by store, and does not say for which part: "
            f"{parts_named(parts)}.",
            why=f"Its lines and units are those of {parts_named(fitting)}."
            if fitting
            else "None has its lines and units.",
            fix="Have the partner name the part, or refund that one by hand (`crossdock orders refund`) and discard "
            "the message.",
            code="REFUND-STORES-422",
        )
    return fitting[0]


def _told(unit: Unit, connection_id: UUID, external_id: str) -> UUID | None:
    """Return the order a refund of this number was for when it came before."""
    r = t.refund.c
    asked = select(r.order_id).where(
        r.tenant_id == unit.tenant, r.connection_id == connection_id, r.external_id == external_id
    )
    return unit.conn.execute(asked).scalar_one_or_none()


def _fits(order_id: UUID, lines: Sequence[Json], there: There) -> bool:
    """Return whether a part has all lines of a refund that any part has, and the units that leave or come back."""
    wanted: dict[str, Decimal] = {}
    for line in lines:
        units = line["quantity"] if line["restock"] in UNITS else ZERO
        # A line of money that no part has, such as the freight, tells nothing.
        if line["restock"] in UNITS or any(name == line["external_id"] for _, name in there):
            wanted[line["external_id"]] = wanted.get(line["external_id"], ZERO) + units
    return all((order_id, name) in there and there[order_id, name] >= units for name, units in wanted.items())
