"""Bundles: so many units of one item that go instead of one unit of another, such as six singles for a box of six.

A bundle is a kit the hub makes: it is available, promised and routed as any kit, in whole bundles. The order keeps its
own units; a node is told the item and its units, and reports them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from core.domain.money import plain
from core.errors import InputError
from core.services.catalog import upsert_items
from core.store import schema as t
from core.store.unit import Unit

MOST_UNITS, MOST_SKU = 10_000, 128


def check_ratio(sku: str, substitute: str, ratio: Decimal) -> None:
    """Refuse a substitute of which no whole number of units stands for one unit.

    Raises:
        InputError: the ratio is no whole number, or too large.
    """
    if ratio < 1 or ratio != int(ratio):
        raise InputError(
            f"{substitute} cannot stand for {sku} with ratio {plain(ratio)}.",
            why="Nodes ship whole units, so a whole number of units has to stand for one.",
            fix="Give a ratio of 1, 2, 3 …; where one unit stands for several, approve it for an item of that many.",
            code="ITEM-RATIO-422",
            errors=[{"path": "ratio", "reason": "must be a whole number of 1 or more"}],
        )
    if ratio > MOST_UNITS:
        raise InputError(
            f"{plain(ratio)} units of {substitute} for one {sku} are more than {MOST_UNITS:,}.",
            code="ITEM-RATIO-422",
            errors=[{"path": "ratio", "reason": f"must be at most {MOST_UNITS}"}],
        )


def make_bundles(unit: Unit, wanted: Mapping[str, Sequence[Decimal]]) -> None:
    """Make the bundles of items that are not there yet; what they weigh and need is read from their items.

    Args:
        unit: the running transaction.
        wanted: units in a bundle, by the item's SKU; each item exists.

    Raises:
        InputError: another item has the SKU of a bundle, or the item is a kit itself.
    """
    i = t.item.c
    rows = {
        row.sku: row
        for row in unit.conn.execute(select(t.item).where(i.tenant_id == unit.tenant, i.sku.in_(sorted(wanted))))
    }
    names = {(sku, units): f"{sku}*{plain(units)}" for sku, numbers in wanted.items() for units in sorted(set(numbers))}
    there = select(i.sku, i.bundle_of).where(i.tenant_id == unit.tenant, i.sku.in_(sorted(names.values())))
    known = {row.sku: row.bundle_of for row in unit.conn.execute(there)}
    bundles: list[dict[str, Any]] = []
    for (sku, units), name in names.items():
        if name in known and known[name] != rows[sku].id:
            raise InputError(
                f"{name} is an item of its own, so it cannot stand for {plain(units)} units of {sku}.",
                fix="Approve it with ratio 1 if it is just that, or give it another SKU.",
                code="ITEM-RATIO-422",
            )
        if len(name) > MOST_SKU:
            raise InputError(
                f"The bundle of {sku[:40]}… would have a SKU of more than {MOST_SKU} characters.",
                fix="Give the item a shorter SKU.",
                code="ITEM-RATIO-422",
            )
        bundles.append(
            {
                "sku": name,
                "title": f"{plain(units)} x {rows[sku].title or sku}",
                "components": [{"sku": sku, "units": units}],
            }
        )
    made = upsert_items(unit, bundles)
    for (sku, _), name in names.items():
        unit.conn.execute(
            update(t.item)
            .where(i.tenant_id == unit.tenant, i.id == made[name], i.bundle_of.is_(None))
            .values(bundle_of=rows[sku].id)
        )


def bundles_among(unit: Unit, items: Collection[UUID]) -> set[UUID]:
    """Return which of these items are bundles."""
    if not items:
        return set()
    i = t.item.c
    query = select(i.id).where(i.tenant_id == unit.tenant, i.id.in_(list(items)), i.bundle_of.is_not(None))
    return set(unit.conn.execute(query).scalars())
