"""Transfers between nodes: out at one, in transit, in at the other; what does not arrive is lost in writing.

Each writes its entry in the audit log, whoever makes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, insert, text

from core.domain.ids import public_id, uuid7
from core.domain.lots import Lot, pick
from core.domain.money import plain
from core.domain.shelf import Key
from core.domain.vocabulary import MovementKind
from core.errors import Conflict, InputError, NotFound
from core.services import audit
from core.services.catalog import node_coded
from core.services.lots import SELLABLE, UNKNOWN_LOT, LotUnits, read_lots, tracked_items
from core.services.stock import set_on_hand
from core.services.supplying import receive_units, stocked_item
from core.store import schema as t
from core.store.bulk import copy_rows
from core.store.locks import Position, ensure_positions, lock_positions
from core.store.unit import Unit

ZERO = Decimal(0)
Line = Mapping[str, Any]


class _Short(Exception):
    """Fewer units of an item are free than were to be sent."""

    def __init__(self, item: UUID, units: Decimal, free: Decimal) -> None:
        super().__init__(f"{free} of {units}")
        self.item, self.units, self.free = item, units, free


def send_transfer(
    unit: Unit,
    *,
    reference: str,
    from_node: str,
    to_node: str,
    lines: Sequence[Line],
    expected_at: datetime | None = None,
) -> UUID:
    """Send units from one node to another and return the transfer's id; all of them or none.

    Args:
        unit: the running transaction.
        reference: the transfer's number, once only.
        from_node: code of the node they leave.
        to_node: code of the node they are for.
        lines: `sku`, `quantity` and, where a certain lot is meant, `lot`; without it what expires first goes.
        expected_at: when they are expected.

    Raises:
        NotFound: there is no such node.
        InputError: both nodes are the same, or there is no such item.
        Conflict: the reference was used before, or fewer units are there and not promised.
    """
    source, target = node_coded(unit, from_node), node_coded(unit, to_node)
    if source == target:
        raise InputError("A transfer is between two nodes.", errors=[{"path": "to_node", "reason": "must differ"}])
    wanted: dict[tuple[UUID, str], Decimal] = {}
    first: dict[UUID, int] = {}
    for index, line in enumerate(lines):
        place = stocked_item(unit, line["sku"], f"lines.{index}.sku"), line.get("lot") or UNKNOWN_LOT
        first.setdefault(place[0], index)
        wanted[place] = wanted.get(place, ZERO) + line["quantity"]
    transfer_id = uuid7()
    made = unit.conn.execute(
        text(
            "INSERT INTO transfer (tenant_id, id, reference, from_node_id, to_node_id, state, expected_at, actor)"
            " VALUES (:t, :id, :r, :f, :to, 'in_transit', :e, :a) ON CONFLICT (tenant_id, reference) DO NOTHING"
        ),
        {
            "t": unit.tenant, "id": transfer_id, "r": reference, "f": source, "to": target, "e": expected_at,
            "a": unit.actor,
        },
    ).rowcount  # fmt: skip
    if not made:
        raise Conflict(
            f"There is a transfer {reference[:64]!r} already.",
            fix="Give this one another reference.",
            code="TRANSFER-TWICE-409",
            errors=[{"path": "reference", "reason": "was used before"}],
        )
    keys = [(item, node) for item, _ in wanted for node in (source, target)]
    ensure_positions(unit, keys)
    positions = lock_positions(unit, keys)
    try:
        taken = _take_out(unit, positions, source, wanted, reference)
    except _Short as short:
        index = first[short.item]
        raise Conflict(
            f"Only {plain(short.free)} units of {lines[index]['sku']} are at {from_node} and not promised,"
            f" not {plain(short.units)}.",
            fix="Send fewer, or free them first.",
            code="TRANSFER-SHORT-409",
            errors=[{"path": f"lines.{index}.quantity", "reason": f"only {plain(short.free)} are free"}],
        ) from None
    copy_rows(
        unit,
        t.transfer_line,
        ("transfer_id", "item_id", "lot", "expires_on", "quantity"),
        [(transfer_id, item, lot, expires_on, units) for (item, lot), (units, expires_on) in sorted(taken.items())],
    )
    sums: dict[UUID, Decimal] = {}
    for (item, _), (units, _expires) in taken.items():
        sums[item] = sums.get(item, ZERO) + units
    for item, units in sorted(sums.items()):
        unit.conn.execute(
            insert(t.supply).values(
                tenant_id=unit.tenant, id=uuid7(), item_id=item, node_id=target, transfer_id=transfer_id,
                reference=reference, quantity=units, state="in_transit", expected_at=expected_at,
            )
        )  # fmt: skip
    told = {"reference": reference, "from_node": from_node, "to_node": to_node}
    audit.record(unit, "transfer.sent", public_id("transfer", transfer_id), told)
    return transfer_id


def _take_out(
    unit: Unit,
    positions: Mapping[Key, Position],
    source: UUID,
    wanted: Mapping[tuple[UUID, str], Decimal],
    reference: str,
) -> dict[tuple[UUID, str], tuple[Decimal, date | None]]:
    """Take units off the locked positions of the sending node and return them by item and lot, with the lot's end."""
    tracked = tracked_items(unit, {item for item, _ in wanted})
    lots = read_lots(unit, [(item, source) for item in tracked]) if tracked else {}
    found: dict[tuple[UUID, str], tuple[Decimal, date | None]] = {}
    counts: dict[Key, Decimal] = {}
    for (item, lot), units in sorted(wanted.items()):
        key = item, source
        position = positions[key]
        here = counts.get(key, position.on_hand)
        free = here - position.reserved - position.allocated - position.safety - position.uncertain
        picked: list[tuple[str, Decimal]] = [(UNKNOWN_LOT, units)]
        if item in tracked:
            own = [Lot(x.lot, x.on_hand - x.promised, x.expires_on) for x in lots[key] if x.status == SELLABLE]
            picked = pick([x for x in own if lot in (UNKNOWN_LOT, x.lot)], units, date.min, freshest=False)
        if free < units or sum((number for _, number in picked), ZERO) < units:
            there = min(free, sum((number for _, number in picked), ZERO)) if item in tracked else free
            raise _Short(item, units, max(there, ZERO))
        counts[key] = here - units
        ends = {x.lot: x.expires_on for x in lots.get(key, ())}
        for name, number in picked:
            before = found.get((item, name), (ZERO, None))[0]
            found[item, name] = before + number, ends.get(name)
            if item in tracked:
                lots[key] = [
                    LotUnits(x.lot, x.on_hand - number, x.expires_on, x.promised, x.status)
                    if (x.lot, x.status) == (name, SELLABLE)
                    else x
                    for x in lots[key]
                ]
    named = {key: [x for x in own if x.status == SELLABLE] for key, own in lots.items()}
    set_on_hand(unit, counts, None, str(MovementKind.TRANSFER_OUT), reference, named)
    return found


