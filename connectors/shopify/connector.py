"""Shopify: what its manifest and maps cannot say."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from connectors.sdk.base import BaseConnector, document, ignored
from connectors.sdk.manifest import DocumentRow, Manifest
from connectors.sdk.maps import open_map
from connectors.shopify import products, shaping
from connectors.shopify.graph import Graph, at, gid
from connectors.shopify.listing import Listing
from connectors.shopify.shipments import Shipments
from connectors.shopify.stock import Stock
from core.domain.vocabulary import DocumentType, Write
from core.errors import Misconfigured, SignatureRefused
from core.ports.connectors import (
    ConnectionConfig,
    Document,
    InboundMessage,
    InboundRecord,
    Json,
    Page,
    Push,
    Receipt,
    WebhookRequest,
)
from mappings.syntaxes.json import parse

DOMAIN = re.compile(r"[a-z0-9][a-z0-9-]*\.myshopify\.com")
SCOPES = frozenset(
    [
        "read_orders",
        "read_customers",
        "read_products",
        "write_inventory",
        "read_locations",
        "write_merchant_managed_fulfillment_orders",
    ]
)
SHAPES: Mapping[str, Callable[[Json], None]] = {
    "order.in.yaml": shaping.webhook_order,
    "graphql_order.in.yaml": shaping.listed_order,
    "refund.in.yaml": shaping.refund,
    "item.in.yaml": products.webhook_product,
    "graphql_item.in.yaml": products.listed_variant,
}


class Connector(BaseConnector):
    """One shop, by one custom app installed in it."""

    def __init__(self, config: ConnectionConfig, manifest: Manifest, folder: Path) -> None:
        super().__init__(config, manifest, folder)
        self.shop = str(self.settings["shop_domain"]).strip().lower()
        if not DOMAIN.fullmatch(self.shop):
            raise Misconfigured(
                f"The shop domain of connection {config.name} is not the shop's permanent name.",
                why=f"{self.shop[:80]!r} is not of the form name.myshopify.com.",
                fix="Copy it from Settings, Domains in the Shopify admin.",
            )
        self.settings["shop_domain"] = self.shop

    # -- in

    def verify_webhook(self, request: WebhookRequest) -> InboundRecord:
        """Return what to store for an authentic call of this shop.

        Raises:
            SignatureRefused: not authentic, too old, or from another shop that has the same app.
        """
        record = super().verify_webhook(request)
        sender = request.headers.get("x-shopify-shop-domain", "").strip().lower()
        if sender and sender != self.shop:
            raise SignatureRefused(
                f"The call comes from another shop than connection {self.config.name}.",
                why="One app signs for every shop it is installed in.",
                fix="Point that shop's webhooks to its own connection.",
                code="HOOK-SHOP-401",
            )
        return replace(record, source_id=request.headers.get("x-shopify-order-id") or record.source_id)

    def read(self, row: DocumentRow, message: InboundMessage) -> list[Document]:
        """Return the document one row makes of a message; a product without any SKU is nothing to sell."""
        body = parse(message.body)
        shape = SHAPES.get(row.map or "")
        if shape is not None and isinstance(body, dict):
            shape(body)
        result = open_map(self.manifest, row.map or "").read(body)
        if row.type is DocumentType.ITEM and not result.canonical.get("items") and "items" in result.canonical:
            return [ignored("No variant of the product has a SKU; there is nothing the hub could stock or sell.")]
        return [document(row.type, result.canonical, result.holds)]

    # -- out

    @cached_property
    def graph(self) -> Graph:
        """The Admin API of the shop, in the pinned version."""
        url = f"{self.base_url}/admin/api/{self.manifest.api_version}/graphql.json"
        return Graph(self.http, url, str(self.config.id))

    @cached_property
    def shipments(self) -> Shipments:
        """Writes fulfillments."""
        return Shipments(
            self.graph,
            carriers=self.manifest.codes["carrier"]["write"],
            places=self.settings["node_locations"],
            notify=self.settings["notify_customer"],
        )

    @cached_property
    def stock(self) -> Stock:
        """Writes available stock."""
        return Stock(self.graph, location=self.settings["location_id"])

    def listing(self, name: str) -> Listing:
        """Return the reader of a list, with the overlap of its poll."""
        return Listing(self.graph, overlap=timedelta(seconds=self.manifest.poll[name].overlap))

    def check(self) -> Json:
        """Ask the shop for its name and our scopes.

        Raises:
            Misconfigured: the token is not good, not of this shop, or lacks scopes.
        """
        data = self.graph.call("check", {}, verb="check")
        shop = at(data, "shop")
        granted = {str(each.get("handle")) for each in at(data, "currentAppInstallation").get("accessScopes") or ()}
        missing = sorted(each for each in SCOPES if not {each, each.replace("read_", "write_", 1)} & granted)
        if str(shop.get("myshopifyDomain", "")).lower() != self.shop:
            raise Misconfigured(
                f"The token of connection {self.config.name} belongs to another shop.",
                fix="Enter the token of the app installed in the shop named in the settings.",
                code="SHOPIFY-SHOP-401",
            )
        if missing:
            raise Misconfigured(
                f"The app of connection {self.config.name} lacks access scopes: {', '.join(missing)}.",
                fix="Grant them in the app's configuration, install it again, then test the connection.",
                code="SHOPIFY-SCOPE-403",
                scopes=missing,
            )
        return {
            "shop": shop.get("name"),
            "currency": shop.get("currencyCode"),
            "api_version": self.manifest.api_version,
            "scopes": sorted(granted),
        }

    def list_orders(self, cursor: Json) -> Page:
        """Return the next page of orders changed since the cursor."""
        return self.listing("orders").orders(cursor)

    def list_items(self, cursor: Json) -> Page:
        """Return the next page of variants changed since the cursor."""
        return self.listing("items").items(cursor)

    def list_stock(self, cursor: Json) -> Page:
        """Return the next page of what the shop shows as available at the stock location."""
        return self.listing("stock").stock(cursor, gid("Location", self.settings["location_id"]))

    def push_shipment(self, push: Push) -> Receipt:
        """Fulfill the shipment's units in the shop, with tracking."""
        return self.shipments.push(push)

    def push_stock(self, push: Push) -> Receipt:
        """Set available quantities."""
        return self.stock.push(push)

    def find_by_reference(self, push: Push) -> Receipt | None:
        """Return the receipt of an earlier effect of this push, None when there was none."""
        writer: Any = self.shipments if push.kind is Write.PUSH_SHIPMENT else self.stock
        found: Receipt | None = writer.find(push)
        return found
