"""Stock counts and adjustments: absolute counts with their time, never below what is promised without saying so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from core.domain.cases import SHORTFALL
from core.domain.money import plain
from core.domain.shelf import Key
from core.domain.vocabulary import MovementKind
from core.errors import InputError
from core.ports.connectors import Json
from core.services.aging import age_stock, at_batch_nodes, note_counts
from core.services.catalog import ANY_CONNECTION, node_coded, resolve_skus
from core.services.late_counts import roll_forward
from core.services.lots import SELLABLE, UNKNOWN_LOT, LotUnits, read_lots, recounted, tracked_items, write_lots
from core.services.measures import in_own_units
from core.services.shortfalls import Short, kept_back, report_shortfalls
from core.store import schema as t
from core.store.bulk import copy_rows
from core.store.locks import Position, ensure_positions, lock_positions, mark_listings
from core.store.read.shelves import read_kits
from core.store.unit import Unit

ZERO = Decimal(0)
SET = """
UPDATE stock_position p SET on_hand = d.on_hand, safety = d.safety, uncertain = d.uncertain, shortfall = d.shortfall,
       counted_at = coalesce(d.counted_at, p.counted_at), version = p.version + 1
FROM unnest(%s::uuid[], %s::uuid[], %s::numeric[], %s::numeric[], %s::numeric[], %s::numeric[], %s::timestamptz[])
     AS d(item_id, node_id, on_hand, safety, uncertain, shortfall, counted_at)
