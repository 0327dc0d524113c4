"""Trading partners: who they are, their interchanges and documents, and sending anew."""

from __future__ import annotations

from flask import Response
from marshmallow import fields, validate
from sqlalchemy import Connection

from core.domain.documents import Strict, a_text
from core.domain.ids import parse_id, public_id
from core.domain.trade_terms import TradeTermsSchema
from core.domain.vocabulary import Mode
from core.errors import InputError, Misconfigured
from core.services import audit
from core.services.edi_deciding import refuse_for_good, take_anyway
from core.services.edi_partners import set_up
from core.services.edi_resending import LONGEST_EDIT, WAYS, send_anew
from core.store.read.page import Json, Listed, Slice
from core.store.read.partner_list import list_partners, read_partner
from core.store.read.partners import (
    list_documents,
    list_interchanges,
    raw_document,
    raw_interchange,
    read_document,
    read_interchange,
)
from core.store.unit import Unit
from webhooks.api.blueprint import Answer, ApiBlueprint, PageQuery, word, words
from webhooks.runtime import facts, parts, runtime

routes = ApiBlueprint("partners", "Trading partners: profiles, interchanges, documents.")
READ, WRITE = "trade:read", "trade:write"


class InterchangeQuery(PageQuery):
    """What narrows the list of interchanges."""

    partner, direction, reference = word(), word(), word()
    state = words()


class EdiDocumentQuery(PageQuery):
    """What narrows the list of documents; `find` is an order number, SSCC, GLN or control reference."""

    partner, direction, find = word(), word(), word()
    kind, state = words(), words()


class PartnerBody(Strict):
    """A partner as his file has him."""

    name = a_text(63, required=True)
    label = a_text(128)
    mode = fields.String(load_default="live", validate=validate.OneOf([str(each) for each in Mode]))
    profile = fields.Dict(keys=fields.String(), required=True)
    terms = fields.Nested(TradeTermsSchema, allow_none=True)
    secrets = fields.Dict(keys=fields.String(), values=fields.String(), load_default=dict)
    replace = fields.Boolean(load_default=False)


class SendBody(Strict):
    """How it is sent anew."""

    way = fields.String(load_default="resend", validate=validate.OneOf(WAYS))
    text = fields.String(allow_none=True, validate=validate.Length(1, LONGEST_EDIT))


class RefusalBody(Strict):
    """Why it is refused, for the audit log."""

    note = a_text()


@routes.lists("/partners", scope=READ, shape="Partner", query=PageQuery)
def list_all_partners(conn: Connection, piece: Slice, query: Json) -> Listed:
    """List trading partners by name, with what went on in the last seven days."""
    del query
    return list_partners(conn, piece)


@routes.reads("/partners/<partner>", scope=READ, shape="PartnerFull")
def get_partner(conn: Connection, partner: str) -> Json:
    """Return one partner with his profile, without secrets."""
    return read_partner(conn, partner)


@routes.writes("/partners", scope="connections:write", shape="PartnerSet", body=PartnerBody, status=201)
def post_partner(unit: Unit, body: Json) -> Answer:
    """Set up a partner, or change the one of that name with `replace`."""
    from core.domain.payloads import jsonable

    terms = body.get("terms")
    try:
        shown = set_up(
            unit, runtime().connectors, parts().box, name=body["name"], label=body.get("label"),
            settings=body["profile"], terms=None if terms is None else jsonable(terms), secrets=body["secrets"],
            mode=Mode(body["mode"]), replace=body["replace"],
        )  # fmt: skip
    except Misconfigured as error:
        raise InputError(error.what, why=error.why, fix=error.fix, code=error.error_code, **error.data) from None
    audit.record(unit, "partner.changed" if body["replace"] else "partner.added", body["name"])
    return Answer(shown, location=f"/api/v1/partners/{body['name']}")


@routes.lists("/interchanges", scope=READ, shape="Interchange", query=InterchangeQuery, keeps=True)
def list_all_interchanges(conn: Connection, piece: Slice, query: Json) -> Listed:
    """List interchanges, newest first."""
    return list_interchanges(conn, piece, **query)


@routes.reads("/interchanges/<interchange>", scope=READ, shape="InterchangeFull")
def get_interchange(conn: Connection, interchange: str) -> Json:
    """Return one interchange with its documents."""
    return read_interchange(conn, parse_id("interchange", interchange))


@routes.writes("/interchanges/<interchange>/raw", scope=READ, shape=None)
def post_raw(unit: Unit, interchange: str) -> Response:
    """Return the bytes of an interchange as it left, or of the file it came in; who read them is audited."""
    body = raw_interchange(unit.conn, parse_id("interchange", interchange), unit.tenant)
    audit.record(unit, "interchange.read", interchange)
    return _bytes(body, interchange)


@routes.writes("/interchanges/<interchange>/send", scope=WRITE, shape="SentAnew", body=SendBody)
def post_send(unit: Unit, body: Json, interchange: str) -> Json:
    """Send an interchange of ours anew, under a new number: as it was, mapped again, or with another text."""
    delivery = send_anew(
        unit, runtime().connectors, parts().box, parse_id("interchange", interchange), body["way"], body.get("text")
    )
    found = public_id("delivery", delivery)
    audit.record(unit, f"interchange.{body['way']}", interchange, {"delivery": found})
    return {"interchange": interchange, "way": body["way"], "delivery": found}


@routes.writes("/interchanges/<interchange>/take", scope=WRITE, shape="InterchangeFull")
def post_take(unit: Unit, interchange: str) -> Json:
    """Take an interchange that was set aside, because its number came before, as if it were new."""
    interchange_id = parse_id("interchange", interchange)
    taken = take_anyway(unit, facts(unit), runtime().connectors, parts().box, interchange_id)
    audit.record(unit, "interchange.taken", interchange, {"messages": taken})
    return read_interchange(unit.conn, interchange_id, unit.tenant)


@routes.writes("/interchanges/<interchange>/refuse", scope=WRITE, shape="InterchangeFull", body=RefusalBody)
def post_refusal(unit: Unit, body: Json, interchange: str) -> Json:
    """Refuse an interchange that was set aside for good."""
    interchange_id = parse_id("interchange", interchange)
    refuse_for_good(unit, interchange_id)
    audit.record(unit, "interchange.refused", interchange, body)
    return read_interchange(unit.conn, interchange_id, unit.tenant)


@routes.lists("/edi-documents", scope=READ, shape="EdiDocument", query=EdiDocumentQuery, keeps=True)
def list_all_documents(conn: Connection, piece: Slice, query: Json) -> Listed:
    """List documents of interchanges, newest first; `find` looks one up by a number."""
    return list_documents(conn, piece, **query)


@routes.reads("/edi-documents/<edi_document>", scope=READ, shape="EdiDocumentFull")
def get_document(conn: Connection, edi_document: str) -> Json:
    """Return one document with its states, what is wrong with it, and what it can be found by."""
    return read_document(conn, parse_id("edi_document", edi_document))


@routes.writes("/edi-documents/<edi_document>/raw", scope=READ, shape=None)
def post_document_raw(unit: Unit, edi_document: str) -> Response:
    """Return the bytes of a document in its envelope; who read them is audited."""
    body = raw_document(unit.conn, parse_id("edi_document", edi_document), unit.tenant)
    audit.record(unit, "edi_document.read", edi_document)
    return _bytes(body, edi_document)


def _bytes(body: bytes, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Content-Security-Policy": "sandbox"}
    return Response(body, headers=headers, content_type="application/octet-stream")
