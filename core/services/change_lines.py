"""Lines of a buyer's change: which line of the order each means, that it means the same item, and units of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from core.domain.line_codes import BUYER, GTIN, KEPT_CODES, SELLER, Code, gtin_forms, line_codes
from core.domain.units import PIECES, same_package
from core.errors import InputError
from core.ports.connectors import Json
from core.services.line_items import Known, resolve_lines
from core.services.measures import Measures
from core.services.pictures import match_picture
from core.services.responding import lines_of
from core.services.trading import in_unit_price, ordered_as
from core.store.unit import Unit

ONE = Decimal(1)
KEPT = ("sku", *KEPT_CODES, "title", "quantity", "unit_price", "external_id", "unit")


def lines_by_name(unit: Unit, order_id: UUID) -> dict[str, Row[Any]]:
    """Return the lines of an order by the buyer's number of them."""
    return {line.external_id: line for line in lines_of(unit, order_id) if line.external_id is not None}


def operations(unit: Unit, order: Row[Any], body: Json) -> list[Json]:
    """Return a change in words of `change_order`, quantities in units of the items.

    Args:
        unit: the running transaction.
        order: the order it is about.
        body: the change.

    Raises:
        InputError: a line is not in the order, is about another item there, or is in a unit of which nobody said how
            many of the item's units it holds.
    """
    lines = lines_by_name(unit, order.id)
    own = {kept.id for kept in lines.values()}
    twice = [each for each in lines_of(unit, order.id) if each.id not in own and each.quantity > each.canceled]
    known = resolve_lines(unit, ((order.connection_id, each) for each in body["lines"]))
    measures = Measures(unit, {line.item_id for line in lines.values() if line.item_id is not None})
    found: list[Json] = []
    for index, each in enumerate(body["lines"]):
        if each["op"] == "add":
            _refuse_known(lines.get(each.get("external_id")), index)
            said = {name: each[name] for name in KEPT if each.get(name) is not None}
            found.append({"op": "add", **said})
            continue
        line = _the_one(each, lines.get(each.get("external_id")), twice, order.connection_id, known, index)
        if line is None:
            raise InputError(
                f"Line {each.get('external_id')!r} is not in the order.",
                code="CHANGE-LINE-422",
                errors=[{"path": f"lines.{index}.external_id", "reason": "the order has no such line"}],
            )
        _refuse_other(each, line, order.connection_id, known, index)
        name = f"lin_{line.id.hex}"
        if each["op"] == "remove":
            found.append({"op": "remove", "line": name})
            continue
        per = _units_in_one(each, line, measures, index)
        if each.get("quantity") is not None:
            found.append({"op": "quantity", "line": name, "quantity": each["quantity"] * per})
        if each.get("unit_price") is not None:
            found.append({"op": "price", "line": name, "unit_price": in_unit_price(each["unit_price"], per)})
    if body.get("ship_to"):
        found.append({"op": "address", "ship_to": body["ship_to"]})
    return found


def refuse_other_items(unit: Unit, order: Row[Any], stored: Sequence[Row[Any]], lines: Sequence[Json]) -> None:
    """Refuse a new picture of an order in which a line names another item than the stored line it is.

    Args:
        unit: the running transaction.
        order: as it is stored.
        stored: its lines, as `lines_of` returns them.
        lines: of the picture.

    Raises:
        InputError: naming both.
    """
    known = resolve_lines(unit, ((order.connection_id, each) for each in lines))
    for index, (line, row) in enumerate(zip(lines, match_picture(stored, lines), strict=True)):
        if row is not None:
            _refuse_other(line, row, order.connection_id, known, index)


def _units_in_one(said: Json, line: Row[Any], measures: Measures, index: int) -> Decimal:
    """Return how many units of its item one of what a changed line speaks of is.

    Raises:
        InputError: nobody said it.
    """
    ordered, per, _ = ordered_as(line)
    name = said.get("unit")
    if name is None or ordered in same_package(name):
        return per
    if name in PIECES and line.unit in PIECES:
        return ONE if line.item_id is None else measures.known(line.item_id, name) or ONE
    known = None if line.item_id is None else measures.known(line.item_id, name)
    # A line whose own pack nobody knows is not counted in units of its item.
    own = None if line.item_id is None else measures.known(line.item_id, line.unit)
    if known is None or own != ONE:
        sku = line.item_sku or line.sku or line.external_id
        raise InputError(
            f"Line {line.external_id!r} is in {name}, it was ordered in {ordered}, and nobody said how many "
            f"{line.unit} one {name} of {sku} holds.",
            fix=f"Say it with `crossdock terms pack {sku} {name} UNITS` and replay the change's message, or have it "
            f"sent in {ordered}.",
            code="UNIT-PACK-422",
            errors=[{"path": f"lines.{index}.unit", "reason": f"is {name}, of which no pack is known"}],
        )
    return known


