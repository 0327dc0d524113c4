"""Shortfalls: units on the books only because they are promised, which a count did not find.

On hand less shortfall is what is believed to be there. What ends a promise without taking it off the shelf makes room
on the books, and so does whatever arrives; that room pays the shortfall before anybody may have it. Of an item with
lots each lot has its own, and pays its own: the position's is their sum.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text

from core.domain.cases import SHORTFALL
from core.domain.money import plain
from core.domain.shelf import Key
from core.domain.states import LIVE_CASE
from core.domain.vocabulary import MovementKind
from core.services.cases import Member, Opened, open_cases, settle_members
from core.services.lots import SELLABLE, LotUnits, read_lots, recounted, tracked_items, write_lots
from core.store import schema as t
from core.store.bulk import copy_rows
from core.store.locks import Position, lock_positions
from core.store.moves import write_settled
from core.store.unit import Unit

ZERO = Decimal(0)
LIVE = """
SELECT fingerprint FROM exception_case
WHERE tenant_id = %s AND fingerprint = ANY(%s::text[]) AND state = ANY(%s::text[])
"""
NAMES = """
SELECT i.id AS item_id, n.id AS node_id, i.sku, n.code FROM unnest(CAST(:items AS uuid[]), CAST(:nodes AS uuid[]))
    AS w(item_id, node_id)
JOIN item i ON i.tenant_id = :t AND i.id = w.item_id JOIN node n ON n.tenant_id = :t AND n.id = w.node_id
"""

LACKING = """
SELECT l.item_id, l.node_id, l.lot, l.shortfall FROM stock_lot l
JOIN unnest(CAST(:items AS uuid[]), CAST(:nodes AS uuid[])) AS w(item_id, node_id)
     ON l.item_id = w.item_id AND l.node_id = w.node_id
WHERE l.tenant_id = :t AND l.shortfall > 0 ORDER BY l.lot
"""
OF_LOTS = replace(SHORTFALL, sentence=SHORTFALL.sentence.removesuffix(".") + ", {lots}.")
# As many are named; the page of the position has all.
NAMED = 20


@dataclass(frozen=True, slots=True)
class Short:
    """What is believed to be at a position, what is promised there, and how far the one falls short of the other."""

    believed: Decimal
    promised: Decimal
    shortfall: Decimal


def settle(unit: Unit, keys: Collection[Key]) -> None:
    """Let the room a move has made pay shortfalls first, and give back safety stock that had given way.

    The ledger says of each payment that it is one (`adjust`, STOCK-SHORTFALL-001), and the exception of a shortfall
    that is paid is settled.

    Args:
        unit: the running transaction; it holds the locks of these positions, and the move is written, of lots too.
        keys: what `move_stock` returned.
    """
    if not keys:
        return
    positions = lock_positions(unit, keys)
    tracked = tracked_items(unit, {item for (item, _), each in positions.items() if each.shortfall > 0})
    own = read_lots(unit, [key for key in positions if key[0] in tracked]) if tracked else {}
    rows: list[tuple[UUID, UUID, Decimal, Decimal, Decimal, Decimal]] = []
    moves: list[tuple[Any, ...]] = []
    paid_lots: dict[Key, list[LotUnits]] = {}
    short: dict[Key, Short] = {}
    for key, position in sorted(positions.items()):
        promised = position.reserved + position.allocated
        if key in own:
            paid, shortfall, paid_lots[key] = _paid_by_lots(position.shortfall, own[key])
        else:
            # What has left was there: no more can be missing than is still on the books.
            owed = min(position.shortfall, position.on_hand)
            paid = min(owed, max(position.on_hand + position.backorder_limit - promised, ZERO))
            shortfall = owed - paid
        on_hand = position.on_hand - paid
        safety, uncertain = kept_back(position, on_hand)
        if (on_hand, safety, uncertain, shortfall) == (
            position.on_hand, position.safety, position.uncertain, position.shortfall,
        ):  # fmt: skip
            continue
        rows.append((*key, on_hand, safety, uncertain, shortfall))
        changes = -paid, safety - position.safety, uncertain - position.uncertain
        if any(changes):
            kind, cause = (MovementKind.ADJUST, SHORTFALL.code) if paid else (MovementKind.SAFETY, unit.cause)
            moves.append((*key, str(kind), *changes, cause, unit.actor))
        if shortfall != position.shortfall or paid_lots.get(key):
            short[key] = Short(on_hand - shortfall, promised, shortfall)
    write_settled(unit, rows)
    write_lots(unit, paid_lots, str(MovementKind.ADJUST), SHORTFALL.code)
    names = ("item_id", "node_id", "kind", "on_hand", "safety", "uncertain", "cause", "actor")
    copy_rows(unit, t.stock_movement, names, moves)
    for item, node, kind, *_ in moves:
        unit.event("stock.changed", "item", item, {"node": node.hex, "kind": kind})
    report_shortfalls(unit, short, only_live=True)


def kept_back(position: Position, on_hand: Decimal) -> tuple[Decimal, Decimal]:
    """Return (safety, uncertain) with so many on hand: what the promise leaves is for safety first."""
    room = max(on_hand + position.backorder_limit - position.reserved - position.allocated, ZERO)
    safety = min(position.safety_target, room)
    return safety, min(position.uncertain, room - safety)


def _paid_by_lots(shortfall: Decimal, own: Sequence[LotUnits]) -> tuple[Decimal, Decimal, list[LotUnits]]:
    """Return what lots pay of what they lack, what they still lack, and the lots that change."""
    before = {each.lot: each for each in own if each.status == SELLABLE}
    # What none of them is known to lack is looked for as what a count without lots does not find.
    nobodys = max(shortfall - sum((each.shortfall for each in before.values()), ZERO), ZERO)
    after = recounted(own, sum((each.believed for each in before.values()), -nobodys))
    paid = sum((before[each.lot].on_hand - each.on_hand for each in after), ZERO)
    return paid, sum((each.shortfall for each in after), ZERO), [each for each in after if each != before[each.lot]]


def fingerprint(key: Key) -> str:
    """Return what names the exception of a position's shortfall."""
    return f"{SHORTFALL.code}:{key[0].hex}:{key[1].hex}"


