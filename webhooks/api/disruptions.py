"""Nodes off, capacity lost, areas shut; and the work they concern, compared and planned anew."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema
from sqlalchemy import Connection, select

from core.domain.countries import known_country
from core.domain.documents import COUNTRY, Strict, a_text, an_instant
from core.domain.ids import parse_id
from core.domain.postcodes import WHOLE, normal
from core.domain.quick import Real, Whole
from core.errors import NotFound
from core.services.affected import Scope, find_affected
from core.services.catalog import node_coded
from core.services.disruptions import add_disruption, change_node, end_disruption
from core.services.facts import read_facts
from core.services.replanning import apply_replans, compare, report
from core.store import schema as t
from core.store.read.catalog import read_node
from core.store.read.page import Json, Listed, Slice
from core.store.read.routing import list_disruptions, read_disruption
from core.store.unit import Unit
from webhooks.api.blueprint import Answer, ApiBlueprint, PageQuery, require_version
from webhooks.runtime import runtime

routes = ApiBlueprint("disruptions", "What stops nodes and carriers, and the work it concerns.")
READ, WRITE = "routing:read", "routing:write"


class DisruptionQuery(PageQuery):
    """What narrows the list of disruptions: those that are not over, or those that are."""

    active = fields.Boolean(load_default=None)


class NodePatch(Strict):
    """What changes of a node: its switch, until when it is off and why, its capacity in fulfillment orders a day."""

    active = fields.Boolean()
    off_until = an_instant()
    off_reason = a_text(200)
    capacity_per_day = Whole(allow_none=True, validate=validate.Range(0, 10**9))

    @validates_schema
    def is_off_in_one_way(self, data: Json, **_: Any) -> None:
        """Refuse a switch beside a moment: until it the node is off, and from it on it works by itself."""
        if data.get("off_until") is not None and "active" in data:
            raise ValidationError(
                "give it without `active`: until then the node is off, afterwards it works again by itself", "off_until"
            )


def is_a_prefix(value: str) -> None:
    """Refuse a beginning of a postcode that says nothing: it would shut a whole country.

    Raises:
        ValidationError: it has neither letter nor digit and is not `*`.
    """
    if value.strip() != WHOLE and not normal(value):
        raise ValidationError(f"{value!r} is no beginning of a postcode; for the whole country write {WHOLE}")


class AreaBody(Strict):
    """A circle, or beginnings of postcodes of one country (`*` for all of it)."""

    latitude = Real(validate=validate.Range(-90, 90))
    longitude = Real(validate=validate.Range(-180, 180))
    km = Real(validate=validate.Range(0, 20_000, min_inclusive=False))
    country = fields.String(validate=[COUNTRY, known_country])
    prefixes = fields.List(
        fields.String(validate=[validate.Length(max=12), is_a_prefix]), validate=validate.Length(1, 1_000)
    )

    @validates_schema
    def is_one_of_both(self, data: Json, **_: Any) -> None:
        """Refuse anything but a whole circle or a whole list."""
        if set(data) not in ({"latitude", "longitude", "km"}, {"country", "prefixes"}):
            raise ValidationError("give latitude, longitude and km, or country and prefixes")


class DisruptionBody(Strict):
    """An area where nothing leaves in a window, or nothing of one carrier leaves or arrives."""

    label = a_text(200, required=True)
    area = fields.Nested(AreaBody, required=True)
    carrier = a_text(64)
    starts_at, ends_at = an_instant(), an_instant()


class ReplanBody(Strict):
    """Whose work is planned anew: a node's, what is over its capacity, or what a disruption concerns."""

    node, disruption = a_text(64), a_text(64)
    over_capacity = fields.Boolean(load_default=False)
    reason = a_text(500)
    apply = fields.Boolean(load_default=False)

    @validates_schema
    def names_one(self, data: Json, **_: Any) -> None:
        """Refuse both at once, and neither."""
        if bool(data.get("node")) == bool(data.get("disruption")):
            raise ValidationError("give node or disruption", "node")


@routes.writes("/nodes/<node>", scope="nodes:write", shape="Node", body=NodePatch, method="PATCH")
def patch_node(unit: Unit, body: Json, node: str) -> Json:
    """Switch a node off or on, or change its capacity; released work stays until it is planned anew (`/replans`)."""
    shown = read_node(unit.conn, node, unit.tenant)
    n = t.node.c
    unit.conn.execute(
        select(n.id).where(n.tenant_id == unit.tenant, n.code == shown["code"]).with_for_update(key_share=True)
    )
    require_version(read_node(unit.conn, node, unit.tenant)["version"])
    change_node(unit, shown["code"], body)
    return read_node(unit.conn, node, unit.tenant)


@routes.lists("/disruptions", scope=READ, shape="Disruption", query=DisruptionQuery)
def list_all_disruptions(conn: Connection, piece: Slice, query: Json) -> Listed:
    """List disruptions, the newest first."""
    return list_disruptions(conn, piece, **query)


@routes.reads("/disruptions/<disruption>", scope=READ, shape="Disruption")
def get_disruption(conn: Connection, disruption: str) -> Json:
    """Return one disruption."""
    return read_disruption(conn, parse_id("disruption", disruption))


@routes.writes("/disruptions", scope=WRITE, shape="Disruption", body=DisruptionBody, status=201)
def post_disruption(unit: Unit, body: Json) -> Answer:
    """Say that an area is shut; new orders avoid it at once, released work stays until it is planned anew."""
    shown = read_disruption(unit.conn, add_disruption(unit, body), unit.tenant)
    return Answer(shown, location=f"/api/v1/disruptions/{shown['id']}")


@routes.writes("/disruptions/<disruption>/end", scope=WRITE, shape="Disruption")
def post_end(unit: Unit, disruption: str) -> Json:
    """End a disruption now."""
    found = parse_id("disruption", disruption)
    require_version(read_disruption(unit.conn, found, unit.tenant)["version"])
    end_disruption(unit, found)
    return read_disruption(unit.conn, found, unit.tenant)


@routes.writes("/replans", scope=WRITE, shape="Replan", body=ReplanBody)
def post_replan(unit: Unit, body: Json) -> Json:
    """Compare released work with what it would become elsewhere; with `apply` also stop it, so that it is sourced anew.

    Work its node was not told of moves at once, told nodes are asked, picked work stays.
    """
    facts = read_facts(unit.conn, runtime().connectors, unit.tenant)
    if body.get("node"):
        if body["node"] not in facts.codes:
            raise NotFound(f"There is no node {body['node']!r}.")
        scope = Scope(node=node_coded(unit, body["node"]), over_capacity=body["over_capacity"])
    else:
        scope = Scope(disruption=parse_id("disruption", body["disruption"]))
    affected = find_affected(unit.conn, facts, scope, unit.tenant)
    replans = compare(unit, facts, affected)
    found = report(facts, affected, replans)
    done = apply_replans(unit, facts, replans, body.get("reason") or "planned anew") if body["apply"] else None
    return {**found, "applied": done}
