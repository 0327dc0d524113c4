"""Changes by hand over the API: order lines, address, and a node's work before it is picked."""

from typing import Any

import pytest

from tests.core.world import World
from tests.webhooks.conftest import Client, code_of
from webhooks.runtime import EXTENSION


@pytest.fixture
def order(api: Client, world: World) -> dict[str, Any]:
    body = {**world.order({"A": 4, "B": 1}), "connection": "shop"}
    found: dict[str, Any] = api.post("/orders", body).get_json()
    return found


def change(api: Client, order: dict[str, Any], *changes: dict[str, Any], **more: Any) -> Any:
    return api.post(f"/orders/{order['id']}/changes", {"changes": list(changes), **more})


def units(order: dict[str, Any]) -> dict[str, tuple[str, str, str]]:
    return {line["sku"]: (line["quantity"], line["canceled"], line["open"]) for line in order["lines"]}


def test_lines_are_changed_added_and_removed(api: Client, world: World, order: dict[str, Any]) -> None:
    answer = change(
        api, order,
        {"op": "quantity", "line": "A", "quantity": "3"},
        {"op": "remove", "line": order["lines"][1]["id"]},
        {"op": "add", "sku": "C", "quantity": "2", "unit_price": "5.00", "title": "Item C"},
        {"op": "price", "line": "A", "unit_price": "9.50"},
        {"op": "note", "note": "Ring twice"},
        reason="Ada called",
    )  # fmt: skip
    assert answer.status_code == 200
    after = answer.get_json()
    assert after["change"]["state"] == "confirmed"
    assert units(after) == {"A": ("4", "1", "3"), "B": ("1", "1", "0"), "C": ("2", "0", "2")}
    assert (after["lines"][0]["unit_price"], after["note"], after["totals"]) == ("9.50", "Ring twice", None)
    assert (after["holds"], after["version"] > order["version"]) == ([], True)
    world.drain()
    assert api.get(f"/orders/{order['id']}").get_json()["phase"] == "releasing"
    told = [each for each in api.get(f"/orders/{order['id']}/timeline").get_json()["data"] if each["kind"] == "change"]
    edit = next(each for each in told if each["id"] == after["change"]["id"])
    assert (edit["cause"], edit["actor"], edit["state"]) == ("Ada called", "key:test", "confirmed")
    assert [each["op"] for each in edit["data"]["changes"]["asked"]] == ["quantity", "remove", "add", "price", "note"]
    world.check_books()


def test_a_raised_quantity_is_sourced(api: Client, world: World, order: dict[str, Any]) -> None:
    assert units(change(api, order, {"op": "quantity", "line": "L1", "quantity": "9"}).get_json())["A"][0] == "9"
    world.drain()
    after = api.get(f"/orders/{order['id']}").get_json()
    assert [line["allocated"] for line in after["lines"]] == ["9", "1"]
    world.check_books()


def test_what_the_source_sent_before_does_not_undo_it(api: Client, world: World) -> None:
    body = {**world.order({"A": 4}), "connection": "shop"}
    order = api.post("/orders", body).get_json()
    change(api, order, {"op": "quantity", "line": "A", "quantity": "2"})
    again = api.post("/orders", body).get_json()
    assert units(again) == {"A": ("4", "2", "2")}
    newer = api.post("/orders", {**body, "note": "New picture", "source_version": 7}).get_json()
    assert newer["note"] == "New picture"


def test_a_new_address_recalls_the_work(api: Client, world: World, order: dict[str, Any]) -> None:
    address = {"name": "Ada", "line1": "Rue 1", "city": "Lyon", "postal_code": "69001", "country": "FR"}
    after = change(api, order, {"op": "address", "ship_to": address}).get_json()
    assert (after["ship_to"]["city"], after["ship_to"]["phone"]) == ("Lyon", None)
    world.drain()
    states = [work["state"] for work in api.get(f"/fulfillment-orders?order={order['id']}").get_json()["data"]]
    assert sorted(states) == ["canceled", "released"]
    world.check_books()


def test_a_preview_changes_nothing(api: Client, world: World, order: dict[str, Any]) -> None:
    before = (api.get(f"/orders/{order['id']}").get_json(), world.one("SELECT count(*) AS n FROM event").n)
    shown = change(api, order, {"op": "quantity", "line": "A", "quantity": "1"}, preview=True).get_json()
    assert units(shown)["A"] == ("4", "3", "1")
    assert (api.get(f"/orders/{order['id']}").get_json(), world.one("SELECT count(*) AS n FROM event").n) == before
    assert world.all("SELECT 1 FROM change_set") == []


