"""Webhooks accepted durably per second, over HTTP, signature and commit included.

The hub's own web process (granian, the webhook door, PostgreSQL) takes signed orders/create bodies of a Shopify shop
over connections that stay open, first as fast as it answers, then at fixed rates for the latencies. No worker runs.
Beside it, in the same run: the same server echoing the same bodies and storing nothing, and pgbench inserting rows of
the same size into the same table, one commit each. At the end every accepted event must be a row.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import text

from benchmarks.common import report
from benchmarks.doors import Running, running_echo, running_hub
from benchmarks.pgbench import pgbench
from benchmarks.running import cpu_seconds, forget_environment, latency, ratio, sizes, time_limit
from benchmarks.senders import SHOP_DOMAIN, TOPIC, Load, Sent, order_bodies, send
from config.settings import Web

INSERT = """
INSERT INTO message (id, connection_id, topic, dedupe_key, headers, body, run_at, correlation_id)
VALUES (uuidv7(), :connection::uuid, :topic, 'pgbench:' || uuidv7(), :headers::json, decode(:body, 'hex'),
        clock_timestamp(), uuidv7());
"""
HEADERS = {
    "accept": "*/*",
    "content-type": "application/json",
    "user-agent": "Shopify-Captain-Hook",
    "x-shopify-api-version": "2026-01",
    "x-shopify-event-id": "01a2b3c4-0000-7000-8000-000000000000",
    "x-shopify-shop-domain": SHOP_DOMAIN,
    "x-shopify-topic": TOPIC,
    "x-shopify-triggered-at": "2026-11-20T09:00:00Z",
    "x-shopify-webhook-id": "01a2b3c4-0000-7000-8000-000000000000",
}


def main(argv: list[str] | None = None) -> None:
    """Measure and print one JSON object; exits 1 when an accepted webhook is no row."""
    parser = argparse.ArgumentParser(prog="crossdock bench intake", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10, help="per measurement")
    parser.add_argument("--runs", type=int, default=3, help="measurements at full rate; the median is reported")
    parser.add_argument("--clients", type=int, default=32, help="connections kept open")
    parser.add_argument("--rate", type=float, default=500, help="webhooks a second of the first paced measurement")
    parser.add_argument("--processes", type=int, default=Web().processes, help="web processes")
    parser.add_argument("--threads", type=int, default=Web().threads, help="requests each answers at once")
    options = sizes(parser, argv, seconds=2, runs=1, rate=100, limit=240)
    forget_environment()
    with (
        time_limit(options.limit),
        tempfile.TemporaryDirectory(prefix="crossdock-bench-", ignore_cleanup_errors=True) as folder,
        running_hub(Path(folder) / "data", [], parts="web", web=Web(options.processes, options.threads)) as running,
    ):
        figures = measure(running, options)
    report("intake", **figures)
    if figures["lost"] or figures["doubled"]:
        raise SystemExit("accepted webhooks are missing or doubled in the database")


def measure(running: Running, options: argparse.Namespace) -> dict[str, Any]:
    """Return all figures of a hub that runs."""
    settings, url = running.settings, str(running.settings.database_url)
    accepted: list[str] = []

    def knock(name: str, rate: float | None = None, seconds: float = options.seconds) -> Sent:
        path = "/webhooks/shopify-eu"
        sent = send(Load(settings.host, settings.port, path, "bench", name, options.clients, seconds, rate))
        accepted.extend(sent.accepted)
        return sent

    knock("warm", seconds=min(2.0, options.seconds))
    full, cpu = _full_rate(
        lambda number: knock(f"full{number}"),
        options.runs,
        {"web": lambda: running.pids()["web"], "postgres": lambda: running.pids()["postgres"]},
    )
    middle = statistics.median(run.per_second for run in full)
    paced = [
        _figures(knock(f"paced{number}", rate), rate)
        for number, rate in enumerate([options.rate, round(middle / 2, 1)])
        if rate > 0
    ]
    with running_echo(settings) as (at, pid):
        echo, echo_cpu = _full_rate(
            lambda number: send(
                Load(at.host, at.port, "/echo", "bench", f"echo{number}", options.clients, options.seconds)
            ),
            options.runs,
            {"web": lambda: pid},
        )
    inserts = _inserts(running, url, options)
    with running.hub.store.read() as conn:
        rows = [
            row[0]
            for row in conn.execute(text("SELECT dedupe_key FROM message WHERE dedupe_key LIKE 'orders/create:%'"))
        ]
        repeats = conn.execute(text("SELECT coalesce(sum(repeats), 0) FROM message")).scalar_one()
    stored = {key.removeprefix(f"{TOPIC}:") for key in rows}
    echoes = statistics.median(run.per_second for run in echo)
    return {
        "load_used": {
            "clients": options.clients,
            "web_processes": options.processes,
            "web_threads": options.threads,
            "body_bytes": round(statistics.mean(map(len, order_bodies(50, 1)))),
        },
        "full_rate": {
            "per_second": middle,
            "runs": [run.per_second for run in full],
            **latency([each for run in full for each in run.latencies]),
            "cpu_ms_per_webhook": cpu,
        },
        "paced": paced,
        "echo": {"per_second": echoes, "runs": [run.per_second for run in echo], "cpu_ms_per_request": echo_cpu},
        "insert_and_commit": inserts,
        "ratio_to_echo": ratio(middle, echoes),
        "ratio_to_insert_and_commit": ratio(middle, inserts["per_second"]),
        "accepted": len(accepted),
        "lost": len(set(accepted) - stored),
        "doubled": len(rows) - len(stored) + repeats,
    }


def _full_rate(
    run: Callable[[int], Sent], runs: int, pids: dict[str, Callable[[], int]]
) -> tuple[list[Sent], dict[str, float]]:
    """Run a load several times; return what was sent, and milliseconds of processor time per request by process."""
    before = {name: cpu_seconds([pid()]) for name, pid in pids.items()}
    sent = [run(number) for number in range(runs)]
    number = sum(len(each.accepted) for each in sent) or 1
    used = {name: cpu_seconds([pid()]) - before[name] for name, pid in pids.items()}
    used["client"] = sum(each.cpu_seconds for each in sent)
    return sent, {name: round(seconds / number * 1000, 3) for name, seconds in used.items()}


def _figures(sent: Sent, rate: float) -> dict[str, Any]:
    return {
        "rate": rate,
        "per_second": sent.per_second,
        **latency(sent.latencies),
        "refused": sent.refused,
        "unanswered": sent.unanswered,
    }


def _inserts(running: Running, url: str, options: argparse.Namespace) -> dict[str, Any]:
    with running.hub.store.read() as conn:
        connection = conn.execute(text("SELECT id FROM connection WHERE connector = 'shopify'")).scalar_one()
    bodies = sorted(order_bodies(50, 1), key=len)
    variables = {
        "connection": str(connection),
        "topic": TOPIC,
        "headers": orjson.dumps(HEADERS).decode(),
        "body": bodies[len(bodies) // 2].hex(),
    }
    runs = [
        pgbench(url, INSERT, clients=options.clients, seconds=options.seconds, variables=variables)
        for _ in range(options.runs)
    ]
    return sorted(runs, key=lambda each: each["per_second"])[len(runs) // 2]


if __name__ == "__main__":
    main()
