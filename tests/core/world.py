"""A small company for service tests: items, nodes, stock, a shop, a warehouse system and an ERP without any network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text

from core.domain.documents import check_document
from core.domain.ids import uuid7
from core.domain.vocabulary import DocumentType
from core.errors import CrossdockError, MappingError
from core.jobs.hub import Hub, Pace
from core.ports.connectors import (
    ConnectionConfig,
    Document,
    Exchange,
    InboundMessage,
    InboundRecord,
    Json,
    Push,
    Receipt,
    WebhookRequest,
)
from core.services import catalog, connections, stock
from core.services.secretbox import SecretBox
from core.store.unit import Store

CAPABILITIES = {
    "shop": frozenset({"push_shipment", "push_stock", "find_by_reference"}),
    "wms": frozenset({"push_fulfillment_order", "cancel_fulfillment_order", "find_by_reference"}),
    "erp": frozenset({"push_order", "cancel_order", "push_shipment", "find_by_reference"}),
    "retailer": frozenset(
        {"acknowledge_order", "push_despatch_advice", "push_invoice", "push_credit_note", "find_by_reference"}
    ),
}


@dataclass
class Partner:
    """A connector in memory: effects by reference, and a script of what happens to the next calls."""

    kind: str
    effects: dict[str, list[Push]] = field(default_factory=dict)
    script: list[CrossdockError | str] = field(default_factory=list)
    order: list[Push] = field(default_factory=list)

    capabilities: frozenset[str] = frozenset()

    def verify_webhook(self, request: WebhookRequest) -> InboundRecord:
        raise NotImplementedError

    def normalize(self, message: InboundMessage) -> Sequence[Document]:
        try:
            body = orjson.loads(message.body)
        except orjson.JSONDecodeError as error:
            raise MappingError(f"The body is no JSON: {error}.", code="MAP-SYNTAX-422") from None
        kind = DocumentType(message.topic)
        return [Document(kind, check_document(kind, body))]

    def check(self) -> Json:
        return {}

    def exchanges(self) -> Sequence[Exchange]:
        return []

    def close(self) -> None:
        pass

    def find_by_reference(self, push: Push) -> Receipt | None:
        return Receipt(f"P-{push.reference[-6:]}") if push.reference in self.effects else None

    def _write(self, push: Push) -> Receipt:
        step = self.script.pop(0) if self.script else "ok"
        if isinstance(step, CrossdockError) and not step.data.get("after"):
            raise step
        self.effects.setdefault(push.reference, []).append(push)
        self.order.append(push)
        if isinstance(step, CrossdockError):
            raise step
        return Receipt(f"P-{push.reference[-6:]}")

    push_order = cancel_order = push_shipment = push_stock = _write
    push_fulfillment_order = cancel_fulfillment_order = _write
    acknowledge_order = push_despatch_advice = push_invoice = push_credit_note = _write


@dataclass
class Partners:
    """The `Connectors` port over partners in memory, one per connection name."""

    partners: dict[str, Partner] = field(default_factory=dict)

    def open(self, connection: ConnectionConfig) -> Any:
        return self.partners.setdefault(connection.name, Partner(connection.connector))

    def capabilities(self, connector: str) -> frozenset[str]:
        return CAPABILITIES.get(connector, frozenset())

    def limits(self, connector: str) -> Mapping[str, float]:
        return {"rate": 100, "burst": 100, "concurrency": 2, "timeout": 5, "max_body": 1e6}

    def kinds(self) -> Mapping[str, str]:
        return {"shop": "shop", "wms": "wms", "erp": "erp", "retailer": "edi"}


class World:
    """A store with a company in it.

    Items A, B, C; nodes HAM (Germany) and LYS (France) worked by one warehouse system; a shop and an ERP.
    """

    def __init__(self, store: Store, levels: Mapping[tuple[str, str], int] | None = None) -> None:
        self.store = store
        self.partners = Partners()
        self.hub = Hub(store, self.partners, SecretBox("a test's secret key"), Pace(schedule=(0, 0, 0), breaker=0.01))
        self.serial = 0
        levels = (
            levels if levels is not None else {("A", "HAM"): 10, ("B", "HAM"): 10, ("A", "LYS"): 10, ("C", "LYS"): 10}
        )
        with store.begin() as unit:
            self.shop, self.wms, self.erp = (
                connections.add_connection(unit, self.partners, self.hub.box, name=name, connector=name)
                for name in ("shop", "wms", "erp")
            )
            items = [
                {
                    "sku": sku,
                    "title": f"Item {sku}",
                    "price": Decimal("10.00"),
                    "references": [{"scheme": "variant", "code": f"v{sku}"}],
                }
                for sku in "ABC"
            ]
            self.items = catalog.upsert_items(unit, items, self.shop)
            self.nodes = {
                code: catalog.upsert_node(
                    unit,
                    {
                        "code": code,
                        "name": code,
                        "country": country,
                        "latitude": lat,
                        "longitude": lon,
                        "connection": "wms",
                    },
                )
                for code, country, lat, lon in (("HAM", "DE", 53.5, 10.0), ("LYS", "FR", 45.8, 4.8))
            }
            counts = {(self.items[sku], self.nodes[node]): Decimal(units) for (sku, node), units in levels.items()}
            stock.set_on_hand(unit, counts, None, "receipt")

    @property
    def facts(self) -> Any:
        with self.store.read() as conn:
            return self.hub.facts.get(conn, 1)

    def order(self, lines: Mapping[str, int], **more: Any) -> Json:
        """Return a canonical order document of these units by SKU."""
        self.serial += 1
        total = sum(lines.values()) * Decimal(10)
        body = {
            "external_id": f"X{self.serial}",
            "number": f"#{1000 + self.serial}",
            "placed_at": "2026-11-20T10:00:00Z",
            "currency": "EUR",
            "ship_to": {
                "name": "Ada Test",
                "line1": "Teststr. 1",
                "city": "Kiel",
                "postal_code": "24103",
                "country": "DE",
            },
            "lines": [
                {"external_id": f"L{index}", "sku": sku, "quantity": str(units), "unit_price": "10.00", "title": sku}
                for index, (sku, units) in enumerate(lines.items(), 1)
            ],
            "totals": {"grand": str(total)},
        }
        return {**body, **more}

    def send(self, topic: str, body: Json | bytes, connection: UUID | None = None, key: str | None = None) -> UUID:
        """Store a message as the door does and return its id."""
        from core.domain.vocabulary import Via
        from core.services.intake import Intake

        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        record = InboundRecord(topic, key or uuid7().hex, raw)
        return Intake(self.store).accept(connection or self.shop, [record], Via.WEBHOOK)[0].message_id

    def drain(self) -> int:
        """Process all due messages and orders."""
        from core.jobs.intake import drain_messages
        from core.services.resourcing import source_due

        done = 0
        while found := drain_messages(self.hub):
            done += found
        with self.store.begin() as unit:
            source_due(unit, self.hub.facts.get(unit.conn, 1))
        return done

    def deliver(self, *connections_: UUID) -> int:
        """Deliver everything due."""
        from core.jobs.deliver import deliver

        return sum(deliver(self.hub, each) for each in connections_ or (self.shop, self.wms, self.erp))

    def one(self, sql: str, **values: Any) -> Any:
        """Return the first row of a query."""
        with self.store.read() as conn:
            return conn.execute(text(sql), values).first()

    def all(self, sql: str, **values: Any) -> Sequence[Any]:
        """Return the rows of a query."""
        with self.store.read() as conn:
            return conn.execute(text(sql), values).all()

    def work(self) -> Sequence[Any]:
        """Return fulfillment orders with node codes, oldest first."""
        return self.all(
            "SELECT f.*, n.code FROM fulfillment_order f JOIN node n ON n.id = f.node_id ORDER BY f.created_at, f.id"
        )

    def check_books(self) -> None:
        """Assert that the ledger sums to the positions, reservations to the promises, and phases to the facts."""
        wrong = self.all(
            """
            SELECT p.item_id, p.on_hand, p.reserved, p.allocated, m.* FROM stock_position p
            LEFT JOIN (SELECT item_id, node_id, sum(on_hand) AS h, sum(reserved) AS r, sum(allocated) AS a
                       FROM stock_movement GROUP BY 1, 2) m USING (item_id, node_id)
            WHERE (p.on_hand, p.reserved, p.allocated) IS DISTINCT FROM
                  (coalesce(m.h, 0), coalesce(m.r, 0), coalesce(m.a, 0))
            """
        )
        assert wrong == []
        promised = self.all(
            """
            SELECT p.item_id, p.reserved, p.allocated, r.* FROM stock_position p
            LEFT JOIN (SELECT item_id, node_id, sum(quantity) FILTER (WHERE state = 'held') AS held,
                              sum(quantity) FILTER (WHERE state = 'allocated') AS taken
                       FROM reservation GROUP BY 1, 2) r USING (item_id, node_id)
            WHERE (p.reserved, p.allocated) IS DISTINCT FROM (coalesce(r.held, 0), coalesce(r.taken, 0))
            """
        )
        assert promised == []
        from core.services.phase import derive_phases

        with self.store.begin() as unit:
            stored: dict[UUID, str] = dict(unit.conn.execute(text("SELECT id, phase FROM orders")).all())
            assert derive_phases(unit, list(stored)) == stored


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)
