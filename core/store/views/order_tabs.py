"""The tabs of the orders list, and what puts an order under one."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import ColumnElement, and_, exists, or_

from core.domain.cases import BACKORDER_CODES
from core.domain.states import LIVE_CASE, OrderState
from core.store import schema as t

GONE = (OrderState.CANCELED,)
# The tabs: name, title, phases; canceled orders are under their own tab only, and a partly shipped order whose other
# units wait for stock is under two.
TABS: Mapping[str, tuple[str, tuple[str, ...] | None]] = {
    "all": ("All", None),
    "held": ("Held", ("held",)),
    "backordered": ("Backordered", ("backordered",)),
    "ready": ("In progress", ("ready", "releasing")),
    "partly_shipped": ("Partly shipped", ("partly_shipped",)),
    "shipped": ("Shipped", ("shipped",)),
    "delivered": ("Delivered", ("delivered", "partly_returned", "returned")),
    "canceled": ("Canceled", None),
}


def backordered(tenant: int) -> ColumnElement[bool]:
    """Return the condition that units of an order wait for stock, whether or not others of it have left."""
    o, m, e = t.orders.c, t.case_member.c, t.exception_case.c
    short = exists().where(
        m.tenant_id == tenant, m.order_id == o.id, m.resolved_at.is_(None), e.tenant_id == tenant, e.id == m.case_id,
        e.code.in_(BACKORDER_CODES), e.state.in_(LIVE_CASE),
    )  # fmt: skip
    return or_(o.phase == "backordered", and_(o.phase == "partly_shipped", short))


def tab_condition(tenant: int, name: str) -> ColumnElement[bool]:
    """Return what an order must meet to be under a tab."""
    if name == "canceled":
        return t.orders.c.state.in_(GONE)
    chosen = backordered(tenant) if name == "backordered" else t.orders.c.phase.in_(TABS[name][1] or ())
    return and_(chosen, t.orders.c.state.not_in(GONE))
