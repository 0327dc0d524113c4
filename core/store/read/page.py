"""Lists in pages: a page starts after the key of the last row before it, so rows that come and go do no harm."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, Select, Table, and_, exists, select, tuple_

from core.domain.ids import public_id
from core.errors import InputError, NotFound
from core.store import schema as t
from core.store.read.owned import owned
from core.store.unit import DEFAULT_TENANT

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Listed:
    """One page, and the key the next one starts after; None when this is the last."""

    data: list[Json]
    after: list[str] | None = None


@dataclass(frozen=True, slots=True)
class Slice:
    """Which page is wanted.

    Attributes:
        limit: rows of a page.
        after: key of the last row already seen; None for the first page.
        own: the connection whose rows alone are shown; None for everybody's.
    """

    limit: int = 50
    after: Sequence[str] | None = None
    own: UUID | None = None

    def narrowed(self, query: Select[Any], key: ColumnElement[Any]) -> Select[Any]:
        """Return the query kept to the rows the caller may see, of the table that has this key."""
        return query if self.own is None else query.where(owned(key.table, self.own))


def rows_by_id(
    conn: Connection, query: Select[Any], key: ColumnElement[Any], piece: Slice
) -> tuple[list[Row[Any]], list[str] | None]:
    """Return the rows of a page, newest first, by a UUIDv7 or a number; and the key of the next page."""
    query = piece.narrowed(query, key)
    if piece.after is not None:
        query = query.where(key < (UUID(piece.after[0]) if len(piece.after[0]) > 20 else int(piece.after[0])))
    rows = list(conn.execute(query.order_by(key.desc()).limit(piece.limit + 1)))
    if len(rows) <= piece.limit:
        return rows, None
    rows = rows[: piece.limit]
    return rows, [str(rows[-1]._mapping[key.key or "id"])]


def rows_by_text(
    conn: Connection, query: Select[Any], keys: Sequence[ColumnElement[Any]], piece: Slice
) -> tuple[list[Row[Any]], list[str] | None]:
    """Return the rows of a page in the order of text columns; and the key of the next page."""
    query = piece.narrowed(query, keys[0])
    if piece.after is not None:
        query = query.where(tuple_(*keys) > tuple(piece.after))
    rows = list(conn.execute(query.order_by(*keys).limit(piece.limit + 1)))
    if len(rows) <= piece.limit:
        return rows, None
    rows = rows[: piece.limit]
    return rows, [str(rows[-1]._mapping[key.key or ""]) for key in keys]


def only(
    query: Select[Any],
    tenant_of: Table,
    tenant: int = DEFAULT_TENANT,
    **equal: tuple[ColumnElement[Any], Any] | tuple[ColumnElement[Any], Sequence[str], Iterable[str]],
) -> Select[Any]:
    """Return the query for one tenant with the filters that are set.

    Args:
        query: the rows.
        tenant_of: the table whose tenant counts.
        tenant: the tenant.
        equal: by the name people know the filter by: (column, value or values), and the words there are where those
            are closed.

    Raises:
        InputError: a word of a closed list is none of it; an empty answer would look like "nothing is wrong".
    """
    query = query.where(tenant_of.c.tenant_id == tenant)
    for name, (column, wanted, *closed) in equal.items():
        for allowed in closed:
            _require_words(name, wanted, allowed)
        if isinstance(wanted, list | tuple):
            if wanted:
                query = query.where(column.in_(wanted))
        elif wanted is not None:
            query = query.where(column == wanted)
    return query


def _require_words(name: str, words: Sequence[str], allowed: Iterable[str]) -> None:
    known = sorted(str(each) for each in allowed)
    for word in words:
        if word not in known:
            raise InputError(
                f"There is no {name} {word[:60]!r}.",
                fix=f"Known are: {', '.join(known)}.",
                errors=[{"path": name, "reason": f"must be one of: {', '.join(known)}"}],
            )


def row_of(
    conn: Connection,
    query: Select[Any],
    key: ColumnElement[UUID],
    value: UUID,
    kind: str,
    tenant: int,
    *,
    called: str | None = None,
) -> Row[Any]:
    """Return the one row of a query that has this identifier.

    Args:
        conn: a session.
        query: the rows.
        key: the column of the identifier, in the table whose tenant counts.
        value: the identifier.
        kind: of what it names (`core.domain.ids.PREFIXES`).
        tenant: the tenant.
        called: what people call such a thing, where that is another word than the kind.

    Raises:
        NotFound: nothing has it.
    """
    row = conn.execute(query.where(key.table.c.tenant_id == tenant, key == value)).one_or_none()
    if row is None:
        raise NotFound(f"There is no {called or kind} {public_id(kind, value)}.")
    return row


def require_named(
    conn: Connection, table: Table, column: ColumnElement[str], names: str | Sequence[str] | None, tenant: int
) -> None:
    """Refuse a filter by the name of something that does not exist, such as a connection or a node.

    Raises:
        NotFound: nothing in the table has the name.
    """
    wanted = [names] if isinstance(names, str) else list(names or ())
    if not wanted:
        return
    known = set(conn.execute(select(column).where(table.c.tenant_id == tenant, column.in_(wanted))).scalars())
    for name in wanted:
        if name not in known:
            raise NotFound(f"There is no {table.name} {name[:130]!r}.")


def since(query: Select[Any], column: ColumnElement[Any], at: datetime | None) -> Select[Any]:
    """Return the query for rows of that time or later."""
    return query if at is None else query.where(column >= at)


def joined(tenant_of: Table, other: Table, key: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition that joins another table by its id within the tenant."""
    return and_(other.c.tenant_id == tenant_of.c.tenant_id, other.c.id == key)


def sold_as(order_id: ColumnElement[Any], sku: str, tenant: int) -> ColumnElement[bool]:
    """Return the condition that an order has a line with this SKU, as the item or as the partner's word."""
    line = t.order_line.c
    item = select(t.item.c.id).where(t.item.c.tenant_id == tenant, t.item.c.sku == sku).scalar_subquery()
    return exists().where(
        line.tenant_id == tenant, line.order_id == order_id, (line.item_id == item) | (line.sku == sku)
    )
