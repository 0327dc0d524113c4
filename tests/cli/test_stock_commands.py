"""Rules, supply, transfers, reservations, statuses and lots on the command line."""

from pathlib import Path

import psycopg
import pytest

from core.services.catalog import upsert_items
from core.store.engine import open_engine
from core.store.unit import Store
from tests.cli.conftest import Crossdock


@pytest.fixture
def stocked(company: Crossdock, place: Path) -> Crossdock:
    """The company with a second node that has no stock yet."""
    (place / "more.csv").write_text("code,name,country\nLYS,Lyon,FR\n")
    assert company("import", "nodes", "more.csv").code == 0
    return company


def position(run: Crossdock, sku: str, node: str) -> tuple[str, str, str]:
    """What is on hand, reserved and available of an item at a node."""
    [row] = run("stock", "list", "--sku", sku, "--node", node, "--json").rows
    return row["on_hand"], row["reserved"], row["available"]


def test_a_rule_is_set_replaced_and_ended(stocked: Crossdock) -> None:
    made = stocked("protection", "set", "shop", "cap", "4", "--sku", "MUG", "--json").one
    assert (made["kind"], made["quantity"], made["sku"], made["node"], made["state"]) == (
        "cap",
        "4",
        "MUG",
        None,
        "holds",
    )
    tried = stocked("protection", "set", "shop", "cap", "9", "--sku", "MUG", "--dry-run", "--json").one
    assert (tried["dry_run"], tried["quantity"]) == (True, "9")
    assert [each["quantity"] for each in stocked("protection", "list", "--json").rows] == ["4"]
    again = stocked("protection", "set", "shop", "cap", "3", "--sku", "MUG")
    assert (again.code, again.out.split(": ")[1]) == (0, "cap of 3 for shop, MUG, holds.\n")
    [row] = stocked("protection", "list", "--connection", "shop", "--json").rows
    refused = stocked("reservations", "make", "MUG=4", "--connection", "shop", "--json")
    assert (refused.code, refused.one["error"]["code"]) == (1, "RESERVE-SHORT-409")
    assert refused.one["error"]["why"] == "MUG: 1 more than available"
    assert stocked("protection", "end", row["id"][:16], "--json").one["state"] == "ended"
    assert stocked("protection", "list", "--json").rows == []
    assert [each["state"] for each in stocked("protection", "list", "--all", "--json").rows] == ["ended", "ended"]
    assert stocked("protection", "end", row["id"], "--json").one["error"]["code"] == "PROTECT-ENDED-409"


@pytest.mark.parametrize(
    ("words", "code", "exit_code"),
    [
        (("shop", "cap", "many"), "INPUT-INVALID-400", 2),
        (("shop", "cap", "-4"), "INPUT-INVALID-400", 2),
        (("shop", "cap", "1_0"), "INPUT-INVALID-400", 2),
        (("nowhere", "cap", "1"), "HUB-MISSING-404", 4),
        (("shop", "lid", "1"), "CLI-USAGE-400", 2),
        (("shop", "cap", "1", "--until", "2020-01-01"), "INPUT-INVALID-400", 2),
    ],
)
def test_a_rule_that_does_not_fit_is_refused(
    stocked: Crossdock, words: tuple[str, ...], code: str, exit_code: int
) -> None:
    result = stocked("protection", "set", *words, "--json")
    assert (result.code, result.one["error"]["code"]) == (exit_code, code)
    assert stocked("protection", "list", "--all", "--json").rows == []


def test_supply_is_expected_received_and_ended(stocked: Crossdock) -> None:
    made = stocked("supply", "expect", "PO-7", "MUG", "HAM", "100", "--promisable", "80", "--at", "5d", "--json").one
    assert (made["state"], made["quantity"], made["promisable"]) == ("expected", "100", "80")
    short = made["id"][:16]
    assert stocked("supply", "show", short, "--json").one["reference"] == "PO-7"
    tried = stocked("supply", "receive", short, "60", "--dry-run")
    assert tried.out == "Would be done: 60 of 100 x MUG came; the supply is expected.\n"
    assert position(stocked, "MUG", "HAM") == ("10", "0", "10")
    assert stocked("supply", "receive", short, "60").out == "60 of 100 x MUG came; the supply is expected.\n"
    assert position(stocked, "MUG", "HAM") == ("70", "0", "70")
    assert stocked("supply", "receive", short, "41", "--json").one["error"]["code"] == "SUPPLY-OVER-422"
    more = stocked("supply", "receive", short, "41", "--over", "--dry-run")
    assert more.out == "Would be done: 101 of 100 x MUG came; the supply is received.\n"
    assert stocked("supply", "end", short, "--yes").out == f"{made['id']} is canceled.\n"
    assert stocked("supply", "list", "--state", "expected", "--json").rows == []
    assert stocked("supply", "receive", short, "1", "--json").one["error"]["code"] == "SUPPLY-ENDED-409"
    assert stocked("supply", "expect", "PO-8", "NOPE", "HAM", "1", "--json").one["error"]["code"] == "ITEM-SKU-404"


