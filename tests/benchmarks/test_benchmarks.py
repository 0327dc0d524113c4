"""Each benchmark runs in its smallest size as a person calls it, ends by itself, and prints one JSON object."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from console.cli.bench import names

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 300


def bench(name: str, *arguments: object) -> dict[str, Any]:
    """Return what `crossdock bench NAME --small` prints."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "console.cli.main", "bench", name, "--small", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    [line] = done.stdout.splitlines()
    found = json.loads(line)
    assert isinstance(found, dict)
    assert found["bench"] == name
    assert found["machine"]["cpus"] >= 1
    assert len(found["machine"]["load"]) == len(found["machine"]["load_before"]) == 3
    assert {"crossdock", "postgresql"} <= set(found["versions"])
    return found


def test_every_benchmark_is_in_this_file_or_has_tests_of_its_own() -> None:
    assert set(names()) == {
        "availability", "edi", "edi-fuzz", "growth", "histories", "intake", "memory", "pipeline", "promises", "reports",
        "reserve", "routing", "simulate", "soak", "startup", "uci", "waves",
    }  # fmt: skip


def test_intake_finds_each_accepted_webhook_in_the_database() -> None:
    found = bench("intake", "--seconds", 0.5, "--clients", 4, "--rate", 20)
    assert found["lost"] == found["doubled"] == 0
    assert found["accepted"] > 0
    assert found["full_rate"]["per_second"] > 0
    assert 0 < found["full_rate"]["p50_ms"] <= found["full_rate"]["p99_ms"] <= found["full_rate"]["max_ms"]
    assert set(found["full_rate"]["cpu_ms_per_webhook"]) == {"web", "postgres", "client"}
    [paced, half] = found["paced"]
    assert paced["rate"] == 20
    assert half["rate"] == round(found["full_rate"]["per_second"] / 2, 1)
    assert paced["refused"] == paced["unanswered"] == 0
    assert found["ratio_to_echo"] == round(found["full_rate"]["per_second"] / found["echo"]["per_second"], 3)
    assert found["insert_and_commit"]["clients"] == 4


def test_reservations_are_in_the_books_and_nothing_is_oversold() -> None:
    found = bench("reserve", "--seconds", 0.3, "--clients", 2, 4, "--items", 20)
    assert found["oversold"] == found["lost"] == 0
    assert found["sell_out"] == {"units": 5000, "clients": 4, "granted": 5000}
    assert [each["clients"] for each in found["hot"]] == [each["clients"] for each in found["wide"]] == [2, 4]
    for each in [*found["hot"], *found["wide"]]:
        assert each["ratio_to_pgbench"] == round(each["per_second"] / each["pgbench"]["per_second"], 3)


def test_recorded_orders_are_decided_again_and_the_worse_policy_is_refused() -> None:
    found = bench("simulate", "--orders", 1_200)
    assert found["verify"]["decisions"] == found["verify"]["agree"] == found["orders"] == 1_200
    assert found["verify"]["differ"] == 0
    for way in ("alone", "carried"):
        better, worse = found["better"][way], found["worse"][way]
        assert (better["orders"], worse["orders"]) == (1_200, 1_200)
        assert (better["passed"], worse["passed"]) == (True, False)
        assert better["short_percent"]["change_points"] < 0 < worse["cost_per_order"]["change_percent"]
    # Its history's stock adds up, so no policy takes more than there is.
    assert [found[name]["carried"]["stock"]["unmet"] for name in ("better", "worse")] == [0, 0]
    assert found["better"]["carried"]["stock"]["touched"] > 100
    # Units that are used up cannot be used again.
    assert found["better"]["carried"]["short_percent"]["after"] > found["better"]["alone"]["short_percent"]["after"]
    assert found["bytes_per_decision"]["whole"] < 900
    assert found["shared_documents"] == 1


def test_availability_and_the_pushes_after_a_change_are_timed() -> None:
    found = bench("availability", "--positions", 5_000, "--questions", 5, "--seconds", 1, "--clients", 2)
    assert (found["positions"], found["question"]["items"], found["question"]["nodes"]) == (5_000, 50, 10)
    assert 0 < found["question"]["p50_ms"] <= found["question"]["p95_ms"] <= found["question"]["max_ms"]
    assert found["push"]["changes"] > 0
    assert found["push"]["reservations"] > 0