NO_SENSE: list[tuple[dict[str, Any], str]] = [
    ({"op": "explode"}, "changes.0.op"),
    ({"op": "quantity", "line": "A"}, "changes.0.quantity"),
    ({"op": "quantity", "line": "A", "quantity": "-1"}, "changes.0.quantity"),
    ({"op": "remove", "line": "A", "quantity": "1"}, "changes.0.quantity"),
    ({"op": "remove", "line": "Z"}, "changes.0.line"),
    ({"op": "add", "sku": "C"}, "changes.0.quantity"),
    ({"op": "address", "ship_to": {"country": "Germany"}}, "changes.0.ship_to.country"),
]


def test_changes_that_make_no_sense(api: Client, world: World, order: dict[str, Any]) -> None:
    for wrong, path in NO_SENSE:
        answer = change(api, order, wrong)
        assert answer.status_code == 422, wrong
        assert path in [error["path"] for error in answer.get_json()["errors"]]
    assert api.get(f"/orders/{order['id']}").get_json() == order


def test_too_late_is_a_normal_outcome(api: Client, world: World, order: dict[str, Any]) -> None:
    [work] = order["fulfillment_orders"]
    part = {"external_id": "S1", "lines": [{"sku": "A", "quantity": "2"}]}
    assert api.post(f"/fulfillment-orders/{work}/ship", part).status_code == 201
    shipped = change(api, order, {"op": "quantity", "line": "A", "quantity": "1"})
    assert code_of(shipped) == (422, "CHANGE-SHIPPED-422")
    assert code_of(change(api, order, {"op": "remove", "line": "A"})) == (422, "CHANGE-SHIPPED-422")
    assert code_of(change(api, order, {"op": "remove", "line": "B"}, {"op": "remove", "line": "A"}))[0] == 422
    api.post(f"/fulfillment-orders/{work}/ship", {"external_id": "S2"})
    late = change(api, order, {"op": "note", "note": "x"})
    assert (late.status_code, late.get_json()["change"]["state"], late.get_json()["note"]) == (200, "declined", None)
    stale = api.post(f"/orders/{order['id']}/changes", {"changes": [{"op": "note"}]}, headers={"If-Match": '"v1"'})
    assert code_of(stale) == (412, "HUB-VERSION-412")


def test_work_moves_to_another_node_before_it_is_sent(api: Client, world: World) -> None:
    order = api.post("/orders", {**world.order({"A": 2}), "connection": "shop"}).get_json()
    [work] = order["fulfillment_orders"]
    path = f"/fulfillment-orders/{work}"
    assert code_of(api.post(f"{path}/move", {"node": "HAM"})) == (422, "MOVE-NODE-422")
    assert code_of(api.post(f"{path}/move", {"node": "NOWHERE"}))[0] == 404
    moved = api.post(f"{path}/move", {"node": "LYS", "reason": "Strike"})
    assert moved.status_code == 200
    assert (moved.get_json()["node"], moved.get_json()["state"]) == ("LYS", "released")
    old = api.get(path).get_json()
    assert (old["state"], old["reason"]) == ("canceled", "Strike")
    world.drain()
    world.deliver()
    pushed = [push.payload["fulfillment"]["node"] for push in world.partners.partners["wms"].order]
    assert pushed == ["LYS"]
    sent = api.post(f"/fulfillment-orders/{moved.get_json()['id']}/move", {"node": "HAM"})
    assert code_of(sent) == (409, "WORK-SENT-409")
    after = api.get(f"/orders/{order['id']}").get_json()
    assert (after["phase"], after["lines"][0]["allocated"]) == ("releasing", "2")
    world.check_books()


def test_a_node_without_stock_takes_no_work(api: Client, world: World) -> None:
    order = api.post("/orders", {**world.order({"B": 2}), "connection": "shop"}).get_json()
    [work] = order["fulfillment_orders"]
    assert code_of(api.post(f"/fulfillment-orders/{work}/move", {"node": "LYS"})) == (409, "MOVE-STOCK-409")
    assert api.get(f"/orders/{order['id']}").get_json() == order
    world.check_books()


def limit_lyons(api: Client, capacity: int) -> None:
    """Change a node's capacity and have the process see it at once, not after a second."""
    assert api.call("PATCH", "/nodes/LYS", json={"capacity_per_day": capacity}).status_code == 200
    api.app.extensions[EXTENSION].facts_cache._read_at.clear()