def _refuse_known(line: Row[Any] | None, index: int) -> None:
    """Refuse to add a line under a number that one of the order has: it may be the same change once more.

    Raises:
        InputError: naming what the line is for.
    """
    if line is not None and line.quantity > line.canceled:
        raise InputError(
            f"Line {line.external_id!r} is in the order already, for {line.item_sku or line.sku or 'an item'}, and the "
            "change adds it.",
            fix="Have the buyer change the line, or add one under a number of its own.",
            code="CHANGE-LINE-422",
            errors=[{"path": f"lines.{index}.external_id", "reason": "the order has it already"}],
        )


def _the_one(
    said: Json, line: Row[Any] | None, twice: Sequence[Row[Any]], connection_id: UUID, known: Known, index: int
) -> Row[Any] | None:
    """Return the line a change means where the order has its number more than once: the one whose item it names.

    Args:
        said: the changed line.
        line: the last line of its number.
        twice: lines whose number another line has as well, all but the last.

    Raises:
        InputError: it names no item, or an item of several of them.
    """
    alike = [each for each in twice if line is not None and each.external_id == line.external_id]
    if line is None or not alike:
        return line
    found = [each for each in (*alike, line) if line_codes(said) and _names(said, each, connection_id, known, index)]
    if len(found) != 1:
        raise InputError(
            f"{len(alike) + 1} lines of the order have the number {line.external_id!r}, and the change does not say "
            "by its item which of them it means.",
            fix="Have the buyer name the item as he ordered it, or change the line here (`crossdock orders change`).",
            code="CHANGE-LINE-422",
            errors=[{"path": f"lines.{index}.external_id", "reason": "the order has it more than once"}],
        )
    return found[0]


def _names(said: Json, line: Row[Any], connection_id: UUID, known: Known, index: int) -> bool:
    try:
        _refuse_other(said, line, connection_id, known, index)
    except InputError:
        return False
    return True


def _refuse_other(said: Json, line: Row[Any], connection_id: UUID, known: Known, index: int) -> None:
    """Refuse a changed line that names another item than the line has.

    A code the line came with is no news; another one has to mean the item that was ordered or that goes instead of it.

    Raises:
        InputError: naming both.
    """
    had, items = _codes(line), {line.item_id, line.substituted_item_id} - {None}
    means = {code: known.get((connection_id, code)) for code in line_codes(said)}
    agree = {code for code, item in means.items() if code.code in had.get(code.scheme, ()) or item in items}
    for code, item in means.items():
        # Beside one that agrees, a code nobody knows, of a kind the line has none of, contradicts nothing.
        if code in agree or (agree and item is None and not had.get(code.scheme)):
            continue
        raise InputError(
            f"Line {line.external_id!r} is for {line.item_sku or line.sku or 'an item nobody knows'}, and the change "
            f"names {code.words} on it.",
            fix="Have the buyer take the line off and add one for the other item, or do so here (`crossdock orders "
            "change`).",
            code="CHANGE-ITEM-422",
            errors=[{"path": f"lines.{index}", "reason": f"{code.words} is not the item of the line"}],
        )


def _codes(line: Row[Any]) -> Mapping[str, set[str]]:
    """Return the codes a stored line is known by, by scheme; a GTIN in all its forms."""
    own: Json = {**(line.trade or {}), "sku": line.sku, "item_ref": line.item_ref}
    found: dict[str, set[str]] = {SELLER: set(), BUYER: set(), GTIN: set()}
    for scheme, code in [*line_codes(own), *([Code(GTIN, line.item_gtin)] if line.item_gtin else ())]:
        found.setdefault(scheme, set()).update([code, *(gtin_forms(code) if scheme == GTIN else ())])
    if line.item_sku:
        found[SELLER].add(line.item_sku)
    return found
