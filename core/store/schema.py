"""Every table under one name, so that queries read `t.orders`, and metadata is complete when this is imported."""

from __future__ import annotations

from core.store.tables.base import metadata
from core.store.tables.intake import connection, cursor, message, seat
from core.store.tables.inventory import item, item_reference, node, reservation, stock_movement, stock_position
from core.store.tables.orders import (
    change_set,
    fulfillment_line,
    fulfillment_order,
    hold,
    order_line,
    orders,
    shipment,
    shipment_line,
    tracking_event,
)
from core.store.tables.outbox import attempt, delivery, listing
from core.store.tables.oversight import (
    api_key,
    audit_entry,
    case_member,
    data_request,
    decision,
    event,
    exception_case,
    idempotency,
    login_session,
    setting,
    user_account,
)
from core.store.tables.promises import (
    model_version,
    node_calendar,
    node_closure,
    outcome,
    promise,
    promise_part,
    score,
)
from core.store.tables.refunds import refund, refund_line
from core.store.tables.stock import (
    kit_component,
    protection_rule,
    shipment_serial,
    stock_lot,
    supply,
    transfer,
    transfer_line,
)

__all__ = [
    "api_key",
    "attempt",
    "audit_entry",
    "case_member",
    "change_set",
    "connection",
    "cursor",
    "data_request",
    "decision",
    "delivery",
    "event",
    "exception_case",
    "fulfillment_line",
    "fulfillment_order",
    "hold",
    "idempotency",
    "item",
    "item_reference",
    "kit_component",
    "listing",
    "login_session",
    "message",
    "metadata",
    "model_version",
    "node",
    "node_calendar",
    "node_closure",
    "order_line",
    "orders",
    "outcome",
    "promise",
    "promise_part",
    "protection_rule",
    "refund",
    "refund_line",
    "reservation",
    "score",
    "seat",
    "setting",
    "shipment",
    "shipment_line",
    "shipment_serial",
    "stock_lot",
    "stock_movement",
    "stock_position",
    "supply",
    "tracking_event",
    "transfer",
    "transfer_line",
    "user_account",
]
