"""A SOAP server that answers whatever a test says, and the replies tests let it give."""

import threading
from typing import Any

from connectors.sdk.simulation.server import Server, SimRequest, SimResponse
from connectors.soap_erp.client import SoapClient

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"


class Peer:
    """A server that answers whatever the test says."""

    def __init__(self) -> None:
        self.response = SimResponse(200, b"")
        self.requests: list[SimRequest] = []
        self.server = Server(("127.0.0.1", 0), self.answer)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/erp"

    def answer(self, request: SimRequest) -> SimResponse:
        self.requests.append(request)
        return self.response

    def says(self, body: str | bytes, status: int = 200, **headers: str) -> None:
        data = body.encode() if isinstance(body, str) else body
        self.response = SimResponse(status, data, {"Content-Type": "text/xml; charset=utf-8", **headers})

    def stop(self) -> None:
        self.server.stop()
        self.thread.join(5)


def envelope(body: str) -> str:
    return f'<s:Envelope xmlns:s="{SOAP}"><s:Body>{body}</s:Body></s:Envelope>'


def result(posted_on: str = "2026-11-20") -> str:
    return envelope(
        '<PostShipmentResponse xmlns="urn:crossdock:erp:1"><DocumentNumber>GI-1</DocumentNumber>'
        f"<Status>POSTED</Status><PostedOn>{posted_on}</PostedOn></PostShipmentResponse>"
    )


def stock(on_hand: str) -> str:
    return envelope(
        '<GetStockResponse xmlns="urn:crossdock:erp:1"><AsOf>2026-11-20T08:00:00Z</AsOf><Item><Sku>A</Sku>'
        f"<Warehouse>AAR</Warehouse><OnHand>{on_hand}</OnHand></Item></GetStockResponse>"
    )


def fault(code: str, detail: str = "", actor: str = "") -> str:
    return envelope(
        f"<s:Fault><faultcode>{code}</faultcode><faultstring>No.</faultstring>"
        f"{f'<faultactor>{actor}</faultactor>' if actor else ''}{detail}</s:Fault>"
    )


SHIPMENT: dict[str, Any] = {
    "ExternalReference": "dlv_1",
    "OrderId": "ord_1",
    "ShipmentId": "shp_1",
    "ShippedAt": "2026-11-20T10:00:00Z",
    "Line": [{"LineId": "lin_1", "Quantity": "2"}],
}


def ship(client: SoapClient, **changes: Any) -> Any:
    return client.call("push_shipment", "PostShipment", {**SHIPMENT, **changes}, writes=True)


def count(client: SoapClient) -> Any:
    return client.call("list_stock", "GetStock", {"Limit": 10}, writes=False)
