"""The rules a run is judged by. Pure: what breaks a rule can be shown with made-up facts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from benchmarks.chaos.facts import Facts

FINAL = frozenset(["completed", "canceled"])
UNFINISHED = frozenset(["due", "waiting", "sending", "unknown"])
READING = frozenset(["received", "normalized"])
# What a write does at a simulated partner that counts effects by our reference.
EFFECT = {
    ("rest-wms", "push_fulfillment_order"): "fulfillment",
    ("rest-wms", "cancel_fulfillment_order"): "cancellation",
    ("soap-erp", "push_order"): "push_order",
    ("soap-erp", "cancel_order"): "cancel_order",
    ("soap-erp", "push_shipment"): "push_shipment",
}
SHOWN = 5


def outstanding(facts: Facts) -> dict[str, int]:
    """Return what is still to be done; empty when all has settled."""
    open_orders = [key for key, (state, excepted) in facts.orders.items() if state not in FINAL and not excepted]
    found = {
        "partners": sum(each.waiting for each in facts.partners.values()),
        "messages": sum(n for state, n in facts.messages.items() if state in READING),
        "deliveries": sum(each.state in UNFINISHED for each in facts.deliveries),
        "orders": len(open_orders) + len(facts.placed - facts.orders.keys()),
    }
    return {name: number for name, number in found.items() if number}


def finished(facts: Facts) -> int:
    """Return how many orders, messages and deliveries are done with: while it grows, the hub is not stuck."""
    return (
        sum(state in FINAL for state, _ in facts.orders.values())
        + sum(n for state, n in facts.messages.items() if state not in READING)
        + sum(each.state not in UNFINISHED for each in facts.deliveries)
    )


def breaches(facts: Facts) -> list[str]:
    """Return one sentence for each rule that does not hold; none means that the run was good."""
    return [*_books(facts), *_orders(facts), *_inbox(facts), *_effects(facts), *_shelves(facts)]


def _books(facts: Facts) -> Iterator[str]:
    for number, what in (
        (facts.oversold, "stock positions are oversold or negative"),
        (facts.ledger, "stock positions differ from the sum of their ledger"),
        (facts.promises, "stock positions differ from the reservations on them"),
        (facts.sums, "order lines have more canceled and shipped than ordered"),
        (facts.lanes, "writes began before the one ahead of them in their lane was over"),
    ):
        if number:
            yield f"{number} {what}"


def _orders(facts: Facts) -> Iterator[str]:
    if lost := sorted(facts.placed - facts.orders.keys()):
        yield f"{len(lost)} acknowledged orders are lost: {lost[:SHOWN]}"
    if strange := sorted(facts.orders.keys() - facts.placed):
        yield f"{len(strange)} orders nobody placed: {strange[:SHOWN]}"
    idle = sorted(
        f"{key} {state}" for key, (state, excepted) in facts.orders.items() if state not in FINAL and not excepted
    )
    if idle:
        yield f"{len(idle)} orders are neither final nor under an open exception: {idle[:SHOWN]}"


def _inbox(facts: Facts) -> Iterator[str]:
    for state in sorted({*READING, "quarantined"}):
        if number := facts.messages.get(state, 0):
            yield f"{number} messages are {state}"
    for name, partner in sorted(facts.partners.items()):
        if partner.given_up:
            yield f"{name} gave up {partner.given_up} webhooks that were never acknowledged"
        if partner.waiting:
            yield f"{name} still has {partner.waiting} things to do or to send"


def _effects(facts: Facts) -> Iterator[str]:
    waiting = [f"{each.reference} {each.kind} {each.state}" for each in facts.deliveries if each.state in UNFINISHED]
    if waiting:
        yield f"{len(waiting)} deliveries are not finished: {waiting[:SHOWN]}"
    known = {each.reference: each for each in facts.deliveries}
    told: Counter[str] = Counter()
    for each in facts.deliveries:
        kind = EFFECT.get((each.connector, each.kind))
        if kind is None:
            told[each.connection] += 1 if each.state == "delivered" else each.partly
            continue
        times = facts.partners[each.connection].effects.get(kind, {}).get(each.reference, 0)
        if each.state == "delivered" and times != 1:
            yield f"{each.kind} {each.reference} is delivered, and {each.connection} counts it {times} times"
    for name, partner in sorted(facts.partners.items()):
        if twice := sorted(partner.taken_twice):
            yield f"{name} was given the same work twice: {twice[:SHOWN]}"
        for kind, keys in sorted(partner.effects.items()):
            if doubled := sorted(key for key, times in keys.items() if times > 1 and kind != "inventory_set"):
                yield f"{name}: {kind} happened more than once for {doubled[:SHOWN]}"
            for key in sorted(key for key in keys if key.startswith("dlv_")):
                if key not in known:
                    yield f"{name}: {kind} {key} happened, and the hub has no such delivery"
                elif known[key].state == "superseded":
                    yield f"{name}: {kind} {key} happened, and the hub had withdrawn it"
        shown = sum(partner.effects.get("fulfillment", {}).values())
        if _is_shop(facts, name) and shown != told[name]:
            yield f"{name} was told of {told[name]} shipments and shows {shown}"


def _is_shop(facts: Facts, name: str) -> bool:
    return any(each.connection == name and each.connector == "shopify" for each in facts.deliveries)


def _shelves(facts: Facts) -> Iterator[str]:
    for name, partner in sorted(facts.partners.items()):
        if partner.shelves is not None and partner.shelves != facts.shelves.get(name):
            yield f"{name} has {partner.shelves} units on its shelves, the hub's books say {facts.shelves.get(name)}"
