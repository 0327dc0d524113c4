"""Orders, messages, exceptions and explanations on a real database."""

from decimal import Decimal
from pathlib import Path

import pytest

from tests.cli.conftest import HEADER, Crossdock, order_row


def test_orders_are_listed_shown_and_filtered(orders: Crossdock) -> None:
    listed = {each["number"]: each for each in orders("orders", "list", "--json").rows}
    assert {name: each["state"] for name, each in listed.items()} == {"W1": "in_progress", "W2": "held"}
    assert [each["number"] for each in orders("orders", "list", "--state", "held", "--json").rows] == ["W2"]
    assert [each["number"] for each in orders("orders", "list", "--sku", "MUG", "--json").rows] == ["W1"]
    assert len(orders("orders", "list", "--limit", "1", "--json").rows) == 1
    for words, code in (
        (("orders", "list", "--phase", "bogus"), 2), (("orders", "list", "--state", "bogus"), 2),
        (("orders", "list", "--connection", "nope"), 4), (("messages", "list", "--state", "bogus"), 2),
        (("deliveries", "list", "--connection", "nope"), 4), (("exceptions", "list", "--connection", "nope"), 4),
    ):  # fmt: skip
        refused = orders(*words, "--json")
        assert (refused.code, "error" in refused.one) == (code, True)
    text = orders("orders", "list").out.splitlines()
    assert text[0].split() == ["id", "order", "connection", "state", "phase", "placed", "total", "currency"]
    assert len(text) == 3
    shown = orders("orders", "show", "W1", "--json").one
    assert shown["id"] == listed["W1"]["id"]
    assert shown["lines"][0]["allocated"] == "2"
    assert "order.allocated" in [each["name"] for each in shown["timeline"]]
    assert "Timeline" in orders("orders", "show", listed["W2"]["id"]).out


def test_an_order_is_canceled_once_and_only_tried_in_a_dry_run(orders: Crossdock) -> None:
    tried = orders("orders", "cancel", "W2", "--dry-run", "--json")
    assert (tried.code, tried.one["state"], tried.one["dry_run"]) == (0, "canceled", True)
    assert orders("orders", "show", "W2", "--json").one["state"] == "held"
    done = orders("orders", "cancel", "W2", "--reason", "changed their mind")
    assert (done.code, done.out) == (0, "Order W2 is canceled.\n")
    assert done.err == "Next:  crossdock orders show W2\n"
    again = orders("orders", "cancel", "W2")
    assert (again.code, again.out) == (1, "Too late: nothing of W2 is open; it is canceled.\n")
    assert orders("orders", "cancel", "W2", "--dry-run").out == again.out
    assert orders("orders", "hold", "W2", "--reason", "late").err.startswith("Error: An order that is canceled cannot")


def test_units_of_a_line_are_canceled(orders: Crossdock) -> None:
    line = orders("orders", "show", "W2", "--json").one["lines"][0]
    done = orders("orders", "cancel", "W2", "--line", "NOPE=1", "--json").one
    assert done["canceled"] == {line["id"]: "1"}
    wrong = orders("orders", "cancel", "W2", "--line", "OTHER=1", "--json")
    assert (wrong.code, wrong.one["error"]["code"]) == (2, "CLI-LINE-422")


def test_an_order_is_held_and_released(orders: Crossdock) -> None:
    held = orders("orders", "hold", "W1", "--reason", "call first", "--json").one
    assert (held["state"], held["holds"][0]["detail"]) == ("held", "call first")
    assert orders("orders", "release", "W1", "--json").one["state"] == "in_progress"
    nothing = orders("orders", "release", "W1", "--json")
    assert (nothing.code, nothing.one["error"]["code"]) == (1, "CLI-HOLD-409")


def test_the_list_says_what_partners_call_orders_and_what_they_come_to(orders: Crossdock) -> None:
    head, *lines = orders("orders", "list").out.splitlines()
    assert head.split() == ["id", "order", "connection", "state", "phase", "placed", "total", "currency"]
    rows = {each["number"]: each for each in orders("orders", "list", "--json").rows}
    assert {number: row["order"] for number, row in rows.items()} == {number: number for number in rows}
    for number, row in rows.items():
        prices = [Decimal(line["quantity"]) * Decimal(line["unit_price"] or 0) for line in row["lines"]]
        assert Decimal(row["total"]) == sum(prices), number
        assert any(number in line and row["total"] in line for line in lines)


def test_an_order_is_changed_as_by_its_source(orders: Crossdock, place: Path) -> None:
    tried = orders("orders", "change", "W2", "--set", "lines.0.quantity=1", "--dry-run", "--json").one
    assert tried["lines"][0]["open"] == "1"
    assert orders("orders", "show", "W2", "--json").one["lines"][0]["open"] == "2"
    done = orders("orders", "change", "W2", "--set", "lines.0.quantity=1", "--set", "ship_to.city=Odense", "--json").one
    assert (done["lines"][0]["open"], done["ship_to"]["city"]) == ("1", "Odense")
    refused = orders("orders", "change", "W2", "--set", "external_id=other", "--json")
    assert (refused.code, refused.one["error"]["code"]) == (2, "CLI-CHANGE-422")
    unfit = orders("orders", "change", "W2", "--set", "currency=EURO", "--json")
    assert (unfit.code, unfit.one["error"]["code"]) == (2, "DOC-SCHEMA-422")
    assert orders("orders", "change", "W2").code == 2


