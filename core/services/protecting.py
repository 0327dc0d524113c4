"""Protection rules: setting them, ending them, and telling channels when one begins or ends by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, insert, select, text

from core.domain.ids import public_id, uuid7
from core.domain.vocabulary import Protection
from core.errors import Conflict, InputError, NotFound
from core.services.catalog import ANY_CONNECTION, connection_named, node_coded, resolve_skus
from core.services.wholes import require_whole
from core.store import schema as t
from core.store.locks import lock_waiting_orders, mark_all_listings, mark_listings
from core.store.read.shelves import read_kits
from core.store.unit import CLOCK, ORDERS, Unit

# Rules told of in one sweep.
AT_ONCE = 200
LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, :t))")
SAME_PLACE = """
UPDATE protection_rule SET valid_to = greatest(valid_from, :at), told_at = clock_timestamp()
WHERE tenant_id = :t AND connection_id = :c AND item_id IS NOT DISTINCT FROM :i AND node_id IS NOT DISTINCT FROM :n
  AND kind = :k AND valid_to IS NULL AND valid_from <= :at
"""
UNTOLD = """
SELECT id, item_id, connection_id, kind FROM protection_rule
WHERE tenant_id = :t AND ((valid_from <= clock_timestamp() AND (told_at IS NULL OR told_at < valid_from))
                          OR (valid_to <= clock_timestamp() AND (told_at IS NULL OR told_at < valid_to)))
ORDER BY id LIMIT :most FOR NO KEY UPDATE SKIP LOCKED
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a rule holds: for whom, of what, and at which node."""

    connection_id: UUID
    item_id: UUID | None
    node_id: UUID | None

    def lock(self, unit: Unit, kind: str) -> None:
        """Wait until nobody else writes a rule of this kind for this place."""
        name = f"rule {kind} {self.connection_id} {self.item_id} {self.node_id}"
        unit.conn.execute(LOCK, {"t": unit.tenant, "name": name})


def set_rule(
    unit: Unit,
    *,
    connection: str,
    kind: str,
    quantity: Decimal,
    sku: str | None = None,
    node: str | None = None,
    valid_from: datetime | None = None,
    valid_to: datetime | None = None,
) -> UUID:
    """Write a protection rule and return its id; one without an end replaces one of the same place without an end.

    Args:
        unit: the running transaction.
        connection: name of the channel it is for.
        kind: buffer, cap, floor (units) or remaining_life (days a lot must still have).
        quantity: units, or days.
        sku: the item; each item when left out.
        node: the node's code; all nodes together when left out.
        valid_from: when it begins; at once when left out or past: what was promised before stays explained.
        valid_to: when it ends; a rule it overlaid holds again then.

    Raises:
        NotFound: there is no such connection, item or node.
        InputError: it ends before it begins, keeps a part of what is counted, or asks for the remaining life of a kit.
    """
    place = _place(unit, connection, sku, node, kind)
    if place.item_id is not None and kind != Protection.REMAINING_LIFE:
        require_whole(unit, ("quantity", place.item_id, quantity))
    place.lock(unit, kind)
    # Later than what was written for this place by whoever held its lock before, which this rule may replace.
    clock = unit.conn.execute(CLOCK).scalar_one()
    begins = max(valid_from or clock, clock)
    if valid_to is not None and valid_to <= begins:
        raise InputError("The rule would end before it begins.", errors=[{"path": "valid_to", "reason": "too early"}])
    if valid_to is None:
        unit.conn.execute(
            text(SAME_PLACE),
            {
                "t": unit.tenant, "c": place.connection_id, "i": place.item_id, "n": place.node_id, "k": kind,
                "at": begins,
            },
        )  # fmt: skip
    rule_id = uuid7()
    unit.conn.execute(
        insert(t.protection_rule).values(
            tenant_id=unit.tenant,
            id=rule_id,
            connection_id=place.connection_id,
            item_id=place.item_id,
            node_id=place.node_id,
            kind=str(Protection(kind)),
            quantity=quantity,
            valid_from=begins,
            valid_to=valid_to,
            told_at=begins if begins <= clock else None,
            actor=unit.actor,
        )
    )
    if begins <= clock:
        _tell(unit, place.item_id)
    return rule_id


def _place(unit: Unit, connection: str, sku: str | None, node: str | None, kind: str) -> Place:
    owner = connection_named(unit, connection).id
    item = None
    if sku is not None:
        found = resolve_skus(unit, {(ANY_CONNECTION, sku)})
        if not found:
            raise NotFound(f"No item has the SKU {sku[:130]!r}.", errors=[{"path": "sku", "reason": "no item has it"}])
        item = found[ANY_CONNECTION, sku]
        if kind == Protection.REMAINING_LIFE and read_kits(unit.conn, [item], unit.tenant):
            raise InputError(
                f"{sku} is a kit, and a kit has no lots of its own.",
                fix="Set the remaining life for its components.",
                code="STOCK-KIT-422",
                errors=[{"path": "sku", "reason": "is a kit"}],
            )
    return Place(owner, item, None if node is None else node_coded(unit, node))


def end_rule(unit: Unit, rule_id: UUID) -> None:
    """End a protection rule now; it stays in the records, so that figures of the past stay explained.

    Raises:
        NotFound: there is no such rule.
        Conflict: it has ended already.
    """
    r = t.protection_rule.c
    rule = unit.conn.execute(
        select(t.protection_rule).where(r.tenant_id == unit.tenant, r.id == rule_id).with_for_update(key_share=True)
    ).one_or_none()
    if rule is None:
        raise NotFound(f"There is no protection rule {public_id('protection', rule_id)}.")
    if rule.valid_to is not None and rule.valid_to <= unit.now:
        raise Conflict("The rule has ended already.", code="PROTECT-ENDED-409")
    unit.conn.execute(
        text(
            "UPDATE protection_rule SET valid_to = greatest(valid_from, :now), told_at = greatest(valid_from, :now)"
            " WHERE tenant_id = :t AND id = :id"
        ),
        {"t": unit.tenant, "id": rule_id, "now": unit.now},
    )
    _tell(unit, rule.item_id)


def tell_protection(unit: Unit) -> int:
    """Have channels told of rules that began or ended by themselves, and backorders looked at; return how many.

    A sweep of the relay: rules have times, and nothing else happens at those times.
    """
    rules: Sequence[Row[Any]] = unit.conn.execute(text(UNTOLD), {"t": unit.tenant, "most": AT_ONCE}).all()
    if not rules:
        return 0
    unit.conn.execute(
        text("UPDATE protection_rule SET told_at = clock_timestamp() WHERE tenant_id = :t AND id = ANY(:ids)"),
        {"t": unit.tenant, "ids": [rule.id for rule in rules]},
    )
    items = {rule.item_id for rule in rules}
    _tell(unit, None) if None in items else _tell(unit, *items)
    return len(rules)


def _tell(unit: Unit, *items: UUID | None) -> None:
    """Have backorders of these items sourced again and every channel told; of all items when one of them is None.

    What is kept for a kit is kept of its components, so they are told of as well.
    """
    named = [item for item in items if item is not None]
    named += {part for parts in read_kits(unit.conn, named, unit.tenant).values() for part in parts}
    if lock_waiting_orders(unit, None if None in items else named):
        unit.wake(ORDERS)
    if None in items:
        mark_all_listings(unit)
    else:
        mark_listings(unit, named)
