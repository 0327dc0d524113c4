"""The one way out: a session per connection with time-outs, size cap, allow-list, redaction and an exchange log."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import HTTPError

from connectors.sdk.errors import FIXES, error_for
from connectors.sdk.failures import OversizedAnswer, failure
from connectors.sdk.manifest import Errors
from connectors.sdk.network import CheckedAdapter
from connectors.sdk.redaction import Redactor
from core.errors import MappingError, Misconfigured, OutcomeUnknown, Transient
from core.ports.connectors import Exchange
from mappings.syntaxes.json import dump as dump_json
from mappings.syntaxes.json import parse as parse_json

PORTS = {"http": 80, "https": 443}
CHUNK = 65_536
KEPT_EXCHANGES = 200
SUCCESS = (200, 201, 202, 204)


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer, read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
    document: Any = None


class NoAuth(AuthBase):
    """Keeps requests from looking for a ~/.netrc."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Return the request as it is."""
        return request


class Http:
    """Requests to one partner on behalf of one connection; safe to share between threads.

    Args:
        partner: how errors call it.
        configured: addresses named in the connection's settings; private ones are allowed, because they were meant.
        vendor: addresses the manifest names; they must be public.
        limits: timeout (seconds), max_body (bytes), concurrency.
        redactor: hides the connection's secrets.
        errors: the manifest's error table.
        auth: puts credentials on requests.
    """

    def __init__(
        self,
        partner: str,
        *,
        configured: Sequence[str],
        vendor: Sequence[str] = (),
        limits: Mapping[str, float],
        redactor: Redactor,
        errors: Errors | None = None,
        auth: AuthBase | None = None,
    ) -> None:
        self.partner = partner
        self.redactor = redactor
        self.errors = errors or Errors()
        self.timeout = float(limits["timeout"])
        self.max_body = int(limits["max_body"])
        self._allowed = {origin(each) for each in (*configured, *vendor)}
        self._exchanges: list[Exchange] = []
        self._lock = threading.Lock()
        private = frozenset(host for _, host, _ in map(origin, configured))
        self.session = requests.Session()
        # Neither proxies nor credentials of the machine: what leaves the hub is what the connection says.
        self.session.trust_env = False
        self.session.auth = auth or NoAuth()
        self.session.headers["User-Agent"] = "Crossdock/0.1 (+order integration hub)"
        adapter = CheckedAdapter(private, max(int(limits["concurrency"]), 1))
        self.session.mount("http://", adapter)
        self.session.mount("https://", adapter)

    def __repr__(self) -> str:
        return f"Http({self.partner!r})"

    def request(
        self,
        method: str,
        url: str,
        *,
        verb: str,
        write: bool,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        data: bytes | None = None,
        ok: Sequence[int] = SUCCESS,
        reads: str | None = "json",
        auth: AuthBase | None = None,
    ) -> Answer:
        """Send one request and return its answer, or raise the ConnectorError that says what to do next.

        Args:
            verb: what is being done, for errors and the error table.
            write: whether the partner's state may change: then a lost answer is OutcomeUnknown.
            ok: statuses that are a success.
            reads: `json` parses the answer; `xml` demands an XML content type; None takes any body.
            auth: instead of the session's.
        """
        self.refuse_elsewhere(url)
        sent_headers = {"Accept": "application/json"} if reads == "json" else {}
        sent_headers |= dict(headers or {})
        if json is not None:
            data = dump_json(json)
            sent_headers.setdefault("Content-Type", "application/json")
        began = time.monotonic()
        prepared: requests.PreparedRequest | None = None
        status: int | None = None
        answer_headers: Mapping[str, str] = {}
        body = b""
        try:
            prepared = self.session.prepare_request(
                requests.Request(method, url, params=dict(params or {}), headers=sent_headers, data=data, auth=auth)
            )
            with self.session.send(
                prepared,
                timeout=(min(self.timeout, 10.0), self.timeout),
                allow_redirects=False,
                stream=True,
                verify=True,
            ) as response:
                status, answer_headers = response.status_code, response.headers
                body = self._read(response, began)
        except (requests.RequestException, HTTPError, HTTPException, OSError, UnicodeError) as error:
            raise failure(self.partner, error, verb, write=write, status=status) from None
        finally:
            self._keep(method, url, prepared, data, status, answer_headers, body, began)
        return self._judge(verb, write, ok, reads, status, answer_headers, body, url)

    def refuse_elsewhere(self, url: str) -> None:
        """Refuse addresses outside the connection's own.

        Raises:
            Misconfigured: scheme, host or port is none of the connection's base addresses.
        """
        if origin(url) not in self._allowed:
            scheme, host, port = origin(url)
            raise Misconfigured(
                f"{self.partner} may not be called at {scheme}://{host}:{port}.",
                why="Only the addresses in the connection's settings are allowed.",
                fix="Correct the address in the settings; a partner's answer cannot send the hub elsewhere.",
                code="OUT-HOST-403",
            )

    def take_exchanges(self) -> Sequence[Exchange]:
        """Return and forget the exchanges since the last call."""
        with self._lock:
            found, self._exchanges = self._exchanges, []
        return found

    def keep(self, exchange: Exchange) -> None:
        """Put an exchange made by other means into the log; it must be redacted already."""
        with self._lock:
            self._exchanges.append(exchange)
            del self._exchanges[:-KEPT_EXCHANGES]

    def close(self) -> None:
        """Close the sockets."""
        self.session.close()

    def _read(self, response: requests.Response, began: float) -> bytes:
        """Return the body, refusing too much of it and too slow a drip."""
        found = bytearray()
        # read1 returns what has come in; reading a full chunk would wait for it as long as one byte a time-out comes.
        while chunk := response.raw.read1(CHUNK, decode_content=True):
            found += chunk
            if len(found) > self.max_body:
                raise OversizedAnswer(f"the answer is larger than {self.max_body} bytes")
            if time.monotonic() - began > self.timeout * 2:
                raise requests.ReadTimeout("the answer came in too slowly")
        return bytes(found)

    def _judge(
        self,
        verb: str,
        write: bool,
        ok: Sequence[int],
        reads: str | None,
        status: int,
        headers: Mapping[str, str],
        body: bytes,
        url: str,
    ) -> Answer:
        """Return a success that can be read, or raise."""
        lower = {name.lower(): value for name, value in headers.items()}
        document, readable = parse(body, lower.get("content-type", ""), reads)
        if status not in ok:
            raise error_for(
                partner=self.partner,
                verb=verb,
                write=write,
                status=status,
                headers=lower,
                document=self.redactor.value(document),
                table=self.errors,
            )
        if not readable:
            kind = OutcomeUnknown if write else Transient
            raise kind(
                f"{self.partner} answered {status} to {verb}, but not in {reads}.",
                why=f"The content type is {lower.get('content-type') or 'missing'}.",
                fix=FIXES[kind],
                http_status=status,
            )
        return Answer(status, CaseInsensitiveDict(lower), body, url, document)

    def _keep(
        self,
        method: str,
        url: str,
        prepared: requests.PreparedRequest | None,
        data: bytes | None,
        status: int | None,
        headers: Mapping[str, str],
        body: bytes,
        began: float,
    ) -> None:
        """Log the exchange, redacted."""
        hide = self.redactor
        sent = dict(prepared.headers) if prepared is not None else {}
        shown = str(prepared.url) if prepared is not None else url
        request = {"method": method, "url": hide.text(shown), "headers": hide.headers(sent), "body": hide.body(data)}
        response = None if status is None else {"headers": hide.headers(headers), "body": hide.body(body)}
        self.keep(Exchange(request, response, status, int((time.monotonic() - began) * 1000)))


def origin(url: str) -> tuple[str, str, int]:
    """Return scheme, lower-case host and port of an address.

    Raises:
        Misconfigured: it is not an http(s) address, or carries credentials.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or PORTS.get(parts.scheme, 0)
    except ValueError:
        parts, port = urlsplit(""), 0
    odd = "\\" in url or any(each.isspace() for each in url)
    if parts.scheme not in PORTS or not parts.hostname or parts.username or parts.password or odd:
        raise Misconfigured(
            "An address of the connection is not usable.",
            why="It must be http:// or https:// with a host and without user name or password.",
            fix="Correct the address in the connection's settings.",
        )
    return parts.scheme, parts.hostname.lower(), port


def parse(body: bytes, content_type: str, reads: str | None) -> tuple[Any, bool]:
    """Return the JSON document of a body (None for other syntaxes), and whether the body is what was asked for."""
    media = content_type.partition(";")[0].strip().lower()
    if reads is None or not body:
        return None, True
    if reads == "xml":
        return None, media in {"text/xml", "application/xml"} or media.endswith("+xml")
    if media != "application/json" and not media.endswith("+json"):
        return None, False
    try:
        return parse_json(body), True
    except MappingError:
        return None, False
