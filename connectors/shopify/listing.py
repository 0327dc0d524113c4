"""list_orders, list_items, list_stock: pages of what the shop has, resumed by a cursor that says all of it.

A cursor of orders is {since, highest, after}: the time this round looks from, the newest change seen in it, and
where its next page begins; after the last page `highest` becomes the next round's `since`. Each round looks back over
the overlap again, because Shopify's search index is a little behind; what comes twice has the same dedupe key.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.shopify.graph import Graph, at, next_cursor, nodes, plain_id
from core.errors import InputError, Rejected
from core.ports.connectors import InboundRecord, Page
from mappings.syntaxes.json import dump

ORDER_TOPIC, ITEM_TOPIC, STOCK_TOPIC = "graphql/order", "graphql/variant", "graphql/inventory_level"
# 10 orders with 10 lines cost under 1,000 points, the most a single query may cost.
ORDERS, LINES, MORE_LINES = 10, 10, 80
ITEMS, LEVELS = 100, 150
TOO_EXPENSIVE = "MAX_COST_EXCEEDED"
Json = dict[str, Any]


class Listing:
    """Reads lists of one connection.

    Args:
        overlap: how far each round of orders and items looks back.
    """

    def __init__(self, graph: Graph, *, overlap: timedelta) -> None:
        self.graph, self.overlap = graph, overlap

    def orders(self, cursor: Json) -> Page:
        """Return the next page of orders changed since the cursor."""
        verb = "list_orders"
        connection = self.page(
            "orders", cursor, verb, {"first": ORDERS, "lines": LINES, "query": self.changed(cursor) or ""}
        )
        records = []
        for node in nodes(connection):
            self.complete(node, verb)
            records.append(
                InboundRecord(
                    topic=ORDER_TOPIC,
                    dedupe_key=f"{ORDER_TOPIC}:{plain_id(node['id'])}:{node['updatedAt']}",
                    body=dump(node),
                    source_id=plain_id(node["id"]),
                    occurred_at=instant(node["updatedAt"]),
                )
            )
        return self.turned(cursor, connection, records)

    def items(self, cursor: Json) -> Page:
        """Return the next page of variants changed since the cursor."""
        connection = self.page(
            "variants", cursor, "list_items", {"first": ITEMS, "query": self.changed(cursor)}, field="productVariants"
        )
        records = [hashed(ITEM_TOPIC, node, instant(node["updatedAt"])) for node in nodes(connection)]
        return self.turned(cursor, connection, records)

    def stock(self, cursor: Json, location: str) -> Page:
        """Return the next page of what the shop shows at the location; a round always covers all of it."""
        variables = {"first": LEVELS, "after": cursor.get("after"), "locationId": location}
        data = self.graph.call("inventory_levels", variables, verb="list_stock")
        connection = at(data, "location").get("inventoryLevels")
        levels = [each for each in nodes(connection) if at(each, "item").get("tracked")]
        for each in levels:
            each["location"] = location
        after = next_cursor(connection)
        records = [hashed(STOCK_TOPIC, each, instant(each["updatedAt"])) for each in levels]
        return Page(records, {"after": after} if after else {}, more=after is not None)

    def page(self, name: str, cursor: Json, verb: str, variables: Json, field: str | None = None) -> Any:
        """Return one connection; a page that costs too much is asked for again at half the size."""
        size = int(variables["first"])
        while True:
            asked = {**variables, "first": size, "after": cursor.get("after")}
            try:
                return self.graph.call(name, asked, verb=verb).get(field or name)
            except Rejected as error:
                if error.data.get("partner_code") != TOO_EXPENSIVE or size == 1:
                    raise
                size = max(size // 2, 1)

    def changed(self, cursor: Json) -> str | None:
        """Return the search for what changed since the cursor; None means everything."""
        since = cursor.get("since")
        if not since:
            return None
        return f"updated_at:>='{(instant(since) - self.overlap).isoformat().replace('+00:00', 'Z')}'"

    def turned(self, cursor: Json, connection: Any, records: list[InboundRecord]) -> Page:
        """Return the page with the cursor after it."""
        times = [each.occurred_at for each in records if each.occurred_at]
        if cursor.get("highest"):
            times.append(instant(cursor["highest"]))
        highest = max(times).isoformat() if times else cursor.get("since")
        after = next_cursor(connection)
        if after:
            found = {"since": cursor.get("since"), "highest": highest, "after": after}
        else:
            found = {"since": highest}
        return Page(records, {name: value for name, value in found.items() if value}, more=after is not None)

    def complete(self, order: Json, verb: str) -> None:
        """Put the lines beyond the page's share on an order, and its refunds when units were taken off it."""
        lines = order["lineItems"]
        after = next_cursor(lines)
        while after:
            variables = {"id": order["id"], "lines": MORE_LINES, "after": after}
            more = at(self.graph.call("order_lines", variables, verb=verb), "order").get("lineItems")
            lines["nodes"] += nodes(more)
            after = next_cursor(more)
        lines.pop("pageInfo", None)
        reduced = any(each.get("currentQuantity") != each.get("quantity") for each in lines["nodes"])
        order["refunds"] = self.refunds(order["id"], verb) if reduced else []

    def refunds(self, order: str, verb: str) -> list[Json]:
        """Return the refunds of an order with all their lines."""
        data = self.graph.call("order_refunds", {"id": order}, verb=verb)
        found = []
        for refund in at(data, "order").get("refunds") or ():
            lines: list[Json] = []
            after: str | None = None
            while True:
                page = at(
                    self.graph.call("refund_lines", {"id": refund["id"], "after": after}, verb=verb), "refund"
                ).get("refundLineItems")
                lines += nodes(page)
                after = next_cursor(page)
                if after is None:
                    break
            found.append({"id": refund["id"], "refundLineItems": {"nodes": lines}})
        return found


def hashed(topic: str, node: Json, at_: datetime) -> InboundRecord:
    """Return a record that is the same fact as long as its content is the same, whatever its time says."""
    body = dump(node)
    return InboundRecord(
        topic=topic,
        dedupe_key=f"{topic}:sha256:{hashlib.sha256(body).hexdigest()}",
        body=body,
        source_id=plain_id(at(node, "item").get("id") or node.get("id")),
        occurred_at=at_,
    )


def instant(text: Any) -> datetime:
    """Return a time in UTC.

    Raises:
        InputError: it is none.
    """
    try:
        return datetime.fromisoformat(str(text)).astimezone(UTC)
    except ValueError:
        raise InputError(f"{str(text)[:40]!r} is no time.", code="SHOPIFY-TIME-422") from None
