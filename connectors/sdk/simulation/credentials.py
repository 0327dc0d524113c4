"""Whether a request carries the credential a simulated partner expects, by the manifest's own `auth` table."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

from requests import PreparedRequest
from requests.structures import CaseInsensitiveDict

from connectors.sdk.auth import authorizer
from connectors.sdk.manifest import Auth
from connectors.sdk.simulation.server import SimRequest


def carries_credential(
    request: SimRequest, table: Auth, settings: Mapping[str, Any], secrets: Mapping[str, str]
) -> bool:
    """Return whether the request has the headers a connector with these secrets would put on it."""
    auth = authorizer(table, settings, secrets)
    if auth is None:
        return True
    expected = PreparedRequest()
    expected.headers = CaseInsensitiveDict()
    auth(expected)
    return all(
        hmac.compare_digest(request.headers.get(name.lower(), "").encode(), value.encode())
        for name, value in expected.headers.items()
    )
