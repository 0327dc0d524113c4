"""A partner's cancellation: done, answered by an order response, and refused where everybody sees it."""

from typing import Any

import pytest

from core.store.unit import Store
from tests.core.trade_world import STORE, TradeWorld, line

WHOLE = {**STORE, "external_id": "DC1", "gln": None, "name": "The buyer's own warehouse"}


@pytest.fixture
def world(store: Store) -> TradeWorld:
    return TradeWorld(store)


def cancel(world: TradeWorld, order: str = "PO1", number: str | None = "C-1", **more: Any) -> tuple[str, str | None]:
    """Have the retailer cancel, and return state and outcome of his message."""
    body = {"external_id": order, "reason": "no more", **more, **({"change": number} if number else {})}
    world.send("order_cancel", body, world.retailer)
    world.drain()
    row = world.one("SELECT state, outcome FROM message WHERE topic = 'order_cancel' ORDER BY id DESC LIMIT 1")
    return row.state, row.outcome


def responses(world: TradeWorld) -> list[dict[str, Any]]:
    """What was answered, without what all answers say."""
    world.settle()
    names = ("answers", "change", "refused", "canceled", "status")
    return [{name: each.body[name] for name in names if name in each.body} for each in world.papers("order_response")]


def books(world: TradeWorld) -> tuple[Any, ...]:
    return (
        world.one("SELECT count(*) AS n FROM change_set").n, world.one("SELECT count(*) AS n FROM paper").n,
        world.one("SELECT sum(version) AS n FROM orders").n,
    )  # fmt: skip


ORDERED = {"answers": "order", "status": "accepted"}


def test_an_order_is_canceled_and_the_same_again_changes_nothing(world: TradeWorld) -> None:
    world.buy(line("A", 5), line("B", 2))
    assert responses(world) == [ORDERED]
    assert cancel(world) == ("applied", None)
    assert world.one("SELECT state FROM orders").state == "canceled"
    done = {"answers": "change", "change": "C-1", "canceled": True, "status": "rejected"}
    assert responses(world) == [ORDERED, done]
    lines = world.papers("order_response")[-1].body["lines"]
    assert [(each["quantity"], each["rejected"], each["reason"]) for each in lines] == [
        ("0", "5", "canceled"), ("0", "2", "canceled"),
    ]  # fmt: skip
    before = books(world)
    assert cancel(world)[0] == "duplicate"
    assert cancel(world, reason="another word")[0] == "duplicate"
    assert responses(world) == [ORDERED, done]
    assert books(world) == before
    assert world.all("SELECT code FROM exception_case") == []


def test_a_cancellation_without_a_number_is_done_once(world: TradeWorld) -> None:
    world.buy(line("A", 5))
    assert cancel(world, number=None) == ("applied", None)
    assert cancel(world, number=None)[0] == "duplicate"
    assert [each.get("canceled") for each in responses(world)] == [True, True]


def test_one_that_comes_before_the_first_answer_is_answered_beside_it(world: TradeWorld) -> None:
    world.buy(line("A", 5))
    cancel(world)
    assert responses(world) == [
        {"answers": "order", "canceled": True, "status": "rejected"},
        {"answers": "change", "change": "C-1", "canceled": True, "status": "rejected"},
    ]


def test_what_has_left_is_not_canceled_and_everybody_sees_it(world: TradeWorld) -> None:
    world.ship(world.buy(line("A", 5)))
    responses(world)
    why = "5 units of A have been shipped, and nothing is open."
    assert cancel(world) == ("applied", f"refused: {why}")
    assert world.one("SELECT state FROM orders").state == "completed"
    assert responses(world)[-1] == {"answers": "change", "change": "C-1", "refused": why, "status": "changed"}
    [said] = world.papers("order_response")[-1].body["lines"]
    assert (said["quantity"], said["reason"]) == ("5", f"cancellation C-1 was refused: {why}")
    case = world.one("SELECT code, title, sentence FROM exception_case")
    assert (case.code, case.title) == ("ORDER-CHANGE-409", "A cancellation of PO1 by retailer was not done")
    assert "retailer asked to cancel PO1, and nothing of it was done: 5 units of A have been shipped" in case.sentence
    events = world.all("SELECT type FROM event WHERE type = 'order.change_refused'")
    before = books(world)
    assert (cancel(world)[0], books(world), len(events)) == ("duplicate", before, 1)


def test_of_an_order_that_left_in_part_the_rest_is_canceled(world: TradeWorld) -> None:
    order = world.buy(line("A", 5), line("B", 2))
    world.deliver()
    rows = {row.sku: row for row in world.all("SELECT * FROM order_line")}
    packed = [{"line": f"lin_{rows['A'].id.hex}", "quantity": "5"}]
    world.ship(order, lines=packed)
    responses(world)
    assert cancel(world)[0] == "applied"
    for each in world.all("SELECT * FROM fulfillment_order WHERE state = 'canceling'"):
        world.send("fulfillment_update", {"fulfillment": f"ful_{each.id.hex}", "status": "canceled"}, world.wms)
    world.drain()
    last = responses(world)[-1]
    assert last == {"answers": "change", "change": "C-1", "canceled": True, "status": "changed"}
    lines = world.papers("order_response")[-1].body["lines"]
    assert [(each["status"], each["quantity"], each["rejected"]) for each in lines] == [
        ("accepted", "5", "0"), ("rejected", "0", "2"),
    ]  # fmt: skip


