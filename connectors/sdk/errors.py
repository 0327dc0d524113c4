"""From what happened on the wire to the error class that says what the hub does next.

| what happened | read | write |
|---|---|---|
| no connection, nothing sent | Transient | Transient |
| time-out or cut after sending | Transient | OutcomeUnknown |
| 2xx that cannot be read | Transient | OutcomeUnknown |
| 429 | RateLimited | RateLimited |
| 401, 403, 407, redirect, 501 | Misconfigured | Misconfigured |
| 408 | Transient | OutcomeUnknown |
| 425, 503 | Transient | Transient |
| other 4xx | Rejected | Rejected |
| other 5xx | Transient | OutcomeUnknown |

The manifest's `errors:` rows come first.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

from connectors.sdk.manifest import ErrorRow, Errors
from core.errors import (
    ConnectorError,
    Declined,
    Misconfigured,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Transient,
)

CLASSES: Mapping[str, type[ConnectorError]] = {
    "transient": Transient,
    "rate_limited": RateLimited,
    "outcome_unknown": OutcomeUnknown,
    "rejected": Rejected,
    "declined": Declined,
    "misconfigured": Misconfigured,
}
FIXES: Mapping[type[ConnectorError], str] = {
    Transient: "Nothing: the hub tries again.",
    RateLimited: "Nothing: the hub waits and goes on; lower the connection's rate if it happens often.",
    OutcomeUnknown: "Nothing: the hub looks it up by reference before it writes again.",
    Rejected: "Correct what the partner names, then retry the delivery.",
    Declined: "Nothing: the partner's answer is applied to the order.",
    Misconfigured: "Check address, credentials and permissions of the connection, then resume it.",
}
# Where partners that have no `errors.message` in their manifest usually put their sentence.
USUAL_MESSAGES = ("detail", "message", "error_description", "error.message", "errors[0].message", "title", "error")
LONGEST_WAIT = 86_400.0


def default_class(status: int, *, write: bool) -> type[ConnectorError]:
    """Return the class of a status no manifest row speaks of."""
    if status == 429:
        return RateLimited
    if status in {401, 403, 407, 501} or 300 <= status < 400:
        return Misconfigured
    if status in {425, 503}:
        return Transient
    if status == 408 or status >= 500 or status < 300:
        return OutcomeUnknown if write else Transient
    return Rejected


def matching_row(table: Errors, verb: str, status: int, code: str | None) -> ErrorRow | None:
    """Return the first manifest row that fits."""
    for row in table.rows:
        if row.status is not None and row.status != status:
            continue
        if row.code is not None and row.code != code:
            continue
        if row.verbs and verb not in row.verbs:
            continue
        return row
    return None


def error_for(
    *, partner: str, verb: str, write: bool, status: int, headers: Mapping[str, str], document: Any, table: Errors
) -> ConnectorError:
    """Return the error for an answer that is not a success.

    Args:
        partner: who answered, for the sentence.
        verb: what was asked.
        document: the answer's JSON, or None; already redacted.
        table: the manifest's `errors`.
    """
    code = said(document, (table.code,) if table.code else ())
    message = said(document, (table.message,) if table.message else USUAL_MESSAGES)
    row = matching_row(table, verb, status, code)
    kind = CLASSES[row.raises] if row else default_class(status, write=write)
    named = f" ({code})" if code else ""
    more: dict[str, Any] = {"why": message, "fix": (row.fix if row else None) or FIXES[kind], "http_status": status}
    if code:
        more["partner_code"] = code
    if issubclass(kind, Transient):
        more["retry_after"] = retry_after(headers.get("retry-after"), datetime.now(UTC))
    return kind(f"{partner} answered {status}{named} to {verb}.", **more)


def said(document: Any, paths: tuple[str, ...]) -> str | None:
    """Return the first short text at one of the paths of an answer."""
    for path in paths:
        try:
            found = jmespath.search(path, document)
        except JMESPathError:
            continue
        if isinstance(found, int) and not isinstance(found, bool):
            found = str(found)
        if isinstance(found, str) and found.strip():
            return found.strip()[:500]
    return None


def retry_after(given: str | None, now: datetime) -> float | None:
    """Return the seconds a Retry-After header asks for, at most a day; None when it is missing or unreadable.

    Args:
        given: seconds, or an HTTP date.
    """
    if not given:
        return None
    given = given.strip()
    if given.replace(".", "", 1).isascii() and given.replace(".", "", 1).isdigit():
        return min(float(given), LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(given)
    except (ValueError, TypeError):
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return min(max((until - now).total_seconds(), 0.0), LONGEST_WAIT)
