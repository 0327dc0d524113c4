"""Protection rules: what of the stock is kept from a channel, or for it."""

from __future__ import annotations

from uuid import UUID

from marshmallow import fields, validate
from sqlalchemy import Connection

from core.domain.documents import NOT_NEGATIVE, Strict, a_quantity, a_text, an_instant
from core.domain.ids import parse_id, public_id
from core.domain.vocabulary import Protection
from core.services import audit
from core.services.protecting import end_rule, set_rule
from core.store.read.page import Json, Listed, Slice
from core.store.read.protection import list_rules, read_rule
from core.store.unit import Unit
from webhooks.api.answers import shown_after
from webhooks.api.blueprint import Answer, ApiBlueprint, PageQuery, words

routes = ApiBlueprint("protection", "Protection rules: buffer, cap, floor and remaining life by connection.")


class RuleQuery(PageQuery):
    """What narrows the list of rules."""

    connection, sku, kind, state = words(), words(), words(), words()
    ended = fields.Boolean(load_default=False)


class RuleBody(Strict):
    """A rule; without `sku` it is for each item, without `node` for all nodes together."""

    connection = a_text(128, required=True)
    kind = fields.String(required=True, validate=validate.OneOf([str(each) for each in Protection]))
    quantity = a_quantity(NOT_NEGATIVE)
    sku, node = a_text(128), a_text(64)
    valid_from, valid_to = an_instant(), an_instant()


@routes.lists("/protection-rules", scope="stock:read", shape="ProtectionRule", query=RuleQuery, keeps=True)
def list_protection_rules(conn: Connection, piece: Slice, query: Json) -> Listed:
    """List protection rules that hold or will, newest first; with `ended` also those of the past."""
    return list_rules(conn, piece, **query)


@routes.reads("/protection-rules/<rule>", scope="stock:read", shape="ProtectionRule")
def get_protection_rule(conn: Connection, rule: str) -> Json:
    """Return one protection rule."""
    return read_rule(conn, parse_id("protection", rule))


@routes.writes("/protection-rules", scope="stock:write", shape="ProtectionRule", body=RuleBody, status=201)
def post_protection_rule(unit: Unit, body: Json) -> Answer:
    """Set a rule; one without an end replaces the one of the same connection, item, node and kind."""
    shown = read_rule(unit.conn, set_rule(unit, **body), unit.tenant)
    audit.record(unit, "protection.set", shown["id"], body)
    return Answer(shown, location=f"/api/v1/protection-rules/{shown['id']}")


@routes.writes("/protection-rules/<rule>/end", scope="stock:write", shape="ProtectionRule")
@shown_after("protection", read_rule, part="rule")
def post_protection_end(unit: Unit, rule: UUID) -> None:
    """End a rule now."""
    end_rule(unit, rule)
    audit.record(unit, "protection.ended", public_id("protection", rule))
