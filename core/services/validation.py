"""Checks an order must pass before stock is taken; what fails becomes a typed hold, never a loss."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from uuid import UUID

from core.domain.countries import COUNTRIES
from core.domain.line_codes import Code, missing_code
from core.domain.money import plain, round_money
from core.domain.units import PIECES, divides, is_part
from core.domain.vocabulary import HoldKind
from core.ports.connectors import Json
from core.services.pictures import wanted_of

ZERO = Decimal(0)
# A year that was mistyped; shops bring their old orders along, partners do not.
YEAR = timedelta(days=366)
MOST_YEARS = {"b2b": 5, "b2c": 30}
ASKED_DAYS = (
    "requested_ship_date", "requested_delivery_date", "ship_not_before", "ship_not_after", "deliver_not_before",
    "deliver_not_after",
)  # fmt: skip
# Clocks differ by minutes, and time zones taken for UTC by hours.
AHEAD = timedelta(days=1)
NEGATIVE = "must not be negative"
GIVE_PRICE = "Give the line its price, or cancel it"
NO_UNITS: Mapping[UUID, str] = MappingProxyType({})
NO_CLASHES: Mapping[int, tuple[Code, Code]] = MappingProxyType({})


PACKS = "packs"
"""In the evidence of a hold of a store's line that could not be counted: the packs whose size is not known."""


@dataclass(frozen=True, slots=True)
class Stop:
    """A reason to hold: kind, the detail people read, which line (by index), and what it was seen from.

    `first` is what a person must do where the order cannot go on as it is; None lets it be released.
    """

    kind: HoldKind
    detail: str
    line: int | None = None
    evidence: Mapping[str, Any] | None = None
    first: str | None = None


def check_order(
    order: Json,
    items: Sequence[UUID | None],
    map_holds: Sequence[Json] = (),
    nodes: Collection[str] = (),
    *,
    now: datetime | None = None,
    units: Mapping[UUID, str] = NO_UNITS,
    clashes: Mapping[int, tuple[Code, Code]] = NO_CLASHES,
    most_units: Decimal | None = None,
) -> list[Stop]:
    """Return everything that keeps this order from being processed.

    Args:
        order: canonical order with values in their types.
        items: for each line the item its code means, or None.
        map_holds: what the map could not satisfy: [{kind, path, detail}], and of a line its index (`line`), `evidence`
            and what to do `first`.
        nodes: codes of all nodes.
        now: the database's time; without it no time is too late.
        units: the unit of items by id, where lines depend on it; see `units_asked`.
        clashes: by index, the lines whose codes name different items.
        most_units: what one line asks for at most; None for no limit.
    """
    return [
        *_from_map(map_holds),
        *_lines(order, items, clashes),
        *_implausible(order, now),
        *_nothing(order),
        *_units(order, items, units),
        *_parts(order, items, units),
        *_too_many(order, most_units),
        *_address(order),
        *_pickup(order, nodes),
        *_totals(order),
    ]


def implausible(order: Json, now: datetime | None) -> list[tuple[str, str]]:
    """Return (path, reason) of what no order means: a negative price, or a day nobody can have meant.

    An order was placed at most a day ahead and so many years back (`MOST_YEARS`), and asks for days from a year before
    it to two years after.
    """
    found = [
        (f"lines.{index}.unit_price", NEGATIVE)
        for index, line in enumerate(order["lines"])
        if (line.get("unit_price") or ZERO) < 0 and wanted_of(line) > 0
    ]
    if now is not None and order["placed_at"] > now + AHEAD:
        found.append(("placed_at", "must not be more than a day ahead"))
    if now is None:
        return found
    placed, years = order["placed_at"], MOST_YEARS[order["type"]]
    if placed < now - years * YEAR:
        found.append(("placed_at", f"must not be more than {years} years back"))
    # Days are told from today's where the order's own is no day to tell them from.
    base = now.date() if found and found[-1][0] == "placed_at" else placed.date()
    for name in ASKED_DAYS:
        day = order.get(name)
        if day is not None and not base - YEAR <= day <= base + 2 * YEAR:
            found.append((name, f"must be within a year before the order and two years after it, not {day}"))
    return found


