"""Orders a buyer replaces by a whole new picture: the change of one, refused where everybody sees it when too late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from core.domain.money import plain
from core.domain.payloads import jsonable
from core.domain.states import ORDER
from core.errors import InputError
from core.ports.connectors import Json
from core.services.again import said_again
from core.services.canceling import cancel_order
from core.services.change_lines import refuse_other_items
from core.services.changing import apply_snapshot
from core.services.facts import Facts
from core.services.issued import split_parts
from core.services.order_changes import note_change
from core.services.ordering import Incoming, create_orders
from core.services.pictures import match_picture, same_address, wanted_of
from core.services.responding import lines_of
from core.services.store_orders import refuse_other
from core.services.taken_off import BEFORE, TAKEN, taken_by_picture
from core.services.trade_due import owe_answers
from core.services.trading import prepare
from core.store.locks import lock_order, lock_orders_by_source
from core.store.unit import Unit

ZERO = Decimal(0)
ASKED = text(
    "SELECT EXISTS (SELECT FROM change_set WHERE tenant_id = :t AND order_id = :o AND kind = 'cancel'"
    " AND state = 'requested')"
)
# What of an order's head a picture may say otherwise.
HEAD = ("requested_ship_date", "requested_delivery_date", "currency")
IN_BODY = (
    "note", "service_level", "ship_not_before", "ship_not_after", "deliver_not_before",
    "deliver_not_after",
)  # fmt: skip


def replace_order(unit: Unit, facts: Facts, batch: Sequence[Incoming]) -> tuple[UUID, str, str | None]:
    """Replace an order, in all its parts by store, and return (order, applied | duplicate | refused, why refused).

    Parts that are new are created, and parts that it does not have any more are canceled. What was shipped cannot be
    replaced: then nothing of it is done, a case is opened, and the order response says the order as it is.

    Args:
        unit: the running transaction.
        facts: nodes and connections.
        batch: the order, one for each store where it is for several.

    Raises:
        Conflict: one has the number of a store's part of another order.
    """
    connection_id = batch[0].connection_id
    issued = str(batch[0].document.get("split_from") or batch[0].document["external_id"])
    parts = split_parts(unit, connection_id, issued)
    keys = {each.key for each in batch} | {(connection_id, part.external_id) for part in parts}
    known = lock_orders_by_source(unit, sorted(keys))
    prepare(unit, batch)
    why = None
    notes: dict[UUID, Json] = {}
    try:
        with unit.savepoint():
            first, notes = _replace(unit, facts, batch, known)
            changed = list(notes)
    except InputError as error:
        changed = [row.id for row in known.values() if row.state != "canceled"] or [row.id for row in known.values()]
        if not changed:
            raise
        why, first = error.what, changed[0]
    if why is None and not changed and all(each.key in known for each in batch):
        return first, "duplicate", None
    if changed:
        orders = [lock_order(unit, order_id) for order_id in sorted(changed)]
        note_change(unit, facts, orders, {"replaced": issued}, issued, None, why, notes=notes)
    return first, "applied" if why is None else "refused", why


def _replace(
    unit: Unit, facts: Facts, batch: Sequence[Incoming], known: Mapping[tuple[UUID, str], Row[Any]]
) -> tuple[UUID, dict[UUID, Json]]:
    """Return the first order of the batch, and of the known ones that were changed the units taken off, by line."""
    fresh = [each for each in batch if each.key not in known]
    changed: dict[UUID, Json] = {}
    for each in batch:
        row = known.get(each.key)
        if row is None:
            continue
        refuse_other(each, row)
        stored = lines_of(unit, row.id)
        if _same(row, stored, each.document):
            each.order_id = row.id
            continue
        _refuse_late(row, stored, each.document["lines"])
        refuse_other_items(unit, row, stored, each.document["lines"])
        if apply_snapshot(unit, facts, each, row, again=True) == "changed":
            changed[row.id] = _noted(unit, row.id, stored, _wanted(stored, each.document["lines"]))
        each.order_id = row.id
    kept = {each.key for each in batch}
    for key, row in sorted(known.items()):
        if key in kept or row.state == "canceled":
            continue
        stored = lines_of(unit, row.id)
        _refuse_late(row, stored, ())
        cancel_order(unit, facts, row.id, None, "not in the order that replaces it")
        changed[row.id] = _noted(unit, row.id, stored, {})
    for each in create_orders(unit, facts, fresh):
        # Another transaction has made it meanwhile.
        row = lock_orders_by_source(unit, [each.key])[each.key]
        apply_snapshot(unit, facts, each, row, again=True)
    owe_answers(unit, facts, fresh)
    return batch[0].order_id, changed


def _same(order: Row[Any], stored: Sequence[Row[Any]], document: Json) -> bool:
    """Return whether an order is now as a picture of it says."""
    matched = match_picture(stored, document["lines"])
    seen = {row.id for row in matched if row is not None}
    if any(row.id not in seen and row.quantity > row.canceled for row in stored):
        return False
    for line, row in zip(document["lines"], matched, strict=True):
        if row is None or wanted_of(line) != row.quantity - row.canceled or line.get("unit_price") != row.unit_price:
            return False
        if line.get("sku") != row.sku:
            return False
    if any(document.get(name) != getattr(order, name) for name in HEAD):
        return False
    said: Json = jsonable({name: document.get(name) or None for name in IN_BODY})
    if any(value != (order.body.get(name) or None) for name, value in said.items()):
        return False
    if said_again(document.get("references")) != said_again(order.body.get("references")):
        return False
    return same_address(order.body.get("ship_to"), document.get("ship_to"))


def _refuse_late(order: Row[Any], stored: Sequence[Row[Any]], lines: Sequence[Json]) -> None:
    """Refuse a picture that comes when the order is over, or that has less than was shipped.

    Raises:
        InputError: naming the first such line.
    """
    if order.state in ORDER.final or order.state == "canceling":
        raise InputError(f"{order.number or order.external_id} is {order.state}.", code="CHANGE-LATE-422")
    wanted = _wanted(stored, lines)
    for row in stored:
        if row.ships and row.shipped > wanted.get(row.id, ZERO):
            raise InputError(
                f"{plain(row.shipped)} units of {row.sku or row.external_id} have been shipped already.",
                fix="What has left comes back as a return.",
                code="CHANGE-SHIPPED-422",
            )


def _noted(unit: Unit, order_id: UUID, stored: Sequence[Row[Any]], wanted: Mapping[UUID, Decimal]) -> Json:
    """Return what is noted beside a replacement; it is answered once a node that was asked has said what it does."""
    asked = unit.conn.execute(ASKED, {"t": unit.tenant, "o": order_id}).scalar()
    return {TAKEN: taken_by_picture(stored, wanted), **({BEFORE: "-1"} if asked else {})}


def _wanted(stored: Sequence[Row[Any]], lines: Sequence[Json]) -> dict[UUID, Decimal]:
    """Return how many units of stored lines a picture wants; lines it does not have are left out."""
    return {row.id: wanted_of(line) for line, row in zip(lines, match_picture(stored, lines), strict=True) if row}
