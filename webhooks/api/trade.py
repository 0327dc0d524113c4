"""B2B trade: terms, agreed prices and packs, papers, packages with their labels, and what partners kept back."""

from __future__ import annotations

from base64 import b64encode
from uuid import UUID

from marshmallow import fields, validate
from sqlalchemy import Connection

from core.domain.documents import CURRENCY, NOT_NEGATIVE, Strict, a_quantity, a_text
from core.domain.ids import parse_id
from core.domain.payloads import jsonable
from core.domain.trade_terms import TradeTermsSchema
from core.errors import NotFound
from core.services import audit
from core.services.advising import labels_of
from core.services.agreed_papers import send_agreed
from core.services.agreements import set_pack, set_price, set_terms, terms_of
from core.services.chargebacks import STATES, set_state
from core.store.read.page import Json, Listed, Slice
from core.store.read.plumbing import read_connection
from core.store.read.trade import list_chargebacks, list_papers, read_chargeback, read_packages, read_paper
from core.store.unit import Unit
from webhooks.api.blueprint import ApiBlueprint, PageQuery, word, words
from webhooks.runtime import facts, parts, runtime

routes = ApiBlueprint("trade", "B2B: terms of trade, papers, packages and labels, chargebacks.")
READ, WRITE = "trade:read", "trade:write"


class PaperQuery(PageQuery):
    """What narrows the list of papers."""

    order, connection, number = word(), word(), word()
    kind, state = words(), words()


class ChargebackQuery(PageQuery):
    """What narrows the list of deductions."""

    order, connection, invoice = word(), word(), word()
    state = words()


class LabelBody(Strict):
    """How labels are printed."""

    format = fields.String(load_default="pdf", validate=validate.OneOf(["pdf", "zpl"]))


class StateBody(Strict):
    """What becomes of a deduction, and why."""

    state = fields.String(required=True, validate=validate.OneOf(STATES))
    note = a_text()


class PriceSchema(Strict):
    """The price of one unit of an item, from a quantity and a day on."""

    sku = a_text(128, required=True)
    price = a_quantity(NOT_NEGATIVE)
    currency = fields.String(required=True, validate=CURRENCY)
    from_quantity = a_quantity(NOT_NEGATIVE, required=False)
    valid_from = fields.Date(required=True)
    valid_to = fields.Date(allow_none=True)


class PricesBody(Strict):
    """Prices agreed with a partner."""

    prices = fields.List(fields.Nested(PriceSchema), required=True, validate=validate.Length(1, 1_000))


class PackSchema(Strict):
    """How many units of an item one pack of it holds."""

    sku = a_text(128, required=True)
    unit = a_text(3, required=True)
    units = a_quantity()


class PacksBody(Strict):
    """Packs of items."""

    packs = fields.List(fields.Nested(PackSchema), required=True, validate=validate.Length(1, 1_000))


@routes.reads("/connections/<connection>/terms", scope=READ, shape="TradeTerms")
def get_terms(conn: Connection, connection: str) -> Json:
    """Return the terms of trade with a partner."""
    found = terms_of(conn, _connection(conn, connection))
    if found is None:
        raise NotFound(f"No terms of trade were agreed with {connection}.", fix="PUT them here.")
    return {"terms": jsonable(found)}


@routes.writes("/connections/<connection>/terms", scope=WRITE, shape="TradeTerms", body=TradeTermsSchema, method="PUT")
def put_terms(unit: Unit, body: Json, connection: str) -> Json:
    """Set the terms of trade with a partner; they hold for papers made from now on."""
    found = set_terms(unit, _connection(unit.conn, connection), jsonable(body))
    audit.record(unit, "terms.set", connection)
    return {"terms": found}


@routes.writes("/connections/<connection>/prices", scope=WRITE, shape="Counted", body=PricesBody)
def post_prices(unit: Unit, body: Json, connection: str) -> Json:
    """Agree prices with a partner; the same item, currency, quantity and day again replaces the price."""
    connection_id = _connection(unit.conn, connection)
    for each in body["prices"]:
        set_price(
            unit, connection_id, each["sku"], each["price"], each["currency"], since=each["valid_from"],
            until=each.get("valid_to"), **({"from_quantity": each["from_quantity"]} if "from_quantity" in each else {}),
        )  # fmt: skip
    audit.record(unit, "prices.set", connection, {"prices": len(body["prices"])})
    return {"written": len(body["prices"])}