def receive_transfer(
    unit: Unit, transfer_id: UUID, lines: Sequence[Line] | None = None, *, last: bool = False
) -> dict[str, Decimal]:
    """Take units of a transfer in at the other node and return {received, lost, in_transit} of all of it.

    Args:
        unit: the running transaction.
        transfer_id: the transfer.
        lines: `sku` and `quantity` that came; everything still in transit when left out.
        last: nothing more comes: what is still in transit is lost.

    Raises:
        NotFound: there is no such transfer.
        InputError: an item is not in it, or more came than was sent.
        Conflict: it is received already.
    """
    row = unit.conn.execute(
        text("SELECT * FROM transfer WHERE tenant_id = :t AND id = :id FOR NO KEY UPDATE"),
        {"t": unit.tenant, "id": transfer_id},
    ).one_or_none()
    if row is None:
        raise NotFound(f"There is no transfer {public_id('transfer', transfer_id)}.")
    if row.state != "in_transit":
        raise Conflict(f"The transfer {row.reference} is {row.state} already.", code="TRANSFER-ENDED-409")
    own = _lines(unit, transfer_id)
    came = _came(unit, own, lines)
    lock_positions(unit, [(each.item_id, row.to_node_id) for each in own])
    for each in own:
        units = came.get((each.item_id, each.lot), ZERO)
        key = each.item_id, row.to_node_id
        receive_units(
            unit, key, units, MovementKind.TRANSFER_IN, row.reference, lot=each.lot, expires_on=each.expires_on
        )
    unit.conn.exec_driver_sql(
        "UPDATE transfer_line l SET received = l.received + d.units,"
        " lost = CASE WHEN %s THEN l.quantity - l.received - d.units ELSE 0 END"
        " FROM unnest(%s::uuid[], %s::text[], %s::numeric[]) AS d(item_id, lot, units)"
        " WHERE l.tenant_id = %s AND l.transfer_id = %s AND l.item_id = d.item_id AND l.lot = d.lot",
        (
            last, [x.item_id for x in own], [x.lot for x in own], [came.get((x.item_id, x.lot), ZERO) for x in own],
            unit.tenant, transfer_id,
        ),
    )  # fmt: skip
    sums = _settled(unit, row)
    audit.record(unit, "transfer.received", public_id("transfer", transfer_id), {**sums, "last": last})
    return sums


