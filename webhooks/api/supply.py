"""What moves stock besides orders: incoming supply, transfers between nodes, lots and statuses."""

from __future__ import annotations

from uuid import UUID

from marshmallow import fields, validate
from sqlalchemy import Connection

from core.domain.documents import NOT_NEGATIVE, Strict, a_quantity, a_text, an_instant
from core.domain.ids import parse_id
from core.domain.vocabulary import StockStatus
from core.services.announcing import announce_supply, announce_transfer
from core.services.statuses import change_status
from core.services.supplying import end_supply, expect_supply, receive_supply
from core.services.transfer_receipts import receive_transfer
from core.services.transfers import send_transfer
from core.store.read.page import Json, Listed, Slice
from core.store.read.serials import list_serials
from core.store.read.stock import read_position
from core.store.read.supply import list_lots, list_supplies, list_transfers, read_supply, read_transfer
from core.store.unit import Unit
from webhooks.api.answers import shown_after
from webhooks.api.blueprint import Answer, ApiBlueprint, PageQuery, word, words
from webhooks.runtime import facts

routes = ApiBlueprint("supply", "Incoming supply, transfers between nodes, lots and statuses of stock.")
READ, WRITE = "stock:read", "stock:write"
MOST_LINES = 2_000
STATUSES = validate.OneOf([str(each) for each in StockStatus])


class SupplyQuery(PageQuery):
    """What narrows the list of supplies."""

    sku, node, state = words(), words(), words()
    late = fields.Boolean(load_default=False)


class SupplyBody(Strict):
    """What is expected of an item at a node; the same reference again changes it."""

    sku = a_text(128, required=True)
    node = a_text(64, required=True)
    reference = a_text(128, required=True)
    quantity = a_quantity()
    promisable = a_quantity(NOT_NEGATIVE, required=False)
    expected_at = an_instant()


class ReceiptBody(Strict):
    """Units of a supply that came."""

    quantity = a_quantity()
    lot = a_text(64)
    expires_on = fields.Date(allow_none=True)
    last, over = fields.Boolean(load_default=False), fields.Boolean(load_default=False)


class SentLine(Strict):
    """Units of one item that are moved; of one lot where it is named."""

    sku = a_text(128, required=True)
    quantity = a_quantity()
    lot = a_text(64)


class TransferQuery(PageQuery):
    """What narrows the list of transfers."""

    state = words()
    reference = word()
    late, lost = fields.Boolean(load_default=False), fields.Boolean(load_default=False)


class TransferBody(Strict):
    """Units that leave one node for another."""

    reference = a_text(128, required=True)
    from_node, to_node = a_text(64, required=True), a_text(64, required=True)
    lines = fields.List(fields.Nested(SentLine), required=True, validate=validate.Length(1, MOST_LINES))
    expected_at = an_instant()


class TransferReceiptBody(Strict):
    """What came of a transfer; everything in transit when no lines are named."""

    lines = fields.List(fields.Nested(SentLine), validate=validate.Length(1, MOST_LINES))
    last, over = fields.Boolean(load_default=False), fields.Boolean(load_default=False)


class LotQuery(PageQuery):
    """What narrows the list of lots."""

    sku, node, status = words(), words(), words()


class SerialQuery(PageQuery):
    """What narrows the list of serial numbers."""

    sku, serial = words(), words()
    order = word()


class StatusBody(Strict):
    """Units that change their status, and why."""

    sku = a_text(128, required=True)
    node = a_text(64, required=True)
    quantity = a_quantity()
    before = fields.String(required=True, validate=STATUSES)
    after = fields.String(required=True, validate=STATUSES)
    lot = a_text(64)
    reason = a_text(500, required=True)


@routes.lists("/supplies", scope=READ, shape="Supply", query=SupplyQuery)
def list_all_supplies(conn: Connection, piece: Slice, query: Json) -> Listed:
    """List incoming supply, newest first, with what is promised of it."""
    return list_supplies(conn, piece, **query)