@routes.writes("/packs", scope=WRITE, shape="Counted", body=PacksBody)
def post_packs(unit: Unit, body: Json) -> Json:
    """Say how many units packs of items hold."""
    for each in body["packs"]:
        set_pack(unit, each["sku"], each["unit"], each["units"])
    audit.record(unit, "packs.set", "packs", {"packs": len(body["packs"])})
    return {"written": len(body["packs"])}


@routes.lists("/papers", scope=READ, shape="Paper", query=PaperQuery)
def list_all_papers(conn: Connection, piece: Slice, query: Json) -> Listed:
    """List papers, newest first: order responses, despatch advices, invoices, credit notes."""
    order = query.pop("order")
    return list_papers(conn, piece, order_id=parse_id("order", order) if order else None, **query)


@routes.reads("/papers/<paper>", scope=READ, shape="Paper")
def get_paper(conn: Connection, paper: str) -> Json:
    """Return one paper as it left, with what the partner's rules say of it."""
    return read_paper(conn, parse_id("paper", paper))


@routes.writes("/papers/<paper>/send", scope=WRITE, shape="Paper")
def post_sending(unit: Unit, paper: str) -> Json:
    """Send a paper that was kept back as it is, or one whose delivery failed again."""
    paper_id = parse_id("paper", paper)
    send_agreed(unit, facts(unit), runtime().connectors, paper_id)
    audit.record(unit, "paper.sent", paper)
    return read_paper(unit.conn, paper_id, unit.tenant)


@routes.reads("/shipments/<shipment>/packages", scope=READ, shape="Packages")
def get_packages(conn: Connection, shipment: str) -> Json:
    """Return the pack record of a shipment."""
    return read_packages(conn, parse_id("shipment", shipment))


@routes.writes("/shipments/<shipment>/labels", scope=WRITE, shape="Labels", body=LabelBody)
def post_labels(unit: Unit, body: Json, shipment: str) -> Json:
    """Return the labels of a shipment's packages; each must say what the despatch advice says."""
    from mappings.labels.pdf import to_pdf
    from mappings.labels.zpl import to_zpl

    labels = labels_of(unit, parts().numbers, parse_id("shipment", shipment))
    if body["format"] == "zpl":
        content, media, encoding = to_zpl(labels), "text/plain", "utf-8"
    else:
        content, media, encoding = b64encode(to_pdf(labels)).decode(), "application/pdf", "base64"
    ssccs = [label.sscc for label in labels]
    return {"format": body["format"], "media_type": media, "encoding": encoding, "content": content, "ssccs": ssccs}


@routes.lists("/chargebacks", scope=READ, shape="Chargeback", query=ChargebackQuery)
def list_all_chargebacks(conn: Connection, piece: Slice, query: Json) -> Listed:
    """List what partners kept back, newest first."""
    order = query.pop("order")
    return list_chargebacks(conn, piece, order_id=parse_id("order", order) if order else None, **query)


@routes.reads("/chargebacks/<chargeback>", scope=READ, shape="Chargeback")
def get_chargeback(conn: Connection, chargeback: str) -> Json:
    """Return one deduction with the papers it is traced to."""
    return read_chargeback(conn, parse_id("chargeback", chargeback))


@routes.writes("/chargebacks/<chargeback>/state", scope=WRITE, shape="Chargeback", body=StateBody)
def post_state(unit: Unit, body: Json, chargeback: str) -> Json:
    """Dispute a deduction, accept it, or note that it was recovered."""
    chargeback_id = parse_id("chargeback", chargeback)
    set_state(unit, chargeback_id, body["state"], body.get("note"))
    audit.record(unit, f"chargeback.{body['state']}", chargeback, body)
    return read_chargeback(unit.conn, chargeback_id, unit.tenant)


def _connection(conn: Connection, name: str) -> UUID:
    return parse_id("connection", read_connection(conn, name)["id"])
