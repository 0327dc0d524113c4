"""Whether a channel shows what it was told: doubts first, and a case only where sales do not explain the difference."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text

from core.domain.cases import DRIFT
from core.domain.money import plain
from core.ports.connectors import Json
from core.services.cases import Member, Opened, open_cases, settle_members
from core.services.channel_stock import mark
from core.services.facts import Facts
from core.store.locks import lock_listings
from core.store.unit import Unit

# Longer than the usual wait between two polls of orders: a missed webhook's order is found within that time.
GRACE_SECONDS = 1_200.0
TOLD = """
SELECT r.code, r.item_id, i.sku, l.connection_id, l.pushed_quantity, l.pushed_at, l.dirty_at, l.doubted_at
FROM item_reference r
JOIN item i ON i.tenant_id = r.tenant_id AND i.id = r.item_id
JOIN listing l ON l.tenant_id = r.tenant_id AND l.connection_id = r.connection_id AND l.item_id = r.item_id
WHERE r.tenant_id = :t AND r.connection_id = :c AND r.code = ANY(:codes)
"""
DOUBT = """
UPDATE listing l
SET shown_quantity = d.shown, doubted_at = CASE WHEN d.begins THEN clock_timestamp() ELSE l.doubted_at END
FROM unnest(%s::uuid[], %s::numeric[], %s::boolean[]) AS d(item_id, shown, begins)
WHERE l.tenant_id = %s AND l.connection_id = %s AND l.item_id = d.item_id
"""
# `waiting` are units the channel has sold of which the hub has the order and no stock yet: held, backordered.
OVERDUE = """
SELECT l.connection_id, l.item_id, i.sku, l.pushed_quantity, l.pushed_at, l.doubted_at, l.shown_quantity, w.waiting
FROM listing l
JOIN item i ON i.tenant_id = l.tenant_id AND i.id = l.item_id
CROSS JOIN LATERAL (
    SELECT coalesce(sum(greatest(n.quantity - n.canceled - n.shipped - coalesce(r.units, 0), 0)), 0) AS waiting
    FROM order_line n
    JOIN orders o ON o.tenant_id = n.tenant_id AND o.id = n.order_id AND o.connection_id = l.connection_id
         AND o.state NOT IN ('completed', 'canceled')
    LEFT JOIN LATERAL (
        SELECT sum(quantity / per_unit) FILTER (WHERE NOT follows) AS units FROM reservation
        WHERE tenant_id = n.tenant_id AND line_id = n.id AND state = 'allocated') r ON true
    WHERE n.tenant_id = l.tenant_id AND n.item_id = l.item_id) w
WHERE l.tenant_id = :t AND l.dirty_at IS NULL
  AND l.doubted_at <= clock_timestamp() - make_interval(secs => :grace)
