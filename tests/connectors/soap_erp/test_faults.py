"""What faults and statuses of a SOAP service become."""

import pytest

from connectors.sdk.simulation.server import SimResponse
from connectors.soap_erp.client import SoapClient
from core.errors import ConnectorError, Declined, Misconfigured, OutcomeUnknown, RateLimited, Rejected, Transient
from tests.connectors.soap_erp.scripted import Peer, count, fault, result, ship

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
