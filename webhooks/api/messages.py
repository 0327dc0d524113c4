"""Messages: what came in, its raw bytes, what today's map reads in it, and reading it again."""

from __future__ import annotations

from base64 import b64decode

from flask import Response
from marshmallow import fields
from sqlalchemy import Connection

from core.domain.documents import Strict, a_text
from core.domain.ids import parse_id, public_id
from core.domain.payloads import jsonable
from core.errors import InputError
from core.services.correcting import correct_message
from core.services.normalizing import read_again
from core.services.replaying import discard_message, replay_message
from core.store.read.page import Json, Listed, Slice
from core.store.read.plumbing import list_messages, read_message, read_raw
from core.store.unit import Unit
from webhooks.api.blueprint import Answer, ApiBlueprint, PageQuery, word, words
from webhooks.bodies import media_type
from webhooks.runtime import parts, runtime

routes = ApiBlueprint("messages", "Everything received, as bytes and as read.")
READ, WRITE = "messages:read", "messages:write"
# Types a browser shows as text or not at all; everything else is given out as bytes.
PLAIN = frozenset({"application/json", "text/plain", "text/csv", "application/xml", "application/edifact"})


class MessageQuery(PageQuery):
    """What narrows the list of messages."""

    state, via = words(), words()
    connection, topic, order = word(), word(), word()
    since = fields.AwareDateTime(load_default=None, metadata={"description": "Received then or later."})


class CorrectionBody(Strict):
    """A message as it should have been, whole, and why it is corrected."""

    text, base64 = fields.String(allow_none=True), fields.String(allow_none=True)
    reason = a_text(500, required=True)


class DiscardBody(Strict):
    """Why it is given up."""

    reason = a_text(500, required=True)


@routes.lists("/messages", scope=READ, shape="Message", query=MessageQuery, keeps=True)
def list_all_messages(conn: Connection, piece: Slice, query: Json) -> Listed:
    """List messages, newest first."""
    order = query.pop("order")
    return list_messages(
        conn, piece, order_id=parse_id("order", order) if order else None, received_since=query.pop("since"), **query
    )


@routes.reads("/messages/<message>", scope=READ, shape="MessageFull")
def get_message(conn: Connection, message: str) -> Json:
    """Return one message with its headers."""
    return read_message(conn, parse_id("message", message))


@routes.reads("/messages/<message>/raw", scope=READ, shape=None)
def get_raw(conn: Connection, message: str) -> Response:
    """Return the bytes of a message exactly as they came."""
    row = read_raw(conn, parse_id("message", message))
    kind, _ = media_type(row.content_type)
    return Response(
        bytes(row.body),
        headers={"Content-Disposition": f'attachment; filename="{message}"', "Content-Security-Policy": "sandbox"},
        content_type=kind if kind in PLAIN else "application/octet-stream",
    )


@routes.reads("/messages/<message>/canonical", scope=READ, shape="Canonical")
def get_canonical(conn: Connection, message: str) -> Json:
    """Return what today's map reads in a message; nothing is changed. 422 says what the map could not read."""
    unit = Unit(conn)
    documents = read_again(unit, runtime().connectors, parts().box, parse_id("message", message))
    return {
        "id": message,
        "documents": [
            {"type": str(each.type), "body": jsonable(each.body), "holds": jsonable(list(each.holds))}
            for each in documents
        ],
    }


@routes.writes("/messages/<message>/replay", scope=WRITE, shape="MessageFull")
def replay(unit: Unit, message: str) -> Json:
    """Read a message again under today's map; its effect is there at most once."""
    message_id = parse_id("message", message)
    replay_message(unit, message_id)
    return read_message(unit.conn, message_id, unit.tenant)


@routes.writes("/messages/<message>/correct", scope=WRITE, shape="MessageFull", body=CorrectionBody, status=201)
def correct(unit: Unit, body: Json, message: str) -> Answer:
    """Have an edition of a quarantined message worked on instead of it, and return the edition's message.

    The message stays as it came, given up. The edition is given whole, as `text` (UTF-8) or, byte by byte, as `base64`.
    """
    edition = correct_message(unit, parse_id("message", message), _edition(body), body["reason"])
    return Answer(
        read_message(unit.conn, edition, unit.tenant), location=f"/api/v1/messages/{public_id('message', edition)}"
    )


def _edition(body: Json) -> bytes:
    """Return the bytes of an edition.

    Raises:
        InputError: it is given in neither form, or in both, or is not base64.
    """
    text, encoded = body.get("text"), body.get("base64")
    if encoded is None and text is not None:
        return str(text).encode()
    if encoded is None or text is not None:
        raise InputError(
            "The edition is given as `text` or as `base64`: one of them.",
            fix="Give `text` where the message is UTF-8, and `base64` where its bytes are to be kept.",
            code="MSG-EDIT-422",
        )
    try:
        return b64decode(encoded, validate=True)
    except ValueError:
        raise InputError("`base64` is not base64.", fix="Encode the whole edition.", code="MSG-EDIT-422") from None


@routes.writes("/messages/<message>/discard", scope=WRITE, shape="MessageFull", body=DiscardBody)
def discard(unit: Unit, body: Json, message: str) -> Json:
    """Give a quarantined message up; its bytes stay."""
    message_id = parse_id("message", message)
    discard_message(unit, message_id, body["reason"])
    return read_message(unit.conn, message_id, unit.tenant)
