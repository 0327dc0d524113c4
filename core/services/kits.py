"""Kits: items that are sold whole and lie on the shelf as their components."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from uuid import UUID

from sqlalchemy import text

from core.domain.money import plain
from core.errors import InputError
from core.services.wholes import parts_among
from core.store import schema as t
from core.store.bulk import copy_rows
from core.store.locks import mark_listings
from core.store.read.shelves import read_kits
from core.store.unit import CLOCK, Unit

# More would be an assembly plan, not something a person packs.
MOST_COMPONENTS = 100
CROSSED = """
SELECT i.sku,
       EXISTS (SELECT 1 FROM kit_component k WHERE k.tenant_id = i.tenant_id AND k.kit_id = i.id
               AND k.ended_at IS NULL) AS is_kit,
       EXISTS (SELECT 1 FROM kit_component k WHERE k.tenant_id = i.tenant_id AND k.component_id = i.id
               AND k.ended_at IS NULL) AS is_part,
       EXISTS (SELECT 1 FROM stock_position p WHERE p.tenant_id = i.tenant_id AND p.item_id = i.id
               AND (p.on_hand <> 0 OR p.reserved <> 0 OR p.allocated <> 0)) AS has_stock,
       EXISTS (SELECT 1 FROM protection_rule r WHERE r.tenant_id = i.tenant_id AND r.item_id = i.id
               AND r.kind = 'remaining_life' AND (r.valid_to IS NULL OR r.valid_to > clock_timestamp())) AS has_life,
       i.bundle_of
FROM item i WHERE i.tenant_id = :t AND i.id = ANY(:ids)
"""


def set_components(unit: Unit, kit_id: UUID, sku: str, units: Mapping[UUID, Decimal]) -> None:
    """Make an item a kit of these components, or an ordinary item again when there are none.

    What is promised already keeps the components it was promised with, and the records what it was made of when.

    Args:
        unit: the running transaction.
        kit_id: the item.
        sku: its SKU, for errors.
        units: units in one kit by component.

    Raises:
        InputError: a component is a kit itself or the same item; or the kit has stock of its own, has a rule of
            remaining life, or is part of another kit; or it would have a part of what exists in whole units only.
    """
    _check_bundle(unit, kit_id, sku, units)
    if kit_id in units:
        raise refused(sku, "it would contain itself")
    if len(units) > MOST_COMPONENTS:
        raise refused(sku, f"a kit has at most {MOST_COMPONENTS} components")
    if units:
        _check(unit, sku, kit_id, list(units))
    for (_, _, number), part, own in parts_among(unit, [("", part, number) for part, number in units.items()]):
        raise refused(sku, f"its component {part} is counted in {own}, and {plain(number)} is no whole number of it")
    before = read_kits(unit.conn, [kit_id], unit.tenant).get(kit_id, {})
    at = unit.conn.execute(CLOCK).scalar_one()
    unit.conn.execute(
        text(
            "UPDATE kit_component SET ended_at = :at WHERE tenant_id = :t AND kit_id = :k AND ended_at IS NULL"
            " AND component_id = ANY(:parts)"
        ),
        {
            "t": unit.tenant, "k": kit_id, "at": at,
            "parts": [part for part, number in before.items() if units.get(part) != number],
        },
    )  # fmt: skip
    copy_rows(
        unit,
        t.kit_component,
        ("kit_id", "component_id", "units", "created_at"),
        [(kit_id, part, number, at) for part, number in sorted(units.items()) if before.get(part) != number],
    )
    # A floor of the kit keeps other components from now on.
    mark_listings(unit, [kit_id, *before, *units])


def _check(unit: Unit, sku: str, kit_id: UUID, parts: list[UUID]) -> None:
    for row in unit.conn.execute(text(CROSSED), {"t": unit.tenant, "ids": parts}):
        if row.is_kit:
            raise refused(sku, f"its component {row.sku} is a kit itself")
    kit = unit.conn.execute(text(CROSSED), {"t": unit.tenant, "ids": [kit_id]}).one()
    if kit.is_part:
        raise refused(sku, "it is a component of another kit")
    if kit.has_stock:
        raise refused(sku, "it has stock of its own; count it to 0 first")
    if kit.has_life:
        raise refused(sku, "it has a rule of remaining life; end it, and set it for its components")


def _check_bundle(unit: Unit, kit_id: UUID, sku: str, units: Mapping[UUID, Decimal]) -> None:
    kit = unit.conn.execute(text(CROSSED), {"t": unit.tenant, "ids": [kit_id]}).one()
    if kit.bundle_of is not None and read_kits(unit.conn, [kit_id], unit.tenant)[kit_id] != units:
        raise refused(sku, "it is a bundle that stands for another item, and its name says of what")


def refused(sku: str, why: str) -> InputError:
    """Return the error that says why an item cannot be this kit."""
    return InputError(f"{sku} cannot be such a kit: {why}.", code="STOCK-KIT-422")
