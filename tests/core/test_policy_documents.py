"""What a policy's document says: which orders it is for, what the solver is given, what does not fit."""

from decimal import Decimal
from typing import Any

import pytest

from core.domain.ids import uuid7
from core.domain.policies import TERMS, Traits, applies, check_policy, difference
from core.errors import InputError
from core.routing import costs
from core.routing.problem import Demand, NodeFacts, Policy, Service
from core.services.inforce import choose, in_force_of, ordered


@pytest.mark.parametrize(
    ("conditions", "traits", "held"),
    [
        ({}, Traits(), True),
        ({"types": ["b2b"]}, Traits("b2b"), True),
        ({"types": ["b2b"]}, Traits("b2c"), False),
        ({"connections": ["shop"]}, Traits(connection="shop"), True),
        ({"connections": ["shop"]}, Traits(connection="other"), False),
        ({"tiers": ["gold"]}, Traits(tags=("x", "tier:gold")), True),
        ({"tiers": ["gold"]}, Traits(tags=("gold",)), True),
        ({"tiers": ["gold"]}, Traits(tags=("golden",)), False),
        ({"service_levels": ["express"]}, Traits(service="express"), True),
        ({"service_levels": ["express"]}, Traits(), False),
        ({"value": {"currency": "EUR", "at_least": "100"}}, Traits(value=Decimal(100), currency="EUR"), True),
        ({"value": {"currency": "EUR", "below": "100"}}, Traits(value=Decimal(100), currency="EUR"), False),
        ({"value": {"currency": "EUR", "at_least": "100"}}, Traits(value=Decimal(500), currency="SEK"), False),
        ({"margin_percent": {"below": "20"}}, Traits(margin=Decimal("19.9")), True),
        ({"margin_percent": {"below": "20"}}, Traits(margin=Decimal(20)), False),
        ({"margin_percent": {"below": "20"}}, Traits(), False),
        ({"types": ["b2b"], "tiers": ["gold"]}, Traits("b2b"), False),
    ],
)
def test_a_policy_is_for_the_orders_its_conditions_say(conditions: Any, traits: Traits, held: bool) -> None:
    assert applies(check_policy({"conditions": conditions})["conditions"], traits) is held


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"weights": {"hope": 1}}, "weights.hope.key"),
        ({"weights": {"way": -1}}, "weights.way.value"),
        ({"weights": {"way": 1.5}}, "weights.way.value"),
        ({"most_nodes": 0}, "most_nodes"),
        ({"conditions": {"value": {"at_least": "1"}}}, "conditions.value.currency"),
        ({"conditions": {"value": {"currency": "EUR"}}}, "conditions.value"),
        ({"conditions": {"margin_percent": {"at_least": "5", "below": "5"}}}, "conditions.margin_percent"),
        ({"conditions": {"color": ["red"]}}, "conditions.color"),
        ({"guardrails": {"cost_up_percent": "-1"}}, "guardrails.cost_up_percent"),
        ({"carbon_price": "NaN"}, "carbon_price"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_document_that_does_not_fit_is_told_where(document: Any, path: str) -> None:
    with pytest.raises(InputError) as caught:
        check_policy(document)
    assert caught.value.error_code == "POLICY-SCHEMA-422"
    assert [each["path"] for each in caught.value.data["errors"]] == [path]
    with pytest.raises(InputError):
        check_policy([])


def test_a_document_becomes_what_the_solver_is_given() -> None:
    document = check_policy(
        {
            "priority": 5, "weights": {"way": 150, "handling": 50}, "most_nodes": 2, "ship_complete": True,
            "late_penalty_percent": "2.5", "carbon_price": "0.10", "load_penalty": "0.25", "search_ms": 50,
        }
    )  # fmt: skip
    found = in_force_of("careful", 3, document)
    assert found.policy == Policy("careful@3", 2, 250, 1_000, 2_500, {"handling": 50, "way": 150}, 50)
    assert (found.priority, found.ship_complete) == (5, True)


def test_the_first_asked_has_the_highest_priority_then_conditions() -> None:
    def made(name: str, document: dict[str, Any]) -> Any:
        return in_force_of(name, 1, check_policy(document))

    all_of_it = made("all", {})
    gold = made("gold", {"conditions": {"tiers": ["gold"]}})
    last = made("last", {"priority": 9, "conditions": {"types": ["b2b"]}})
    asked = ordered([all_of_it, gold, last])
    assert [each.name for each in asked] == ["last", "gold", "all"]
    assert choose(asked, Traits("b2b", tags=("gold",))) is last
    assert choose(asked, Traits(tags=("gold",))) is gold
    assert choose(asked, Traits()) is all_of_it


def test_versions_are_compared_by_what_they_mean() -> None:
    assert difference({}, {"most_nodes": 3}) == []
    assert difference({"weights": {"way": 100}}, {"weights": {"way": 150}, "guardrails": {"cost_up_percent": "2"}}) == [
        {"path": "guardrails.cost_up_percent", "before": None, "after": "2"},
        {"path": "weights.way", "before": 100, "after": 150},
    ]


def test_a_policy_may_weigh_every_cost_term_there_is() -> None:
    node = NodeFacts(uuid7(), "HAM", 53.5, 10.0, "DE", 40_000, 5_000, 2_000)
    service = Service("std", 30_000, 1_000, 10, 0.1, 400, 30)
    policy = Policy(late_penalty=100, carbon_price=100, load_penalty=100)
    demand = Demand(uuid7(), uuid7(), Decimal(1), 100_000, 250)
    found = {
        *costs.fixed_terms(node, service, 400.0, policy),
        *costs.unit_terms(node, service, demand, 0.5, policy),
        costs.TIER,
    }
    assert found == set(TERMS)