def test_two_orders_of_one_number_must_be_told_apart(orders: Crossdock, place: Path) -> None:
    orders("orders", "change", "W2", "--set", "number=W1")
    result = orders("orders", "show", "W1", "--json")
    assert (result.code, result.one["error"]["code"]) == (2, "CLI-ORDER-409")
    assert "ord_" in result.one["error"]["fix"]


def test_an_exception_is_shown_assigned_snoozed_and_closed_by_its_cause(orders: Crossdock) -> None:
    [case] = orders("exceptions", "list", "--json").rows
    assert (case["code"], case["member_count"]) == ("MAP-SKU-404", 1)
    assert orders("exceptions", "show", case["id"], "--json").one["members"][0]["subject"] == "order"
    nobody = orders("exceptions", "assign", case["id"], "mira@example.com", "--json")
    assert (nobody.code, nobody.one["error"]["code"]) == (2, "CASE-OWNER-422")
    orders("user", "add", "mira@example.com", "--password-file", "-", stdin="a long password\n")
    assert orders("exceptions", "assign", case["id"], "mira@example.com").out == f"{case['id']} is assigned.\n"
    assert orders("exceptions", "assign", case["id"], "-", "--json").one["state"] == "open"
    assert orders("exceptions", "snooze", case["id"], "--until", "4h", "--json").one["state"] == "snoozed"
    held = orders("exceptions", "resolve", case["id"], "--json")
    assert (held.code, held.one["error"]["code"]) == (1, "CASE-HELD-409")
    assert "W2" in held.one["error"]["what"]
    orders("orders", "cancel", "W2")
    assert orders("exceptions", "list", "--json").rows == []
    assert [each["resolution"] for each in orders("exceptions", "list", "--all", "--json").rows] == ["cause gone"]


def test_the_way_out_of_an_exception_is_applied(orders: Crossdock) -> None:
    [case] = orders("exceptions", "list", "--json").rows
    lacks = orders("exceptions", "apply", case["id"], "--json")
    assert (lacks.code, lacks.one["error"]["code"]) == (2, "CASE-SKU-422")
    assert "`--set sku=…`" in lacks.one["error"]["fix"]
    shown = orders("exceptions", "show", case["id"])
    assert f"crossdock exceptions apply {case['id']} --set sku=…" in shown.err
    other = orders("exceptions", "apply", case["id"], "--action", "give_address", "--json")
    assert (other.code, other.one["error"]["code"]) == (2, "CASE-ACTION-422")
    done = orders("exceptions", "apply", case["id"], "--set", "sku=VASE", "--json").one
    assert done == {"id": case["id"], "action": "map_sku", "done": 1}
    assert orders("orders", "show", "W2", "--json").one["state"] == "accepted"
    assert orders("exceptions", "list", "--json").rows == []


def test_the_beginning_of_an_id_is_enough_where_it_is_one_things(orders: Crossdock) -> None:
    first, second = sorted(each["id"] for each in orders("orders", "list", "--json").rows)
    alike = next(at for at in range(len(first)) if first[at] != second[at])
    short = second[: alike + 1]
    assert orders("orders", "show", short, "--json").one["id"] == second
    assert orders("explain", short, "--json").one["subject"] == second
    several = orders("orders", "cancel", second[:alike], "--json")
    assert (several.code, several.one["error"]["code"]) == (2, "CLI-ID-409")
    assert several.one["error"]["fix"] == f"Name one: {first}, {second}."
    assert {each["state"] for each in orders("orders", "list", "--json").rows} == {"held", "in_progress"}
    [case] = orders("exceptions", "list", "--json").rows
    moved = orders("exceptions", "snooze", case["id"][:9], "--until", "1h", "--json").one
    assert (moved["id"], moved["state"]) == (case["id"], "snoozed")


def test_messages_are_listed_shown_and_not_replayed_twice(orders: Crossdock) -> None:
    listed = orders("messages", "list", "--order", "W1", "--json").rows
    assert [(each["topic"], each["via"], each["state"]) for each in listed] == [("order", "import", "applied")]
    message = listed[0]["id"]
    assert orders("messages", "show", message, "--json").one["id"] == message
    assert b"W1" in orders("messages", "show", message, "--raw").out.encode()
    assert orders("messages", "discard", message, "--reason", "no", "--json").code == 1
    assert orders("messages", "replay", message, "--json").one == {"id": message, "state": "received"}
    assert orders("messages", "replay", "--quarantined").err == "No message is quarantined.\n"
    assert orders("messages", "replay").code == 2


