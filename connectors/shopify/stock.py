"""push_stock: available quantities as absolute values at one location, at most 250 items a call.

The hub is the source of truth for what may be sold, so no comparison with Shopify's present figure is asked for
(`changeFromQuantity: null`). The idempotency key is made of our reference and the very figures: Shopify executes the
same figures once, and newer figures under the same reference are another write. An item Shopify refuses stops only
itself: it is left out, the others are set, and the refused ones are named in the error.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from connectors.shopify.graph import Graph, at, gid, nodes, plain_id, refusal, units, user_errors
from core.errors import ConnectorError, Rejected, Transient
from core.ports.connectors import Push, Receipt

VERB = "push_stock"
MOST = 250
SCHEME = "shopify_inventory_item"
STILL_RUNNING, FAILED_BEFORE = "IDEMPOTENCY_CONCURRENT_REQUEST", "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"
Json = dict[str, Any]


class Stock:
    """Writes available stock of one connection.

    Args:
        location: where the shop counts what the hub offers.
    """

    def __init__(self, graph: Graph, *, location: Any) -> None:
        self.graph = graph
        self.location = gid("Location", location)

    def push(self, push: Push) -> Receipt:
        """Set the available quantity of every item.

        Raises:
            Rejected: names the items that could not be set; all others are set.
        """
        figures, refused = self.figures(push)
        groups: list[str] = []
        for page in pages(figures):
            groups += self.set(push, page, refused)
        if refused:
            raise Rejected(
                f"{len(refused)} of {len(refused) + len(figures)} items could not be set in the shop: "
                + "; ".join(f"{each['sku']}: {each['reason']}" for each in refused[:3]),
                fix="Map the items to this shop's inventory items, or take them out of the connection.",
                code="SHOPIFY-STOCK-422",
                items=refused,
            )
        return Receipt(reference=",".join(groups) or None, detail={"items": len(figures)})

    def find(self, push: Push) -> Receipt | None:
        """Return a receipt when the shop shows exactly these figures."""
        figures, refused = self.figures(push)
        if refused or not figures:
            return None
        for page in pages(figures):
            variables = {"ids": [each["inventoryItemId"] for each in page], "locationId": self.location}
            data = self.graph.call("inventory_available", variables, verb=VERB)
            shown = {str(each.get("id")): available(each) for each in data.get("nodes") or () if each}
            if any(shown.get(each["inventoryItemId"]) != each["quantity"] for each in page):
                return None
        return Receipt(detail={"found": True, "items": len(figures)})

    def figures(self, push: Push) -> tuple[list[Json], list[Json]]:
        """Return the quantities to set, one per inventory item, and the items that cannot be set with their reason."""
        found: dict[str, Json] = {}
        refused: list[Json] = []
        items = list(push.payload.get("items") or ())
        unknown = [str(each.get("sku")) for each in items if not (each.get("references") or {}).get(SCHEME)]
        looked_up = self.look_up(unknown) if unknown else {}
        for each in items:
            sku = str(each.get("sku"))
            code = (each.get("references") or {}).get(SCHEME) or looked_up.get(sku)
            try:
                if code is None:
                    raise Rejected("the shop has no inventory item with this SKU, or several")
                item = gid("InventoryItem", code)
                found[item] = {
                    "inventoryItemId": item,
                    "locationId": self.location,
                    "quantity": units(each.get("available"), sku),
                    "changeFromQuantity": None,
                    "sku": sku,
                }
            except Rejected as error:
                refused.append({"sku": sku, "reason": error.what})
        return list(found.values()), refused

    def look_up(self, skus: list[str]) -> dict[str, str]:
        """Return the inventory item of each SKU that exactly one inventory item has."""
        found: dict[str, list[str]] = {}
        for start in range(0, len(skus), 25):
            asked = skus[start : start + 25]
            quoted = " OR ".join(f"sku:{quote(each)}" for each in asked)
            data = self.graph.call("inventory_items", {"query": quoted, "first": 100}, verb=VERB)
            for node in nodes(data.get("inventoryItems")):
                found.setdefault(str(node.get("sku")), []).append(plain_id(node["id"]))
        return {sku: codes[0] for sku, codes in found.items() if len(codes) == 1}

    def set(self, push: Push, page: list[Json], refused: list[Json]) -> list[str]:
        """Set one page of quantities, leaving out what the shop refuses; return the adjustment groups."""
        retried = False
        while page:
            payload = self.send(push, page, again=retried)
            errors = user_errors(payload)
            if not errors:
                group = at(payload, "inventoryAdjustmentGroup").get("id")
                # There is no group when every item already had its quantity.
                return [plain_id(group)] if group else []
            codes = {each.get("code") for each in errors}
            if STILL_RUNNING in codes:
                raise Transient(
                    f"{self.graph.http.partner} still works on the same {VERB}.", fix="Nothing: the hub tries again."
                )
            if FAILED_BEFORE in codes and not retried:
                retried = True
                continue
            wrong = blamed(errors, len(page))
            if not wrong:
                raise self.whole(errors)
            for index, reason in wrong.items():
                refused.append({"sku": page[index]["sku"], "reason": reason})
            page[:] = [each for index, each in enumerate(page) if index not in wrong]
        return []

    def send(self, push: Push, page: list[Json], *, again: bool) -> Json:
        """Send one page and return the mutation's payload."""
        figures = [{name: value for name, value in each.items() if name != "sku"} for each in page]
        named = ",".join(f"{plain_id(each['inventoryItemId'])}={each['quantity']}" for each in figures)
        attempt = f"|{push.attempt}" if again else ""
        variables = {
            "input": {
                "name": "available",
                "reason": "correction",
                "referenceDocumentUri": f"gid://crossdock/Delivery/{push.reference}",
                "quantities": figures,
            },
            "key": str(uuid5(NAMESPACE_URL, f"{push.reference}|{self.location}|{named}{attempt}")),
        }
        return at(self.graph.call("inventory_set", variables, verb=VERB, write=True), "inventorySetQuantities")

    def whole(self, errors: list[Json]) -> ConnectorError:
        """Return the error when the shop refuses the call and no single item."""
        return refusal(self.graph.http.partner, VERB, errors, "Check the location in the connection's settings.")


def pages(figures: list[Json]) -> Iterator[list[Json]]:
    """Yield at most 250 quantities at a time, a copy that may be shortened."""
    for start in range(0, len(figures), MOST):
        yield figures[start : start + MOST]


def blamed(errors: list[Json], count: int) -> dict[int, str]:
    """Return the positions that user errors name (`input.quantities.3.…`), with the reason."""
    found: dict[int, str] = {}
    for each in errors:
        path = [str(part) for part in each.get("field") or ()]
        if len(path) < 3 or path[1] != "quantities" or not path[2].isdigit() or int(path[2]) >= count:
            return {}
        if "locationId" in path:
            return {}
        found[int(path[2])] = str(each.get("message") or each.get("code"))[:200]
    return found


def available(item: Json) -> int | None:
    """Return the quantity an inventory item shows, None when it is not stocked at the location."""
    quantities = at(item, "inventoryLevel").get("quantities") or ()
    return next((each.get("quantity") for each in quantities), None)


def quote(text: str) -> str:
    """Return text as one term of Shopify's search syntax."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