def test_the_pipeline_is_measured_beside_the_same_writes() -> None:
    found = bench("pipeline", "--orders", 40, "--seconds", 1)
    [step] = found["series"]
    assert step["stored_orders"] == 40
    assert step["runs"] == [step["orders_per_second"]]
    [single, batches] = found["pgbench"]
    assert (single["orders_per_transaction"], batches["orders_per_transaction"]) == (1, 10)
    assert single["rows_inserted_per_order"] == batches["rows_inserted_per_order"] == 17
    assert found["ratio_to_pgbench_per_order"] == round(step["orders_per_second"] / single["orders_per_second"], 3)


def test_reports_in_batches_take_fewer_statements_each() -> None:
    single, batch = bench("reports", "--reports", 20, "--batches", 1, 20)["series"]
    assert (single["batch"], single["reports"], batch["batch"], batch["reports"]) == (1, 20, 20, 20)
    assert batch["statements"] < 3 < single["statements"]
    assert batch["cpu_ms"] == pytest.approx(batch["hub_cpu_ms"] + batch["database_cpu_ms"], abs=0.02)


def test_growth_says_what_an_order_costs_at_each_number_of_stored_ones() -> None:
    found = bench("growth", "--orders", 40, "--grow", 100, 150)
    assert [each["stored_orders"] for each in found["series"]] == [100, 150]
    assert found["flat"] == round(found["series"][0]["ms_per_order"] / found["series"][1]["ms_per_order"], 3)


def test_startup_tells_cold_from_warm() -> None:
    found = bench("startup", "--calls", 2)
    assert found["up"]["cold_seconds"] > found["up"]["servers_alone_cold_seconds"] > 0
    assert found["up"]["warm_seconds"] > 0
    assert found["help"]["best_ms"] <= found["help"]["median_ms"] <= found["help"]["worst_ms"]


def test_memory_counts_every_part_of_the_hub() -> None:
    found = bench("memory", "--orders", 20, "--rate", 20)
    parts = {"postgres", "redis", "web", "worker-1", "worker-2", "relay", "supervisor"}
    for moment in ("idle", "under_load", "after_load"):
        assert set(found[moment]["parts"]) == parts
        assert found[moment]["pss_mb"] == pytest.approx(
            sum(each["pss_mb"] for each in found[moment]["parts"].values()), abs=0.1
        )
        assert 0 < found[moment]["pss_mb"] < found[moment]["rss_mb"]
    assert found["orders"] == 20


def test_routing_agrees_with_highs_on_orders_of_every_kind() -> None:
    found = bench("routing", "--sizes", "1x5", "3x10", "--check", 30)
    assert found["mismatches"] == found["checked"]["mismatches"] == 0
    assert found["checked"]["orders"] == found["checked"]["proven_by_highs"] == 30
    assert [each["size"] for each in found["series"]] == ["1x5", "3x10"]
    for each in found["series"]:
        assert each["ours"]["proven"] == each["highs"]["proven"] == 1
        assert each["ours"]["over_best_percent"] == each["ours"]["largest_gap_percent"] == 0
        assert each["greedy_by_line"]["over_best_percent"] >= 0


def test_a_wave_is_never_dearer_than_what_it_started_from() -> None:
    found = bench("waves", "--peaks", 1, "--orders", 15)
    assert found["dearer"] == 0
    [peak] = found["peaks"]
    assert peak["bound"] <= peak["after"] <= peak["first_come"]
    assert peak["finished"]
    assert found["saved_percent"]["median"] == peak["saved_percent"] >= 0


def test_edi_is_read_as_pydifact_reads_it_and_in_little_memory() -> None:
    found = bench("edi")
    assert set(found["edifact"]) == {"ORDERS", "DESADV", "INVOIC", "large"}
    for kind in ("ORDERS", "DESADV", "INVOIC"):
        figures = found["edifact"][kind]
        assert figures["same_as_pydifact"] is True
        assert figures["segments"] > 100 * figures["messages"] > 0
        assert figures["segments_mb_per_s"] > figures["pydifact"]["read_mb_per_s"] > 0
    assert found["edifact"]["large"]["file_mb"] >= 2
    assert found["edifact"]["large"]["faults"] == 0
    assert found["edifact"]["large"]["peak_mb"] < 100
    assert set(found["maps"]) == {"5_lines", "40_lines"}
    for each in found["maps"].values():
        assert each["messages"] > 0
        assert each["read_check_map_per_s"] > 0
        assert each["map_and_order_per_s"] > 0