@pytest.mark.parametrize("said", ["canceled", "cancel_declined", "shipped"])
def test_the_answer_waits_for_what_the_warehouse_says(world: TradeWorld, said: str) -> None:
    order = world.buy(line("A", 5))
    world.deliver()
    assert responses(world) == [ORDERED]
    assert cancel(world) == ("applied", None)
    assert world.one("SELECT state FROM orders").state == "canceling"
    # The same one is no other, one without its number is, and the warehouse is asked once.
    assert (cancel(world)[0], cancel(world, number=None)[0]) == ("duplicate", "applied")
    with world.store.begin() as unit:
        unit.conn.exec_driver_sql("UPDATE trade_due SET look_at = clock_timestamp(), due_at = clock_timestamp()")
    assert responses(world) == [ORDERED]
    [work] = world.work()
    if said == "shipped":
        world.ship(order)
    else:
        world.send("fulfillment_update", {"fulfillment": f"ful_{work.id.hex}", "status": said}, world.wms)
        world.drain()
    with world.store.begin() as unit:
        unit.conn.exec_driver_sql("UPDATE trade_due SET look_at = clock_timestamp()")
    found = responses(world)
    if said == "canceled":
        assert found[1:] == [
            {"answers": "change", "change": "C-1", "canceled": True, "status": "rejected"},
            {"answers": "change", "canceled": True, "status": "rejected"},
        ]
        assert world.all("SELECT code FROM exception_case") == []
        return
    why = "The warehouse had gone on with it."
    assert found[1] == {"answers": "change", "change": "C-1", "refused": why, "status": "changed"}
    assert world.one("SELECT quantity - canceled AS n FROM order_line").n == 5
    [case] = world.all("SELECT title FROM exception_case")
    assert case.title == "A cancellation of PO1 by retailer was not done"


def split(world: TradeWorld) -> None:
    """An order for two stores."""
    stores = [{**STORE, "external_id": name, "gln": None, "name": f"Store {name}"} for name in ("1", "2")]
    world.buy(
        line("A", 5, destinations=[{"store": "1", "quantity": "2"}, {"store": "2", "quantity": "3"}]),
        external_id="PO-7", number=None, ship_to=WHOLE, stores=stores,
    )  # fmt: skip


def states(world: TradeWorld) -> dict[str, str]:
    return {row.external_id: row.state for row in world.all("SELECT external_id, state FROM orders")}


def test_a_part_by_store_is_canceled_by_its_number_and_then_the_whole(world: TradeWorld) -> None:
    split(world)
    world.settle()
    assert cancel(world, "PO-7/1")[0] == "applied"
    assert states(world)["PO-7/1"] == "canceled"
    assert states(world)["PO-7/2"] != "canceled"
    assert cancel(world, "PO-7", "C-2")[0] == "applied"
    assert set(states(world).values()) == {"canceled"}
    # Both parts answer the cancellation of the whole, also that which was canceled before.
    world.settle()
    told = [(each.body["change"], each.body["canceled"]) for each in world.papers("order_response")
            if each.body["answers"] == "change"]  # fmt: skip
    assert sorted(told) == [("C-1", True), ("C-2", True), ("C-2", True)]
    assert cancel(world, "PO-7", "C-2")[0] == "duplicate"


def test_of_a_split_order_the_parts_that_have_left_say_so(world: TradeWorld) -> None:
    split(world)
    world.settle()
    world.ship(world.one("SELECT * FROM orders WHERE external_id = 'PO-7/2'"))
    state, outcome = cancel(world, "PO-7")
    assert (state, outcome) == ("applied", "refused: 3 units of A have been shipped, and nothing is open.")
    assert states(world) == {"PO-7/1": "canceled", "PO-7/2": "completed"}
    world.settle()
    told = {each.body["ship_to"]["external_id"]: ("refused" in each.body, each.body.get("canceled"))
            for each in world.papers("order_response") if each.body["answers"] == "change"}  # fmt: skip
    assert told == {"1": (False, True), "2": (True, None)}
    [case] = world.all("SELECT title FROM exception_case")
    assert case.title == "A cancellation of PO-7/2 by retailer was not done"


def test_more_of_a_line_than_is_open_is_refused_with_the_reason(world: TradeWorld) -> None:
    world.buy(line("A", 5))
    world.settle()
    state, outcome = cancel(world, lines=[{"external_id": "A1", "quantity": "6"}])
    assert (state, str(outcome)[:9]) == ("applied", "refused: ")
    assert world.one("SELECT canceled FROM order_line").canceled == 0
    assert responses(world)[-1]["refused"] in str(outcome)


def test_of_an_order_nobody_knows_it_waits_and_then_a_person_is_told(world: TradeWorld) -> None:
    assert cancel(world, "PO-404")[0] == "normalized"
    for _ in range(world.hub.pace.unknown_tries):
        with world.store.begin() as unit:
            unit.conn.exec_driver_sql("UPDATE message SET run_at = clock_timestamp() WHERE run_at IS NOT NULL")
        world.drain()
    assert world.one("SELECT state FROM message WHERE topic = 'order_cancel'").state == "quarantined"
    case = world.one("SELECT code, title FROM exception_case")
    assert tuple(case) == ("ORDER-UNKNOWN-404", "retailer speaks of an order nobody knows (order_cancel)")
    assert world.one("SELECT count(*) AS n FROM change_set").n == 0
