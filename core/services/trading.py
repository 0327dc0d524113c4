"""B2B orders as partners order them: one order per store, packs counted in units, prices held against those agreed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from core.domain.money import plain
from core.domain.quick import MOST_PLACES, has_sane_places
from core.domain.trade_terms import issued_as, store_suffix
from core.domain.units import PIECES
from core.domain.vocabulary import DocumentType, HoldKind
from core.errors import Conflict, InputError
from core.ports.connectors import Document, Json
from core.services.agreements import packs_of, terms_of
from core.services.catalog import resolve_skus, units_of
from core.services.order_rows import item_of, line_codes
from core.services.ordering import Incoming
from core.store.unit import Unit

ZERO = Decimal(0)
FINEST = Decimal(1).scaleb(-MOST_PLACES)


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
        if sum((each["quantity"] for each in stores), ZERO) != line["quantity"]:
            raise InputError(
                f"Line {line.get('external_id') or index + 1} of {body.get('number') or body['external_id']} orders"
                f" {plain(line['quantity'])}, its stores get another number.",
                fix="Ask the buyer to send the order again with destinations that add up.",
                code="TRADE-STORES-422",
            )
        for each in stores:
            whole = {name: value for name, value in line.items() if name != "destinations"}
            by_store.setdefault(each["store"], []).append({**whole, "quantity": each["quantity"]})
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


def prepare(unit: Unit, batch: Sequence[Incoming]) -> None:
    """Bring B2B orders, before they are written, to units of the items, agreed prices and known store addresses.

    A line says in `trade` how it was ordered. A price other than the agreed one becomes a hold, a missing one is
    filled.
    """
    trade = [each for each in batch if each.document["type"] == "b2b"]
    if not trade:
        return
    codes = {
        (each.connection_id, code) for each in trade for line in each.document["lines"] for code in line_codes(line)
    }
    known = resolve_skus(unit, codes)
    items = {
        (id(each), index): item_of(known, each.connection_id, line)
        for each in trade
        for index, line in enumerate(each.document["lines"])
    }
    own = {item for item in items.values() if item is not None}
    packs, units = packs_of(unit, own), units_of(unit, own)
    terms = {
        connection: terms_of(unit.conn, connection, unit.tenant)
        for connection in {each.connection_id for each in trade}
    }
    for each in trade:
        found = [items[id(each), index] for index in range(len(each.document["lines"]))]
        lines = [
            _in_units(line, packs.get((item, line["unit"])) if item else None, units.get(item) if item else None)
            for line, item in zip(each.document["lines"], found, strict=True)
        ]
        each.document = {**each.document, "lines": lines}
        own_terms = terms[each.connection_id]
        if own_terms is not None:
            _address(each, own_terms)
        _prices(unit, each, found, (own_terms or {}).get("price_tolerance") or ZERO)


def _in_units(line: Json, known: Decimal | None, own: str | None) -> Json:
    """Return a line counted in units of its item; what is known of its packs wins over what the buyer states."""
    kept = {name: line[name] for name in ("gtin", "buyer_code") if line.get(name)}
    stated: Decimal | None = line.get("pack_size")
    per = known or stated
    if line["unit"] in {*PIECES, own} and known is None:
        return {**line, "trade": kept} if kept else line
    if per is None:
        return line  # validation holds it: the unit means nothing
    price = line.get("unit_price")
    return {
        **line,
        "quantity": line["quantity"] * per,
        **({"removed": line["removed"] * per} if line.get("removed") else {}),
        "unit": own or "C62",
        "unit_price": None if price is None else in_unit_price(price, per),
        "trade": {
            **kept,
            "unit": line["unit"],
            "per_unit": plain(per),
            "price": None if price is None else plain(price),
        },
    }


def in_unit_price(price: Decimal, per_unit: Decimal) -> Decimal:
    """Return what one unit costs of a pack, to the finest place amounts have."""
    return (price / per_unit).quantize(FINEST, rounding=ROUND_HALF_UP).normalize() + ZERO


def _address(each: Incoming, terms: Json) -> None:
    """Fill the address of a store that the order only names, from the partner's terms."""
    ship_to = each.document.get("ship_to") or {}
    if ship_to.get("line1"):
        return
    named = {ship_to.get("external_id"), ship_to.get("gln")} - {None}
    for store in terms.get("stores") or ():
        if named & {store.get("external_id"), store.get("gln")}:
            each.document["ship_to"] = store
            return


