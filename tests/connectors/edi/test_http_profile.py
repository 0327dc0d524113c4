"""The settings of cXML over HTTP: what is refused before anything is called, and what is said of it."""

from collections.abc import Mapping
from typing import Any

import pytest

from connectors.edi.profile import read_profile
from connectors.edi.transports.http import HttpTransport
from connectors.edi.transports.opening import open_transport
from core.errors import Misconfigured, Rejected
from mappings.edi.xml.comparing import statements
from mappings.edi.xml.credentials import proven
from mappings.edi.xml.documents import read_document
from tests.connectors.edi.as2_world import serve
from tests.connectors.edi.http_world import Network, proven_order
from tests.connectors.edi.xml_world import CXML_PROFILE, UBL_PROFILE, cxml_order

SECRETS = {"shared_secret_in": "theirs", "shared_secret_out": "ours"}
X12 = {"in": "850", "map": "x12/850.004010"}


def opened(
    settings: Mapping[str, Any], secrets: Mapping[str, str] | None = None, given: Mapping[str, Any] = CXML_PROFILE
) -> HttpTransport:
    table = {"kind": "http", **settings}
    profile = read_profile({**given, "transport": table}, "acme")
    found = open_transport(
        {**table, "profile": profile, "secrets": secrets or {}, "connection": "c"}, max_bytes=1_000_000
    )
    assert isinstance(found, HttpTransport)
    return found


@pytest.mark.parametrize(
    ("settings", "given", "said"),
    [
        ({}, CXML_PROFILE, "transport.url is missing: `documents` has some that leave"),
        ({"url": "ftp://network.example"}, CXML_PROFILE, "transport.url is no address"),
        ({"url": "https://user:wxyz@network.example"}, CXML_PROFILE, "transport.url is no address"),
        ({"url": "https://a.example", "our_url": "hub"}, CXML_PROFILE, "transport.our_url is no address"),
        ({"url": "https://a.example", "timeout": 60}, CXML_PROFILE, "transport.timeout is no number from 1 to 25"),
        ({"url": "https://a.example", "sender": ["A"]}, CXML_PROFILE, "transport.sender is no text"),
        ({"url": "https://a.example", "shared_secret": "x"}, CXML_PROFILE, "transport.shared_secret is not known"),
        ({"url": "https://a.example"}, UBL_PROFILE, "takes documents of cXML only, and Order, OrderChange"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(settings: Any, given: Any, said: str) -> None:
    with pytest.raises(Misconfigured) as error:
        opened(settings, given=given)
    assert said in error.value.what
    assert (error.value.error_code, "wxyz" in str(error.value)) == ("EDI-TRANSPORT-422", False)


def test_a_check_calls_the_partner_and_names_the_secrets_that_are_missing() -> None:
    network = Network()
    with serve(network) as there:
        transport = opened({"url": there}, SECRETS)
        assert transport.check() == {"takes_calls": True, "status": 405}
        transport.close()
        transport = opened({"url": there, "user": "hub"}, {"shared_secret_out": "ours"})
        with pytest.raises(Misconfigured, match="Secrets are missing: shared_secret_in, password"):
            transport.check()
        transport.close()
    assert network.bodies == []


def test_without_the_secret_or_a_place_for_it_nothing_is_sent() -> None:
    network = Network()
    with serve(network) as there:
        cases: list[tuple[dict[str, str], bytes, type[Exception]]] = [
            ({}, cxml_order("PO-1"), Misconfigured),
            (SECRETS, cxml_order("PO-1").replace(b"Sender>", b"Somebody>"), Rejected),
            ({"shared_secret_out": "a\x00b"}, cxml_order("PO-1"), Rejected),
        ]
        for secrets, body, kind in cases:
            transport = opened({"url": there}, secrets)
            with pytest.raises(kind):
                transport.send("a.xml", body, "application/xml")
            transport.close()
    assert network.bodies == []


def test_a_secret_takes_the_place_of_any_proof_that_was_there() -> None:
    once = proven(proven_order("PO-1", secret="old"), "a & b", identity="ME", domain="NetworkID")
    assert once.count(b"<SharedSecret>") == 1
    assert b'<Credential domain="NetworkID"><Identity>ME</Identity><SharedSecret>a &amp; b</SharedSecret>' in once
    assert b"<!DOCTYPE cXML SYSTEM" in once
    assert proven(once, "a & b") == once


def test_the_domain_of_a_credential_may_be_long_where_there_are_no_segments() -> None:
    sides = {name: {"id": name, "qualifier": "AribaNetworkUserId"} for name in ("ours", "theirs")}
    profile = read_profile({**CXML_PROFILE, "identifiers": sides, "transport": {"kind": "folder"}}, "acme")
    assert profile.ours.qualifier == "AribaNetworkUserId"
    with pytest.raises(Misconfigured, match=r"identifiers\.ours\.qualifier: is longer than 4 characters"):
        read_profile({"documents": [X12], "identifiers": sides, "transport": {"kind": "folder"}}, "acme")


def test_what_is_said_of_a_document_leaves_its_secret_out() -> None:
    said = "\n".join(statements(read_document(proven_order("PO-1", secret="tell-nobody")).root))
    assert "Header/Sender/Credential/SharedSecret: " in said
    assert "tell-nobody" not in said
