"""No policy comes to decide orders over which it was never compared, by whatever way another gives them up."""

from datetime import timedelta
from typing import Any

import pytest

from core.domain.policies import check_policy
from core.errors import Conflict, Refused
from core.services import policies
from core.services.inforce import InForce, in_force_of, ordered
from core.services.takeovers import unproven
from core.store.unit import Store
from tests.core.test_policies import SPLIT, active, approved, by, in_force, place, refresh, simulated, states
from tests.core.world import World

ONE_NODE = {"most_nodes": 1}


@pytest.fixture
def world(store: Store) -> World:
    return World(store, {("A", "HAM"): 1_000, ("B", "HAM"): 1_000, ("A", "LYS"): 1_000, ("C", "LYS"): 1_000})


def refused(world: World, verb: str, title: str, actor: str = "user:bo", **more: Any) -> Refused:
    """Let a change be refused, and prove that nothing changed."""
    before = states(world), in_force(world)
    with by(world, actor) as unit, pytest.raises(Refused) as caught:
        getattr(policies, verb)(unit, title, **more)
    assert (states(world), in_force(world)) == before
    return caught.value


def test_a_version_that_would_get_no_recorded_order_is_not_let_in(world: World) -> None:
    place(world, SPLIT, {"A": 1})
    title = approved(world, ONE_NODE, "zdear")
    report = simulated(world, title)
    assert (report["orders"], report["passed"], report["in_force"]) == (0, False, ["cheapest@1"])
    error = refused(world, "activate", title)
    assert error.error_code == "POLICY-GUARDRAIL-403"
    assert "short_up_points is not known, limit 1" in str(error)


def test_what_passed_before_the_first_order_proves_nothing_after_it(world: World) -> None:
    title = approved(world, ONE_NODE, "zdear")
    assert simulated(world, title)["passed"] is None
    with by(world, "user:bo") as unit:
        late = unit.now + timedelta(hours=1)
    assert "compared over no order" in refused(world, "activate", title, at=late).what
    place(world, SPLIT)
    assert "before the first order was decided" in refused(world, "activate", title).what


def test_a_policy_whose_turn_never_came_does_not_inherit_orders_by_a_retirement(world: World) -> None:
    active(world, ONE_NODE, "zdear")  # nothing was decided yet
    active(world, {"priority": 1})
    place(world, *[SPLIT] * 3, {"A": 1})
    refresh(world)
    place(world, {"A": 1})
    assert in_force(world) == ["cheapest@2", "zdear@1"]
    assert "Retiring cheapest@2 was not simulated" in refused(world, "retire", "cheapest@2").what
    report = simulated(world, "cheapest@2")
    assert (report["change"], report["orders"], report["short_percent"]["after"]) == ("retire", 5, 60)
    assert refused(world, "retire", "cheapest@2", "user:ada").error_code == "POLICY-GUARDRAIL-403"
    # What it was is brought back in one call: no other policy gains by that.
    with by(world, "user:bo") as unit:
        policies.rollback(unit, "cheapest")
    assert in_force(world) == ["cheapest@1", "zdear@1"]


def test_a_retirement_that_was_simulated_is_done_by_a_second_person(world: World) -> None:
    place(world, {"A": 1})
    place(world, {"A": 1}, tags=["gold"])
    active(world, {"conditions": {"tiers": ["gold"]}, "most_nodes": 2}, "gold")
    active(world, {"most_nodes": 4})
    # Not a mere undoing any more: cheapest@1, to which its orders went, is gone.
    assert "Retiring gold@1 was not simulated" in refused(world, "retire", "gold@1").what
    report = simulated(world, "gold@1")
    assert (report["orders"], report["others"], report["passed"]) == (1, 1, True)
    assert refused(world, "retire", "gold@1").error_code == "POLICY-SELF-403"
    with by(world, "user:ada") as unit:
        policies.retire(unit, "gold@1")
    assert in_force(world) == ["cheapest@2"]


def test_orders_a_narrower_version_gives_up_are_compared_too(world: World) -> None:
    active(world, ONE_NODE, "zdear")
    place(world, *[SPLIT] * 3)
    title = approved(world, {"conditions": {"tiers": ["gold"]}})
    report = simulated(world, title)
    assert (report["orders"], report["short_percent"]["after"], report["passed"]) == (3, 100, False)
    assert refused(world, "activate", title).error_code == "POLICY-GUARDRAIL-403"


def test_a_proof_holds_for_the_policies_it_was_made_over(world: World) -> None:
    place(world, {"A": 1})
    place(world, {"A": 1}, tags=["gold"])
    first, second, third = (
        approved(world, {"most_nodes": 2}), approved(world, {"conditions": {"tiers": ["gold"]}}, "gold"),
        approved(world, {"most_nodes": 4}),
    )  # fmt: skip
    for title in (first, second, third):
        assert simulated(world, title)["passed"] is True
    with by(world, "user:bo") as unit:
        hour = unit.now + timedelta(hours=1)
        policies.activate(unit, first, hour)
    with by(world, "user:bo") as unit, pytest.raises(Conflict) as caught:
        policies.activate(unit, second, hour)
    assert caught.value.error_code == "POLICY-TIME-409"
    with by(world, "user:bo") as unit:
        policies.activate(unit, second)
    row = world.one("SELECT active_from, comments FROM policy WHERE name = 'cheapest' AND number = 2")
    assert row.active_from is None
    assert row.comments[-1]["did"] == f"lost its time {hour.isoformat()}: gold@1 changed"
    assert world.one("SELECT data FROM event WHERE type = 'policy.unscheduled'").data["because"] == "gold@1"
    assert "while other policies were in force than gold@1, cheapest@1" in refused(world, "activate", third).what


def test_a_rollback_over_other_changes_needs_proof(world: World) -> None:
    place(world, {"A": 1})
    place(world, {"A": 1}, tags=["gold"])
    active(world, {"conditions": {"tiers": ["gold"]}}, "gold")
    active(world, {"most_nodes": 2})
    simulated(world, "gold@1")
    with by(world, "user:ada") as unit:
        policies.retire(unit, "gold@1")
    error = refused(world, "rollback", "cheapest")
    assert "gold@1 was in force then and is not any more" in str(error)
    assert simulated(world, "cheapest@1")["passed"] is True
    with by(world, "user:bo") as unit:
        policies.restore(unit, "cheapest@1")
    assert in_force(world) == ["cheapest@1"]


def version(name: str, number: int, **says: Any) -> InForce:
    return in_force_of(name, number, check_policy(says))


def test_who_gains_is_seen_from_the_conditions() -> None:
    gold = {"tiers": ["gold"]}
    every, narrow, other = version("cheapest", 1), version("cheapest", 2, conditions=gold), version("zdear", 1)
    above = version("above", 1, priority=9)

    def why(then: list[str] | None, now: list[InForce], leaving: InForce, back: InForce | None) -> str | None:
        before = ordered(now)
        kept = [each for each in before if each is not leaving]
        return unproven(then, before, ordered([*kept, *([back] if back else [])]), leaving, back)

    assert why(["cheapest@1"], [narrow, other], narrow, every) is None
    assert why(["cheapest@2"], [every, other], every, narrow) is not None  # zdear would get all but gold
    assert why(["cheapest@2", "zdear@1"], [every, other], every, narrow) is None  # as it did then
    assert why(["cheapest@2"], [every, above], every, narrow) is None  # it is asked before anyway
    assert why(None, [every, other], every, None) is not None
    assert why(None, [every], every, None) is not None  # the default was never compared
    assert why([], [every], every, None) is None
