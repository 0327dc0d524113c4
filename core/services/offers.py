"""Which carriers' services a node could use for an order: when they leave and arrive, what they cost, why not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from decimal import Decimal
from math import ceil
from typing import TYPE_CHECKING, Any
from uuid import UUID

from core.domain.calendars import local_day, next_ship_moment
from core.routing import costs, terms
from core.routing.problem import Service
from core.services.facts import Facts
from core.services.routing_facts import ItemFacts
from core.services.tariffs import CarrierService, Lane

if TYPE_CHECKING:
    from core.services.sourcing import Sourced

NONE = Decimal(0)
NOTHING = ItemFacts()
# What an order takes that asks for no level.
STANDARD = "standard"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What an order asks of its shipping.

    Args:
        postal_code: of the ship-to address, as written.
        service_level: such as `express`.
        pickup_node: code of the node where the buyer fetches it.
        ship_by: the day it is to leave at the latest.
        deliver_by: the day it is to arrive at the latest.
    """

    postal_code: str | None = None
    service_level: str | None = None
    pickup_node: str | None = None
    ship_by: date | None = None
    deliver_by: date | None = None


@dataclass(frozen=True, slots=True)
class Leg:
    """How one node's part of an order leaves: carrier and service where any was chosen, and the days."""

    carrier: str | None = None
    service: str | None = None
    ship_on: date | None = None
    arrive_on: date | None = None


def wishes_of(order: Mapping[str, Any]) -> Wishes:
    """Return the wishes in a canonical order with its dates as dates."""
    return Wishes(
        (order.get("ship_to") or {}).get("postal_code"),
        order.get("service_level"),
        order.get("pickup_node"),
        order.get("requested_ship_date"),
        order.get("requested_delivery_date"),
    )


@dataclass(slots=True)
class Offered:
    """Services of one node for one order, their legs by code, and whether any is out only by a wish or a limit."""

    services: list[Service] = field(default_factory=list)
    legs: dict[str, Leg] = field(default_factory=dict)
    limited: bool = False


