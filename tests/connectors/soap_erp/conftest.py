"""An ERP connection over loopback, and invented orders."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from connectors.sdk.http import Http
from connectors.sdk.manifest import ErrorRow
from connectors.sdk.redaction import Redactor
from connectors.sdk.registry import Registry
from connectors.soap_erp import contract, vendoring
from connectors.soap_erp.client import SoapClient
from connectors.soap_erp.connector import Connector
from connectors.soap_erp.simulator import Partner
from core.domain.vocabulary import Mode, Write
from core.ports.connectors import ConnectionConfig, Push
from tests.connectors.soap_erp.scripted import Peer

WSDL = Path(contract.__file__).parent / "wsdl" / "erp.wsdl"
MAX_BODY = 1_000_000
PASSWORD = "correct-horse-7"
ORDER: dict[str, Any] = {
    "id": "ord_0198f3c2b7d47c5e8a31",
    "connection": "shopify-eu",
    "external_id": "820982911946154508",
    "number": "#1001",
    "placed_at": "2026-11-20T09:41:00Z",
    "currency": "EUR",
    "requested_delivery_date": None,
    "note": None,
    "buyer": {"name": "Ada Jensen", "email": "ada@example.com", "external_id": "77"},
    "ship_to": {"name": "Ada Jensen", "line1": "Nygade 4", "city": "Aarhus", "postal_code": "8000", "country": "DK"},
    "bill_to": None,
    "lines": [
        {
            "id": "lin_1",
            "position": 1,
            "sku": "FP-MUG-350-GRN",
            "title": "Mug 350 ml, green",
            "quantity": "2",
            "canceled": "0",
            "unit": "C62",
            "unit_price": "19.90",
            "discount": "0.00",
        }
    ],
    "charges": [{"kind": "shipping", "title": "DHL", "amount": "4.90", "tax": "0.98"}],
    "totals": {"lines": "39.80", "discount": "0.00", "charges": "4.90", "tax": "8.94", "grand": "44.70"},
}
ALLOCATION = [{"line_id": "lin_1", "sku": "FP-MUG-350-GRN", "node": "AAR", "quantity": "2"}]


def order_push(reference: str = "dlv_1", event: str = "created", **changes: Any) -> Push:
    """Return the push of an order."""
    return Push(Write.PUSH_ORDER, reference, {"event": event, "order": {**ORDER, **changes}, "allocation": ALLOCATION})


@pytest.fixture(autouse=True)
def _data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSDOCK_DATA_DIR", str(tmp_path / "data"))


@pytest.fixture
def erp() -> Iterator[Partner]:
    """A simulated ERP."""
    with Partner(secrets={"password": PASSWORD}) as partner:
        yield partner


Opening = Callable[..., Connector]


@pytest.fixture
def opened() -> Iterator[Opening]:
    """Open connections that are closed after the test."""
    made: list[Connector] = []

    def make(partner: Partner, **settings: Any) -> Connector:
        config = ConnectionConfig(
            uuid4(),
            "erp",
            "soap-erp",
            Mode.LIVE,
            {"base_url": f"{partner.url}/erp", **settings},
            {"password": PASSWORD},
        )
        found = Registry().open(config)
        assert isinstance(found, Connector)
        made.append(found)
        return found

    yield make
    for each in made:
        each.close()


@pytest.fixture
def peer() -> Iterator[Peer]:
    found = Peer()
    yield found
    found.stop()


@pytest.fixture
def client(peer: Peer) -> Iterator[SoapClient]:
    files = vendoring.collect(str(WSDL), lambda url: pytest.fail(f"fetched {url}"))
    limits = {"timeout": 5, "max_body": MAX_BODY, "concurrency": 2}
    http = Http("ERP", configured=[peer.url], limits=limits, redactor=Redactor())
    rows = (
        ErrorRow("declined", code="ALREADY_SHIPPED"),
        ErrorRow("transient", code="LOCKED", verbs=("push_shipment",)),
    )
    yield SoapClient(contract.load(files), http, address=peer.url, rows=rows)
    http.close()
