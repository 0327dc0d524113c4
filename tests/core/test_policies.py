"""Policies: which order gets which, the way of a version, and what keeps a bad one out."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from core.domain.ids import uuid7
from core.domain.policies import Traits, check_policy
from core.errors import Conflict, IllegalTransition, InputError, NotFound, Refused
from core.routing.problem import Policy
from core.services import policies, trials
from core.services.facts import read_facts
from core.services.guardrails import strictest
from core.services.inforce import DEFAULT, InForce, choose, in_force_of, read_in_force
from core.services.whatif import trying
from core.store.read.page import Slice
from core.store.read.policies import list_policies, read_policy
from core.store.unit import Store, Unit
from tests.core.world import World


@pytest.fixture
def world(store: Store) -> World:
    return World(store, {("A", "HAM"): 1_000, ("B", "HAM"): 1_000, ("A", "LYS"): 1_000, ("C", "LYS"): 1_000})


@contextmanager
def by(world: World, actor: str) -> Iterator[Unit]:
    with world.store.begin(actor=actor) as unit:
        yield unit


def drafted(world: World, document: dict[str, Any], name: str = "cheapest") -> str:
    with by(world, "user:ada") as unit:
        made = policies.draft(unit, name, document, "try it")
        return str(read_policy(unit.conn, f"pol_{made.hex}")["policy"])


def approved(world: World, document: dict[str, Any], name: str = "cheapest") -> str:
    title = drafted(world, document, name)
    with by(world, "user:bo") as unit:
        policies.approve(unit, title)
    return title


def simulated(world: World, title: str, **more: Any) -> dict[str, Any]:
    with by(world, "user:bo") as unit:
        found = trials.simulate(unit.conn, title, unit.now, **more)
        policies.keep_simulation(unit, title, found)
    return found


def active(world: World, document: dict[str, Any], name: str = "cheapest") -> str:
    title = approved(world, document, name)
    assert simulated(world, title)["passed"] is not False
    with by(world, "user:bo") as unit:
        policies.activate(unit, title)
    return title


def in_force(world: World) -> list[str]:
    with world.store.read() as conn:
        return [f"{each.name}@{each.number}" for each in read_in_force(conn, 1)]


def states(world: World) -> dict[str, str]:
    with world.store.read() as conn:
        return {each["policy"]: each["state"] for each in list_policies(conn, Slice(50)).data}


def place(world: World, *orders: dict[str, int], **more: Any) -> None:
    for lines in orders:
        world.send("order", world.order(lines, **more))
    world.drain()


def refresh(world: World) -> None:
    """Let the hub read its facts anew, as it does once a second."""
    world.hub.facts._read_at.clear()


SPLIT = {"B": 1, "C": 1}


def test_every_hub_is_born_with_the_policy_that_holds_when_none_does(world: World) -> None:
    assert in_force(world) == ["cheapest@1"]
    with world.store.read() as conn:
        [born] = read_in_force(conn, 1)
        facts = read_facts(conn, world.partners, 1)
    assert (born.policy, born.priority, dict(born.conditions), born.ship_complete) == (Policy(), 0, {}, False)
    assert facts.policies == (born,)
    assert choose((), Traits()) is DEFAULT
    assert DEFAULT.policy == Policy()


def test_sourcing_gives_each_order_its_policy(world: World) -> None:
    active(world, {"conditions": {"tiers": ["gold"]}, "most_nodes": 1}, "gold")
    active(world, {"conditions": {"margin_percent": {"below": "50"}}, "ship_complete": True, "most_nodes": 1}, "thin")
    refresh(world)
    place(world, SPLIT)
    place(world, SPLIT, tags=["tier:gold"])
    with world.store.begin() as unit:
        unit.conn.execute(text("UPDATE item SET attributes = '{\"cost\": \"6.00\"}' WHERE sku IN ('B', 'C')"))
    place(world, SPLIT)
    found = world.all(
        "SELECT d.policy, d.choice, o.number FROM decision d JOIN orders o ON o.id = d.order_id ORDER BY d.id"
    )
    assert [row.policy for row in found] == ["cheapest@1", "gold@1", "thin@1"]
    assert [len(row.choice["assignments"]) for row in found] == [2, 1, 0]
    assert [len(row.choice["short"]) for row in found] == [0, 1, 2]
    world.check_books()


def test_a_version_is_written_approved_simulated_and_activated(world: World) -> None:
    place(world, SPLIT, {"A": 2})
    title = drafted(world, {"most_nodes": 4})
    assert title == "cheapest@2"
    with by(world, "user:ada") as unit, pytest.raises(IllegalTransition):
        policies.activate(unit, title)
    with by(world, "user:ada") as unit, pytest.raises(Refused) as caught:
        policies.approve(unit, title)
    assert caught.value.error_code == "POLICY-SELF-403"
    assert states(world) == {"cheapest@1": "active", "cheapest@2": "draft"}
    with by(world, "user:bo") as unit:
        policies.approve(unit, title, "looks right")
    with by(world, "user:bo") as unit, pytest.raises(Refused) as caught:
        policies.activate(unit, title)
    assert caught.value.error_code == "POLICY-SIMULATION-403"
    report = simulated(world, title)
    assert (report["orders"], report["moved"], report["passed"], report["everything"]) == (2, 0, True, True)
    with by(world, "user:bo") as unit:
        policies.activate(unit, title, comment="go")
    assert states(world) == {"cheapest@1": "retired", "cheapest@2": "active"}
    assert in_force(world) == ["cheapest@2"]
    with world.store.read() as conn:
        shown = read_policy(conn, "cheapest")
    assert (shown["author"], shown["approver"], shown["passed"]) == ("user:ada", "user:bo", True)
    assert [(each["actor"], each["did"], each["text"]) for each in shown["comments"]] == [
        ("user:ada", "wrote it", "try it"), ("user:bo", "approved it", "looks right"),
        ("user:bo", "activated it instead of cheapest@1", "go"),
    ]  # fmt: skip
    events = world.all("SELECT type, data FROM event WHERE subject = 'policy' ORDER BY seq")
    assert [each.type for each in events] == [
        "policy.drafted", "policy.approved", "policy.simulated", "policy.activated",
    ]  # fmt: skip
    assert events[-1].data == {"policy": title, "instead_of": "cheapest@1", "comment": "go"}
    audited = world.all("SELECT action, actor, subject FROM audit_entry ORDER BY seq")
    assert [(each.action, each.actor) for each in audited] == [
        ("policy.drafted", "user:ada"), ("policy.approved", "user:bo"), ("policy.simulated", "user:bo"),
        ("policy.activated", "user:bo"),
    ]  # fmt: skip
    refresh(world)
    place(world, SPLIT)
    assert world.one("SELECT policy FROM decision ORDER BY id DESC").policy == title


def test_a_worse_policy_is_refused_and_nothing_changes(world: World) -> None:
    place(world, *[SPLIT] * 6, *[{"A": 1}] * 6)
    title = approved(world, {"most_nodes": 1})
    report = simulated(world, title)
    assert report["passed"] is False
    assert (report["short_percent"]["before"], report["short_percent"]["after"]) == (0, 50)
    assert (report["split_percent"]["before"], report["split_percent"]["after"]) == (50, 0)
    assert report["short_percent"]["interval"][0] < 50 < report["short_percent"]["interval"][1]
    broken = [each for each in report["guardrails"] if not each["holds"]]
    assert broken == [{"name": "short_up_points", "limit": 1.0, "value": 50.0, "holds": False}]
    with by(world, "user:bo") as unit, pytest.raises(Refused) as caught:
        policies.activate(unit, title)
    assert caught.value.error_code == "POLICY-GUARDRAIL-403"
    assert "short_up_points is 50.0, limit 1" in str(caught.value)
    assert in_force(world) == ["cheapest@1"]
    assert states(world)[title] == "approved"


def test_a_better_policy_is_accepted(world: World) -> None:
    active(world, {"most_nodes": 1})
    refresh(world)
    place(world, *[SPLIT] * 4, {"A": 1})
    title = approved(world, {"most_nodes": 3})
    report = simulated(world, title)
    assert (report["orders"], report["moved"], report["passed"]) == (5, 4, True)
    assert (report["short_percent"]["before"], report["short_percent"]["after"]) == (80, 0)
    # Orders that get more than before are not compared by cost: shipping more is not dearer.
    assert report["cost_per_order"]["compared"] == 1
    assert report["cost_per_order"]["change_percent"] == 0
    with by(world, "user:bo") as unit:
        policies.activate(unit, title)
    assert in_force(world) == [title]


def test_no_version_loosens_the_guardrails_it_is_held_to(world: World) -> None:
    place(world, *[SPLIT] * 2, *[{"A": 1}] * 2)
    title = approved(world, {"most_nodes": 1, "guardrails": {"short_up_points": "100"}})
    assert [each["limit"] for each in simulated(world, title)["guardrails"] if each["name"] == "short_up_points"] == [1]
    assert strictest(
        [
            check_policy({"guardrails": {"promise_kept_percent": "90", "split_percent": "30"}}),
            check_policy({"guardrails": {"promise_kept_percent": "95", "cost_up_percent": "2"}}),
        ]
    ) == {
        "cost_up_percent": Decimal(2), "short_up_points": Decimal(1), "promise_kept_percent": Decimal(95),
        "split_percent": Decimal(30),
    }  # fmt: skip


def test_a_guardrail_on_what_is_not_known_does_not_hold(world: World) -> None:
    place(world, {"A": 1})
    report = simulated(world, approved(world, {"guardrails": {"promise_kept_percent": "90"}}))
    assert [each for each in report["guardrails"] if not each["holds"]] == [
        {"name": "promise_kept_percent", "limit": 90.0, "value": None, "holds": False}
    ]


def test_an_old_or_short_simulation_does_not_let_a_version_in(world: World) -> None:
    place(world, {"A": 1})
    title = approved(world, {"most_nodes": 2})
    simulated(world, title)
    with world.store.begin() as unit:
        unit.conn.execute(text("UPDATE policy SET simulated_at = clock_timestamp() - interval '8 days'"))
    with by(world, "user:bo") as unit, pytest.raises(Refused, match="older than 7 days"):
        policies.activate(unit, title)
    older = uuid7(int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000))
    with world.store.begin() as unit:
        unit.conn.execute(
            text(
                "INSERT INTO decision (tenant_id, id, kind, policy, inputs, candidates, choice)"
                " VALUES (1, :id, 'sourcing', 'cheapest@1', '\\x007b7d', '\\x005b5d', '{}')"
            ),
            {"id": older},
        )
        hour = unit.now - timedelta(hours=1)
    report = simulated(world, title, since=hour)
    assert (report["orders"], report["everything"]) == (1, False)
    with by(world, "user:bo") as unit, pytest.raises(Refused, match="covers less than 7 days and 20,000 decisions"):
        policies.activate(unit, title)
    with by(world, "user:bo") as unit, pytest.raises(InputError) as caught:
        trials.simulate(unit.conn, title, unit.now, unit.now)
    assert caught.value.error_code == "POLICY-WINDOW-422"
    report = simulated(world, title, since=datetime(2025, 1, 1, tzinfo=UTC))
    assert (report["orders"], report["unread"], report["everything"]) == (1, 1, True)


def test_only_orders_a_policy_is_for_are_decided_again(world: World) -> None:
    place(world, SPLIT, {"A": 1})
    place(world, SPLIT, tags=["gold"])
    report = simulated(world, drafted(world, {"conditions": {"tiers": ["gold"]}, "most_nodes": 1}, "gold"))
    assert (report["orders"], report["others"]) == (1, 2)
    assert report["short_percent"]["after"] == 100
    nothing = simulated(world, drafted(world, {"conditions": {"types": ["marketplace"]}}, "market"))
    assert (nothing["orders"], nothing["others"], nothing["passed"]) == (0, 3, False)


def test_a_version_begins_at_its_time_even_when_the_relay_is_late(world: World) -> None:
    place(world, {"A": 1})
    title = approved(world, {"most_nodes": 2})
    simulated(world, title)
    with by(world, "user:bo") as unit:
        policies.activate(unit, title, unit.now + timedelta(hours=1))
    assert (in_force(world), states(world)[title]) == (["cheapest@1"], "approved")
    with world.store.begin() as unit:
        assert policies.activate_due(unit) == 0
        unit.conn.execute(text("UPDATE policy SET active_from = clock_timestamp() WHERE state = 'approved'"))
    assert (in_force(world), states(world)[title]) == ([title], "approved")
    with by(world, "relay") as unit:
        assert policies.activate_due(unit) == 1
    assert (in_force(world), states(world)) == ([title], {"cheapest@1": "retired", title: "active"})
    with by(world, "relay") as unit:
        assert policies.activate_due(unit) == 0
    assert world.one("SELECT data FROM event WHERE type = 'policy.activated'").data == {
        "policy": title, "instead_of": "cheapest@1",
    }  # fmt: skip


def test_a_rollback_goes_back_one_version_each_time(world: World) -> None:
    with by(world, "user:bo") as unit, pytest.raises(Conflict) as caught:
        policies.rollback(unit, "cheapest")
    assert caught.value.error_code == "POLICY-ROLLBACK-409"
    second, third = active(world, {"most_nodes": 2}), active(world, {"most_nodes": 4})
    with by(world, "user:bo") as unit:
        policies.rollback(unit, "cheapest", "too slow")
    assert (in_force(world), states(world)[third]) == ([second], "retired")
    with by(world, "user:bo") as unit:
        policies.rollback(unit, "cheapest")
    assert in_force(world) == ["cheapest@1"]
    with by(world, "user:bo") as unit, pytest.raises(Conflict):
        policies.rollback(unit, "cheapest")
    with by(world, "user:bo") as unit, pytest.raises(NotFound):
        policies.rollback(unit, "nobody")


def test_a_retired_version_leaves_its_orders_to_the_others_and_can_come_back(world: World) -> None:
    title = active(world, {"conditions": {"tiers": ["gold"]}}, "gold")
    assert in_force(world) == ["gold@1", "cheapest@1"]
    with by(world, "user:bo") as unit:
        policies.retire(unit, title)
    assert in_force(world) == ["cheapest@1"]
    with by(world, "user:bo") as unit, pytest.raises(IllegalTransition):
        policies.retire(unit, title)
    with by(world, "user:bo") as unit:
        policies.rollback(unit, "gold")
    assert in_force(world) == ["gold@1", "cheapest@1"]


@pytest.mark.parametrize("name", ["", "Upper", "with space", "-x", "a" * 64, "pol@1"])
def test_names_are_checked(world: World, name: str) -> None:
    with by(world, "user:ada") as unit, pytest.raises(InputError) as caught:
        policies.draft(unit, name, {})
    assert caught.value.error_code == "POLICY-NAME-422"


@pytest.mark.parametrize("name", ["nobody", "cheapest@9", "cheapest@x", "cheapest@1234567890", "pol_1", "@1"])
def test_a_policy_nobody_has_is_not_found(world: World, name: str) -> None:
    with world.store.read() as conn, pytest.raises(NotFound):
        read_policy(conn, name)


def test_a_policy_that_forgets_what_the_way_costs_is_refused(world: World) -> None:
    place(world, *[{"A": 1}] * 8)
    title = approved(world, {"weights": {"way": 0, "shipment": 100, "handling": 100}})
    with world.store.begin() as unit:
        # Lyon is cheaper at its own door and far from Kiel, where the orders go.
        unit.conn.execute(text("UPDATE node SET shipment_cost = 3.90 WHERE code = 'LYS'"))
    refresh(world)
    place(world, *[{"A": 1}] * 8)
    report = simulated(world, title)
    cost = report["cost_per_order"]
    # The first eight were decided when Lyon's door was not yet cheaper: facts are as they were known then.
    assert (report["orders"], report["moved"], cost["compared"]) == (16, 8, 16)
    assert cost["change_percent"] > 5
    assert cost["interval"][0] <= cost["change_percent"] <= cost["interval"][1]
    assert [each["name"] for each in report["guardrails"] if not each["holds"]] == ["cost_up_percent"]
    assert [(each["node"], each["before"]["shipments"], each["after"]["shipments"]) for each in report["by_node"]] == [
        ("HAM", 16, 8), ("LYS", 0, 8),
    ]  # fmt: skip
    assert [(each["connection"], each["orders"]) for each in report["by_channel"]] == [("shop", 16)]
    with by(world, "user:bo") as unit, pytest.raises(Refused, match="cost_up_percent"):
        policies.activate(unit, title)


def test_a_policy_that_minds_the_way_again_is_accepted(world: World) -> None:
    with world.store.begin() as unit:
        unit.conn.execute(text("UPDATE node SET shipment_cost = 3.90 WHERE code = 'LYS'"))
        # A version nobody would let in, put there by hand: the orders below are sent the wrong way.
        unit.conn.execute(text('UPDATE policy SET document = \'{"weights": {"way": 0}}\''))
    refresh(world)
    place(world, *[{"A": 1}] * 8)
    assert {row.code for row in world.work()} == {"LYS"}
    report = simulated(world, approved(world, {}))
    assert (report["moved"], report["passed"]) == (8, True)
    assert report["cost_per_order"]["change_percent"] < -10
    with by(world, "user:bo") as unit:
        policies.activate(unit, "cheapest@2")
    refresh(world)
    place(world, {"A": 1})
    assert [row.code for row in world.work()][-1] == "HAM"


def test_a_version_tried_on_one_order_is_the_one_it_gets() -> None:
    def version(name: str, number: int, **says: Any) -> InForce:
        return in_force_of(name, number, check_policy(says))

    above = version("gold", 1, priority=100)
    tried = version("cheapest", 2, conditions={"tiers": ["gold"]})
    scenario = trying(tried, [above, version("cheapest", 1)])
    gold = Traits(tags=("gold",))
    assert scenario.policy_for(gold) is above  # recorded orders keep the policy whose turn it was
    assert scenario.for_order(gold).policy_for(gold) is tried
    with pytest.raises(InputError, match="cheapest@2 is not for this order") as refused:
        scenario.for_order(Traits())
    assert refused.value.error_code == "ROUTE-POLICY-422"


def test_a_time_that_is_past_is_refused_and_what_is_replaced_is_told(world: World) -> None:
    place(world, {"A": 1})
    title = approved(world, {"most_nodes": 2})
    simulated(world, title)
    with by(world, "user:bo") as unit:
        first = unit.now + timedelta(hours=1)
        policies.activate(unit, title, first)
    with by(world, "user:bo") as unit, pytest.raises(InputError) as refused:
        policies.activate(unit, title, unit.now - timedelta(days=2000))
    assert refused.value.error_code == "POLICY-TIME-422"
    assert (in_force(world), states(world)[title]) == (["cheapest@1"], "approved")
    with by(world, "user:bo") as unit:
        policies.activate(unit, title, first + timedelta(hours=1))
    with by(world, "user:bo") as unit:
        policies.activate(unit, title)
    said = [each["did"] for each in world.one("SELECT comments FROM policy WHERE number = 2").comments]
    second = (first + timedelta(hours=1)).isoformat()
    assert said[-2:] == [
        f"set it to begin at {second} instead of at {first.isoformat()}",
        f"activated it instead of cheapest@1, not at {second}",
    ]


def test_a_version_that_was_rolled_back_can_be_put_back(world: World) -> None:
    title = active(world, {"most_nodes": 2})
    with by(world, "user:bo") as unit:
        policies.rollback(unit, title)
    assert in_force(world) == ["cheapest@1"]
    with by(world, "user:bo") as unit:
        policies.restore(unit, title, "it was right")
    assert (in_force(world), states(world)) == ([title], {"cheapest@1": "retired", title: "active"})
    given_up = drafted(world, {"most_nodes": 4})
    with by(world, "user:bo") as unit:
        policies.retire(unit, given_up)
    with by(world, "user:bo") as unit, pytest.raises(Refused) as refused:
        policies.restore(unit, given_up)
    assert refused.value.error_code == "POLICY-RESTORE-403"
    assert in_force(world) == [title]


def test_a_limit_looks_at_the_newest_and_says_since_when(world: World) -> None:
    place(world, *[{"A": 1}] * 3)
    place(world, *[SPLIT] * 2)
    title = drafted(world, {"most_nodes": 2})
    report = simulated(world, title, limit=2)
    third = world.all("SELECT at FROM decision ORDER BY id")[3].at
    assert (report["orders"], report["split_percent"]["before"], report["everything"]) == (2, 100, False)
    assert datetime.fromisoformat(report["since"]) == third
    assert simulated(world, title, limit=100)["everything"] is True


def test_a_rollback_knows_a_version_whose_time_has_just_come(world: World) -> None:
    place(world, {"A": 1})
    second = active(world, {"most_nodes": 2})
    third = approved(world, {"most_nodes": 4})
    simulated(world, third)
    with by(world, "user:bo") as unit:
        policies.activate(unit, third, unit.now + timedelta(hours=1))
        unit.conn.execute(text("UPDATE policy SET active_from = clock_timestamp() WHERE state = 'approved'"))
    with by(world, "user:bo") as unit:
        policies.rollback(unit, "cheapest")
    assert (in_force(world), states(world)[third]) == ([second], "retired")
