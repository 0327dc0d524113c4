"""Statuses of stock: damaged, held for quality and the like lie beside what can be sold, never in it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from core.domain.money import plain
from core.domain.vocabulary import MovementKind
from core.errors import Conflict, InputError
from core.services.catalog import ANY_CONNECTION, node_coded, resolve_skus
from core.services.lots import SELLABLE, UNKNOWN_LOT, LotUnits, read_lots, tracked_items, write_lots
from core.services.stock import set_on_hand
from core.store.locks import ensure_positions, lock_positions
from core.store.unit import Unit

ZERO = Decimal(0)


def change_status(
    unit: Unit, *, sku: str, node: str, quantity: Decimal, before: str, after: str, lot: str = UNKNOWN_LOT, reason: str
) -> None:
    """Move units from one status to another: only sellable ones are on hand, and only free ones can leave.

    Args:
        unit: the running transaction.
        sku: the item.
        node: the node's code.
        quantity: units.
        before: the status they have.
        after: the status they get.
        lot: their lot, where the item has lots.
        reason: why, for the ledger.

    Raises:
        NotFound: there is no such node.
        InputError: there is no such item, or both statuses are the same.
        Conflict: fewer units have that status, or they are promised.
    """
    found = resolve_skus(unit, {(ANY_CONNECTION, sku)})
    if not found:
        raise InputError(f"No item has the SKU {sku!r}.", code="ITEM-SKU-404")
    if before == after:
        raise InputError("Both statuses are the same.", errors=[{"path": "after", "reason": "must differ"}])
    key = found[ANY_CONNECTION, sku], node_coded(unit, node)
    ensure_positions(unit, [key])
    position = lock_positions(unit, [key])[key]
    tracked = bool(tracked_items(unit, [key[0]]))
    if lot and not tracked:
        raise InputError(
            f"{sku} has no lots, so no units of lot {lot!r} can be moved.",
            fix=f"Leave the lot out, or import {sku} with tracking `lot` first.",
            code="STOCK-LOT-422",
            errors=[{"path": "lot", "reason": "the item has no lots"}],
        )
    lots = {(each.lot, each.status): each for each in read_lots(unit, [key])[key]}
    from_lot = lots.get((lot, before))
    if before == SELLABLE:
        free = position.on_hand - position.reserved - position.allocated
        here = min(free, from_lot.on_hand - from_lot.promised if from_lot else ZERO) if tracked else free
    else:
        here = from_lot.on_hand if from_lot else ZERO
    if here < quantity:
        raise Conflict(
            f"Only {plain(max(here, ZERO))} units of {sku} at {node} are {before} and not promised.",
            code="STOCK-STATUS-409",
        )
    expires_on = from_lot.expires_on if from_lot else None
    delta = -quantity if before == SELLABLE else quantity if after == SELLABLE else ZERO
    others = [
        replace(lots.get((lot, status)) or LotUnits(lot, ZERO, expires_on, status=status), on_hand=units)
        for status, units in (
            (before, (from_lot.on_hand if from_lot else ZERO) - quantity),
            (after, (lots[lot, after].on_hand if (lot, after) in lots else ZERO) + quantity),
        )
        if status != SELLABLE
    ]
    kind, cause = str(MovementKind.STATUS), f"{before} to {after}: {reason}"[:500]
    write_lots(unit, {key: others}, kind, cause)
    if delta:
        named = None
        if tracked:
            sellable = lots.get((lot, SELLABLE)) or LotUnits(lot, ZERO, expires_on)
            rest = [each for (name, status), each in lots.items() if status == SELLABLE and name != lot]
            named = {key: [*rest, replace(sellable, on_hand=sellable.on_hand + delta)]}
        there = position.on_hand - position.shortfall + delta
        set_on_hand(unit, {key: there}, None, kind, cause, named, changed=True)
    unit.event("stock.changed", "item", key[0], {"node": key[1].hex, "kind": "status", "from": before, "to": after})
