"""Why an availability figure is what it is, or was: its parts, which sum to it exactly."""

from __future__ import annotations

from marshmallow import fields, validate
from sqlalchemy import Connection

from core.domain.documents import Strict, an_instant
from core.domain.ids import public_id
from core.domain.quick import NO_NUL
from core.store.read.explained import explain_availability
from core.store.read.page import Json
from core.store.read.plumbing import read_connection
from webhooks.api.auth import caller
from webhooks.api.blueprint import ApiBlueprint, word

routes = ApiBlueprint("explained", "Availability taken apart, now or at any past time.")


class ExplanationQuery(Strict):
    """Which figure: of an item, at one node or all, for one connection or anybody, now or at a time."""

    sku = fields.String(required=True, validate=[validate.Length(1, 128), NO_NUL])
    node, connection = word(), word()
    as_of = an_instant()


@routes.reads("/availability/explained", scope="stock:read", shape="Explanation", query=ExplanationQuery)
def get_explanation(conn: Connection, query: Json) -> Json:
    """Return why an item is available as it is, or was at `as_of`: parts that sum exactly to each figure."""
    own = caller().connection_id
    if own is not None:
        query["connection"] = read_connection(conn, public_id("connection", own))["name"]
    found = explain_availability(conn, **query)
    if own is not None:
        # Whose rules keep units from it is not the business of a key that belongs to one connection.
        for item in (found, *found["items"]):
            for figure in (*item["nodes"], item["total"]):
                for part in figure["parts"]:
                    if part["connection"] != query["connection"]:
                        part["connection"] = part["kit"] = None
    return found
