"""The way out: who may be called, what is kept of it, and what trouble becomes."""

import contextlib
import gzip
import socket
import threading
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from connectors.sdk.checks.workbench import Partner
from connectors.sdk.http import Http, origin
from connectors.sdk.network import AddressRefused, refuse_address
from connectors.sdk.redaction import Redactor
from connectors.sdk.simulation.server import SimResponse
from core.errors import Misconfigured, OutcomeUnknown, Transient

LIMITS = {"timeout": 3.0, "max_body": 100_000, "concurrency": 2}


@pytest.fixture
def http(partner: Partner) -> Iterator[Http]:
    found = Http("Acme", configured=[partner.url], limits=LIMITS, redactor=Redactor(["hush-hush"]))
    yield found
    found.close()


def get(http: Http, url: str, **more: Any) -> Any:
    return http.request("GET", url, verb="list_orders", write=False, **more)


def test_an_answer_is_read_exactly(http: Http, partner: Partner) -> None:
    partner.play(
        [SimResponse(200, b'{"price": 1.10, "big": 12345678901234567890.12}', {"Content-Type": "application/json"})]
    )
    document = get(http, partner.url + "/a").document
    assert [str(each) for each in document.values()] == ["1.10", "12345678901234567890.12"]


def test_only_own_addresses_are_called(http: Http, partner: Partner) -> None:
    host, port = "127.0.0.1", int(partner.url.rpartition(":")[2])
    for url in (
        f"http://{host}:{port + 1}/",
        f"https://{host}:{port}/",
        "http://127.0.0.2/",
        "http://169.254.169.254/latest/",
        "http://localhost/",
        f"http://user:pw@{host}:{port}/",
        "file:///etc/passwd",
        f"http://{host}:{port}\\@evil.example/",
        "",
    ):
        with pytest.raises(Misconfigured):
            get(http, url)
    assert partner.requests == []


def test_a_redirect_is_not_followed(http: Http, partner: Partner) -> None:
    partner.play([SimResponse(307, {}, {"Location": partner.url + "/elsewhere"}), SimResponse(200, {})])
    with pytest.raises(Misconfigured):
        get(http, partner.url + "/a")
    assert [each.path for each in partner.requests] == ["/a"]


def test_neither_proxies_nor_netrc_of_the_machine_are_used(
    http: Http, partner: Partner, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password mine\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    partner.play([SimResponse(200, {})])
    get(http, partner.url + "/a")
    assert "authorization" not in partner.requests[0].headers


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "100.100.100.200", "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "0.0.0.0", "::", "224.0.0.1",
     "::ffff:169.254.169.254"],
)  # fmt: skip
def test_some_addresses_are_never_called(address: str) -> None:
    with pytest.raises(AddressRefused):
        refuse_address("wms.example", address, private_allowed=True)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "::1", "10.1.2.3", "192.168.1.5", "172.16.0.1", "fd12::1", "100.64.0.1"]
)
def test_private_addresses_need_a_name_in_the_settings(address: str) -> None:
    refuse_address("wms.example", address, private_allowed=True)
    with pytest.raises(AddressRefused):
        refuse_address("wms.example", address, private_allowed=False)


def test_public_addresses_are_called() -> None:
    refuse_address("shop.example", "93.184.216.34", private_allowed=False)
    refuse_address("shop.example", "2606:2800:220:1:248:1893:25c8:1946", private_allowed=False)


def test_a_vendor_host_that_resolves_to_this_machine_is_refused(
    partner: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(partner.url.rpartition(":")[2])
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *more, **others: real("127.0.0.1", *more, **others))
    url = f"http://api.vendor.example:{port}"
    http = Http("Acme", configured=[], vendor=[url], limits=LIMITS, redactor=Redactor())
    with pytest.raises(Misconfigured, match=r"api\.vendor\.example resolves to 127\.0\.0\.1"):
        get(http, url)
    assert partner.requests == []
    http.close()


