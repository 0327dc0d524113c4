"""Items, the codes partners use for them, nodes: looking up and writing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert

from core.domain.ids import uuid7
from core.errors import InputError, NotFound
from core.services.geography import place_nodes
from core.store import schema as t
from core.store.locks import ensure_positions
from core.store.unit import Unit

# References that hold for every connection are kept under this connection.
ANY_CONNECTION = UUID(int=0)
RESOLVE = """
SELECT w.connection_id, w.code, coalesce(
    (SELECT r.item_id FROM item_reference r WHERE r.tenant_id = %(tenant)s AND r.code = w.code
       AND (r.connection_id = w.connection_id OR (r.connection_id = '00000000-0000-0000-0000-000000000000'
                                                  AND r.scheme = ANY(%(schemes)s)))
       AND r.valid_from <= clock_timestamp()
       AND (r.valid_to IS NULL OR r.valid_to > clock_timestamp())
     ORDER BY (r.connection_id = w.connection_id) DESC, array_position(%(schemes)s, r.scheme) NULLS LAST LIMIT 1),
    (SELECT i.id FROM item i WHERE i.tenant_id = %(tenant)s AND i.sku = w.code AND i.active)) AS item_id
FROM unnest(%(connections)s::uuid[], %(codes)s::text[]) AS w(connection_id, code)
"""
# Which kinds of code mean an item whoever sends them, best first; a connection's own references may be of any kind.
SKU_SCHEMES = ("seller", "sku", "gtin", "buyer")


def resolve_skus(unit: Unit, codes: Collection[tuple[UUID, str]]) -> dict[tuple[UUID, str], UUID]:
    """Return the item behind each (connection, code); a code nobody knows is left out.

    A reference of the connection wins over one for all connections, and both over our own SKU.
    """
    pairs = sorted(codes)
    if not pairs:
        return {}
    rows = unit.conn.exec_driver_sql(
        RESOLVE,
        {
            "tenant": unit.tenant,
            "connections": [connection for connection, _ in pairs],
            "codes": [code for _, code in pairs],
            "schemes": list(SKU_SCHEMES),
        },
    )
    return {(row.connection_id, row.code): row.item_id for row in rows if row.item_id is not None}


def upsert_items(unit: Unit, items: Sequence[Mapping[str, Any]], connection_id: UUID | None = None) -> dict[str, UUID]:
    """Write items by SKU with their references and return SKU -> id.

    Args:
        unit: the running transaction.
        items: canonical items (core.domain.documents.ItemSchema).
        connection_id: whose references they are; the connection then also lists the items for stock pushes.
    """
    by_sku = {str(each["sku"]): each for each in items}
    fields = ("title", "gtin", "unit", "price", "currency", "weight_g", "active", "attributes")
    found: dict[str, UUID] = {}
    for sku in sorted(by_sku):
        given = {name: by_sku[sku][name] for name in fields if by_sku[sku].get(name) is not None}
        if by_sku[sku].get("backorder_limit") is not None:
            given["backorder_limit"] = by_sku[sku]["backorder_limit"]
        statement = insert(t.item).values(tenant_id=unit.tenant, id=uuid7(), sku=sku, **given)
        row = unit.conn.execute(
            statement.on_conflict_do_update(
                index_elements=["tenant_id", "sku"], set_={**given, "version": t.item.c.version + 1}
            ).returning(t.item.c.id)
        ).one()
        found[sku] = row.id
    references = [
        {
            "tenant_id": unit.tenant,
            "connection_id": connection_id or ANY_CONNECTION,
            "scheme": reference["scheme"],
            "code": reference["code"],
            "item_id": found[sku],
        }
        for sku, each in by_sku.items()
        for reference in each.get("references") or ()
    ]
    if references:
        unit.conn.execute(
            insert(t.item_reference).on_conflict_do_update(
                index_elements=["tenant_id", "connection_id", "scheme", "code"],
                set_={"item_id": insert(t.item_reference).excluded.item_id, "valid_to": None},
            ),
            references,
        )
    if connection_id is not None:
        list_items(unit, connection_id, list(found.values()))
    return found


def add_reference(unit: Unit, item_id: UUID, scheme: str, code: str, connection_id: UUID | None = None) -> None:
    """Say that a partner's code means this item."""
    unit.conn.execute(
        insert(t.item_reference)
        .values(
            tenant_id=unit.tenant,
            connection_id=connection_id or ANY_CONNECTION,
            scheme=scheme,
            code=code,
            item_id=item_id,
        )
        .on_conflict_do_update(
            index_elements=["tenant_id", "connection_id", "scheme", "code"],
            set_={"item_id": item_id, "valid_to": None},
        )
    )


