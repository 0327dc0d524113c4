"""Transfers between nodes, leaving: out at one, in transit to the other; `transfer_receipts` takes them in there.

Each writes its entry in the audit log, whoever makes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import insert, text

from core.domain.ids import public_id, uuid7
from core.domain.lots import Lot, pick
from core.domain.money import plain
from core.domain.shelf import Key
from core.domain.vocabulary import MovementKind
from core.errors import Conflict, InputError
from core.services import audit
from core.services.catalog import node_coded
from core.services.lots import SELLABLE, UNKNOWN_LOT, read_lots, tracked_items
from core.services.stock import set_on_hand
from core.services.supplying import stocked_item
from core.services.wholes import require_whole
from core.store import schema as t
from core.store.bulk import copy_rows
from core.store.locks import Position, ensure_positions, lock_positions
from core.store.unit import Unit

ZERO = Decimal(0)
Line = Mapping[str, Any]
# An item and a lot.
Place = tuple[UUID, str]


class Short(Exception):
    """Fewer units of an item, or of a lot of it, are free than were to be sent."""

    def __init__(self, item: UUID, lot: str, units: Decimal, free: Decimal, why: str) -> None:
        super().__init__(f"{free} of {units}")
        self.item, self.lot, self.units, self.free, self.why = item, lot, units, max(free, ZERO), why


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
        InputError: both nodes are the same, there is no such item, or a part of what is counted would be sent.
        Conflict: the reference was used before, or fewer units are there and not promised.
    """
    source, target = node_coded(unit, from_node), node_coded(unit, to_node)
    if source == target:
        raise InputError("A transfer is between two nodes.", errors=[{"path": "to_node", "reason": "must differ"}])
    wanted: dict[Place, Decimal] = {}
    first: dict[Place, int] = {}
    for index, line in enumerate(lines):
        place = stocked_item(unit, line["sku"], f"lines.{index}.sku"), line.get("lot") or UNKNOWN_LOT
        first.setdefault(place, index)
        wanted[place] = wanted.get(place, ZERO) + line["quantity"]
        require_whole(unit, (f"lines.{index}.quantity", place[0], line["quantity"]))
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
        taken = take_out(unit, positions, source, wanted, reference)
    except Short as short:
        index = min(
            index for (item, lot), index in first.items() if item == short.item and short.lot in (UNKNOWN_LOT, lot)
        )
        of_lot = f" in lot {short.lot}" if short.lot else ""
        raise Conflict(
            f"Only {plain(short.free)} units of {lines[index]['sku']}{of_lot} are at {from_node} and not promised,"
            f" not {plain(short.units)}.",
            why=short.why,
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


def take_out(
    unit: Unit,
    positions: Mapping[Key, Position],
    source: UUID,
    wanted: Mapping[Place, Decimal],
    reference: str,
) -> dict[Place, tuple[Decimal, date | None]]:
    """Take units off the locked positions of the sending node and return them by item and lot, with the lot's end."""
    tracked = tracked_items(unit, {item for item, _ in wanted})
    lots = read_lots(unit, [(item, source) for item in tracked]) if tracked else {}
    found: dict[Place, tuple[Decimal, date | None]] = {}
    counts: dict[Key, Decimal] = {}
    for item in {item for item, _ in wanted}:
        _require_free(item, positions[item, source], sum((n for (own, _), n in wanted.items() if own == item), ZERO))
    # Lots that are named first, so that what is meant of any lot is not taken from them.
    for (item, lot), units in sorted(wanted.items(), key=lambda each: (each[0][0], each[0][1] == UNKNOWN_LOT, each[0])):
        key = item, source
        here = counts.get(key, positions[key].on_hand - positions[key].shortfall)
        picked: list[tuple[str, Decimal]] = [(UNKNOWN_LOT, units)]
        if item in tracked:
            own = [Lot(x.lot, x.on_hand - x.promised, x.expires_on) for x in lots[key] if x.status == SELLABLE]
            picked = pick([x for x in own if lot in (UNKNOWN_LOT, x.lot)], units, date.min, freshest=False)
        if (there := sum((number for _, number in picked), ZERO)) < units:
            others = sorted({x.lot for x in own if x.free > 0 and x.lot != lot})
            why = f"Other lots with free units: {', '.join(each or 'the one nobody named' for each in others[:5])}."
            raise Short(item, lot, units, there, why if others else "No other lot has free units.")
        counts[key] = here - units
        ends = {x.lot: x.expires_on for x in lots.get(key, ())}
        for name, number in picked:
            before = found.get((item, name), (ZERO, None))[0]
            found[item, name] = before + number, ends.get(name)
            if item in tracked:
                lots[key] = [
                    replace(x, on_hand=x.on_hand - number) if (x.lot, x.status) == (name, SELLABLE) else x
                    for x in lots[key]
                ]
    named = {key: [x for x in own if x.status == SELLABLE] for key, own in lots.items()}
    set_on_hand(unit, counts, None, str(MovementKind.TRANSFER_OUT), reference, named, changed=True)
    return found


def _require_free(item: UUID, position: Position, units: Decimal) -> None:
    promised, kept = position.reserved + position.allocated, position.safety + position.uncertain
    free = position.on_hand - promised - kept
    if free < units:
        why = f"{plain(position.on_hand)} are there: {plain(promised)} promised, {plain(kept)} kept back."
        raise Short(item, UNKNOWN_LOT, units, free, why)
