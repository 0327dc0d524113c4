"""What must hold of stock after every step, told from the rows alone and not by the code that wrote them."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from core.domain.ids import public_id
from core.errors import CrossdockError
from core.services.moving import merge_fulfillments, move_fulfillment, split_fulfillment
from core.services.reserving import release_group
from tests.core.world import World

# Open units of a node's work are exactly what is allocated to it; work that is over holds nothing.
WORK_AND_PROMISE = """
SELECT f.id, f.state, l.open, coalesce(r.units, 0) AS allocated FROM fulfillment_order f
CROSS JOIN LATERAL (SELECT sum(quantity - shipped - canceled) AS open FROM fulfillment_line
                    WHERE fulfillment_id = f.id) l
LEFT JOIN LATERAL (SELECT sum(quantity / per_unit) FILTER (WHERE NOT follows) AS units FROM reservation
                   WHERE fulfillment_id = f.id AND state = 'allocated') r ON true
WHERE l.open <> coalesce(r.units, 0)
   OR (f.state IN ('shipped', 'rejected', 'canceled', 'short') AND coalesce(r.units, 0) <> 0)
"""
LINES = """
SELECT l.id, l.quantity, l.canceled, l.shipped, coalesce(r.units, 0) AS allocated, coalesce(s.units, 0) AS left_nodes
FROM order_line l
LEFT JOIN LATERAL (SELECT sum(quantity / per_unit) FILTER (WHERE NOT follows) AS units FROM reservation
                   WHERE line_id = l.id AND state = 'allocated') r ON true
LEFT JOIN LATERAL (SELECT sum(quantity) AS units FROM shipment_line WHERE line_id = l.id) s ON true
WHERE l.canceled + l.shipped + coalesce(r.units, 0) > l.quantity OR l.shipped <> coalesce(s.units, 0)
"""
# What left for a line was promised to it once, and the promise is used up by just that much.
USED_UP = """
SELECT l.id, l.shipped, coalesce(r.units, 0) AS consumed FROM order_line l
LEFT JOIN LATERAL (SELECT sum(quantity / per_unit) FILTER (WHERE NOT follows) AS units FROM reservation
                   WHERE line_id = l.id AND state = 'consumed') r ON true
WHERE l.ships AND l.shipped <> coalesce(r.units, 0)
"""
# What ended of a promise ended in the ledger as well, at its item and node, and as the same kind.
ENDED = """
SELECT * FROM (
    SELECT item_id, node_id,
           sum(quantity) FILTER (WHERE state = 'consumed') AS consumed,
           sum(quantity) FILTER (WHERE state = 'released' AND group_id IS NULL) AS released,
           sum(quantity) FILTER (WHERE state IN ('released', 'expired') AND group_id IS NOT NULL) AS freed
    FROM reservation GROUP BY 1, 2) r
FULL JOIN (
    SELECT item_id, node_id,
           -sum(allocated) FILTER (WHERE kind = 'ship') AS consumed,
           -sum(allocated) FILTER (WHERE kind = 'release') AS released,
           -sum(reserved) FILTER (WHERE kind IN ('release', 'expire')) AS freed
    FROM stock_movement GROUP BY 1, 2) m USING (item_id, node_id)
WHERE (coalesce(r.consumed, 0), coalesce(r.released, 0), coalesce(r.freed, 0))
      IS DISTINCT FROM (coalesce(m.consumed, 0), coalesce(m.released, 0), coalesce(m.freed, 0))
"""
OVERSOLD = """
SELECT item_id, node_id FROM stock_position
WHERE reserved + allocated > on_hand - safety + backorder_limit OR safety > safety_target OR safety < 0
   OR (shortfall > 0 AND reserved + allocated < on_hand + backorder_limit) OR shortfall > on_hand
"""
POSITION = """
SELECT p.*, p.reserved + p.allocated AS promised FROM stock_position p JOIN item i ON i.id = item_id
JOIN node n ON n.id = node_id WHERE i.sku = :sku AND n.code = :node
"""
# What has come and left since a moment; the rest of the ledger corrects the books.
SINCE = """
SELECT coalesce(sum(m.on_hand), 0) AS units FROM stock_movement m JOIN item i ON i.id = item_id
JOIN node n ON n.id = node_id WHERE i.sku = :sku AND n.code = :node AND m.at > :at AND m.kind <> 'count'
  AND coalesce(m.cause, '') NOT IN ('STOCK-SHORTFALL-001', 'STOCK-UNBOOKED-001')
