"""A shortfall over the API: what it says, and what comes of its way out."""

from datetime import UTC, datetime

from tests.core.world import World
from tests.webhooks.conftest import Client


def test_the_way_out_of_a_shortfall_says_what_it_does_and_what_stays(api: Client, world: World) -> None:
    for _ in range(2):
        world.send("order", world.order({"A": 5}))
        world.drain()
    for node, units in (("LYS", "5"), ("HAM", "1")):
        api.post(
            "/stock", {"node": node, "as_of": datetime.now(UTC).isoformat(), "items": [{"sku": "A", "on_hand": units}]}
        )
    [case] = api.get("/exceptions?state=open").get_json()["data"]
    assert (case["code"], case["sentence"]) == (
        "STOCK-SHORTFALL-001", "By what was counted 1 are there, but 10 are promised: 9 too few.",
    )  # fmt: skip
    name = api.get(f"/exceptions/{case['id']}")
    version = {"If-Match": name.headers["ETag"]} if "ETag" in name.headers else {}
    applied = api.post(f"/exceptions/{case['id']}/apply", {}, headers=version).get_json()
    assert (applied["action"], applied["done"]) == ("source_again", 1)
    assert applied["note"] == (
        "1 sourced anew, 1 stays where it is: #1001 (cannot be moved: no other node can ship any of it)"
    )
    assert sorted((each["before"], each["after"]) for each in applied["orders"]) == [
        ("releasing", "backordered"), ("releasing", "releasing"),
    ]  # fmt: skip
    world.drain()
    position = api.get("/stock?sku=A&node=HAM").get_json()["data"][0]
    assert (position["on_hand"], position["available"], position["shortfall"]) == ("5", "0", "4")


def test_safety_stock_asked_for_is_told_beside_what_is_kept_back(api: Client, world: World) -> None:
    asked = {"sku": "A", "node": "HAM", "safety": "100", "reason": "keep"}
    assert api.post("/stock/adjustments", asked).get_json()["safety_target"] == "100"
    [position] = api.get("/stock?sku=A&node=HAM").get_json()["data"]
    assert (position["safety"], position["safety_target"], position["available"]) == ("10", "100", "0")
