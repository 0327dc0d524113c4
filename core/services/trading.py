"""B2B orders as partners order them: packs counted in units, prices held against those agreed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from core.domain.line_codes import KEPT_CODES
from core.domain.money import plain
from core.domain.quick import MOST_PLACES, has_sane_places
from core.domain.units import PIECES
from core.domain.vocabulary import HoldKind
from core.errors import InputError
from core.ports.connectors import Json
from core.services.agreements import packs_of, terms_of
from core.services.catalog import units_of
from core.services.line_items import item_of, resolve_lines
from core.services.ordering import Incoming
from core.services.store_orders import has_own_units, store_units
from core.services.validation import PACKS
from core.store.unit import Unit

ZERO = Decimal(0)
FINEST = Decimal(1).scaleb(-MOST_PLACES)


def prepare(unit: Unit, batch: Sequence[Incoming]) -> None:
    """Bring B2B orders, before they are written, to units of the items, agreed prices and known store addresses.

    A line says in `trade` how it was ordered. A price other than the agreed one becomes a hold, a missing one is
    filled.

    Raises:
        InputError: what stores get does not add up to a line, or nothing says the currency.
    """
    trade = [each for each in batch if each.document["type"] == "b2b" or has_own_units(each.document)]
    if not trade:
        return
    known = resolve_lines(unit, ((each.connection_id, line) for each in trade for line in each.document["lines"]))
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
        lines: list[Json] = []
        for line, item in zip(each.document["lines"], found, strict=True):
            own_unit = units.get(item) if item else None
            if "store_unit" in line:
                sizes = {name: size for (of, name), size in packs.items() if of == item}
                lines.append(_of_store(each, len(lines), line, sizes, own_unit))
            else:
                lines.append(_in_units(line, packs.get((item, line["unit"])) if item else None, own_unit))
        each.document = {**each.document, "lines": lines}
        own_terms = terms[each.connection_id]
        _currency(unit, each, own_terms or {})
        if own_terms is not None:
            _address(each, own_terms)
        _prices(unit, each, found, (own_terms or {}).get("price_tolerance") or ZERO)


def _currency(unit: Unit, each: Incoming, terms: Json) -> None:
    """Take the partner's currency for an order that states none: that of his terms, else the one of all his prices.

    Raises:
        InputError: nothing says one, its standard neither.
    """
    document = each.document
    if not document.pop("currency_assumed", None):
        return
    day = document["placed_at"].date()
    values = {"tenant": unit.tenant, "connection": each.connection_id, "day": day}
    agreed = [] if terms.get("currency") else unit.conn.exec_driver_sql(CURRENCIES, values).scalars().all()
    found = terms.get("currency") or (agreed[0] if len(agreed) == 1 else document.get("currency"))
    if found is None:
        raise InputError(
            f"The order {document.get('number') or document['external_id']} states no currency, and none is agreed "
            "with the partner.",
            why=f"His agreed prices are in {' and '.join(agreed)}." if agreed else None,
            fix="Say `currency` in the terms of trade with him, then replay the message; or have him state it (CUX, "
            "DocumentCurrencyCode).",
            code="TRADE-CURRENCY-422",
        )
    document["currency"] = found


def compare_prices(unit: Unit, each: Incoming) -> None:
    """Hold a B2B order, in units of its items already, whose prices are not the agreed ones; see `prepare`."""
    if each.document["type"] != "b2b":
        return
    lines = each.document["lines"]
    known = resolve_lines(unit, ((each.connection_id, line) for line in lines))
    terms = terms_of(unit.conn, each.connection_id, unit.tenant) or {}
    found = [item_of(known, each.connection_id, line) for line in lines]
    _prices(unit, each, found, terms.get("price_tolerance") or ZERO)


def _of_store(each: Incoming, index: int, line: Json, sizes: Mapping[str, Decimal], own: str | None) -> Json:
    """Return a store's line, whose quantity is in another unit than its price, counted in units of its item.

    It is answered in the unit of the whole line. Where the size of a unit is not known, the order is held.
    """
    plainly = {**dict.fromkeys((*PIECES, *([own] if own else ())), Decimal(1)), **sizes}
    per = sizes.get(line["unit"]) or plainly.get(line["unit"]) or line.get("pack_size")
    of = {name: plainly.get(name, per if name == line["unit"] else None) for name in line["stores_of"]["given"]}
    kept, counted = store_units(line, per, of)
    if counted is not None:
        return _in_units(kept, sizes.get(line["unit"]), own, counted)
    unknown = sorted(name for name, size in {**of, line["unit"]: per}.items() if size is None)
    detail = f"line {index + 1} is for stores in {line['store_unit']} and ordered in {line['unit']}"
    hold = {
        "kind": str(HoldKind.UNMAPPED_CODE),
        "path": "",
        "detail": f"{detail}; no pack {', '.join(unknown)} is known",
        "line": index,
        "evidence": {PACKS: unknown, "unit": kept["unit"], "quantity": plain(kept["quantity"])},
        "first": f"Say what a pack {', '.join(unknown)} holds, and read its message again",
    }
    each.map_holds = [*each.map_holds, hold]
    return kept


def _in_units(line: Json, known: Decimal | None, own: str | None, counted: Decimal | None = None) -> Json:
    """Return a line counted in units of its item; what is known of its packs wins over what the buyer states.

    Args:
        line: as the buyer ordered it.
        known: units of the item in one of the line's unit.
        own: the unit of the item.
        counted: how many units they are, where the line's quantity is in another unit than the line.
    """
    kept = {name: line[name] for name in KEPT_CODES if line.get(name)}
    stated: Decimal | None = line.get("pack_size")
    per = known or stated
    if line["unit"] in {*PIECES, own} and known is None:
        line = line if counted is None else {**line, "quantity": counted}
        return {**line, "trade": kept} if kept else line
    if per is None:
        return line  # validation holds it: the unit means nothing
    price = line.get("unit_price")
    return {
        **line,
        "quantity": line["quantity"] * per if counted is None else counted,
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


CURRENCIES = """
SELECT DISTINCT currency FROM partner_price
WHERE tenant_id = %(tenant)s AND connection_id = %(connection)s
  AND valid_from <= %(day)s AND (valid_to IS NULL OR valid_to >= %(day)s)
LIMIT 2
"""
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
