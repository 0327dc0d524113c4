"""Why an availability figure is what it is, or was: its parts, from the ledgers, rules and kits of that time.

Parts of a node: on hand, reserved, allocated, safety stock, what is uncertain as the last count of a node that counts
in batches is old, then units of expired lots, and what protection rules keep. They sum to the figure, exactly. Units
by lot and status stand beside them: the sellable ones sum to what is on hand, and each lot says what a count missed of
it. A kit's figure follows from its components of that time, less what rules for the kit keep.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, select

from core.domain.protection import Part
from core.errors import InputError, NotFound
from core.store import schema as t
from core.store.read.page import Json
from core.store.read.shelves import read_kits
from core.store.read.text import ZERO, instant, quantity
from core.store.read.then import Then, read_then
from core.store.unit import CLOCK, DEFAULT_TENANT

ONE = Decimal(1)
ALL_NODES = "all_nodes"
"""The part of a node's figure that rules over all nodes keep: no node gives more than all of them together."""
# Clocks differ by as much.
JUST_NOW = timedelta(minutes=1)


def explain_availability(
    conn: Connection,
    sku: str,
    *,
    node: str | None = None,
    connection: str | None = None,
    as_of: datetime | None = None,
    tenant: int = DEFAULT_TENANT,
) -> Json:
    """Return an item's availability at a time with the parts of each figure.

    Args:
        conn: a session.
        sku: the item; of a kit each component is explained as well.
        node: only at this node.
        connection: as this connection may be promised it; as anybody when left out.
        as_of: the time; now when left out.
        tenant: whose.

    Returns:
        `nodes` with `available` and `parts`, `total` with the same over all nodes active then, or of the one asked for,
        and `items`: the item,
        or the components of a kit, each with `sku`, `units` (in one kit, else 1), `nodes` and `total`. A part has
        `name`, `units` and, where it is a rule's, `connection`; `kit` where it is the floor of a kit the item is in.

    Raises:
        NotFound: there is no such item, node or connection.
        InputError: the time is to come.
    """
    i, c = t.item.c, t.connection.c
    item = conn.execute(select(i.id, i.sku).where(i.tenant_id == tenant, i.sku == sku)).one_or_none()
    if item is None:
        raise NotFound(f"No item has the SKU {sku[:120]!r}.")
    names: dict[UUID, str] = dict(conn.execute(select(c.id, c.name).where(c.tenant_id == tenant)).all())
    owner = next((key for key, name in names.items() if name == connection), None)
    if connection is not None and owner is None:
        raise NotFound(f"There is no connection {connection[:120]!r}.")
    now = conn.execute(CLOCK).scalar_one()
    at = as_of or now
    if at > now + JUST_NOW:
        raise InputError(
            f"{at:%Y-%m-%d %H:%M} UTC is to come: nobody knows what will be there then.",
            fix="Ask for now or for a time that is past.",
            code="STOCK-TIME-422",
            errors=[{"path": "as_of", "reason": "is to come"}],
        )
    kits = read_kits(conn, [item.id], tenant, at)
    units = kits.get(item.id, {item.id: ONE})
    then = read_then(conn, units.keys(), kits, at, tenant)
    names |= dict(conn.execute(select(i.id, i.sku).where(i.tenant_id == tenant, i.id.in_(list(then.shelf.kits)))).all())
    rows = conn.execute(select(i.id, i.sku).where(i.tenant_id == tenant, i.id.in_(list(units))).order_by(i.sku))
    items = [
        {"sku": row.sku, "units": quantity(units[row.id]), **_figures(then, row.id, names, owner, node)} for row in rows
    ]
    if node is not None and not any(each["nodes"] for each in items):
        raise NotFound(f"{sku[:120]} was never at a node {node[:64]!r}.")
    own = _kit(then, item.id, names, owner, node) if kits else _short(items[0])
    return {
        "sku": item.sku, "kit": bool(kits), "connection": connection, "as_of": instant(as_of), **own, "items": items,
    }  # fmt: skip


def _figures(then: Then, item: UUID, names: Mapping[UUID, str], owner: UUID | None, only: str | None) -> Json:
    """Return the figures of an item on the shelf: at each node, or only at one, and over all nodes."""
    rows = then.positions[item]
    rooms = {row.id: then.shelf.room(owner, item, row.id) for row in rows}
    total = then.shelf.total(owner, item)
    nodes = [_place(then, row, rooms[row.id], total, names, owner) for row in rows if only in (None, row.code)]
    if only is not None:
        return {"nodes": nodes, "total": _alone(nodes)}
    here = sum((rooms[row.id] for row in rows if row.active), ZERO)
    over = [Part("nodes", here), *then.shelf.parts(owner, item, None)]
    return {"nodes": nodes, "total": _figure(total, over, names)}


