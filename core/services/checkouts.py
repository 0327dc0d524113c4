"""Soft reservations by SKU and node code, as checkouts ask for them: from where, and what is told when too few.

One checkout or many at once: each gets all it asks for or nothing, by itself, and they are served in order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import Connection, select, text

from core.domain.money import plain
from core.domain.shelf import Key, Shelf
from core.domain.units import divides
from core.errors import Conflict, CrossdockError, InputError, Unavailable
from core.services.reserving import Granted, Wanted, reserve_many
from core.store import schema as t
from core.store.read.shelves import read_shelf
from core.store.unit import DEFAULT_TENANT, Unit
from core.store.working import works

# Between reading free stock and taking it others may take it: look again this often before it is a refusal.
LOOKS = 3
ZERO = Decimal(0)
Lines = Sequence[Mapping[str, Any]]
Result = TypeVar("Result")


class Checkout(NamedTuple):
    """Units that one checkout wants kept, all of them or none.

    Args:
        lines: `sku`, `quantity` and, where the units must be of one node, its code as `node`.
        seconds: how long they are held.
        connection_id: for whom; None for nobody in particular.
    """

    lines: Lines
    seconds: float
    connection_id: UUID | None = None


class Planned(NamedTuple):
    """Where a checkout's units are to come from, and whether there were too few when they were looked up."""

    wanted: Wanted
    short: bool


# The reservation a checkout got, or why it got none.
Outcome = UUID | CrossdockError


def reserve_lines(unit: Unit, lines: Lines, seconds: float, connection_id: UUID | None) -> UUID:
    """Hold units for one checkout, all of them or none, and return the reservation's id.

    Args:
        unit: the running transaction.
        lines: as in `Checkout`.
        seconds: how long the units are held.
        connection_id: for whom; None for nobody in particular.

    Raises:
        InputError: there is no such active item or node, or a part is asked for of an item that is counted.
        Conflict: there are too few; the errors say of what and how many.
    """
    [outcome] = reserve_each(unit, [Checkout(lines, seconds, connection_id)])
    return granted_of(outcome)


def granted_of(outcome: Outcome) -> UUID:
    """Return the reservation a checkout got, or raise why it got none."""
    if isinstance(outcome, CrossdockError):
        raise outcome
    return outcome


def reserve_each(unit: Unit, checkouts: Sequence[Checkout]) -> list[Outcome]:
    """Hold units for several checkouts in this transaction and return what became of each."""
    return settle_checkouts(checkouts, lambda work: work(unit.conn), partial(reserve_many, unit), unit.tenant)


def settle_checkouts(
    checkouts: Sequence[Checkout],
    reading: Callable[[Callable[[Connection], Any]], Any],
    reserve: Callable[[Sequence[Wanted]], Sequence[Granted | Unavailable]],
    tenant: int = DEFAULT_TENANT,
) -> list[Outcome]:
    """Find units for several checkouts, take them, and return what became of each.

    Who got none because others took his units meanwhile is looked for again; who found too few is told so at once.

    Args:
        checkouts: what is wanted; earlier ones are served first.
        reading: runs a function in a session of the database and returns its result.
        reserve: takes units for a batch and answers each request.
        tenant: whose stock it is.
    """
    outcomes: dict[int, Outcome] = {}
    refused = dict.fromkeys(range(len(checkouts)), Granted(None))
    short: dict[int, Granted] = {}
    for _ in range(LOOKS):
        asked: dict[int, Planned] = {}
        found = reading(partial(wanted_of, checkouts=[checkouts[number] for number in refused], tenant=tenant))
        for number, planned in zip(refused, found, strict=True):
            if isinstance(planned, Planned):
                asked[number] = planned
            else:
                outcomes[number] = planned
        refused = {}
        answers = reserve([planned.wanted for planned in asked.values()]) if asked else ()
        for (number, planned), answer in zip(asked.items(), answers, strict=True):
            if isinstance(answer, Unavailable):
                outcomes[number] = answer
            elif answer.group_id is not None:
                outcomes[number] = answer.group_id
            else:
                (short if planned.short else refused)[number] = answer
        if not refused:
            break
    if short := short | refused:
        told = reading(partial(_shortages, refused=list(short.values()), tenant=tenant))
        outcomes.update(zip(short, told, strict=True))
    return [outcomes[number] for number in range(len(checkouts))]


def wanted_of(
    conn: Connection, checkouts: Sequence[Checkout], tenant: int = DEFAULT_TENANT
) -> list[Planned | CrossdockError]:
    """Return what each checkout asks for, at the nodes where the units are now, or why it can have nothing.

    What an earlier one is planned to take is not there for the next. The error is an InputError where there is no such
    active item or node or where a part is asked for of an item that is counted, and a Conflict where no node is active.
    """
    i, n = t.item.c, t.node.c
    skus = sorted({line["sku"] for each in checkouts for line in each.lines})
    known = conn.execute(select(i.sku, i.id, i.unit).where(i.tenant_id == tenant, i.sku.in_(skus), i.active)).all()
    active = conn.execute(select(n.code, n.id).where(n.tenant_id == tenant, text(works("node"))))
    places = _Places(
        {row.sku: row.id for row in known},
        {row.sku: row.unit for row in known},
        {row.code: row.id for row in active},
        read_shelf(conn, [row.id for row in known], tenant=tenant),
    )
    found: list[Planned | CrossdockError] = []
    for each in checkouts:
        try:
            found.append(places.find(each))
        except CrossdockError as error:
            found.append(error)
    return found


