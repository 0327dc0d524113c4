"""What a report makes of its work: decided in memory, before anything of a batch is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from core.domain.money import plain
from core.domain.states import FULFILLMENT
from core.domain.units import divides
from core.domain.vocabulary import MovementKind
from core.errors import Conflict, InputError
from core.ports.connectors import Json
from core.services.allocations import Ending
from core.services.fulfilling import by_order_line, match_lines, open_units

ZERO = Decimal(0)
TRIGGER = {
    "acknowledged": "acknowledge",
    "picking": "pick",
    "rejected": "reject",
    "canceled": "cancel",
    "cancel_declined": "decline",
}
SHIPPED, SHORT, LATE = "shipped", "short", "report_late"


@dataclass(slots=True)
class Step:
    """A report, the work it is about, and what is to come of it.

    Attributes:
        document: the report.
        work: the fulfillment order as it is.
        order: its order, locked.
        lines: the work's lines.
        status: what the node says of its work, as it is understood; empty for a parcel.
        what: what happened, as in the event's name: a status, `shipped`, `short` or `report_late`.
        state: the state the work gets; None leaves it.
        shipped: units that leave the node, by fulfillment line.
        canceled: units the work gives back, by fulfillment line.
        over: units reported beyond what was open, by fulfillment line.
        shipment_id: the new shipment, if there is one.
    """

    document: Json
    work: Row[Any]
    order: Row[Any]
    lines: Sequence[Row[Any]]
    status: str = ""
    what: str = ""
    state: str | None = None
    shipped: Mapping[UUID, Decimal] = field(default_factory=dict)
    canceled: Mapping[UUID, Decimal] = field(default_factory=dict)
    over: Mapping[UUID, Decimal] = field(default_factory=dict)
    shipment_id: UUID | None = None

    @property
    def left(self) -> dict[UUID, Decimal]:
        """Return the units that leave, by order line."""
        return by_order_line(self.lines, self.shipped)

    @property
    def stops(self) -> bool:
        """Whether the node gives back what it may have been asked to stop: by canceling, or by refusing it then."""
        return self.what == "canceled" or (self.what == "rejected" and self.work.state == "canceling")

    @property
    def ending(self) -> Ending | None:
        """Return what of its allocation ends, if anything does."""
        kind = MovementKind.SHIP if self.shipped else MovementKind.RELEASE
        units = self.left or by_order_line(self.lines, self.canceled)
        return Ending(self.order.id, self.work.id, units, kind) if units else None

    def decide_shipment(self, *, refuse: bool) -> None:
        """Decide what a parcel makes of the work; nothing is shipped when none of it is open.

        Raises:
            InputError: it names a line the work does not have; with `refuse`, also a part of a piece.
            Conflict: with `refuse`, when some of it is not open.
            IllegalTransition: nothing can leave while the work is as it is.
        """
        units, self.over = match_lines(self.lines, self.document.get("lines"))
        if refuse and (self.over or not units):
            raise self._too_many()
        if refuse:
            self._refuse_parts(units)
        if units:
            self.what, self.shipped = SHIPPED, units
            if self.work.state not in FULFILLMENT.final:
                self.state = FULFILLMENT.advance(self.work.state, "ship_part" if self._still_open(units) else "ship")

    def decide_update(self) -> None:
        """Decide what a node's word on its work makes of it.

        Raises:
            InputError: it names a line the work does not have.
            IllegalTransition: it cannot be short while it is as it is.
        """
        status = self.document["status"]
        if status == "canceled" and self.work.state != "canceling":
            status = "rejected"  # nobody asked the node to stop: it gives the work back
        self.status = status
        if status == SHORT:
            self._decide_short()
        elif not FULFILLMENT.may(self.work.state, TRIGGER[status]):
            self.what = LATE
        else:
            self.what, self.state = status, FULFILLMENT.advance(self.work.state, TRIGGER[status])
            if status in ("rejected", "canceled"):
                self.canceled = open_units(self.lines)

    def _decide_short(self) -> None:
        units, _ = match_lines(self.lines, self.document.get("lines"))
        if not units or self.work.state in FULFILLMENT.final:
            return
        if self.work.state == "canceling" and not self._still_open(units):
            # The node was asked to stop, and nothing of it comes any more: that is its answer.
            self.status = self.what = "canceled"
            self.state, self.canceled = FULFILLMENT.advance(self.work.state, "cancel"), units
            return
        self.what, self.canceled = SHORT, units
        if not self._still_open(units):
            some_shipped = any(line.shipped > 0 for line in self.lines)
            self.state = "shipped" if some_shipped else FULFILLMENT.advance(self.work.state, "run_short")

    def _still_open(self, units: Mapping[UUID, Decimal]) -> bool:
        """Return whether anything is open once these units are done."""
        return sum(open_units(self.lines).values(), ZERO) > sum(units.values(), ZERO)

    def _refuse_parts(self, units: Mapping[UUID, Decimal]) -> None:
        """Refuse a part of what is counted; the open rest of a line can always leave, whatever it is."""
        rest = open_units(self.lines)
        parts = [line for line in self.lines if divides(units.get(line.id, ZERO), line.unit)]
        if named := [line for line in parts if units[line.id] != rest[line.id]]:
            raise InputError(
                f"{plain(units[named[0].id])} of {named[0].item_sku} cannot leave: it is counted in {named[0].unit}.",
                fix="Report whole numbers; an item that is divided needs a unit that is measured, such as KGM or MTR.",
                code="SHIP-PART-422",
                errors=[{"path": line.item_sku, "reason": f"must be a whole number of {line.unit}"} for line in named],
            )

    def _too_many(self) -> Conflict:
        return Conflict(
            f"{self.work.number} is {self.work.state} and has less open than that; nothing was changed.",
            why="The units were shipped or canceled before.",
            fix="Read the fulfillment order again; to report a shipment once more, send its `external_id`.",
            code="SHIP-OPEN-409",
            errors=[
                {"path": line.item_sku, "reason": f"{plain(self.over[line.id])} more than open"}
                for line in self.lines
                if line.id in self.over
            ],
        )
