"""Items, the codes partners use for them, nodes: looking up and writing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import case, or_, select
from sqlalchemy.dialects.postgresql import insert

from core.domain.ids import uuid7
from core.errors import NotFound
from core.services.backorders import FACTS_ARE_SEEN
from core.services.geography import place_nodes
from core.services.kits import refused, set_components
from core.services.limits import apply_limits, lock_limits
from core.services.lots import begin_lots, end_lots
from core.store import schema as t
from core.store.bulk import as_json
from core.store.locks import lock_items, lock_listings, mark_listings_at
from core.store.moves import note_switch
from core.store.unit import Unit

# References that hold for every connection are kept under this connection.
ANY_CONNECTION = UUID(int=0)
RESOLVE = """
SELECT w.connection_id, w.code, coalesce(
    (SELECT r.item_id FROM item_reference r WHERE r.tenant_id = %(tenant)s AND r.code = w.code
       AND (r.connection_id = w.connection_id OR (r.connection_id = '00000000-0000-0000-0000-000000000000'
                                                  AND r.scheme = ANY(%(schemes)s)))
       AND r.scheme <> ALL(%(without)s) AND r.valid_from <= clock_timestamp()
       AND (r.valid_to IS NULL OR r.valid_to > clock_timestamp())
     ORDER BY (r.connection_id = w.connection_id) DESC, array_position(%(schemes)s, r.scheme) NULLS LAST LIMIT 1),
    (SELECT i.id FROM item i WHERE i.tenant_id = %(tenant)s AND i.sku = w.code AND i.active)) AS item_id
FROM unnest(%(connections)s::uuid[], %(codes)s::text[]) AS w(connection_id, code)
"""
# Which kinds of code mean an item whoever sends them, best first; a connection's own references may be of any kind.
SKU_SCHEMES = ("seller", "sku", "gtin", "buyer")


def resolve_skus(
    unit: Unit, codes: Collection[tuple[UUID, str]], without: Sequence[str] = ()
) -> dict[tuple[UUID, str], UUID]:
    """Return the item behind each (connection, code); a code nobody knows is left out.

    A connection's reference wins over one for all, and both over our SKU; schemes `without` are not asked.
    """
    if not (pairs := sorted(codes)):
        return {}
    rows = unit.conn.exec_driver_sql(
        RESOLVE,
        {
            "tenant": unit.tenant,
            "connections": [connection for connection, _ in pairs],
            "codes": [code for _, code in pairs],
            "schemes": list(SKU_SCHEMES),
            "without": list(without),
        },
    )
    return {(row.connection_id, row.code): row.item_id for row in rows if row.item_id is not None}


def units_of(unit: Unit, items: Collection[UUID]) -> dict[UUID, str]:
    """Return the unit each of these items is counted in."""
    if not items:
        return {}
    i = t.item.c
    rows = unit.conn.execute(select(i.id, i.unit).where(i.tenant_id == unit.tenant, i.id.in_(sorted(items))))
    return {row.id: row.unit for row in rows}


# One array per column, as `_columns` gives them; a null says "not given".
INSERT_ITEMS = """
INSERT INTO item (tenant_id, id, sku, title, gtin, unit, price, currency, weight_g, tracking, lot_order,
                  backorder_limit, active, attributes)
SELECT %s, id, sku, title, gtin, coalesce(unit, 'C62'), price, currency, weight_g, coalesce(tracking, 'none'),
       coalesce(lot_order, 'fefo'), coalesce(backorder_limit, 0), coalesce(active, true), coalesce(attributes, '{}')
FROM unnest(%b::uuid[], %b::text[], %b::text[], %b::text[], %b::text[], %b::numeric[], %b::text[], %b::int[],
            %b::text[], %b::text[], %b::numeric[], %b::boolean[], %b::json[])
     AS g(id, sku, title, gtin, unit, price, currency, weight_g, tracking, lot_order, backorder_limit, active,
          attributes)
ORDER BY sku
ON CONFLICT (tenant_id, sku) DO NOTHING RETURNING id, sku
"""
UPDATE_ITEMS = """
UPDATE item i
SET title = coalesce(g.title, i.title), gtin = coalesce(g.gtin, i.gtin), unit = coalesce(g.unit, i.unit),
    price = coalesce(g.price, i.price), currency = coalesce(g.currency, i.currency),
    weight_g = coalesce(g.weight_g, i.weight_g), tracking = coalesce(g.tracking, i.tracking),
    lot_order = coalesce(g.lot_order, i.lot_order), backorder_limit = coalesce(g.backorder_limit, i.backorder_limit),
    active = coalesce(g.active, i.active), attributes = coalesce(g.attributes, i.attributes), version = i.version + 1
