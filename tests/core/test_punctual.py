"""Kept promises in simulations: learned from deliveries as known at each decision, never from what came later."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import insert

from core.domain.ids import uuid7
from core.intelligence.punctual import Heard, Punctuality, Sent
from core.services import policies, trials
from core.store import schema as t
from core.store.unit import Store
from tests.core.carriers import change, forget, ordered, rates, services
from tests.core.world import World

START = datetime(2026, 11, 2, tzinfo=UTC)
POST = Sent("nordpost", "parcel", "HAM", "DE")


def heard(number: int, kept: int, sent: Sent, *, day: float = 0.0) -> list[Heard]:
    """Return deliveries of one day, the first of which kept their promise."""
    return [Heard(START + timedelta(days=day), sent, index < kept) for index in range(number)]


def test_with_no_delivery_the_usual_rate_stands_and_is_not_called_learned() -> None:
    chance = Punctuality([]).chance(POST, START)
    assert (chance.value, chance.outcomes, chance.learned) == (0.9, 0, False)


def test_deliveries_draw_the_chance_group_by_group() -> None:
    punctual = Punctuality(heard(40, 20, POST))
    punctual.until(START + timedelta(days=45))
    chance = punctual.chance(POST, START + timedelta(days=45))
    # 40 deliveries a half-life old count as 20, of which 10 were kept; each of five groups is drawn by 40.
    value = 0.9
    for _ in range(5):
        value = (10 + 40 * value) / (20 + 40)
    assert chance.value == pytest.approx(value, abs=1e-12)
    assert (chance.outcomes, chance.learned) == (40, True)
    elsewhere = punctual.chance(Sent("nordpost", "express", "LYS", "FR"), START + timedelta(days=45))
    value = 0.9
    for _ in range(2):  # all, and the carrier
        value = (10 + 40 * value) / (20 + 40)
    assert elsewhere.value == pytest.approx(value, abs=1e-12)
    assert punctual.chance(Sent("southpost", "", "HAM", "DE"), START).learned is False
    assert punctual.chance(Sent("", "", "HAM", "DE"), START).outcomes == 40


def test_nothing_that_became_known_later_is_looked_at() -> None:
    chance = np.random.default_rng(5)
    nodes, carriers = ("HAM", "LYS"), ("nordpost", "southpost", "")
    everything = sorted(
        (
            Heard(
                START + timedelta(hours=float(chance.uniform(0, 2_000))),
                Sent(str(chance.choice(carriers)), "parcel", str(chance.choice(nodes)), "DE"),
                bool(chance.random() < 0.8),
            )
            for _ in range(400)
        ),
        key=lambda each: each.at,
    )
    walked = Punctuality(everything)
    for hours in range(0, 2_000, 97):
        moment = START + timedelta(hours=hours)
        walked.until(moment)
        alone = Punctuality([each for each in everything if each.at < moment])
        alone.until(moment)
        for sent in (POST, Sent("", "", "LYS", "DE")):
            assert walked.chance(sent, moment).value == pytest.approx(alone.chance(sent, moment).value, rel=1e-12)
            assert walked.chance(sent, moment).outcomes == alone.chance(sent, moment).outcomes


@pytest.fixture
def world(store: Store) -> World:
    return World(store, {("A", "HAM"): 100, ("A", "LYS"): 100})


def add(world: World, node: str, number: int, kept: int, *, days_ago: float, **more: Any) -> None:
    """Write parcels that were promised for five days after they left and were settled so many days ago."""
    settled = datetime.now(UTC) - timedelta(days=days_ago)
    left = settled - timedelta(days=4)
    rows = [
        {
            "tenant_id": 1, "shipment_id": uuid7(), "order_id": uuid7(), "node_id": world.nodes[node],
            "to_country": "DE", "state": "delivered", "ship_at": left, "shipped_at": left, "settled_at": settled,
            "delivered_at": settled, "due_90": settled + timedelta(hours=1 if index < kept else -1), **more,
        }
        for index in range(number)
    ]  # fmt: skip
    with world.store.begin() as unit:
        unit.conn.execute(insert(t.outcome), rows)


def tried(world: World, document: dict[str, Any]) -> dict[str, Any]:
    with world.store.begin(actor="user:ada") as unit:
        policies.draft(unit, "cheapest", document)
        return trials.simulate(unit.conn, "cheapest", unit.now)


def drawn(*counts: tuple[int, int]) -> float:
    """Return the rate of groups (deliveries, kept), each within the one before, one day old."""
    value, faded = 0.9, 0.5 ** (1 / 45)
    for number, kept in counts:
        value = (kept * faded + 40 * value) / (number * faded + 40)
    return 100 * value


def test_a_node_that_is_late_costs_kept_promises_and_the_report_says_what_it_rests_on(world: World) -> None:
    add(world, "HAM", 100, 95, days_ago=1)
    add(world, "LYS", 100, 50, days_ago=1)
    change(world, "UPDATE node SET shipment_cost = 3.90 WHERE code = 'LYS'")
    forget(world)
    for _ in range(3):
        ordered(world, {"A": 1})
    add(world, "LYS", 500, 500, days_ago=-1)  # settled after the decisions
    report = tried(world, {"weights": {"way": 0}, "guardrails": {"promise_kept_percent": "85"}})
    kept = report["promise_kept_percent"]
    assert kept["before"] == pytest.approx(drawn((200, 145), (100, 95), (100, 95)), abs=0.01)
    assert kept["after"] == pytest.approx(drawn((200, 145), (100, 50), (100, 50)), abs=0.01)
    assert (kept["known"], kept["learned"], kept["stated"], kept["parcels"]) == (3, 3, 0, 200)
    assert kept["settled"] == {"orders": 0}
    [held] = [each for each in report["guardrails"] if each["name"] == "promise_kept_percent"]
    assert (held["value"], held["holds"]) == (kept["after"], False)
    ham, lys = report["by_node"]
    assert (ham["promise_kept_percent"]["after"], lys["promise_kept_percent"]["before"]) == (None, None)
    assert lys["promise_kept_percent"]["after"] == kept["after"]
    [channel] = report["by_channel"]
    assert channel["promise_kept_percent"]["interval"] == kept["interval"]


def test_what_is_settled_stands_beside_what_was_reckoned(world: World) -> None:
    add(world, "HAM", 40, 40, days_ago=1)
    for _ in range(4):
        ordered(world, {"A": 1})
    change(
        world, "UPDATE promise SET state = CASE WHEN order_id = (SELECT min(order_id::text)::uuid FROM promise)"
        " THEN 'late' ELSE 'kept' END",
    )  # fmt: skip
    told = tried(world, {})["promise_kept_percent"]["settled"]
    assert (told["orders"], told["kept"], told["reckoned"]) == (4, 75, round(drawn((40, 40), (40, 40), (40, 40)), 2))
    assert told["interval"] == [30.06, 95.44]  # Wilson's, three of four


def test_a_parcel_under_way_is_late_a_day_after_its_promise(world: World) -> None:
    add(world, "HAM", 40, 0, days_ago=1, state="lost", delivered_at=None, settled_at=datetime.now(UTC))
    ordered(world, {"A": 1})
    # Settled after the decision or not: their promises passed more than a day before it.
    change(
        world, "UPDATE outcome SET settled_at = clock_timestamp() + interval '5 days', due_90 = due_90 - interval '1 h'"
    )
    assert tried(world, {})["promise_kept_percent"]["parcels"] == 40


def test_few_deliveries_leave_it_to_what_services_state(world: World) -> None:
    services(world, {"carrier": "nordpost", "service": "parcel", "transit_days": {"*": 2}, "on_time": "0.95"})
    rates(world, {"carrier": "nordpost", "service": "parcel", "price": "4.00"})
    add(world, "HAM", 29, 29, days_ago=1, carrier="NordPost", service="parcel")
    ordered(world, {"A": 1})
    report = tried(world, {})
    assert "promise_kept_percent" not in report  # nobody asked the service, and 29 are too few
    change(world, """UPDATE policy SET document = '{"late_penalty_percent": "10"}' WHERE number = 1""")
    ordered(world, {"A": 1})
    kept = tried(world, {})["promise_kept_percent"]
    assert (kept["known"], kept["learned"], kept["stated"], kept["before"]) == (1, 0, 1, 95)
    add(world, "HAM", 1, 1, days_ago=1, carrier="NordPost", service="parcel")
    kept = tried(world, {})["promise_kept_percent"]
    assert (kept["known"], kept["learned"], kept["stated"]) == (2, 2, 0)


def test_carbon_is_compared_where_services_say_it(world: World) -> None:
    for service, price, grams in (("road", "4.00", 300), ("air", "3.00", 2_000)):
        services(
            world, {"carrier": "nordpost", "service": service, "transit_days": {"*": 2}, "carbon_g": grams,
                    "carbon_g_kg_km": "0.1"},
        )  # fmt: skip
        rates(world, {"carrier": "nordpost", "service": service, "price": price})
    change(world, "UPDATE item SET weight_g = 500")
    for _ in range(2):
        work, decision = ordered(world, {"A": 2})
    assert (work[0].service, work[0].code) == ("air", "HAM")
    [km] = [row["km"] for row in decision.candidates if row["node"] == "HAM" and row["service"] == "nordpost/air"]
    weight = round(0.1 * km) / 1_000  # a kilogram over the way, in kg of CO2e
    found = tried(world, {"carbon_price": "10"})["carbon_kg_per_order"]
    assert (found["known"], found["before"], found["after"]) == (
        2, pytest.approx(2 + weight, abs=0.002), pytest.approx(0.3 + weight, abs=0.002),
    )  # fmt: skip
    assert found["change_percent"] == pytest.approx(100 * -1.7 / (2 + weight), abs=0.2)
    assert found["interval"][0] <= found["change_percent"] <= found["interval"][1]