def report_shortfalls(unit: Unit, found: Mapping[Key, Short], *, only_live: bool = False) -> None:
    """Settle the exceptions of shortfalls that are paid, and open those of the others, or say their new numbers.

    Args:
        unit: the running transaction.
        found: positions whose shortfall has changed.
        only_live: leave alone what a person has put away: what is left of a shortfall is no news.
    """
    paid = [key for key, each in found.items() if not each.shortfall]
    settle_members(
        unit, "position", [item for item, _ in paid], fingerprints=[fingerprint(each) for each in paid]
    )  # fmt: skip
    short = {key: each for key, each in found.items() if each.shortfall}
    if only_live and short:
        prints = [fingerprint(key) for key in short]
        live = set(unit.conn.exec_driver_sql(LIVE, (unit.tenant, prints, [str(x) for x in LIVE_CASE])).scalars())
        short = {key: each for key, each in short.items() if fingerprint(key) in live}
    if not short:
        return
    opened = []
    items, nodes = [item for item, _ in short], [node for _, node in short]
    values: dict[str, Any] = {"t": unit.tenant, "items": items, "nodes": nodes}
    lots: dict[Key, list[str]] = {}
    for row in unit.conn.execute(text(LACKING), values):
        units = f"{plain(row.shortfall)} of {'lot ' + row.lot if row.lot else 'no known lot'}"
        lots.setdefault((row.item_id, row.node_id), []).append(units)
    for row in unit.conn.execute(text(NAMES), values):
        key = row.item_id, row.node_id
        each = short[key]
        evidence = {
            "sku": row.sku, "node": row.code, "counted": plain(each.believed), "promised": plain(each.promised),
            "shortfall": plain(each.shortfall),
        }  # fmt: skip
        if own := lots.get(key):
            evidence["lots"] = ", ".join([*own[:NAMED], *([f"{len(own) - NAMED} more lots"] if own[NAMED:] else [])])
        member = Member("position", row.item_id, None, each.shortfall)
        arguments = {"sku": row.sku, "node": row.code}
        cause = OF_LOTS if own else SHORTFALL
        opened.append(Opened(cause, fingerprint(key), evidence, [member], node_id=row.node_id, arguments=arguments))
    open_cases(unit, opened)
