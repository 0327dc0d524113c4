"""Work promised from supply that had not come: planned anew with what is there once all its units are."""

from __future__ import annotations

from sqlalchemy import text

from core.domain.states import FULFILLMENT
from core.services.allocations import hold_all_allocated
from core.services.facts import Facts
from core.services.fulfilling import set_work_state
from core.services.recalling import WORK, drop_work
from core.services.resourcing import load_sourced
from core.services.sourcing import source_batch
from core.store.locks import lock_orders
from core.store.read.supply import arrived_orders
from core.store.unit import Unit

BATCH = 100


def release_arrived(unit: Unit, facts: Facts) -> int:
    """Source orders again whose supply has come, and return how many.

    What they held is given back and taken again in this transaction, so that nobody comes between; they get the days,
    the service and the promise of now. Orders on hold wait until the hold ends.
    """
    locked = lock_orders(unit, arrived_orders(unit.conn, BATCH, unit.tenant))
    orders = {order_id: order for order_id, order in locked.items() if order.state in ("accepted", "in_progress")}
    if not orders:
        return 0
    hold_all_allocated(unit, list(orders))
    for order_id, order in orders.items():
        for work in unit.conn.execute(text(WORK), {"t": unit.tenant, "o": order_id}).all():
            if work.state == "planned" and work.release_at is None:
                set_work_state(unit, work.id, FULFILLMENT.advance(work.state, "cancel"), "its supply has come")
                drop_work(unit, work, order, {})
        unit.event("order.supplied", "order", order_id, {}, order_id=order_id)
    batch = [each for each in load_sourced(unit, list(orders)) if each.demands]
    for each in batch:
        each.in_turn = True
    source_batch(unit, facts, batch)
    return len(orders)
