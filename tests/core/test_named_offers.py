"""An offer holds for what it was made for: every other order that names it is promised anew, and told why."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from core.domain.cases import OFFER_UNHELD
from core.domain.ids import public_id
from core.services.promising import Wanted, offer
from core.store.unit import Store
from tests.core.world import World, now

SYDNEY = {"name": "Ada Test", "line1": "Testst. 1", "city": "Sydney", "postal_code": "2000", "country": "AU"}


@pytest.fixture
def world(store: Store) -> World:
    return World(store)


def offered(world: World, lines: Mapping[str, int], postal: str | None = "24103", **more: Any) -> UUID:
    with world.store.begin() as unit:
        wanted = [Wanted(sku, Decimal(units)) for sku, units in lines.items()]
        found = offer(unit, world.facts, wanted, "DE", postal, **more)
        # A cut-off that passes while this test runs does not end it.
        unit.conn.execute(text("UPDATE promise SET stands_until = stands_until + interval '1 day'"))
        return found


def order(world: World, lines: Mapping[str, int], promise: str | UUID, **more: Any) -> Any:
    """Send an order that names an offer and return its promise, with the order's id as `bought`."""
    name = promise if isinstance(promise, str) else public_id("promise", promise)
    document = world.order(lines, **{"promise": name, "placed_at": now().isoformat(), **more})
    world.send("order", document)
    world.drain()
    return world.one(
        "SELECT o.id AS bought, p.* FROM orders o LEFT JOIN promise p ON p.order_id = o.id WHERE o.external_id = :id",
        id=document["external_id"],
    )


def refusals(world: World, bought: UUID) -> list[tuple[str, str]]:
    rows = world.all(
        "SELECT data FROM event WHERE type = 'promise.offer_refused' AND order_id = :id ORDER BY seq", id=bought
    )
    return [(row.data["reason"], row.data["why"]) for row in rows]


def cases(world: World) -> Any:
    return world.all("SELECT * FROM exception_case ORDER BY first_seen, id")


def test_an_offer_holds_for_the_order_it_was_made_for(world: World) -> None:
    named = offered(world, {"A": 2, "C": 1}, connection=world.shop)
    found = order(world, {"C": 1, "A": 2}, named)
    assert (found.id, found.state, refusals(world, found.bought), cases(world)) == (named, "standing", [], [])
    whole = offered(world, {"A": 1}, postal=None)
    assert order(world, {"A": 1}, whole).id == whole
    area = offered(world, {"A": 1}, postal="24")
    assert order(world, {"A": 1}, area).id == area


@pytest.mark.parametrize(
    ("lines", "more", "reason", "why"),
    [
        ({"A": 2}, {"ship_to": SYDNEY}, "destination", "It was made for DE, and the order goes to AU."),
        ({"B": 2}, {}, "items", "It was made for 2 of A, and the order is for 2 of B."),
        ({"A": 9}, {}, "items", "It was made for 2 of A, and the order is for 9 of A."),
        ({"A": 2, "B": 1}, {}, "items", "It was made for 2 of A, and the order is for 2 of A, 1 of B."),
    ],
)
def test_an_order_that_is_something_else_is_promised_anew_and_says_why(
    world: World, lines: dict[str, int], more: dict[str, Any], reason: str, why: str
) -> None:
    named = offered(world, {"A": 2}, level=0.95)
    found = order(world, lines, named, **more)
    assert (found.id != named, found.state, found.level) == (True, "standing", 0.9)
    assert refusals(world, found.bought) == [(reason, why)]
    left = world.one("SELECT state, order_id FROM promise WHERE id = :id", id=named)
    assert (left.state, left.order_id) == ("offered", None)


def test_another_postcode_or_channel_is_something_else(world: World) -> None:
    munich = {"name": "Ada Test", "line1": "Testst. 1", "city": "Munich", "postal_code": "80331", "country": "DE"}
    named = offered(world, {"A": 2})
    found = order(world, {"A": 2}, named, ship_to=munich)
    assert refusals(world, found.bought) == [
        ("destination", "It was made for DE 24103, and the order goes to another postcode.")
    ]
    other = offered(world, {"A": 2}, connection=world.erp)
    found = order(world, {"A": 2}, other)
    assert refusals(world, found.bought) == [("channel", "It was made for orders of erp, and this one is of shop.")]


def test_a_person_is_asked_to_look_where_the_buyer_was_told_an_earlier_date(world: World) -> None:
    named = offered(world, {"A": 2}, connection=world.shop)
    later = offered(world, {"A": 2})
    with world.store.begin() as unit:
        unit.conn.execute(text("UPDATE promise SET due_at = due_at + interval '9 days' WHERE id = :id"), {"id": later})
    sooner = order(world, {"A": 1}, later)
    assert (len(refusals(world, sooner.bought)), cases(world)) == (1, [])  # the buyer was told no earlier date
    far = order(world, {"A": 2}, named, ship_to=SYDNEY, number="#77")
    [case] = cases(world)
    told = world.one("SELECT due_at FROM promise WHERE id = :id", id=named).due_at
    assert (case.code, case.state, case.title) == (
        OFFER_UNHELD.code, "open", "shop: orders name offers that do not hold (destination)",
    )  # fmt: skip
    assert case.sentence == (
        f"#77 names {public_id('promise', named)}, which said {told:%Y-%m-%d %H:%M} UTC, and is promised for"
        f" {far.due_at:%Y-%m-%d %H:%M} UTC. It was made for DE, and the order goes to AU."
    )
    [member] = world.all("SELECT * FROM case_member")
    assert (member.subject, member.order_id) == ("order", far.bought)


def test_what_is_no_offer_or_another_orders_or_has_ended_is_said(world: World) -> None:
    named = offered(world, {"A": 1})
    first = order(world, {"A": 1}, named)
    assert first.id == named
    again = order(world, {"A": 1}, named)
    assert refusals(world, again.bought) == [
        ("taken", f"An offer is for one order, and the order {public_id('order', first.bought)} has taken it.")
    ]
    ended = offered(world, {"A": 1})
    with world.store.begin() as unit:
        unit.conn.execute(text("UPDATE promise SET stands_until = :at WHERE id = :id"),
                          {"at": now() - timedelta(hours=1), "id": ended})  # fmt: skip
    late = order(world, {"A": 1}, ended)
    [(reason, why)] = refusals(world, late.bought)
    assert (reason, why.startswith("It stood until ")) == ("ended", True)
    for name in ("prm_" + "0" * 32, "garbage", "x" * 60):
        found = order(world, {"A": 1}, name)
        assert refusals(world, found.bought) == [("unknown", f"The hub made no offer {name!r}.")]
        assert (found.state, found.id not in (named, ended)) == ("standing", True)
    assert cases(world) == []


def test_of_two_orders_of_one_batch_that_name_the_same_offer_the_first_gets_it(world: World) -> None:
    named = offered(world, {"A": 1})
    for _ in range(2):
        world.send("order", world.order({"A": 1}, promise=public_id("promise", named), placed_at=now().isoformat()))
    world.drain()
    rows = world.all("SELECT p.id, o.number FROM promise p JOIN orders o ON o.id = p.order_id ORDER BY o.number")
    assert [row.number for row in rows] == ["#1001", "#1002"]
    assert sum(row.id == named for row in rows) == 1
    assert world.one("SELECT count(*) AS n FROM event WHERE type = 'promise.offer_refused'").n == 1