def _lines(unit: Unit, transfer_id: UUID) -> Sequence[Row[Any]]:
    return unit.conn.execute(
        text(
            "SELECT l.*, i.sku FROM transfer_line l JOIN item i ON i.tenant_id = l.tenant_id AND i.id = l.item_id"
            " WHERE l.tenant_id = :t AND l.transfer_id = :id ORDER BY l.item_id, l.lot"
        ),
        {"t": unit.tenant, "id": transfer_id},
    ).all()


def _came(unit: Unit, own: Sequence[Row[Any]], lines: Sequence[Line] | None) -> dict[tuple[UUID, str], Decimal]:
    """Return what came by item and lot; units named without a lot are of the lots in their order."""
    left = {(each.item_id, each.lot): each.quantity - each.received - each.lost for each in own}
    if lines is None:
        return left
    found: dict[tuple[UUID, str], Decimal] = {}
    for index, line in enumerate(lines):
        item, units = stocked_item(unit, line["sku"], f"lines.{index}.sku"), line["quantity"]
        for place in [place for place in left if place[0] == item and line.get("lot") in (None, place[1])]:
            part = min(units, left[place])
            left[place] -= part
            units -= part
            found[place] = found.get(place, ZERO) + part
        if units > 0:
            raise InputError(
                f"{plain(units)} units of {line['sku']} more came than are in transit.",
                fix="Receive what was sent, and report the rest as a count.",
                code="TRANSFER-OVER-422",
                errors=[{"path": f"lines.{index}.quantity", "reason": "more than in transit"}],
            )
    return found


def _settled(unit: Unit, row: Row[Any]) -> dict[str, Decimal]:
    """Bring the transfer and its supplies to what their lines say."""
    sums = unit.conn.execute(
        text(
            "SELECT sum(received) AS received, sum(lost) AS lost, sum(quantity - received - lost) AS in_transit"
            " FROM transfer_line WHERE tenant_id = :t AND transfer_id = :id"
        ),
        {"t": unit.tenant, "id": row.id},
    ).one()
    unit.conn.execute(
        text(
            """
            UPDATE supply s SET received = l.received,
                   state = CASE WHEN l.open = 0 THEN 'received' ELSE s.state END,
                   finished_at = CASE WHEN l.open = 0 THEN clock_timestamp() END
            FROM (SELECT item_id, sum(received) AS received, sum(quantity - received - lost) AS open
                  FROM transfer_line WHERE tenant_id = :t AND transfer_id = :id GROUP BY item_id) l
            WHERE s.tenant_id = :t AND s.transfer_id = :id AND s.item_id = l.item_id
            """
        ),
        {"t": unit.tenant, "id": row.id},
    )
    if sums.in_transit == 0:
        unit.conn.execute(
            text(
                "UPDATE transfer SET state = 'received', finished_at = clock_timestamp()"
                " WHERE tenant_id = :t AND id = :id"
            ),
            {"t": unit.tenant, "id": row.id},
        )
    unit.event(
        "stock.changed",
        "transfer",
        row.id,
        {"kind": "transfer", **{name: plain(value) for name, value in sums._mapping.items()}},
    )
    return dict(sums._mapping)