FROM unnest(%b::uuid[], %b::text[], %b::text[], %b::text[], %b::text[], %b::numeric[], %b::text[], %b::int[],
            %b::text[], %b::text[], %b::numeric[], %b::boolean[], %b::json[])
     AS g(id, sku, title, gtin, unit, price, currency, weight_g, tracking, lot_order, backorder_limit, active,
          attributes)
WHERE i.tenant_id = %s AND i.id = g.id
"""
POINT_REFERENCES = """
INSERT INTO item_reference (tenant_id, connection_id, scheme, code, item_id)
SELECT %s, %s, scheme, code, item_id FROM unnest(%s::text[], %s::text[], %s::uuid[]) AS g(scheme, code, item_id)
ORDER BY scheme, code
ON CONFLICT (tenant_id, connection_id, scheme, code) DO UPDATE SET item_id = excluded.item_id, valid_to = NULL
"""


def upsert_items(unit: Unit, items: Sequence[Mapping[str, Any]], connection_id: UUID | None = None) -> dict[str, UUID]:
    """Write items by SKU with their references and return SKU -> id.

    What an item does not say stays as it is; an SKU given twice counts as its last. A changed limit of backorders holds
    at once, at each node.

    Args:
        unit: the running transaction.
        items: canonical items (core.domain.documents.ItemSchema); `components` make one a kit, an empty list undoes it.
        connection_id: whose references they are; the connection then also lists the items for stock pushes.

    Raises:
        InputError: an item cannot be the kit it is said to be.
    """
    by_sku = {str(each["sku"]): each for each in items}
    limits = {sku: each["backorder_limit"] for sku, each in by_sku.items() if each.get("backorder_limit") is not None}
    lock_limits(unit, limits)
    before = _tracking(unit, [sku for sku, each in by_sku.items() if each.get("tracking") is not None])
    made = unit.conn.exec_driver_sql(
        INSERT_ITEMS, (unit.tenant, *_columns({sku: (uuid7(), each) for sku, each in by_sku.items()}))
    )
    found: dict[str, UUID] = {row.sku: row.id for row in made}
    known = lock_items(unit, by_sku.keys() - found.keys())
    if known:
        unit.conn.exec_driver_sql(
            UPDATE_ITEMS, (*_columns({sku: (item, by_sku[sku]) for sku, item in known.items()}), unit.tenant)
        )
    found |= known
    references = {
        (str(reference["scheme"]), str(reference["code"])): found[sku]
        for sku, each in by_sku.items()
        for reference in each.get("references") or ()
    }
    _point_references(unit, connection_id, references)
    for sku, tracking in before.items():
        if "lot" in (tracking, by_sku[sku]["tracking"]) and tracking != by_sku[sku]["tracking"]:
            (end_lots if tracking == "lot" else begin_lots)(unit, found[sku], sku)
    _write_kits(unit, by_sku, found)
    if old := {found[sku] for sku in limits.keys() & known.keys()}:
        apply_limits(unit, old)
    if connection_id is not None:
        list_items(unit, connection_id, list(found.values()))
    return found


def _columns(items: Mapping[str, tuple[UUID, Mapping[str, Any]]]) -> list[list[Any]]:
    """Return the arrays both statements take for items by SKU with their ids."""
    plain = (
        "title", "gtin", "unit", "price", "currency", "weight_g", "tracking", "lot_order", "backorder_limit", "active",
    )  # fmt: skip
    return [
        [item_id for item_id, _ in items.values()],
        list(items),
        *([each.get(name) for _, each in items.values()] for name in plain),
        [as_json(each.get("attributes")) for _, each in items.values()],
    ]


def _point_references(unit: Unit, connection_id: UUID | None, references: Mapping[tuple[str, str], UUID]) -> None:
    """Say which item each (scheme, code) means from now on."""
    if references:
        unit.conn.exec_driver_sql(
            POINT_REFERENCES,
            (
                unit.tenant,
                connection_id or ANY_CONNECTION,
                [scheme for scheme, _ in references],
                [code for _, code in references],
                list(references.values()),
            ),
        )


def _tracking(unit: Unit, skus: Sequence[str]) -> dict[str, str]:
    """Lock those of these items that exist and return how each is tracked now."""
    if not skus:
        return {}
    i = t.item.c
    rows = unit.conn.execute(
        select(i.sku, i.tracking)
        .where(i.tenant_id == unit.tenant, i.sku.in_(skus))
        .order_by(i.sku)
        .with_for_update(key_share=True)
    )
    return {row.sku: row.tracking for row in rows}


def _write_kits(unit: Unit, by_sku: Mapping[str, Mapping[str, Any]], found: Mapping[str, UUID]) -> None:
    """Write the components of the items that name any; components may be among the items just written."""
    kits = {sku: each["components"] for sku, each in by_sku.items() if each.get("components") is not None}
    codes = {(ANY_CONNECTION, part["sku"]) for parts in kits.values() for part in parts}
    known = resolve_skus(unit, codes)
    for sku, parts in kits.items():
        units: dict[UUID, Decimal] = {}
        for part in parts:
            component = known.get((ANY_CONNECTION, part["sku"]))
            if component is None:
                raise refused(sku, f"no item has the SKU {part['sku']!r}")
            units[component] = units.get(component, Decimal(0)) + part["units"]
        set_components(unit, found[sku], sku, units)


def add_reference(unit: Unit, item_id: UUID, scheme: str, code: str, connection_id: UUID | None = None) -> None:
    """Say that a partner's code means this item."""
    _point_references(unit, connection_id, {(scheme, code): item_id})