"""
OPEN_WORK = """
SELECT l.line_id, f.node_id, sum(l.quantity - l.shipped - l.canceled) AS units
FROM fulfillment_line l JOIN fulfillment_order f ON f.id = l.fulfillment_id
WHERE f.order_id = (SELECT order_id FROM fulfillment_order WHERE id = :work)
  AND f.state NOT IN ('shipped', 'rejected', 'canceled', 'short')
GROUP BY 1, 2 HAVING sum(l.quantity - l.shipped - l.canceled) > 0 ORDER BY 1, 2
"""


def check_stock(world: World) -> None:
    """Assert every rule that holds between any two steps."""
    world.check_books()
    for sql in (WORK_AND_PROMISE, LINES, USED_UP, ENDED, OVERSOLD):
        assert world.all(sql) == []


def count(world: World, sku: str, node: str, units: int, at: datetime) -> None:
    """Have a node count, and assert what a count that is not late leaves of its position."""
    items = [{"sku": sku, "on_hand": str(units)}]
    since = world.one(SINCE, sku=sku, node=node, at=at).units
    world.send("stock", {"node": node, "as_of": at.isoformat(), "items": items}, world.wms)
    world.drain()
    check_position(world, sku, node, max(units + since, Decimal(0)), at)


def check_position(world: World, sku: str, node: str, counted: Decimal, at: datetime | None) -> None:
    """Assert a position just counted: what is promised stays covered, and safety is all that then can be kept back.

    Orders that waited may have taken stock since, so safety is at most what was free then and at least what is now.
    """
    row = world.one(POSITION, sku=sku, node=node)
    if row is None or (at is not None and row.counted_at != at):
        return
    assert (row.on_hand - row.shortfall, row.shortfall >= 0) == (counted, True)
    assert row.shortfall == 0 or row.on_hand == max(row.promised - row.backorder_limit, Decimal(0))
    free = row.on_hand + row.backorder_limit - row.promised
    assert row.safety == row.safety_target or row.safety >= free


def open_units(world: World, work: UUID) -> Sequence[Any]:
    """Return the units in work of the order of this work: (line, node, units)."""
    return [tuple(row) for row in world.all(OPEN_WORK, work=work)]


def split(world: World, work: UUID, sku: str, units: int) -> bool:
    """Split work, and assert that both halves are as much as it was; return whether it could be split."""
    before = open_units(world, work)
    with suppress(CrossdockError):
        with world.store.begin(actor="test") as unit:
            lines = [{"sku": sku, "quantity": Decimal(units)}]
            made = split_fulfillment(unit, world.hub.facts.get(unit.conn, 1), public_id("fulfillment", work), lines)
        assert len(set(made)) == 2
        assert open_units(world, work) == before
        return True
    assert open_units(world, work) == before
    return False


def merge(world: World, works: Sequence[UUID]) -> bool:
    """Merge work, and assert that the one is as much as they were; return whether they could be merged."""
    before = open_units(world, works[0])
    with suppress(CrossdockError):
        with world.store.begin(actor="test") as unit:
            names = [public_id("fulfillment", each) for each in works]
            merge_fulfillments(unit, world.hub.facts.get(unit.conn, 1), names)
        assert open_units(world, works[0]) == before
        return True
    assert open_units(world, works[0]) == before
    return False


def move(world: World, work: UUID, node: str) -> bool:
    """Move work to a node, and assert that it is as much there as it was; return whether it could be moved."""
    before = open_units(world, work)
    with suppress(CrossdockError):
        with world.store.begin(actor="test") as unit:
            move_fulfillment(unit, world.hub.facts.get(unit.conn, 1), public_id("fulfillment", work), node)
        lines = {line: Decimal(0) for line, _, _ in before}
        now = dict(lines)
        for line, _, units in before:
            lines[line] += units
        for line, _, units in open_units(world, work):
            now[line] += units
        assert now == lines
        return True
    assert open_units(world, work) == before
    return False


def give_back(world: World, group: UUID) -> bool:
    """Leave a checkout; return whether it had something to give back."""
    with suppress(CrossdockError), world.store.begin(actor="test") as unit:
        release_group(unit, group)
        return True
    return False