def _implausible(order: Json, now: datetime | None) -> list[Stop]:
    stops = []
    for path, reason in implausible(order, now):
        line = int(path.split(".")[1]) if path.startswith("lines.") else None
        # What a shop says of its prices is between it and its buyer; a partner would be billed.
        first = GIVE_PRICE if line is not None and order["type"] == "b2b" else None
        stops.append(Stop(HoldKind.MISSING_FIELD, f"{path} {reason}", line, first=first))
    return stops


def _nothing(order: Json) -> list[Stop]:
    """Return the lines of a partner's order that ask for nothing; shops that say what was taken off have `removed`."""
    if order["type"] != "b2b":
        return []
    return [
        Stop(HoldKind.MISSING_FIELD, f"lines.{index}.quantity must be more than 0", index)
        for index, line in enumerate(order["lines"])
        if line["quantity"] == 0 and line.get("removed") is None
    ]


def units_asked(order: Json, items: Sequence[UUID | None]) -> set[UUID]:
    """Return the items whose own unit must be looked up: lines in another unit than pieces, or of no whole number."""
    pairs = zip(order["lines"], items, strict=True)
    return {
        item for line, item in pairs if item is not None and (line["unit"] not in PIECES or is_part(wanted_of(line)))
    }


def _parts(order: Json, items: Sequence[UUID | None], units: Mapping[UUID, str]) -> list[Stop]:
    return [
        part_of_unit(index + 1, wanted_of(line), own, index)
        for index, (line, item) in enumerate(zip(order["lines"], items, strict=True))
        if line.get("requires_shipping") is not False
        and item is not None
        and divides(wanted_of(line), own := units.get(item, ""))
    ]


def part_of_unit(number: int, quantity: Decimal, unit: str, index: int) -> Stop:
    """Return why a line stops that asks for a part of a unit that is counted; `number` is what people call it."""
    detail = f"line {number} asks for {plain(quantity)}, and its item is counted in {unit}"
    return Stop(HoldKind.PART_OF_UNIT, detail, index, {"quantity": plain(quantity), "unit": unit})


def _too_many(order: Json, most: Decimal | None) -> list[Stop]:
    """Return the lines that ask for more than anybody means: reserved, they would leave nothing for other orders."""
    stops = []
    for index, line in enumerate(order["lines"] if most else ()):
        units = wanted_of(line)
        if most is not None and units > most and line.get("requires_shipping") is not False:
            known = [line.get(each) for each in ("sku", "buyer_code", "gtin", "title")]
            name = next((each for each in known if each), f"line {index + 1}")
            detail = f"line {index + 1} asks for {plain(units)} of {name}, and at most {plain(most)} are plausible"
            said = {"quantity": plain(units), "name": name, "most_units": plain(most)}
            stops.append(Stop(HoldKind.IMPLAUSIBLE_QUANTITY, detail, index, said))
    return stops


def _units(order: Json, items: Sequence[UUID | None], units: Mapping[UUID, str]) -> list[Stop]:
    stops = []
    for index, (line, item) in enumerate(zip(order["lines"], items, strict=True)):
        own = units.get(item) if item is not None else None
        if own is not None and wanted_of(line) > 0 and line["unit"] not in {*PIECES, own}:
            stops.append(other_unit(index + 1, line["unit"], own, index))
    return stops


def other_unit(number: int, unit: str, own: str, index: int) -> Stop:
    """Return why a line stops that is not in the unit of its item; `number` is what people call it."""
    detail = f"line {number} is in {unit}, its item in {own}"
    return Stop(HoldKind.UNMAPPED_CODE, detail, index, {"code": unit}, f"Say the line in {own}, or cancel it")


def _from_map(map_holds: Sequence[Json]) -> list[Stop]:
    stops = []
    for each in map_holds:
        kind = str(each["kind"])
        if kind in (HoldKind.UNMAPPED_SKU, HoldKind.MISSING_PRICE):
            continue  # seen again, with the line, by the checks below
        known = HoldKind(kind) if kind in HoldKind.__members__.values() else HoldKind.MISSING_FIELD
        detail = f"{each.get('path', '')} {each.get('detail', '')}".strip()
        stops.append(Stop(known, detail, each.get("line"), each.get("evidence"), each.get("first")))
    return stops