def test_a_node_without_capacity_takes_no_work_and_says_so(api: Client, world: World) -> None:
    order = api.post("/orders", {**world.order({"A": 2}), "connection": "shop"}).get_json()
    [work] = order["fulfillment_orders"]
    limit_lyons(api, 0)
    refused = api.post(f"/fulfillment-orders/{work}/move", {"node": "LYS"})
    assert code_of(refused) == (409, "MOVE-CAPACITY-409")
    said = refused.get_json()
    assert said["detail"].startswith("LYS takes no work: its capacity is 0 fulfillment orders a day.")
    assert "crossdock nodes capacity LYS NUMBER" in said["detail"]
    assert api.get(f"/orders/{order['id']}").get_json() == order
    limit_lyons(api, 1)
    assert api.post(f"/fulfillment-orders/{work}/move", {"node": "LYS"}).status_code == 200
    world.check_books()


def test_a_node_that_lacks_units_and_capacity_is_said_to_lack_units(api: Client, world: World) -> None:
    order = api.post("/orders", {**world.order({"B": 2}), "connection": "shop"}).get_json()
    limit_lyons(api, 0)
    [work] = order["fulfillment_orders"]
    assert code_of(api.post(f"/fulfillment-orders/{work}/move", {"node": "LYS"})) == (409, "MOVE-STOCK-409")


def test_held_work_waits_and_goes_on(api: Client, world: World) -> None:
    order = api.post("/orders", {**world.order({"A": 2}), "connection": "shop"}).get_json()
    [work] = order["fulfillment_orders"]
    path = f"/fulfillment-orders/{work}"
    held = api.post(f"{path}/hold", {"reason": "Ask Ada"})
    assert (held.get_json()["state"], held.get_json()["reason"]) == ("on_hold", "Ask Ada")
    world.deliver()
    assert "push_fulfillment_order" not in [push.kind for push in world.partners.partners["wms"].order]
    assert code_of(api.post(f"{path}/hold", {"reason": "x"})) == (409, "STATE-MOVE-409")
    assert api.post(f"{path}/release").get_json()["state"] == "released"
    assert code_of(api.post(f"{path}/release")) == (409, "STATE-MOVE-409")
    world.deliver()
    pushes = [push for push in world.partners.partners["wms"].order if push.kind == "push_fulfillment_order"]
    assert [push.payload["fulfillment"]["id"] for push in pushes] == [work]
    assert code_of(api.post(f"{path}/hold", {"reason": "x"})) == (409, "WORK-SENT-409")
    world.check_books()


def test_work_is_split_and_merged(api: Client, world: World) -> None:
    order = api.post("/orders", {**world.order({"A": 3, "B": 1}), "connection": "shop"}).get_json()
    [work] = order["fulfillment_orders"]
    path = f"/fulfillment-orders/{work}"
    split = api.post(f"{path}/split", {"lines": [{"sku": "A", "quantity": "2"}]})
    assert split.status_code == 200
    halves = split.get_json()["data"]
    assert [[(line["sku"], line["open"]) for line in half["lines"]] for half in halves] == [
        [("A", "2")], [("A", "1"), ("B", "1")],
    ]  # fmt: skip
    assert {half["node"] for half in halves} == {"HAM"}
    assert api.get(path).get_json()["state"] == "canceled"
    first, second = (half["id"] for half in halves)
    everything = [{"sku": "A", "quantity": "1"}, {"sku": "B", "quantity": "1"}]
    for lines in (everything, [{"sku": "B", "quantity": "2"}], [{"sku": "C", "quantity": "1"}]):
        assert api.post(f"/fulfillment-orders/{second}/split", {"lines": lines}).status_code == 422
    merged = api.post(f"/fulfillment-orders/{first}/merge", {"with": [second]})
    assert [(line["sku"], line["open"]) for line in merged.get_json()["lines"]] == [("A", "3"), ("B", "1")]
    assert code_of(api.post(f"/fulfillment-orders/{merged.get_json()['id']}/merge", {"with": []})) == (
        422, "MERGE-WORK-422",
    )  # fmt: skip
    world.drain()
    world.deliver()
    pushes = [push for push in world.partners.partners["wms"].order if push.kind == "push_fulfillment_order"]
    assert [push.payload["fulfillment"]["id"] for push in pushes] == [merged.get_json()["id"]]
    late = {"lines": [{"sku": "A", "quantity": "1"}]}
    assert code_of(api.post(f"/fulfillment-orders/{merged.get_json()['id']}/split", late)) == (409, "WORK-SENT-409")
    world.check_books()
