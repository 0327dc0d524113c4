"""What the orders of a pool share: stock at nodes, and shipments that leave a node on a day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from core.domain.shelf import Shelf
from core.routing.pooling import Taken
from core.routing.problem import StockTier
from core.routing.waves import Place, ways_of
from core.services.facts import Facts
from core.services.planning import cut_ladders
from core.services.problems import Built

if TYPE_CHECKING:
    from core.services.wavepool import Member, WavePool

NONE = Decimal(0)


def slots_of(facts: Facts, built: Built) -> dict[Taken, list[str]]:
    """Return the names of the limits of a day that each way takes one of."""
    routing = facts.routing
    pickups = {service.code: service.pickup_limit for service in routing.tariff.services.values()}
    found: dict[Taken, list[str]] = {}
    for (node, code), leg in built.legs.items():
        names = []
        if routing.nodes[node].capacity is not None:
            names.append(f"{facts.nodes[node].code} on {leg.ship_on}")
        if code is not None and pickups[code] is not None:
            names.append(f"{facts.nodes[node].code} by {code} on {leg.ship_on}")
        if names:
            found[node, code] = names
    return found


def shared(pool: WavePool, shelf: Shelf) -> tuple[dict[Place, Sequence[StockTier]], dict[str, int]]:
    """Return stock and limits of a pool, by (item, node) and by name; what today's plans have, they may keep.

    Args:
        pool: its members, and facts whose counted days are without them.
        shelf: with what the members hold put back.
    """
    stock: dict[Place, Sequence[StockTier]] = {}
    limits: dict[str, int] = {}
    drawn, today = _today(pool)
    for member in pool.members.values():
        items = {demand.item_id for demand in member.order.demands}
        rooms = {
            (item, node): max(shelf.room(member.order.connection_id, item, node), drawn.get((item, node), NONE))
            for item in items
            for node in pool.facts.nodes
        }
        ladders = cut_ladders(member.built.problem, rooms)
        for place, units in rooms.items():
            if units > 0 and place not in stock:
                tiers = list(ladders.get(place, ()))
                rest = units - sum((tier.units for tier in tiers), NONE)
                stock[place] = [*tiers, StockTier(rest, 0)] if rest > 0 else tiers
        limits.update(_limits(pool.facts, member, today))
    return stock, limits


def _today(pool: WavePool) -> tuple[dict[Place, Decimal], dict[str, int]]:
    """Return what today's plans take of stock and limits."""
    drawn: dict[Place, Decimal] = {}
    slots: dict[str, int] = {}
    for member in pool.members.values():
        for each in member.pooled.plan:
            place = each.item_id, each.node_id
            drawn[place] = drawn.get(place, NONE) + each.quantity
        for way in ways_of(member.pooled.plan):
            for name in member.pooled.slots.get(way, ()):
                slots[name] = slots.get(name, 0) + 1
    return drawn, slots


def _limits(facts: Facts, member: Member, today: Mapping[str, int]) -> dict[str, int]:
    routing, found = facts.routing, {}
    pickups = {service.code: service.pickup_limit for service in routing.tariff.services.values()}
    for (node, code), names in member.pooled.slots.items():
        day = member.built.legs[node, code].ship_on
        assert day is not None, "what never leaves is no way"
        counted = [(routing.nodes[node].capacity, routing.usage.by_node.get(node, {}))]
        if code is not None:
            counted.append((pickups[code], routing.usage.by_service.get((node, code), {})))
        known = [(most, used) for most, used in counted if most is not None]
        for name, (most, used) in zip(names, known, strict=True):
            found[name] = max(most - max(used.get(day, 0), 0), today.get(name, 0))
    return found
