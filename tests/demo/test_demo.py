"""The demo as people start it: one command, real processes, everything settled, nothing left behind."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from console.cli.demo import NAMES, summary
from console.demo.scenarios import SCENARIOS

ROOT = Path(__file__).parents[2]
PATIENCE = 420


def demo(data_dir, *arguments):
    """Run `crossdock demo` to its end; return exit code, its JSON lines and what it said."""
    ended = subprocess.run(
        [sys.executable, "-P", "-m", "console.cli.main", "demo", *arguments, "--no-open", "--port", "0", "--json"],
        cwd=ROOT,
        env={**os.environ, "CROSSDOCK_DATA_DIR": str(data_dir), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return ended.returncode, [json.loads(line) for line in ended.stdout.splitlines()], ended.stderr


def test_sixty_orders_run_to_their_end(tmp_path):
    code, [found], said = demo(tmp_path / "hub", "--orders", "60", "--exit", "--seed", "11")
    assert code == 0, said
    assert found["good"] is True
    assert found["orders"] == found["final"] + found["under_exception"] == 60
    zeros = ("unsettled", "lost", "oversold", "duplicates", "ledger_differences")
    assert {name: found[name] for name in zeros} == dict.fromkeys(zeros, 0)
    assert found["units_shipped"] == found["units_left_warehouses"] > 50
    # The opening troubles stop these; what the ERP refuses is shipped all the same.
    assert found["under_exception"] >= 6
    for name in ("demo.key", "demo.json", "demo/sim-shops.json"):
        assert stat.S_IMODE((tmp_path / "hub" / name).stat().st_mode) == 0o600
    assert (tmp_path / "hub" / "demo.key").read_text().startswith("cd_live_")
    assert not (tmp_path / "hub" / "run" / "state.json").exists()
    assert "All settled." in summary(found)


def test_orders_from_files_run_to_their_end(tmp_path):
    folder = tmp_path / "given"
    folder.mkdir()
    (folder / "orders.csv").write_text(
        "order,sku,quantity,price,placed_at,customer,country\n"
        "1001,A-1,2,10.50,2026-01-05 10:00:00,7,\n1001,A-3,1,3.99,2026-01-05 10:00:00,7,\n"
        "1002,A-1,-1,10.50,2026-01-06,7,\n1003,B-9,3,1.25,2026-01-07,,DE\n1005,A-2,5,,2026-01-08,,SE\n"
    )
    (folder / "items.csv").write_text("sku,title,price,stock\nA-1,Lamp,10.50,30\nA-2,Cup,3.99,4\nA-3,Jug,3.99,4\n")
    (folder / "customers.csv").write_text(
        "id,first_name,last_name,address,zip,city,country\n7,Ada,Fjeldby,Nygade 4,8000,Aarhus,DK\n"
    )
    code, [found], said = demo(tmp_path / "hub", "--data", str(folder), "--exit")
    assert code == 0, said
    # B-9 is in no catalog, and of A-2 there are four: both wait under an exception, nothing is lost.
    assert (found["orders"], found["final"], found["under_exception"]) == (3, 1, 2)
    assert found["input"] == {
        "equal": True,
        "rows_left_out": 1,
        "input_orders": 3,
        "input_units": 11,
        "input_value": "48.69",
        "hub_orders": 3,
        "hub_units": 11,
        "hub_value": "48.69",
        "hub_units_shipped": found["input"]["hub_units_shipped"],
        "hub_units_canceled": 0,
        "hub_units_open": 11 - found["input"]["hub_units_shipped"],
    }
    assert "orders.csv row 3: the quantity -1 is no sale" in said


def test_an_end_needs_a_number_of_orders(tmp_path):
    code, [found], _ = demo(tmp_path / "hub", "--exit")
    assert code == 2
    assert found["error"]["code"] == "CLI-USAGE-400"
    assert not (tmp_path / "hub").exists()


def test_a_scenario_needs_a_demo_that_runs(tmp_path):
    ended = subprocess.run(
        [sys.executable, "-P", "-m", "console.cli.main", "demo", "scenario", "price-typo", "--data-dir", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 4
    assert "DEMO-DOWN-404" in ended.stderr


def test_the_command_line_knows_every_scenario():
    assert set(NAMES) == set(SCENARIOS)


@pytest.mark.parametrize("good", [True, False])
def test_the_summary_says_it_in_words(good):
    found = {
        "good": good, "orders": 2, "final": 1, "under_exception": 0, "unsettled": 1, "lost": 0, "oversold": 0,
        "duplicates": 0, "repeats_recognized": 3, "ledger_differences": 0, "units_shipped": 4,
        "units_left_warehouses": 4, "seconds": 9.5, "orders_per_second": 0.21, "messages": 20, "deliveries": 9,
        "to_routed": [0.5, 1.25], "to_shipped": None, "to_shop_told": [0.1, 0.2],
    }  # fmt: skip
    text = summary(found)
    assert "2 orders: 1 final, 0 under an open exception, 1 unsettled, 0 lost" in text
    assert "to routed 0.50 s, p95 1.25 s; to shipped none" in text
    assert text.endswith("All settled." if good else "NOT all settled: see the figures above.")
