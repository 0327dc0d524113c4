"""What an offer was made for, and in what an order that names it is something else.

What an offer names must be so of the order: its channel, type and tags, and as much of the destination as was said.
Items and units, service level, pick-up and days must be the same, or what was reckoned is not what leaves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Row

from core.domain.money import plain
from core.domain.postcodes import lies_in
from core.services.offers import STANDARD
from core.services.wishes import Wishes, wishes_of

NONE = Decimal(0)
# Items told of one side; more say nothing new.
MOST_TOLD = 5
# What an offer may be asked with besides lines and destination, as orders have it; kept with the offer.
TERMS = (
    "type", "tags", "service_level", "pickup_node", "requested_ship_date", "requested_delivery_date",
    "ship_not_before", "ship_not_after", "deliver_not_before", "deliver_not_after", "partial_shipment_allowed",
    "currency",
)  # fmt: skip
DAYS = {
    "ship_from": "leaving from", "ship_by": "leaving by", "deliver_from": "arriving from", "deliver_by": "arriving by",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Difference:
    """Why an offer does not hold for an order.

    Args:
        reason: one word.
        why: a sentence.
    """

    reason: str
    why: str


@dataclass(frozen=True, slots=True)
class Bought:
    """What an order says that names an offer.

    Args:
        document: its canonical document, or what is kept of it.
        units: what of it ships, by SKU as it was ordered.
        connection: the name of the channel it came by.
        country: where it goes.
    """

    document: Mapping[str, Any]
    units: Mapping[str, Decimal]
    connection: str
    country: str | None

    @property
    def postal_code(self) -> str | None:
        """Return the postcode it goes to."""
        found: str | None = (self.document.get("ship_to") or {}).get("postal_code")
        return found


def difference(offer: Row[Any], order: Bought) -> Difference | None:
    """Return in what an order is not what an offer was made for; None where the offer holds.

    Args:
        offer: a row of `promise`.
        order: the order that names it.
    """
    asked = offer.basis.get("asked") or {}
    wishes, own = wishes_of(asked), wishes_of(order.document)
    fetched = own.pickup_node is not None and own.pickup_node == wishes.pickup_node
    return (
        _items(offer, order)
        or (None if fetched else _destination(offer, order))
        or _channel(asked, order)
        or _terms(asked, order)
        or _wishes(wishes, own)
    )


def _items(offer: Row[Any], order: Bought) -> Difference | None:
    offered: dict[str, Decimal] = {}
    for line in offer.lines or ():
        offered[line["sku"]] = offered.get(line["sku"], NONE) + Decimal(line["quantity"])
    if offered == order.units:
        return None
    return Difference("items", f"It was made for {_told(offered)}, and the order is for {_told(order.units)}.")


def _told(units: Mapping[str, Decimal]) -> str:
    said = [f"{plain(number)} of {sku}" for sku, number in sorted(units.items())]
    more = f" and {len(said) - MOST_TOLD} more" if len(said) > MOST_TOLD else ""
    return ", ".join(said[:MOST_TOLD]) + more


def _destination(offer: Row[Any], order: Bought) -> Difference | None:
    if offer.to_country is None:
        return None
    if offer.to_country != order.country:
        return Difference(
            "destination", f"It was made for {offer.to_country}, and the order goes to {order.country or 'no country'}."
        )
    if not offer.to_postal or lies_in(offer.to_country, order.postal_code or "", offer.to_postal):
        return None
    return Difference(
        "destination", f"It was made for {offer.to_country} {offer.to_postal}, and the order goes to another postcode."
    )


def _channel(asked: Mapping[str, Any], order: Bought) -> Difference | None:
    name = asked.get("connection")
    if not name or name == order.connection:
        return None
    return Difference("channel", f"It was made for orders of {name}, and this one is of {order.connection}.")


def _terms(asked: Mapping[str, Any], order: Bought) -> Difference | None:
    kind = asked.get("type")
    if kind and kind != order.document.get("type"):
        return Difference("terms", f"It was made for a {kind} order, and this one is {order.document.get('type')}.")
    lacking = sorted(set(asked.get("tags") or ()) - set(order.document.get("tags") or ()))
    if lacking:
        return Difference("terms", f"It was made for an order with the tag {lacking[0]!r}, which this one has not.")
    return None


def _wishes(asked: Wishes, own: Wishes) -> Difference | None:
    levels = [each.service_level or STANDARD for each in (asked, own)]
    if levels[0].casefold() != levels[1].casefold():
        return Difference("terms", f"It was made for service level {levels[0]}, and the order asks for {levels[1]}.")
    if asked.pickup_node != own.pickup_node:
        places = [each.pickup_node or "no pick-up" for each in (asked, own)]
        return Difference("terms", f"It was made for pick-up at {places[0]}, and the order has {places[1]}.")
    for name, words in DAYS.items():
        days = [getattr(each, name) or "any day" for each in (asked, own)]
        if days[0] != days[1]:
            return Difference("terms", f"It was made for {words} {days[0]}, and the order is for {words} {days[1]}.")
    return None
