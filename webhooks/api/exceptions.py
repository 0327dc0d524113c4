"""Exceptions: what waits for somebody."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from marshmallow import fields, validate
from sqlalchemy import Connection

from core.domain.documents import Strict, a_text, an_instant
from core.domain.ids import parse_id, public_id
from core.domain.quick import NO_NUL
from core.services.actions import apply_case
from core.services.cases import move_case
from core.services.elsewhere import short_orders
from core.store.read.cases import list_cases, read_case
from core.store.read.orders import read_orders
from core.store.read.page import Json, Listed, Slice
from core.store.unit import Unit
from webhooks.api.blueprint import ApiBlueprint, PageQuery, require_version, word, words
from webhooks.api.transactions import previewed
from webhooks.runtime import facts, runtime

routes = ApiBlueprint("exceptions", "What must be settled.")
READ, WRITE = "exceptions:read", "exceptions:write"


class CaseQuery(PageQuery):
    """What narrows the list of exceptions; `live` are those not settled yet."""

    state, code, severity = words(), words(), words()
    kind = words()
    owner, connection, order = word(), word(), word()
    live = fields.Boolean(load_default=None)


class AssignBody(Strict):
    """Who sees to it; nobody any more without `owner`."""

    owner = a_text(254)


class SnoozeBody(Strict):
    """Until when it is out of sight."""

    until = an_instant(required=True)


class ResolveBody(Strict):
    """How it was settled."""

    resolution = a_text(500)


class ApplyBody(Strict):
    """What a person adds to the arguments, such as the SKU an unknown code means, and which way out he chose.

    `action` is one of the exception's `alternatives`; without it the recommended one is carried out.
    """

    action = a_text(60)
    args = fields.Dict(keys=fields.String(validate=[validate.Length(1, 60), NO_NUL]), allow_none=True)


@routes.lists("/exceptions", scope=READ, shape="Exception", query=CaseQuery, keeps=True)
def list_all_cases(conn: Connection, piece: Slice, query: Json) -> Listed:
    """List exceptions, newest first."""
    order = query.pop("order")
    return list_cases(conn, piece, order_id=parse_id("order", order) if order else None, **query)


@routes.reads("/exceptions/<case>", scope=READ, shape="ExceptionFull")
def get_case(conn: Connection, case: str) -> Json:
    """Return one exception with what it stops."""
    return read_case(conn, parse_id("case", case))


@routes.writes("/exceptions/<case>/assign", scope=WRITE, shape="ExceptionFull", body=AssignBody)
def assign(unit: Unit, body: Json, case: str) -> Json:
    """Give an exception to somebody, or back to everybody."""
    owner = body.get("owner")
    return _move(unit, case, "assign" if owner else "unassign", owner=owner or "")


@routes.writes("/exceptions/<case>/snooze", scope=WRITE, shape="ExceptionFull", body=SnoozeBody)
def snooze(unit: Unit, body: Json, case: str) -> Json:
    """Put an exception out of sight until a time."""
    return _move(unit, case, "snooze", until=body["until"])


@routes.writes("/exceptions/<case>/resolve", scope=WRITE, shape="ExceptionFull", body=ResolveBody)
def resolve(unit: Unit, body: Json, case: str) -> Json:
    """Say that an exception is settled; the same cause again opens it again."""
    return _move(unit, case, "resolve", resolution=body.get("resolution"))


@routes.writes("/exceptions/<case>/dismiss", scope=WRITE, shape="ExceptionFull", body=ResolveBody)
def dismiss(unit: Unit, body: Json, case: str) -> Json:
    """Say that an exception needs nothing; the same cause again opens it again."""
    return _move(unit, case, "dismiss", resolution=body.get("resolution"))


@routes.writes("/exceptions/<case>/apply", scope=WRITE, shape="Applied", body=ApplyBody)
def apply(unit: Unit, body: Json, case: str) -> Json:
    """Carry out the recommended action, or another way out that is named."""
    case_id = parse_id("case", case)
    require_version(read_case(unit.conn, case_id, unit.tenant)["version"])
    return _applied(unit, case_id, body)


@routes.writes("/exceptions/<case>/preview", scope=WRITE, shape="Applied", body=ApplyBody)
def preview(unit: Unit, body: Json, case: str) -> Json:
    """Show what `apply` would do: it is done and taken back in one transaction, so nothing changes."""
    case_id = parse_id("case", case)
    return previewed(unit, lambda: _applied(unit, case_id, body))


def _applied(unit: Unit, case_id: UUID, body: Json) -> Json:
    before = read_case(unit.conn, case_id, unit.tenant)
    short = {public_id("order", each) for each in short_orders(unit, case_id)}
    orders = sorted({member["order"] for member in before["members"] if member["order"]} | short)
    phases = {order["id"]: order["phase"] for order in _orders(unit, orders)}
    done = apply_case(unit, facts(unit), runtime().connectors, case_id, body.get("args"), body.get("action"))
    return {
        "action": done["action"],
        "done": done["done"],
        "note": done.get("note"),
        "orders": [
            {"id": order["id"], "before": phases[order["id"]], "after": order["phase"]}
            for order in _orders(unit, orders)
        ],
        "exception": read_case(unit.conn, case_id, unit.tenant),
    }


def _orders(unit: Unit, ids: list[str]) -> list[Json]:
    return read_orders(unit.conn, [parse_id("order", order) for order in ids], unit.tenant)


def _move(unit: Unit, case: str, trigger: str, **more: Any) -> Json:
    case_id = parse_id("case", case)
    require_version(read_case(unit.conn, case_id, unit.tenant)["version"])
    move_case(unit, case_id, trigger, **more)
    return read_case(unit.conn, case_id, unit.tenant)
