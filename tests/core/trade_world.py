"""The company of `world` with a retailer: terms of trade, an item in cartons, and the papers that reached him."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from core.ports.connectors import Json
from core.services import connections
from core.services.agreements import set_pack, set_terms
from core.services.trade_due import settle_due
from core.store.unit import Store
from tests.core.world import World

TERMS: Json = {
    "seller": {"name": "Crossdock Test Ltd", "gln": "4012345000009"},
    "sscc": {"extension": "3", "company_prefix": "4012345"},
    "tax_rate": "0.19",
    "payment": {"days": 30},
}
STORE = {
    "external_id": "0815", "gln": "4098765000003", "name": "Store 815", "line1": "Am Markt 1", "city": "Kiel",
    "postal_code": "24103", "country": "DE",
}  # fmt: skip


class TradeWorld(World):
    """Items A (in cartons of 12), B, C; the connection `retailer` with terms."""

    def __init__(self, store: Store, levels: Mapping[tuple[str, str], int] | None = None, **terms: Any) -> None:
        super().__init__(store, levels or {("A", "HAM"): 100, ("B", "HAM"): 10})
        with store.begin() as unit:
            self.retailer = connections.add_connection(
                unit, self.partners, self.hub.box, name="retailer", connector="retailer"
            )
            set_terms(unit, self.retailer, {**TERMS, **terms})
            set_pack(unit, "A", "CT", Decimal(12))

    def buy(self, *lines: Json, **more: Any) -> Any:
        """Take in a B2B order of these lines and return its row."""
        self.serial += 1
        body = {
            "external_id": f"PO{self.serial}", "number": f"PO{self.serial}", "type": "b2b",
            "placed_at": datetime.now(UTC).isoformat(), "currency": "EUR", "ship_to": STORE, "lines": list(lines),
            "references": {"department": "12"}, **more,
        }  # fmt: skip
        self.send("order", body, self.retailer)
        self.drain()
        return self.one("SELECT * FROM orders WHERE external_id = :x", x=body["external_id"])

    def ship(self, order: Any, **more: Any) -> Any:
        """Have the warehouse ship what is open of an order, or what it says, and return the shipment's row."""
        work = self.one("SELECT * FROM fulfillment_order WHERE order_id = :o AND finished_at IS NULL", o=order.id)
        self.serial += 1
        self.send(
            "shipment",
            {"external_id": f"S{self.serial}", "fulfillment": f"ful_{work.id.hex}", "carrier": "Kurier24", **more},
            self.wms,
        )
        self.drain()
        return self.one("SELECT * FROM shipment ORDER BY id DESC LIMIT 1")

    def settle(self) -> int:
        """Make the papers that are due."""
        return settle_due(self.store, self.hub.facts, self.hub.numbers)

    def papers(self, kind: str) -> list[Any]:
        """Return the rows of papers of a kind, oldest first."""
        return list(self.all("SELECT * FROM paper WHERE kind = :k ORDER BY made_at, id", k=kind))


def line(sku: str, quantity: int | str, price: str | None = "10.00", **more: Any) -> Json:
    """Return an order line."""
    found = {"external_id": more.pop("external_id", f"{sku}1"), "sku": sku, "quantity": str(quantity), **more}
    return found if price is None else {**found, "unit_price": price}
