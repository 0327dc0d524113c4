"""Transfers between nodes, arriving: in at the other node; what does not arrive is lost in writing.

Each receipt writes its entry in the audit log, whoever makes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from core.domain.ids import public_id
from core.domain.money import plain
from core.domain.vocabulary import MovementKind
from core.errors import Conflict, InputError, NotFound
from core.services import audit
from core.services.lots import UNKNOWN_LOT
from core.services.supplying import receive_units, stocked_item
from core.services.transfers import Line, Place, Short, take_out
from core.store.locks import lock_positions
from core.store.unit import Unit

ZERO = Decimal(0)
MORE_OF_LINE = text(
    "INSERT INTO transfer_line (tenant_id, transfer_id, item_id, lot, expires_on, quantity)"
    " VALUES (:t, :id, :i, :l, :e, :u) ON CONFLICT (tenant_id, transfer_id, item_id, lot)"
    " DO UPDATE SET quantity = transfer_line.quantity + excluded.quantity"
)
MORE_OF_SUPPLY = text(
    "UPDATE supply SET quantity = quantity + :u WHERE tenant_id = :t AND transfer_id = :id AND item_id = :i"
)


def receive_transfer(
    unit: Unit,
    transfer_id: UUID,
    lines: Sequence[Line] | None = None,
    *,
    last: bool = False,
    over: bool = False,
) -> dict[str, Decimal]:
    """Take units of a transfer in at the other node and return {received, lost, in_transit} of all of it.

    Args:
        unit: the running transaction.
        transfer_id: the transfer.
        lines: `sku` and `quantity` that came; everything still in transit when left out.
        last: nothing more comes: what is still in transit is lost.
        over: units beyond what is in transit are taken in too; they left unwritten, and leave the sender's books now.

    Raises:
        NotFound: there is no such transfer.
        InputError: an item is not in it, or, without `over`, more came than was sent.
        Conflict: it is received already, or with `over` the sending node does not have that many more.
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
    if over and lines is not None and (more := _beyond(unit, own, lines)):
        lock_positions(unit, [(each.item_id, node) for each in own for node in (row.from_node_id, row.to_node_id)])
        _send_more(unit, row, more)
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
    audit.record(unit, "transfer.received", public_id("transfer", transfer_id), {**sums, "last": last, "over": over})
    return sums


def surplus(unit: Unit, transfer_id: UUID, lines: Sequence[Line]) -> dict[int, Decimal]:
    """Return by line, counted from 0, the units that go beyond what is in transit of a transfer."""
    _, over = _dealt(unit, _lines(unit, transfer_id), lines)
    return {at: units for at, (_, units) in over.items()}


def _lines(unit: Unit, transfer_id: UUID) -> Sequence[Row[Any]]:
    return unit.conn.execute(
        text(
            "SELECT l.*, i.sku FROM transfer_line l JOIN item i ON i.tenant_id = l.tenant_id AND i.id = l.item_id"
            " WHERE l.tenant_id = :t AND l.transfer_id = :id ORDER BY l.item_id, l.lot"
        ),
        {"t": unit.tenant, "id": transfer_id},
    ).all()


def _came(unit: Unit, own: Sequence[Row[Any]], lines: Sequence[Line] | None) -> dict[Place, Decimal]:
    """Return what came by item and lot.

    Raises:
        InputError: more came than is in transit.
    """
    if lines is None:
        return {(each.item_id, each.lot): each.quantity - each.received - each.lost for each in own}
    found, over = _dealt(unit, own, lines)
    for index, (_, units) in sorted(over.items()):
        raise InputError(
            f"{plain(units)} units of {lines[index]['sku']} more came than are in transit.",
            why="The transfer says how many left; what is beyond them was not written when it left.",
            fix="Count them again. If they are there, say `over` (`--over`): they leave the books of the sending node.",
            code="TRANSFER-OVER-422",
            errors=[{"path": f"lines.{index}.quantity", "reason": "more than in transit"}],
        )
    return found


def _beyond(unit: Unit, own: Sequence[Row[Any]], lines: Sequence[Line]) -> dict[Place, Decimal]:
    """Return what came beyond what is in transit, of items that are in the transfer."""
    found: dict[Place, Decimal] = {}
    for place, units in _dealt(unit, own, lines)[1].values():
        if any(each.item_id == place[0] for each in own):
            found[place] = found.get(place, ZERO) + units
    return found


def _dealt(
    unit: Unit, own: Sequence[Row[Any]], lines: Sequence[Line]
) -> tuple[dict[Place, Decimal], dict[int, tuple[Place, Decimal]]]:
    """Return (what came by item and lot, what of each line is beyond it).

    Units named without a lot are of the lots in their order, after the lines that name theirs.
    """
    left = {(each.item_id, each.lot): each.quantity - each.received - each.lost for each in own}
    found: dict[Place, Decimal] = {}
    over: dict[int, tuple[Place, Decimal]] = {}
    for index, line in sorted(enumerate(lines), key=lambda each: each[1].get("lot") is None):
        item, units = stocked_item(unit, line["sku"], f"lines.{index}.sku"), line["quantity"]
        for place in [place for place in left if place[0] == item and line.get("lot") in (None, place[1])]:
            part = min(units, left[place])
            left[place] -= part
            units -= part
            found[place] = found.get(place, ZERO) + part
        if units > 0:
            over[index] = (item, line.get("lot") or UNKNOWN_LOT), units
    return found, over


def _send_more(unit: Unit, row: Row[Any], more: Mapping[Place, Decimal]) -> None:
    """Write that more left the sending node of a locked transfer than was written when it left."""
    positions = lock_positions(unit, [(item, row.from_node_id) for item, _ in more])
    try:
        taken = take_out(unit, positions, row.from_node_id, more, row.reference)
    except Short as short:
        raise Conflict(
            f"{plain(short.units)} more units cannot have left the sending node: {plain(short.free)} are free there.",
            why=short.why,
            fix="Have the sending node count first, or take in what was sent and count the rest here.",
            code="TRANSFER-SHORT-409",
        ) from None
    for (item, lot), (units, expires_on) in sorted(taken.items()):
        values = {"t": unit.tenant, "id": row.id, "i": item, "l": lot, "e": expires_on, "u": units}
        unit.conn.execute(MORE_OF_LINE, values)
        unit.conn.execute(MORE_OF_SUPPLY, values)


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