class _Places(NamedTuple):
    """Where units are that checkouts may have: identifiers and units of active items, active nodes, the shelf."""

    items: Mapping[str, UUID]
    units: Mapping[str, str]
    nodes: Mapping[str, UUID]
    shelf: Shelf

    def find(self, checkout: Checkout) -> Planned:
        """Take a checkout's units off the shelf and return them; what is short stays there for others.

        It is the node asked for, else one node that has all, else the fullest ones first.
        """
        self._refuse(checkout.lines)
        shelf, whose = self.shelf, checkout.connection_id
        taken: dict[Key, Decimal] = {}
        steps: list[tuple[dict[Key, Decimal], dict[Key, Decimal], dict[tuple[UUID, UUID, str], Decimal]]] = []
        short = False

        def take(item: UUID, node: UUID, units: Decimal) -> None:
            wanted = [(item, node, units)]
            needs, kits = shelf.needs(wanted), shelf.kits_in(wanted)
            picked = shelf.take(whose, needs, kits)
            lots = {(*key, lot): number for key, own in picked.items() for lot, number in own}
            steps.append((needs, needs | kits, lots))
            taken[item, node] = taken.get((item, node), ZERO) + units

        for line in checkout.lines:
            item, code, left = self.items[line["sku"]], line.get("node"), line["quantity"]
            places = [self.nodes[code]] if code is not None else list(self.nodes.values())
            whole = shelf.total(whose, item)
            room = {node: min(shelf.room(whose, item, node), whole) for node in places}
            order = sorted(places, key=lambda node: (room[node] < left, -room[node], node))
            for node in order:
                units = min(left, max(room[node], ZERO))
                if units > 0:
                    take(item, node, units)
                    left -= units
            if left > 0:
                # What is nowhere is asked for at the best place, so that the refusal names it.
                short = True
                take(item, order[0], left)
        if short:
            for needs, counted, lots in steps:
                shelf.give(whose, needs, counted, lots)
        kits = {item: shelf.kits[item] for item, _ in taken if item in shelf.kits}
        return Planned(Wanted(taken, float(checkout.seconds), whose, kits), short)

    def _refuse(self, lines: Lines) -> None:
        parts = [number for number, line in enumerate(lines) if divides(line["quantity"], self._unit(line))]
        if parts:
            line = lines[parts[0]]
            raise InputError(
                f"{plain(line['quantity'])} of {line['sku']!r} cannot be kept: it is counted in {self._unit(line)}.",
                why="Nobody can send a part of a piece.",
                fix="Ask for a whole number; an item that is divided needs a unit that is measured, such as KGM or"
                " MTR.",
                code="RESERVE-PART-422",
                errors=[
                    {
                        "path": f"lines.{number}.quantity",
                        "reason": f"must be a whole number of {self._unit(lines[number])}",
                    }
                    for number in parts
                ],
            )
        for number, line in enumerate(lines):
            for path, known in (("sku", self.items), ("node", self.nodes)):
                if line.get(path) is not None and line[path] not in known:
                    raise InputError(
                        f"There is no active {'item' if path == 'sku' else 'node'} {line[path]!r}.",
                        errors=[{"path": f"lines.{number}.{path}", "reason": "Nothing that is active has this name."}],
                    )
        if not self.nodes:
            raise Conflict("No node is active, so nothing can be reserved.", code="RESERVE-SHORT-409")

    def _unit(self, line: Mapping[str, Any]) -> str:
        return self.units.get(line["sku"], "")


def _shortages(conn: Connection, refused: Sequence[Granted], tenant: int) -> list[Conflict]:
    """Return the refusals of requests that were not granted, with what is missing by SKU."""
    items = {item for each in refused for item, _ in each.missing}
    known = conn.execute(select(t.item.c.id, t.item.c.sku).where(t.item.c.tenant_id == tenant, t.item.c.id.in_(items)))
    names = {row.id: row.sku for row in known}
    return [_shortage(each.missing, names) for each in refused]


def _shortage(missing: Mapping[Key, Decimal], names: Mapping[UUID, str]) -> Conflict:
    errors = [
        {"path": names[item], "reason": f"{plain(units)} more than available"}
        for (item, _), units in sorted(missing.items())
    ]
    return Conflict(
        "There is not enough stock; nothing was reserved.",
        why="; ".join(f"{each['path']}: {each['reason']}" for each in errors[:3]),
        fix="Ask for less, or look at /api/v1/availability.",
        code="RESERVE-SHORT-409",
        errors=errors,
    )
