"""What the feed says of a paper: it is released into the outbox, and sent only when the partner's side took it."""

from typing import Any

import pytest

from core.domain.ids import public_id
from core.domain.vocabulary import Mode
from core.errors import OutcomeUnknown, Rejected, Transient
from core.services import connections
from core.services.papers import send_by_hand
from core.store.read.timeline import read_timeline
from core.store.unit import Store
from tests.core.trade_world import TradeWorld, line


@pytest.fixture
def world(store: Store) -> TradeWorld:
    found = TradeWorld(store)
    found.buy(line("A", 1))
    found.settle()
    return found


def told(world: TradeWorld) -> list[str]:
    return [row.type for row in world.all("SELECT type FROM event WHERE type LIKE 'paper.%' ORDER BY seq")]


def script(world: TradeWorld, *steps: Any) -> None:
    world.partners.partners["retailer"].script.extend(steps)


def again(world: TradeWorld) -> None:
    with world.store.begin() as unit:
        unit.conn.exec_driver_sql("UPDATE delivery SET run_at = clock_timestamp() WHERE finished_at IS NULL")
    world.deliver(world.retailer)


def test_a_paper_is_released_at_once_and_sent_when_the_partner_took_it(world: TradeWorld) -> None:
    assert told(world) == ["paper.released"]
    world.deliver(world.retailer)
    assert told(world) == ["paper.released", "paper.sent"]
    [paper] = world.papers("order_response")
    sent = world.one("SELECT * FROM event WHERE type = 'paper.sent'")
    done = world.one("SELECT * FROM delivery WHERE id = :d", d=paper.delivery_id)
    assert (sent.subject_id, sent.order_id) == (paper.id, paper.order_id)
    assert sent.data == {
        "kind": "order_response", "number": paper.number, "delivery": public_id("delivery", paper.delivery_id),
    }  # fmt: skip
    assert sent.at >= done.created_at
    with world.store.read() as conn:
        names = [each["name"] for each in read_timeline(conn, paper.order_id) if each["name"].startswith("paper.")]
    assert names == ["paper.released", "paper.sent"]


@pytest.mark.parametrize("failure", [Transient("It is down."), OutcomeUnknown("It is lost.", after=True)])
def test_a_try_that_fails_sends_nothing_and_the_one_that_succeeds_says_so_once(
    world: TradeWorld, failure: Exception
) -> None:
    world.hub.pace = type(world.hub.pace)(schedule=(600, 600), breaker=0.01)
    script(world, failure)
    world.deliver(world.retailer)
    assert told(world) == ["paper.released"]
    again(world)
    assert told(world) == ["paper.released", "paper.sent"]


def test_what_the_partner_refuses_was_never_sent_until_a_person_sends_it(world: TradeWorld) -> None:
    script(world, Rejected("He does not want it."))
    world.deliver(world.retailer)
    assert told(world) == ["paper.released"]
    [paper] = world.papers("order_response")
    with world.store.begin() as unit:
        send_by_hand(unit, world.facts, paper.id)
    world.deliver(world.retailer)
    assert told(world) == ["paper.released", "paper.sent"]


def test_a_shadow_sends_nothing(world: TradeWorld) -> None:
    with world.store.begin() as unit:
        connections.set_mode(unit, world.retailer, Mode.SHADOW)
    world.deliver(world.retailer)
    assert world.one("SELECT state FROM delivery WHERE kind = 'acknowledge_order'").state == "delivered"
    assert told(world) == ["paper.released"]
