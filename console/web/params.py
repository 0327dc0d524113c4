"""Addresses as state: reading filters from the query, and links that keep them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from flask import abort, request, url_for

from core.domain.ids import parse_id, public_id
from core.store.read.page import Listed

SPANS = {"1h": 1, "24h": 24, "48h": 48, "7d": 168, "30d": 720}
COUNT_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class Tab:
    """One saved view."""

    title: str
    url: str
    current: bool
    count: int | None
    hot: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Where a list stands: rows shown, rows found (`total`, a figure or `10,000+`), and the neighbors."""

    shown: int
    total: str
    next_url: str | None
    first_url: str | None


def word(name: str, allowed: Sequence[str] | Mapping[str, object] | None = None, default: str = "") -> str:
    """Return one parameter; an unknown value is a wrong address, not a silent default."""
    value = request.args.get(name, default).strip()[:128]
    if "\x00" in value:
        abort(404, f"{name} cannot hold a NUL character.")
    if allowed is not None and value != default and value not in allowed:
        abort(404, f"There is no {name} {value!r} here.")
    return value


def chosen(value: str) -> list[str]:
    """Return a filter as the lists of the API take it: nothing chosen is none."""
    return [value] if value else []


def moment(name: str, now: datetime) -> datetime | None:
    """Return the start of a span such as `24h`, or an ISO time, or None when the parameter is absent."""
    value = word(name)
    if not value:
        return None
    if value in SPANS:
        return now - timedelta(hours=SPANS[value])
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        abort(404, f"{name} is neither a span ({', '.join(SPANS)}) nor an ISO time.")
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def cursor(name: str, kind: str) -> UUID | None:
    """Return the identifier in a parameter, or None when it is absent."""
    value = word(name)
    return parse_id(kind, value) if value else None


def link(endpoint: str, **changes: str | None) -> str:
    """Return the address of this list with some parameters changed; paging starts anew."""
    kept = {key: value for key, value in request.args.items() if key not in ("before", "newest", "after")}
    merged = {key: value for key, value in {**kept, **changes}.items() if value}
    return address(endpoint, merged)


def address(endpoint: str, values: Mapping[str, Any]) -> str:
    """Return the address of a screen with these parameters."""
    return url_for(endpoint, **values)


def again(endpoint: str, kind: str, newest: UUID | None) -> str:
    """Return where a list reads itself again: it asks for nothing newer than its first row, so no row moves."""
    pinned = {"newest": public_id(kind, newest)} if newest else {}
    return address(endpoint, {**request.args, **pinned})


def tabs(
    endpoint: str, titles: Mapping[str, str], current: str, counts: Mapping[str, int], hot: Sequence[str] = ()
) -> list[Tab]:
    """Return the saved views of a list; the first title is the default one."""
    default = next(iter(titles))
    return [
        Tab(
            title, link(endpoint, tab=None if name == default else name), name == current, counts.get(name), name in hot
        )
        for name, title in titles.items()
    ]


def pager(endpoint: str, kind: str, shown: int, total: int, more: UUID | None) -> Page:
    """Return where a list by identifier stands."""
    figure = f"{COUNT_LIMIT:,}+" if total > COUNT_LIMIT else f"{total:,}"
    next_url = link(endpoint, before=public_id(kind, more)) if more else None
    return Page(shown, figure, next_url, link(endpoint) if request.args.get("before") else None)


def listed(endpoint: str, kind: str, found: Listed, total: int) -> Page:
    """Return where a list of the API by identifier stands."""
    return pager(endpoint, kind, len(found.data), total, UUID(found.after[0]) if found.after else None)


def csv_safe(value: object) -> str:
    """Return a cell that a spreadsheet shows as text: a leading sign of a formula gets an apostrophe."""
    text = "" if value is None else str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
