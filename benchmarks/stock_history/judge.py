"""The judge of a history: does an order of operations exist that explains every answer, for each position?

Ledger rows of a position are written under its lock, so their numbers are the order claimed. The claim is checked:

1. every acknowledged operation with a known effect is in the ledger with exactly that effect, once; a refused one is
   not; one whose outcome nobody knows is there whole or not at all;
2. an operation that returned before another was called comes before it (real-time order);
3. after each entry nothing is negative, nothing is oversold, and the capped item and the capped kit are within their
   caps; a count leaves what it counted, or what is promised if that is more;
4. a refusal for want of units, and a count that changed nothing, fit some state between their call and return;
5. in a batch of reservations each answer is the one that taking them in their order from what was there gives
   (see batches.py); one whose outcome nobody knows did just that or nothing.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from benchmarks.stock_history.batches import Before, Place, check_batch, refused_unseen
from benchmarks.stock_history.calls import Operation, Verdict
from benchmarks.stock_history.kits import PromisedKits
from benchmarks.stock_history.world import CAP, CAPPED, LOTS, PLAIN

LEDGER = """
SELECT m.id, i.sku, n.code, m.kind, m.on_hand, m.reserved, m.allocated, m.cause,
       extract(epoch FROM m.at) AS at FROM stock_movement m
