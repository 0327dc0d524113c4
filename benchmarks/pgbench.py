"""PostgreSQL's own load generator against the same server: what the database gives to a program that costs nothing."""

from __future__ import annotations

import math
import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

from benchmarks.running import latency
from console.servers.postgres import find_binaries

RATE = re.compile(r"^tps = ([0-9.]+) \(without", re.MULTILINE)
FAILED = re.compile(r"^number of failed transactions: ([0-9]+)", re.MULTILINE)
STARTING_SECONDS = 60.0


def pgbench(
    url: str, script: str, *, clients: int, seconds: float, variables: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Run a script of pgbench's language again and again and return transactions per second and their latency.

    Args:
        url: the database, as SQLAlchemy writes it.
        script: one transaction.
        clients: sessions at once, all driven by one thread.
        seconds: how long, rounded up to whole ones.
        variables: values the script names `:name`, sent as parameters of prepared statements.

    Raises:
        RuntimeError: pgbench or a transaction failed.
    """
    at = make_url(url)
    with tempfile.TemporaryDirectory(prefix="crossdock-pgbench-") as folder:
        file = Path(folder) / "script.sql"
        file.write_text(script, encoding="utf-8")
        done = subprocess.run(
            [
                str(_program()),
                "--no-vacuum",
                f"--file={file}",
                f"--client={clients}",
                f"--time={max(1, math.ceil(seconds))}",
                "--protocol=prepared",
                "--log",
                f"--log-prefix={folder}/log",
                *[f"--define={name}={value}" for name, value in (variables or {}).items()],
                f"--host={at.query.get('host') or at.host or ''}",
                f"--port={at.query.get('port') or at.port or 5432}",
                f"--username={at.username}",
                str(at.database),
            ],
            env={**os.environ, "PGPASSWORD": at.password or ""},
            capture_output=True,
            text=True,
            timeout=seconds + STARTING_SECONDS,
            check=False,
        )
        found, failed = RATE.search(done.stdout), FAILED.search(done.stdout)
        if done.returncode != 0 or found is None or failed is None or int(failed[1]):
            raise RuntimeError(f"pgbench failed: {done.stderr[-2000:]}{done.stdout[-500:]}")
        logs = [each.read_text() for each in Path(folder).glob("log.*")]
    # Third field: microseconds of the transaction.
    times = [int(line.split()[2]) / 1e6 for log in logs for line in log.splitlines()]
    return {"clients": clients, "per_second": round(float(found[1]), 1), **latency(times)}


def server_version() -> str:
    """Return the version of the embedded PostgreSQL."""
    postgres = subprocess.run([_program().with_name("postgres"), "-V"], capture_output=True, text=True, check=True)
    return postgres.stdout.split()[2]


def _program() -> Path:
    _, binaries = find_binaries(Path("/nonexistent"))
    return binaries / "pgbench"