ORDER BY l.connection_id, l.item_id LIMIT 500
"""


def compare(unit: Unit, facts: Facts, connection_id: UUID, body: Json) -> str:
    """Compare what a channel shows with what it was told and return how many items agree, are doubted, have drifted.

    A difference is a doubt at first, as a channel speaks of a sale, or of a push that is being made, before the hub has
    heard of it. Where the channel shows less, telling it again could sell units twice, so it is left alone: the order
    that explains it brings a new push, which ends the doubt, and `end_doubts` looks after the grace time. Where it
    shows more it would sell what is not there, so it is told again at once; showing more even then is drift.

    Args:
        unit: the running transaction.
        facts: nodes and connections.
        connection_id: the channel.
        body: canonical channel stock (core.domain.documents.ChannelStockSchema).
    """
    rows: dict[str, Any] = {
        row.code: row
        for row in unit.conn.execute(
            text(TOLD), {"t": unit.tenant, "c": connection_id, "codes": [each["code"] for each in body["items"]]}
        )
    }
    as_of = body.get("as_of")
    agreeing: list[Any] = []
    doubted: list[tuple[UUID, Decimal, bool]] = []
    retold: list[UUID] = []
    drifted: list[tuple[Any, Decimal]] = []
    for each in body["items"]:
        row, shown = rows.get(each["code"]), each.get("available")
        if row is None or shown is None or row.pushed_quantity is None or row.dirty_at is not None:
            continue
        if as_of is not None and row.pushed_at > as_of:
            continue  # said before we last told it
        if shown == row.pushed_quantity:
            agreeing.append(row)
            continue
        told_since = row.doubted_at is not None and row.pushed_at > row.doubted_at
        if shown > row.pushed_quantity and told_since:
            drifted.append((row, shown))
        else:
            doubted.append((row.item_id, shown, row.doubted_at is None or told_since))
            if shown > row.pushed_quantity:
                retold.append(row.item_id)
    prints = [_fingerprint(row) for row in agreeing]
    settle_members(unit, "position", [row.item_id for row in agreeing], fingerprints=prints)
    _report(unit, facts, drifted)
    _doubt(unit, connection_id, doubted)
    _end(unit, connection_id, [row.item_id for row in agreeing if row.doubted_at] + [r.item_id for r, _ in drifted])
    mark(unit, connection_id, retold + [row.item_id for row, _ in drifted])
    return f"{len(agreeing)} agree, {len(doubted)} in doubt, {len(drifted)} drifted"


def end_doubts(unit: Unit, facts: Facts, grace: float = GRACE_SECONDS) -> int:
    """End doubts older than the grace time and return how many were drift: those get a case and are told again.

    It is none where the channel has been told since, or shows less by no more than the units of its orders that have no
    stock yet.

    Args:
        unit: the running transaction.
        facts: nodes and connections.
        grace: how long a difference may stay, in seconds.
    """
    overdue = unit.conn.execute(text(OVERDUE), {"t": unit.tenant, "grace": grace}).all()
    drifted = [
        row
        for row in overdue
        if row.pushed_at <= row.doubted_at and not 0 <= row.pushed_quantity - row.shown_quantity <= row.waiting
    ]
    _report(unit, facts, [(row, row.shown_quantity) for row in drifted])
    for connection_id in sorted({row.connection_id for row in overdue}):
        _end(unit, connection_id, [row.item_id for row in overdue if row.connection_id == connection_id])
        mark(unit, connection_id, [row.item_id for row in drifted if row.connection_id == connection_id])
    return len(drifted)


def _fingerprint(row: Any) -> str:
    return f"{DRIFT.code}:{row.connection_id.hex}:{row.item_id.hex}"


def _report(unit: Unit, facts: Facts, drifted: Sequence[tuple[Any, Decimal]]) -> None:
    opened = []
    for row, shown in drifted:
        known = facts.connections.get(row.connection_id)
        name = known.name if known else "?"
        opened.append(
            Opened(
                DRIFT,
                _fingerprint(row),
                {"connection": name, "sku": row.sku, "told": plain(row.pushed_quantity), "shown": plain(shown)},
                [Member("position", row.item_id)],
                connection_id=row.connection_id,
                arguments={"sku": row.sku, "connection": name},
            )
        )
    open_cases(unit, opened)


def _doubt(unit: Unit, connection_id: UUID, doubted: Sequence[tuple[UUID, Decimal, bool]]) -> None:
    """Remember what is shown, and since when where a doubt begins."""
    if doubted:
        items, shown, begins = (list(column) for column in zip(*doubted, strict=True))
        lock_listings(unit, connection_id, items)
        unit.conn.exec_driver_sql(DOUBT, (items, shown, begins, unit.tenant, connection_id))


def _end(unit: Unit, connection_id: UUID, items: Collection[UUID]) -> None:
    if items:
        lock_listings(unit, connection_id, items)
        unit.conn.execute(
            text(
                "UPDATE listing SET doubted_at = NULL WHERE tenant_id = :t AND connection_id = :c"
                " AND item_id = ANY(CAST(:items AS uuid[]))"
            ),
            {"t": unit.tenant, "c": connection_id, "items": list(items)},
        )
