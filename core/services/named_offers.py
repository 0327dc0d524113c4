"""Offers that orders name: which of them hold, and what is said of those that do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from core.domain.cases import OFFER_UNHELD
from core.domain.ids import parse_id, public_id
from core.domain.payloads import jsonable
from core.errors import NotFound
from core.intelligence.lanes import LEVELS
from core.services.cases import Member, Opened, open_cases, settle_members
from core.services.facts import Facts
from core.services.offer_terms import Bought, Difference, difference
from core.store.unit import Unit

# Locked in the order of their ids, since orders of other transactions may name the same ones.
OFFERS = """
SELECT id, state, order_id, to_country, to_postal, lines, basis, due_at, level, stands_until FROM promise
WHERE tenant_id = %s AND id = ANY(%b::uuid[]) ORDER BY id FOR NO KEY UPDATE
"""
ORDERS = """
SELECT id, coalesce(number, external_id) AS number, connection_id, least(placed_at, created_at) AS placed_at,
       ship_country, type, requested_ship_date, requested_delivery_date, body
FROM orders WHERE tenant_id = %s AND id = ANY(%b::uuid[])
"""
UNITS = """
SELECT l.order_id, i.sku, sum(l.quantity - l.canceled) AS units FROM order_line l
JOIN item i ON i.tenant_id = l.tenant_id AND i.id = coalesce(l.substituted_item_id, l.item_id)
WHERE l.tenant_id = %s AND l.order_id = ANY(%b::uuid[]) AND l.ships AND l.quantity > l.canceled
GROUP BY l.order_id, i.sku
"""
# A promise so much later than what was told is none a buyer would notice.
NOTICED = timedelta(hours=1)
# An order may carry any text as the offer it names; so much of it is told.
TOLD = 80


@dataclass(frozen=True, slots=True)
class NamedOffer:
    """An order, the offer it names, and why it is not held to it.

    Args:
        order: a row of the order.
        name: the offer as the order names it.
        offer: its row of `promise`, None where there is none.
        unheld: None where the offer holds.
    """

    order: Row[Any]
    name: str
    offer: Row[Any] | None
    unheld: Difference | None


def read_named(unit: Unit, facts: Facts, named: Mapping[UUID, str]) -> list[NamedOffer]:
    """Lock the offers that orders name and judge each; of orders that name the same one the first gets it.

    Args:
        unit: the running transaction; it holds the locks of the orders.
        facts: connections by id.
        named: what each order names, in the order in which they are served.
    """
    if not named:
        return []
    ids = {order_id: found for order_id, name in named.items() if (found := _promise_id(name)) is not None}
    offers = {row.id: row for row in unit.conn.exec_driver_sql(OFFERS, (unit.tenant, list(set(ids.values()))))}
    orders = {row.id: row for row in unit.conn.exec_driver_sql(ORDERS, (unit.tenant, list(named)))}
    units: dict[UUID, dict[str, Decimal]] = {}
    for row in unit.conn.exec_driver_sql(UNITS, (unit.tenant, list(named))):
        units.setdefault(row.order_id, {})[row.sku] = row.units
    takers: dict[UUID, UUID] = {}
    judged = []
    for order_id, name in named.items():
        order, offer = orders[order_id], offers.get(ids[order_id]) if order_id in ids else None
        channel = facts.connections.get(order.connection_id)
        bought = Bought(_document(order), units.get(order_id, {}), channel.name if channel else "", order.ship_country)
        unheld = _unheld(name, offer, order, bought, takers)
        if offer is not None and unheld is None:
            takers[offer.id] = order_id
        judged.append(NamedOffer(order, name, offer, unheld))
    return judged


def tell_unheld(
    unit: Unit, facts: Facts, unheld: Sequence[NamedOffer], made: Mapping[UUID, Sequence[datetime]]
) -> None:
    """Say of orders why the offers they name do not hold, and open a case where the buyer was told an earlier date.

    Args:
        unit: the running transaction.
        facts: connections by id.
        unheld: offers that do not hold.
        made: what the orders are promised instead, by `core.intelligence.lanes.LEVELS`; without those without promise.
    """
    opened, settled = [], []
    for each in unheld:
        assert each.unheld is not None, "an offer that holds has nothing to tell"
        data = {"offer": each.name[:TOLD], "reason": each.unheld.reason, "why": each.unheld.why}
        if each.offer is not None:
            data["told"] = jsonable(each.offer.due_at)
        unit.event("promise.offer_refused", "order", each.order.id, data, order_id=each.order.id)
        if each.offer is not None:
            promised = made.get(each.order.id)
            instead = None if promised is None else promised[LEVELS.index(each.offer.level)]
            if instead is None or instead > each.offer.due_at + NOTICED:
                opened.append(_case(facts, each, each.offer, each.unheld, instead))
            else:
                settled.append(each.order.id)
    if opened:
        open_cases(unit, opened)
    # Some had no promise before, and have one now that keeps what was told.
    settle_members(unit, "order", settled, codes=[OFFER_UNHELD.code])


def _document(order: Row[Any]) -> dict[str, Any]:
    """Return what is kept of an order's document, with what has columns of its own."""
    return {
        **order.body,
        "type": order.type,
        "requested_ship_date": order.requested_ship_date,
        "requested_delivery_date": order.requested_delivery_date,
    }


def _unheld(
    name: str, offer: Row[Any] | None, order: Row[Any], bought: Bought, takers: Mapping[UUID, UUID]
) -> Difference | None:
    if offer is None:
        return Difference("unknown", f"The hub made no offer {name[:TOLD]!r}.")
    taker = offer.order_id or takers.get(offer.id)
    if taker is not None or offer.state != "offered":
        other = f"the order {public_id('order', taker)} has" if taker else "it has been"
        return Difference("taken", f"An offer is for one order, and {other} taken it.")
    if offer.stands_until < order.placed_at:
        until, placed = (f"{at:%Y-%m-%d %H:%M} UTC" for at in (offer.stands_until, order.placed_at))
        return Difference("ended", f"It stood until {until}, and the order was placed at {placed}.")
    return difference(offer, bought)


def _case(facts: Facts, named: NamedOffer, offer: Row[Any], unheld: Difference, instead: datetime | None) -> Opened:
    """Return the case of a channel whose orders name offers that do not hold for one reason."""
    order = named.order
    channel = facts.connections.get(order.connection_id)
    return Opened(
        OFFER_UNHELD,
        f"{OFFER_UNHELD.code}:{order.connection_id.hex}:{unheld.reason}",
        {
            "connection": channel.name if channel else "?",
            "number": order.number,
            "offer": public_id("promise", offer.id),
            "reason": unheld.reason,
            "why": unheld.why,
            "told": f"{offer.due_at:%Y-%m-%d %H:%M} UTC",
            "instead": f"is promised for {instead:%Y-%m-%d %H:%M} UTC" if instead else "has no promise",
        },
        [Member("order", order.id, order.id)],
        connection_id=order.connection_id,
    )


def _promise_id(name: str) -> UUID | None:
    """Return the id in `prm_…`; an order may carry any text there, and what is no id names no offer."""
    try:
        return parse_id("promise", name.strip())
    except NotFound:
        return None
