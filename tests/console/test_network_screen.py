"""The network screens: nodes, carriers and disruptions; what a change would do is shown first, then done once."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from sqlalchemy import text

from console.web.context import ConsoleServices
from core.services.access import create_user
from core.services.disruptions import add_disruption
from core.store.unit import Store
from tests.console.conftest import Site, form_token
from tests.console.rows import Company
from tests.console.site import PASSWORD, USER
from tests.console.test_inventory_forms import audited, error_of, fresh, rows, send
from tests.core.carriers import ordered, rates, services
from tests.core.world import World, now

NORTH = {"label": "Storm", "area.country": "de", "area.prefixes": "24, 20"}


def at_site(store: Store, world: World) -> Site:
    with store.begin() as unit:
        create_user(unit, USER, "Mira Koch", PASSWORD, "operator")
        create_user(unit, "vera@example.com", "Vera Looker", PASSWORD, "viewer")
    return Site(Company(now()), store, ConsoleServices(store, world.partners, "0" * 44))


@pytest.fixture
def world(store: Store) -> World:
    return World(store, {("A", "HAM"): 30, ("A", "LYS"): 30, ("B", "HAM"): 30})


@pytest.fixture
def busy(store: Store, world: World) -> Site:
    """Two orders released at Hamburg: one that Lyon could ship as well, one with an item it lacks."""
    ordered(world, {"A": 2})
    ordered(world, {"A": 1, "B": 1})
    return at_site(store, world)


def figures(page: str) -> dict[str, str]:
    """The figures of a comparison by their names."""
    part = page.split("cd-facts-in")[1].split("</dl>")[0]
    return dict(re.findall(r"<dt>([^<]+)</dt><dd[^>]*>([^<]+)</dd>", part))


def works(site: Site) -> list[tuple[Any, ...]]:
    return rows(site, "SELECT n.code, f.state FROM fulfillment_order f JOIN node n ON n.id = f.node_id ORDER BY f.id")


def test_an_outage_is_looked_at_then_made_and_its_work_moved(busy: Site) -> None:
    client = busy.client()
    before = client.get("/network/nodes/HAM").text
    assert "Switch it off" in before
    assert "cd-facts-in" not in before
    looked = send(client, "/network/nodes/HAM", "/network/nodes/HAM/off", off_reason="No power", verb="preview")
    assert looked.status_code == 200
    # Hamburg is 268.25 km away, Lyon 719.2, at 0.20 per 100 km; 4.00 a shipment, 0.50 a unit; nobody else has B.
    assert figures(looked.text) == {
        "Affected": "2", "Move at once": "2", "Node is asked": "0", "Stay": "0",
        "Cost today → then": "5.5365 → 6.4384", "Arrive later": "2",
        "Promises at risk then": "2", "In parts today → then": "0 → 0",
        "Lack stock elsewhere": "1",
    }  # fmt: skip
    assert "Switch off and move the work of 2 orders" in looked.text
    assert 'value="No power"' in looked.text
    assert rows(busy, "SELECT active FROM node WHERE code = 'HAM'") == [(True,)]
    assert works(busy) == [("HAM", "released")] * 2
    body = {**fresh(client, "/network/nodes/HAM"), "off_reason": "No power", "verb": "move"}
    for _ in range(2):
        answer = client.post("/network/nodes/HAM/off", data=body)
        assert (answer.status_code, answer.location) == (303, "/network/nodes/HAM")
    page = client.get("/network/nodes/HAM").text
    assert "HAM is switched off." in page
    assert "2 moved at once, 0 asked for at their nodes, 0 stay." in page
    assert page.count("nothing was done again") == 2
    assert "No power" in page
    assert works(busy) == [("HAM", "canceled")] * 2
    assert audited(busy) == [(f"user:{USER}", "node.changed"), (f"user:{USER}", "work.replanned")]
    assert rows(busy, "SELECT version FROM node WHERE code = 'HAM'") == [(2,)]
    assert "No power" in client.get("/network").text
    send(client, "/network/nodes/HAM", "/network/nodes/HAM/on")
    assert rows(busy, "SELECT active, off_reason FROM node WHERE code = 'HAM'") == [(True, None)]


def test_work_that_was_kept_can_move_later(busy: Site) -> None:
    client = busy.client()
    send(client, "/network/nodes/HAM", "/network/nodes/HAM/off", off_until="2099-01-01T06:00", verb="keep")
    assert works(busy) == [("HAM", "released")] * 2
    page = client.get("/network/nodes/HAM").text
    assert figures(page)["Affected"] == "2"
    send(client, "/network/nodes/HAM", "/network/nodes/HAM/move")
    assert works(busy) == [("HAM", "canceled")] * 2
    assert "cd-facts-in" not in client.get("/network/nodes/HAM").text


def test_lost_capacity_moves_only_what_it_does_not_hold(busy: Site) -> None:
    client = busy.client()
    looked = send(client, "/network/nodes/HAM", "/network/nodes/HAM/capacity", capacity_per_day="1", verb="preview")
    assert figures(looked.text)["Affected"] == "1"
    send(client, "/network/nodes/HAM", "/network/nodes/HAM/capacity", capacity_per_day="1", verb="move")
    assert sorted(works(busy)) == [("HAM", "canceled"), ("HAM", "released")]
    assert rows(busy, "SELECT capacity_per_day FROM node WHERE code = 'HAM'") == [(1,)]
    wrong = send(client, "/network/nodes/HAM", "/network/nodes/HAM/capacity", capacity_per_day="few", verb="keep")
    assert (wrong.status_code, error_of(wrong.text, "capacity_per_day")) == (422, "Write a whole number.")


def test_a_disruption_is_looked_at_added_and_ended(busy: Site) -> None:
    client = busy.client()
    looked = send(client, "/network/disruptions/new", verb="preview", **NORTH, **{"area.km": "4"})
    assert looked.status_code == 422
    assert error_of(looked.text, "area-_schema").startswith("give latitude, longitude and km")
    around = {"label": "Storm", "area.latitude": "53.5", "area.longitude": "10", "area.km": "50"}
    looked = send(client, "/network/disruptions/new", verb="preview", **around)
    assert looked.status_code == 200
    assert figures(looked.text)["Affected"] == "2"
    assert rows(busy, "SELECT 1 FROM disruption") == []
    body = {**fresh(client, "/network/disruptions/new"), **around, "verb": "move"}
    first = client.post("/network/disruptions/new", data=body)
    again = client.post("/network/disruptions/new", data=body)
    assert (first.status_code, again.status_code, again.location) == (303, 303, "/network/disruptions")
    assert rows(busy, "SELECT label, area->>'km' FROM disruption") == [("Storm", "50.0")]
    assert works(busy) == [("HAM", "canceled")] * 2
    page = client.get(first.location).text
    assert "50 km around 53.5, 10" in page
    assert "No released work is concerned" in page
    assert "Storm" in client.get("/network/disruptions").text
    assert 'title="disruptions going on"' in page
    token = {"csrf_token": form_token(page)}
    client.post(f"{first.location}/end", data=token)
    assert "It is over; orders" in client.get(first.location).text
    client.post(f"{first.location}/end", data=token)
    assert "is over already" in client.get(first.location).text
    assert "Storm" in client.get("/network/disruptions?tab=over").text
    assert [action for _, action in audited(busy)] == ["disruption.added", "work.replanned", "disruption.ended"]


def test_a_disruption_says_what_does_not_fit(busy: Site) -> None:
    client = busy.client()
    answer = send(client, "/network/disruptions/new", verb="keep", **{**NORTH, "label": "", "area.country": "Germany"})
    assert answer.status_code == 422
    assert error_of(answer.text, "label") == "Fill this in."
    assert "must be an ISO 3166" in error_of(answer.text, "area-country")
    answer = send(client, "/network/disruptions/new", verb="keep", **NORTH, ends_at="2020-01-01T00:00")
    assert (answer.status_code, "DISRUPTION-WINDOW-422" in answer.text) == (422, True)
    assert rows(busy, "SELECT 1 FROM disruption") == []


def test_carriers_show_rates_cut_offs_and_scores_with_their_samples(store: Store, world: World) -> None:
    services(world, {"carrier": "Elbe", "service": "std", "cutoff": "16:30", "on_time": "0.9"},
             {"carrier": "Elbe", "service": "express", "level": "express"})  # fmt: skip
    rates(world, *({"carrier": "Elbe", "service": "std", "to_country": to, "price": price}
                   for to, price in (("DE", "4.20"), ("FR", "7.80"))))  # fmt: skip
    site = at_site(store, world)
    with store.begin() as unit:
        for part, value, outcomes in (("", 0.91, 400), ("service std", 0.87, 120)):
            unit.conn.execute(
                text("INSERT INTO score (tenant_id, subject, name, part, measure, value, low, high, outcomes, weight,"
                     " prior, computed_at) VALUES (1, 'carrier', 'elbe', :p, 'on_time', :v, :v - 0.05, :v + 0.05, :o,"
                     " 9, 0.9, now())"),
                {"p": part, "v": value, "o": outcomes},
            )  # fmt: skip
    client = site.client()
    page = client.get("/network/carriers").text
    shown = [re.sub(r"<[^>]+>", " ", row) for row in page.split("<tr data-cd-row>")[1:]]
    assert "2 services of 1 carrier" in page
    assert ["91.0 %" in shown[0], "86–96, 400 parcels of the carrier" in shown[0]] == [True, True]
    assert ["87.0 %" in shown[1], "82–92, 120 parcels" in shown[1], "of the carrier" in shown[1]] == [True, True, False]
    assert ["16:30" in shown[1], "€4.20" in shown[1], "90 %" in shown[1]] == [True, True, True]
    page = client.get("/network/carriers/Elbe").text
    assert "service std" in page
    assert ["4.20 EUR" in page, "7.80 EUR" in page] == [True, True]
    page = client.get("/network/carriers/Elbe?country=FR").text
    assert ["4.20 EUR" in page, "7.80 EUR" in page] == [False, True]


def test_nodes_show_their_calendar_and_closed_days(busy: Site) -> None:
    with busy.store.begin() as unit:
        node = unit.conn.execute(text("SELECT id FROM node WHERE code = 'LYS'")).scalar_one()
        day = unit.now.date() + timedelta(days=3)
        unit.conn.execute(
            text("INSERT INTO node_closure (tenant_id, node_id, day, label) VALUES (1, :n, :d, 'Inventory')"),
            {"n": node, "d": day},
        )
    client = busy.client()
    listed = client.get("/network").text
    assert day.isoformat() in listed
    page = unescape(client.get("/network/nodes/LYS").text)
    assert page.count("08:00–17:00") == 5
    assert "the rule, no calendar of its own" in page
    assert f"<dt>{day.isoformat()}</dt><dd>closed" in page


def test_who_may_only_look_changes_nothing(busy: Site) -> None:
    with busy.store.begin() as unit:
        area = {"country": "DE", "prefixes": ["99"]}
        found = add_disruption(unit, {"label": "Far", "area": area, "starts_at": unit.now})
    client = busy.client("vera@example.com")
    for path in ("/network", "/network/nodes/HAM", "/network/disruptions", f"/network/disruptions/dis_{found.hex}"):
        page = client.get(path)
        assert page.status_code == 200
        assert "<form method" not in page.text.split('id="main"')[1]
    token = {"csrf_token": form_token(client.get("/orders").text), "verb": "move"}
    for path in ("nodes/HAM/off", "nodes/HAM/move", "disruptions/new", f"disruptions/dis_{found.hex}/end"):
        assert client.post(f"/network/{path}", data=token).status_code == 403
    assert works(busy) == [("HAM", "released")] * 2


@pytest.mark.parametrize(
    "path",
    ["/network/nodes/NO", "/network/carriers/no", "/network/disruptions/dis_1", "/network/disruptions?tab=x"],
)
def test_wrong_addresses_lead_nowhere(path: str, empty_site: Site) -> None:
    assert empty_site.client().get(path).status_code == 404


@pytest.mark.parametrize("path", ["/network", "/network/carriers", "/network/disruptions"])
def test_an_empty_network_says_what_fills_it(path: str, empty_site: Site) -> None:
    assert "cd-empty" in empty_site.client().get(path).text


def test_a_calendar_is_edited_with_its_cut_off_and_the_days_that_differ(busy: Site) -> None:
    client = busy.client()
    path = "/network/nodes/HAM/calendar"
    assert 'href="/network/nodes/HAM/calendar"' in client.get("/network/nodes/HAM").text
    page = client.get(path).text
    assert 'name="week.0.opens" type="time" value="08:00"' in page
    week = {f"week.{day}.{name}": at for day in (0, 2) for name, at in (("opens", "07:00"), ("closes", "15:30"))}
    days = {"closures.1.day": "2099-12-24", "closures.1.opens": "08:00", "closures.1.closes": "12:00",
            "closures.3.day": "2099-12-25", "closures.3.label": "Holiday"}  # fmt: skip
    answer = send(client, path, **week, **days, cutoff="14:00", handling_minutes="30")
    assert (answer.status_code, answer.location) == (303, "/network/nodes/HAM")
    shown = unescape(client.get("/network/nodes/HAM").text)
    for told in ("The calendar of HAM is written", "07:00–15:30", "14:00", "2099-12-24", "Holiday", ">30 m"):
        assert told in shown
    [(stored, minutes)] = rows(busy, "SELECT week, handling_minutes FROM node_calendar")
    hours = {"opens": "07:00", "closes": "15:30"}
    assert (stored, minutes) == ([hours, None, hours, None, None, None, None], 30)
    assert [action for _, action in audited(busy)] == ["calendar.set", "calendar.set"]
    assert rows(busy, "SELECT code FROM node WHERE replan_at IS NOT NULL") == [("HAM",)]
    assert 'value="2099-12-25"' in client.get(path).text


def test_what_makes_no_calendar_is_said_beside_its_field_and_nothing_is_written(busy: Site) -> None:
    client = busy.client()
    path = "/network/nodes/HAM/calendar"
    wrong = {"week.0.opens": "09:00", "week.0.closes": "08:00", "closures.2.day": "2099-12-24",
             "closures.2.opens": "10:00", "closures.2.closes": "09:00"}  # fmt: skip
    answer = send(client, path, **wrong)
    assert answer.status_code == 422
    assert error_of(answer.text, "week-0-closes") == "must be after 09:00"
    assert error_of(answer.text, "closures-2-closes") == "must be after 10:00"
    assert 'value="2099-12-24"' in answer.text
    answer = send(client, path, **{"week.0.opens": "09:00"})
    assert error_of(answer.text, "week-0-closes") == "Fill this in."
    twice = {"closures.0.day": "2099-12-24", "closures.1.day": "2099-12-24", "handling_minutes": "2.5"}
    answer = send(client, path, **twice)
    assert error_of(answer.text, "handling_minutes") == "Write a whole number."
    del twice["handling_minutes"]
    assert error_of(send(client, path, **twice).text, "closures") == "a day is named twice"
    assert rows(busy, "SELECT 1 FROM node_calendar") == []
    assert audited(busy) == []


def test_only_those_who_may_change_see_the_form_of_a_calendar(busy: Site) -> None:
    client = busy.client("vera@example.com")
    assert client.get("/network/nodes/HAM/calendar").status_code == 403
    assert "nodes/HAM/calendar" not in client.get("/network/nodes/HAM").text
    assert busy.client().get("/network/nodes/NOPE/calendar").status_code == 404