WHERE p.tenant_id = %s AND p.item_id = d.item_id AND p.node_id = d.node_id
"""


def count_stock(unit: Unit, document: Json, connection_id: UUID | None = None) -> dict[str, Any]:
    """Apply absolute counts as of a time and return {applied, older, unknown}.

    A count older than the last one applied to a position changes nothing there. A count below what is promised keeps
    the promised units on the books, records the shortfall, and opens a case: nothing is clamped in silence.

    Units of a lot or another status than sellable are counted in entries of their own; an item counted by lot is
    counted whole: its lots that are not named are empty. A kit has no stock, so a count of one is among the unknown.

    A count that names no node is of the node that the connection works, when it works exactly one.

    A count of a past moment is brought up to now by what the ledger has seen since; one of a node that counts in
    batches is learned from.

    Raises:
        InputError: no node is named or known, or an item is counted in a unit nobody can bring to its own.
        NotFound: there is no such node.
    """
    as_of: datetime = min(document["as_of"], unit.now)
    default = document.get("node") or _only_node_of(unit, connection_id)
    pairs: dict[tuple[str, str], Decimal] = {}
    by_lot: dict[tuple[str, str], list[LotUnits]] = {}
    source = connection_id or ANY_CONNECTION
    for each in in_own_units(unit, document["items"], source, "items", "on_hand"):
        node = each.get("node") or default
        if not node:
            raise InputError("The stock count names no node.", fix="Send `node` with the count or with each item.")
        place = each["sku"], node
        status = each.get("status") or SELLABLE
        lot = LotUnits(each.get("lot") or UNKNOWN_LOT, each["on_hand"], each.get("expires_on"), status=status)
        by_lot.setdefault(place, []).append(lot)
        pairs[place] = pairs.get(place, ZERO) + (each["on_hand"] if status == SELLABLE else ZERO)
    for place, counted in by_lot.items():
        # A plain count leaves it to the books which lots the units are of; beside named lots it is one of them.
        if not any(each.lot != UNKNOWN_LOT and each.status == SELLABLE for each in counted):
            by_lot[place] = [each for each in counted if each.status != SELLABLE]
    nodes = {code: node_coded(unit, code) for code in sorted({node for _, node in pairs})}
    items = resolve_skus(unit, {(source, sku) for sku, _ in pairs})
    kits = read_kits(unit.conn, set(items.values()), unit.tenant)
    items = {code: item for code, item in items.items() if item not in kits}
    unknown = sorted({sku for sku, _ in pairs if (source, sku) not in items})
    counts = {
        (items[source, sku], nodes[node]): units for (sku, node), units in pairs.items() if (source, sku) in items
    }
    lots = {(items[source, sku], nodes[node]): each for (sku, node), each in by_lot.items() if (source, sku) in items}
    applied, older = set_on_hand(unit, counts, as_of, "count", lots=lots)
    return {"applied": applied, "older": older, "unknown": unknown}


def _only_node_of(unit: Unit, connection_id: UUID | None) -> str | None:
    """Return the code of the node a connection works, when there is exactly one: its counts need not name it."""
    if connection_id is None:
        return None
    codes = unit.conn.execute(
        select(t.node.c.code).where(t.node.c.tenant_id == unit.tenant, t.node.c.connection_id == connection_id).limit(2)
    ).all()
    return str(codes[0].code) if len(codes) == 1 else None


def set_on_hand(
    unit: Unit,
    counts: Mapping[Key, Decimal],
    as_of: datetime | None,
    kind: str,
    cause: str | None = None,
    lots: Mapping[Key, Sequence[LotUnits]] | None = None,
    changed: bool = False,
    limit_falls: Mapping[Key, Decimal] | None = None,
) -> tuple[int, int]:
    """Set what is physically there for (item, node) pairs; return how many were applied and how many were older.

    What is promised beyond that stays on the books, as a shortfall, and whatever comes pays it first.

    Args:
        unit: the running transaction.
        counts: units on hand.
        as_of: time of the count, or None for an adjustment that holds whatever was counted before.
        kind: ledger kind: count, receipt or adjust.
        cause: why, for the ledger.
        lots: what was counted by lot, for items that have lots.
        changed: the units are what was believed to be there and a change of it: the ledger has that change, and what
            of it paid a shortfall, in rows of their own.
        limit_falls: by how much the backorder limit falls next, of positions where what comes now was promised before:
            that pays no shortfall.
    """
    ensure_positions(unit, counts.keys())
    positions = lock_positions(unit, counts.keys())
    times = _counted_at(unit, positions) if as_of else {}
    late = {key for key, last in times.items() if as_of is not None and last >= as_of}
    tracked = tracked_items(unit, {item for item, _ in positions})
    batch = at_batch_nodes(unit, positions.keys() - late)
    if as_of is not None:
        told = counts
        by_lot = {key: own for key, own in (lots or {}).items() if key[0] in tracked}
        rolled = roll_forward(unit, positions.keys() - late, counts, by_lot, as_of)
        counts, lots = {**counts, **rolled.counts}, {**(lots or {}), **rolled.lots}
        note_counts(unit, {key: positions[key] for key in batch}, told, rolled.moved, as_of, times)
    rows: list[tuple[Any, ...]] = []
    moves: list[tuple[Any, ...]] = []
    found: dict[Key, Short] = {}
    own = read_lots(unit, [key for key in positions if key[0] in tracked]) if tracked else {}
    written: dict[Key, list[LotUnits]] = {}
    for key in sorted(positions.keys() - late):
        position, counted = positions[key], counts[key]
        promised, falls = position.reserved + position.allocated, (limit_falls or {}).get(key, ZERO)
        beyond = promised - position.backorder_limit
        least = max(beyond, min(beyond + falls, counted + position.shortfall), ZERO)
        beside = [each for each in (lots or {}).get(key, ()) if each.status != SELLABLE]
        if beside:
            written[key] = beside
        if key in own:
            named = [each for each in (lots or {}).get(key, ()) if each.status == SELLABLE]
            written[key] = beside + recounted(own[key], counted, named or None)
            least = sum((each.on_hand for each in written[key] if each.status == SELLABLE), ZERO)
        on_hand, safety, uncertain, shortfall = _fit(position, counted, least)
        rows.append((*key, on_hand, safety, uncertain, shortfall, as_of))
        paid = max(position.shortfall - shortfall, ZERO) if changed else ZERO
        changes = on_hand - position.on_hand + paid, safety - position.safety, uncertain - position.uncertain
        if any(changes):
            moves.append((*key, kind, *changes, cause or unit.cause, unit.actor))
        if paid:
            moves.append((*key, str(MovementKind.ADJUST), -paid, ZERO, ZERO, SHORTFALL.code, unit.actor))
        if shortfall or position.shortfall:
            found[key] = Short(counted, promised, shortfall)
    columns = [[row[index] for row in rows] for index in range(7)]
    unit.conn.exec_driver_sql(SET, (*columns, unit.tenant))
    write_lots(unit, written, kind, cause or unit.cause, came=changed)
    names = ("item_id", "node_id", "kind", "on_hand", "safety", "uncertain", "cause", "actor")
    copy_rows(unit, t.stock_movement, names, moves)
    if batch:
        age_stock(unit, batch)
    mark_listings(unit, {item for item, _ in counts})
    report_shortfalls(unit, found, only_live=changed)
    for item, node, *_ in moves:
        unit.event("stock.changed", "item", item, {"node": node.hex, "kind": kind})
    return len(rows), len(late)


def _fit(position: Position, counted: Decimal, least: Decimal) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    """Return (on hand, effective safety, uncertain, shortfall) so that the promise on the books stays covered."""
    on_hand = max(counted, least)
    return on_hand, *kept_back(position, on_hand), on_hand - counted


def _counted_at(unit: Unit, keys: Mapping[tuple[UUID, UUID], Position]) -> dict[tuple[UUID, UUID], datetime]:
    rows = unit.conn.exec_driver_sql(
        "SELECT p.item_id, p.node_id, counted_at FROM stock_position p JOIN unnest(%s::uuid[], %s::uuid[])"
        " AS w(item_id, node_id) ON p.item_id = w.item_id AND p.node_id = w.node_id"
        " WHERE p.tenant_id = %s AND counted_at IS NOT NULL",
        ([item for item, _ in keys], [node for _, node in keys], unit.tenant),
    )
    return {(row.item_id, row.node_id): row.counted_at for row in rows}


def adjust_stock(
    unit: Unit,
    sku: str,
    node: str,
    *,
    on_hand: Decimal | None = None,
    delta: Decimal | None = None,
    safety: Decimal | None = None,
    reason: str,
) -> dict[str, str]:
    """Correct one position by hand and return it as {on_hand, reserved, allocated, safety, available}.

    Raises:
        NotFound: no item has this SKU, or no node this code.
        InputError: the result would be below zero or break a promise.
    """
    found = resolve_skus(unit, {(ANY_CONNECTION, sku)})
    if not found:
        raise InputError(f"No item has the SKU {sku!r}.", code="ITEM-SKU-404")
    key = (found[ANY_CONNECTION, sku], node_coded(unit, node))
    ensure_positions(unit, [key])
    position = lock_positions(unit, [key])[key]
    believed = position.on_hand - position.shortfall
    target = on_hand if on_hand is not None else believed + (delta or ZERO)
    promised = position.reserved + position.allocated
    # What is more than was believed pays a shortfall, in part too.
    if target < 0 or (target + position.backorder_limit < promised and target < believed):
        raise InputError(
            f"{plain(target)} units of {sku} at {node} would be less than the {plain(promised)} promised.",
            fix="Cancel or re-source the orders first, or send it as a count, which records the shortfall.",
            code="STOCK-PROMISED-409",
        )
    if safety is not None:
        unit.conn.execute(
            text("UPDATE stock_position SET safety_target = :s WHERE tenant_id = :t AND item_id = :i AND node_id = :n"),
            {"s": safety, "t": unit.tenant, "i": key[0], "n": key[1]},
        )
    set_on_hand(unit, {key: target}, None, "adjust", reason, changed=on_hand is None)
    after = lock_positions(unit, [key])[key]
    return {
        "on_hand": plain(after.on_hand),
        "reserved": plain(after.reserved),
        "allocated": plain(after.allocated),
        "safety": plain(after.safety),
        "available": plain(after.free),
    }