def list_items(unit: Unit, connection_id: UUID, items: Sequence[UUID]) -> None:
    """Say that a channel sells these items, so that it is told their stock."""
    if items:
        unit.conn.execute(
            insert(t.listing)
            .values([{"tenant_id": unit.tenant, "connection_id": connection_id, "item_id": each} for each in items])
            .on_conflict_do_nothing()
        )
        unit.conn.execute(
            text(
                "UPDATE listing SET dirty_at = clock_timestamp() WHERE tenant_id = :t AND connection_id = :c"
                " AND item_id = ANY(:items) AND pushed_at IS NULL"
            ),
            {"t": unit.tenant, "c": connection_id, "items": list(items)},
        )


def upsert_node(unit: Unit, node: Mapping[str, Any]) -> UUID:
    """Write a node by its code and return its id; `connection` names the connection that works it.

    A node without a point gets that of its postcode, as far as places were imported.
    """
    values = dict(node)
    connection = values.pop("connection", None)
    if connection is not None:
        values["connection_id"] = connection_named(unit, str(connection)).id
    code = str(values.pop("code"))
    values.setdefault("name", code)
    found = unit.conn.execute(
        insert(t.node)
        .values(tenant_id=unit.tenant, id=uuid7(), code=code, **values)
        .on_conflict_do_update(index_elements=["tenant_id", "code"], set_={**values, "version": t.node.c.version + 1})
        .returning(t.node.c.id)
    ).scalar_one()
    place_nodes(unit)
    return UUID(str(found))


def node_coded(unit: Unit, code: str) -> UUID:
    """Return the id of a node.

    Raises:
        NotFound: no node has this code.
    """
    found = unit.conn.execute(
        select(t.node.c.id).where(t.node.c.tenant_id == unit.tenant, t.node.c.code == code)
    ).scalar_one_or_none()
    if found is None:
        raise NotFound(f"There is no node {code!r}.", fix="See `crossdock import nodes` or GET /api/v1/nodes.")
    return UUID(str(found))


def connection_named(unit: Unit, name: str) -> Any:
    """Return the row of a connection.

    Raises:
        NotFound: no connection has this name.
    """
    row = unit.conn.execute(
        select(t.connection).where(t.connection.c.tenant_id == unit.tenant, t.connection.c.name == name)
    ).one_or_none()
    if row is None:
        raise NotFound(f"There is no connection {name!r}.", fix="See `crossdock connection list`.")
    return row


def make_positions(unit: Unit, items: Collection[UUID], nodes: Collection[UUID]) -> None:
    """Make empty stock positions for every item at every node where there is none yet."""
    ensure_positions(unit, [(item, node) for item in items for node in nodes])


def check_quantity(value: Any, what: str) -> Decimal:
    """Return a finite, non-negative quantity.

    Raises:
        InputError: it is not one.
    """
    try:
        found = Decimal(str(value))
    except ArithmeticError:
        found = Decimal("NaN")
    if not found.is_finite() or found < 0 or found > Decimal(10) ** 12:
        raise InputError(f"{what} must be a quantity of 0 or more, not {str(value)[:40]!r}.")
    return found
