"""Lists in pages as one stream, times and names as people write them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from console.cli.base import Session, find_id

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy import Connection

    from core.jobs.hub import Hub
    from core.store.read.page import Json, Listed, Slice

SPANS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
PAGE = 200


class Moment(click.ParamType[datetime]):
    """A time: ISO 8601 with a zone (UTC when it has none), or an age such as 30s, 15m, 2h, 7d."""

    name = "time"

    def __init__(self, *, ahead: bool = False) -> None:
        self._ahead = ahead

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return the time meant."""
        if isinstance(value, datetime):
            return value
        span = as_span(str(value))
        if span is not None:
            now = datetime.now(UTC)
            return now + span if self._ahead else now - span
        try:
            found = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is neither a time such as 2026-11-20T09:41:00Z nor a span such as 2h.", param, ctx)
        return found if found.tzinfo else found.replace(tzinfo=UTC)


class Span(click.ParamType[timedelta]):
    """A length of time such as 30s, 15m, 2h, 7d."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Return the length meant."""
        if isinstance(value, timedelta):
            return value
        found = as_span(str(value))
        if found is None:
            self.fail(f"{value!r} is no span such as 30s, 15m, 2h or 7d.", param, ctx)
        return found


def as_span(text: str) -> timedelta | None:
    """Return the length of time in a text such as 2h; None when it is none."""
    number, unit = text[:-1], text[-1:]
    if unit not in SPANS or not number.replace(".", "", 1).isdigit():
        return None
    return timedelta(**{SPANS[unit]: float(number)})


limit_option = click.option(
    "--limit", type=click.IntRange(min=0), default=50, show_default=True, help="At most so many; 0 for all."
)


carry_option = click.option(
    "--carry-stock/--no-carry-stock",
    "carry",
    default=True,
    show_default=True,
    help="Whether what another choice takes is missing for later orders.",
)
processes_option = click.option(
    "--processes",
    type=click.IntRange(1, 16),
    default=2,
    show_default=True,
    help="Processes that work, without carried stock.",
)


def pages(fetch: Callable[[Slice], Listed], limit: int) -> Iterator[Json]:
    """Yield the rows of a list, page after page, up to the limit; 0 means all."""
    from core.store.read.page import Slice

    left, after = limit or None, None
    while True:
        found = fetch(Slice(min(left, PAGE) if left else PAGE, after))
        yield from found.data
        if left is not None:
            left -= len(found.data)
        after = found.after
        if after is None or left == 0:
            return


def find_order(conn: Connection, name: str) -> UUID:
    """Return the order of that id (`ord_…`, or its beginning), number or external id.

    Raises:
        NotFound: there is none.
        InputError: several orders have that number or external id.
    """
    from uuid import UUID

    from sqlalchemy import or_, select

    from core.domain.ids import kind_of, public_id
    from core.errors import InputError, NotFound
    from core.store import schema as t
    from core.store.unit import DEFAULT_TENANT

    name = name.strip()
    if kind_of(name) == "order":
        return find_id(conn, "order", name)
    o = t.orders.c
    found = (
        conn.execute(
            select(o.id).where(o.tenant_id == DEFAULT_TENANT, or_(o.number == name, o.external_id == name)).limit(6)
        )
        .scalars()
        .all()
    )
    if not found:
        raise NotFound(
            f"There is no order {name[:60]!r}.", fix="Name it by its id (ord_…), its number or its external id."
        )
    if len(found) > 1:
        raise InputError(
            f"Several orders are called {name[:60]!r}.",
            fix=f"Name one by its id: {', '.join(public_id('order', each) for each in found[:5])}.",
            code="CLI-ORDER-409",
        )
    return UUID(str(found[0]))


def list_about(
    session: Session,
    fetch: Callable[..., Listed],
    columns: Sequence[str],
    *,
    limit: int,
    order: str | None,
    empty: str = "Nothing found.",
    **filters: Any,
) -> None:
    """Write a list that can be narrowed to one order.

    Args:
        session: this call.
        fetch: returns a page of it, given the connection, the slice, `order_id` and the filters.
        columns: fields of the text form.
        limit: at most so many rows; 0 for all.
        order: id, number or external id of the order; None for all orders.
        empty: said when there is nothing.
        filters: what else narrows it.

    Raises:
        NotFound: there is no such order.
        InputError: several orders are called that.
    """
    with session.hub() as hub, hub.store.read() as conn:
        about = find_order(conn, order) if order else None
        session.out.rows(
            pages(lambda piece: fetch(conn, piece, order_id=about, **filters), limit), columns, empty=empty
        )


def names_of_all(
    session: Session, hub: Hub, fetch: Callable[..., Listed], *, empty: str, **filters: Any
) -> tuple[str, ...]:
    """Return the ids of everything a list has under these filters; where that is nothing, say so."""
    with hub.store.read() as conn:
        found = tuple(each["id"] for each in pages(lambda piece: fetch(conn, piece, **filters), 0))
    if not found:
        session.out.rows([], (), empty=empty)
    return found
