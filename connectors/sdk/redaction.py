"""Secrets out of everything that is kept: by value, by header name and by key name."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus

import orjson

HIDDEN = "[redacted]"
SENSITIVE = re.compile(
    r"authori[sz]ation|cookie|signature|hmac|token|secret|passw|api[-_]?key|access[-_]?key|credential|private[-_]?key",
    re.IGNORECASE,
)
SHOWN = 8_192


@lru_cache(maxsize=4_096)
def sensitive(name: str) -> bool:
    """Return whether what a header or key of that name holds is never kept."""
    return SENSITIVE.search(name) is not None


class Redactor:
    """Replaces the secrets of one connection wherever they turn up."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._forms: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        for each in secrets:
            self.add(each)

    def __repr__(self) -> str:
        return f"Redactor({len(self._forms)} forms)"

    def add(self, secret: str) -> None:
        """Hide one more value from now on, also where it is URL-encoded, base64 or inside JSON."""
        if not secret:
            return
        encoded = base64.b64encode(secret.encode()).decode()
        in_json = orjson.dumps(secret).decode()[1:-1]
        self._forms |= {secret, quote(secret, safe=""), quote(secret), quote_plus(secret), encoded, in_json}
        self._pattern = None

    def text(self, value: str) -> str:
        """Return the text without any secret in it."""
        if not self._forms or not value:
            return value
        if self._pattern is None:
            # Longest first, so that no form is left half visible by a shorter one.
            longest_first = sorted(self._forms, key=len, reverse=True)
            self._pattern = re.compile("|".join(re.escape(each) for each in longest_first))
        return self._pattern.sub(HIDDEN, value)

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return headers with sensitive ones hidden whole."""
        return {
            str(name).lower(): HIDDEN if sensitive(str(name)) else self.text(str(value))
            for name, value in headers.items()
        }

    def value(self, value: Any) -> Any:
        """Return a JSON value with sensitive keys and secret values hidden."""
        if isinstance(value, Mapping):
            return {
                self.text(str(key)): HIDDEN if sensitive(str(key)) and inner else self.value(inner)
                for key, inner in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.value(inner) for inner in value]
        return self.text(value) if isinstance(value, str) else value

    def body(self, body: bytes | str | None) -> str | None:
        """Return a body fit for the attempt log: redacted, then shortened."""
        if not body:
            return None
        text = body if isinstance(body, str) else body.decode("utf-8", "replace")
        try:
            text = orjson.dumps(self.value(orjson.loads(text))).decode()
        except orjson.JSONDecodeError:
            text = self.text(text)
        return text if len(text) <= SHOWN else f"{text[:SHOWN]}… ({len(text)} characters)"
