"""What the figures of a simulation rest on, in sentences, for the command line and the console alike."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def amounts(found: Json) -> str:
    """Return how many orders and decisions a report is about; of reports from before only orders were counted."""
    orders, decisions = found["orders"], found.get("decisions")
    said = f"{orders:,} recorded order{'' if orders == 1 else 's'}"
    if decisions is None:
        return said
    return f"{said} ({decisions:,} decision{'' if decisions == 1 else 's'})"


def grounds(found: Json) -> list[str]:
    """Return what the figures of a report rest on, in sentences: which orders, which stock, which deliveries."""
    said = []
    if found.get("decisions", 0) > found["orders"]:
        said.append("An order counts once, with its first decision; later ones move stock and fill nodes only.")
    if (later := found.get("later", {"orders": 0}))["orders"]:
        said.append(f"{later['orders']:,} would leave later, by {later['days']:g} days on average: their day is full.")
    if found["others"]:
        said.append(f"{found['others']:,} more orders are not for this policy and stay as they were.")
    if found["unread"]:
        said.append(f"{found['unread']:,} could not be read; see `crossdock decisions verify`.")
    stock = found.get("stock", {"carried": False})
    if not stock["carried"]:
        said.append("Each order was decided alone, with the stock it saw then.")
    elif stock["touched"] or stock["unmet"]:
        said.append(
            f"What was taken elsewhere was missing for later orders: {stock['touched']:,} saw other stock than then,"
            f" and of {stock['unmet']:,} the recorded facts do not hold with it."
        )
    kept = found.get("promise_kept_percent")
    if kept and "parcels" in kept:
        said.append(
            f"Kept promises are reckoned for {kept['known']:,} orders: {kept['learned']:,} by up to"
            f" {kept['parcels']:,} deliveries known when each was decided, {kept['stated']:,} by what services state."
        )
        told = kept["settled"]
        if told["orders"]:
            said.append(
                f"Of {told['orders']:,} promises that are settled {told['kept']:.1f} % were kept (95 %:"
                f" {told['interval'][0]:.1f} to {told['interval'][1]:.1f}); reckoned were {told['reckoned']:.1f} %."
            )
    return said
