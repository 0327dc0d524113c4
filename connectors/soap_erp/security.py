"""How requests prove who they are inside the envelope."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zeep.wsse.username import UsernameToken

from core.errors import Misconfigured


def security_token(connection: str, settings: Mapping[str, Any], secrets: Mapping[str, str]) -> UsernameToken | None:
    """Return the WS-Security token of a connection, None where another way of proof was chosen.

    Raises:
        Misconfigured: user name or password is missing.
    """
    kind = settings["security"]
    if kind not in ("wsse-text", "wsse-digest"):
        return None
    if not settings.get("username") or not secrets.get("password"):
        raise Misconfigured(
            f"Connection {connection} has no user name or password.", fix="Fill in `username` and `password`."
        )
    # zeep's class has no types.
    kind_of_token: Any = UsernameToken
    made: UsernameToken = kind_of_token(
        settings["username"], secrets["password"], use_digest=kind == "wsse-digest", zulu_timestamp=True
    )
    return made
