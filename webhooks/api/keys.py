"""API keys: made, listed and revoked by keys that may administer."""

from __future__ import annotations

from marshmallow import fields, validate
from sqlalchemy import Connection

from core.domain.documents import Strict, a_text, an_instant
from core.domain.ids import parse_id
from core.domain.quick import NO_NUL
from core.services.access import ADMIN, create_key, revoke_key
from core.services.catalog import connection_named
from core.store.read.keys import list_keys, read_key
from core.store.read.page import Json, Listed, Slice
from core.store.unit import Unit
from webhooks.api.blueprint import Answer, ApiBlueprint
from webhooks.runtime import runtime

routes = ApiBlueprint("keys", "Who may call this API.")


class KeyBody(Strict):
    """A new key; one with a connection reaches what belongs to that connection, and reads items, nodes and stock."""

    name = a_text(120, required=True)
    scopes = fields.List(
        fields.String(validate=[validate.Length(max=60), NO_NUL]), required=True, validate=validate.Length(1, 50)
    )
    connection = a_text(128)
    expires_at = an_instant()


@routes.lists("/keys", scope=ADMIN, shape="Key")
def list_all_keys(conn: Connection, piece: Slice, query: Json) -> Listed:  # noqa: ARG001
    """List API keys, newest first."""
    return list_keys(conn, piece)


@routes.reads("/keys/<key>", scope=ADMIN, shape="Key")
def get_key(conn: Connection, key: str) -> Json:
    """Return one API key; never the key itself."""
    return read_key(conn, parse_id("key", key))


@routes.writes("/keys", scope=ADMIN, shape="KeyMade", body=KeyBody, status=201)
def post_key(unit: Unit, body: Json) -> Answer:
    """Make an API key; the answer shows it this once."""
    connection = body.get("connection")
    key_id, token = create_key(
        unit,
        runtime().secret_key,
        body["name"],
        body["scopes"],
        connection_id=connection_named(unit, connection).id if connection else None,
        expires_at=body.get("expires_at"),
    )
    shown = read_key(unit.conn, key_id, unit.tenant)
    return Answer({**shown, "key": token}, location=f"/api/v1/keys/{shown['id']}", shown_once=("key",))


@routes.writes("/keys/<key>/revoke", scope=ADMIN, shape="Key")
def post_revoke(unit: Unit, key: str) -> Json:
    """Make a key useless from now on."""
    key_id = parse_id("key", key)
    revoke_key(unit, key_id)
    return read_key(unit.conn, key_id, unit.tenant)
