"""Serial numbers: which units left with a shipment, where an item is tracked by them, and what cannot be true of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from core.domain import cases as causes
from core.domain.ids import public_id
from core.domain.money import plain
from core.errors import InputError
from core.services.cases import Member, Opened, open_cases
from core.services.facts import Facts
from core.services.fulfilling import lines_named
from core.services.steps import Step
from core.store import schema as t
from core.store.bulk import copy_rows
from core.store.locks import lock_serials
from core.store.unit import Unit

Serial = tuple[UUID, str]
"""An item and a number."""
ZERO = Decimal(0)
NAMED = 5
# The last time each number left; `back` is how many of that line's units came back and have not left again.
LEFT_BEFORE = """
SELECT DISTINCT ON (s.item_id, s.serial) s.item_id, s.serial, s.line_id, p.external_id,
       coalesce(o.number, o.external_id) AS "order",
       l.returned - (
           SELECT count(*) FROM shipment_serial a WHERE a.tenant_id = s.tenant_id AND a.line_id = s.line_id AND EXISTS (
               SELECT 1 FROM shipment_serial b WHERE b.tenant_id = a.tenant_id AND b.item_id = a.item_id
                 AND b.serial = a.serial AND b.shipment_id > a.shipment_id)
       ) AS back
FROM shipment_serial s
JOIN unnest(%b::uuid[], %b::text[]) AS w(item_id, serial) ON s.item_id = w.item_id AND s.serial = w.serial
JOIN shipment p ON p.tenant_id = s.tenant_id AND p.id = s.shipment_id
JOIN orders o ON o.tenant_id = p.tenant_id AND o.id = p.order_id
JOIN order_line l ON l.tenant_id = s.tenant_id AND l.id = s.line_id
WHERE s.tenant_id = %s
ORDER BY s.item_id, s.serial, s.shipment_id DESC
"""


@dataclass(slots=True)
class Doubt:
    """What cannot be true of the serial numbers of a parcel.

    Attributes:
        reasons: a sentence part by SKU and in words.
        lacking: the items of which only numbers are missing, while none is wrong.
    """

    reasons: list[tuple[str, str]] = field(default_factory=list)
    lacking: set[UUID] = field(default_factory=set)
    wrong: bool = False

    def __bool__(self) -> bool:
        return bool(self.reasons)

    @property
    def words(self) -> str:
        """Return the reasons as one text."""
        return "; ".join(f"{sku}: {reason}" for sku, reason in self.reasons)


def doubt_serials(unit: Unit, steps: Sequence[Step]) -> list[Doubt]:
    """Return what is wrong with the serial numbers of parcels about to be written, in their order.

    For an item tracked by serial numbers a parcel names as many different ones as units leave, and none that is out
    already: a number may leave again once units of the line it left with have come back. The numbers stay locked.
    """
    told = [_tracked(step) for step in steps]
    wanted = sorted({(item, serial) for each in told for item, (_, serials) in each.items() for serial in serials})
    lock_serials(unit, wanted)
    out = _left_before(unit, wanted)
    back = {row.line_id: Decimal(row.back) for row in out.values() if isinstance(row, Row)}
    found = []
    for step, items in zip(steps, told, strict=True):
        doubt = Doubt()
        for item, (units, serials) in items.items():
            sku = next(line.told_sku for line in step.lines if line.told_item == item)
            _count(doubt, item, sku, units, serials)
            for serial in dict.fromkeys(serials):
                before = out.get((item, serial))
                if isinstance(before, Row) and back[before.line_id] > 0:
                    back[before.line_id] -= 1
                elif before is not None:
                    doubt.wrong = True
                    doubt.reasons.append((sku, f"{serial} left before, with {_named(before)}"))
                out[item, serial] = step
        found.append(doubt)
    return found


def _tracked(step: Step) -> dict[UUID, tuple[Decimal, list[str]]]:
    """Return (units reported, numbers reported) by item tracked by serial numbers."""
    found: dict[UUID, tuple[Decimal, list[str]]] = {}
    for line in step.lines:
        units = (step.shipped.get(line.id, ZERO) + step.over.get(line.id, ZERO)) * line.per_unit
        if line.tracking == "serial" and units:
            before = found.get(line.told_item, (ZERO, []))
            found[line.told_item] = before[0] + units, before[1]
    if found:
        for each in step.document.get("lines") or ():
            for line in lines_named(step.lines, each)[:1]:
                if line.told_item in found:
                    found[line.told_item][1].extend(each.get("serials") or ())
    return found


def _left_before(unit: Unit, wanted: Sequence[Serial]) -> dict[Serial, Row[Any] | Step]:
    if not wanted:
        return {}
    items, serials = [item for item, _ in wanted], [serial for _, serial in wanted]
    rows = unit.conn.exec_driver_sql(LEFT_BEFORE, (items, serials, unit.tenant))
    return {(row.item_id, row.serial): row for row in rows}


def _count(doubt: Doubt, item: UUID, sku: str, units: Decimal, serials: Sequence[str]) -> None:
    twice = [serial for serial in dict.fromkeys(serials) if serials.count(serial) > 1]
    if twice:
        doubt.wrong = True
        doubt.reasons.append((sku, f"{_some(twice)} more than once"))
    different = len(set(serials))
    if different == units:
        return
    doubt.reasons.append((sku, f"{different} serial numbers for units: {plain(units)}"))
    if different > units:
        doubt.wrong = True
    else:
        doubt.lacking.add(item)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _named(before: Row[Any] | Step) -> str:
    if isinstance(before, Step):
        return f"{before.document['external_id']} of order {before.order.number or before.order.external_id}"
    return f"{before.external_id} of order {before.order}"


def refuse_serials(step: Step, doubt: Doubt) -> InputError:
    """Return what a reporter who can still be told is answered."""
    return InputError(
        f"The serial numbers of this shipment of {step.work.number} cannot be right; nothing was changed.",
        why=f"{doubt.words}."[:1000],
        fix="Name as many different serial numbers as units leave, and none that is out; "
        "`crossdock stock serials --serial NUMBER` says with which shipment one left.",
        code="SHIP-SERIAL-422",
        errors=[{"path": sku, "reason": reason} for sku, reason in doubt.reasons],
    )


def report_serials(unit: Unit, facts: Facts, doubts: Iterable[tuple[Step, Doubt]]) -> None:
    """Ask a person about serial numbers of parcels that have left and cannot be right.

    A node that does not say numbers of an item is one case, however many parcels; wrong numbers are a case per parcel.
    """
    found = []
    for step, doubt in doubts:
        work, parcel, node = step.work, step.document["external_id"], facts.nodes[step.work.node_id].code
        if doubt.wrong:
            print_ = f"{work.id.hex}:{parcel}"
            what = f"Serial numbers of shipment {parcel} of {work.number} from {node}: {doubt.words[:700]}"
            more = {"number": work.number, "order": step.order.number or step.order.external_id, "external_id": parcel}
        else:
            print_ = ":".join([work.node_id.hex, *sorted(item.hex for item in doubt.lacking)])
            skus = ", ".join(sorted({line.told_sku for line in step.lines if line.told_item in doubt.lacking}))
            what, more = f"{node} does not say all serial numbers of what it ships of {skus}"[:900], {"skus": skus}
        found.append(
            Opened(
                causes.SERIALS,
                f"{causes.SERIALS.code}:{print_}"[:400],
                {"node": node, **more, "detail": what},
                [Member("fulfillment", work.id, step.order.id)],
                connection_id=work.connection_id,
                node_id=work.node_id,
            )
        )
    open_cases(unit, found)


def record_serials(unit: Unit, steps: Sequence[Step]) -> dict[UUID, dict[str, str]]:
    """Write the serial numbers of new shipments; return by shipment the units that lack one, by the line's public id.

    A number is kept for any item that came with one, of those told twice in a parcel the first.
    """
    rows: dict[tuple[UUID | None, UUID, str], UUID] = {}
    lacking: dict[UUID, dict[str, str]] = {}
    for step in steps:
        dealt = _dealt(step)
        lines = {line.line_id: line for line in step.lines}
        for line, serials in sorted(dealt.items()):
            for serial in serials:
                rows.setdefault((step.shipment_id, lines[line].told_item, serial), line)
        missing = {
            public_id("line", line): format(number, "f")
            for line, units in step.left.items()
            if lines[line].tracking == "serial"
            and (number := units * lines[line].per_unit - len(dealt.get(line, ()))) > 0
        }
        if missing and step.shipment_id:
            lacking[step.shipment_id] = missing
    kept = [(shipment, line, item, serial) for (shipment, item, serial), line in rows.items()]
    copy_rows(unit, t.shipment_serial, ("shipment_id", "line_id", "item_id", "serial"), kept)
    return lacking


def _dealt(step: Step) -> Mapping[UUID, list[str]]:
    """Return the numbers by order line: of a code that names several lines, each gets as many as its units."""
    dealt: dict[UUID, dict[str, None]] = {}
    for each in step.document.get("lines") or ():
        fitting = lines_named(step.lines, each)
        for serial in dict.fromkeys(each.get("serials") or ()):
            room = (
                line
                for line in fitting
                if len(dealt.get(line.line_id, ())) < step.shipped.get(line.id, ZERO) * line.per_unit
            )
            dealt.setdefault(next(room, fitting[0]).line_id, {})[serial] = None
    return {line: list(serials) for line, serials in dealt.items()}