def test_a_transfer_is_sent_and_what_does_not_come_is_lost(stocked: Crossdock) -> None:
    sent = stocked("transfers", "send", "T-1", "HAM", "LYS", "MUG=4", "VASE=2", "--json").one
    assert (sent["state"], [each["quantity"] for each in sent["lines"]]) == ("in_transit", ["4", "2"])
    assert position(stocked, "MUG", "HAM") == ("6", "0", "6")
    shown = stocked("transfers", "show", sent["id"][:14])
    assert shown.out.splitlines()[-2:] == ["MUG   -    4         0         0", "VASE  -    2         0         0"]
    over = stocked("transfers", "receive", sent["id"], "MUG=5", "VASE=2", "--over", "--dry-run", "--json").one
    assert [(each["sku"], each["quantity"], each["received"]) for each in over["lines"]] == [
        ("MUG", "5", "5"),
        ("VASE", "2", "2"),
    ]
    done = stocked("transfers", "receive", sent["id"], "MUG=3", "--last", "--json").one
    assert done["state"] == "received"
    assert [(each["sku"], each["received"], each["lost"]) for each in done["lines"]] == [
        ("MUG", "3", "1"),
        ("VASE", "0", "2"),
    ]
    assert position(stocked, "MUG", "LYS") == ("3", "0", "3")
    assert [each["reference"] for each in stocked("transfers", "list", "--json").rows] == ["T-1"]
    refused = stocked("transfers", "send", "T-2", "HAM", "LYS", "MUG=99", "--json")
    assert (refused.code, refused.one["error"]["code"]) == (1, "TRANSFER-SHORT-409")
    assert stocked("transfers", "send", "T-2", "HAM", "LYS", "MUG").code == 2


def test_units_are_held_for_a_while_and_given_back(stocked: Crossdock) -> None:
    made = stocked("reservations", "make", "MUG=2", "VASE@HAM=1", "--for", "30m", "--connection", "shop", "--json").one
    assert (made["state"], made["connection"]) == ("held", "shop")
    assert [(each["sku"], each["node"], each["quantity"]) for each in made["lines"]] == [
        ("MUG", "HAM", "2"),
        ("VASE", "HAM", "1"),
    ]
    assert position(stocked, "MUG", "HAM") == ("10", "2", "8")
    listed = stocked("reservations", "list", "--state", "held")
    assert "2 x MUG@HAM, 1 x VASE@HAM" in listed.out
    assert stocked("reservations", "release", made["id"][:20]).out == f"{made['id']} is released.\n"
    assert position(stocked, "MUG", "HAM") == ("10", "0", "10")
    assert stocked("reservations", "release", made["id"], "--json").one["error"]["code"] == "RESERVE-ENDED-409"
    assert stocked("reservations", "make", "MUG@LYS=1", "--json").one["error"]["code"] == "RESERVE-SHORT-409"
    assert stocked("reservations", "make", "MUG@NOWHERE=1", "--json").code == 2


def test_units_change_their_status_with_a_reason(stocked: Crossdock) -> None:
    done = stocked("stock", "move", "MUG", "HAM", "3", "sellable", "damaged", "--reason", "wet", "--json").one
    assert (done["on_hand"], done["available"]) == ("7", "7")
    [lot] = stocked("stock", "lots", "--status", "damaged", "--json").rows
    assert (lot["sku"], lot["node"], lot["on_hand"], lot["promised"]) == ("MUG", "HAM", "3", "0")
    assert stocked("stock", "move", "MUG", "HAM", "3", "sellable", "damaged").code == 2
    kinds = [each["kind"] for each in stocked("stock", "movements", "--sku", "MUG", "--json").rows]
    assert kinds == ["status", "count"]


def test_a_figure_is_explained_with_what_its_lots_lack(stocked: Crossdock, place: Path, db_url: str) -> None:
    engine = open_engine(db_url, pool_size=1)
    with Store(engine).begin() as unit:
        upsert_items(unit, [{"sku": "MUG", "tracking": "lot"}])
    engine.dispose()
    assert stocked("reservations", "make", "MUG@HAM=6").code == 0
    (place / "count.csv").write_text("sku,node,on_hand\nMUG,HAM,4\n")
    assert stocked("import", "stock", "count.csv").code == 0
    shown = stocked("explain", "MUG@HAM")
    assert shown.code == 0
    assert "shortfall" in shown.out
    [lot] = stocked("explain", "MUG@HAM", "--json").one["nodes"][0]["lots"]
    assert (lot["on_hand"], lot["promised"], lot["shortfall"]) == ("6", "6", "2")


def test_several_things_that_begin_alike_are_told(stocked: Crossdock) -> None:
    made = [stocked("supply", "expect", f"PO-{n}", "MUG", "HAM", "1", "--json").one["id"] for n in range(2)]
    result = stocked("supply", "show", "sup_0", "--json")
    assert (result.code, result.one["error"]["code"]) == (2, "CLI-ID-409")
    assert result.one["error"]["fix"] == f"Name one: {', '.join(sorted(made))}."
    for name in ("sup_", "sup_ffff", "sup_xyz", "ord_0", made[0][:-1] + "g"):
        assert stocked("supply", "show", name, "--json").code == 4, name
    assert stocked("supply", "show", made[1], "--json").one["reference"] == "PO-1"


def test_doctor_names_the_command_that_settles_what_a_count_did_not_find(stocked: Crossdock, db_url: str) -> None:
    assert "nothing to settle" in stocked("stock", "settle").out
    with psycopg.connect(db_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(
            "UPDATE stock_position SET shortfall = 3 WHERE item_id = (SELECT id FROM item WHERE sku = 'MUG')"
        )
    [found] = stocked("doctor", "--only", "oversell", "--json").rows
    assert (found["status"], found["fix"]) == ("fail", "crossdock stock settle")
    settled = [{"sku": "MUG", "node": "HAM", "paid": "3", "shortfall": "0"}]
    assert stocked("stock", "settle", "--dry-run", "--json").one == {"settled": settled, "dry_run": True}
    assert position(stocked, "MUG", "HAM") == ("10", "0", "10")
    assert stocked("stock", "settle", "--json").one == {"settled": settled}
    assert position(stocked, "MUG", "HAM") == ("7", "0", "7")
    [found] = stocked("doctor", "--only", "oversell", "--json").rows
    assert found["status"] == "ok"
