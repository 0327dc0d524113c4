"""The company in the database: whole, consistent, and never written over a hub in earnest."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from connectors.sdk.registry import Registry
from console.demo import seeding
from console.demo.company import make_company
from console.demo.history import play
from console.demo.partners import FAST, make_accounts
from core.errors import Refused
from core.services.phase import derive_phases
from core.services.secretbox import SecretBox
from core.store.views.shell import demo_badge

END = datetime(2026, 11, 20, 12, tzinfo=UTC)
LEDGER = """
SELECT count(*) FROM stock_position p
FULL JOIN (SELECT item_id, node_id, sum(on_hand) AS on_hand, sum(reserved) AS reserved, sum(allocated) AS allocated
           FROM stock_movement GROUP BY 1, 2) m USING (item_id, node_id)
WHERE (p.on_hand, p.reserved, p.allocated) IS DISTINCT FROM (m.on_hand, m.reserved, m.allocated)
"""
LINES = """
SELECT count(*) FROM order_line l LEFT JOIN (
    SELECT s.line_id, sum(s.quantity) AS shipped,
           sum(s.quantity) FILTER (WHERE p.state = 'delivered') AS delivered
    FROM shipment_line s JOIN shipment p ON p.id = s.shipment_id GROUP BY 1) s ON s.line_id = l.id
WHERE l.shipped <> coalesce(s.shipped, 0) OR l.delivered <> coalesce(s.delivered, 0)
"""


def small(company):
    """A company with the sixty best sellers only, so that writing it is quick."""
    items = company.items[:60]
    kept = {item.sku for item in items}
    targets = {place: units for place, units in company.targets.items() if place[0] in kept}
    return replace(company, items=items, targets=targets)


def write(store, *, daily=6.0, whole=False):
    company = make_company(7) if whole else small(make_company(7))
    history = play(company, END, daily=daily)
    accounts = make_accounts(company, {}, history.stock, FAST)
    return (
        company,
        history,
        seeding.seed(store, Registry(), SecretBox("k" * 32), "k" * 32, company, accounts, history, history.stock),
    )


def scalar(store, sql):
    with store.read() as conn:
        return conn.execute(text(sql)).scalar_one()


def test_history_is_consistent(store):
    _, history, seeded = write(store)
    assert seeded.orders == len(history.orders) == scalar(store, "SELECT count(*) FROM orders") > 300
    assert scalar(store, LEDGER) == 0
    assert scalar(store, LINES) == 0
    assert scalar(store, "SELECT count(*) FROM stock_position WHERE on_hand < 0 OR allocated <> 0") == 0
    assert scalar(store, "SELECT count(*) FROM orders WHERE NOT (body::jsonb -> 'tags') ? 'demo'") == 0
    assert scalar(store, "SELECT count(*) FROM orders WHERE state NOT IN ('completed', 'canceled')") == 0
    assert scalar(store, "SELECT count(*) FROM reservation WHERE state NOT IN ('consumed', 'released')") == 0
    total = scalar(store, "SELECT sum(total) FROM orders")
    assert total == sum(order.goods + order.shipping for order in history.orders)
    with store.begin() as unit:
        stored = {row.id: row.phase for row in unit.conn.execute(text("SELECT id, phase FROM orders"))}
        assert derive_phases(unit, list(stored)) == stored
    assert {"delivered", "shipped", "canceled"} <= set(stored.values())


def test_history_repeats(store):
    company = make_company(7)
    one, other = play(company, END, daily=3.0), play(company, END, daily=3.0)
    assert one == other


def test_everything_needed_is_there(store):
    _, _, seeded = write(store, daily=1.0, whole=True)
    assert scalar(store, "SELECT count(*) FROM item") == 1204
    assert scalar(store, "SELECT count(*) FROM node WHERE connection_id IS NOT NULL") == 5
    assert scalar(store, "SELECT count(*) FROM connection") == 8
    assert scalar(store, "SELECT count(*) FROM carrier_service") == 2 * 4
    # Five ways out (Nordpost fetches in two countries), two services, ten countries and the rest, four steps.
    assert scalar(store, "SELECT count(*) FROM rate") == 5 * 2 * 11 * 4
    assert scalar(store, "SELECT count(*) FROM listing WHERE dirty_at IS NOT NULL") == 2 * 1204
    assert scalar(store, "SELECT count(*) FROM cursor WHERE next_at <= clock_timestamp()") == 0
    assert scalar(store, "SELECT email FROM user_account") == seeding.EMAIL
    assert seeded.key.startswith("cd_live_")
    with store.read() as conn:
        assert demo_badge(conn, 1) == "DEMO"


def test_an_earlier_demo_makes_room_and_a_hub_in_earnest_does_not(store):
    assert seeding.make_room(store.engine) is False
    write(store, daily=1.0)
    assert seeding.make_room(store.engine) is True
    assert scalar(store, "SELECT count(*) FROM orders") == 0
    write(store, daily=1.0)
    with store.begin() as unit:
        unit.conn.execute(text("DELETE FROM setting"))
    before = scalar(store, "SELECT count(*) FROM orders")
    with pytest.raises(Refused) as refused:
        seeding.make_room(store.engine)
    assert refused.value.error_code == "DEMO-DATA-403"
    assert scalar(store, "SELECT count(*) FROM orders") == before > 0