def test_one_that_fails_stops_no_other_and_makes_the_exit_1(orders: Crossdock) -> None:
    first, second = (each["id"] for each in orders("messages", "list", "--json").rows)
    nobody = "msg_" + "0" * 32
    result = orders("messages", "replay", first, nobody, second, "--json")
    assert result.code == 1
    assert [each.get("state") or each["error"]["code"] for each in result.rows] == [
        "received", "HUB-MISSING-404", "received",
    ]  # fmt: skip
    assert orders("messages", "replay", nobody, "--json").code == 4


def test_deliveries_are_listed(orders: Crossdock) -> None:
    assert orders("deliveries", "list", "--json").code == 0
    assert orders("deliveries", "retry", "--dead").err == "No delivery is dead.\n"
    assert orders("deliveries", "retry").code == 2
    assert orders("deliveries", "show", "dlv_" + "0" * 32).code == 4


def test_an_order_is_explained_now_and_then(orders: Crossdock) -> None:
    found = orders("explain", "W1", "--json").one
    assert (found["kind"], found["state"]) == ("order", "in_progress")
    assert [(each["node"], each["chosen"]) for each in found["decision"]["candidates"]] == [("HAM", True)]
    assert found["order"]["number"] == "W1"
    text = orders("explain", "order", "W1")
    assert text.out.startswith("Order W1 is in_progress\n")
    before = orders("explain", "W1", "--as-of", "2026-01-01", "--json").one
    assert (before["state"], before["timeline"], before["decision"]) == ("not there yet", [], None)
    held = orders("explain", "W2").out
    assert "held: unmapped_sku NOPE" in held
    assert "Unknown SKU NOPE" in held


def test_a_distance_nobody_knows_and_a_title_nobody_sent(company: Crossdock, place: Path) -> None:
    (place / "more.csv").write_text("code,name,country\nLYS,Lyon,FR\n")
    (place / "stock.csv").write_text("sku,node,on_hand\nVASE,LYS,5\n")
    (place / "orders.csv").write_text(HEADER + order_row("W9", "VASE").replace(",VASE,VASE,", ",VASE,,"))
    for words in (("nodes", "more.csv"), ("stock", "stock.csv"), ("orders", "orders.csv", "--connection", "shop")):
        assert company("import", *words).code == 0
    found = company("explain", "W9", "--json").one["decision"]["candidates"]
    distances = {each["node"]: (each["kilometers"], each["distance"]) for each in found}
    assert distances["LYS"] == (None, "unknown")
    assert distances["HAM"][0] == distances["HAM"][1] > 0
    assert "unknown" in company("explain", "W9").out
    assert company("orders", "show", "W9", "--json").one["lines"][0]["title"] is None
    assert "1 VASE Vase 2" in " ".join(company("orders", "show", "W9").out.split())


def test_decision_message_case_and_stock_are_explained(orders: Crossdock) -> None:
    decision = orders("orders", "show", "W1", "--json").one["decision"]
    assert orders("explain", decision, "--json").one["decision"]["id"] == decision
    assert orders("explain", decision).out.startswith(f"Decision {decision}: sourcing")
    [message] = orders("messages", "list", "--order", "W1", "--json").rows
    assert orders("explain", message["id"]).out.startswith(f"Message {message['id']} is applied")
    [case] = orders("exceptions", "list", "--json").rows
    assert "way out: Add NOPE as a reference of an item" in orders("explain", case["id"]).out
    stock = orders("explain", "stock", "MUG", "--json").one
    assert [(each["node"], each["on_hand"], each["allocated"], each["free"]) for each in stock["nodes"]] == [
        ("HAM", "10", "2", "8")
    ]
    assert [each["kind"] for each in stock["movements"]] == ["allocate", "count"]
    assert orders("explain", "stock", "MUG", "--as-of", "2026-01-01", "--json").one["nodes"] == []
    assert orders("explain", "stock", "NOPE").code == 4
    [node] = orders("explain", "MUG@HAM", "--json").one["nodes"]
    assert [(part["name"], part["units"]) for part in node["parts"]] == [("on_hand", "10"), ("allocated", "-2")]
    assert "MUG: 8 available at HAM = +10 on hand -2 allocated" in orders("explain", "MUG@HAM").out
    assert orders("explain", "MUG@NOPE").code == 4


def test_events_and_messages_are_tailed(orders: Crossdock) -> None:
    events = orders("tail", "--since", "1h", "--limit", "2", "--type", "order.received", "--json").rows
    assert {(each["type"], each["data"]["number"]) for each in events} == {
        ("order.received", "W1"), ("order.received", "W2"),
    }  # fmt: skip
    messages = orders("tail", "messages", "--since", "1h", "--limit", "1", "--json").one
    assert messages["topic"] == "order"
    assert orders("tail", "--for", "0.1s").out == ""


@pytest.mark.parametrize("words", [["explain", "one", "two", "three"], ["explain", "node", "HAM"], ["explain"]])
def test_explain_says_what_it_takes(orders: Crossdock, words: list[str]) -> None:
    assert orders(*words).code == 2