@routes.reads("/supplies/<supply>", scope=READ, shape="Supply")
def get_supply(conn: Connection, supply: str) -> Json:
    """Return one supply."""
    return read_supply(conn, parse_id("supply", supply))


@routes.writes("/supplies", scope=WRITE, shape="Supply", body=SupplyBody, status=201)
def post_supply(unit: Unit, body: Json) -> Answer:
    """Write what is expected of an item at a node, or change it: one supply for each reference, item and node."""
    supply_id = expect_supply(unit, **body)
    announce_supply(unit, facts(unit), supply_id)
    shown = read_supply(unit.conn, supply_id, unit.tenant)
    return Answer(shown, location=f"/api/v1/supplies/{shown['id']}")


@routes.writes("/supplies/<supply>/receive", scope=WRITE, shape="Supply", body=ReceiptBody)
@shown_after("supply", read_supply)
def post_receipt(unit: Unit, supply: UUID, body: Json) -> None:
    """Take units of a supply in; backorders that wait for them are sourced by themselves.

    More than is still expected is refused (422) unless `over` says that it is there.
    """
    receive_supply(unit, supply, **body)


@routes.writes("/supplies/<supply>/end", scope=WRITE, shape="Supply")
@shown_after("supply", read_supply)
def post_supply_end(unit: Unit, supply: UUID) -> None:
    """Say that nothing more comes of a supply; refused while units of it are promised."""
    end_supply(unit, supply)


@routes.lists("/transfers", scope=READ, shape="Transfer", query=TransferQuery)
def list_all_transfers(conn: Connection, piece: Slice, query: Json) -> Listed:
    """List transfers between nodes, newest first."""
    return list_transfers(conn, piece, **query)


@routes.reads("/transfers/<transfer>", scope=READ, shape="Transfer")
def get_transfer(conn: Connection, transfer: str) -> Json:
    """Return one transfer."""
    return read_transfer(conn, parse_id("transfer", transfer))


@routes.writes("/transfers", scope=WRITE, shape="Transfer", body=TransferBody, status=201)
def post_transfer(unit: Unit, body: Json) -> Answer:
    """Send units from one node to another: they leave now, and are expected there."""
    transfer_id = send_transfer(unit, **body)
    announce_transfer(unit, facts(unit), transfer_id)
    shown = read_transfer(unit.conn, transfer_id, unit.tenant)
    return Answer(shown, location=f"/api/v1/transfers/{shown['id']}")


@routes.writes("/transfers/<transfer>/receive", scope=WRITE, shape="Transfer", body=TransferReceiptBody)
@shown_after("transfer", read_transfer)
def post_transfer_receipt(unit: Unit, transfer: UUID, body: Json) -> None:
    """Take units of a transfer in; with `last` what is still in transit is lost.

    More than is in transit is refused (422) unless `over` says that it is there; it leaves the sender's books then.
    """
    receive_transfer(unit, transfer, body.get("lines"), last=body["last"], over=body["over"])


@routes.lists("/stock/lots", scope=READ, shape="Lot", query=LotQuery)
def list_all_lots(conn: Connection, piece: Slice, query: Json) -> Listed:
    """List units that lie in lots or in another status than sellable, by SKU and node."""
    return list_lots(conn, piece, **query)


@routes.lists("/stock/serials", scope=READ, shape="Serial", query=SerialQuery, keeps=True)
def list_all_serials(conn: Connection, piece: Slice, query: Json) -> Listed:
    """List serial numbers of units that have left, by number, with their shipment and order."""
    order = query.pop("order")
    return list_serials(conn, piece, order_id=parse_id("order", order) if order else None, **query)


@routes.writes("/stock/status", scope=WRITE, shape="Position", body=StatusBody)
def post_status(unit: Unit, body: Json) -> Json:
    """Move units from one status to another; only sellable ones are on hand."""
    change_status(unit, **{**body, "lot": body.get("lot") or ""})
    return read_position(unit.conn, body["sku"], body["node"], unit.tenant)
