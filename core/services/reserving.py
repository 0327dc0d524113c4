"""Soft reservations: units promised for a while, to checkouts, in one locked step for a whole batch.

`reserve_many` locks positions in key order, grants in order of arrival, all or nothing per request, and writes with one
statement. `reserve_plenty` does it all with one statement where everything can be granted. `ReservationCombiner` lets
many callers share one such transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from core.domain.ids import uuid7, uuid7s
from core.domain.lots import Picked, deal
from core.domain.shelf import NO_KITS, NO_PARTS, Key, Kits, Shelf
from core.domain.vocabulary import MovementKind
from core.errors import Conflict, NotFound, Unavailable
from core.services.combining import Combiner
from core.services.shortfalls import settle
from core.store import schema as t
from core.store.bulk import copy_rows
from core.store.locks import lock_positions, mark_listings
from core.store.moves import LotMove, move_lots, move_stock
from core.store.taking import Held, hold_if_plenty, hold_stock, lock_to_take
from core.store.unit import Store, Unit

ZERO, ONE = Decimal(0), Decimal(1)
LONGEST_PAUSE = 63
WHAT = "The reservation could not be made."
FIX = "Try again; should it have been kept although the answer was lost, it ends by itself."
# Arrays, so that the planner looks the groups up one by one instead of reading all reservations.
LOCK_EXPIRED = """
WITH due AS MATERIALIZED (
    SELECT array_agg(DISTINCT group_id) AS groups FROM (
        SELECT group_id FROM reservation
        WHERE tenant_id = %(tenant)s AND state = 'held' AND expires_at <= clock_timestamp()
        ORDER BY expires_at LIMIT %(most)s) oldest
), whole AS MATERIALIZED (
    SELECT group_id, count(*) AS held FROM reservation
    WHERE tenant_id = %(tenant)s AND state = 'held' AND group_id = ANY((SELECT groups FROM due)::uuid[])
    GROUP BY group_id
), got AS MATERIALIZED (
    SELECT id, item_id, node_id, quantity, lot, group_id FROM reservation
    WHERE tenant_id = %(tenant)s AND state = 'held' AND group_id = ANY((SELECT groups FROM due)::uuid[])
    FOR NO KEY UPDATE SKIP LOCKED
)
SELECT got.*, whole.held, count(*) OVER (PARTITION BY group_id) AS locked FROM got JOIN whole USING (group_id)
"""


class Wanted(NamedTuple):
    """Units of items at nodes that a checkout wants kept, all or none of them.

    Args:
        units: quantity per (item, node); of a kit whole kits.
        seconds: how long they are kept.
        connection_id: for whom.
        kits: units per component of those of the items that are kits.
    """

    units: Mapping[Key, Decimal]
    seconds: float = 900.0
    connection_id: UUID | None = None
    kits: Kits = NO_PARTS

    @property
    def needs(self) -> Mapping[Key, Decimal]:
        """Return the units on the shelf, kits as the sum of their components."""
        if not self.kits:
            return self.units
        return Shelf({}, kits=self.kits).needs((*key, units) for key, units in self.units.items())

    @property
    def taken_kits(self) -> Mapping[Key, Decimal]:
        """Return the kits among the units."""
        return {key: units for key, units in self.units.items() if key[0] in self.kits} if self.kits else NO_KITS


class Granted(NamedTuple):
    """What became of a request: its reservation group, or what was missing."""

    group_id: UUID | None
    missing: Mapping[Key, Decimal] = NO_KITS


def reserve_many(unit: Unit, wanted: Sequence[Wanted]) -> list[Granted]:
    """Reserve for a batch of requests in order of arrival and return one answer each.

    What protection rules keep from a request's connection is missing to it; one without a connection has what is left
    when every floor is kept.
    """
    needs = [each.needs for each in wanted]
    kits = {kit: parts for each in wanted for kit, parts in each.kits.items()}
    shelf = lock_to_take(unit, {key for each in needs for key in each}, kits)
    lots: list[LotMove] = []
    answers: list[Granted] = []
    rows: list[Held] = []
    for each, own in zip(wanted, needs, strict=True):
        if missing := shelf.missing(each.connection_id, own, each.taken_kits):
            answers.append(Granted(None, missing))
            continue
        picked = shelf.take(each.connection_id, own, each.taken_kits)
        group_id = uuid7()
        for row in _held(each, picked, group_id):
            rows.append(row)
            if (lot := row[6]) is not None:
                lots.append(LotMove(*row[3:5], lot, str(MovementKind.RESERVE), ZERO, row[5], None, unit.cause))
        answers.append(Granted(group_id))
    if rows:
        hold_stock(unit, rows)
        move_lots(unit, lots)
    return answers


def _held(wanted: Wanted, picked: Mapping[Key, Picked], group_id: UUID) -> Iterator[Held]:
    """Yield the rows of a granted request: one for each component of a kit, and for each lot."""
    row_id = None
    for (item, node), units in wanted.units.items():
        kit = item if item in wanted.kits else None
        for index, (part, per_unit) in enumerate(sorted(wanted.kits.get(item, {item: ONE}).items())):
            dealt: Sequence[tuple[str | None, Decimal]] = ((None, units * per_unit),)
            if (part, node) in picked:
                dealt = deal(picked[part, node], units * per_unit)
            for lot, number in dealt:
                yield (
                    row_id, group_id, wanted.connection_id, part, node, number, lot, wanted.seconds, kit, per_unit,
                    index > 0,
                )  # fmt: skip
                row_id = uuid7()


def reserve_plenty(unit: Unit, wanted: Sequence[Wanted]) -> list[Granted] | None:
    """Reserve for a batch of requests with one statement, if nothing they want is a kit, short, protected or of a lot.

    Then all are granted, as `reserve_many` would; else the answer is None and nothing was reserved.

    Args:
        unit: one whose every statement is a transaction of its own, so that a None leaves no locks.
        wanted: the requests.
    """
    if any(each.kits for each in wanted):
        return None
    groups = uuid7s(len(wanted))
    rows = [
        (group_id, each.connection_id, *key, units, each.seconds)
        for group_id, each in zip(groups, wanted, strict=True)
        for key, units in each.units.items()
    ]
    return list(map(Granted, groups)) if rows and hold_if_plenty(unit, rows) else None


def release_group(unit: Unit, group_id: UUID) -> int:
    """Give a soft reservation back before its time and return how many rows it had.

    Raises:
        NotFound: there is no such reservation.
        Conflict: it has expired or been given back already.
    """
    rows = unit.conn.execute(
        text(
            "SELECT id, item_id, node_id, quantity, lot, state FROM reservation WHERE tenant_id = :t AND group_id = :g"
            " ORDER BY id FOR NO KEY UPDATE"
        ),
        {"t": unit.tenant, "g": group_id},
    ).all()
    if not rows:
        raise NotFound(f"There is no reservation res_{group_id.hex}.")
    held = [row for row in rows if row.state == "held"]
    if not held:
        raise Conflict(f"The reservation res_{group_id.hex} is {rows[0].state} already.", code="RESERVE-ENDED-409")
    _free(unit, held, "released")
    return len(held)


def expire_reservations(unit: Unit, most: int = 500) -> int:
    """Give back what has been kept long enough and return how many rows that were.

    A reservation ends as a whole: one of which somebody else works on a part waits for the next round.

    Args:
        unit: the running transaction.
        most: rows that are looked at; the reservations they belong to are ended, the one due longest first.
    """
    rows = [
        row
        for row in unit.conn.exec_driver_sql(LOCK_EXPIRED, {"tenant": unit.tenant, "most": most}).all()
        if row.locked == row.held
    ]
    _free(unit, rows, "expired")
    for group_id in sorted({row.group_id for row in rows if row.group_id}):
        unit.event("reservation.expired", "reservation", group_id)
    return len(rows)


def _free(unit: Unit, rows: Sequence[Any], state: str) -> None:
    if not rows:
        return
    freed: dict[tuple[UUID, UUID], Decimal] = {}
    kind = str(MovementKind.EXPIRE if state == "expired" else MovementKind.RELEASE)
    lots: list[LotMove] = []
    for row in rows:
        if row.lot is not None:
            lots.append(LotMove(row.item_id, row.node_id, row.lot, kind, ZERO, -row.quantity, None, unit.cause))
        freed[row.item_id, row.node_id] = freed.get((row.item_id, row.node_id), ZERO) + row.quantity
    lock_positions(unit, freed.keys())
    unit.conn.execute(
        text(
            "UPDATE reservation SET state = :s, finished_at = clock_timestamp() WHERE tenant_id = :t AND id = ANY(:ids)"
        ),
        {"s": state, "t": unit.tenant, "ids": [row.id for row in rows]},
    )
    lacking = move_stock(unit, {key: (ZERO, -units, ZERO) for key, units in freed.items()})
    move_lots(unit, lots)
    copy_rows(
        unit,
        t.stock_movement,
        ("item_id", "node_id", "kind", "reserved", "cause", "actor"),
        [(item, node, kind, -units, unit.cause, unit.actor) for (item, node), units in sorted(freed.items())],
    )
    mark_listings(unit, {item for item, _ in freed})
    settle(unit, lacking)


class ReservationCombiner:
    """Soft reservations for many callers of one process: one transaction for all that wait for one."""

    def __init__(self, store: Store, *, most: int = 200) -> None:
        self._store = store
        # Batches to be decided request by request before plenty is hoped for again, and how many the last time.
        self._rest = self._pause = 0
        self._combiner = Combiner(self._reserve, WHAT, "RESERVE-STORE-503", fix=FIX, most=most)

    def reserve(self, wanted: Wanted) -> Granted:
        """Reserve for one caller.

        Raises:
            Unavailable: the database could not do it, or its answer was lost; then the reservation ends by itself.
        """
        return self._combiner.call(wanted)

    def reserve_all(self, wanted: Sequence[Wanted]) -> list[Granted | Unavailable]:
        """Reserve for one caller who has several requests, each by itself; of each its answer, or why it has none."""
        return self._combiner.call_all(wanted)

    def _reserve(self, batch: Sequence[Wanted]) -> list[Granted]:
        if self._rest:
            self._rest -= 1
        else:
            with self._store.at_once() as unit:
                granted = reserve_plenty(unit, batch)
            if granted is not None:
                self._pause = 0
                return granted
            # Where stock is short or protected, the next batch will rarely find plenty.
            self._rest = self._pause = min(2 * self._pause + 1, LONGEST_PAUSE)
        with self._store.begin() as unit:
            return reserve_many(unit, batch)
