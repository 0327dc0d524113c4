"""From facts to the problem that is solved: who may ship an order's units, by which service, when, and at what price.

Two kinds of reasons keep a node or service out. Some always hold: it is switched off, has no rate, lacks the storage
class. Others are wishes and limits of a day: its capacity is used up, the parcel would leave or arrive after the day
that was asked for, it is of another service level. When units stay short under these, the problem is built again
without them: late is better than never, and the decision shows what was given up.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

from core.domain.shelf import Shelf
from core.routing import terms
from core.routing.problem import Demand, Destination, NodeFacts, Plan, Problem, Service, StockTier
from core.services.facts import Facts
from core.services.inforce import InForce
from core.services.offers import NONE, NOTHING, Leg, Offers
from core.services.routing_facts import NodeRules, point_of
from core.services.tariffs import scaled
from core.store.unit import Unit

if TYPE_CHECKING:
    from core.services.sourcing import Sourced

NO_ROOM = "takes no orders: its capacity is 0 a day"
NO_DAY = "full or shut for the next 60 days"


@dataclass(slots=True)
class Built:
    """A problem, the legs it offers by (node, service code), and whether wishes or limits kept anything out."""

    problem: Problem
    legs: dict[tuple[UUID, str | None], Leg] = field(default_factory=dict)
    limited: bool = False


class Builder:
    """Builds the problems of one batch; what the orders before took of a day's capacity is gone for those after.

    Args:
        unit: the running transaction.
        facts: nodes, connections and what routing needs.
        batch: the orders; their destinations get the point of their postcode, or of the node where it is fetched.
        shelf: what the orders' channels may take, kits included.
        also: other items an order may get.
    """

    def __init__(
        self, unit: Unit, facts: Facts, batch: Sequence[Sourced], shelf: Shelf, also: Collection[UUID] = ()
    ) -> None:
        self._facts, self._routing, self._shelf = facts, facts.routing, shelf
        today = unit.now.date()
        items = {demand.item_id for order in batch for demand in order.demands} | set(also)
        self._items = self._routing.read_items(unit.conn, unit.tenant, items, today)
        self._offers = Offers(facts, self._items, unit.now)
        self._nodes = list(facts.nodes.values())
        codes = {
            (order.destination.country, order.wishes.postal_code)
            for order in batch
            if order.destination.country
            and order.wishes.postal_code
            and order.destination.latitude is None
            and order.wishes.pickup_node is None
        }
        places = {node.code: node for node in self._nodes}
        points = self._routing.points.find(unit.conn, codes, unit.tenant) if codes else {}
        for order in batch:
            self.weigh(order)
            if (fetched := places.get(order.wishes.pickup_node or "")) is not None:
                # The buyer comes to the node; where he lives costs nothing.
                order.destination = Destination(fetched.country, fetched.latitude, fetched.longitude)
                continue
            key = (order.destination.country, order.wishes.postal_code)
            if key in codes:
                order.destination = Destination(key[0], *point_of(points.get(key)))

    def weigh(self, order: Sourced) -> None:
        """Write on an order's demands what their items weigh."""
        order.demands = [replace(each, grams=self._items.get(each.item_id, NOTHING).grams) for each in order.demands]

    def build(self, order: Sourced, chosen: InForce, *, strict: bool = True) -> Built:
        """Return the problem of an order as things stand now.

        Args:
            order: with its open units.
            chosen: the policy it gets.
            strict: whether wishes and limits of the day keep nodes and services out.
        """
        policy = chosen.policy
        found = Built(self._bare(order, chosen))
        excluded = {**self._routing.closed, **order.excluded}
        services: dict[UUID, Sequence[Service]] = {}
        fetched = order.wishes.pickup_node is not None
        load: dict[UUID, float] = {}
        special = [each for each in order.demands if self._is_special(each.item_id)]
        shipping = {node for _, node in found.problem.stock}
        for node in self._nodes:
            rules = self._routing.nodes[node.id]
            if node.id in excluded or node.id not in shipping:
                continue
            if fetched and node.code != order.wishes.pickup_node:
                excluded[node.id] = f"the buyer picks it up at {order.wishes.pickup_node}"
                continue
            leaves, reason = self._node_day(order, node.id, rules, strict)
            if reason is not None:
                found.limited = found.limited or leaves is not None
                excluded[node.id] = reason
                continue
            found.legs[node.id, None] = Leg(ship_on=leaves)
            if policy.load_penalty and rules.capacity and leaves is not None:
                load[node.id] = self._routing.usage.by_node.get(node.id, {}).get(leaves, 0) / rules.capacity
            if not fetched:
                offered = self._offers.of_node(
                    order, node.id, found.problem.stock, strict=strict, late=policy.late_penalty > 0
                )
                found.limited = found.limited or offered.limited
                found.legs.update({(node.id, code): leg for code, leg in offered.legs.items()})
                if offered.services:
                    services[node.id] = offered.services
        found.problem = replace(
            found.problem,
            nodes=[self._without_way(node) if fetched or node.id in services else node for node in self._nodes],
            excluded=excluded,
            services=services,
            load=load,
            forbidden=self._forbidden(special, shipping) if special else {},
            ladders=self._ladders(order, found.problem.stock) if self._routing.marked_down else {},
        )
        return found

    def days(self, built: Built, plan: Plan) -> dict[UUID, date]:
        """Return the day each node's part of a plan leaves, as far as that is known."""
        legs = {each.node_id: built.legs[each.node_id, each.service] for each in plan.assignments}
        return {node: leg.ship_on for node, leg in legs.items() if leg.ship_on is not None}

    def take(self, built: Built, plan: Plan) -> dict[UUID, Leg]:
        """Take what a plan uses of a node's day from what the next orders find; return its legs by node."""
        legs: dict[UUID, Leg] = {}
        for each in plan.assignments:
            if each.node_id not in legs:
                leg = legs[each.node_id] = built.legs[each.node_id, each.service]
                if leg.ship_on is not None:
                    self._routing.usage.add(each.node_id, each.service, leg.ship_on)
        return legs

    def _bare(self, order: Sourced, chosen: InForce) -> Problem:
        wanted: dict[UUID, Decimal] = {}
        for demand in order.demands:
            wanted[demand.item_id] = wanted.get(demand.item_id, NONE) + demand.quantity
        stock = self._shelf.offered(order.connection_id, wanted, self._facts.nodes)
        return Problem(
            order.demands, self._nodes, stock, order.destination,
            order.partial_allowed and not chosen.ship_complete, chosen.policy, {}, parts=order.parts,
        )  # fmt: skip

    def _without_way(self, node: NodeFacts) -> NodeFacts:
        """Return a node whose services' rates cover the way, so that its distance costs nothing more."""
        kept: dict[UUID, NodeFacts] = self._routing.kept.setdefault("rated", {})
        if node.id not in kept:
            kept[node.id] = replace(node, distance_cost=0)
        return kept[node.id]

    def _is_special(self, item: UUID) -> bool:
        facts = self._items.get(item, NOTHING)
        return facts.hazmat or facts.storage is not None

    def _forbidden(self, special: Iterable[Demand], nodes: Iterable[UUID]) -> dict[tuple[UUID, UUID], str]:
        found = {}
        for demand in special:
            item = self._items[demand.item_id]
            for node in nodes:
                rules = self._routing.nodes[node]
                code = self._facts.nodes[node].code
                reason = terms.refusal(item.storage, item.hazmat, rules.storage, rules.hazmat, code)
                if reason is not None:
                    found[demand.item_id, node] = reason
        return found

    def _ladders(
        self, order: Sourced, stock: Mapping[tuple[UUID, UUID], Decimal]
    ) -> dict[tuple[UUID, UUID], Sequence[StockTier]]:
        found: dict[tuple[UUID, UUID], Sequence[StockTier]] = {}
        for demand in order.demands:
            for node, (units, benefit) in self._items.get(demand.item_id, NOTHING).markdowns.items():
                free = stock.get((demand.item_id, node), NONE)
                if free > 0:
                    found[demand.item_id, node] = terms.ladder(free, units, scaled(benefit))
        return found

    def _node_day(self, order: Sourced, node: UUID, rules: NodeRules, strict: bool) -> tuple[date | None, str | None]:
        """Return the day a node's part of an order leaves, and the reason why the node must not have it."""
        if rules.capacity == 0:
            # Every day is full, those without work as well, however late an order may go.
            return None, NO_ROOM
        # Without a service nobody knows the days on the way: it leaves when it may arrive, not before.
        since = max(filter(None, (order.wishes.ship_from, order.wishes.deliver_from)), default=None)
        if since is not None and self._offers.has_services(order, node):
            since = order.wishes.ship_from
        first = self._offers.day(node, None, (), since)
        if first is None:
            return None, "ships nothing within 60 days"
        used = self._routing.usage.by_node.get(node, {})
        shut = self._routing.shut.get(node, {})
        full = rules.capacity is not None and used.get(first, 0) >= rules.capacity
        if strict:
            if first in shut:
                return first, shut[first]
            if full:
                return first, f"full on {first}: {used.get(first, 0)} of {rules.capacity} fulfillment orders"
            if order.wishes.ship_by is not None and first > order.wishes.ship_by:
                return first, f"leaves on {first}, later than asked for"
            return first, None
        if not full and first not in shut:
            return first, None
        leaves = self._offers.day(node, None, self._offers.taken_days(node), since)
        return leaves, None if leaves is not None else NO_DAY
