"""What a logistic label says in words, the same on every printer."""

from __future__ import annotations

from collections.abc import Sequence

from core.domain.money import plain
from core.domain.packtree import Label, chained

MOST_CONTENTS = 6


def ship_to_lines(label: Label) -> list[str]:
    """Return the ship-to address as lines, country last."""
    to = label.ship_to
    town = " ".join(filter(None, (to.get("postal_code"), to.get("city"))))
    lines = [to.get("name"), to.get("company"), to.get("line1"), to.get("line2"), town, to.get("country")]
    return ["Ship to:", *(str(line) for line in lines if line)]


def content_lines(label: Label) -> list[str]:
    """Return order, shipment, place in the shipment, and what is inside; what does not fit is counted."""
    lines = [
        f"Order {label.order_number or '-'}   Shipment {label.shipment_number}",
        f"{label.kind.capitalize()} {label.number} of {label.total}   Carrier {label.carrier or '-'}",
    ]
    for each in label.contents[:MOST_CONTENTS]:
        lot = f" lot {each.lot}" if each.lot else ""
        best = f" until {each.expires_on}" if each.expires_on else ""
        lines.append(f"{plain(each.quantity)} {each.unit} {each.sku or each.gtin or each.position}{lot}{best}")
    more = len(label.contents) - MOST_CONTENTS
    return lines + ([f"and {more} more lines"] if more > 0 else [])


def human(elements: Sequence[tuple[str, str]]) -> str:
    """Return the interpretation under a bar code, such as `(02)04006381333931(37)2`."""
    return chained(elements, "", open_="(", close=")")
