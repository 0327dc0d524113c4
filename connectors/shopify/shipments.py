"""push_shipment: a shipment becomes Shopify fulfillments, found again by tracking number and units, never twice.

Shopify keeps no reference of ours on a fulfillment, so the tracking numbers are it: a shipment without any is given
its own number. What fulfillments with these numbers already carry is subtracted before anything is written; so a
retry after a lost answer, or after half of several fulfillments, writes only what is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from connectors.shopify.graph import Graph, at, gid, next_cursor, nodes, plain_id, refusal, units, user_errors
from connectors.shopify.work import (
    FULFILL,
    MOVE,
    VOID,
    State,
    Take,
    Units,
    Work,
    allocate,
    by_work,
    without,
    work_lines,
)
from core.errors import Declined, Rejected
from core.ports.connectors import Push, Receipt

VERB = "push_shipment"
Json = dict[str, Any]


class Shipments:
    """Writes shipments of one connection.

    Args:
        carriers: our carrier code -> the name Shopify builds tracking links for.
        places: node code -> location id; shipments of these nodes move their fulfillment order there first.
        notify: whether Shopify writes to the customer.
    """

    def __init__(self, graph: Graph, *, carriers: Mapping[str, str], places: Mapping[str, Any], notify: bool) -> None:
        self.graph, self.carriers, self.places, self.notify = graph, carriers, places, notify

    def push(self, push: Push) -> Receipt:
        """Fulfill what is not fulfilled yet.

        Raises:
            Declined: the shop has fewer units left than were shipped; the others are fulfilled all the same.
            Rejected: the order is unknown, on hold or refuses the input.
        """
        order, numbers, wanted = self.request(push)
        if not wanted:
            return Receipt(detail={"skipped": "No line of this shipment came from the shop."})
        state = self.state(order)
        done, found = self.done(state, numbers)
        todo = without(wanted, done)
        if not todo:
            return Receipt(reference=",".join(found), detail={"found": True})
        takes, lacking = allocate(state, todo, self.place(push))
        notes: list[str] = []
        for group in self.placed(takes, self.place(push), notes).values():
            found.append(self.create(push, numbers, group))
        if lacking:
            raise self.lack(state, lacking, wanted, found)
        return Receipt(reference=",".join(found) or None, detail={"notes": notes} if notes else {})

    def find(self, push: Push) -> Receipt | None:
        """Return the fulfillments of this shipment when they carry all of it."""
        order, numbers, wanted = self.request(push)
        if not wanted:
            return None
        done, found = self.done(self.state(order), numbers)
        return None if without(wanted, done) else Receipt(reference=",".join(found), detail={"found": True})

    def request(self, push: Push) -> tuple[str, list[str], Units]:
        """Return order id, tracking numbers and units per line item of a push."""
        shipment, order = at(push.payload, "shipment"), at(push.payload, "order")
        wanted: Units = {}
        for line in shipment.get("lines") or ():
            if line.get("external_id"):
                item = gid("LineItem", line["external_id"])
                wanted[item] = wanted.get(item, 0) + units(line.get("quantity"), line.get("sku"))
        given = [each.get("tracking_number") for each in shipment.get("packages") or ()]
        numbers = list(dict.fromkeys(str(each) for each in (shipment.get("tracking_number"), *given) if each))
        return (
            gid("Order", order.get("external_id")),
            numbers or [str(shipment.get("number") or push.reference)],
            wanted,
        )

    def place(self, push: Push) -> str | None:
        """Return the location of the node that shipped, None when it has none of its own."""
        found = self.places.get(str(at(push.payload, "shipment").get("node")))
        return gid("Location", found) if found else None

    def state(self, order: str) -> State:
        """Return what the shop says of an order, every page of it."""
        found: State | None = None
        after: str | None = None
        while True:
            data = self.graph.call("fulfillment_state", {"id": order, "after": after}, verb=VERB)
            node = data.get("order")
            if not isinstance(node, dict):
                raise Rejected(
                    f"Order {plain_id(order)} does not exist in the shop.",
                    fix="It was deleted there, or belongs to another connection.",
                    code="SHOPIFY-ORDER-404",
                )
            if found is None:
                found = State(str(node.get("name")), bool(node.get("cancelledAt")), node.get("fulfillments") or [])
            found.work += [self.work(each) for each in nodes(node.get("fulfillmentOrders"))]
            after = next_cursor(node.get("fulfillmentOrders"))
            if after is None:
                return found

    def work(self, node: Json) -> Work:
        """Return one fulfillment order with all its lines."""
        return Work(
            id=str(node["id"]),
            status=str(node.get("status")),
            location=str(at(node, "assignedLocation", "location").get("id") or ""),
            actions=frozenset(str(each.get("action")) for each in node.get("supportedActions") or ()),
            lines=self.all_lines(node),
        )

    def all_lines(self, node: Json) -> list[tuple[str, str, int]]:
        """Return the lines of a fulfillment order, every page of them."""
        lines = list(work_lines(node.get("lineItems")))
        after = next_cursor(node.get("lineItems"))
        while after:
            data = self.graph.call("fulfillment_order_lines", {"id": node["id"], "after": after}, verb=VERB)
            page = at(data, "fulfillmentOrder").get("lineItems")
            lines += work_lines(page)
            after = next_cursor(page)
        return lines

    def done(self, state: State, numbers: list[str]) -> tuple[Units, list[str]]:
        """Return the units that fulfillments with our tracking numbers carry, and their ids."""
        carried: Units = {}
        found: list[str] = []
        for each in state.fulfillments:
            theirs = {info.get("number") for info in each.get("trackingInfo") or ()}
            if each.get("status") in VOID or theirs.isdisjoint(numbers):
                continue
            found.append(plain_id(each["id"]))
            for item, count in self.carried(each["id"]):
                carried[item] = carried.get(item, 0) + count
        return carried, found

    def carried(self, fulfillment: str) -> Iterator[tuple[str, int]]:
        """Yield line item and units of a fulfillment."""
        after: str | None = None
        while True:
            data = self.graph.call("fulfillment_lines", {"id": fulfillment, "after": after}, verb=VERB)
            page = at(data, "fulfillment").get("fulfillmentLineItems")
            for each in nodes(page):
                yield str(at(each, "lineItem").get("id")), int(each.get("quantity") or 0)
            after = next_cursor(page)
            if after is None:
                return

    def placed(self, takes: list[Take], place: str | None, notes: list[str]) -> dict[str, list[Take]]:
        """Return the takes by location, moved to the node's own location where Shopify allows it."""
        groups: dict[str, list[Take]] = {}
        for work, own in by_work(takes):
            location, moved = work.location, own
            if place and place != work.location and MOVE in work.actions:
                try:
                    moved = self.move(work, own, place)
                    location = place
                except Rejected as error:
                    # Shipped is shipped: the fulfillment is told at the old location, and the receipt says so.
                    notes.append(error.what)
            groups.setdefault(location, []).extend(moved)
        return groups

    def move(self, work: Work, takes: list[Take], place: str) -> list[Take]:
        """Move lines of a fulfillment order to the location that shipped them; return the takes there."""
        lines = [{"id": each.line, "quantity": each.units} for each in takes]
        variables = {"id": work.id, "newLocationId": place, "fulfillmentOrderLineItems": lines}
        payload = at(
            self.graph.call("fulfillment_order_move", variables, verb=VERB, write=True), "fulfillmentOrderMove"
        )
        if errors := user_errors(payload):
            raise refusal(self.graph.http.partner, "the move", errors, "Stock the item at the node's location.")
        node = at(payload, "movedFulfillmentOrder")
        there = Work(str(node.get("id")), work.status, place, work.actions, self.all_lines(node))
        line_of = {item: line for line, item, _ in there.lines}
        return [Take(there, line_of.get(each.item, each.line), each.item, each.units) for each in takes]

    def create(self, push: Push, numbers: list[str], takes: list[Take]) -> str:
        """Create one fulfillment at one location; return its id."""
        by_order = [
            {
                "fulfillmentOrderId": work.id,
                "fulfillmentOrderLineItems": [{"id": each.line, "quantity": each.units} for each in own],
            }
            for work, own in by_work(takes)
        ]
        fulfillment = {
            "lineItemsByFulfillmentOrder": by_order,
            "notifyCustomer": self.notify,
            "trackingInfo": self.tracking(push, numbers),
        }
        data = self.graph.call("fulfillment_create", {"fulfillment": fulfillment}, verb=VERB, write=True)
        payload = at(data, "fulfillmentCreate")
        if errors := user_errors(payload):
            raise refusal(
                self.graph.http.partner,
                "the fulfillment",
                errors,
                "Compare the order in Shopify, then retry the delivery.",
            )
        return plain_id(at(payload, "fulfillment").get("id"))

    def tracking(self, push: Push, numbers: list[str]) -> Json:
        """Return how the shipment is tracked; a link goes with a single number only, as Shopify pairs them."""
        shipment = at(push.payload, "shipment")
        found: Json = {"number": numbers[0]} if len(numbers) == 1 else {"numbers": numbers}
        carrier = shipment.get("carrier")
        if carrier:
            found["company"] = self.carriers.get(str(carrier).lower(), str(carrier))
        url = str(shipment.get("tracking_url") or "")
        if len(numbers) == 1 and url.startswith(("https://", "http://")):
            found["url"] = url
        return found

    def lack(self, state: State, lacking: Units, wanted: Units, found: list[str]) -> Rejected | Declined:
        """Return why some units could not be fulfilled."""
        lines = [
            {"line": plain_id(item), "shipped": wanted[item], "not_taken": count} for item, count in lacking.items()
        ]
        closed = [work for work in state.work if FULFILL not in work.actions]
        blocked = sorted({work.status for work in closed for _, item, left in work.lines if left and item in lacking})
        if blocked:
            return Rejected(
                f"Order {state.name} cannot be fulfilled in the shop yet.",
                why=f"Fulfillment orders with these units are {', '.join(blocked)}.",
                fix="Release the hold or open the fulfillment order in Shopify, then retry the delivery.",
                code="SHOPIFY-HOLD-423",
                lines=lines,
                fulfilled=found,
            )
        why = "It was canceled there." if state.canceled else "They were fulfilled or removed there."
        return Declined(
            f"Order {state.name} has fewer units left in the shop than were shipped.",
            why=why,
            fix="Compare the order in Shopify; nothing more can be fulfilled there.",
            code="SHOPIFY-LEFT-409",
            lines=lines,
            fulfilled=found,
        )
