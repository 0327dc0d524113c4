"""What items may stand for each other, what suppliers charge for them, and which will be marked down where."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Table, func, select
from sqlalchemy.dialects.postgresql import insert

from core.errors import NotFound
from core.services.bundles import check_ratio, make_bundles
from core.services.catalog import connection_named, node_coded
from core.store import schema as t
from core.store.unit import Unit


def write_substitutes(unit: Unit, rows: Sequence[Mapping[str, Any]]) -> int:
    """Write approved substitutes by item and return how many were given.

    Args:
        unit: the running transaction; its actor is who approves those that name nobody.
        rows: {sku, substitute, ratio, rank, connections, approved_by, active} each.

    Raises:
        NotFound: an item or connection does not exist.
        InputError: no whole number of units is to stand for one.
    """
    bundles: dict[str, list[Decimal]] = {}
    for row in rows:
        ratio = Decimal(row.get("ratio") or 1)
        check_ratio(row["sku"], row["substitute"], ratio)
        if ratio != 1:
            bundles.setdefault(row["substitute"], []).append(ratio)
    items = item_ids(unit, [name for row in rows for name in (row["sku"], row["substitute"])])
    for name in sorted({name for row in rows for name in row.get("connections") or ()}):
        connection_named(unit, name)
    if bundles:
        make_bundles(unit, bundles)
    values = [
        {
            "item_id": items[row["sku"]],
            "substitute_id": items[row["substitute"]],
            "ratio": row.get("ratio") or 1,
            "rank": row.get("rank") or 0,
            "connections": list(row.get("connections") or ()),
            "approved_by": row.get("approved_by") or unit.actor,
            "active": row.get("active", True),
        }
        for row in rows
    ]
    return _upsert(unit, t.substitute, ("item_id", "substitute_id"), values)


def write_supplier_prices(unit: Unit, rows: Sequence[Mapping[str, Any]]) -> int:
    """Write what suppliers charge per unit and what they call the item; return how many were given.

    Args:
        unit: the running transaction.
        rows: {node, sku, code, price, currency} each.

    Raises:
        NotFound: an item or node does not exist.
    """
    items, nodes = _places_of(unit, rows)
    values = [
        {
            "node_id": nodes[row["node"]],
            "item_id": items[row["sku"]],
            "code": row.get("code"),
            "price": row["price"],
            "currency": row["currency"],
        }
        for row in rows
    ]
    return _upsert(unit, t.supplier_price, ("node_id", "item_id"), values)


def write_markdowns(unit: Unit, rows: Sequence[Mapping[str, Any]]) -> int:
    """Write which units will be sold off where, and what selling one now saves; return how many were given.

    Args:
        unit: the running transaction.
        rows: {sku, node, units, benefit, valid_to} each.

    Raises:
        NotFound: an item or node does not exist.
    """
    items, nodes = _places_of(unit, rows)
    values = [
        {
            "item_id": items[row["sku"]],
            "node_id": nodes[row["node"]],
            "units": row["units"],
            "benefit": row["benefit"],
            "valid_to": row.get("valid_to"),
        }
        for row in rows
    ]
    return _upsert(unit, t.markdown, ("item_id", "node_id"), values)


def _places_of(unit: Unit, rows: Sequence[Mapping[str, Any]]) -> tuple[dict[str, UUID], dict[str, UUID]]:
    """Return the ids of the items and of the nodes that rows name.

    Raises:
        NotFound: an item or node does not exist.
    """
    items = item_ids(unit, [row["sku"] for row in rows])
    return items, {code: node_coded(unit, code) for code in sorted({row["node"] for row in rows})}


def item_ids(unit: Unit, skus: Iterable[str]) -> dict[str, UUID]:
    """Return the items of these SKUs.

    Raises:
        NotFound: one is unknown.
    """
    wanted = sorted(set(skus))
    i = t.item.c
    rows = unit.conn.execute(select(i.sku, i.id).where(i.tenant_id == unit.tenant, i.sku == func.any(wanted)))
    found = {row.sku: row.id for row in rows}
    for sku in wanted:
        if sku not in found:
            raise NotFound(f"There is no item {sku!r}.", fix="See `crossdock import items` or GET /api/v1/items.")
    return found


def _upsert(unit: Unit, table: Table, key: tuple[str, ...], rows: Sequence[dict[str, Any]]) -> int:
    last = {tuple(row[name] for name in key): row for row in rows}
    if last:
        statement = insert(table).values([{"tenant_id": unit.tenant, **row} for row in last.values()])
        changed: dict[str, Any] = {
            name: statement.excluded[name] for name in next(iter(last.values())) if name not in key
        }
        if "version" in table.c:
            changed["version"] = table.c.version + 1
        unit.conn.execute(statement.on_conflict_do_update(index_elements=["tenant_id", *key], set_=changed))
    return len(rows)
