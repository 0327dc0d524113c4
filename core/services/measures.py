"""Units of measure that nodes report in: brought to those of the items, and refused where nobody knows how."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from core.domain.units import PIECES, same_package
from core.errors import InputError
from core.ports.connectors import Json
from core.services.agreements import packs_of
from core.services.catalog import resolve_skus, units_of
from core.services.fulfilling import lines_named
from core.store.unit import Unit

ONE = Decimal(1)


class Measures:
    """How many units of an item one of a reported unit is; what packs hold is read once for all of them."""

    def __init__(self, unit: Unit, items: Collection[UUID]) -> None:
        self._own = units_of(unit, items)
        self._packs = packs_of(unit, items)

    def factor(self, item: UUID, said: str, sku: str, path: str) -> Decimal:
        """Return how many units of the item one of the reported unit is.

        Args:
            item: the item.
            said: UN/ECE code of the reported unit; a piece by any of its names is the item's own unit.
            sku: how the report calls the item.
            path: where in the report the unit stands.

        Raises:
            InputError: it is another unit than the item's, and nobody said how many of those it holds.
        """
        own, known = self._own[item], self.known(item, said)
        if known is not None:
            return known
        raise InputError(
            f"{sku} is reported in {said} and counted in {own}, and nobody said how many {own} one {said} holds.",
            fix=f"Say it with `crossdock terms pack {sku} {said} UNITS` and replay the message, or have the node report"
            f" in {own}.",
            code="UNIT-PACK-422",
            errors=[{"path": path, "reason": f"is {said}, of which no pack is known"}],
        )

    def known(self, item: UUID, said: str) -> Decimal | None:
        """Return how many units of the item one of a unit is, or None where nobody said it."""
        known = next((self._packs[item, each] for each in same_package(said) if (item, each) in self._packs), None)
        if known is not None:
            return known
        return ONE if said in PIECES or self._own.get(item) in same_package(said) else None


def in_own_units(unit: Unit, rows: Sequence[Json], source: UUID, path: str, *names: str) -> list[Json]:
    """Return rows of a report with their quantities in units of their items, and without `unit`.

    A row of an item nobody knows stays as it is: whoever applies the report says so.

    Args:
        unit: the running transaction.
        rows: with `sku` and, where another unit is meant, `unit`.
        source: the connection whose codes they are.
        path: of the rows in the report, for errors.
        names: of their quantities.

    Raises:
        InputError: a unit is another than the item's, and no pack of the item is known by it.
    """
    if not any(each.get("unit") for each in rows):
        return list(rows)
    items = resolve_skus(unit, {(source, each["sku"]) for each in rows})
    measures = Measures(unit, set(items.values()))
    found = []
    for at, each in enumerate(rows):
        item, said = items.get((source, each["sku"])), each.get("unit")
        factor = ONE if item is None or not said else measures.factor(item, said, each["sku"], f"{path}.{at}.unit")
        found.append(_times(each, factor, names))
    return found


def in_units_of_work(unit: Unit, reports: Sequence[tuple[Json, Sequence[Row[Any]]]]) -> list[Json | InputError]:
    """Return reports of nodes on their work in units of the items, or why one cannot be.

    Args:
        unit: the running transaction.
        reports: each with the lines of the work it is about, as `fulfilling.work_lines` returns them.
    """
    said = [(each, lines) for document, lines in reports for each in _rows(document) if each.get("unit")]
    if not said:
        return [document for document, _ in reports]
    items = {item for each, lines in said for item in _items(each, lines)}
    measures = Measures(unit, items)
    found: list[Json | InputError] = []
    for document, lines in reports:
        try:
            found.append(_measured(document, lines, measures))
        except InputError as error:
            found.append(error)
    return found


def _rows(document: Json) -> Iterator[Json]:
    yield from document.get("lines") or ()
    for package in document.get("packages") or ():
        yield from package.get("contents") or ()


def _items(row: Mapping[str, Any], lines: Sequence[Row[Any]]) -> list[UUID]:
    """Return the item a row is counted in units of: of a bundle the one its units are, unless the order's is named."""
    named = row.get("sku") or row.get("line")
    return [
        line.item_id if named in (line.item_sku, line.sku) else line.told_item for line in lines_named(lines, row)[:1]
    ]


def _measured(document: Json, lines: Sequence[Row[Any]], measures: Measures) -> Json:
    def own(rows: Sequence[Json], path: str) -> list[Json]:
        found = []
        for at, each in enumerate(rows):
            named, factor = _items(each, lines), ONE
            if each.get("unit") and named:
                sku = str(each.get("sku") or each.get("line"))
                factor = measures.factor(named[0], each["unit"], sku, f"{path}.{at}.unit")
            found.append(_times(each, factor, ("quantity",)))
        return found

    made = dict(document)
    if document.get("lines"):
        made["lines"] = own(document["lines"], "lines")
    if document.get("packages"):
        made["packages"] = [
            {**each, "contents": own(each["contents"], f"packages.{at}.contents")} if each.get("contents") else each
            for at, each in enumerate(document["packages"])
        ]
    return made


def _times(row: Json, factor: Decimal, names: Sequence[str]) -> Json:
    made = {name: value for name, value in row.items() if name != "unit"}
    return made | {name: made[name] * factor for name in names if made.get(name) is not None}
