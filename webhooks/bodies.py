"""Bodies, read with a limit and parsed without mercy: real JSON in UTF-8, of bounded depth, every digit kept."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, Protocol

import orjson

from core.domain.quick import JSON_LEVELS
from core.errors import InputError

CHUNK = 65_536
STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
BRACKETS = re.compile(rb"[\[\]{}]")


class TooLarge(InputError):
    """The body is larger than the limit; what was read of it was thrown away."""

    code = "HTTP-SIZE-413"
    status = 413


class WrongType(InputError):
    """The media type, charset or encoding of the body is not one this address reads."""

    code = "HTTP-TYPE-415"
    status = 415


class Malformed(InputError):
    """The body is not the JSON it says it is."""

    code = "JSON-SYNTAX-400"
    status = 400


class Readable(Protocol):
    """A stream of bytes."""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes, none at the end."""


def read_limited(stream: Readable, limit: int) -> bytes:
    """Return all bytes of a stream that says no length.

    Raises:
        TooLarge: there are more than `limit`.
    """
    parts, total = [], 0
    while chunk := stream.read(min(CHUNK, limit + 1 - total)):
        parts.append(chunk)
        total += len(chunk)
        if total > limit:
            raise TooLarge(f"The body is larger than {limit} bytes.", fix="Send less at once.")
    return b"".join(parts)


def media_type(content_type: str | None) -> tuple[str, str | None]:
    """Return the media type of a Content-Type in lower case, and its charset when it names one."""
    kind, _, parameters = (content_type or "").partition(";")
    found = re.search(r"charset\s*=\s*\"?([^\s\";]+)", parameters, re.IGNORECASE)
    return kind.strip().lower(), found[1].lower() if found else None


def require_json(content_type: str | None) -> None:
    """Refuse what is not JSON in UTF-8 by its Content-Type.

    Raises:
        WrongType: another type or charset.
    """
    kind, charset = media_type(content_type)
    if kind != "application/json" and not kind.endswith("+json"):
        raise WrongType(f"The body is {kind[:80]!r}.", fix="Send application/json.")
    # US-ASCII is UTF-8 that has no need of more.
    if charset not in (None, "utf-8", "utf8", "us-ascii"):
        raise WrongType(f"The body is in {charset[:40]!r}.", fix="Send JSON in UTF-8 (RFC 8259).")


def parse(body: bytes) -> Any:
    """Return a JSON document with its decimals exact.

    Args:
        body: the bytes as they came.

    Raises:
        Malformed: not JSON, not UTF-8, too deep, a name twice in one object, or text no database can hold.
    """
    if nests_deeper(body, JSON_LEVELS):
        raise Malformed(f"The body is nested deeper than {JSON_LEVELS} levels.", code="JSON-DEPTH-400")
    try:
        # The strict reader refuses NaN, bad UTF-8 and half surrogates; the exact one keeps every digit.
        orjson.loads(body)
        found = json.loads(body, parse_float=Decimal, object_pairs_hook=_once)
    except (ValueError, RecursionError, ArithmeticError) as error:
        raise Malformed("The body is not JSON.", why=str(error)[:200]) from None
    if b"\\u0000" in body and _has_nul(found):
        raise Malformed("The body has a text with the NUL character.", code="JSON-NUL-400")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; which of two values of one name is meant nobody can tell."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for at, name in enumerate(names) if name in names[:at])
        raise ValueError(f"the name {twice[:60]!r} stands twice in one object")
    return found


def nests_deeper(body: bytes, limit: int) -> bool:
    """Return whether a JSON text nests deeper than the limit, by its brackets outside strings."""
    if body.count(b"[") + body.count(b"{") <= limit:
        return False
    depth = 0
    for bracket in BRACKETS.findall(STRINGS.sub(b"", body)):
        depth += 1 if bracket in b"[{" else -1
        if depth > limit:
            return True
    return False


def _has_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, dict):
        return any(_has_nul(key) or _has_nul(inner) for key, inner in value.items())
    return isinstance(value, list) and any(_has_nul(inner) for inner in value)
