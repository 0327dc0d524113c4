"""Incoming supply: what is expected, what of it may be promised before it is there, and its receipt.

Promisable units of open supply are part of the position's backorder limit, so the statement that takes stock and the
CHECK that guards it know of them without looking here. Receipt turns them into units on hand in one step. Each change
writes its entry in the audit log, whoever makes it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text, update
from sqlalchemy.dialects.postgresql import insert

from core.domain.ids import public_id, uuid7
from core.domain.money import plain
from core.domain.shelf import Key
from core.domain.vocabulary import MovementKind
from core.errors import Conflict, InputError, NotFound
from core.services import audit
from core.services.catalog import ANY_CONNECTION, node_coded, resolve_skus
from core.services.lots import UNKNOWN_LOT, LotUnits, read_lots, tracked_items
from core.services.shortfalls import settle
from core.services.stock import set_on_hand
from core.services.wholes import require_whole
from core.store import schema as t
from core.store.bulk import copy_rows
from core.store.locks import Position, ensure_positions, lock_positions, mark_listings
from core.store.moves import move_limit
from core.store.read.shelves import read_kits
from core.store.unit import Unit

ZERO = Decimal(0)
OPEN = ("expected", "in_transit")


def stocked_item(unit: Unit, sku: str, path: str = "sku") -> UUID:
    """Return the item that lies on shelves under this SKU.

    Args:
        unit: the running transaction.
        sku: the item's.
        path: where it stands in what was sent, for the error.

    Raises:
        InputError: nothing has this SKU, or it is a kit.
    """
    found = resolve_skus(unit, {(ANY_CONNECTION, sku)})
    if not found:
        raise InputError(
            f"No item has the SKU {sku!r}.", code="ITEM-SKU-404", errors=[{"path": path, "reason": "no item has it"}]
        )
    item = found[ANY_CONNECTION, sku]
    if read_kits(unit.conn, [item], unit.tenant):
        raise InputError(
            f"{sku} is a kit; name its components.", code="STOCK-KIT-422", errors=[{"path": path, "reason": "is a kit"}]
        )
    return item


def expect_supply(
    unit: Unit,
    *,
    sku: str,
    node: str,
    reference: str,
    quantity: Decimal,
    promisable: Decimal = ZERO,
    expected_at: datetime | None = None,
) -> UUID:
    """Write what is expected of an item at a node under a reference, or change it; return the supply's id.

    Args:
        unit: the running transaction.
        sku: the item.
        node: the node's code.
        reference: what the source calls it, such as a purchase order's number.
        quantity: units in all, with those received already.
        promisable: units that may be promised before they are there.
        expected_at: when it is expected.

    Raises:
        NotFound: there is no such node.
        InputError: more may be promised than is expected, a part of what is counted is expected, or the item has lots:
            a promise of it needs one.
        Conflict: it is finished, or units that could no longer be promised are promised.
    """
    item = stocked_item(unit, sku)
    key = item, node_coded(unit, node)
    require_whole(unit, ("quantity", item, quantity), ("promisable", item, promisable))
    if promisable and tracked_items(unit, [item]):
        raise InputError(
            f"{sku} has lots, and what has not come has none.",
            fix="Leave out what may be promised of it.",
            code="SUPPLY-LOT-422",
            errors=[{"path": "promisable", "reason": "not of an item with lots"}],
        )
    unit.conn.execute(
        insert(t.supply)
        .values(
            tenant_id=unit.tenant, id=uuid7(), item_id=key[0], node_id=key[1], reference=reference, quantity=quantity,
            state="expected",
        )
        .on_conflict_do_nothing()
    )  # fmt: skip
    s = t.supply.c
    row = unit.conn.execute(
        select(t.supply)
        .where(s.tenant_id == unit.tenant, s.reference == reference, s.item_id == key[0], s.node_id == key[1])
        .with_for_update(key_share=True)
    ).one()
    if row.state != "expected":
        raise Conflict(f"The supply {reference} of {sku} is {row.state} already.", code="SUPPLY-ENDED-409")
    if quantity <= row.received or promisable > quantity - row.received:
        raise InputError(
            f"Of {plain(quantity)} units {plain(row.received)} came already; {plain(promisable)} cannot be promised.",
            errors=[{"path": "promisable", "reason": "more than what is still to come"}],
        )
    ensure_positions(unit, [key])
    position = lock_positions(unit, [key])[key]
    _change_limit(unit, key, position, row, promisable)
    unit.conn.execute(
        update(t.supply)
        .where(s.tenant_id == unit.tenant, s.id == row.id)
        .values(quantity=quantity, promisable=promisable, expected_at=expected_at)
    )
    told = {
        "sku": sku, "node": node, "reference": reference, "quantity": quantity, "promisable": promisable,
        "expected_at": expected_at,
    }  # fmt: skip
    audit.record(unit, "supply.expected", public_id("supply", row.id), told)
    supply_id: UUID = row.id
    return supply_id


def receive_supply(
    unit: Unit,
    supply_id: UUID,
    quantity: Decimal,
    *,
    lot: str | None = None,
    expires_on: date | None = None,
    last: bool = False,
    over: bool = False,
) -> None:
    """Take units of a supply in: they are on hand, and what was promised of them is there.

    Args:
        unit: the running transaction.
        supply_id: the supply.
        quantity: units that came now.
        lot: their lot, where the item has lots.
        expires_on: the lot's last day.
        last: nothing more comes of this supply.
        over: units beyond what is still expected are taken in too.

    Raises:
        NotFound: there is no such supply.
        InputError: without `over`, more came than is still expected.
        Conflict: it is finished, comes by a transfer, or ends short of what was promised of it.
    """
    row = _locked(unit, supply_id)
    if row.transfer_id is not None:
        raise Conflict("It comes by a transfer.", fix="Receive the transfer.", code="SUPPLY-TRANSFER-409")
    key, rest = (row.item_id, row.node_id), row.quantity - row.received
    if quantity > rest and not over:
        raise InputError(
            f"{plain(quantity - rest)} units more came than the {plain(rest)} still expected of {row.reference}.",
            fix="Count them again. If they are there, say `over` (`--over`): then all of them are taken in.",
            code="SUPPLY-OVER-422",
            errors=[{"path": "quantity", "reason": f"only {plain(rest)} are still expected"}],
        )
    left = max(row.quantity - row.received - quantity, ZERO)
    done = last or left == 0
    promisable = ZERO if done else min(row.promisable, left)
    receive_units(
        unit, key, quantity, MovementKind.RECEIPT, row.reference, lot=lot, expires_on=expires_on,
        limit_falls=row.promisable - promisable,
    )  # fmt: skip
    position = lock_positions(unit, [key])[key]
    _change_limit(unit, key, position, row, promisable)
    unit.conn.execute(
        update(t.supply)
        .where(t.supply.c.tenant_id == unit.tenant, t.supply.c.id == supply_id)
        .values(
            received=row.received + quantity,
            promisable=promisable,
            state="received" if done else row.state,
            finished_at=unit.now if done else None,
        )
    )
    told = {"quantity": quantity, "lot": lot, "expires_on": expires_on, "last": last, "over": over}
    audit.record(unit, "supply.received", public_id("supply", supply_id), told)


def receive_units(
    unit: Unit,
    key: Key,
    quantity: Decimal,
    kind: MovementKind,
    cause: str,
    *,
    lot: str | None = None,
    expires_on: date | None = None,
    limit_falls: Decimal = ZERO,
) -> None:
    """Add units to what is on hand at a position, to their lot where the item has lots.

    `limit_falls` says by how many units less it may be promised beyond what is there from then on, because these came.
    """
    if quantity == 0:
        return
    ensure_positions(unit, [key])
    position = lock_positions(unit, [key])[key]
    named = None
    if tracked_items(unit, [key[0]]):
        own = {each.lot: each for each in read_lots(unit, [key])[key] if each.status == "sellable"}
        name = lot or UNKNOWN_LOT
        before = own.get(name, LotUnits(name, ZERO))
        own[name] = replace(before, on_hand=before.on_hand + quantity, expires_on=expires_on or before.expires_on)
        named = {key: list(own.values())}
    there, falls = position.on_hand - position.shortfall + quantity, {key: limit_falls}
    set_on_hand(unit, {key: there}, None, str(kind), cause, named, changed=True, limit_falls=falls)


def end_supply(unit: Unit, supply_id: UUID) -> None:
    """Say that nothing more comes of a supply.

    Raises:
        NotFound: there is no such supply.
        Conflict: it is finished, comes by a transfer, or units of it are promised.
    """
    row = _locked(unit, supply_id)
    if row.transfer_id is not None:
        raise Conflict("It comes by a transfer.", fix="Close the transfer.", code="SUPPLY-TRANSFER-409")
    key = row.item_id, row.node_id
    _change_limit(unit, key, lock_positions(unit, [key])[key], row, ZERO)
    unit.conn.execute(
        update(t.supply)
        .where(t.supply.c.tenant_id == unit.tenant, t.supply.c.id == supply_id)
        .values(promisable=ZERO, state="canceled", finished_at=unit.now)
    )
    audit.record(unit, "supply.ended", public_id("supply", supply_id))


def _locked(unit: Unit, supply_id: UUID) -> Row[Any]:
    row = unit.conn.execute(
        text("SELECT * FROM supply WHERE tenant_id = :t AND id = :id FOR NO KEY UPDATE"),
        {"t": unit.tenant, "id": supply_id},
    ).one_or_none()
    if row is None:
        raise NotFound(f"There is no supply {public_id('supply', supply_id)}.")
    if row.state not in OPEN:
        raise Conflict(f"The supply {row.reference} is {row.state} already.", code="SUPPLY-ENDED-409")
    return row


def _change_limit(unit: Unit, key: Key, position: Position, supply: Row[Any], promisable: Decimal) -> None:
    """Change what may be promised of a supply, and so how far its locked position may be promised beyond what is there.

    Raises:
        Conflict: more is promised of it than could be then.
    """
    delta, cause = promisable - supply.promisable, supply.reference
    if delta == 0:
        return
    lacking = -delta - (position.free + position.safety + position.uncertain)
    if lacking > 0:
        # What all else cannot cover is promised of this supply.
        raise Conflict(
            f"{plain(promisable + lacking)} units of this supply are promised to orders.",
            why=f"Only {plain(promisable)} could be promised of it then." if promisable else None,
            fix="Cancel those orders, source them from elsewhere, or bring other stock first.",
            code="SUPPLY-PROMISED-409",
        )
    safety, uncertain = move_limit(unit, key, delta)
    copy_rows(
        unit,
        t.stock_movement,
        ("item_id", "node_id", "kind", "safety", "uncertain", "backorder_limit", "cause", "actor"),
        [
            (
                *key,
                str(MovementKind.SUPPLY),
                safety - position.safety,
                uncertain - position.uncertain,
                delta,
                cause,
                unit.actor,
            )
        ],
    )
    mark_listings(unit, [key[0]])
    settle(unit, {key} if position.shortfall else ())
