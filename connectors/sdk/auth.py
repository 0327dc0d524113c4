"""Credentials on outgoing requests, by the manifest's `auth` table."""

from __future__ import annotations

import base64
import hashlib
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from requests import PreparedRequest
from requests.auth import AuthBase

from connectors.sdk.http import Http, NoAuth
from connectors.sdk.manifest import Auth
from core.errors import Misconfigured, Transient

# A token is renewed this many seconds before it ends.
EARLY = 60.0


class HeaderAuth(AuthBase):
    """One fixed header."""

    def __init__(self, name: str, value: str) -> None:
        self._name, self._value = name, value

    def __repr__(self) -> str:
        return f"HeaderAuth({self._name!r})"

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Put the header on."""
        request.headers[self._name] = self._value
        return request


def authorizer(table: Auth, settings: Mapping[str, Any], secrets: Mapping[str, str]) -> AuthBase | None:
    """Return what authorizes requests; None for `none`, `custom` and `oauth2` (whose token is fetched first).

    Raises:
        Misconfigured: the credential is missing or cannot stand in a header.
    """
    if table.scheme not in {"api_key", "basic", "bearer"}:
        return None
    secret = secrets.get(table.secret or "", "")
    if not secret or any(ord(each) < 32 for each in secret):
        raise Misconfigured(
            f"The secret {table.secret!r} is missing or has control characters.", fix="Enter it again in the settings."
        )
    if table.scheme == "basic":
        user = str(settings.get(table.username or "", ""))
        return HeaderAuth("Authorization", "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode())
    prefix = table.prefix or ("Bearer " if table.scheme == "bearer" else "")
    return HeaderAuth(table.header, f"{prefix}{secret}")


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and when it ends on the monotonic clock."""

    value: str
    ends: float


class Tokens:
    """Access tokens of all connections of this process, so that opening a connector again does not ask again."""

    def __init__(self) -> None:
        self._tokens: dict[str, Token] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Tokens({len(self._tokens)})"

    def get(self, key: str) -> str | None:
        """Return a token that is still good."""
        with self._lock:
            found = self._tokens.get(key)
        return found.value if found and found.ends > time.monotonic() else None

    def put(self, key: str, value: str, seconds: float) -> None:
        """Keep a token for its lifetime."""
        with self._lock:
            self._tokens[key] = Token(value, time.monotonic() + max(seconds - EARLY, 0.0))

    def forget(self, key: str) -> None:
        """Drop a token the partner no longer takes."""
        with self._lock:
            self._tokens.pop(key, None)


TOKENS = Tokens()


def token_key(connection: str, token_url: str, client_id: str, secret: str) -> str:
    """Return the cache key of a credential; it cannot be read back."""
    return hashlib.sha256("\x00".join((connection, token_url, client_id, secret)).encode()).hexdigest()


def use_token(
    http: Http, table: Auth, *, connection: str, token_url: str, settings: Mapping[str, Any], secrets: Mapping[str, str]
) -> str:
    """Put an OAuth 2 access token (client credentials) on the session, fetching it when there is none; return its key.

    Raises:
        ConnectorError: the token endpoint refuses or does not answer.
    """
    client_id, secret = str(settings.get(table.client_id or "", "")), secrets.get(table.secret or "", "")
    key = token_key(connection, token_url, client_id, secret)
    token = TOKENS.get(key)
    if token is None:
        token, seconds = fetch_token(http, token_url, client_id, secret, table.scope)
        TOKENS.put(key, token, seconds)
    http.redactor.add(token)
    http.session.auth = HeaderAuth("Authorization", f"Bearer {token}")
    return key


def fetch_token(http: Http, token_url: str, client_id: str, secret: str, scope: str | None) -> tuple[str, float]:
    """Return a new access token and its lifetime in seconds."""
    encoded = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    http.redactor.add(encoded)
    body = "grant_type=client_credentials" + (f"&scope={scope.replace(' ', '+')}" if scope else "")
    answer = http.request(
        "POST",
        token_url,
        verb="token",
        write=False,
        headers={"Authorization": f"Basic {encoded}", "Content-Type": "application/x-www-form-urlencoded"},
        data=body.encode(),
        ok=(200,),
        auth=NoAuth(),
    )
    found = answer.document if isinstance(answer.document, dict) else {}
    token, lifetime = found.get("access_token"), found.get("expires_in", 3600)
    if not isinstance(token, str) or not token:
        raise Transient(f"{http.partner} gave no access token.", why="Its answer has no access_token.")
    try:
        return token, float(lifetime)
    except (TypeError, ValueError):
        return token, 300.0
