"""How far positions may be promised beyond what is there, when the limit of their item changes.

A position's limit is its item's, and units of open supply that may be promised before they come. It has none of its
own. A limit is lowered as far as promises allow; the rest follows when they end, and a case says so until then.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text

from core.domain.cases import LIMIT
from core.domain.money import plain
from core.domain.shelf import Key
from core.domain.vocabulary import MovementKind
from core.services.cases import Member, Opened, open_cases, settle_members
from core.services.shortfalls import settle
from core.store import schema as t
from core.store.bulk import copy_rows
from core.store.locks import lock_positions, mark_listings
from core.store.moves import move_limit
from core.store.unit import Unit

# Positions brought to their limit in one sweep.
AT_ONCE = 5_000
POSITIONS = """
FROM stock_position p JOIN item i ON i.tenant_id = p.tenant_id AND i.id = p.item_id
LEFT JOIN (
    SELECT item_id, node_id, sum(promisable) AS units FROM supply
    WHERE tenant_id = :t AND state IN ('expected', 'in_transit') AND promisable > 0 GROUP BY item_id, node_id
) s ON s.item_id = p.item_id AND s.node_id = p.node_id
"""
LIMITED = "i.backorder_limit + coalesce(s.units, 0)"
ABOUT_TO = text(f"""
SELECT p.item_id, p.node_id {POSITIONS}
JOIN unnest(CAST(:skus AS text[]), CAST(:limits AS numeric[])) AS w(sku, units) ON w.sku = i.sku
WHERE p.tenant_id = :t AND p.backorder_limit <> w.units + coalesce(s.units, 0)
""")
# Left out is what cannot be lowered now: all that is there, and may be promised beyond it, is promised.
OTHERWISE = text(f"""
SELECT p.item_id, p.node_id {POSITIONS}
WHERE p.tenant_id = :t AND (CAST(:items AS uuid[]) IS NULL OR p.item_id = ANY(:items))
  AND p.backorder_limit <> {LIMITED}
  AND (p.backorder_limit < {LIMITED} OR :all OR p.on_hand + p.backorder_limit > p.reserved + p.allocated)
ORDER BY p.item_id, p.node_id LIMIT :most
""")
WANTED = text(f"""
SELECT p.item_id, p.node_id, i.sku, n.code, {LIMITED} AS units {POSITIONS}
JOIN unnest(CAST(:items AS uuid[]), CAST(:nodes AS uuid[])) AS w(item_id, node_id)
     ON w.item_id = p.item_id AND w.node_id = p.node_id
JOIN node n ON n.tenant_id = p.tenant_id AND n.id = p.node_id
WHERE p.tenant_id = :t ORDER BY p.item_id, p.node_id
""")
FOLLOWING = text("""
SELECT DISTINCT m.subject_id FROM exception_case c JOIN case_member m ON m.tenant_id = c.tenant_id AND m.case_id = c.id
WHERE c.tenant_id = :t AND c.code = :code AND m.resolved_at IS NULL
  AND c.state IN ('open', 'auto_resolving', 'assigned', 'snoozed')
""")
SETTLED = text(f"""
SELECT p.item_id, p.node_id {POSITIONS}
JOIN case_member m ON m.tenant_id = p.tenant_id AND m.subject = 'position' AND m.subject_id = p.item_id
     AND m.resolved_at IS NULL
JOIN exception_case c ON c.tenant_id = m.tenant_id AND c.id = m.case_id AND c.node_id = p.node_id AND c.code = :code
WHERE p.tenant_id = :t AND p.backorder_limit <= {LIMITED}
""")


def lock_limits(unit: Unit, limits: Mapping[str, Decimal]) -> None:
    """Lock the positions that limits by SKU would change, before the items are locked to get them."""
    if limits:
        values = {"t": unit.tenant, "skus": list(limits), "limits": list(limits.values())}
        lock_positions(unit, [(row.item_id, row.node_id) for row in unit.conn.execute(ABOUT_TO, values)])


def apply_limits(unit: Unit, items: Collection[UUID]) -> int:
    """Bring positions of these items to their limits as far as promises allow, and return how many changed.

    A step of each change of an item; a case is opened for each position that cannot follow.
    """
    return _bring(unit, items, every=True)


def follow_limits(unit: Unit) -> int:
    """Bring positions that could not follow a lowered limit nearer to it, now that promises have ended.

    A sweep of the relay; it returns how many changed.
    """
    items = unit.conn.execute(FOLLOWING, {"t": unit.tenant, "code": LIMIT.code}).scalars().all()
    return _bring(unit, items, every=False) if items else 0


def check_limits(unit: Unit) -> int:
    """Do what `follow_limits` does for all positions there are, whatever became of their cases."""
    return _bring(unit, None, every=False)


def _bring(unit: Unit, items: Collection[UUID] | None, *, every: bool) -> int:
    values: dict[str, Any] = {"t": unit.tenant, "items": None if items is None else sorted(items), "most": AT_ONCE}
    rows = unit.conn.execute(OTHERWISE, {**values, "all": every}).all()
    changed = _apply(unit, [(row.item_id, row.node_id) for row in rows]) if rows else 0
    done = unit.conn.execute(SETTLED, {"t": unit.tenant, "code": LIMIT.code}).all()
    prints = [_print((row.item_id, row.node_id)) for row in done]
    settle_members(unit, "position", {row.item_id for row in done}, fingerprints=prints)
    return changed


def _apply(unit: Unit, keys: list[Key]) -> int:
    positions = lock_positions(unit, keys)
    values = {"t": unit.tenant, "items": [item for item, _ in keys], "nodes": [node for _, node in keys]}
    moves, opened = [], []
    for row in unit.conn.execute(WANTED, values).all():
        key = row.item_id, row.node_id
        position = positions[key]
        room = position.free + position.safety + position.uncertain
        delta = max(row.units - position.backorder_limit, -max(room, Decimal(0)))
        if delta:
            safety, uncertain = move_limit(unit, key, delta)
            kept = safety - position.safety, uncertain - position.uncertain
            moves.append((*key, str(MovementKind.LIMIT), *kept, delta, unit.cause, unit.actor))
        over = position.backorder_limit + delta - row.units
        if over > 0:
            told = {"sku": row.sku, "node": row.code, "limit": plain(row.units), "over": plain(over)}
            member = Member("position", row.item_id, None, over)
            opened.append(Opened(LIMIT, _print(key), told, [member], node_id=row.node_id))
    names = ("item_id", "node_id", "kind", "safety", "uncertain", "backorder_limit", "cause", "actor")
    copy_rows(unit, t.stock_movement, names, moves)
    mark_listings(unit, {move[0] for move in moves})
    # What a count did not find comes before what a higher limit lets anybody promise.
    settle(unit, [key for key, position in positions.items() if position.shortfall])
    open_cases(unit, opened)
    return len(moves)


def _print(key: Key) -> str:
    return f"{LIMIT.code}:{key[0].hex}:{key[1].hex}"
