"""Routing over HTTP: services, rates, points, disruptions, nodes off, and work planned anew."""

from typing import Any

import pytest

from tests.core.carriers import forget
from tests.core.world import World
from tests.webhooks.conftest import Client, code_of

POST = {"carrier": "nordpost", "service": "parcel", "transit_days": {"*": 2}, "on_time": "0.95", "cutoff": "16:00"}


def rate(start: str, price: str) -> dict[str, str]:
    return {
        "carrier": "nordpost", "service": "parcel", "from_country": start, "to_country": "DE", "price": price,
        "currency": "EUR",
    }  # fmt: skip


def test_services_and_rates_are_written_and_shown(api: Client) -> None:
    made = api.post("/carrier-services", POST).get_json()
    assert (made["carrier"], made["on_time"], made["cutoff"], made["version"]) == ("nordpost", "0.95", "16:00", 1)
    again = api.post("/carrier-services", {**POST, "nodes": ["HAM"]}).get_json()
    assert (again["id"], again["version"], again["nodes"]) == (made["id"], 2, ["HAM"])
    assert api.get("/carrier-services/nordpost/parcel").get_json() == again
    assert api.get(f"/carrier-services/{made['id']}").get_json() == again
    written = api.post("/rates/batch", {"rates": [rate("DE", "3.2"), rate("FR", "7"), rate("DE", "3.4")]})
    assert written.get_json() == {"written": 3}
    shown = api.get("/rates?carrier=nordpost").get_json()["data"]
    assert {(each["from_country"], each["price"], each["up_to_g"]) for each in shown} == {
        ("DE", "3.40", None), ("FR", "7.00", None),
    }  # fmt: skip
    assert [each["service"] for each in api.get("/carrier-services").get_json()["data"]] == ["parcel"]


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("/carrier-services", {"carrier": "a/b", "service": "x"}, (422, "INPUT-INVALID-400")),
        ("/carrier-services", {**POST, "on_time": "1.5"}, (422, "INPUT-INVALID-400")),
        ("/carrier-services", {**POST, "nodes": ["NOWHERE"]}, (404, "HUB-MISSING-404")),
        ("/rates/batch", {"rates": [{**rate("DE", "1"), "to_country": None, "to_postal": "24"}]},
         (422, "INPUT-INVALID-400")),
        ("/rates/batch", {"rates": [rate("DE", "1")]}, (404, "HUB-MISSING-404")),
        ("/places/batch", {"places": [{"country": "DE", "postal_code": "1", "latitude": 99, "longitude": 0}]},
         (422, "INPUT-INVALID-400")),
        ("/substitutes/batch", {"substitutes": [{"sku": "A", "substitute": "A"}]}, (422, "INPUT-INVALID-400")),
        ("/disruptions", {"label": "Snow", "area": {"country": "DE", "km": 5}}, (422, "INPUT-INVALID-400")),
        ("/disruptions", {"label": "Snow", "area": {"country": "DE", "prefixes": ["2"]},
                          "ends_at": "2020-01-01T00:00:00Z"}, (422, "DISRUPTION-WINDOW-422")),
        ("/replans", {"node": "HAM", "disruption": "dis_1"}, (422, "INPUT-INVALID-400")),
        ("/replans", {"node": "NOWHERE"}, (404, "HUB-MISSING-404")),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_and_nothing_is_written(
    api: Client, world: World, path: str, body: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert code_of(api.post(path, body)) == expected
    for table in ("carrier_service", "rate", "place", "substitute", "disruption"):
        assert world.one(f"SELECT count(*) AS n FROM {table}").n == 0, table


@pytest.mark.parametrize(("code", "fix"), [("UK", "write GB"), ("ZZ", "ISO 3166 has codes such as DE")])
def test_a_country_that_is_not_there_has_no_rates_and_no_places(api: Client, world: World, code: str, fix: str) -> None:
    api.post("/carrier-services", POST)
    place = {"country": code, "postal_code": "1", "latitude": 50, "longitude": 0}
    for refused in (
        api.post("/rates/batch", {"rates": [rate("DE", "1"), rate(code, "1")]}),
        api.post("/rates/batch", {"rates": [{**rate("DE", "1"), "to_country": code}]}),
        api.post("/places/batch", {"places": [place]}),
        api.get(f"/places/point?country={code}&postal_code=1"),
    ):
        assert code_of(refused) == (422, "INPUT-INVALID-400")
        assert f"no country has the code '{code}'; {fix}" in refused.get_data(as_text=True)
    assert world.one("SELECT (SELECT count(*) FROM rate) + (SELECT count(*) FROM place) AS n").n == 0
    everywhere = {**rate("DE", "1"), "from_country": None, "to_country": None}
    assert api.post("/rates/batch", {"rates": [everywhere]}).get_json() == {"written": 1}


def test_a_postcode_has_a_point_once_places_are_there(api: Client) -> None:
    assert code_of(api.get("/places/point?country=DE&postal_code=24103")) == (404, "HUB-MISSING-404")
    body = {"places": [{"country_code": "DE", "zipcode": "24103", "latitude": "54.3", "longitude": "10.1"}]}
    assert api.post("/places/batch", body).get_json() == {"written": 1}
    found = api.get("/places/point?country=DE&postal_code=24%20999").get_json()
    assert found == {"country": "DE", "postal_code": "24 999", "area": "24", "latitude": 54.3, "longitude": 10.1}


def test_substitutes_supplier_prices_and_markdowns_are_written(api: Client, world: World) -> None:
    made = api.post("/substitutes/batch", {"substitutes": [{"sku": "A", "substitute": "B", "connections": ["shop"]}]})
    assert made.get_json() == {"written": 1}
    [shown] = api.get("/substitutes").get_json()["data"]
    assert (shown["sku"], shown["substitute"], shown["ratio"], shown["connections"]) == ("A", "B", "1", ["shop"])
    assert shown["approved_by"] == "key:test"
    price = {"node": "LYS", "sku": "A", "price": "4.10", "currency": "EUR", "code": "S-1"}
    assert api.post("/supplier-prices/batch", {"prices": [price]}).get_json() == {"written": 1}
    markdown = {"node": "LYS", "sku": "A", "units": "3", "benefit": "2.50"}
    assert api.post("/markdowns/batch", {"markdowns": [markdown]}).get_json() == {"written": 1}
    row = world.one("SELECT units, benefit FROM markdown")
    assert (str(row.units), str(row.benefit)) == ("3", "2.50")


def test_a_node_that_goes_off_gives_its_work_to_another(api: Client, world: World) -> None:
    world.send("order", world.order({"A": 2}))
    world.drain()
    assert [work.code for work in world.work()] == ["HAM"]
    shown = api.call("PATCH", "/nodes/HAM", json={"active": False, "off_reason": "power cut"}).get_json()
    assert (shown["active"], shown["off_reason"], shown["version"]) == (False, "power cut", 2)
    tried = api.post("/replans", {"node": "HAM"}).get_json()
    assert (tried["affected"], tried["moves"], tried["asked"], tried["applied"]) == (1, 1, 0, None)
    [order] = tried["orders"]
    assert [(each["node"], each["units"]) for each in order["to"]] == [("LYS", "2")]
    assert float(order["cost_after"]) > float(order["cost_before"])
    assert [work.code for work in world.work()] == ["HAM"]
    done = api.post("/replans", {"node": "HAM", "apply": True}).get_json()
    assert done["applied"] == {"moved": 1, "asked": 0, "stayed": 0}
    forget(world)
    world.drain()
    assert [(work.code, work.state) for work in world.work()] == [("HAM", "canceled"), ("LYS", "released")]
    world.check_books()
    assert world.one("SELECT count(*) AS n FROM decision").n == 2
    assert api.call("PATCH", "/nodes/HAM", json={"active": True}).get_json()["off_reason"] is None
    assert code_of(api.call("PATCH", "/nodes/HAM", json={"off_until": "2020-01-01T00:00:00Z"})) == (
        422, "NODE-UNTIL-422",
    )  # fmt: skip
    stale = api.call("PATCH", "/nodes/HAM", json={"active": True}, headers={"If-Match": '"v1"'})
    assert stale.status_code == 409 or stale.status_code == 412


def test_a_whole_country_is_shut_only_when_it_is_said(api: Client) -> None:
    for slip in ("", " ", "-"):
        for prefixes in ([slip], ["20", slip]):
            refused = api.post("/disruptions", {"label": "x", "area": {"country": "DE", "prefixes": prefixes}})
            assert refused.status_code == 422
            assert "for the whole country write *" in refused.get_data(as_text=True)
    assert api.get("/disruptions").get_json()["data"] == []
    made = api.post("/disruptions", {"label": "x", "area": {"country": "DE", "prefixes": ["*"]}})
    assert made.status_code == 201


def test_a_country_that_is_not_there_is_not_shut(api: Client) -> None:
    for code, fix in (("UK", "write GB"), ("ZZ", "ISO 3166")):
        refused = api.post("/disruptions", {"label": "x", "area": {"country": code, "prefixes": ["*"]}})
        assert refused.status_code == 422
        assert fix in refused.get_data(as_text=True)
    assert api.get("/disruptions").get_json()["data"] == []


def test_a_node_is_off_for_good_or_until_a_moment(api: Client) -> None:
    for active in (True, False):
        body = {"active": active, "off_until": "2099-01-01T00:00:00Z"}
        assert api.call("PATCH", "/nodes/HAM", json=body).status_code == 422
    assert api.get("/nodes/HAM").get_json()["off_until"] is None
    api.call("PATCH", "/nodes/HAM", json={"active": False})
    shown = api.call("PATCH", "/nodes/HAM", json={"off_until": "2099-01-01T00:00:00Z"}).get_json()
    assert (shown["active"], shown["off_until"]) == (True, "2099-01-01T00:00:00Z")


def test_a_disruption_is_shown_and_ended(api: Client) -> None:
    body = {"label": "Flood", "area": {"country": "DE", "prefixes": ["20", "21"]}, "carrier": "nordpost"}
    assert code_of(api.post("/disruptions", body)) == (422, "DISRUPTION-CARRIER-422")
    assert api.get("/disruptions").get_json()["data"] == []
    api.post("/carrier-services", POST)
    made = api.post("/disruptions", body).get_json()
    assert made["area"] == body["area"]
    assert [each["id"] for each in api.get("/disruptions?active=true").get_json()["data"]] == [made["id"]]
    ended = api.post(f"/disruptions/{made['id']}/end").get_json()
    assert ended["ends_at"] is not None
    assert api.get("/disruptions?active=true").get_json()["data"] == []
    assert code_of(api.post(f"/disruptions/{made['id']}/end")) == (409, "DISRUPTION-OVER-409")
