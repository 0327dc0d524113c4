"""Every table under one name, so that queries read `t.orders`, and metadata is complete when this is imported."""

from __future__ import annotations

from core.store.tables.base import metadata
from core.store.tables.decisions import decision, decision_basis, policy
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
    event,
    exception_case,
    idempotency,
    login_session,
    setting,
    user_account,
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
    "decision_basis",
    "delivery",
    "event",
    "exception_case",
    "fulfillment_line",
    "fulfillment_order",
    "hold",
    "idempotency",
    "item",
    "item_reference",
    "listing",
    "login_session",
    "message",
    "metadata",
    "node",
    "order_line",
    "orders",
    "policy",
    "reservation",
    "seat",
    "setting",
    "shipment",
    "shipment_line",
    "stock_movement",
    "stock_position",
    "tracking_event",
    "user_account",
]