def test_the_checked_address_is_the_one_called(partner: Partner, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that resolves to something else the second time cannot slip past the check."""
    port = int(partner.url.rpartition(":")[2])
    real = socket.getaddrinfo
    asked: list[str] = []

    def resolve(host: str, *more: Any, **others: Any) -> Any:
        asked.append(host)
        return real("127.0.0.1", *more, **others)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    url = f"http://wms.internal:{port}"
    http = Http("Acme", configured=[url], limits=LIMITS, redactor=Redactor())
    partner.play([SimResponse(200, {})])
    get(http, url)
    http.close()
    assert asked == ["wms.internal", "127.0.0.1"]
    assert partner.requests[0].headers["host"] == f"wms.internal:{port}"


def test_a_name_that_does_not_resolve_is_transient(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    http = Http("Acme", configured=["http://wms.internal"], limits=LIMITS, redactor=Redactor())
    with pytest.raises(Transient, match="could not be resolved"):
        http.request("POST", "http://wms.internal/a", verb="push_order", write=True)
    http.close()


def test_plain_http_to_a_tls_address_is_no_outcome_unknown(partner: Partner) -> None:
    url = partner.url.replace("http://", "https://")
    http = Http("Acme", configured=[url], limits=LIMITS, redactor=Redactor())
    with pytest.raises(Misconfigured, match="cannot be reached safely"):
        http.request("POST", url + "/a", verb="push_order", write=True)
    http.close()


@pytest.mark.parametrize("value", ["Bearer kéy-€-secret", "Bearer a\r\nX-Evil: 1"])
def test_a_header_that_cannot_be_sent_is_misconfigured_and_not_shown(http: Http, partner: Partner, value: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        http.request(
            "POST", partner.url + "/a", verb="push_order", write=True, headers={"Authorization": value}, data=b"{}"
        )
    shown = str(caught.value) + repr(caught.value.data)
    assert "secret" not in shown
    assert "Evil" not in shown
    assert partner.requests == []


def test_exchanges_are_redacted_and_forgotten(http: Http, partner: Partner) -> None:
    answer = {"token": "abc", "note": "hush-hush", "id": 1}
    partner.play([SimResponse(200, answer, {"Set-Cookie": "s=1", "X-Request-Id": "r1"})])
    http.request(
        "POST", partner.url + "/a", verb="push_order", write=True, params={"k": "hush-hush"},
        headers={"Authorization": "Bearer zzz"}, json={"password": "p", "text": "it is hush-hush"},
    )  # fmt: skip
    (found,) = http.take_exchanges()
    assert found.status == 200
    assert found.request["headers"]["authorization"] == "[redacted]"
    assert found.request["url"] == partner.url + "/a?k=[redacted]"
    assert found.request["body"] == '{"password":"[redacted]","text":"it is [redacted]"}'
    assert found.response is not None
    assert found.response["headers"]["set-cookie"] == "[redacted]"
    assert found.response["headers"]["x-request-id"] == "r1"
    assert found.response["body"] == '{"token":"[redacted]","note":"[redacted]","id":1}'
    assert http.take_exchanges() == []


def test_a_reply_that_begins_and_never_ends_is_outcome_unknown(partner: Partner) -> None:
    http = Http("Acme", configured=[partner.url], limits={**LIMITS, "timeout": 0.2}, redactor=Redactor())
    partner.play([SimResponse(200, {"id": 1}, delay=0.6)])
    with pytest.raises(OutcomeUnknown, match="It took too long"):
        http.request("POST", partner.url + "/a", verb="push_order", write=True)
    (found,) = http.take_exchanges()
    assert found.status is None
    http.close()


def test_an_answer_that_drips_is_given_up(partner: Partner) -> None:
    """Each byte comes within the time-out, the whole of it does not."""
    listener = socket.create_server(("127.0.0.1", 0))
    done = threading.Event()
    sent: list[int] = []

    def drip() -> None:
        client, _ = listener.accept()
        client.recv(10_000)
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 200\r\n\r\n{")
        for _ in range(198):
            if done.wait(0.02):
                break
            client.sendall(b" ")
            sent.append(1)
        with contextlib.suppress(OSError):
            client.sendall(b"}")
        client.close()

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    http = Http("Acme", configured=[url], limits={**LIMITS, "timeout": 0.3}, redactor=Redactor())
    with pytest.raises(OutcomeUnknown, match="It took too long"):
        http.request("POST", url + "/a", verb="push_order", write=True)
    # It did not wait for the whole.
    assert len(sent) < 150
    done.set()
    http.close()
    thread.join()
    listener.close()


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_compressed_answer_is_read_and_its_true_size_counts(partner: Partner, encoding: str) -> None:
    pack = gzip.compress if encoding == "gzip" else zlib.compress
    headers = {"Content-Type": "application/json", "Content-Encoding": encoding}
    http = Http("Acme", configured=[partner.url], limits=LIMITS, redactor=Redactor())
    partner.play([SimResponse(200, pack(b'{"a": 1}'), headers), SimResponse(200, pack(b" " * 50_000_000), headers)])
    assert get(http, partner.url + "/a").document == {"a": 1}
    with pytest.raises(Transient, match="larger than the connection takes"):
        get(http, partner.url + "/a")
    http.close()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://Shop.Example/a", ("https", "shop.example", 443)),
        ("http://[::1]:8080", ("http", "::1", 8080)),
    ],
)
def test_origin(url: str, expected: tuple[str, str, int]) -> None:
    assert origin(url) == expected


@pytest.mark.parametrize(
    "url", ["ftp://a", "http://", "a", "http://a:b@c", "http://a:99999", "http://[::1", "javascript:1"]
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(Misconfigured):
        origin(url)
