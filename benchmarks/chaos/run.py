"""One run: start, trade, hurt, let it settle without help, judge."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy.exc import OperationalError

from benchmarks.chaos.facts import Facts, collect
from benchmarks.chaos.killer import Killer
from benchmarks.chaos.load import Load
from benchmarks.chaos.plan import Plan
from benchmarks.chaos.rig import Rig
from benchmarks.chaos.verdict import breaches, finished, outstanding

LOOK = 0.5
# Seconds of rest for each second of looking, and between two lines of progress.
LOOKS_PART = 20.0
SAID = 15.0


def run(plan: Plan, folder: Path, say: Callable[[str], None] = lambda _text: None) -> dict[str, Any]:
    """Do it all in a folder and return the report; `breaches` in it is empty when everything held."""
    began = time.monotonic()
    with Rig(folder, plan) as rig:
        say(f"Hub and partners run after {time.monotonic() - began:.1f} s")
        load, killer = Load(plan, rig.company, rig.control()), Killer(rig, plan)
        started = time.monotonic()
        load.start()
        killer.start()
        try:
            load.join()
            say(f"{len(load.placed)} orders placed; waiting for the last of {plan.kills * 7} blows")
            killer.join()
            ended = time.monotonic()
            facts = settled(rig, load.placed, plan, say)
        finally:
            load.stop()
            killer.stop()
        found = breaches(facts)
        for what in (load, killer):
            if what.failure is not None:
                found.append(f"the {what.name} broke: {type(what.failure).__name__}: {what.failure}")
        restarts = {name: part.restarts for name, part in rig.state.parts.items()}
        return {
            "orders": len(load.placed),
            "asked": dict(load.asked),
            "blows": killer.counts,
            "restarts": restarts,
            "load_seconds": round(ended - started, 1),
            "settle_seconds": round(time.monotonic() - ended, 1),
            **figures(facts),
            "breaches": found,
            "good": not found,
        }


def settled(rig: Rig, placed: list[str], plan: Plan, say: Callable[[str], None]) -> Facts:
    """Wait until nothing is left to do, nothing is done any more or time is up, and return what is so then."""
    end = time.monotonic() + plan.settle
    stuck = time.monotonic() + plan.idle
    quiet = done = 0
    told = pause = 0.0
    while True:
        # To look costs more the more there is, and what it takes of the processor the hub does not get.
        time.sleep(max(LOOK, pause))
        began = time.monotonic()
        try:
            facts = collect(rig.store, rig.control(), placed)
        except OperationalError:
            if time.monotonic() > end:
                raise
            continue
        now = time.monotonic()
        pause = LOOKS_PART * (now - began)
        left = outstanding(facts)
        if (more := finished(facts)) > done:
            done, stuck = more, now + plan.idle
        # What came last may have caused more: quiet twice is quiet.
        quiet = 0 if left else quiet + 1
        if quiet > 1 or now > min(end, stuck):
            return facts
        if now - told > SAID:
            told = now
            say(f"left: {left}")


def figures(facts: Facts) -> dict[str, Any]:
    """Return what a run came to, for the report."""
    faults: Counter[str] = Counter()
    for partner in facts.partners.values():
        faults.update(partner.faults)
    return {
        "states": dict(sorted(Counter(state for state, _ in facts.orders.values()).items())),
        "under_exception": sum(excepted for state, excepted in facts.orders.values()),
        "exceptions": dict(facts.cases),
        "messages": dict(sorted(facts.messages.items())),
        "deliveries": dict(sorted(Counter(each.state for each in facts.deliveries).items())),
        "effects": sum(sum(keys.values()) for each in facts.partners.values() for keys in each.effects.values()),
        "units_shipped": int(facts.shipped),
        "faults": dict(sorted(faults.items())),
    }
