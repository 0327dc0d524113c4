"""The REST warehouse end to end: what the connector sends, what the warehouse does, and what comes back means."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest

from connectors.rest_wms.records import sscc
from connectors.rest_wms.simulator import Partner
from connectors.sdk.registry import Registry
from connectors.sdk.simulation.faults import Faults
from connectors.sdk.simulation.server import Server, SimRequest, SimResponse
from core.domain.vocabulary import DocumentType, Mode, Write
from core.errors import Declined, OutcomeUnknown, Rejected
from core.ports.connectors import ConnectionConfig, Document, InboundMessage, Push, WebhookRequest

SECRETS = {"api_key": "warehouse-api-key-01", "webhook_secret": "warehouse-hook-key-01"}
QUICK = {"acknowledge_seconds": 0.0, "pick_seconds": 0.0, "ship_seconds": 0.0, "tracking_seconds": 0.01}
GOLDEN = Path(__file__).parents[3] / "connectors/rest_wms/fixtures/push_fulfillment_order.push.json"
PAYLOAD = orjson.loads(GOLDEN.read_bytes())["payload"]


class Hub:
    """Stands in for the hub: verifies and reads what the warehouse sends."""

    def __init__(self) -> None:
        self.documents: list[Document] = []
        self.problems: list[Exception] = []
        self.connector: Any = None
        self.keys: set[str] = set()
        self.lock = threading.Lock()
        self.server = Server(("127.0.0.1", 0), self.take)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def take(self, request: SimRequest) -> SimResponse:
        now = datetime.now(UTC)
        try:
            record = self.connector.verify_webhook(WebhookRequest(request.headers, request.body, now))
            message = InboundMessage(uuid4(), record.topic, record.body, record.content_type, record.headers, now)
            with self.lock:
                if record.dedupe_key not in self.keys:
                    self.keys.add(record.dedupe_key)
                    self.documents += self.connector.normalize(message)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self.problems.append(error)
            return SimResponse(500)
        return SimResponse(200)

    def of(self, kind: DocumentType) -> list[dict[str, Any]]:
        return [each.body for each in self.documents if each.type is kind]


Opening = Callable[..., tuple[Partner, Any, Hub]]


@pytest.fixture
def warehouse() -> Iterator[Opening]:
    """Starts a warehouse, a connector to it and a hub its calls come back to."""
    ends: list[Callable[[], None]] = []

    def act(faults: Faults | None = None, **options: Any) -> tuple[Partner, Any, Hub]:
        hub = Hub()
        url = f"http://127.0.0.1:{hub.server.server_port}/"
        partner = Partner(seed=5, secrets=SECRETS, webhook_url=url, faults=faults, options={**QUICK, **options}).start()
        settings = {"base_url": partner.url, "warehouse": "MAIN"}
        hub.connector = Registry().open(ConnectionConfig(uuid4(), "north", "rest-wms", Mode.LIVE, settings, SECRETS))
        ends.extend([partner.stop, hub.connector.close, hub.server.stop])
        return partner, hub.connector, hub

    yield act
    for end in ends:
        end()


def push(reference: str = "dlv_1", fulfillment: str = "ful_1") -> Push:
    payload = orjson.loads(orjson.dumps(PAYLOAD))
    payload["fulfillment"]["id"] = fulfillment
    return Push(Write.PUSH_FULFILLMENT_ORDER, reference, payload)


def cancel(reference: str = "dlv_2", fulfillment: str = "ful_1") -> Push:
    payload = {"fulfillment": {"id": fulfillment, "number": "1", "node": "n", "reference": None},
               "order": {"id": "ord_1", "external_id": "1", "number": "1"}, "reason": "Changed my mind"}  # fmt: skip
    return Push(Write.CANCEL_FULFILLMENT_ORDER, reference, payload)


def test_work_is_done_and_told(warehouse: Opening) -> None:
    partner, connector, hub = warehouse(stock={"LAMP-OAK-40": 10, "CABLE-3M": 100})
    receipt = connector.push_fulfillment_order(push())
    assert partner.settle()
    assert hub.problems == []
    assert [each["status"] for each in hub.of(DocumentType.FULFILLMENT_UPDATE)] == ["acknowledged", "picking"]
    (shipment,) = hub.of(DocumentType.SHIPMENT)
    assert shipment["fulfillment"] == "ful_1"
    assert shipment["reference"] == receipt.reference == "W-F-000001"
    assert [(each["sku"], each["quantity"]) for each in shipment["lines"]] == [
        ("LAMP-OAK-40", Decimal(1)),
        ("CABLE-3M", Decimal("2.5")),
    ]
    tracking = hub.of(DocumentType.TRACKING)
    assert [each["status"] for each in tracking] == ["handed_over", "in_transit", "out_for_delivery", "delivered"]
    assert {each["tracking_number"] for each in tracking} == {shipment["tracking_number"]}
    assert partner.stock == {"LAMP-OAK-40": 9, "CABLE-3M": 97.5}


def test_short_picks_are_told_and_the_rest_is_shipped(warehouse: Opening) -> None:
    partner, connector, hub = warehouse(short=1.0)
    connector.push_fulfillment_order(push())
    assert partner.settle()
    short = hub.of(DocumentType.FULFILLMENT_UPDATE)[-1]
    assert (short["status"], short["lines"]) == (
        "short",
        [{"line": "fln_0190f3c2a4b07c1e8d3f5a6b7c8d9e11", "sku": "LAMP-OAK-40", "quantity": Decimal(1)}],
    )
    (shipment,) = hub.of(DocumentType.SHIPMENT)
    assert [each["sku"] for each in shipment["lines"]] == ["CABLE-3M"]


def test_work_can_be_refused_and_shipped_in_parts(warehouse: Opening) -> None:
    partner, connector, hub = warehouse(reject=1.0)
    connector.push_fulfillment_order(push())
    assert partner.settle()
    assert [each["status"] for each in hub.of(DocumentType.FULFILLMENT_UPDATE)] == ["rejected"]
    assert hub.of(DocumentType.SHIPMENT) == []
    partner.options.update({"reject": 0.0, "split": 1.0})
    connector.push_fulfillment_order(push("dlv_9", "ful_9"))
    assert partner.settle()
    shipments = hub.of(DocumentType.SHIPMENT)
    assert [[line["sku"] for line in each["lines"]] for each in shipments] == [["LAMP-OAK-40"], ["CABLE-3M"]]
    assert len({each["external_id"] for each in shipments}) == 2


def test_a_cancellation_in_time_stops_the_work(warehouse: Opening) -> None:
    partner, connector, hub = warehouse(acknowledge_seconds=30.0)
    connector.push_fulfillment_order(push())
    receipt = connector.cancel_fulfillment_order(cancel())
    assert receipt.reference == "W-C-000002"
    assert connector.find_by_reference(cancel()).reference == "W-C-000002"
    assert partner.webhooks.settle(10)
    assert [each["status"] for each in hub.of(DocumentType.FULFILLMENT_UPDATE)] == ["canceled"]
    assert partner.state()["states"] == {"CANCELLED": 1}


def test_a_cancellation_too_late_is_declined(warehouse: Opening) -> None:
    partner, connector, _ = warehouse()
    connector.push_fulfillment_order(push())
    assert partner.settle()
    with pytest.raises(Declined, match="TOO_LATE"):
        connector.cancel_fulfillment_order(cancel())
    assert connector.find_by_reference(cancel()) is None


def test_an_item_the_warehouse_does_not_know_is_rejected_with_advice(warehouse: Opening) -> None:
    partner, connector, _ = warehouse(unknown_skus=["CABLE-3M"])
    with pytest.raises(Rejected, match="Add the item to the warehouse's catalog"):
        connector.push_fulfillment_order(push())
    assert partner.total == 0


@pytest.mark.parametrize("idempotent", [True, False])
def test_lost_replies_are_looked_up_and_each_effect_happens_once(warehouse: Opening, idempotent: bool) -> None:
    faults = Faults(drop=0.2, cut=0.1, error=0.1, rate_limit=0.1, unavailable=0.1)
    partner, connector, _ = warehouse(faults, idempotent=idempotent, acknowledge_seconds=60.0)
    for number in range(60):
        deliver(connector, push(f"dlv_{number}", f"ful_{number}"))
    assert partner.effects["fulfillment"] == {f"dlv_{number}": 1 for number in range(60)}
    assert len(partner.fates) >= 5


def deliver(connector: Any, work: Push) -> None:
    """Do what the hub does: try, and after an unknown outcome look before writing again."""
    unknown = False
    for _ in range(50):
        try:
            if unknown and connector.find_by_reference(work) is not None:
                return
            unknown = False
            connector.push_fulfillment_order(work)
            return
        except OutcomeUnknown:
            unknown = True
        except Exception as error:
            if type(error).__name__ not in {"Transient", "RateLimited"}:
                raise
    raise AssertionError("never delivered")


def test_stock_is_listed_page_by_page_and_counted_on_demand(warehouse: Opening) -> None:
    stock = {f"SKU-{number:04d}": number for number in range(1, 1204)}
    partner, connector, hub = warehouse(stock=stock)
    cursor: dict[str, Any] = {}
    found: dict[str, Decimal] = {}
    sizes = []
    while True:
        page = connector.list_stock(cursor)
        for record in page.records:
            message = InboundMessage(uuid4(), record.topic, record.body, record.content_type, {}, datetime.now(UTC))
            for each in connector.normalize(message):
                sizes.append(len(each.body["items"]))
                found |= {item["sku"]: item["on_hand"] for item in each.body["items"]}
        cursor = page.cursor
        if not page.more:
            break
    assert sizes == [500, 500, 203]
    assert found == {sku: Decimal(count) for sku, count in stock.items()}
    partner.command("stock", {"SKU-0001": 77})
    partner.command("count", {})
    assert partner.settle()
    (count,) = hub.of(DocumentType.STOCK)
    assert count["items"][0] == {"sku": "SKU-0001", "on_hand": Decimal(77)}


def test_its_carton_codes_have_their_check_digit() -> None:
    """Weights 3 and 1 from the right, GS1 General Specifications 7.9."""
    for number in (1, 42, 999_999_999):
        code = sscc(number)
        assert len(code) == 18
        total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(code)))
        assert total % 10 == 0
