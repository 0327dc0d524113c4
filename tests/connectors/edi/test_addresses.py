"""What a partner's address answers to a look tells whether documents can be posted there."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from connectors.edi.transports.as2 import As2Transport
from core.errors import ConnectorError, Misconfigured, Transient
from tests.connectors.edi.as2_world import OURS, THEIRS, serve, settings_of, transport_of
from tests.connectors.edi.keys import pem
from tests.connectors.edi.test_http_profile import SECRETS, opened


def answering(status: int) -> Callable[..., Iterable[bytes]]:
    def app(_environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response(f"{status} Said", [("Content-Length", "0"), ("Location", "https://elsewhere.example/as2")])
        return [b""]

    return app


def as2(url: str) -> As2Transport:
    return transport_of(settings_of(OURS, THEIRS, ("HUB", "ACME"), url), {"as2_keys": pem(OURS)[1].decode()})


@pytest.mark.parametrize("status", [200, 204, 400, 405, 415])
def test_an_address_that_takes_posts_alone_is_one_that_works(status: int) -> None:
    with serve(answering(status)) as url:
        for transport in (as2(url), opened({"url": url}, SECRETS)):
            assert transport.check()["status"] == status
            transport.close()


@pytest.mark.parametrize(
    ("status", "kind", "why"),
    [
        (501, Misconfigured, "Its server does not do what it is asked"),
        (404, Misconfigured, "There is nothing at its path"),
        (401, Misconfigured, "It wants a log-in"),
        (403, Misconfigured, "It does not let us in"),
        (302, Misconfigured, "It sends callers on to https://elsewhere.example/as2"),
        (500, Transient, None),
        (503, Transient, "It is down or overloaded"),
    ],
)
def test_an_address_that_does_not_work_fails_and_says_why(
    status: int, kind: type[ConnectorError], why: str | None
) -> None:
    with serve(answering(status)) as url:
        for transport in (as2(url), opened({"url": url}, SECRETS)):
            with pytest.raises(kind) as failed:
                transport.check()
            transport.close()
            assert f"answers {status}: documents cannot be posted there" in failed.value.what
            assert failed.value.error_code == ("EDI-ADDRESS-502" if kind is Transient else "EDI-ADDRESS-404")
            assert (why or "") in (failed.value.why or "")
            assert "transport.url" in (failed.value.fix or "")
