"""Holds that cannot be released as they are: a partner's negative price, and a unit that is not the item's."""

from decimal import Decimal
from typing import Any

import pytest

from core.errors import Conflict, Refused
from core.services.actions import apply_case
from core.services.canceling import cancel_order
from core.services.holds import end_holds, release_hold
from core.store.unit import Store
from tests.core.trade_world import TradeWorld, line


@pytest.fixture
def world(store: Store) -> TradeWorld:
    return TradeWorld(store)


def held(world: TradeWorld, **more: Any) -> Any:
    order = world.buy(line("B", 1, **more))
    assert order.state == "held"
    return order


def refuses(world: TradeWorld, order: Any, code: str, *said: str) -> None:
    """Assert that neither the hold nor its exception can be released, and that nothing changed."""
    hold = world.one("SELECT id FROM hold WHERE state = 'active'")
    case = world.one("SELECT * FROM exception_case WHERE state = 'open'")
    assert case.recommended["action"] is None
    with pytest.raises(Conflict) as caught, world.store.begin() as unit:
        release_hold(unit, order.id, hold.id)
    assert caught.value.error_code == code
    for words in said:
        assert words in caught.value.fix
    with pytest.raises(Refused), world.store.begin() as unit:
        apply_case(unit, world.facts, case.id)
    assert world.one("SELECT state FROM orders").state == "held"


def again(world: TradeWorld, order: Any, **more: Any) -> None:
    body = {name: order.body[name] for name in ("ship_to", "references") if order.body.get(name)}
    body |= {"external_id": order.external_id, "number": order.number, "type": "b2b", "currency": "EUR"}
    changed = {**body, "placed_at": order.placed_at.isoformat(), "lines": [line("B", **more)]}
    world.send("order", changed, world.retailer)
    world.drain()


def test_a_negative_price_of_a_partner_needs_a_price_first(world: TradeWorld) -> None:
    order = held(world, price="-19.90")
    refuses(world, order, "HOLD-PRICE-409", f"crossdock orders change {order.number} --set lines.0.unit_price=PRICE")
    again(world, order, quantity=1, price="19.90")
    world.settle()
    world.ship(order)
    world.settle()
    [bill] = world.papers("invoice")
    assert (bill.state, bill.body["totals"]["lines"]) == ("sent", "19.90")


def test_a_case_from_before_releases_no_negative_price(world: TradeWorld) -> None:
    held(world, price="-19.90")
    case = world.one("SELECT id FROM exception_case")
    with world.store.begin() as unit:
        unit.conn.exec_driver_sql(
            'UPDATE exception_case SET recommended = (recommended::jsonb || \'{"action": "release_holds"}\')::json'
        )
    with pytest.raises(Conflict, match="still costs -"), world.store.begin() as unit:
        apply_case(unit, world.facts, case.id)


def test_a_negative_invoice_does_not_leave(world: TradeWorld) -> None:
    order = held(world, price="-19.90")
    with world.store.begin() as unit:
        end_holds(unit, order.id, [world.one("SELECT id FROM hold").id])
    world.drain()
    world.ship(order)
    world.settle()
    [bill] = world.papers("invoice")
    assert bill.state == "kept_back"
    assert bill.answer["kept_back"] == ["it comes to -23.68 EUR, and money is given back by a refund"]


def test_another_unit_is_said_in_the_items_own_and_the_papers_say_so(world: TradeWorld) -> None:
    order = held(world, price="24.00", unit="BX")
    refuses(world, order, "HOLD-UNIT-409", "--set lines.0.unit=C62", "lines.0.quantity=UNITS")
    again(world, order, quantity=6, price="4.00", unit="C62")
    world.settle()
    world.ship(order)
    world.settle()
    assert [tuple(row) for row in world.all("SELECT unit, quantity, shipped FROM order_line")] == [("C62", 6, 6)]
    for kind in ("despatch_advice", "invoice"):
        [paper] = world.papers(kind)
        lines = paper.body.get("lines") or []
        assert [(Decimal(each["quantity"]), each["unit"]) for each in lines] in ([(6, "C62")], [])
    assert world.papers("invoice")[0].state == "sent"


def test_what_was_canceled_may_be_released(world: TradeWorld) -> None:
    order = world.buy(line("B", 1, "24.00", unit="BX"), line("A", 1))
    with world.store.begin() as unit:
        row = world.one("SELECT id FROM order_line WHERE sku = 'B'")
        cancel_order(unit, world.facts, order.id, {row.id: Decimal(1)}, "a mistake")
    for hold in world.all("SELECT id FROM hold WHERE state = 'active'"):
        with world.store.begin() as unit:
            release_hold(unit, order.id, hold.id)
    world.drain()
    assert world.one("SELECT state FROM orders").state == "in_progress"
