"""Master data, stock, availability and soft reservations over the API."""

from datetime import UTC, datetime, timedelta

from tests.core.world import World
from tests.webhooks.conftest import Client, code_of


def test_items_are_written_by_sku(api: Client, world: World) -> None:
    body = {
        "sku": "MUG/350 GRÜN", "title": "Mug", "price": "19.9", "currency": "EUR", "connection": "shop",
        "references": [{"scheme": "variant", "code": "v9"}], "attributes": {"color": "green"},
    }  # fmt: skip
    made = api.post("/items", body)
    assert made.status_code == 201
    shown = made.get_json()
    assert (shown["price"], shown["version"], shown["active"]) == ("19.90", 1, True)
    assert shown["references"] == [{"connection": "shop", "scheme": "variant", "code": "v9"}]
    for name in (shown["id"], "MUG/350 GRÜN", "MUG%2F350%20GR%C3%9CN"):
        assert api.get(f"/items/{name}").get_json() == shown
    again = api.post("/items", {**body, "title": "Mug, green"}, headers={"If-Match": '"v1"'})
    assert (again.status_code, again.get_json()["version"], again.get_json()["title"]) == (200, 2, "Mug, green")
    assert code_of(api.post("/items", body, headers={"If-Match": '"v1"'})) == (412, "HUB-VERSION-412")
    assert [each["sku"] for each in api.get("/items?code=v9").get_json()["data"]] == ["MUG/350 GRÜN"]
    assert [each["sku"] for each in api.get("/items?sku=A,C&active=true").get_json()["data"]] == ["A", "C"]
    assert code_of(api.get("/items/nothing")) == (404, "HUB-MISSING-404")
    assert api.post("/items", {"sku": ""}).status_code == 422
    batch = api.post("/items/batch", {"items": [{"sku": "X1"}, {"sku": "X2"}]})
    assert [each["name"] for each in batch.get_json()["data"]] == ["X1", "X2"]


def test_nodes_are_written_by_code(api: Client, world: World) -> None:
    made = api.post("/nodes", {"code": "BER", "name": "Berlin", "country": "DE", "cutoff": "14:30", "unit_cost": "0.4"})
    assert made.status_code == 201
    assert (made.get_json()["cutoff"], made.get_json()["unit_cost"], made.get_json()["kind"]) == (
        "14:30", "0.4", "warehouse",
    )  # fmt: skip
    again = api.post("/nodes", {"code": "BER", "active": False})
    assert (again.status_code, again.get_json()["name"], again.get_json()["active"]) == (200, "Berlin", False)
    assert [each["code"] for each in api.get("/nodes?active=true").get_json()["data"]] == ["HAM", "LYS"]
    assert api.get("/nodes/BER").get_json() == again.get_json()
    for wrong in ({"cutoff": "25:00"}, {"timezone": "Mars/Base"}, {"latitude": 91}, {"kind": "moon"}, {"id": "x"}):
        assert api.post("/nodes", {"code": "BER", **wrong}).status_code == 422
    assert api.get("/nodes/BER").get_json()["version"] == 2
    assert code_of(api.post("/nodes", {"code": "T Z/1"})) == (422, "INPUT-INVALID-400")
    assert world.all("SELECT 1 FROM node WHERE code LIKE 'T%'") == []


def test_counts_corrections_and_the_ledger(api: Client, world: World) -> None:
    now = datetime.now(UTC)
    count = {
        "node": "HAM",
        "as_of": now.isoformat(),
        "items": [{"sku": "A", "on_hand": "7"}, {"sku": "?", "on_hand": 1}],
    }
    assert api.post("/stock", count).get_json() == {"applied": 1, "older": 0, "unknown": ["?"]}
    late = {"node": "HAM", "as_of": (now - timedelta(hours=1)).isoformat(), "items": [{"sku": "A", "on_hand": "99"}]}
    assert api.post("/stock", late).get_json() == {"applied": 0, "older": 1, "unknown": []}
    [position] = api.get("/stock?sku=A&node=HAM").get_json()["data"]
    assert (position["on_hand"], position["available"], position["reserved"]) == ("7", "7", "0")
    fixed = api.post("/stock/adjustments", {"sku": "A", "node": "HAM", "delta": "-2.5", "reason": "broken"})
    assert fixed.get_json()["on_hand"] == "4.5"
    moves = api.get("/stock/movements?sku=A&node=HAM&limit=2").get_json()
    assert [(each["kind"], each["on_hand"]) for each in moves["data"]] == [("adjust", "-2.5"), ("count", "-3")]
    more = api.get(f"/stock/movements?sku=A&node=HAM&limit=2&cursor={moves['next_cursor']}").get_json()
    assert [each["kind"] for each in more["data"]] == ["receipt"]
    for wrong in (
        {"sku": "A", "node": "HAM", "reason": "x"},
        {"sku": "A", "node": "HAM", "delta": "1", "on_hand": "1", "reason": "x"},
        {"sku": "A", "node": "HAM", "on_hand": "-1", "reason": "x"},
        {"sku": "A", "node": "HAM", "delta": "-100", "reason": "x"},
        {"sku": "nothing", "node": "HAM", "delta": "1", "reason": "x"},
    ):
        assert api.post("/stock/adjustments", wrong).status_code == 422, wrong
    assert code_of(api.post("/stock", {**count, "node": "NOWHERE"})) == (404, "HUB-MISSING-404")
    assert api.get("/stock?sku=A&node=HAM").get_json()["data"] == [fixed.get_json()]
    world.check_books()


def test_availability_is_what_may_be_promised(api: Client, world: World) -> None:
    api.post("/orders", {**world.order({"A": 4}), "connection": "shop"})
    found = api.get("/availability?sku=A,C&connection=shop").get_json()["data"]
    assert [(each["sku"], each["available"]) for each in found] == [("A", "16"), ("C", "10")]
    assert {each["node"]: each["available"] for each in found[0]["nodes"]} == {"HAM": "6", "LYS": "10"}
    assert code_of(api.get("/availability"))[0] == 422
    assert code_of(api.get("/availability?sku=nothing")) == (404, "HUB-MISSING-404")
    assert code_of(api.get("/availability?sku=A&connection=nobody")) == (404, "HUB-MISSING-404")
