"""What an offer was made for, and in what an order that names it is something else.

What an offer names must be so of the order: its channel, and as much of the destination as was said. Items and units
must be the same, or what was reckoned is not what leaves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Row

from core.domain.money import plain
from core.domain.postcodes import lies_in

NONE = Decimal(0)
# Items told of one side; more say nothing new.
MOST_TOLD = 5


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
    return _items(offer, order) or _destination(offer, order) or _channel(asked, order)


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
