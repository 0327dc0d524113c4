"""Orders of a buyer for several stores: one order for each, known from all others, in units of the items."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy import Row

from core.domain.money import plain
from core.domain.trade_terms import issued_as, store_suffix
from core.domain.vocabulary import DocumentType
from core.errors import Conflict, InputError
from core.ports.connectors import Document, Json
from core.services.ordering import Incoming

ZERO = Decimal(0)


def split_by_store(documents: Iterable[Document]) -> list[Document]:
    """Return the documents with every order for several stores as one order for each, in order of the stores' names.

    Args:
        documents: as read; an order is for several stores when any line has `destinations`.

    Raises:
        InputError: a line's destinations do not add up to its quantity: nobody could say where the rest goes.
    """
    found: list[Document] = []
    for document in documents:
        lines = document.body.get("lines") or ()
        if document.type is DocumentType.ORDER and any(line.get("destinations") for line in lines):
            found += _split(document)
        else:
            found.append(document)
    return found


def _split(document: Document) -> list[Document]:
    body = document.body
    by_store: dict[str, list[Json]] = {}
    for index, line in enumerate(body["lines"]):
        stores = line.get("destinations") or ()
        given: dict[str, Decimal] = {}
        for each in stores:
            unit = each.get("unit") or line["unit"]
            given[unit] = given.get(unit, ZERO) + each["quantity"]
        name = f"Line {line.get('external_id') or index + 1} of {body.get('number') or body['external_id']}"
        whole = {key: value for key, value in line.items() if key != "destinations"}
        if given.keys() <= {line["unit"]}:
            _add_up(name, line["quantity"], sum(given.values(), ZERO))
        else:
            # Whether they add up is known when the packs of the item are.
            whole["stores_of"] = {"name": name, "quantity": line["quantity"], "given": given}
        for each in stores:
            own = {**whole, "quantity": each["quantity"]}
            if "stores_of" in whole:
                own["store_unit"] = each.get("unit") or line["unit"]
            by_store.setdefault(each["store"], []).append(own)
    known = {
        key: each for each in body.get("stores") or () for key in (each.get("external_id"), each.get("gln")) if key
    }
    # The totals are those of all stores together, and so are charges: nobody said whose.
    rest = {name: value for name, value in body.items() if name not in ("stores", "totals", "lines")}
    return [
        Document(
            document.type,
            {
                **rest,
                "external_id": body["external_id"] + store_suffix(store),
                "split_from": body["external_id"],
                "ship_to": known.get(store) or {"external_id": store},
                # A change says the address of the whole again, which is that of no store.
                **({"split_ship_to": body["ship_to"]} if body.get("ship_to") else {}),
                "lines": lines,
            },
            document.holds,
        )
        for store, lines in sorted(by_store.items())
    ]


def refuse_other(incoming: Incoming, known: Row[Any] | Incoming) -> None:
    """Refuse an order that would be taken for another one, because its number is that of the part of a store.

    Args:
        incoming: the order that came.
        known: the row of `orders`, or another order that came with it, of the same connection and external id.

    Raises:
        Conflict: they are not the same order.
    """
    external_id, split_from = incoming.document["external_id"], incoming.document.get("split_from")
    mine = (split_from, incoming.document.get("number"))
    if isinstance(known, Incoming):
        kept, number = known.document.get("split_from"), known.document.get("number")
        whole = kept or external_id
    else:
        kept, number = known.body.get("split_from"), known.number
        whole = issued_as(external_id, number, known.body)
    if split_from == kept and (kept or whole == external_id):
        return
    # Parts written before `split_from` was kept are known by their number alone.
    if kept is None and whole != external_id and (split_from == whole or mine == (None, number)):
        return
    raise Conflict(
        f"The order {external_id} is not the order of this name that is there.",
        why=f"One of them is the part of a store of {split_from or whole}, the other one is not. Taken for the same, "
        "it would have been rewritten.",
        fix="Have the buyer send it under another number; nothing was changed by it.",
        code="TRADE-STORES-409",
    )


def _add_up(name: str, ordered: Decimal, given: Decimal) -> None:
    if ordered != given:
        raise InputError(
            f"{name} orders {plain(ordered)}, its stores get another number.",
            fix="Ask the buyer to send the order again with destinations that add up.",
            code="TRADE-STORES-422",
        )


def has_own_units(document: Json) -> bool:
    """Return whether a part of a store has lines whose units are not those of the whole line."""
    return any("store_unit" in line for line in document["lines"])


def store_units(line: Json, per: Decimal | None, of: Mapping[str, Decimal | None]) -> tuple[Json, Decimal | None]:
    """Return a line of one store and how many units of the item it is, None where that is not known.

    Args:
        line: as `split_by_store` made it; what it was split with is taken off.
        per: units of the item in one unit of the whole line, in which its price is; None where not known.
        of: the same of the units that the stores' quantities are in.

    Raises:
        InputError: the stores' quantities do not add up to the line.
    """
    whole, unit = line["stores_of"], line["store_unit"]
    kept = {name: value for name, value in line.items() if name not in ("stores_of", "store_unit")}
    shares = [(quantity, of[each]) for each, quantity in whole["given"].items()]
    own = of[unit]
    if per is None or own is None or any(units is None for _, units in shares):
        # The price is of a unit whose size nobody knows: it is that of no other one.
        return {**kept, "unit": unit, "unit_price": None}, None
    total = sum((quantity * (units or ZERO) for quantity, units in shares), ZERO)
    _add_up(f"{whole['name']}, in units of its item,", whole["quantity"] * per, total)
    return kept, line["quantity"] * own
