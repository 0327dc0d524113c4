"""The strict client against replies and requests that zeep alone would let through."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.sdk.http import Http
from connectors.sdk.manifest import ErrorRow
from connectors.sdk.redaction import Redactor
from connectors.sdk.simulation.server import Server, SimRequest, SimResponse
from connectors.soap_erp import contract, vendoring, xmlsafe
from connectors.soap_erp.client import SoapClient
from core.errors import (
    ConnectorError,
    Declined,
    MappingError,
    Misconfigured,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Transient,
)

WSDL = Path(contract.__file__).parent / "wsdl" / "erp.wsdl"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
MAX_BODY = 1_000_000


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


def test_a_good_call_returns_typed_values_and_the_reply_as_it_came(client: SoapClient, peer: Peer) -> None:
    peer.says(stock("12.50"))
    reply = count(client)
    assert str(reply.values["Item"][0]["OnHand"]) == "12.50"
    assert reply.xml.startswith(b"<GetStockResponse ")
    assert peer.requests[0].headers["soapaction"] == '"urn:crossdock:erp:1/GetStock"'


# -- what zeep 4.3 lets through


def test_an_impossible_date_is_no_reply(client: SoapClient, peer: Peer) -> None:
    peer.says(result("2026-02-31"))
    with pytest.raises(OutcomeUnknown, match="2026-02-31") as caught:
        ship(client)
    assert caught.value.error_code == "SOAP-REPLY-504"


@pytest.mark.parametrize("value", ["NaN", "INF", "9,99", "1e3", "", "-1", "12.1234567"])
def test_a_number_that_is_none_is_refused(client: SoapClient, peer: Peer, value: str) -> None:
    peer.says(stock(value))
    with pytest.raises(MappingError) as caught:
        count(client)
    assert caught.value.error_code == "SOAP-REPLY-422"
    assert "OnHand" in str(caught.value)


@pytest.mark.parametrize("value", ["abc", "NaN", "2,5", "-1", "1E+2"])
def test_a_quantity_that_is_none_is_not_sent(client: SoapClient, peer: Peer, value: str) -> None:
    with pytest.raises(MappingError, match="nothing was sent") as caught:
        ship(client, Line=[{"LineId": "lin_1", "Quantity": value}])
    assert caught.value.error_code == "SOAP-REQUEST-422"
    assert peer.requests == []


@pytest.mark.parametrize(
    "changes",
    [
        {"OrderId": None},
        {"OrderId": "x" * 201},
        {"Nonsense": "1"},
        {"ShippedAt": "2026-02-31T10:00:00Z"},
        {"Line": []},
        {"Line": [{"LineId": "lin_1", "Quantity": "1", "Odd": "1"}]},
        {"OrderId": {"deep": 1}},
        {"OrderId": "bell\x07"},
    ],
)
def test_a_request_off_the_contract_is_not_sent(client: SoapClient, peer: Peer, changes: dict[str, Any]) -> None:
    with pytest.raises(MappingError, match="nothing was sent"):
        ship(client, **changes)
    assert peer.requests == []


def test_swapped_elements_are_refused_instead_of_lost(client: SoapClient, peer: Peer) -> None:
    body = (
        '<PostShipmentResponse xmlns="urn:crossdock:erp:1"><Status>POSTED</Status>'
        "<DocumentNumber>GI-1</DocumentNumber><PostedOn>2026-11-20</PostedOn></PostShipmentResponse>"
    )
    peer.says(envelope(body))
    with pytest.raises(OutcomeUnknown, match="does not fit the partner's contract"):
        ship(client)


def test_the_reply_to_another_question_is_refused(client: SoapClient, peer: Peer) -> None:
    peer.says(stock("1"))
    with pytest.raises(OutcomeUnknown, match="GetStockResponse, not a PostShipmentResponse"):
        ship(client)


# -- hostile XML

LAUGHS = (
    "<!DOCTYPE x ["
    + '<!ENTITY a "ha">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1 if n else str()};" * 10}">' for n in range(9))
    + "]>"
)


@pytest.mark.parametrize(
    "prolog",
    [
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/evil.dtd">',
        "<!DOCTYPE x>",
        LAUGHS,
    ],
    ids=["external entity", "external dtd", "empty doctype", "billion laughs"],
)
def test_a_doctype_is_refused_unread(client: SoapClient, peer: Peer, prolog: str) -> None:
    body = stock("1").replace("<Sku>A</Sku>", "<Sku>&e;</Sku>" if "ENTITY e " in prolog else "<Sku>&a8;</Sku>")
    peer.says(prolog + (body if "ENTITY" in prolog else stock("1")))
    # libxml2 stops the laughs itself, at the first amplification.
    with pytest.raises(Transient, match=r"DOCTYPE|amplification"):
        count(client)


def test_a_utf16_doctype_is_refused_too(client: SoapClient, peer: Peer) -> None:
    text = '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE x [<!ENTITY e "y">]>' + stock("1")
    peer.says(text.encode("utf-16"))
    with pytest.raises(Transient, match="DOCTYPE"):
        count(client)


def test_a_body_beyond_the_cap_is_never_parsed(client: SoapClient, peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    peer.says(stock("1").replace("<Sku>A", "<Sku>" + "A" * 50_000_000))
    monkeypatch.setattr(xmlsafe, "parse", lambda content: pytest.fail(f"parsed {len(content)} bytes"))
    with pytest.raises(Transient, match="larger than the connection takes"):
        count(client)
    with pytest.raises(OutcomeUnknown):
        ship(client)


def test_nesting_without_end_is_refused(client: SoapClient, peer: Peer) -> None:
    peer.says(envelope("<a>" * 50_000 + "</a>" * 50_000))
    with pytest.raises(Transient):
        count(client)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<half",
        b"\xff\xfe\x00",
        b"<html><body>Maintenance</body></html>",
        b"not xml",
        envelope("").encode(),
        envelope("<a/><b/>").encode(),
        b"\x00" * 100,
    ],
)
def test_what_is_no_envelope_is_unreadable(client: SoapClient, peer: Peer, body: bytes) -> None:
    peer.says(body)
    with pytest.raises(OutcomeUnknown):
        ship(client)
    with pytest.raises(Transient):
        count(client)


def test_a_login_page_is_unreadable(client: SoapClient, peer: Peer) -> None:
    peer.response = SimResponse(200, b"<html/>", {"Content-Type": "text/html"})
    with pytest.raises(OutcomeUnknown, match="text/html"):
        ship(client)


# -- faults and statuses

DETAIL = (
    '<detail><e:ErpFault xmlns:e="urn:crossdock:erp:1"><e:Code>{}</e:Code>'
    "<e:Message>m</e:Message></e:ErpFault></detail>"
)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (fault("s:Client", DETAIL.format("ALREADY_SHIPPED")), Declined),
        (fault("s:Client", DETAIL.format("LOCKED")), Transient),
        (fault("s:Client", DETAIL.format("NEVER_SEEN")), Rejected),
        (fault("s:Client"), Rejected),
        (fault("s:Client.Quota"), Rejected),
        (fault("s:Server"), OutcomeUnknown),
        (fault("s:Server", actor="ALREADY_SHIPPED"), Declined),
        (fault("w:FailedAuthentication"), Misconfigured),
        (fault("s:VersionMismatch"), Misconfigured),
        (fault(""), OutcomeUnknown),
    ],
)
@pytest.mark.parametrize("status", [200, 500])
def test_faults_become_what_they_mean(
    client: SoapClient, peer: Peer, body: str, kind: type[ConnectorError], status: int
) -> None:
    peer.says(body.replace('xmlns:s="', 'xmlns:w="urn:w" xmlns:s="'), status)
    with pytest.raises(ConnectorError) as caught:
        ship(client)
    assert type(caught.value) is kind


def test_a_row_for_another_verb_does_not_count(client: SoapClient, peer: Peer) -> None:
    peer.says(fault("s:Client", DETAIL.format("LOCKED")), 500)
    with pytest.raises(Rejected):
        client.call("cancel_order", "CancelSalesOrder", {"ExternalReference": "a", "OrderId": "b"}, writes=True)


def test_a_server_fault_of_a_reading_call_is_tried_again(client: SoapClient, peer: Peer) -> None:
    peer.says(fault("s:Server"), 500)
    with pytest.raises(Transient):
        count(client)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, Misconfigured),
        (400, Rejected),
        (401, Misconfigured),
        (403, Misconfigured),
        (408, OutcomeUnknown),
        (413, Rejected),
        (429, RateLimited),
        (500, OutcomeUnknown),
        (502, OutcomeUnknown),
        (503, Transient),
    ],
)
def test_statuses_without_an_envelope_say_what_next(
    client: SoapClient, peer: Peer, status: int, kind: type[ConnectorError]
) -> None:
    peer.response = SimResponse(status, b"busy", {"Content-Type": "text/plain", "Retry-After": "7"})
    with pytest.raises(ConnectorError) as caught:
        ship(client)
    assert type(caught.value) is kind
    if isinstance(caught.value, Transient):
        assert caught.value.retry_after == 7


def test_a_500_with_an_envelope_but_no_fault_is_no_success(client: SoapClient, peer: Peer) -> None:
    peer.says(result(), 500)
    with pytest.raises(OutcomeUnknown):
        ship(client)


def test_calls_from_many_threads_do_not_disturb_one_another(client: SoapClient, peer: Peer) -> None:
    peer.says(stock("3"))
    found: list[Any] = []
    failed: list[Exception] = []

    def work(wrong: bool) -> None:
        try:
            for _ in range(20):
                if wrong:
                    with pytest.raises(MappingError, match="Limit"):
                        client.call("list_stock", "GetStock", {"Limit": "abc"}, writes=False)
                else:
                    found.append(str(count(client).values["Item"][0]["OnHand"]))
        except Exception as error:  # noqa: BLE001 - shown below
            failed.append(error)

    threads = [threading.Thread(target=work, args=(n % 2 == 0,)) for n in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert failed == []
    assert found == ["3"] * 40


def test_an_unknown_operation_is_named(client: SoapClient) -> None:
    with pytest.raises(Misconfigured, match="no operation Nothing") as caught:
        client.call("list_stock", "Nothing", {}, writes=False)
    assert "GetStock" in str(caught.value)
