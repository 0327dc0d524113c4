"""The whole hub under kills, a flush and misbehaving partners, in small; `make soak` is the long run."""

from pathlib import Path

import pytest

from benchmarks.chaos.plan import FLUSH, ROLES, Plan
from benchmarks.chaos.run import run

pytestmark = pytest.mark.faults


def test_everything_settles_without_help_and_no_rule_is_broken(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder: Path = tmp_path_factory.mktemp("chaos")
    plan = Plan(orders=100, rate=5, kills=1, settle=180, items=20)
    report = run(plan, folder)
    assert report["breaches"] == [], (folder / "hub.log").read_text(errors="replace")[-3000:]
    assert report["orders"] == 100
    assert sum(report["states"].values()) == 100
    assert report["blows"] == dict.fromkeys(sorted([*ROLES, FLUSH]), 1)
    assert {report["restarts"][role] for role in ROLES} == {1}
    # It was a run under faults, and work was done in it.
    assert (
        min(report["faults"].get(fate, 0) for fate in ("dropped_write", "rate_limited", "duplicated", "reordered")) > 0
    )
    assert report["states"]["completed"] > 50
    assert report["effects"] > 300
