"""Soft reservations by SKU and node code, as checkouts ask for them: from where, and what is told when too few."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select, text

from core.domain.money import plain
from core.domain.shelf import Key, Kits
from core.domain.units import divides
from core.errors import Conflict, InputError
from core.services.reserving import Granted, Wanted, reserve_many
from core.store import schema as t
from core.store.read.shelves import read_shelf
from core.store.unit import DEFAULT_TENANT, Unit
from core.store.working import works

# Between reading free stock and taking it others may take it: look again this often before it is a refusal.
LOOKS = 3
Lines = Sequence[Mapping[str, Any]]


def reserve_lines(unit: Unit, lines: Lines, seconds: float, connection_id: UUID | None) -> UUID:
    """Hold units for a while, all of them or none, and return the reservation's id.

    Args:
        unit: the running transaction.
        lines: `sku`, `quantity` and, where the units must be of one node, its code as `node`.
        seconds: how long they are held.
        connection_id: for whom; None for nobody in particular.

    Raises:
        InputError: there is no such active item or node, or a part is asked for of an item that is counted.
        Conflict: there are too few; the errors say of what and how many.
    """
    granted = Granted(None)
    for _ in range(LOOKS):
        [granted] = reserve_many(unit, [wanted_of(unit.conn, lines, seconds, connection_id, unit.tenant)])
        if granted.group_id is not None:
            return granted.group_id
    raise shortage(unit.conn, granted, unit.tenant)


def wanted_of(
    conn: Connection, lines: Lines, seconds: float, connection_id: UUID | None, tenant: int = DEFAULT_TENANT
) -> Wanted:
    """Return what lines ask for, at the nodes where the units are now; arguments are those of `reserve_lines`.

    Raises:
        InputError: there is no such active item or node, or a part is asked for of an item that is counted.
        Conflict: no node is active.
    """
    units, kits = _where(conn, lines, connection_id, tenant)
    return Wanted(units, float(seconds), connection_id, kits)


def _where(conn: Connection, lines: Lines, connection_id: UUID | None, tenant: int) -> tuple[dict[Key, Decimal], Kits]:
    """Return which units to take where, and what the kits among them are made of.

    It is the node asked for, else one node that has all, else the fullest ones first.
    """
    i, n = t.item.c, t.node.c
    skus = sorted({line["sku"] for line in lines})
    known = conn.execute(select(i.sku, i.id, i.unit).where(i.tenant_id == tenant, i.sku.in_(skus), i.active)).all()
    items = {row.sku: row.id for row in known}
    _refuse_parts(lines, {row.sku: row.unit for row in known})
    active = conn.execute(select(n.code, n.id).where(n.tenant_id == tenant, text(works("node"))))
    nodes = {row.code: row.id for row in active}
    shelf = read_shelf(conn, list(items.values()), tenant=tenant)
    taken: dict[Key, Decimal] = {}

    def take(item: UUID, node: UUID, units: Decimal) -> None:
        wanted = [(item, node, units)]
        shelf.take(connection_id, shelf.needs(wanted), shelf.kits_in(wanted))
        taken[item, node] = taken.get((item, node), Decimal(0)) + units

    for number, line in enumerate(lines):
        item, code = items.get(line["sku"]), line.get("node")
        if item is None or (code is not None and code not in nodes):
            path = "sku" if item is None else "node"
            raise InputError(
                f"There is no active {'item' if item is None else 'node'} {line[path]!r}.",
                errors=[{"path": f"lines.{number}.{path}", "reason": "Nothing that is active has this name."}],
            )
        left: Decimal = line["quantity"]
        places = [nodes[code]] if code is not None else list(nodes.values())
        whole = shelf.total(connection_id, item)
        room = {node: min(shelf.room(connection_id, item, node), whole) for node in places}
        order = sorted(places, key=lambda node: (room[node] < left, -room[node], node))
        for node in order:
            units = min(left, max(room[node], Decimal(0)))
            if units > 0:
                take(item, node, units)
                left -= units
        if left > 0 and order:
            # What is nowhere is asked for at the best place, so that the refusal names it.
            take(item, order[0], left)
        elif left > 0:
            raise Conflict("No node is active, so nothing can be reserved.", code="RESERVE-SHORT-409")
    return taken, {item: shelf.kits[item] for item, _ in taken if item in shelf.kits}


def _refuse_parts(lines: Lines, units: Mapping[str, str]) -> None:
    found = [
        (number, line, units[line["sku"]])
        for number, line in enumerate(lines)
        if divides(line["quantity"], units.get(line["sku"], ""))
    ]
    if found:
        _, line, unit = found[0]
        raise InputError(
            f"{plain(line['quantity'])} of {line['sku']!r} cannot be kept: it is counted in {unit}.",
            why="Nobody can send a part of a piece.",
            fix="Ask for a whole number; an item that is divided needs a unit that is measured, such as KGM or MTR.",
            code="RESERVE-PART-422",
            errors=[
                {"path": f"lines.{number}.quantity", "reason": f"must be a whole number of {unit}"}
                for number, _, unit in found
            ],
        )


def shortage(conn: Connection, granted: Granted, tenant: int = DEFAULT_TENANT) -> Conflict:
    """Return the refusal of a request that was not granted, with what is missing by SKU."""
    items = {item for item, _ in granted.missing}
    known = conn.execute(select(t.item.c.id, t.item.c.sku).where(t.item.c.tenant_id == tenant, t.item.c.id.in_(items)))
    names = {row.id: row.sku for row in known}
    errors = [
        {"path": names[item], "reason": f"{plain(units)} more than available"}
        for (item, _), units in sorted(granted.missing.items())
    ]
    return Conflict(
        "There is not enough stock; nothing was reserved.",
        why="; ".join(f"{each['path']}: {each['reason']}" for each in errors[:3]),
        fix="Ask for less, or look at /api/v1/availability.",
        code="RESERVE-SHORT-409",
        errors=errors,
    )
