"""Node calendars: when a node works, how long it needs, and the days that differ."""

from __future__ import annotations

from datetime import date
from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema
from sqlalchemy import Connection

from core.domain.documents import Strict, a_text
from core.domain.ids import parse_id
from core.domain.quick import Whole
from core.services.nodehours import set_calendar
from core.store.read.calendars import read_calendar
from core.store.read.catalog import read_node
from core.store.read.page import Json
from core.store.unit import Unit
from webhooks.api.blueprint import ApiBlueprint

routes = ApiBlueprint("calendars", "When nodes work.")
CLOCK = validate.Regexp(r"\A([01][0-9]|2[0-3]):[0-5][0-9]\Z", error="must be a time such as 08:00")
YEARS = (date(2000, 1, 1), date(2200, 1, 1))


class HoursSchema(Strict):
    """Working hours by the node's own clock."""

    opens = fields.String(required=True, validate=CLOCK)
    closes = fields.String(required=True, validate=CLOCK)


class ClosureSchema(Strict):
    """A day that differs; without hours the node is closed."""

    day = fields.Date(required=True, validate=validate.Range(*YEARS))
    opens = fields.String(allow_none=True, validate=CLOCK)
    closes = fields.String(allow_none=True, validate=CLOCK)
    label = a_text(200)

    @validates_schema
    def both_or_none(self, data: Json, **_: Any) -> None:
        """Refuse half of the hours."""
        if bool(data.get("opens")) != bool(data.get("closes")):
            raise ValidationError("give both opens and closes, or neither", "opens")


class CalendarBody(Strict):
    """A whole calendar: what is not named is gone."""

    week = fields.List(fields.Nested(HoursSchema, allow_none=True), required=True, validate=validate.Length(equal=7))
    handling_minutes = Whole(load_default=0, validate=validate.Range(0, 60 * 24 * 30))
    closures = fields.List(fields.Nested(ClosureSchema), load_default=list, validate=validate.Length(max=1_000))

    @validates_schema
    def each_day_once(self, data: Json, **_: Any) -> None:
        """Refuse a day that differs in two ways."""
        days = [each["day"] for each in data.get("closures", [])]
        if len(set(days)) < len(days):
            raise ValidationError("a day is named twice", "closures")


@routes.reads("/nodes/<node>/calendar", scope="nodes:read", shape="Calendar")
def get_calendar(conn: Connection, node: str) -> Json:
    """Return when a node works, with its closures from today on."""
    return read_calendar(conn, node)


@routes.writes("/nodes/<node>/calendar", scope="nodes:write", shape="Calendar", body=CalendarBody, method="PUT")
def put_calendar(unit: Unit, body: Json, node: str) -> Json:
    """Write a node's calendar in place of the one it has."""
    node_id = parse_id("node", read_node(unit.conn, node, unit.tenant)["id"])
    set_calendar(unit, node_id, **body)
    return read_calendar(unit.conn, node, unit.tenant)
