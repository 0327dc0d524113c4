"""Decisions: why the hub did what it did."""

from __future__ import annotations

from marshmallow import fields
from sqlalchemy import Connection

from core.domain.ids import parse_id
from core.services.counterfactuals import would_change
from core.store.read.decisions import list_decisions, read_decision
from core.store.read.page import Json, Listed, Slice
from webhooks.api.blueprint import ApiBlueprint, PageQuery, word, words

routes = ApiBlueprint("decisions", "How decisions were made.")
READ = "decisions:read"


class DecisionQuery(PageQuery):
    """What narrows the list of decisions."""

    kind = words()
    order, policy = word(), word()
    since = fields.AwareDateTime(load_default=None, metadata={"description": "Made then or later."})


@routes.lists("/decisions", scope=READ, shape="Decision", query=DecisionQuery, keeps=True)
def list_all_decisions(conn: Connection, piece: Slice, query: Json) -> Listed:
    """List decisions without their inputs, newest first."""
    order = query.pop("order")
    return list_decisions(
        conn, piece, order_id=parse_id("order", order) if order else None, at_since=query.pop("since"), **query
    )


@routes.reads("/decisions/<decision>", scope=READ, shape="DecisionFull")
def get_decision(conn: Connection, decision: str) -> Json:
    """Return one decision with everything it was made from."""
    return read_decision(conn, parse_id("decision", decision))


@routes.reads("/decisions/<decision>/counterfactuals", scope=READ, shape="Counterfactuals")
def get_counterfactuals(conn: Connection, decision: str) -> Json:
    """Return what would have changed a decision, one input at a time and the smallest move first.

    The decision is made again for each answer: with the input at `after` the choice is another, at `still` the same.
    """
    return would_change(conn, parse_id("decision", decision))