def _over_all(room: Decimal, total: Decimal, *, active: bool) -> list[Part]:
    """Return what a node cannot give of its own because less is left over all nodes."""
    return [Part(ALL_NODES, total - room)] if active and room > total else []


def _alone(nodes: list[Json]) -> Json:
    """Return the figure of the one node that was asked for as the total; nothing where it has no place there."""
    return {name: nodes[0][name] for name in ("available", "parts")} if nodes else {"available": "0", "parts": []}


def _short(item: Json) -> Json:
    """Return the figures of an item without what they are made from."""
    names = ("node", "active", "available", "parts")
    return {"nodes": [{name: place[name] for name in names} for place in item["nodes"]], "total": item["total"]}


def _kit(then: Then, kit: UUID, names: Mapping[UUID, str], owner: UUID | None, only: str | None) -> Json:
    """Return the figures of a kit at nodes that had a place for each component, and over all nodes."""
    shelf = then.shelf
    places = {row.id: row for own in then.positions.values() for row in own}
    shared = set.intersection(*({row.id for row in own} for own in then.positions.values()))
    nodes, here, total = [], ZERO, shelf.total(owner, kit)
    for row in sorted((places[each] for each in shared), key=lambda row: str(row.code)):
        room = shelf.room(owner, kit, row.id)
        here += max(room, ZERO) if row.active else ZERO
        if only in (None, row.code):
            base = [Part("components", shelf.whole(owner, kit, row.id)), *shelf.parts(owner, kit, row.id)]
            base += (cut := _over_all(room, total, active=row.active))
            room += sum((part.units for part in cut), ZERO)
            nodes.append({"node": row.code, "active": row.active, **_figure(room, base, names)})
    if only is not None:
        return {"nodes": nodes, "total": _alone(nodes)}
    over = [Part("nodes", here), *shelf.parts(owner, kit, None)]
    return {"nodes": nodes, "total": _figure(total, over, names)}


def _place(
    then: Then, row: Row[Any], room: Decimal, total: Decimal, names: Mapping[UUID, str], owner: UUID | None
) -> Json:
    cut = _over_all(room, total, active=row.active)
    key = row.item_id, row.id
    base = [
        Part("on_hand", row.on_hand), Part("reserved", -row.reserved), Part("allocated", -row.allocated),
        Part("safety", -row.safety), Part("uncertain", -row.uncertain),
    ]  # fmt: skip
    below = then.shelf.free[key] - sum((part.units for part in base), ZERO)
    if below:
        # Promised beyond what is there, up to the backorder limit: shown as nothing, not as less than nothing.
        base.append(Part("promised_beyond", below))
    return {
        "node": row.code,
        "active": row.active,
        **_figure(
            room + sum((part.units for part in cut), ZERO),
            [*base, *then.shelf.parts(owner, row.item_id, row.id), *cut],
            names,
        ),
        "on_hand": quantity(row.on_hand),
        "reserved": quantity(row.reserved),
        "allocated": quantity(row.allocated),
        "safety": quantity(row.safety),
        "uncertain": quantity(row.uncertain),
        "free": quantity(row.on_hand - row.reserved - row.allocated),
        "backorder_limit": quantity(row.backorder_limit),
        "lots": [
            {
                "lot": each.lot,
                "status": each.status,
                "expires_on": each.expires_on.isoformat() if each.expires_on else None,
                "on_hand": quantity(each.on_hand),
                "promised": quantity(each.promised),
                "shortfall": quantity(each.shortfall),
            }
            for each in then.lots.get(key, ())
        ],
        "counted_at": instant(row.counted_at),
        "movements": row.movements,
        "last_at": instant(row.last_at),
    }


def _figure(available: Decimal, parts: Iterable[Part], names: Mapping[UUID, str]) -> Json:
    return {
        "available": quantity(available),
        "parts": [
            {
                "name": str(part.name),
                "units": quantity(part.units),
                "connection": names.get(part.connection_id) if part.connection_id else None,
                "kit": names.get(part.kit_id) if part.kit_id else None,
            }
            for part in parts
            if part.units != 0 or part.name in ("on_hand", "components")
        ],
    }
