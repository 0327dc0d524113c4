"""The strict client against replies and requests that zeep alone would let through."""

import threading
from typing import Any

import pytest

from connectors.sdk.simulation.server import SimResponse
from connectors.soap_erp import xmlsafe
from connectors.soap_erp.client import SoapClient
from core.errors import MappingError, Misconfigured, OutcomeUnknown, Transient
from tests.connectors.soap_erp.scripted import Peer, count, envelope, result, ship, stock


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
