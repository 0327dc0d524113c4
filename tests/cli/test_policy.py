"""Policies, decisions and routing from the command line."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Crossdock


@pytest.fixture
def two_people(orders: Crossdock, monkeypatch: pytest.MonkeyPatch) -> Crossdock:
    """The company with orders; `who` names the account that sits here."""
    monkeypatch.setenv("LOGNAME", "ada")
    return orders


def test_a_policy_goes_its_way(two_people: Crossdock, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = two_people
    [born] = run("policy", "list", "--json").rows
    assert (born["policy"], born["state"], born["author"]) == ("cheapest@1", "active", "hub")
    tried = run("policy", "new", "cheapest", "--set", "weights.way=150", "--dry-run", "--json").one
    assert (tried["policy"], tried["state"], tried["dry_run"]) == ("cheapest@2", "draft", True)
    made = run("policy", "new", "cheapest", "--set", "weights.way=150", "--comment", "far is dear")
    assert (made.out, made.err) == (
        "cheapest@2 is written as a draft.\n",
        "Next:  crossdock policy simulate cheapest@2\n",
    )
    assert run("policy", "diff", "cheapest@2", "--json").rows == [{"path": "weights.way", "before": None, "after": 150}]
    assert run("policy", "diff", "cheapest@1", "cheapest@1").err == "They say the same.\n"
    own = run("policy", "approve", "cheapest@2", "--json")
    assert (own.code, own.one["error"]["code"]) == (5, "POLICY-SELF-403")
    early = run("policy", "activate", "cheapest@2", "--yes", "--json")
    assert (early.code, early.one["error"]["code"]) == (1, "STATE-MOVE-409")
    report = run("policy", "simulate", "cheapest@2", "--json").one
    assert (report["orders"], report["passed"], report["moved"]) == (1, True, 0)
    monkeypatch.setenv("LOGNAME", "bo")
    assert run("policy", "approve", "cheapest@2", "--comment", "yes").out == "cheapest@2 is approved.\n"
    assert run("policy", "activate", "cheapest@2", "--yes").out == "cheapest@2 is in force instead of cheapest@1.\n"
    assert {each["policy"]: each["state"] for each in run("policy", "list", "--json").rows} == {
        "cheapest@1": "retired", "cheapest@2": "active",
    }  # fmt: skip
    assert run("policy", "rollback", "cheapest", "--yes").out == "cheapest@1 is in force again.\n"
    again = run("policy", "rollback", "cheapest", "--yes", "--json")
    assert (again.code, again.one["error"]["code"]) == (1, "POLICY-ROLLBACK-409")
    shown = run("policy", "show", "cheapest@2")
    assert "1 recorded order (1 decision) decided again" in shown.out
    assert "✓ cost up percent: 0, limit 5" in shown.out
    assert "far is dear" in shown.out


def test_a_policy_that_breaks_a_guardrail_exits_1(two_people: Crossdock, place: Path) -> None:
    (place / "nodes.csv").write_text("code,name,country,latitude,longitude\nLYS,Lyon,FR,45.8,4.8\n")
    (place / "stock.csv").write_text("sku,node,on_hand\nMUG,HAM,5\nMUG,LYS,7\n")
    for what in ("nodes", "stock"):
        assert two_people("import", what, f"{what}.csv").code == 0
    row = "W3,2026-11-20T09:00:00Z,EUR,Ada,Nygade 4,Aarhus,8000,DK,1,MUG,MUG,8,19.90\n"
    header = (place / "orders.csv").read_text().splitlines()[0]
    (place / "more.csv").write_text(f"{header}\n{row}")
    assert two_people("import", "orders", "more.csv", "--connection", "shop").code == 0
    assert two_people("policy", "new", "cheapest", "--set", "most_nodes=1").code == 0
    result = two_people("policy", "simulate", "cheapest@2")
    assert result.code == 1
    assert "✗ short up points: 50, limit 1" in result.out
    assert result.out.endswith("cheapest@2 breaks a guardrail and cannot be activated.\n")


def test_a_policy_document_is_checked(two_people: Crossdock, place: Path) -> None:
    (place / "policy.json").write_text('{"weights": {"hope": 3}}')
    wrong = two_people("policy", "new", "cheapest", "--file", "policy.json", "--json")
    assert (wrong.code, wrong.one["error"]["code"]) == (2, "POLICY-SCHEMA-422")
    (place / "policy.json").write_text("{")
    assert two_people("policy", "new", "cheapest", "--file", "policy.json", "--json").code == 2
    assert two_people("policy", "show", "nobody").code == 4
    assert len(two_people("policy", "list", "--json").rows) == 1


def test_decisions_are_listed_shown_and_verified(two_people: Crossdock) -> None:
    [decision] = two_people("decisions", "list", "--order", "W1", "--json").rows
    assert (decision["kind"], decision["policy"], decision["bound"]) == ("sourcing", "cheapest@1", "optimal")
    assert two_people("decisions", "list", "--policy", "other@1", "--json").rows == []
    shown = two_people("decisions", "show", decision["id"], "--json").one
    assert shown["choice"]["assignments"] == [[0, "HAM", "2"]]
    assert [each["quantity"] for each in shown["inputs"]["lines"]] == ["2"]
    assert list(shown["inputs"]["stock"].values()) == [{"HAM": "10"}]
    assert shown["inputs"]["order"]["connection"] == "shop"
    assert two_people("decisions", "verify", "--json").one == {
        "decisions": 1,
        "agree": 1,
        "older": 0,
        "waves": 0,
        "waves_agree": 0,
        "differ": [],
    }
    assert two_people("decisions", "verify").out == "1 of 1 decisions were made again and agree to the byte.\n"


def test_an_altered_decision_is_named_and_exits_1(two_people: Crossdock, db_url: str) -> None:
    import psycopg

    with psycopg.connect("postgresql://" + db_url.split("://", 1)[1], autocommit=True) as connection:
        connection.execute("UPDATE decision SET choice = replace(choice::text, 'HAM', 'HAN')::json")
    [decision] = two_people("decisions", "list", "--json").rows
    result = two_people("decisions", "verify", "--json")
    assert result.code == 1
    assert result.one["differ"] == [{"id": decision["id"], "field": "choice", "how": "was altered"}]
    assert f"{decision['id']}  choice  was altered" in two_people("decisions", "verify").out


def given(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(each["sku"], each["node"], each["quantity"]) for each in found["now"]["assignments"]]


def test_an_order_is_routed_and_nothing_is_taken(two_people: Crossdock, place: Path) -> None:
    found = two_people("route", "W1", "--json").one
    assert [(each["sku"], each["node"], each["quantity"]) for each in found["now"]["assignments"]] == [
        ("MUG", "HAM", "2")
    ]
    other = two_people("route", "W1", "--what-if", "node.HAM=off", "--json").one
    assert (other["what_if"]["assignments"], other["what_if"]["short"]) == ([], {"MUG": "2"})
    assert other["what_if"]["candidates"] == [{"node": "HAM", "chosen": False, "reason": "switched off: what if"}]
    text = two_people("route", "W1", "--what-if", "node.HAM.off").out
    assert "W1 now · policy cheapest@1 · cost " in text
    assert "nowhere  2 x MUG" in text
    assert len(two_people("decisions", "list", "--json").rows) == 1


def test_an_order_in_a_file_is_routed_and_leaves_nothing_behind(two_people: Crossdock, place: Path) -> None:
    order: dict[str, Any] = {
        "external_id": "W1", "placed_at": "2026-11-20T09:00:00Z", "currency": "EUR",
        "ship_to": {"name": "Ada", "line1": "Nygade 4", "city": "Aarhus", "country": "DK"},
        "lines": [{"sku": "VASE", "quantity": "3", "unit_price": "29.90"}],
    }  # fmt: skip
    (place / "order.json").write_text(json.dumps(order))
    before = two_people("orders", "list", "--json").rows
    found = two_people("route", "order.json", "--connection", "shop", "--json").one
    assert [(each["sku"], each["node"], each["quantity"]) for each in found["now"]["assignments"]] == [
        ("VASE", "HAM", "3")
    ]
    assert two_people("orders", "list", "--json").rows == before
    assert len(two_people("decisions", "list", "--json").rows) == 1
    stock = two_people("explain", "stock", "VASE", "--json").one["nodes"]
    assert [(each["allocated"], each["free"]) for each in stock] == [("0", "10")]
    order["lines"][0]["sku"] = "NOPE"
    (place / "order.json").write_text(json.dumps(order))
    held = two_people("route", "order.json", "--connection", "shop", "--json")
    assert (held.code, held.one["error"]["code"]) == (1, "ROUTE-OPEN-409")
    assert "unmapped sku NOPE" in held.one["error"]["why"]
    (place / "order.json").write_text("[]")
    assert two_people("route", "order.json", "--json").one["error"]["code"] == "ROUTE-FILE-422"


def test_recorded_decisions_are_routed_again(two_people: Crossdock) -> None:
    found = two_people("route", "--what-if", "node.HAM=off", "--since", "7d", "--json").one
    assert (found["orders"], found["moved"], found["short_percent"]["after"]) == (1, 1, 100)
    text = two_people("route", "--what-if", "policy=cheapest@1", "--since", "7d").out
    assert "1 recorded order (1 decision) decided again" in text
    assert text.endswith("0 orders would change node. Nothing was changed.\n")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["route"], 2),
        (["route", "W1", "--since", "7d"], 2),
        (["route", "--since", "7d"], 2),
        (["route", "W1", "--what-if", "moon=full"], 2),
        (["route", "W1", "--what-if", "node.HAM.capacity=many"], 2),
        (["route", "W1", "--what-if", "node.MARS=off"], 2),
        (["route", "W1", "--what-if", "policy=nobody"], 4),
        (["route", "W9"], 4),
    ],
)
def test_route_says_what_it_takes(two_people: Crossdock, words: list[str], code: int) -> None:
    assert two_people(*words).code == code
