"""Promises, calendars, scores and models over the API."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text

from core.domain.ids import public_id
from core.store.views import promises
from tests.core.test_learning import add_outcomes, do
from tests.core.world import World
from tests.webhooks.conftest import Client, code_of

OFFER = {"lines": [{"sku": "A", "quantity": "2"}], "country": "DE", "postal_code": "24103"}
WEEK = [{"opens": "09:00", "closes": "18:00"}] * 5 + [{"opens": "09:00", "closes": "12:00"}, None]


def test_an_offer_is_made_once_and_shown(api: Client, world: World) -> None:
    made = api.post("/promises", {**OFFER, "probability": 0.8}, headers={"Idempotency-Key": "k1"})
    shown = made.get_json()
    assert (made.status_code, made.headers["Location"]) == (201, f"/api/v1/promises/{shown['id']}")
    assert (shown["state"], shown["probability"], shown["order"], shown["nodes"]) == ("offered", 0.8, None, [])
    assert [each["probability"] for each in shown["dates"]] == [0.5, 0.8, 0.9, 0.95]
    assert shown["at"] == shown["dates"][1]["at"]
    assert [(line["sku"], line["quantity"], line["nodes"][0]["node"]) for line in shown["lines"]] == [("A", "2", "HAM")]
    assert shown["basis"]["model"] == "rules"
    again = api.post("/promises", {**OFFER, "probability": 0.8}, headers={"Idempotency-Key": "k1"})
    assert again.get_json() == shown
    assert world.one("SELECT count(*) AS n FROM promise").n == 1
    assert api.get(f"/promises/{shown['id']}").get_json() == shown
    assert api.get("/promises?state=offered").get_json()["data"] == [shown]
    assert api.get("/promises?state=standing").get_json()["data"] == []


def test_what_cannot_be_promised_is_refused_with_its_reasons(api: Client, world: World) -> None:
    unknown = api.post("/promises", {**OFFER, "lines": [{"sku": "A", "quantity": "1"}, {"sku": "Z", "quantity": "1"}]})
    assert code_of(unknown) == (422, "ITEM-SKU-404")
    assert unknown.get_json()["errors"] == [{"path": "lines.1.sku", "reason": "no active item has the SKU 'Z'"}]
    short = api.post("/promises", {**OFFER, "lines": [{"sku": "A", "quantity": "21"}]})
    assert code_of(short) == (409, "PROMISE-STOCK-409")
    assert short.get_json()["errors"][0]["path"] == "lines.0"
    wrong: dict[str, Any]
    for wrong in (
        {"country": "Germany"},
        {"probability": 0.7},
        {"lines": []},
        {"lines": [{"sku": "A", "quantity": "0"}]},
    ):
        assert api.post("/promises", {**OFFER, **wrong}).status_code == 422
    assert world.one("SELECT count(*) AS n FROM promise").n == 0
    assert code_of(api.get("/promises/prm_" + "0" * 32)) == (404, "HUB-MISSING-404")


def test_an_offer_takes_what_its_order_would_say(api: Client, world: World) -> None:
    asked = {"tags": ["gold"], "service_level": "express", "pickup_node": "LYS", "type": "b2c", "currency": "EUR",
             "requested_delivery_date": "2099-12-24", "partial_shipment_allowed": False}  # fmt: skip
    line = {"sku": "A", "quantity": "2", "unit_price": "10.00", "discount": "1.00"}
    made = api.post(
        "/promises", {**OFFER, "lines": [line], **asked, "totals": {"grand": "19.00"}, "connection": "shop"}
    )
    shown = made.get_json()
    said = {name: value for name, value in shown["asked"].items() if value is not None}
    assert (made.status_code, said) == (201, {**asked, "connection": "shop"})
    assert (shown["lines"][0]["nodes"][0]["node"], shown["basis"]["policy"]) == ("LYS", "cheapest@1")
    assert code_of(api.post("/promises", {**OFFER, "pickup_node": "NO"})) == (422, "PROMISE-PICKUP-422")


def test_a_promise_names_the_nodes_that_ship_it_and_none_that_did_not(api: Client, world: World) -> None:
    world.send("order", world.order({"A": 2}))
    world.drain()
    [work] = world.work()
    world.send("fulfillment_update", {"fulfillment": f"ful_{work.id.hex}", "status": "rejected"}, world.wms)
    world.drain()
    assert [(each.code, each.state) for each in world.work()] == [("HAM", "rejected"), ("LYS", "released")]
    [found] = api.get("/promises").get_json()["data"]
    assert [each["node"] for each in found["nodes"]] == ["LYS"]
    with world.store.read() as conn:
        assert [row["nodes"] for row in promises.at_risk(conn, 1, risk=0.0)] == [["LYS"]]


def test_an_order_shows_its_promise_by_node(api: Client, world: World) -> None:
    world.send("order", world.order({"A": 2, "C": 1}))
    world.drain()
    order = api.get("/orders").get_json()["data"][0]["id"]
    [found] = api.get(f"/promises?order={order}").get_json()["data"]
    assert (found["order"], found["state"], found["stands_until"]) == (order, "standing", None)
    works = world.work()
    assert sorted(each["node"] for each in found["nodes"]) == sorted(each.code for each in works)
    assert {each["fulfillment"] for each in found["nodes"]} == {public_id("fulfillment", each.id) for each in works}


def test_a_calendar_is_written_whole_and_moves_the_promise(api: Client, world: World) -> None:
    rule = api.get("/nodes/HAM/calendar").get_json()
    assert (rule["own"], rule["week"][0], rule["week"][6]) == (False, {"opens": "08:00", "closes": "17:00"}, None)
    today = datetime.now(UTC).date()
    closed = [{"day": (today + timedelta(days=ahead)).isoformat(), "label": "Stocktaking"} for ahead in range(10)]
    made = api.call("PUT", "/nodes/HAM/calendar", json={"week": WEEK, "handling_minutes": 90, "closures": closed})
    shown = made.get_json()
    assert (made.status_code, shown["own"], shown["week"], shown["handling_minutes"]) == (200, True, WEEK, 90)
    assert [each["day"] for each in shown["closures"]] == [each["day"] for each in closed]
    promise = api.post("/promises", {"lines": [{"sku": "B", "quantity": "1"}], "country": "DE"}).get_json()
    leaves = datetime.fromisoformat(promise["lines"][0]["nodes"][0]["ship_at"]).date()
    assert leaves >= today + timedelta(days=10)
    again = api.call("PUT", "/nodes/HAM/calendar", json={"week": [None] * 7})
    assert (again.get_json()["closures"], again.get_json()["handling_minutes"]) == ([], 0)


def test_impossible_calendars_are_refused_and_change_nothing(api: Client, world: World) -> None:
    backward = [{"opens": "17:00", "closes": "08:00"}, *WEEK[1:]]
    assert code_of(api.call("PUT", "/nodes/HAM/calendar", json={"week": backward})) == (422, "NODE-CALENDAR-422")
    twice = [{"day": "2026-12-25"}, {"day": "2026-12-25", "opens": "09:00", "closes": "12:00"}]
    half = [{"day": "2026-12-25", "opens": "09:00"}]
    for wrong in ({"week": WEEK[:6]}, {"week": WEEK, "closures": twice}, {"week": WEEK, "closures": half}):
        assert api.call("PUT", "/nodes/HAM/calendar", json=wrong).status_code == 422
    assert code_of(api.call("PUT", "/nodes/NO/calendar", json={"week": WEEK})) == (404, "HUB-MISSING-404")
    assert world.one("SELECT count(*) AS n FROM node_calendar").n == 0


def test_a_node_that_never_works_is_not_promised_from(api: Client, world: World) -> None:
    api.call("PUT", "/nodes/HAM/calendar", json={"week": [None] * 7})
    world.hub.facts  # noqa: B018
    only_there = api.post("/promises", {"lines": [{"sku": "B", "quantity": "1"}], "country": "DE"})
    assert code_of(only_there) == (409, "PROMISE-STOCK-409")
    elsewhere = api.post("/promises", OFFER).get_json()
    assert elsewhere["lines"][0]["nodes"][0]["node"] == "LYS"


def test_a_day_whose_capacity_is_used_up_moves_the_promise(api: Client, world: World) -> None:
    before = api.post("/promises", {"lines": [{"sku": "B", "quantity": "1"}], "country": "DE"}).get_json()
    with world.store.begin() as unit:
        unit.conn.execute(text("UPDATE node SET capacity_per_day = 1"))
    world.send("order", world.order({"B": 1}))
    world.drain()
    from webhooks.runtime import EXTENSION

    api.app.extensions[EXTENSION].facts_cache._read_at.clear()
    after = api.post("/promises", {"lines": [{"sku": "B", "quantity": "1"}], "country": "DE"}).get_json()
    leaves = [datetime.fromisoformat(each["lines"][0]["nodes"][0]["ship_at"]) for each in (before, after)]
    assert leaves[0] < leaves[1]


def test_reports_scores_and_models_are_read_and_models_made(api: Client, world: World) -> None:
    report = api.get("/promises/report?since=2026-01-01T00:00:00Z").get_json()
    assert (report["since"], report["parcels"]["promises"], report["carriers"]) == ("2026-01-01T00:00:00Z", 0, [])
    assert code_of(api.post("/models/train", {})) == (409, "MODEL-DATA-409")
    add_outcomes(world, 900, factor=2.5, span=300)
    from core.services.scoring import refresh_scores

    do(world, refresh_scores)
    found = api.get("/scores?subject=carrier&measure=lost").get_json()["data"]
    assert [(each["name"], each["part"]) for each in found] == [("dhl", None), ("dhl", "lane DE>DE")]
    made = api.post("/models/train", {"engine": "lanes"})
    model = made.get_json()
    assert (made.status_code, model["state"], model["model"]) == (201, "challenger", "lanes@1")
    assert made.headers["Location"] == f"/api/v1/models/{model['id']}"
    promoted = api.post(f"/models/{model['id']}/promote", {}).get_json()
    assert (promoted["state"], promoted["approved_by"]) == ("champion", "key:test")
    assert [each["id"] for each in api.get("/models?state=champion").get_json()["data"]] == [model["id"]]
    assert code_of(api.post(f"/models/{model['id']}/promote", {})) == (409, "MODEL-STATE-409")
    assert code_of(api.get("/models/mdl_" + "0" * 32)) == (404, "HUB-MISSING-404")