PRICES = """
SELECT DISTINCT ON (w.n) w.n, p.price, p.currency FROM unnest(%(items)s::uuid[], %(quantities)s::numeric[])
     WITH ORDINALITY AS w(item_id, quantity, n)
JOIN partner_price p ON p.item_id = w.item_id AND p.from_quantity <= w.quantity
WHERE p.tenant_id = %(tenant)s AND p.connection_id = %(connection)s
  AND p.valid_from <= %(day)s AND (p.valid_to IS NULL OR p.valid_to >= %(day)s)
ORDER BY w.n, p.currency = %(currency)s DESC, p.from_quantity DESC, p.valid_from DESC
"""


def _prices(unit: Unit, each: Incoming, items: Sequence[UUID | None], tolerance: Decimal) -> None:
    lines = each.document["lines"]
    wanted = [(index, item) for index, item in enumerate(items) if item is not None]
    rows = unit.conn.exec_driver_sql(
        PRICES,
        {
            "items": [item for _, item in wanted],
            "quantities": [lines[index]["quantity"] for index, _ in wanted],
            "tenant": unit.tenant,
            "connection": each.connection_id,
            "currency": each.document["currency"],
            "day": each.document["placed_at"].date(),
        },
    )
    agreed = {wanted[row.n - 1][0]: (row.price, row.currency) for row in rows}
    currency: str = each.document["currency"]
    holds: list[Json] = []
    for index, (price, agreed_in) in agreed.items():
        stated = lines[index].get("unit_price")
        known = f"agreed are {plain(price)} {agreed_in}"
        detail = None
        if agreed_in != currency:
            # Without this an order in a currency nobody agreed on would be checked against no price at all.
            at = "without a price" if stated is None else f"at {plain(stated)}"
            detail = f"line {index + 1} {at} in {currency}, {known}"
        elif stated is None:
            lines[index] = {**lines[index], "unit_price": price}
        elif abs(stated - price) > tolerance * price + FINEST:
            detail = f"line {index + 1} at {plain(stated)}, {known}"
        if detail is not None:
            holds.append({"kind": str(HoldKind.PRICE_MISMATCH), "path": "", "detail": detail})
    each.map_holds = [*each.map_holds, *holds]


def ordered_as(row: Row[Any]) -> tuple[str, Decimal, Mapping[str, Any]]:
    """Return (unit, units in one of it, what else is kept) of how the buyer ordered a line of `order_line`."""
    trade: Json = row.trade or {}
    return trade.get("unit") or row.unit, Decimal(trade.get("per_unit") or 1), trade


def in_ordered(row: Row[Any], units: Decimal) -> tuple[Decimal, str, Decimal | None]:
    """Return (quantity, unit, price of one) as the buyer ordered a line; in its own unit where packs do not divide."""
    unit, per, trade = ordered_as(row)
    # The database divides to sixteen places and keeps them.
    units = Decimal(plain(units))
    quantity = Decimal(plain(units / per))
    if quantity * per != units or not has_sane_places(quantity):
        return units, row.unit, row.unit_price
    if row.unit_price is None or per == 1:
        return quantity, unit, row.unit_price
    stated = trade.get("price")
    if stated is not None and in_unit_price(Decimal(stated), per) == row.unit_price:
        return quantity, unit, Decimal(stated)
    return quantity, unit, row.unit_price * per
