"""What becomes of an outgoing write under each kind of answer."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from core.domain.vocabulary import Write
from core.errors import (
    Declined,
    Misconfigured,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Transient,
    Unwritable,
)
from core.jobs.relay import DUE_DELIVERIES
from core.ports.connectors import Push, Receipt
from core.services import connections
from core.services.actions import apply_case
from core.services.replaying import retry_delivery
from core.store.unit import Store
from tests.core.world import World
from tests.core.writes import (
    attempts,
    case,
    connection,
    during,
    later,
    partner,
    row,
    script,
    sent,
    slow_world,
    states,
    write,
)


@pytest.fixture
def world(store: Store) -> World:
    return slow_world(store)


def test_a_write_is_delivered_once(world: World) -> None:
    write(world, 1)
    assert world.deliver(world.erp) == 1
    found = row(world)
    assert (found.state, found.attempts, found.outcome, found.error) == ("delivered", 1, "delivered", None)
    assert partner(world).find_by_reference(partner(world).order[0]) == Receipt(found.reference)
    assert (found.lease_token, found.lease_until) == (None, None)
    assert attempts(world) == [(1, "delivered")]
    assert world.deliver(world.erp) == 0
    assert sent(world) == [1]


def test_transient_failures_follow_the_schedule_and_end_in_a_dead_letter(world: World) -> None:
    write(world, 1)
    script(world, *[Transient("The ERP is away.")] * 4)
    for number, wait in enumerate((60, 600, 6000), 1):
        assert world.deliver(world.erp) == 1
        found = row(world)
        assert (found.state, found.attempts) == ("waiting", number)
        assert timedelta(seconds=wait * 0.5 - 5) < found.wait < timedelta(seconds=wait * 1.5)
        assert world.deliver(world.erp) == 0
        later(world)
    assert case(world) is None
    assert world.deliver(world.erp) == 1
    found = row(world)
    assert (found.state, found.attempts, found.error["code"]) == ("dead", 4, "OUT-TRANSIENT-503")
    assert case(world) == ("DLV-DEAD-502", "open")
    assert world.one("SELECT title FROM exception_case").title == "erp did not take push order (OUT-TRANSIENT-503)"
    assert attempts(world) == [(1, "waiting"), (2, "waiting"), (3, "waiting"), (4, "dead")]
    assert sent(world) == []
    later(world)
    assert world.deliver(world.erp) == 0


def test_what_our_own_map_cannot_write_is_not_said_to_be_refused_by_the_partner(world: World) -> None:
    write(world, 1)
    script(world, Unwritable("The order cannot be written as 850 by the map own.", why="PO103 knows no H87."))
    world.deliver(world.erp)
    assert (row(world).state, case(world)) == ("dead", ("DLV-UNWRITTEN-422", "open"))
    found = world.one("SELECT title, sentence FROM exception_case")
    assert found.title == "Our map cannot write push order for erp (MAP-WRITE-422)"
    assert found.sentence == (
        "The order cannot be written as 850 by the map own. PO103 knows no H87. "
        "Nothing was sent, and erp knows nothing of it."
    )
    with world.store.begin() as unit:
        retry_delivery(unit, row(world).id)
    assert case(world) == ("DLV-UNWRITTEN-422", "superseded")
    world.deliver(world.erp)
    assert sent(world) == [1]


def test_retry_after_wins_over_a_shorter_wait(world: World) -> None:
    write(world, 1)
    script(world, Transient("Later.", retry_after=900))
    world.deliver(world.erp)
    assert row(world).wait > timedelta(seconds=890)


def test_a_reply_lost_after_the_effect_is_found_and_not_written_again(world: World) -> None:
    write(world, 1)
    script(world, OutcomeUnknown("The reply was cut.", after=True))
    world.deliver(world.erp)
    assert (row(world).state, row(world).attempts) == ("unknown", 1)
    later(world)
    world.deliver(world.erp)
    found = row(world)
    assert (found.state, found.attempts) == ("delivered", 2)
    assert [len(pushes) for pushes in partner(world).effects.values()] == [1]
    assert attempts(world) == [(1, "unknown"), (2, "delivered")]


def test_a_write_that_never_arrived_is_looked_up_and_then_written(world: World) -> None:
    write(world, 1)
    script(world, OutcomeUnknown("The connection broke."))
    world.deliver(world.erp)
    later(world)
    world.deliver(world.erp)
    assert row(world).state == "delivered"
    assert [len(pushes) for pushes in partner(world).effects.values()] == [1]


def test_what_may_have_happened_stays_unknown_until_the_look_up_answers(world: World) -> None:
    write(world, 1)
    found = partner(world)
    asked: list[str] = []

    def down(push: Push) -> Receipt | None:
        asked.append(push.reference)
        raise Transient("The look-up does not answer.")

    script(world, OutcomeUnknown("The reply was cut.", after=True))
    world.deliver(world.erp)
    vars(found).update(find_by_reference=down)
    for _ in range(2):
        later(world)
        world.deliver(world.erp)
        assert row(world).state == "unknown"
    del vars(found)["find_by_reference"]
    later(world)
    world.deliver(world.erp)
    assert row(world).state == "delivered"
    assert len(asked) == 2
    assert [len(pushes) for pushes in found.effects.values()] == [1]


def test_a_limit_while_looking_up_does_not_forget_what_may_have_happened(world: World) -> None:
    write(world, 1)
    found = partner(world)

    def limited(_push: Push) -> Receipt | None:
        raise RateLimited("Slow down.", retry_after=30)

    script(world, OutcomeUnknown("The reply was cut.", after=True))
    world.deliver(world.erp)
    vars(found).update(find_by_reference=limited)
    later(world)
    world.deliver(world.erp)
    del vars(found)["find_by_reference"]
    later(world)
    world.deliver(world.erp)
    assert row(world).state == "delivered"
    assert [len(pushes) for pushes in found.effects.values()] == [1]


def test_wrong_credentials_while_looking_up_do_not_forget_what_may_have_happened(world: World) -> None:
    write(world, 1)
    found = partner(world)

    def refused(_push: Push) -> Receipt | None:
        raise Misconfigured("The key was revoked.")

    script(world, OutcomeUnknown("The reply was cut.", after=True))
    world.deliver(world.erp)
    vars(found).update(find_by_reference=refused)
    later(world)
    world.deliver(world.erp)
    del vars(found)["find_by_reference"]
    with world.store.begin() as unit:
        connections.resume(unit, world.erp)
    later(world)
    world.deliver(world.erp)
    assert row(world).state == "delivered"
    assert [len(pushes) for pushes in found.effects.values()] == [1]


def test_a_dead_letter_that_may_have_happened_is_looked_up_when_it_is_sent_again(world: World) -> None:
    write(world, 1)
    script(world, OutcomeUnknown("The reply was cut.", after=True))
    world.deliver(world.erp)
    found = partner(world)

    def down(_push: Push) -> Receipt | None:
        raise Transient("The look-up does not answer.")

    vars(found).update(find_by_reference=down)
    for _ in range(3):
        later(world)
        world.deliver(world.erp)
    assert row(world).state == "dead"
    del vars(found)["find_by_reference"]
    with world.store.begin() as unit:
        retry_delivery(unit, row(world).id)
    later(world)
    world.deliver(world.erp)
    assert row(world).state == "delivered"
    assert [len(pushes) for pushes in found.effects.values()] == [1]


def test_a_connector_that_raises_anything_is_an_unknown_outcome(world: World) -> None:
    write(world, 1)
    during(world, "erp", lambda: 1 / 0)
    world.deliver(world.erp)
    found = row(world)
    assert (found.state, found.error["code"]) == ("unknown", "OUT-CRASH-500")
    later(world)
    world.deliver(world.erp)
    assert row(world).state == "delivered"
    assert sent(world) == [1]


def test_a_rejection_is_a_dead_letter_with_a_case_that_sending_again_settles(world: World) -> None:
    write(world, 1)
    script(world, Rejected("No such article.", code="ERP-ITEM-422"))
    world.deliver(world.erp)
    assert (row(world).state, row(world).attempts) == ("dead", 1)
    assert case(world) == ("DLV-DEAD-502", "open")
    member = world.one("SELECT subject, subject_id, resolved_at FROM case_member")
    assert (member.subject, member.subject_id, member.resolved_at) == ("delivery", row(world).id, None)
    with world.store.begin() as unit:
        retry_delivery(unit, row(world).id)
    assert case(world) == ("DLV-DEAD-502", "superseded")
    world.deliver(world.erp)
    assert row(world).state == "delivered"
    assert sent(world) == [1]


def test_applying_the_case_sends_all_its_dead_letters_again(world: World) -> None:
    for number in range(3):
        write(world, number)
    script(world, *[Rejected("No such article.", code="ERP-ITEM-422")] * 3)
    assert world.deliver(world.erp) == 3
    assert states(world) == ["dead"] * 3
    with world.store.begin() as unit:
        done = apply_case(unit, world.facts, world.hub.connectors, world.one("SELECT id FROM exception_case").id)
    assert done == {"action": "retry_deliveries", "done": 3}
    world.deliver(world.erp)
    assert sorted(sent(world)) == [0, 1, 2]
    assert case(world) == ("DLV-DEAD-502", "superseded")


def test_the_partners_normal_no_is_final_and_no_fault(world: World) -> None:
    write(world, 1)
    script(world, Declined("Already invoiced."))
    world.deliver(world.erp)
    found = row(world)
    assert (found.state, found.outcome) == ("declined", "Already invoiced.")
    assert case(world) is None
    assert connection(world).failures == 0


def test_wrong_credentials_pause_this_connection_only_until_somebody_resumes_it(world: World) -> None:
    order = write(world, 1, 2)
    write(world, 7, order=order, to="wms", kind=Write.PUSH_FULFILLMENT_ORDER)
    script(world, Misconfigured("The key was revoked."))
    assert world.deliver(world.erp) == 1
    found = row(world)
    assert (found.state, found.attempts) == ("waiting", 0)
    assert connection(world).paused_until.year == 9999
    assert case(world) == ("CONN-PAUSED-401", "open")
    later(world)
    assert world.deliver(world.erp) == 0
    assert world.deliver(world.wms) == 1
    assert connection(world, "wms").paused_until is None
    with world.store.begin() as unit:
        connections.resume(unit, world.erp)
    assert case(world) == ("CONN-PAUSED-401", "superseded")
    assert world.deliver(world.erp) == 2
    assert sent(world) == [1, 2]


def test_a_limit_pauses_the_connection_and_burns_no_attempt(world: World) -> None:
    write(world, 1)
    write(world, 2)
    for _ in range(10):
        script(world, RateLimited("Slow down.", retry_after=45))
        later(world)
        assert world.deliver(world.erp) == 1
        assert timedelta(seconds=40) < connection(world).pause < timedelta(seconds=46)
    assert sorted((each.state, each.attempts) for each in world.all("SELECT * FROM delivery")) in (
        [("due", 0), ("waiting", 0)],
        [("waiting", 0), ("waiting", 0)],
    )
    assert connection(world).breaker_opened == 0
    later(world)
    assert world.deliver(world.erp) == 2
    assert sorted(sent(world)) == [1, 2]


def test_the_breaker_opens_after_five_failures_doubles_and_closes_after_a_probe(world: World) -> None:
    for number in range(8):
        write(world, number)
    script(world, *[Transient("Away.")] * 5)
    assert world.deliver(world.erp) == 5
    found = connection(world)
    assert found.breaker_opened == 1
    assert timedelta(seconds=55) < found.pause < timedelta(seconds=61)
    assert states(world).count("waiting") == 5
    assert world.deliver(world.erp) == 0
    later(world)
    script(world, Transient("Still away."))
    assert world.deliver(world.erp) == 1
    found = connection(world)
    assert found.breaker_opened == 2
    assert timedelta(seconds=115) < found.pause < timedelta(seconds=121)
    later(world)
    assert world.deliver(world.erp) == 8
    found = connection(world)
    assert (found.failures, found.breaker_opened) == (0, 0)
    assert sorted(sent(world)) == list(range(8))


def open_breaker(world: World) -> None:
    """Fail five of seven writes, and let the pause and the waits be over."""
    for number in range(7):
        write(world, number)
    script(world, *[Transient("Away.")] * 5)
    assert world.deliver(world.erp) == 5
    assert connection(world).breaker_opened == 1
    later(world)


def hints(world: World) -> list[int]:
    return [row.hints for row in world.all(DUE_DELIVERIES, t=1)]


def test_one_write_probes_the_partner_and_the_others_go_on_after_its_answer(world: World) -> None:
    open_breaker(world)
    assert hints(world) == [1]
    meanwhile: list[int] = []

    def look() -> None:
        meanwhile.append(world.deliver(world.erp))
        assert states(world).count("sending") == 1
        assert hints(world) == []

    during(world, "erp", look)
    assert world.deliver(world.erp) == 7
    assert meanwhile == [0]
    assert (connection(world).breaker_opened, sorted(sent(world))) == (0, list(range(7)))


def test_a_probe_that_fails_is_the_only_write_of_its_look(world: World) -> None:
    open_breaker(world)
    before = len(attempts(world))
    meanwhile: list[int] = []
    during(world, "erp", lambda: meanwhile.append(world.deliver(world.erp)), then=Transient("Still away."))
    assert world.deliver(world.erp) == 1
    assert (meanwhile, len(attempts(world)) - before) == ([0], 1)
    assert connection(world).breaker_opened == 2


def test_only_the_first_seat_probes(world: World) -> None:
    open_breaker(world)
    with world.store.begin() as unit:
        unit.conn.execute(
            text("UPDATE seat SET holder = connection_id, held_until = now() + interval '1 minute' WHERE n = 1")
        )
    assert (world.deliver(world.erp), hints(world)) == (0, [])
    with world.store.begin() as unit:
        unit.conn.execute(text("UPDATE connection SET breaker_opened = 0"))
    assert hints(world) == [1]
    assert world.deliver(world.erp) == 7


def test_an_answer_that_is_no_failure_of_the_connection_heals_it(world: World) -> None:
    for number in range(6):
        write(world, number)
    away, refused = Transient("Away."), Rejected("No such article.")
    script(world, away, away, away, away, refused, away)
    assert world.deliver(world.erp) == 6
    found = connection(world)
    assert (found.failures, found.breaker_opened, found.paused_until) == (1, 0, None)


@pytest.mark.parametrize("word", ["zero\x00byte", "lone \ud800 half", "x" * 5000])
def test_words_no_database_takes_do_not_stop_a_delivery(world: World, word: str) -> None:
    write(world, 1)
    write(world, 2)
    script(world, Rejected(f"Refused: {word}", why=word, code="ERP-ITEM-422"))
    assert world.deliver(world.erp) == 2
    assert states(world) == ["dead", "delivered"]
    assert case(world) == ("DLV-DEAD-502", "open")


def test_a_reference_no_database_takes_does_not_stop_a_delivery(world: World) -> None:
    write(world, 1)
    vars(partner(world)).update(push_order=lambda _push: Receipt("No\x00. 7"))
    world.deliver(world.erp)
    assert row(world).state == "delivered"
    assert row(world).reference == "No. 7"
