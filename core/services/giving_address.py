"""The address of an order that has none: given by a person, and of a partner's store kept for his next orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from core.domain.documents import AddressSchema, checked
from core.domain.ids import public_id
from core.domain.payloads import jsonable
from core.domain.ways import ADDRESS_FIELDS
from core.errors import InputError
from core.ports.connectors import Json
from core.services.agreements import set_terms, terms_of
from core.services.changes import change_order
from core.services.facts import Facts
from core.services.replaying import live_members
from core.store.locks import lock_order, lock_orders
from core.store.unit import Unit

NAMES = text("SELECT id, number, external_id FROM orders WHERE tenant_id = :t AND id = ANY(:ids) ORDER BY id")
SHOWN = 5


def give_address(unit: Unit, facts: Facts, case: Row[Any], args: Mapping[str, Any]) -> int:
    """Give the orders of a case the address a person says; return how many got it.

    The address of a store is kept in the partner's terms of trade, where he has any, and all orders for it that wait
    get it. Where no store is named, several orders have several addresses: one of them must be chosen.

    Args:
        unit: the running transaction.
        facts: nodes and connections.
        case: the row of the case; `store` of its evidence says whose address is missing.
        args: fields of the address by name, and `order` where one of several is meant.

    Raises:
        InputError: the address does not fit, or several orders wait and none is named.
    """
    given = {name: str(args[name]).strip() for name in ADDRESS_FIELDS if str(args.get(name) or "").strip()}
    address: Json = checked(
        AddressSchema(), {**given, "country": given["country"].upper()}, "The address does not fit",
        code="CASE-ADDRESS-422", fix="`country` is a code of two letters, such as DE.",
    )  # fmt: skip
    store = (case.evidence or {}).get("store")
    orders = _chosen(unit, live_members(unit, case.id, "order"), args.get("order"), store)
    lock_orders(unit, orders)
    for order_id in orders:
        named = {
            name: value
            for name, value in (lock_order(unit, order_id).body.get("ship_to") or {}).items()
            if name in ("external_id", "gln", "name", "company", "phone") and value
        }
        ship_to = {**named, **{name: value for name, value in address.items() if value}}
        change_order(unit, facts, order_id, [{"op": "address", "ship_to": ship_to}], "address given by a person")
    terms = terms_of(unit.conn, case.connection_id, unit.tenant) if store else None
    if terms is not None:
        kept = [each for each in terms.get("stores") or () if each.get("external_id") != store]
        set_terms(unit, case.connection_id, jsonable({**terms, "stores": [*kept, {**address, "external_id": store}]}))
    return len(orders)


def _chosen(unit: Unit, members: Sequence[UUID], name: Any, store: str | None) -> list[UUID]:
    """Return the orders that get the address: the one that is named, else all where that can be meant."""
    rows = unit.conn.execute(NAMES, {"t": unit.tenant, "ids": list(members)}).all()
    if name:
        found = [row.id for row in rows if str(name) in (public_id("order", row.id), row.number, row.external_id)]
        if len(found) == 1:
            return found
    elif store or len(rows) == 1:
        return [row.id for row in rows]
    listed = ", ".join(row.number or row.external_id for row in rows[:SHOWN]) + (" …" if len(rows) > SHOWN else "")
    what = f"{str(name)[:60]!r} is no order of this exception."
    raise InputError(
        what if name else "Several orders wait, each for an address of its own.",
        fix=f"Say whose it is, such as `--set order=ORDER`: {listed}.",
        code="CASE-ORDER-422",
    )
