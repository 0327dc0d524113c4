"""What may never stand in a log line: secrets, personal data, bodies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from structlog.typing import EventDict, WrappedLogger

REDACTED = "[redacted]"
MAX_DEPTH = 6
"""Deeper values are replaced as a whole: nobody reads them in a log, and nobody has checked them."""

SECRET_PARTS = (
    "authorization",
    "token",
    "secret",
    "password",
    "passwd",
    "api_key",
    "apikey",
    "signature",
    "cookie",
    "credential",
    "private_key",
    "hmac",
)
"""A key that contains one of these, in any spelling, holds a secret."""

PERSONAL = frozenset(
    {
        "name",
        "first_name",
        "last_name",
        "full_name",
        "email",
        "phone",
        "address",
        "line1",
        "line2",
        "street",
        "city",
        "postal_code",
        "zip",
        "vat_id",
        "birthday",
        "buyer",
        "ship_to",
        "bill_to",
        "seller",
        "note",
        "body",
        "raw",
    }
)
"""Keys of the canonical model that hold personal data or a partner's bytes."""

SAFE = frozenset({"event", "level", "logger", "role", "timestamp"})
"""Keys this project writes itself."""

_URL_USER = re.compile(r"(?P<scheme>\b[a-z][a-z0-9+.-]*://)[^\s/@]+@", re.IGNORECASE)
_SECRET_PAIR = re.compile(
    r"(?P<key>\b[\w-]{0,40}(?:token|secret|password|passwd|api[_-]?key|signature|hmac)[\w-]{0,40}[\"']?\s*[=:]\s*)"
    r"(?:\"[^\"]*\"|'[^']*'|[^\s&;,'\"]+)",
    re.IGNORECASE,
)
_BEARER = re.compile(r"\b(?P<scheme>bearer|basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE)


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace secrets and personal data in a log event; a structlog processor."""
    return {key: value if key in SAFE and key != "event" else _value(key, value, 0) for key, value in event.items()}


def redact_text(text: str) -> str:
    """Replace passwords in URLs, credentials in headers and `secret=value` pairs in free text."""
    text = _URL_USER.sub(rf"\g<scheme>{REDACTED}@", text)
    text = _BEARER.sub(rf"\g<scheme> {REDACTED}", text)
    return _SECRET_PAIR.sub(rf"\g<key>{REDACTED}", text)


def is_private(key: str) -> bool:
    """Return whether a value under this key may not be logged."""
    plain = key.lower().replace("-", "_")
    return plain in PERSONAL or any(part in plain for part in SECRET_PARTS)


def _value(key: object, value: Any, depth: int) -> Any:
    if isinstance(key, str) and is_private(key) and value is not None:
        return REDACTED
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return f"[{len(value)} bytes]"
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        if depth == MAX_DEPTH:
            return REDACTED
        if isinstance(value, Mapping):
            return {name: _value(name, inner, depth + 1) for name, inner in value.items()}
        return [_value(None, inner, depth + 1) for inner in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact_text(str(value))
