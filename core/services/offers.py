"""Which carriers' services a node could use for an order: when they leave and arrive, what they cost, why not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from math import ceil
from typing import TYPE_CHECKING
from uuid import UUID

from core.domain.calendars import local_day, next_ship_moment, until_fetched
from core.routing import costs, terms
from core.routing.problem import Service
from core.services.expecting import lane_of, lateness_probability
from core.services.facts import Facts
from core.services.routing_facts import ItemFacts
from core.services.tariffs import CarrierService, Lane
from core.services.wishes import Wishes

if TYPE_CHECKING:
    from core.services.sourcing import Sourced

NONE = Decimal(0)
NOTHING = ItemFacts()
# With fewer arrivals behind the transit model a carrier's own word is worth more.
LEAST_OUTCOMES = 30
# So long before the first day it may leave, work that waits for it is looked at as if it began.
AHEAD = timedelta(days=30)
# What an order takes that asks for no level.
STANDARD = "standard"


@dataclass(frozen=True, slots=True)
class Leg:
    """How one node's part of an order leaves: carrier and service where any was chosen, and the days."""

    carrier: str | None = None
    service: str | None = None
    ship_on: date | None = None
    arrive_on: date | None = None


NO_LEG = Leg()


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

    def moment(
        self, node: UUID, cutoff: time | None = None, full: Sequence[date] = (), since: date | None = None
    ) -> datetime | None:
        """Return when what is ordered now leaves a node, None when nothing leaves within 60 days.

        Args:
            node: its id.
            cutoff: when a carrier fetches there, by the node's clock.
            full: days at the node that take no more.
            since: the first day at the node on which it may leave; any when None.
        """
        key = (node, cutoff, tuple(sorted(full)) if full else (), since)
        kept: dict[object, datetime | None] = self._routing.kept.setdefault("moments", {})
        if key not in kept:
            calendar = until_fetched(self._facts.promising.calendars[node], cutoff)
            begins, closed = self._now, set(full)
            if since is not None:
                # Work that waits for a far day begins shortly before it, however far that is.
                begins = max(begins, datetime.combine(since - AHEAD, time(), UTC))
                first = local_day(calendar, begins)
                closed |= {first + timedelta(days=day) for day in range((since - first).days)}
            kept[key] = next_ship_moment(calendar, begins, full=closed)
        return kept[key]

    def day(
        self, node: UUID, cutoff: time | None = None, full: Sequence[date] = (), since: date | None = None
    ) -> date | None:
        """Return the day at a node of `moment`."""
        key = (node, cutoff, tuple(sorted(full)) if full else (), since)
        kept: dict[object, date | None] = self._routing.kept.setdefault("days", {})
        if key not in kept:
            moment = self.moment(node, cutoff, full, since)
            kept[key] = None if moment is None else local_day(self._facts.promising.calendars[node], moment)
        return kept[key]

    def taken_days(self, node: UUID) -> list[date]:
        """Return the days on which a node takes no more: its capacity is used up, or a disruption shuts it."""
        capacity, shut = self._routing.nodes[node].capacity, self._routing.shut.get(node, ())
        if capacity is None:
            return list(shut)
        used = self._routing.usage.by_node.get(node, {})
        return [*(day for day, works in used.items() if works >= capacity), *shut]

    def of_node(
        self, order: Sourced, node: UUID, stock: Mapping[tuple[UUID, UUID], Decimal], *, strict: bool, late: bool
    ) -> Offered:
        """Return the services a node could use for an order, those it must not use with the reason.

        Args:
            order: with its open units and wishes.
            node: its id.
            stock: units that may be promised per (item, node).
            strict: whether wishes and limits of the day keep services out.
            late: whether the policy asks how likely each is late.
        """
        country = order.destination.country
        areas = self._routing.tariff.told_apart(country, order.wishes.postal_code)
        found = Offered()
        offered = self._lanes(node, country or "", areas)
        if not offered:
            return found
        grams = sum(
            int(min(each.quantity, stock.get((each.item_id, node), NONE)) * each.grams) for each in order.demands
        )
        taken = self.taken_days(node)
        asked = (order.wishes.service_level or STANDARD).casefold()
        for service, lane in offered:
            if lane is None:
                found.services.append(Service(service.code, 0, excluded="has no rate for this way"))
                continue
            leg, reason, eased = self._leg(order, node, service, lane, taken, asked, strict)
            if reason is not None:
                found.limited = found.limited or eased
                found.services.append(Service(service.code, 0, excluded=reason))
                continue
            found.legs[service.code] = leg
            made = self._priced(order, node, service, lane, grams)
            found.services.append(replace(made, late=self._lateness(order, node, service, leg)) if late else made)
        return found

    def has_services(self, order: Sourced, node: UUID) -> bool:
        """Return whether any carrier's service is offered to a node, whatever it may carry."""
        areas = self._routing.tariff.told_apart(order.destination.country, order.wishes.postal_code)
        return bool(self._lanes(node, order.destination.country or "", areas))

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
        self,
        order: Sourced,
        node: UUID,
        service: CarrierService,
        lane: Lane,
        taken: Sequence[date],
        asked: str,
        strict: bool,
    ) -> tuple[Leg, str | None, bool]:
        """Return when a service would leave and arrive, why it must not be used, and whether only for now."""
        if service.connections:
            channel = self._facts.connections.get(order.connection_id)
            if channel is None or channel.name not in service.connections:
                return NO_LEG, "is not offered to this channel", False
        if service.pickup_limit == 0:
            return NO_LEG, "fetches nothing: its limit is 0 parcels", False
        used = self._routing.usage.by_service.get((node, service.code), {}) if service.pickup_limit is not None else {}
        full = [day for day, works in used.items() if works >= (service.pickup_limit or 0)]
        out = self._disrupted(order, node, service.carrier) if self._routing.disruptions else {}
        wishes = order.wishes
        since = self._since(wishes, service, lane)
        ship_on = self.day(node, service.cutoff, (), since)
        if not strict and ship_on is not None and (ship_on in full or ship_on in out or ship_on in taken):
            ship_on = self.day(node, service.cutoff, [*full, *out, *taken], since)
        if ship_on is None:
            return NO_LEG, "fetches nothing within 60 days", False
        leg = self._way(service, lane, ship_on)
        if not strict:
            return leg, None, False
        if service.level is not None and service.level.casefold() != asked:
            return leg, f"is {service.level}, and {asked} was asked for", True
        if ship_on in out:
            return leg, out[ship_on], True
        if ship_on in full or ship_on in taken:
            return leg, f"its pick-up on {ship_on} is full", True
        if wishes.ship_by is not None and ship_on > wishes.ship_by:
            return leg, f"leaves on {ship_on}, later than asked for", True
        if wishes.deliver_by is not None and leg.arrive_on is not None and leg.arrive_on > wishes.deliver_by:
            return leg, f"arrives on {leg.arrive_on}, later than asked for", True
        return leg, None, False

    @staticmethod
    def _since(wishes: Wishes, service: CarrierService, lane: Lane) -> date | None:
        """Return the first day a service may take an order on, so that it neither leaves nor arrives too early."""
        if wishes.deliver_from is None:
            return wishes.ship_from
        days, first = service.days(lane.zone), wishes.deliver_from
        while days is not None and terms.arrival(first - timedelta(days=1), days) >= wishes.deliver_from:
            first -= timedelta(days=1)
        return first if wishes.ship_from is None else max(first, wishes.ship_from)

    def _way(self, service: CarrierService, lane: Lane, ship_on: date) -> Leg:
        kept: dict[object, Leg] = self._routing.kept.setdefault("legs", {})
        key = (service.id, lane.zone, ship_on)
        if key not in kept:
            days = service.days(lane.zone)
            arrive_on = None if days is None else terms.arrival(ship_on, days)
            kept[key] = Leg(service.carrier, service.service, ship_on, arrive_on)
        return kept[key]

    def _lateness(self, order: Sourced, node: UUID, service: CarrierService, leg: Leg) -> float:
        """Return the chance that a parcel comes after the day asked for, else after the day its carrier states.

        What outcomes have taught counts; before there are enough of them, the carrier's own word.
        """
        wanted = order.wishes.deliver_by or leg.arrive_on
        leaves = self.moment(node, service.cutoff, (), leg.ship_on)
        known = self._facts.promising.transit.correction.outcomes >= LEAST_OUTCOMES
        if not known or wanted is None or leaves is None:
            return terms.lateness(service.on_time, leg.arrive_on, order.wishes.deliver_by)
        lane = lane_of(self._facts, node, order.destination, order.wishes.postal_code)
        end = datetime.combine(wanted + timedelta(days=1), time(), UTC)
        return lateness_probability(self._facts, service.carrier, service.service, lane, leaves, end)

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

    def _priced(self, order: Sourced, node: UUID, service: CarrierService, lane: Lane, grams: int) -> Service:
        """Return a service with its price for what the node could send; what is too heavy for one parcel is several."""
        most = min(service.max_weight_g or terms.ANY_WEIGHT, lane.steps[-1].up_to_g)
        parcels = max(1, ceil(grams / most)) if most else 1
        step = terms.rate(lane.steps, ceil(grams / parcels)) or lane.steps[-1]
        carbon_g_kg = 0
        if service.carbon_g_kg_km:
            way = costs.kilometers(self._facts.nodes[node], order.destination)
            carbon_g_kg = terms.carbon_per_kg(service.carbon_g_kg_km, way)
        refuses = self._refused(order, service, most)
        key = (service.id, step, parcels, carbon_g_kg)
        kept: dict[object, Service] = self._routing.kept.setdefault("priced", {})
        found = kept.get(key)
        if found is None:
            found = kept[key] = Service(
                service.code,
                step.price * parcels,
                step.per_kg,
                carbon_g=service.carbon_g * parcels,
                carbon_g_kg=carbon_g_kg,
            )
        return replace(found, refuses=refuses) if refuses else found

    def _refused(self, order: Sourced, service: CarrierService, most: int) -> dict[UUID, str]:
        refuses = {}
        for demand in order.demands:
            item = self._items.get(demand.item_id, NOTHING)
            if not item.hazmat and item.storage is None and demand.grams <= most:
                continue
            reason = terms.refusal(item.storage, item.hazmat, service.storage, service.hazmat, service.code)
            if reason is None and demand.grams > most:
                reason = f"{service.code} takes at most {most} g"
            if reason is not None:
                refuses[demand.item_id] = reason
        return refuses