def _lines(order: Json, items: Sequence[UUID | None], clashes: Mapping[int, tuple[Code, Code]]) -> list[Stop]:
    stops = []
    for index, (line, item) in enumerate(zip(order["lines"], items, strict=True)):
        ships = line.get("requires_shipping") is not False
        if item is None and ships and line["quantity"] > (line.get("removed") or ZERO):
            stops.append(_unknown(line, index, clashes.get(index)))
        if line.get("unit_price") is None:
            stops.append(Stop(HoldKind.MISSING_PRICE, f"line {index + 1} has no price", index))
    return stops


def _unknown(line: Json, index: int, clash: tuple[Code, Code] | None) -> Stop:
    """Return why a line stops whose item is not known; the evidence has a code only where giving it a meaning helps."""
    if clash is not None:
        detail = f"{clash[0].words} and {clash[1].words} name two items"
        return Stop(HoldKind.UNMAPPED_SKU, detail, index, {"codes": [list(code) for code in clash]})
    code = missing_code(line)
    if code is None:
        return Stop(HoldKind.UNMAPPED_SKU, f"line {index + 1} has no code", index)
    return Stop(HoldKind.UNMAPPED_SKU, code.words, index, code._asdict())


def _address(order: Json) -> list[Stop]:
    if order.get("pickup_node") or all(line.get("requires_shipping") is False for line in order["lines"]):
        return []  # the buyer comes for it, or nothing goes anywhere
    address = order.get("ship_to")
    if not address:
        return [Stop(HoldKind.BAD_ADDRESS, "no ship-to address")]
    missing = [name for name in ("line1", "city", "country") if not address.get(name)]
    if not missing:
        country = address["country"]
        return [] if country in COUNTRIES else [Stop(HoldKind.BAD_ADDRESS, f"no country has the code {country}")]
    # One address mends all orders for a store, and no other ones.
    store = address.get("external_id") or address.get("gln")
    whose = f" of store {store}" if store else ""
    return [Stop(HoldKind.BAD_ADDRESS, f"no {', '.join(missing)}{whose}", evidence={"store": store} if store else None)]


def _pickup(order: Json, nodes: Collection[str]) -> list[Stop]:
    code = order.get("pickup_node")
    if code is None or code in nodes:
        return []
    return [Stop(HoldKind.UNMAPPED_CODE, f"pickup_node {code!r} is no node", evidence={"code": code})]


def _totals(order: Json) -> list[Stop]:
    stated = order.get("totals") or {}
    grand, currency = stated.get("grand"), order["currency"]
    if grand is None or any(line.get("unit_price") is None for line in order["lines"]):
        return []
    lines = sum((line["quantity"] * line["unit_price"] for line in order["lines"]), ZERO)
    discount = sum((line.get("discount") or ZERO for line in order["lines"]), ZERO)
    charges = sum((each["amount"] for each in order.get("charges") or ()), ZERO)
    included = [line.get("tax_included") is True for line in order["lines"]]
    tax = sum(
        (
            each.get("amount") or ZERO
            for line, inside in zip(order["lines"], included, strict=True)
            if not inside
            for each in line.get("taxes") or ()
        ),
        ZERO,
    )
    if not all(included):
        tax += sum((each.get("tax") or ZERO for each in order.get("charges") or ()), ZERO)
    if stated.get("discount") is not None:
        # Discounts on the whole order are in the stated figure only.
        discount = stated["discount"]
    computed = round_money(lines - discount + charges + tax, currency)
    if computed == round_money(grand, currency):
        return []
    return [
        Stop(
            HoldKind.TOTALS_MISMATCH,
            f"stated {format(grand, 'f')}, computed {format(computed, 'f')} {currency}",
            evidence={"stated": format(grand, "f"), "computed": format(computed, "f")},
        )
    ]
