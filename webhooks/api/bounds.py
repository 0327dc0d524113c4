"""Keys that belong to one connection: what they may reach, decided in one place for every route.

Such a key reads and changes what is its connection's, and reads master data (items, nodes, stock), which nobody owns.
Whatever else there is, it may not: a route nobody thought of is closed to it.
"""

from __future__ import annotations

from uuid import UUID

from flask import request
from sqlalchemy import ColumnElement, Connection

from core.domain.ids import parse_id
from core.errors import Refused
from core.services.access import ADMIN
from core.store import schema as t
from core.store.read.owned import is_foreign
from core.store.read.plumbing import read_connection
from webhooks.api.transactions import reading

# What a part of a path names: the kind of its public id, and the column it stands for.
PARTS: dict[str, tuple[str, ColumnElement[UUID]]] = {
    "order": ("order", t.orders.c.id),
    "message": ("message", t.message.c.id),
    "delivery": ("delivery", t.delivery.c.id),
    "fulfillment": ("fulfillment", t.fulfillment_order.c.id),
    "shipment": ("shipment", t.shipment.c.id),
    "refund": ("refund", t.refund.c.id),
    "case": ("case", t.exception_case.c.id),
    "promise": ("promise", t.promise.c.id),
    "decision": ("decision", t.decision.c.id),
    "reservation": ("reservation", t.reservation.c.group_id),
    "rule": ("protection", t.protection_rule.c.id),
    "connection": ("connection", t.connection.c.id),
    "interchange": ("interchange", t.interchange.c.id),
    "edi_document": ("edi_document", t.edi_document.c.id),
}
MASTER_DATA = frozenset({"items:read", "nodes:read", "stock:read"})


class Forbidden(Refused):
    """The key is valid and may not do this."""

    code = "API-SCOPE-403"


def keep_to_own(name: str, own: UUID, scope: str, *, kept: bool) -> None:
    """Refuse a request whose path or `connection` filter is about what another connection has.

    Args:
        name: of the key, for the message.
        own: the connection it belongs to.
        scope: what the route asks for.
        kept: whether the route keeps such a key to its own by itself, as lists do.

    Raises:
        Forbidden: it is another connection's, or nobody's and not to be reached by such a key.
        NotFound: a part of the path names nothing.
    """
    named = {part: text for part, text in (request.view_args or {}).items() if part in PARTS}
    master = scope in MASTER_DATA and request.method in ("GET", "HEAD")
    if scope == ADMIN or not (named or kept or master):
        raise Forbidden(
            f"The key {name!r} belongs to one connection; this is everybody's.", fix="Use a key without a connection."
        )
    asked = [word for text in request.args.getlist("connection") for word in text.split(",")]
    reading(lambda conn: _check(conn, name, own, named, asked))


def _check(conn: Connection, name: str, own: UUID, named: dict[str, str], asked: list[str]) -> None:
    for part, text in named.items():
        kind, key = PARTS[part]
        if part == "connection":
            require_own_connection(conn, name, own, text)
        elif is_foreign(conn, key, parse_id(kind, text), own):
            raise _foreign(name, text)
    for each in asked:
        require_own_connection(conn, name, own, each)


def require_own_connection(conn: Connection, name: str, own: UUID, connection: str) -> None:
    """Refuse another connection than the key's own, by its name or id.

    Raises:
        Forbidden: it is not the key's own.
        NotFound: there is no such connection.
    """
    if parse_id("connection", read_connection(conn, connection)["id"]) != own:
        raise _foreign(name, connection)


def require_own(conn: Connection, name: str, own: UUID | None, part: str, public: str) -> None:
    """Refuse what a body named when the key belongs to a connection and this does not belong to it.

    Raises:
        Forbidden: it is another connection's.
    """
    kind, key = PARTS[part]
    if own is not None and is_foreign(conn, key, parse_id(kind, public), own):
        raise _foreign(name, public)


def _foreign(name: str, what: str) -> Forbidden:
    return Forbidden(
        f"The key {name!r} belongs to another connection than {what[:60]!r}.",
        fix="Use a key of that connection, or one without a connection.",
    )