JOIN item i ON i.id = m.item_id JOIN node n ON n.id = m.node_id ORDER BY m.id
"""
BOOKS = {
    "positions differ from the ledger": """
        SELECT count(*) FROM stock_position p LEFT JOIN (
            SELECT item_id, node_id, sum(on_hand) AS h, sum(reserved) AS r, sum(allocated) AS a
            FROM stock_movement GROUP BY 1, 2) m USING (item_id, node_id)
        WHERE (p.on_hand, p.reserved, p.allocated) IS DISTINCT FROM (coalesce(m.h, 0), coalesce(m.r, 0),
                                                                     coalesce(m.a, 0))""",
    "positions differ from reservations": """
        SELECT count(*) FROM stock_position p LEFT JOIN (
            SELECT item_id, node_id, sum(quantity) FILTER (WHERE state = 'held') AS held,
                   sum(quantity) FILTER (WHERE state = 'allocated') AS taken FROM reservation GROUP BY 1, 2) r
            USING (item_id, node_id)
        WHERE (p.reserved, p.allocated) IS DISTINCT FROM (coalesce(r.held, 0), coalesce(r.taken, 0))""",
    "positions sell what a count did not find": """
        SELECT count(*) FROM stock_position WHERE (shortfall > 0 AND on_hand + backorder_limit > reserved + allocated)
        OR shortfall > on_hand""",
    "positions differ from their lots": """
        SELECT count(*) FROM stock_position p JOIN item i ON i.id = p.item_id AND i.tracking = 'lot' LEFT JOIN (
            SELECT item_id, node_id, sum(on_hand) AS h, sum(promised) AS p FROM stock_lot WHERE status = 'sellable'
            GROUP BY 1, 2) l USING (item_id, node_id)
        WHERE (p.on_hand, p.reserved + p.allocated) IS DISTINCT FROM (coalesce(l.h, 0), coalesce(l.p, 0))""",
    "lots differ from their ledger": """
        SELECT count(*) FROM stock_lot l FULL JOIN (
            SELECT item_id, node_id, lot, status, sum(on_hand) AS h, sum(promised) AS p, sum(shortfall) AS s
            FROM lot_movement GROUP BY 1, 2, 3, 4) m USING (item_id, node_id, lot, status)
        WHERE (coalesce(l.on_hand, 0), coalesce(l.promised, 0), coalesce(l.shortfall, 0))
              IS DISTINCT FROM (coalesce(m.h, 0), coalesce(m.p, 0), coalesce(m.s, 0))""",
    "transfers made or lost units": """
        SELECT count(*) FROM transfer f WHERE (SELECT sum(quantity - lost) FROM transfer_line WHERE transfer_id = f.id)
        + (SELECT coalesce(sum(on_hand), 0) FROM stock_movement WHERE kind = 'transfer_out' AND cause = f.reference)
        <> 0 OR (SELECT sum(received) FROM transfer_line WHERE transfer_id = f.id)
        <> (SELECT coalesce(sum(on_hand), 0) FROM stock_movement WHERE kind = 'transfer_in' AND cause = f.reference)""",
    "kits are promised in part": """
        SELECT count(*) FROM (
            SELECT r.line_id, r.fulfillment_id, k.component_id, k.units,
                   sum(r.quantity) FILTER (WHERE r.item_id = k.component_id) / k.units AS kits,
                   sum(r.quantity / r.per_unit) FILTER (WHERE NOT r.follows) AS promised
            FROM reservation r JOIN order_line l ON l.id = r.line_id JOIN kit_component k ON k.kit_id = l.item_id
                 AND k.ended_at IS NULL
            WHERE r.state = 'allocated' GROUP BY 1, 2, 3, 4) x WHERE kits IS DISTINCT FROM promised""",
}  # fmt: skip


@dataclass(slots=True)
class Entry:
    """One ledger row of a position, and the operation behind it."""

    operation: Operation | None
    kind: str
    name: str
    change: tuple[int, int, int]


def judge(conn: Connection, operations: dict[str, Operation]) -> Verdict:
    """Return the verdict over a history and the books it left."""
    verdict = Verdict()
    for each in operations.values():
        verdict.counts[each.outcome.partition(":")[0]] += 1
        verdict.counts[each.kind] += each.size
        if each.outcome.startswith(("wall", "deadlock")):
            verdict.object(each.outcome.partition(":")[0], f"{each.kind}: {each.outcome}")
    receipts = {op.told["as"]: op for op in operations.values() if "as" in op.told and op.outcome == "ok"}
    positions: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    effects: dict[tuple[str, bool], Counter[tuple[str, str, str]]] = defaultdict(Counter)
    before: dict[str, Before] = defaultdict(Before)
    free: Counter[tuple[str, str]] = Counter()
    capped, kits = 0, PromisedKits(conn, verdict)
    for row in conn.execute(text(LEDGER)):
        name = (row.cause or "").rpartition(": ")[2]
        arrival = row.kind == "transfer_in"
        change = int(row.on_hand), int(row.reserved), int(row.allocated)
        operation = receipts.get(name) if arrival else operations.get(name)
        place = row.sku, row.code
        positions[place].append(Entry(operation, row.kind, name, change))
        if operation is not None and operation.kind == "batch":
            before[name].free[place] = free[place]
            before[name].kits = kits.between(operation.told["clock"], float(row.at))
            if row.sku == CAPPED and before[name].capped is None:
                before[name].capped = capped
        free[place] += change[0] - change[1] - change[2]
        for column, units in zip(("on_hand", "reserved", "allocated"), change, strict=True):
            if units:
                effects[name, arrival][row.sku, row.code, column] += units
        if row.sku == CAPPED:
            capped += change[1] + change[2]
            if capped > CAP:
                verdict.object("over the cap", f"{capped} of {CAPPED} are promised after ledger row {row.id}")
    verdict.counts["ledger rows"] = sum(map(len, positions.values()))
    _effects(operations, effects, before, verdict)
    asked = _asked(operations, before)
    for place, entries in positions.items():
        _position("@".join(place), entries, verdict, asked.get(place, []))
    for rule, query in BOOKS.items():
        if number := conn.execute(text(query)).scalar_one():
            verdict.object(rule, str(number))
    return verdict


def _effects(
    operations: dict[str, Operation],
    effects: dict[tuple[str, bool], Counter[tuple[str, str, str]]],
    before: dict[str, Before],
    verdict: Verdict,
) -> None:
    for name, operation in operations.items():
        if operation.kind == "batch":
            check_batch(name, operation, before[name], effects.get((name, False), Counter()), verdict)
            continue
        wanted: Counter[tuple[str, str, str]] = Counter()
        for sku, node, column, units in operation.told.get("e", ()):
            wanted[sku, node, column] += units
        arrival = "as" in operation.told
        found = effects.get((operation.told.get("as", name), arrival), Counter())
        if operation.outcome == "ok" and wanted and found != wanted:
            verdict.object("acknowledged and not so", f"{name} {operation.kind}: {dict(found)}, not {dict(wanted)}")
        elif operation.outcome not in ("ok", "unknown") and found and not arrival:
            verdict.object("refused and done", f"{name} {operation.kind}: {dict(found)}")
        elif operation.outcome == "unknown" and wanted and found not in (wanted, Counter()):
            verdict.object("done in part", f"{name} {operation.kind}: {dict(found)} of {dict(wanted)}")


def _asked(operations: dict[str, Operation], before: dict[str, Before]) -> dict[Place, list[Operation]]:
    """Return, by position, operations on it only whose answer says something about its state."""
    found: dict[Place, list[Operation]] = defaultdict(list)
    for name, operation in operations.items():
        effect = operation.told.get("e", ())
        counted = operation.told.get("c") if operation.outcome == "ok" else None
        if operation.kind == "batch":
            for place, each in refused_unseen(operation, before[name]):
                found[place].append(each)
        elif counted:
            found[counted[0], counted[1]].append(operation)
        elif len(effect) == 1 and operation.kind == "reserve" and operation.outcome == "refused":
            found[effect[0][0], effect[0][1]].append(operation)
    return found


def _position(name: str, entries: list[Entry], verdict: Verdict, asked: list[Operation]) -> None:
    """Check one position: order in time, every state, and answers that left no entry."""
    states = [(0, 0, 0)]
    latest = -1
    seen: set[int] = set()
    for entry in entries:
        states.append(tuple(a + b for a, b in zip(states[-1], entry.change, strict=True)))  # type: ignore[arg-type]
        on_hand, reserved, allocated = states[-1]
        if min(states[-1]) < 0 or reserved + allocated > on_hand:
            verdict.object("oversold", f"{name} is {states[-1]} after {entry.name}")
        operation = entry.operation
        if operation is None:
            continue
        if operation.returned < latest:
            verdict.object("out of order", f"{name}: {entry.name} returned before one called later took effect")
        latest = max(latest, operation.called)
        if (counted := operation.told.get("c")) is not None:
            seen.add(id(operation))
            if on_hand != max(counted[2], reserved + allocated):
                verdict.object("miscounted", f"{name} has {on_hand} after a count of {counted[2]}")
    if name.partition("@")[0] in (*PLAIN, CAPPED, LOTS):
        _answers(name, entries, states, [each for each in asked if id(each) not in seen], verdict)


def _answers(
    name: str, entries: list[Entry], states: list[tuple[int, int, int]], asked: list[Operation], verdict: Verdict
) -> None:
    """Check that each answer without an entry fits some state it can have seen."""
    known = [(index, each.operation) for index, each in enumerate(entries) if each.operation is not None]
    ends = sorted((operation.returned, index) for index, operation in known)
    starts = sorted((operation.called, index) for index, operation in known)
    last = _running([index for _, index in ends], max)
    first = _running([index for _, index in reversed(starts)], min)[::-1]
    end_times, start_times = [at for at, _ in ends], [at for at, _ in starts]
    begun = next((index for index, each in enumerate(entries) if each.operation is not None), 0)
    for operation in asked:
        place = bisect_left(end_times, operation.called)
        low = last[place - 1] + 1 if place else begun
        place = bisect_right(start_times, operation.returned)
        high = first[place] if place < len(first) else len(entries)
        window = states[low : high + 1]
        counted = operation.told.get("c")
        if counted is not None:
            fits = any(on_hand == max(counted[2], held + taken) for on_hand, held, taken in window)
        else:
            wanted = operation.told["e"][0][3]
            fits = any(on_hand - held - taken < wanted for on_hand, held, taken in window)
        if not fits:
            verdict.object("wrong answer", f"{name}: {operation.kind} {operation.told.get('e') or counted}")


def _running(values: list[int], best: Any) -> list[int]:
    found: list[int] = []
    for value in values:
        found.append(best(found[-1], value) if found else value)
    return found
