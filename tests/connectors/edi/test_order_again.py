"""An order number that comes again: the same is harmless, a replacement is a change, anything else has a case."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.services.actions import apply_case, done_in_words
from core.store.unit import Store
from tests.connectors.edi.partner_world import EdiWorld, order, x12

EDIFACT = (
    "UNB+UNOC:3+ACME:ZZ+HUB:ZZ+260301:1200+{ref}'UNH+1+ORDERS:D:96A:UN:EAN008'BGM+220+PO-1+{purpose}'"
    "DTM+137:20260301:102'NAD+DP+4098765000003::9++Store 815+Am Markt 1+Kiel++24103+DE'LIN+1++4006381333931:EN'"
    "PIA+1+A:SA'QTY+21:{quantity}'PRI+AAA:10'UNS+S'UNT+{count}+1'UNZ+1+{ref}'"
)
Sender = Callable[[int, bool, int], bytes]


def by_x12(ref: int, replaces: bool, quantity: int) -> bytes:
    return x12(
        order("PO-1", quantity=str(quantity)).replace("BEG*00", "BEG*05" if replaces else "BEG*00"), ref=ref, group=ref
    )


def by_edifact(ref: int, replaces: bool, quantity: int) -> bytes:
    return EDIFACT.format(ref=ref, purpose=5 if replaces else 9, quantity=quantity, count=10).encode()


@pytest.fixture
def world(store: Store, tmp_path: Path) -> EdiWorld:
    return EdiWorld(store, tmp_path / "acme")


@pytest.fixture(params=[by_x12, by_edifact])
def sender(request: pytest.FixtureRequest) -> Sender:
    found: Sender = request.param
    return found


def units(world: EdiWorld) -> Any:
    return world.one("SELECT sum(quantity - canceled) AS n FROM order_line").n


def last(world: EdiWorld) -> Any:
    return world.one("SELECT id, state, outcome, error, order_id FROM message ORDER BY id DESC LIMIT 1")


def apply(world: EdiWorld, action: str | None = None, **args: str) -> str:
    case = world.one("SELECT id FROM exception_case WHERE code = 'ORDER-AGAIN-409' AND state = 'open'")
    with world.store.begin() as unit:
        answer = apply_case(unit, world.hub.facts.get(unit.conn, 1), world.hub.connectors, case.id, args, action)
    assert answer["done"] == 1
    world.drain()
    return done_in_words(answer)


def test_the_same_content_in_a_new_interchange_is_a_harmless_repeat(world: EdiWorld, sender: Sender) -> None:
    world.drop(sender(1, False, 3))
    first = world.one("SELECT id FROM orders")
    world.drop(sender(2, False, 3))
    assert (last(world).state, last(world).order_id) == ("ignored", first.id)
    assert "with the same content; nothing of it is done" in last(world).outcome
    assert world.cases() == []
    assert units(world) == 3


def test_other_content_is_kept_with_a_case_that_names_what_differs(world: EdiWorld, sender: Sender) -> None:
    world.drop(sender(1, False, 3))
    world.drop(sender(2, False, 5))
    assert units(world) == 3
    assert (last(world).state, last(world).error["code"]) == ("quarantined", "ORDER-AGAIN-409")
    case = world.one("SELECT title, sentence, recommended, alternatives FROM exception_case WHERE state = 'open'")
    assert case.title == "acme sent order PO-1 again with other content"
    assert "line 1.quantity is 5, it was 3" in case.sentence
    assert case.recommended["action"] == "take_as_change"
    assert [each["action"] for each in case.alternatives] == ["reject_documents", "discard_messages"]
    # Nothing is done by looking at it again.
    with world.store.begin() as unit:
        from core.services.replaying import replay_message

        replay_message(unit, last(world).id)
    world.drain()
    assert (units(world), world.cases()) == (3, ["ORDER-AGAIN-409"])


def test_a_person_takes_it_as_a_change(world: EdiWorld, sender: Sender) -> None:
    world.drop(sender(1, False, 3))
    world.drop(sender(2, False, 5))
    assert "says whether the change was done" in apply(world)
    assert (units(world), last(world).state, world.cases()) == (5, "applied", [])
    changes = world.all("SELECT kind, state FROM change_set WHERE kind = 'partner'")
    assert [tuple(each) for each in changes] == [("partner", "confirmed")]
    # What the order says now, sent once more, is a repeat.
    world.drop(sender(3, False, 5))
    assert (last(world).state, world.cases()) == ("ignored", [])


def test_what_is_said_of_a_change_that_comes_too_late_is_true(world: EdiWorld) -> None:
    world.drop(by_x12(1, False, 3))
    world.drop(by_x12(2, False, 5))
    case = world.one("SELECT id FROM exception_case WHERE code = 'ORDER-AGAIN-409'")
    world.ship(world.one("SELECT id FROM orders"))
    with world.store.begin() as unit:
        answer = apply_case(unit, world.hub.facts.get(unit.conn, 1), world.hub.connectors, case.id)
    state = world.one("SELECT state FROM orders").state
    assert done_in_words(answer) == (
        f"the message is read again, and the change will be refused (ORDER-CHANGE-409): PO-1 is {state}"
    )
    world.drain()
    [refused] = world.all("SELECT outcome FROM message WHERE outcome LIKE 'refused: %'")
    assert (units(world), refused.outcome) == (3, f"refused: PO-1 is {state}.")


def test_a_person_leaves_it_undone_for_a_reason(world: EdiWorld, sender: Sender) -> None:
    world.drop(sender(1, False, 3))
    world.drop(sender(2, False, 5))
    apply(world, "discard_messages", reason="a slip of the buyer, who was told")
    assert (units(world), world.cases()) == (3, [])
    assert (last(world).state, last(world).outcome) == ("discarded", "a slip of the buyer, who was told")


def test_what_says_that_it_replaces_is_applied_as_a_change(world: EdiWorld, sender: Sender) -> None:
    world.drop(sender(1, False, 3))
    world.drop(sender(2, True, 5))
    assert (units(world), last(world).state, world.cases()) == (5, "applied", [])
    assert world.one("SELECT count(*) AS n FROM orders").n == 1
    changed = world.one("SELECT state, changes FROM change_set WHERE kind = 'partner'")
    assert (changed.state, changed.changes["replaced"]) == ("confirmed", "PO-1")
    # Once more, it changes nothing.
    world.drop(sender(3, True, 5))
    assert (last(world).state, world.one("SELECT count(*) AS n FROM change_set WHERE kind = 'partner'").n) == (
        "duplicate", 1,
    )  # fmt: skip
    # And back to what was ordered first.
    world.drop(sender(4, True, 3))
    assert (units(world), world.cases()) == (3, [])


def test_a_replacement_of_what_nobody_sent_is_the_order(world: EdiWorld, sender: Sender) -> None:
    world.drop(sender(1, True, 4))
    assert (units(world), last(world).state) == (4, "applied")


def test_a_replacement_that_comes_too_late_is_refused_where_everybody_sees_it(world: EdiWorld, sender: Sender) -> None:
    world.drop(sender(1, False, 3))
    world.ship(world.one("SELECT id FROM orders"))
    world.drop(sender(2, True, 2))
    assert units(world) == 3
    assert "ORDER-CHANGE-409" in world.cases()
    assert last(world).outcome.startswith("refused: ")


def test_the_first_of_both_in_one_file_is_the_order(world: EdiWorld) -> None:
    world.drop(by_x12(1, False, 3) + by_x12(2, False, 5))
    assert units(world) == 3
    assert world.cases() == ["ORDER-AGAIN-409"]


def test_a_replacement_that_names_another_item_on_a_line_does_not_leave_the_old_one(
    world: EdiWorld, sender: Sender
) -> None:
    world.drop(sender(1, False, 3))
    world.drop(sender(2, True, 3).replace(b"VP*A", b"VP*B").replace(b"PIA+1+A:SA", b"PIA+1+B:SA"))
    assert units(world) == 3
    assert (last(world).state, last(world).outcome[:9], world.cases()) == ("applied", "refused: ", ["ORDER-CHANGE-409"])
