"""Lists page by page: the cursor is stored after each page, so a cut costs one page at most."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from requests.utils import parse_header_links

from connectors.sdk.answers import search
from connectors.sdk.http import Answer
from connectors.sdk.manifest import Paging, Request
from connectors.sdk.template import fill, fill_query
from core.errors import Transient
from core.ports.connectors import InboundRecord, Json, Page
from mappings.syntaxes.json import dump

if TYPE_CHECKING:
    from connectors.sdk.declarative import DeclarativeConnector


def list_page(connector: DeclarativeConnector, row: Request, cursor: Json) -> Page:
    """Return the next page of a list.

    Args:
        cursor: `{}` from the beginning; else since (where this round began), at (the next page), seen (the newest
            change so far).

    Raises:
        ConnectorError: the partner does not answer, or its paging does not advance.
    """
    scope = {"settings": connector.settings, "cursor": cursor}
    answer = fetch(connector, row, cursor, scope)
    records = found_records(row, answer.document)
    onward = next_page(row.paging, answer, cursor.get("at"), len(records))
    if onward is not None and onward == cursor.get("at"):
        raise Transient(
            f"{connector.manifest.label} names the same next page again for {row.verb}.",
            why="Its paging does not advance.",
            fix="Compare `paging:` in the manifest with the partner's documentation.",
        )
    seen = newest(row, records, cursor.get("seen"))
    if row.records is None:
        messages = [inbound(row, answer.body, None)]
    else:
        messages = [inbound(row, dump(each), changed(row, each)) for each in records]
    if onward is not None:
        return Page(messages, {**kept(cursor), "at": onward, **({"seen": seen} if seen else {})}, more=True)
    return Page(messages, finished(connector, row, cursor, seen))


def fetch(connector: DeclarativeConnector, row: Request, cursor: Json, scope: Mapping[str, Any]) -> Answer:
    """Ask for one page."""
    paging, at = row.paging, cursor.get("at")
    url = connector.url(row.path, scope)
    params = fill_query(row.query, scope)
    if row.since and cursor.get("since"):
        params[row.since] = str(cursor["since"])
    if paging is not None:
        if paging.size_parameter:
            params[paging.size_parameter] = str(paging.size)
        if paging.scheme == "link" and at:
            # The partner's own address of the next page, complete; the allow-list still holds for it.
            url, params = str(at), {}
        elif paging.parameter and at is not None:
            params[paging.parameter] = str(at)
    headers = {name: fill(value, scope) for name, value in row.headers.items()}
    return connector.call(row.method, url, verb=row.verb, write=False, params=params, headers=headers, ok=row.ok)


def found_records(row: Request, document: Any) -> Sequence[Any]:
    """Return the records of a page; with `records` left out, the page itself is the one record.

    Raises:
        Transient: the answer has no list there.
    """
    if row.records is None:
        return [document]
    found = search(row.records, document)
    if not isinstance(found, list):
        raise Transient(
            f"The answer to {row.verb} has no list at {row.records}.",
            fix="Compare `records:` in the manifest with the partner's answer.",
        )
    return found


def next_page(paging: Paging | None, answer: Answer, at: Any, count: int) -> Any:
    """Return the marker of the next page, None after the last one."""
    if paging is None:
        return None
    if paging.scheme == "link":
        links = parse_header_links(answer.headers.get("link", ""))
        return next((each["url"] for each in links if each.get("rel") == "next"), None)
    if paging.scheme == "cursor":
        found = search(paging.next or "", answer.document)
        return found if found not in ("", None, False) else None
    more = bool(search(paging.more, answer.document)) if paging.more else count >= paging.size
    if not more or not count:
        return None
    if paging.scheme == "page":
        return (at or 1) + 1
    return (at or 0) + count


def changed(row: Request, record: Any) -> datetime | None:
    """Return when a record says it changed."""
    found = search(row.changed_at, record) if row.changed_at else None
    if not isinstance(found, str):
        return None
    try:
        when = datetime.fromisoformat(found)
    except ValueError:
        return None
    return when.astimezone(UTC) if when.tzinfo else None


def newest(row: Request, records: Sequence[Any], seen: str | None) -> str | None:
    """Return the newest change seen in this round, ISO 8601; a time from the future would hide what comes before it."""
    now = datetime.now(UTC)
    times = [min(each, now) for each in (changed(row, record) for record in records) if each is not None]
    if seen:
        times.append(datetime.fromisoformat(seen))
    return max(times).isoformat() if times else None


def kept(cursor: Json) -> Json:
    """Return the part of the cursor that stays for the whole round."""
    return {"since": cursor["since"]} if cursor.get("since") else {}


def finished(connector: DeclarativeConnector, row: Request, cursor: Json, seen: str | None) -> Json:
    """Return the cursor after the last page: the next round looks back by the overlap."""
    if not row.since or not seen:
        return kept(cursor)
    poll = connector.manifest.poll.get(row.verb.removeprefix("list_"))
    overlap = timedelta(seconds=poll.overlap if poll else 0)
    since = datetime.fromisoformat(seen) - overlap
    if cursor.get("since"):
        since = max(since, datetime.fromisoformat(cursor["since"]))
    return {"since": since.isoformat()}


def inbound(row: Request, body: bytes, when: datetime | None) -> InboundRecord:
    """Return a listed record as it is stored; the same content again is the same message."""
    topic = row.topic or row.verb
    return InboundRecord(topic, f"{topic}:sha256:{hashlib.sha256(body).hexdigest()}", body, occurred_at=when)
