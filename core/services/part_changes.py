"""A buyer's change of an order that was split by store: what of it is for which part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from core.domain.money import plain
from core.domain.trade_terms import store_suffix
from core.errors import InputError
from core.ports.connectors import Json
from core.services.pictures import same_address

ZERO = Decimal(0)
SHOWN = 10
# Lines of an order by the buyer's number of them.
Lines = Mapping[str, Row[Any]]


def shares(orders: Sequence[Row[Any]], lines: Mapping[UUID, Lines], body: Json) -> list[tuple[Row[Any], Json]]:
    """Return for each order of a change what of the change is for it; orders it says nothing about are left out.

    A line with `destinations` says what each store gets, and a store that is not among them gets nothing of it. One
    without is for every part where it only names a price or is taken off, else for the one part that has it. An address
    is for each part, or for the store it names.

    Args:
        orders: the order, or its parts by store.
        lines: their lines.
        body: the change.

    Raises:
        InputError: it does not say which part gets what; the parts are named.
    """
    if len(orders) == 1 and not orders[0].body.get("split_from"):
        _refuse_stores(body)
        return [(orders[0], body)]
    own: dict[UUID, list[Json]] = {order.id: [] for order in orders}
    by_store = {order.external_id.removeprefix(str(body["external_id"])): order for order in orders}
    for index, line in enumerate(body["lines"]):
        for order_id, said in _of_line(orders, by_store, lines, line, index):
            own[order_id].append(said)
    found = []
    for order in orders:
        part = {**body, "lines": own[order.id], "ship_to": _address(order, by_store, body.get("ship_to"))}
        if part["lines"] or part["ship_to"]:
            found.append((order, part))
    return found


def parts_named(orders: Sequence[Row[Any]]) -> str:
    """Return the parts of an order in words."""
    more = f" and {len(orders) - SHOWN} more" if len(orders) > SHOWN else ""
    return ", ".join(order.external_id for order in orders[:SHOWN]) + more


def _of_line(
    orders: Sequence[Row[Any]], by_store: Mapping[str, Row[Any]], lines: Mapping[UUID, Lines], line: Json, index: int
) -> list[tuple[UUID, Json]]:
    name, said = line.get("external_id"), {key: value for key, value in line.items() if key != "destinations"}
    having = [order.id for order in orders if name in lines[order.id]]
    if line["op"] != "add" and not having:
        raise _unclear(f"Line {name!r} is in none of the orders by store: {parts_named(orders)}.", index)
    if line.get("destinations") and line["op"] != "remove":
        return _to_stores(orders, by_store, having, line, said, index)
    if line["op"] == "remove" or (line["op"] == "change" and line.get("quantity") is None):
        return [(order_id, said) for order_id in having]
    chosen = having if line["op"] == "change" else [order.id for order in orders]
    if len(chosen) != 1:
        raise _unclear(
            f"Line {name!r} does not say which store gets how many of it; there are {parts_named(orders)}.", index
        )
    return [(chosen[0], said)]


def _to_stores(
    orders: Sequence[Row[Any]],
    by_store: Mapping[str, Row[Any]],
    having: Sequence[UUID],
    line: Json,
    said: Json,
    index: int,
) -> list[tuple[UUID, Json]]:
    given: dict[UUID, Decimal] = {}
    for each in line["destinations"]:
        order = by_store.get(store_suffix(each["store"]))
        if order is None:
            raise _unclear(
                f"Store {each['store']!r} has no part of the order; there are {parts_named(orders)}. A new store needs "
                "the order sent again as a replacement.",
                index,
            )
        if each.get("unit") not in (None, line.get("unit")):
            raise _unclear(f"Line {said.get('external_id')!r} is for its stores in another unit than it is in.", index)
        given[order.id] = given.get(order.id, ZERO) + each["quantity"]
    whole, name = line.get("quantity"), f"line {said.get('external_id')!r}"
    if whole is not None and whole != sum(given.values(), ZERO):
        raise _unclear(f"L{name[1:]} asks for {plain(whole)}, its stores get another number.", index)
    found = [(order_id, {**said, "quantity": quantity}) for order_id, quantity in given.items()]
    if line["op"] == "add":
        return found
    missing = [order_id for order_id in given if order_id not in having]
    if missing:
        raise _unclear(f"A store gets {name}, whose part does not have it: add it there.", index)
    return [*found, *((order_id, {**said, "op": "remove"}) for order_id in having if order_id not in given)]


def _address(order: Row[Any], by_store: Mapping[str, Row[Any]], address: Json | None) -> Json | None:
    """Return the address a change has for one part; that of the whole order, said again, is none."""
    if not address or same_address(order.body.get("split_ship_to"), address):
        return None
    named = [by_store.get(store_suffix(key)) for key in (address.get("external_id"), address.get("gln")) if key]
    meant = next((each for each in named if each is not None), None)
    return address if meant is None or meant.id == order.id else None


def _refuse_stores(body: Json) -> None:
    for index, line in enumerate(body["lines"]):
        if line.get("destinations"):
            raise _unclear(
                f"Line {line.get('external_id')!r} is for stores, and the order is not split by store.", index
            )


def _unclear(what: str, index: int) -> InputError:
    return InputError(
        what,
        fix="Have the buyer say it for each store (SDQ), or change the parts by hand (`crossdock orders change`).",
        code="CHANGE-STORES-422",
        errors=[{"path": f"lines.{index}", "reason": "does not say which part gets what"}],
    )
