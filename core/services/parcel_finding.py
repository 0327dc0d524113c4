"""Which parcel what carriers and partners say is about."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text

from core.ports.connectors import Json
from core.services.fulfilling import as_uuid
from core.store.unit import DEFAULT_TENANT, Unit

# A node may report units of one parcel more than once: what its number says is true of all of them.
FIND = """
SELECT w.place, f.order_id, f.id || ARRAY(
    SELECT o.id FROM shipment o
    WHERE w.name IS NULL AND o.tenant_id = %(tenant)s AND o.order_id = f.order_id AND o.id <> f.id
      AND o.tracking_number = f.tracking_number AND o.carrier IS NOT DISTINCT FROM f.carrier ORDER BY o.id) AS ids
FROM unnest(%(ids)b::uuid[], %(names)b::text[], %(tracking)b::text[], %(carriers)b::text[])
     WITH ORDINALITY AS w(id, name, tracking, carrier, place)
CROSS JOIN LATERAL (
    SELECT s.id, s.order_id, s.tracking_number, s.carrier FROM shipment s WHERE s.tenant_id = %(tenant)s
      AND (s.id = w.id OR s.number = w.name OR s.external_id = w.name
           OR (s.tracking_number = w.tracking AND (w.carrier IS NULL OR s.carrier IS NULL
                                                   OR lower(s.carrier) = lower(w.carrier))))
    ORDER BY (s.id = w.id) DESC NULLS LAST, s.created_at DESC LIMIT 1
) f
"""
# A partner who says what arrived names our despatch advice, by which he knows the shipment.
ADVISED = """
SELECT s.id, s.order_id FROM paper p JOIN shipment s ON s.tenant_id = p.tenant_id AND s.id = p.shipment_id
WHERE p.tenant_id = :tenant AND p.connection_id = :connection AND p.kind = 'despatch_advice' AND p.number = :name
"""


class Fact(NamedTuple):
    """What is said of a parcel.

    Args:
        document: the canonical tracking event; `shipment` may be the number of a despatch advice of ours.
        connection_id: who says so, to whom the advice went.
        reason: cause and correlation of what it leads to, where they are not the transaction's.
    """

    document: Json
    connection_id: UUID | None = None
    reason: tuple[str | None, UUID | None] | None = None


def tracked_orders(conn: Connection, numbers: Collection[str], tenant: int = DEFAULT_TENANT) -> dict[str, UUID]:
    """Return the orders behind tracking numbers, without locking them."""
    if not numbers:
        return {}
    rows = conn.exec_driver_sql(
        "SELECT tracking_number, order_id FROM shipment WHERE tenant_id = %s AND tracking_number = ANY(%s::text[])",
        (tenant, list(numbers)),
    )
    return {row.tracking_number: row.order_id for row in rows}


def find_parcels(unit: Unit, facts: Sequence[Fact]) -> dict[int, tuple[list[UUID], UUID]]:
    """Return shipments and order of those facts that are about any, by their place."""
    documents = [fact.document for fact in facts]
    values = {
        "tenant": unit.tenant,
        "ids": [as_uuid(each.get("shipment")) for each in documents],
        "names": [each.get("shipment") for each in documents],
        "tracking": [each.get("tracking_number") for each in documents],
        "carriers": [each.get("carrier") for each in documents],
    }
    found = {row.place - 1: (row.ids, row.order_id) for row in unit.conn.exec_driver_sql(FIND, values)}
    for place, (document, connection_id, _) in enumerate(facts):
        if place not in found and connection_id is not None and document.get("shipment"):
            named = {"tenant": unit.tenant, "connection": connection_id, "name": document["shipment"]}
            advised = unit.conn.execute(text(ADVISED), named).one_or_none()
            if advised is not None:
                found[place] = ([advised.id], advised.order_id)
    return found
