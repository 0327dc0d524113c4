"""The clock of despatch advices and the check digits of what comes in (O6 and O8 of the acceptance list)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.domain.checkdigits import wrong_keys
from core.services.advice_clock import clock_of, watch_advices
from core.services.paper_answers import acknowledge
from core.store.unit import Store
from tests.core.trade_world import STORE, TradeWorld, line

CASE = "SELECT state, sentence, deadline FROM exception_case WHERE code = 'ASN-CLOCK-408'"


def advised(world: TradeWorld, **more: Any) -> Any:
    order = world.buy(line("B", 2, "5.00"))
    world.settle()
    world.ship(order, **more)
    world.settle()
    [paper] = world.papers("despatch_advice")
    return paper


def later(world: TradeWorld, minutes: int) -> None:
    """Let so many minutes pass for every paper and shipment."""
    with world.store.begin() as unit:
        unit.conn.exec_driver_sql(
            "UPDATE paper SET due_at = due_at - %(m)s, accept_by = accept_by - %(m)s, look_at = look_at - %(m)s",
            {"m": timedelta(minutes=minutes)},
        )
        unit.conn.exec_driver_sql(
            "UPDATE shipment SET shipped_at = shipped_at - %(m)s", {"m": timedelta(minutes=minutes)}
        )


def watch(world: TradeWorld) -> None:
    with world.store.begin() as unit:
        watch_advices(unit, world.facts)


def events(world: TradeWorld) -> list[str]:
    found = world.all("SELECT type FROM event WHERE type LIKE 'paper.%' ORDER BY seq")
    return [each.type for each in found if each.type not in ("paper.released", "paper.sent")]


@pytest.mark.parametrize(
    ("hours", "alarm", "expected"),
    [(4, 30, 210), (1, 30, 30), (1, 120, 30), (24, 0, 1440)],
)
def test_o6_the_alarm_is_before_the_deadline_and_not_before_half_the_time(
    hours: int, alarm: int, expected: int
) -> None:
    left = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    clock = clock_of({"advise_within_hours": hours, "alarm_minutes": alarm}, left, left)
    assert clock == {
        "due_at": left + timedelta(hours=hours),
        "accept_by": None,
        "look_at": left + timedelta(minutes=expected),
    }


def test_o6_an_advice_that_is_not_sent_raises_an_alarm_before_it_is_late(store: Store) -> None:
    world = TradeWorld(store, advise_within_hours=2)
    paper = advised(world)
    watch(world)
    assert world.all(CASE) == []
    later(world, 100)
    watch(world)
    [case] = world.all(CASE)
    assert case.state == "open"
    assert "is not sent, due" in case.sentence
    assert "minutes left)" in case.sentence
    assert case.deadline == world.papers("despatch_advice")[0].due_at
    assert "paper.late" not in events(world)
    later(world, 30)
    watch(world)
    assert "minutes late)" in world.one(CASE).sentence
    assert events(world).count("paper.late") == 1
    later(world, 30)
    watch(world)
    assert events(world).count("paper.late") == 1
    world.deliver(world.retailer)
    later(world, 30)
    watch(world)
    assert world.one(CASE).state == "superseded"
    assert world.one("SELECT look_at FROM paper WHERE id = :id", id=paper.id).look_at is None


def test_o6_an_advice_that_is_sent_and_not_accepted_raises_an_alarm(store: Store) -> None:
    world = TradeWorld(store, advise_within_hours=1, accept_within_hours=4)
    paper = advised(world)
    world.deliver(world.retailer)
    later(world, 60)
    watch(world)
    assert world.all(CASE) == []
    later(world, 160)
    watch(world)
    [case] = world.all(CASE)
    assert "is not accepted, due" in case.sentence
    with world.store.begin() as unit:
        assert acknowledge(unit, world.papers("despatch_advice")[0].delivery_id, accepted=True, at=unit.now)
    assert world.one(CASE).state == "superseded"
    assert world.one("SELECT state FROM paper WHERE id = :id", id=paper.id).state == "accepted"


def test_o6_an_advice_that_was_kept_back_is_watched_too(store: Store) -> None:
    world = TradeWorld(store, rules=[{"check": "gtin_on_every_line"}], advise_within_hours=1)
    assert advised(world).state == "kept_back"
    later(world, 45)
    watch(world)
    assert "is not sent" in world.one(CASE).sentence


def test_o6_warnings_of_an_accepted_advice_count(store: Store) -> None:
    world = TradeWorld(store, accept_within_hours=4)
    advised(world)
    world.deliver(world.retailer)
    [paper] = world.papers("despatch_advice")
    with world.store.begin() as unit:
        acknowledge(unit, paper.delivery_id, accepted=True, at=unit.now)
    assert world.all(CASE) == []
    with world.store.begin() as unit:
        acknowledge(unit, paper.delivery_id, accepted=True, at=unit.now, warnings=["carton 1: weight is missing"])
    [paper] = world.papers("despatch_advice")
    assert (paper.state, paper.warnings) == ("accepted", ["carton 1: weight is missing"])
    case = world.one(CASE)
    assert (case.state, case.sentence) == (
        "open",
        f"The despatch advice {paper.number} for retailer was accepted with warnings: carton 1: weight is missing.",
    )
    assert events(world)[-2:] == ["paper.accepted", "paper.warned"]


def test_o8_wrong_keys_coming_in_are_a_warning_and_the_order_goes_on(store: Store) -> None:
    world = TradeWorld(store)
    order = world.buy(line("B", 2, "5.00", gtin="4006381333932"), ship_to={**STORE, "gln": "4098765000001"})
    trade = world.one("SELECT trade FROM order_line WHERE order_id = :o", o=order.id).trade
    assert trade["gtin"] == "4006381333932"
    [message] = world.all("SELECT state, outcome FROM message WHERE order_id = :o", o=order.id)
    assert (message.state, message.outcome) == (
        "applied",
        "warning: ship_to.gln '4098765000001' has a wrong check digit for a GLN;"
        " lines[0].gtin '4006381333932' has a wrong check digit for a GTIN",
    )


def test_o8_a_wrong_gln_keeps_a_paper_back(store: Store) -> None:
    world = TradeWorld(store)
    world.buy(line("B", 2, "5.00"), ship_to={**STORE, "gln": "4098765000001"})
    world.settle()
    [paper] = world.papers("order_response")
    assert (paper.state, paper.answer) == (
        "kept_back",
        {"kept_back": ["ship_to.gln '4098765000001' has a wrong check digit for a GLN"]},
    )
    world.deliver(world.retailer)
    assert world.partners.partners["retailer"].order == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"lines": [{"gtin": "96385074"}, {"gtin": "036000291452"}, {"gtin": "04006381333931"}]}, []),
        ({"items": [{"gtin": "123"}]}, ["items[0].gtin '123' has a wrong length for a GTIN"]),
        (
            {"packages": [{"sscc": "376104250021234568"}]},
            ["packages[0].sscc '376104250021234568' has a wrong check digit for a SSCC"],
        ),
        ({"stores": [{"gln": "4098765000003"}, {"gln": None}], "buyer": None}, []),
    ],
)
def test_o8_every_kind_of_key_is_looked_at(body: Any, said: list[str]) -> None:
    assert wrong_keys(body) == said
