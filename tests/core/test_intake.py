"""The inbox: poison stops only itself, workers share the work, what overtakes waits, nothing has its effect twice."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import text

from core.domain.vocabulary import Via
from core.errors import MappingError, Transient
from core.jobs.intake import SUSPECT, drain_messages
from core.jobs.reading import POISON
from core.ports.connectors import Document, InboundMessage, InboundRecord
from core.services.actions import apply_case
from core.services.intake import Intake, IntakeCombiner
from core.services.replaying import discard_message, replay_message
from core.store.unit import Store
from tests.core.world import Partner, World, now


@pytest.fixture
def world(store: Store) -> World:
    return World(store, {("A", "HAM"): 1000, ("B", "HAM"): 1000, ("A", "LYS"): 1000, ("C", "LYS"): 1000})


def states(world: World) -> list[str]:
    return [row.state for row in world.all("SELECT state FROM message ORDER BY id")]


def later(world: World) -> None:
    """Let all waits and leases be over."""
    with world.store.begin() as unit:
        unit.conn.execute(
            text("UPDATE message SET lease_until = NULL, run_at = clock_timestamp() WHERE run_at IS NOT NULL")
        )


def reading(world: World, act: Callable[[InboundMessage], object], name: str = "shop") -> None:
    """Have something happen before each message of a connection is read."""
    partner = world.partners.partners.setdefault(name, Partner(name))

    def normalize(message: InboundMessage) -> Sequence[Document]:
        act(message)
        return Partner.normalize(partner, message)

    vars(partner).update(normalize=normalize)


def in_threads(number: int, work: Callable[[int], object]) -> None:
    """Run `work` in threads that begin together, and raise what any of them raised."""
    begin, failures = threading.Barrier(number), []

    def run(place: int) -> None:
        begin.wait()
        try:
            work(place)
        except BaseException as error:  # noqa: BLE001 - raised below, in the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=run, args=(place,)) for place in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    if failures:
        raise failures[0]


# -- one bad message


def poison(world: World, kind: str) -> Any:
    """A message that cannot be applied, and the code of the error it ends with."""
    order = world.order({"A": 1})
    if kind == "no JSON":
        return b'{"external_id": ', "MAP-SYNTAX-422"
    if kind == "wrong type":
        return {**order, "lines": "none"}, "DOC-SCHEMA-422"
    if kind == "zero byte":
        return {**order, "external_id": "X\x00X"}, "DOC-SCHEMA-422"
    if kind == "number the database refuses":
        return {**order, "source_version": 2**63}, "MSG-STORE-422"
    if kind == "connector raises":
        return {**order, "note": "raise"}, "MSG-CRASH-500"
    assert kind == "words no database takes"
    return {**order, "note": "words"}, "MAP-FIELD-422"


def spoil(message: InboundMessage) -> None:
    if b'"note":"raise"' in message.body:
        raise ZeroDivisionError
    if b'"note":"words"' in message.body:
        raise MappingError("No code 'zero\x00byte, lone \ud800 half'.", why="\x00", line="\x00")


@pytest.mark.parametrize(
    "kind",
    [
        "no JSON",
        "wrong type",
        "zero byte",
        "number the database refuses",
        "connector raises",
        "words no database takes",
    ],
)
def test_one_bad_message_stops_only_itself(world: World, kind: str) -> None:
    reading(world, spoil)
    for _ in range(3):
        world.send("order", world.order({"A": 1}))
    body, code = poison(world, kind)
    bad = world.send("order", body)
    for _ in range(3):
        world.send("order", world.order({"A": 1}))
    assert drain_messages(world.hub) == 7
    assert states(world) == ["applied"] * 3 + ["quarantined"] + ["applied"] * 3
    found = world.one("SELECT * FROM message WHERE state = 'quarantined'")
    assert (found.id, found.error["code"]) == (bad, code)
    assert world.one("SELECT count(*) AS n FROM orders").n == 6
    case = world.one("SELECT code, state FROM exception_case")
    assert (case.code, case.state) == ("MSG-QUARANTINE-422", "open")
    assert world.one("SELECT subject_id FROM case_member").subject_id == bad
    assert drain_messages(world.hub) == 0
    world.check_books()


def test_bad_messages_of_one_cause_are_one_case_and_replayed_together(world: World) -> None:
    reading(world, spoil)
    for _ in range(5):
        world.send("order", {**world.order({"A": 1}), "note": "raise"})
    world.drain()
    assert states(world) == ["quarantined"] * 5
    case = world.one("SELECT id FROM exception_case")
    reading(world, lambda _message: None)
    with world.store.begin() as unit:
        assert apply_case(unit, world.facts, world.hub.connectors, case.id) == {"action": "replay_messages", "done": 5}
    world.drain()
    assert states(world) == ["applied"] * 5
    assert world.one("SELECT state FROM exception_case").state == "superseded"
    assert world.one("SELECT count(*) AS n FROM orders").n == 5


def test_a_bad_message_can_be_given_up_by_a_person(world: World) -> None:
    bad = world.send("order", b"[]")
    world.drain()
    with world.store.begin(actor="user:mira") as unit:
        assert discard_message(unit, bad, "a test of theirs") == "discarded"
    assert world.one("SELECT state FROM exception_case").state == "superseded"
    assert drain_messages(world.hub) == 0


def test_a_message_that_kills_workers_kills_no_neighbor(world: World) -> None:
    def kill(message: InboundMessage) -> None:
        if b'"note":"kill"' in message.body:
            raise KeyboardInterrupt

    reading(world, kill)
    for _ in range(3):
        world.send("order", world.order({"A": 1}))
    bad = world.send("order", {**world.order({"A": 1}), "note": "kill"})
    for _ in range(3):
        world.send("order", world.order({"A": 1}))
    deaths = 0
    for _ in range(50):
        try:
            if not drain_messages(world.hub):
                break
        except KeyboardInterrupt:
            deaths += 1
            later(world)
    assert deaths == POISON
    assert SUSPECT < POISON
    assert states(world).count("applied") == 6
    found = world.one("SELECT * FROM message WHERE state = 'quarantined'")
    assert (found.id, found.error["code"]) == (bad, "MSG-POISON-500")
    assert world.one("SELECT count(*) AS n FROM orders").n == 6


def test_what_cannot_be_read_just_now_is_read_later(world: World) -> None:
    failures = [Transient("The currency table is being loaded.", retry_after=30)]

    def not_yet(_message: InboundMessage) -> None:
        if failures:
            raise failures.pop()

    reading(world, not_yet)
    world.send("order", world.order({"A": 1}))
    assert drain_messages(world.hub) == 1
    assert states(world) == ["received"]
    assert drain_messages(world.hub) == 0
    later(world)
    assert drain_messages(world.hub) == 1
    assert states(world) == ["applied"]


# -- many workers


def test_workers_share_the_inbox_without_loss_or_doubling(world: World) -> None:
    records = []
    for number in range(240):
        body = world.order({"A": 1, "C": 1} if number % 3 else {"B": 2})
        records.append(("order", body))
        if number % 10 == 0:  # a second picture of the same order, and a cancellation, somewhere else in the inbox
            records.append(("order", {**body, "source_version": 2, "note": "gift"}))
        if number % 15 == 0:
            records.append(("order_cancel", {"external_id": body["external_id"], "reason": "customer"}))
    records.sort(key=lambda each: hash(str(each)))
    for topic, body in records:
        world.send(topic, body)
    done: list[int] = []

    def work(_place: int) -> None:
        while found := drain_messages(world.hub, 25):
            done.append(found)

    in_threads(4, work)
    for _ in range(10):
        later(world)
        world.drain()
    assert sum(done) >= len(records)
    assert world.one("SELECT count(*) AS n, count(DISTINCT external_id) AS d FROM orders") == (240, 240)
    assert set(states(world)) <= {"applied", "duplicate"}
    assert world.one("SELECT count(*) AS n FROM orders WHERE state = 'canceled'").n == 16
    sold = world.one("SELECT sum(quantity - canceled) AS n FROM order_line").n
    assert world.one("SELECT sum(allocated) AS n FROM stock_position").n == sold
    world.check_books()


def test_a_batch_whose_lease_was_lost_is_left_to_the_other_worker(world: World) -> None:
    others: list[int] = []

    def lose(_message: InboundMessage) -> None:
        if not others:
            others.append(0)
            later(world)
            others.append(drain_messages(world.hub))

    reading(world, lose)
    for _ in range(3):
        world.send("order", world.order({"A": 1}))
    assert drain_messages(world.hub) == 3
    assert others == [0, 3]
    assert states(world) == ["applied"] * 3
    assert world.one("SELECT count(*) AS n FROM orders").n == 3
    assert world.one("SELECT sum(allocated) AS n FROM stock_position").n == 3
    world.check_books()


def test_a_killed_workers_batch_comes_back_when_its_lease_is_over(world: World) -> None:
    def die(_message: InboundMessage) -> None:
        raise KeyboardInterrupt

    reading(world, die)
    world.send("order", world.order({"A": 1}))
    with pytest.raises(KeyboardInterrupt):
        drain_messages(world.hub)
    reading(world, lambda _message: None)
    assert drain_messages(world.hub) == 0
    with world.store.begin() as unit:
        unit.conn.execute(text("UPDATE message SET lease_until = clock_timestamp() - interval '1 second'"))
    assert drain_messages(world.hub) == 1
    assert states(world) == ["applied"]


# -- reports that overtake what they are about


def test_a_cancellation_before_its_order_waits_for_it(world: World) -> None:
    body = world.order({"A": 2})
    world.send("order_cancel", {"external_id": body["external_id"], "reason": "customer"})
    world.drain()
    assert states(world) == ["normalized"]
    world.send("order", body)
    world.drain()
    later(world)
    world.drain()
    assert states(world) == ["applied", "applied"]
    order = world.one("SELECT state, phase FROM orders")
    assert (order.state, order.phase) == ("canceled", "canceled")
    assert world.one("SELECT sum(allocated) AS n FROM stock_position").n == 0
    world.check_books()


def shipment(world: World, number: str = "S1") -> dict[str, Any]:
    [work] = world.work()
    return {"external_id": number, "fulfillment": f"ful_{work.id.hex}", "carrier": "DHL", "tracking_number": "T1"}


def test_tracking_before_its_shipment_waits_for_it(world: World) -> None:
    world.send("order", world.order({"A": 1}))
    world.drain()
    fact = {"tracking_number": "T1", "carrier": "DHL", "status": "delivered", "occurred_at": now().isoformat()}
    world.send("tracking", fact, world.wms)
    world.drain()
    assert states(world) == ["applied", "normalized"]
    world.send("shipment", shipment(world), world.wms)
    world.drain()
    later(world)
    world.drain()
    assert states(world) == ["applied"] * 3
    assert world.one("SELECT phase FROM orders").phase == "delivered"


def test_a_shipment_before_the_nodes_acknowledgement_is_the_newer_truth(world: World) -> None:
    world.send("order", world.order({"A": 1}))
    world.drain()
    report = shipment(world)
    world.send("shipment", report, world.wms)
    for status in ("acknowledged", "picking"):
        world.send("fulfillment_update", {"fulfillment": report["fulfillment"], "status": status}, world.wms)
    world.drain()
    assert states(world) == ["applied"] * 4
    assert [work.state for work in world.work()] == ["shipped"]
    assert world.one("SELECT state FROM orders").state == "completed"
    world.check_books()


def test_an_older_picture_that_comes_first_is_overtaken_by_the_newer(world: World) -> None:
    body = world.order({"A": 3})
    newer = {**body, "source_version": 9, "lines": [{**body["lines"][0], "quantity": "1"}], "totals": None}
    world.send("order", newer)
    world.drain()
    world.send("order", {**body, "source_version": 8})
    world.drain()
    assert world.one("SELECT quantity FROM order_line").quantity == 1
    assert states(world) == ["applied", "duplicate"]


def test_a_report_about_nothing_is_a_case_in_the_end_and_can_be_replayed(world: World) -> None:
    body = world.order({"A": 1})
    early = world.send("order_cancel", {"external_id": body["external_id"]})
    for _ in range(20):
        world.drain()
        later(world)
    assert states(world) == ["quarantined"]
    assert world.one("SELECT attempts FROM message").attempts == world.hub.pace.unknown_tries
    case = world.one("SELECT code, title FROM exception_case")
    assert tuple(case) == ("ORDER-UNKNOWN-404", "shop speaks of an order nobody knows (order_cancel)")
    world.send("order", body)
    world.drain()
    with world.store.begin() as unit:
        replay_message(unit, early)
    world.drain()
    assert world.one("SELECT state FROM orders").state == "canceled"
    assert world.one("SELECT state FROM exception_case").state == "superseded"


# -- at most once


def test_a_replay_has_its_effect_at_most_once(world: World) -> None:
    sent = [world.send("order", world.order({"A": 3}))]
    world.drain()
    sent.append(world.send("shipment", shipment(world), world.wms))
    count = {"node": "HAM", "as_of": now().isoformat(), "items": [{"sku": "B", "on_hand": "7"}]}
    sent.append(world.send("stock", count, world.wms))
    sent.append(world.send("refund", _refund(world)))
    world.drain()
    tables = ("orders", "order_line", "shipment", "shipment_line", "reservation", "fulfillment_order", "delivery")

    def picture() -> Any:
        counts = [world.one(f"SELECT count(*) AS n FROM {table}").n for table in tables]
        stock = world.all("SELECT on_hand, reserved, allocated FROM stock_position ORDER BY item_id, node_id")
        lines = world.all("SELECT quantity, canceled, shipped, returned FROM order_line")
        moved = world.one("SELECT sum(on_hand) AS h, sum(allocated) AS a FROM stock_movement")
        return counts, stock, lines, moved

    before = picture()
    assert set(states(world)) == {"applied"}
    for _ in range(2):
        for message in sent:
            with world.store.begin() as unit:
                replay_message(unit, message)
        world.drain()
    assert picture() == before
    assert set(states(world)) <= {"applied", "duplicate"}
    world.check_books()


def _refund(world: World) -> dict[str, Any]:
    order = world.one("SELECT external_id FROM orders")
    return {
        "external_id": "R1",
        "order_external_id": order.external_id,
        "lines": [{"external_id": "L1", "quantity": "1", "restock": "return"}],
    }


def test_the_same_fact_twice_is_one_message(world: World) -> None:
    body = world.order({"A": 1})
    first = world.send("order", body, key="event-1")
    assert world.send("order", body, key="event-1") == first
    world.drain()
    assert world.send("order", body, key="event-1") == first
    row = world.one("SELECT state, repeats FROM message")
    assert (row.state, row.repeats) == ("applied", 2)
    assert drain_messages(world.hub) == 0
    assert world.one("SELECT count(*) AS n FROM orders").n == 1


def test_the_same_key_at_two_connections_is_two_facts(world: World) -> None:
    assert world.send("ignore", {}, world.shop, key="1") != world.send("ignore", {}, world.wms, key="1")


def test_one_call_with_a_fact_twice_stores_it_once(world: World) -> None:
    record = InboundRecord("ignore", "k", b"{}")
    first, second = Intake(world.store).accept(world.shop, [record, record], Via.POLL)
    assert (first.duplicate, second.duplicate) == (False, True)
    assert first.message_id == second.message_id


def test_a_key_that_comes_again_with_other_bytes_is_told_from_a_repeat(world: World) -> None:
    intake, first, other = Intake(world.store), InboundRecord("ignore", "k", b"{}"), InboundRecord("ignore", "k", b"[]")
    at_once = intake.accept(world.shop, [first, first, other], Via.POLL)
    assert [(each.duplicate, each.differs) for each in at_once] == [(False, False), (True, False), (True, True)]
    later = [intake.accept(world.shop, [each], Via.POLL)[0] for each in (first, other)]
    assert [(each.duplicate, each.differs) for each in later] == [(True, False), (True, True)]


def test_the_door_stores_each_fact_once_for_32_callers_at_once(world: World) -> None:
    door = IntakeCombiner(world.store)
    answers: list[tuple[str, Any, bool]] = []

    def call(place: int) -> None:
        for number in range(12):
            key = f"shared-{number}" if number % 3 == 0 else f"{place}-{number}"
            accepted = door.accept_one(world.shop, InboundRecord("ignore", key, b"{}"))
            answers.append((key, accepted.message_id, accepted.duplicate))

    in_threads(32, call)
    assert len(answers) == 32 * 12
    keys = {key for key, _, _ in answers}
    assert len(keys) == 32 * 8 + 4
    assert {(row.dedupe_key, row.id) for row in world.all("SELECT dedupe_key, id FROM message")} == {
        (key, message) for key, message, _ in answers
    }
    assert sorted(key for key, _, duplicate in answers if not duplicate) == sorted(keys)
