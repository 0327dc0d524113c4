"""What is left to fulfill of an order in the shop, and which of it a shipment takes: pure, no calls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from connectors.shopify.graph import at, nodes

# Fulfillments that did not come to be.
VOID = frozenset(["CANCELLED", "ERROR", "FAILURE"])
FULFILL, MOVE = "CREATE_FULFILLMENT", "MOVE"
Json = dict[str, Any]
# Line item id -> units.
Units = dict[str, int]


@dataclass(slots=True)
class Work:
    """One fulfillment order: where it lies, what may be done with it, and its lines as [id, line item, units left]."""

    id: str
    status: str
    location: str
    actions: frozenset[str]
    lines: list[tuple[str, str, int]]


@dataclass(slots=True)
class State:
    """What the shop says of an order."""

    name: str
    canceled: bool
    fulfillments: list[Json]
    work: list[Work] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Take:
    """Units of one fulfillment order line that are to be fulfilled."""

    work: Work
    line: str
    item: str
    units: int


def work_lines(connection: Any) -> Iterator[tuple[str, str, int]]:
    """Yield id, line item and units left of fulfillment order lines."""
    for each in nodes(connection):
        yield str(each.get("id")), str(at(each, "lineItem").get("id")), int(each.get("remainingQuantity") or 0)


def by_work(takes: list[Take]) -> Iterator[tuple[Work, list[Take]]]:
    """Yield the takes of each fulfillment order together."""
    groups: dict[str, list[Take]] = {}
    for each in takes:
        groups.setdefault(each.work.id, []).append(each)
    for own in groups.values():
        yield own[0].work, own


def allocate(state: State, todo: Units, place: str | None) -> tuple[list[Take], Units]:
    """Return which fulfillment order lines take the units, those at the node's own location first, and what is left."""
    open_work = [each for each in state.work if FULFILL in each.actions]
    open_work.sort(key=lambda each: each.location != place)
    takes: list[Take] = []
    lacking = dict(todo)
    for work in open_work:
        for line, item, left in work.lines:
            count = min(lacking.get(item, 0), left)
            if count > 0:
                takes.append(Take(work, line, item, count))
                lacking[item] -= count
    return takes, {item: count for item, count in lacking.items() if count}


def without(wanted: Units, done: Units) -> Units:
    """Return the units that are wanted and not done."""
    left = {item: count - done.get(item, 0) for item, count in wanted.items()}
    return {item: count for item, count in left.items() if count > 0}
