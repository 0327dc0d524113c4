"""Soft reservations that become an order's: what a checkout held is taken by its order, in one step, at any node.

The units are tied to the order first. When the order is sourced they count as free for it alone; what it takes is
allocated and what it does not need is free again, in the statement that moves the stock: nobody comes in between. An
order that cannot be sourced yet keeps them until they expire; those at a node that is off it keeps for as long as it
lacks units and the node is off.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import text

from core.domain.ids import parse_id
from core.domain.shelf import Key, Shelf
from core.domain.vocabulary import MovementKind
from core.errors import Conflict, NotFound
from core.services.facts import Facts
from core.services.fulfilling import source_again
from core.store import schema as t
from core.store.bulk import copy_rows
from core.store.locks import lock_held, lock_order
from core.store.unit import Unit

ZERO = Decimal(0)
TIE = """
UPDATE reservation SET order_id = :o WHERE tenant_id = :t AND id = ANY(ARRAY(
    SELECT id FROM reservation WHERE tenant_id = :t AND group_id = :g AND state = 'held' AND order_id IS NULL
    AND (connection_id IS NULL OR connection_id = :c) ORDER BY id FOR NO KEY UPDATE))
"""


@dataclass(slots=True)
class Held:
    """Units a checkout held for an order."""

    # The node of each row.
    ids: dict[UUID, UUID] = field(default_factory=dict)
    units: dict[Key, Decimal] = field(default_factory=dict)
    # Those of them that counted as promised to the order's connection, and the kits they are of: a checkout may not
    # have said whose it is.
    counted: dict[Key, Decimal] = field(default_factory=dict)
    lots: dict[tuple[UUID, UUID, str], Decimal] = field(default_factory=dict)

    def put_back(self, shelf: Shelf, connection: UUID, sign: int = 1) -> None:
        """Put the units on the shelf for the order's connection, or take them off it again."""
        signed = Decimal(sign)
        shelf.give(
            connection,
            {key: signed * units for key, units in self.units.items()},
            {key: signed * units for key, units in self.counted.items()},
            {place: signed * units for place, units in self.lots.items()},
        )

    def split(self, nodes: Collection[UUID]) -> tuple[Held, Held]:
        """Return what is held elsewhere, and what is held at these nodes."""
        apart = Held(), Held()
        for row, node in self.ids.items():
            apart[node in nodes].ids[row] = node
        for key, units in self.units.items():
            apart[key[1] in nodes].units[key] = units
        for key, units in self.counted.items():
            apart[key[1] in nodes].counted[key] = units
        for place, units in self.lots.items():
            apart[place[1] in nodes].lots[place] = units
        return apart


def tie_reservations(unit: Unit, named: Sequence[tuple[UUID, UUID, str | None]]) -> None:
    """Tie soft reservations to the new orders that name them; one that is over or another channel's stops no order.

    Args:
        unit: the running transaction.
        named: order, its connection, and the public id of the reservation it names, if it does.
    """
    for order_id, connection_id, reservation in named:
        if reservation is None:
            continue
        unit.event(
            "reservation.tied" if _tie(unit, order_id, connection_id, reservation) else "reservation.missed",
            "order",
            order_id,
            {"reservation": reservation},
            order_id=order_id,
        )


def _tie(unit: Unit, order_id: UUID, connection_id: UUID, reservation: str) -> bool:
    try:
        group = parse_id("reservation", reservation)
    except NotFound:
        return False
    values = {"t": unit.tenant, "o": order_id, "c": connection_id, "g": group}
    return unit.conn.execute(text(TIE), values).rowcount > 0


def convert_reservation(unit: Unit, facts: Facts, group_id: UUID, order_id: UUID) -> None:
    """Let an order that waits for units have what a checkout held; it is sourced in the next round.

    Raises:
        NotFound: there is no such order.
        Conflict: the reservation is over, of another connection or of another order; or the order is over.
    """
    order = lock_order(unit, order_id)
    if order.state not in ("accepted", "in_progress", "held") or order.connection_id not in facts.connections:
        raise Conflict(f"The order is {order.state} and takes no more units.", code="RESERVE-ORDER-409")
    values = {"t": unit.tenant, "o": order_id, "c": order.connection_id, "g": group_id}
    if not unit.conn.execute(text(TIE), values).rowcount:
        raise Conflict(
            f"The reservation res_{group_id.hex} does not hold anything for this order.",
            why="It is over, belongs to another connection, or an order has it.",
            code="RESERVE-ENDED-409",
        )
    source_again(unit, order_id)


def read_held(unit: Unit, order_ids: Collection[UUID]) -> dict[UUID, Held]:
    """Lock what checkouts held for these locked orders and return it by order."""
    found: dict[UUID, Held] = {}
    # Units of the component that kits are counted on: those of several lots make whole kits only together.
    kits: dict[tuple[UUID, UUID, UUID, Decimal], Decimal] = {}
    for row in lock_held(unit, order_ids):
        held = found.setdefault(row.order_id, Held())
        key = row.item_id, row.node_id
        held.ids[row.id] = row.node_id
        held.units[key] = held.units.get(key, ZERO) + row.quantity
        if row.connection_id is not None:
            held.counted[key] = held.counted.get(key, ZERO) + row.quantity
            if row.kit_id is not None and not row.follows:
                whole = row.order_id, row.kit_id, row.node_id, row.per_unit
                kits[whole] = kits.get(whole, ZERO) + row.quantity
        if row.lot is not None:
            held.lots[*key, row.lot] = held.lots.get((*key, row.lot), ZERO) + row.quantity
    for (order_id, kit, node, per_unit), units in kits.items():
        counted = found[order_id].counted
        counted[kit, node] = counted.get((kit, node), ZERO) + units / per_unit
    return found


def keep_held(unit: Unit, held: Collection[UUID], span: timedelta) -> None:
    """Have these soft reservations of locked orders stand for at least this time from now."""
    if held:
        unit.conn.exec_driver_sql(
            "UPDATE reservation SET expires_at = greatest(expires_at, clock_timestamp() + %s)"
            " WHERE tenant_id = %s AND id = ANY(%b::uuid[]) AND state = 'held'",
            (span, unit.tenant, sorted(held)),
        )


def note_converted(unit: Unit, converted: Mapping[UUID, Held]) -> None:
    """Write that held units went over to their orders; the positions have been moved with the orders' own units."""
    if not converted:
        return
    unit.conn.execute(
        text(
            "UPDATE reservation SET state = 'consumed', finished_at = clock_timestamp()"
            " WHERE tenant_id = :t AND id = ANY(:ids)"
        ),
        {"t": unit.tenant, "ids": [each for held in converted.values() for each in held.ids]},
    )
    copy_rows(
        unit,
        t.stock_movement,
        ("item_id", "node_id", "kind", "reserved", "order_id", "cause", "actor"),
        [
            (*key, str(MovementKind.CONVERT), -units, order_id, unit.cause, unit.actor)
            for order_id, held in converted.items()
            for key, units in sorted(held.units.items())
        ],
    )