def list_items(unit: Unit, connection_id: UUID, items: Sequence[UUID]) -> None:
    """Say that a channel sells these items, so that it is told their stock."""
    if not items:
        return
    unit.conn.exec_driver_sql(
        "INSERT INTO listing (tenant_id, connection_id, item_id)"
        " SELECT %s, %s, item_id FROM unnest(%s::uuid[]) AS g(item_id) ORDER BY item_id ON CONFLICT DO NOTHING",
        (unit.tenant, connection_id, list(items)),
    )
    lock_listings(unit, connection_id, items)
    unit.conn.exec_driver_sql(
        "UPDATE listing SET dirty_at = clock_timestamp() WHERE tenant_id = %s AND connection_id = %s"
        " AND item_id = ANY(%s::uuid[]) AND pushed_at IS NULL",
        (unit.tenant, connection_id, list(items)),
    )


def upsert_node(unit: Unit, node: Mapping[str, Any]) -> UUID:
    """Write a node by its code and return its id; what is left out stays as it is.

    `connection` names the connection that works it; a new node without a name has its code for one, and one without a
    point gets that of its postcode, as far as places were imported.
    """
    return upsert_nodes(unit, [node])[str(node["code"])]


def upsert_nodes(unit: Unit, nodes: Sequence[Mapping[str, Any]]) -> dict[str, UUID]:
    """Write nodes as `upsert_node` does one and return their ids by code; channels are told of all switched at once."""
    found = {str(node["code"]): _write_node(unit, node) for node in sorted(nodes, key=lambda node: str(node["code"]))}
    mark_listings_at(unit, [node for node in found.values() if note_switch(unit, node)])
    place_nodes(unit)
    return found


def _write_node(unit: Unit, node: Mapping[str, Any]) -> UUID:
    values = dict(node)
    code = str(values.pop("code"))
    connection = values.pop("connection", None)
    if connection is not None:
        values["connection_id"] = connection_named(unit, str(connection)).id
    clock = [t.node.c[name].is_distinct_from(values[name]) for name in ("cutoff", "timezone") if name in values]
    # Other hours are another calendar: what waits is looked at again (`core.services.redating`).
    again = case((or_(*clock), unit.now + FACTS_ARE_SEEN), else_=t.node.c.replan_at) if clock else t.node.c.replan_at
    found = unit.conn.execute(
        insert(t.node)
        .values(tenant_id=unit.tenant, id=uuid7(), code=code, **{"name": code, **values})
        .on_conflict_do_update(
            index_elements=["tenant_id", "code"],
            set_={**values, "version": t.node.c.version + 1, "replan_at": again},
        )
        .returning(t.node.c.id)
    ).scalar_one()
    return UUID(str(found))


def codes_of(unit: Unit) -> set[str]:
    """Return the codes of all nodes."""
    return set(unit.conn.execute(select(t.node.c.code).where(t.node.c.tenant_id == unit.tenant)).scalars())


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
