"""Connections: configured accounts, their modes and pauses."""

from __future__ import annotations

from uuid import UUID

from marshmallow import fields, validate
from sqlalchemy import Connection

from core.domain.documents import Strict, a_text, an_instant
from core.domain.ids import parse_id
from core.domain.quick import NO_NUL
from core.domain.vocabulary import Mode
from core.errors import CrossdockError, InputError, Misconfigured
from core.services import audit
from core.services import connections as service
from core.services.switching import switch
from core.store.read.page import Json, Listed, Slice
from core.store.read.plumbing import list_connections, read_connection
from core.store.unit import Unit
from webhooks.api.blueprint import Answer, ApiBlueprint, PageQuery, require_version, words
from webhooks.runtime import parts, runtime

routes = ApiBlueprint("connections", "Accounts at partners.")
READ, WRITE = "connections:read", "connections:write"
MODES = [str(mode) for mode in Mode]
WORD = [validate.Length(1, 128), NO_NUL]
SECRETS = fields.Dict(keys=fields.String(validate=WORD), values=fields.String(validate=[validate.Length(max=10_000)]))


class ConnectionQuery(PageQuery):
    """What narrows the list of connections."""

    connector, mode = words(), words()


class ConnectionBody(Strict):
    """A new account; secrets go in and never come out."""

    name = fields.String(required=True, validate=WORD)
    connector = fields.String(required=True, validate=WORD)
    label = a_text(200)
    mode = fields.String(load_default=str(Mode.LIVE), validate=validate.OneOf(MODES))
    settings = fields.Dict(keys=fields.String(validate=WORD), load_default=dict)
    secrets = SECRETS


class ModeBody(Strict):
    """How far it is switched on."""

    mode = fields.String(required=True, validate=validate.OneOf(MODES))


class PauseBody(Strict):
    """Why nothing is sent to it, and until when; until somebody resumes it without `until`."""

    reason = a_text(500, required=True)
    until = an_instant()


class SecretsBody(Strict):
    """New secrets; webhooks signed with the previous ones are accepted for a day."""

    secrets = fields.Dict(
        required=True,
        keys=fields.String(validate=WORD),
        values=fields.String(validate=[validate.Length(max=10_000)]),
        validate=validate.Length(min=1, max=50),
    )


@routes.lists("/connections", scope=READ, shape="Connection", query=ConnectionQuery, keeps=True)
def list_all_connections(conn: Connection, piece: Slice, query: Json) -> Listed:
    """List connections by name."""
    return list_connections(conn, piece, **query)


@routes.reads("/connections/<connection>", scope=READ, shape="ConnectionFull")
def get_connection(conn: Connection, connection: str) -> Json:
    """Return one connection by its name or id, with its backlog."""
    return read_connection(conn, connection)


@routes.writes("/connections", scope=WRITE, shape="ConnectionFull", body=ConnectionBody, status=201)
def post_connection(unit: Unit, body: Json) -> Answer:
    """Add a connection; its settings are checked against the connector's manifest."""
    try:
        service.add_connection(
            unit,
            runtime().connectors,
            parts().box,
            name=body["name"],
            connector=body["connector"],
            settings=body["settings"],
            secrets=body.get("secrets"),
            label=body.get("label"),
            mode=Mode(body["mode"]),
        )
    except Misconfigured as error:
        places = [each["path"] for each in error.data.get("errors") or ()]
        fix = f"Send {', '.join(f'`{place}`' for place in places)} as the connector asks." if places else error.fix
        raise InputError(error.what, why=error.why, fix=fix, code=error.error_code, **error.data) from None
    audit.record(unit, "connection.added", body["name"], {"connector": body["connector"], "mode": body["mode"]})
    shown = read_connection(unit.conn, body["name"], unit.tenant)
    return Answer(shown, location=f"/api/v1/connections/{shown['name']}")


@routes.writes("/connections/<connection>/mode", scope=WRITE, shape="ConnectionFull", body=ModeBody)
def post_mode(unit: Unit, body: Json, connection: str) -> Json:
    """Switch a connection off, or to observe, shadow or live."""
    connection_id = _found(unit, connection)
    switch(unit, runtime().connectors, parts().box, connection_id, Mode(body["mode"]))
    return _done(unit, "connection.mode_set", connection, body)


@routes.writes("/connections/<connection>/pause", scope=WRITE, shape="ConnectionFull", body=PauseBody)
def post_pause(unit: Unit, body: Json, connection: str) -> Json:
    """Send nothing to a connection for a while; everything waits in order."""
    connection_id = _found(unit, connection)
    if body.get("until") is not None and body["until"] <= unit.now:
        raise InputError("A pause ends at a time to come.", errors=[{"path": "until", "reason": "is over"}])
    service.pause(unit, connection_id, body["reason"], body.get("until"))
    return _done(unit, "connection.paused", connection, body)


@routes.writes("/connections/<connection>/resume", scope=WRITE, shape="ConnectionFull")
def post_resume(unit: Unit, connection: str) -> Json:
    """Let a paused connection go on."""
    service.resume(unit, _found(unit, connection))
    return _done(unit, "connection.resumed", connection, {})


@routes.writes("/connections/<connection>/secrets", scope=WRITE, shape="ConnectionFull", body=SecretsBody)
def post_secrets(unit: Unit, body: Json, connection: str) -> Json:
    """Replace secrets of a connection."""
    found = _found(unit, connection)
    service.rotate_secrets(unit, parts().box, found, body["secrets"])
    service.refuse_unfit_secrets(unit, runtime().connectors, parts().box, found, body["secrets"])
    return _done(unit, "connection.secrets_rotated", connection, {"names": sorted(body["secrets"])})


@routes.writes("/connections/<connection>/test", scope=WRITE, shape="Check")
def post_test(unit: Unit, connection: str) -> Json:
    """Call the partner harmlessly and say what came of it."""
    row = service.row_of(unit, _found(unit, connection))
    try:
        opened = runtime().connectors.open(service.config_of(row, parts().box, unit.now))
        try:
            return {"ok": True, "answer": opened.check(), "error": None}
        finally:
            opened.close()
    except CrossdockError as error:
        return {"ok": False, "answer": None, "error": error.as_dict()}


@routes.writes("/connections/<connection>", scope=WRITE, shape="Removed", method="DELETE")
def delete_connection(unit: Unit, connection: str) -> Json:
    """Remove a connection nothing refers to; one with a history is switched off instead."""
    connection_id = _found(unit, connection)
    service.remove(unit, connection_id)
    audit.record(unit, "connection.removed", connection)
    return {"removed": connection}


def _found(unit: Unit, connection: str) -> UUID:
    shown = read_connection(unit.conn, connection, unit.tenant)
    require_version(shown["version"])
    return parse_id("connection", shown["id"])


def _done(unit: Unit, action: str, connection: str, detail: Json) -> Json:
    audit.record(unit, action, connection, detail)
    return read_connection(unit.conn, connection, unit.tenant)