class Offers:
    """Services as orders of one moment could use them.

    Args:
        facts: nodes, connections and what routing needs.
        items: what is known of the items ordered.
        now: the moment.
    """

    def __init__(self, facts: Facts, items: Mapping[UUID, ItemFacts], now: datetime) -> None:
        self._facts, self._routing, self._items, self._now = facts, facts.routing, items, now

    def day(self, node: UUID, cutoff: time | None = None, full: Sequence[date] = ()) -> date | None:
        """Return the day at a node on which what is ordered now leaves, None when nothing leaves within 60 days.

        Args:
            node: its id.
            cutoff: when a carrier fetches there, by the node's clock.
            full: days at the node that take no more.
        """
        key = (node, cutoff, tuple(sorted(full)))
        kept: dict[object, date | None] = self._routing.kept.setdefault("days", {})
        if key not in kept:
            calendar = self._routing.nodes[node].calendar
            if cutoff is not None:
                calendar = replace(calendar, cutoff=min(calendar.cutoff or time.max, cutoff))
            moment = next_ship_moment(calendar, self._now, full=set(full))
            kept[key] = None if moment is None else local_day(calendar, moment)
        return kept[key]

    def taken_days(self, node: UUID) -> list[date]:
        """Return the days on which a node takes no more: its capacity is used up, or a disruption shuts it."""
        capacity = self._routing.nodes[node].capacity
        used = self._routing.usage.by_node.get(node, {})
        full = [] if capacity is None else [day for day, works in used.items() if works >= capacity]
        return [*full, *self._routing.shut.get(node, ())]

    def of_node(
        self, order: Sourced, node: UUID, stock: Mapping[tuple[UUID, UUID], Decimal], *, strict: bool
    ) -> Offered:
        """Return the services a node could use for an order, those it must not use with the reason.

        Args:
            order: with its open units and wishes.
            node: its id.
            stock: units that may be promised per (item, node).
            strict: whether wishes and limits of the day keep services out.
        """
        country = order.destination.country
        areas = self._routing.tariff.told_apart(country, order.wishes.postal_code)
        grams = sum(
            int(min(each.quantity, stock.get((each.item_id, node), NONE)) * each.grams) for each in order.demands
        )
        found = Offered()
        for service, lane in self._lanes(node, country or "", areas):
            leg, reason, eased = self._leg(order, node, service, lane, strict)
            found.limited = found.limited or eased
            if reason is None and lane is not None:
                found.services.append(self._priced(order, node, service, lane, grams, leg))
                found.legs[service.code] = leg
            else:
                found.services.append(Service(service.code, 0, excluded=reason or "has no rate for this way"))
        return found

    def _lanes(self, node: UUID, country: str, areas: tuple[str, ...]) -> Sequence[tuple[CarrierService, Lane | None]]:
        kept: dict[object, Sequence[tuple[CarrierService, Lane | None]]] = self._routing.kept.setdefault("offers", {})
        key = (node, country, areas)
        if key not in kept:
            tariff, rules, code = self._routing.tariff, self._routing.nodes[node], self._facts.nodes[node].code
            kept[key] = [
                (service, tariff.lane(service.id, (rules.country, rules.postal_code), country, areas))
                for service in tariff.services.values()
                if not service.nodes or code in service.nodes
            ]
        return kept[key]

    def _leg(
        self, order: Sourced, node: UUID, service: CarrierService, lane: Lane | None, strict: bool
    ) -> tuple[Leg, str | None, bool]:
        """Return when a service would leave and arrive, why it must not be used, and whether only for now."""
        channel = self._facts.connections.get(order.connection_id)
        if service.connections and (channel is None or channel.name not in service.connections):
            return Leg(), "is not offered to this channel", False
        used = self._routing.usage.by_service.get((node, service.code), {})
        limit = service.pickup_limit
        full = [day for day, works in used.items() if limit is not None and works >= limit]
        full += self.taken_days(node)
        out = self._disrupted(order, node, service.carrier)
        full += out
        first = self.day(node, service.cutoff)
        ship_on = first if strict or first not in full else self.day(node, service.cutoff, full)
        if ship_on is None:
            return Leg(), "fetches nothing within 60 days", False
        days = service.days(lane.zone) if lane is not None else None
        arrive_on = None if days is None else terms.arrival(ship_on, days)
        leg = Leg(service.carrier, service.service, ship_on, arrive_on)
        if not strict:
            return leg, None, False
        wishes = order.wishes
        level = (wishes.service_level or STANDARD).casefold()
        if service.level is not None and service.level.casefold() != level:
            return leg, f"is {service.level}, and {level} was asked for", True
        if ship_on in out:
            return leg, out[ship_on], True
        if ship_on in full:
            return leg, f"its pick-up on {ship_on} is full", True
        if wishes.ship_by is not None and ship_on > wishes.ship_by:
            return leg, f"leaves on {ship_on}, later than asked for", True
        if wishes.deliver_by is not None and arrive_on is not None and arrive_on > wishes.deliver_by:
            return leg, f"arrives on {arrive_on}, later than asked for", True
        return leg, None, False

    def _disrupted(self, order: Sourced, node: UUID, carrier: str) -> Mapping[date, str]:
        """Return the days on which a carrier fetches nothing here for there, with the reason."""
        days: dict[date, str] = {}
        for each in self._routing.disruptions:
            if each.carrier == carrier:
                rules, end = self._routing.nodes[node], order.destination
                point = None if end.latitude is None or end.longitude is None else (end.latitude, end.longitude)
                if each.covers(rules.country, rules.postal_code, rules.point) or each.covers(
                    end.country, order.wishes.postal_code, point
                ):
                    days.update(each.days(self._now.date()))
        return days

    def _priced(self, order: Sourced, node: UUID, service: CarrierService, lane: Lane, grams: int, leg: Leg) -> Service:
        """Return a service with its price for what the node could send; what is too heavy for one parcel is several."""
        most = min(service.max_weight_g or terms.ANY_WEIGHT, lane.steps[-1].up_to_g)
        parcels = max(1, ceil(grams / most)) if most else 1
        step = terms.rate(lane.steps, ceil(grams / parcels)) or lane.steps[-1]
        refuses = {}
        for demand in order.demands:
            item = self._items.get(demand.item_id, NOTHING)
            reason = terms.refusal(item.storage, item.hazmat, service.storage, service.hazmat, service.code)
            if reason is None and demand.grams > most:
                reason = f"{service.code} takes at most {most} g"
            if reason is not None:
                refuses[demand.item_id] = reason
        carbon_g_kg = 0
        if service.carbon_g_kg_km:
            way = costs.kilometers(self._facts.nodes[node], order.destination)
            carbon_g_kg = terms.carbon_per_kg(service.carbon_g_kg_km, way)
        return Service(
            service.code,
            step.price * parcels,
            step.per_kg,
            late=terms.lateness(service.on_time, leg.arrive_on, order.wishes.deliver_by),
            carbon_g=service.carbon_g * parcels,
            carbon_g_kg=carbon_g_kg,
            refuses=refuses,
        )
