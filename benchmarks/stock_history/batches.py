"""Whether the answers of a batch of reservations follow from what was there when it took effect.

A batch takes the locks of all its positions before it decides, so there is one moment at which all of it is decided:
the state before its ledger rows. From there its requests are taken in their order, each whole or not at all. A request
for a position at which the batch left no row was refused; nothing more is known of it here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from benchmarks.stock_history.calls import Operation, Verdict
from benchmarks.stock_history.world import CAP, CAPPED, KIT_CAP, PLAIN

Place = tuple[str, str]
Effects = Counter[tuple[str, str, str]]


@dataclass(slots=True)
class Before:
    """What was free just before a batch took effect, where it left a row, and how much of the caps was used.

    The ledger knows no kits: `kits` are all numbers of them that were promised at some moment it can have looked.
    """

    free: dict[Place, int] = field(default_factory=dict)
    capped: int | None = None
    kits: frozenset[int] = frozenset({0})


def simulate(operation: Operation, before: Before, kits: int = 0) -> tuple[bool, ...]:
    """Return the answers that taking the requests in their order gives when so many kits were promised."""
    free, capped = dict(before.free), before.capped or 0
    answers = []
    for effect, of_kit in zip(operation.told["b"], operation.told["kits"], strict=True):
        wanted = {(sku, node): units for sku, node, _, units in effect}
        fits = all(free.get(place, 0) >= units for place, units in wanted.items())
        of_capped = sum(units for (sku, _), units in wanted.items() if sku == CAPPED)
        granted = fits and capped + of_capped <= CAP and (not of_kit or kits + of_kit <= KIT_CAP)
        if granted:
            capped += of_capped
            kits += of_kit
            for place, units in wanted.items():
                free[place] -= units
        answers.append(granted)
    return tuple(answers)


def effects_of(operation: Operation, answers: tuple[bool, ...]) -> Effects:
    """Return what a batch does to stock when these of its requests are granted."""
    found: Effects = Counter()
    for effect, granted in zip(operation.told["b"], answers, strict=True):
        for sku, node, column, units in effect if granted else ():
            found[sku, node, column] += units
    return found


def check_batch(name: str, operation: Operation, before: Before, found: Effects, verdict: Verdict) -> None:
    """Compare a batch's answers and its rows in the ledger with what follows from the state before it."""
    able = {simulate(operation, before, kits) for kits in before.kits}
    if operation.outcome == "ok":
        verdict.counts["granted in batches"] += sum(operation.answers)
        if found != effects_of(operation, operation.answers):
            verdict.object("acknowledged and not so", f"{name}: {dict(found)}, answered {operation.answers}")
        elif operation.answers not in able:
            verdict.object("wrong answer", f"{name}: {operation.answers}, not one of {able}")
    elif operation.outcome == "unknown":
        if found and found not in [effects_of(operation, answers) for answers in able]:
            verdict.object("done in part", f"{name}: {dict(found)} of {operation.told['b']}")
    elif found:
        verdict.object("refused and done", f"{name}: {dict(found)}")


def refused_unseen(operation: Operation, before: Before) -> Iterator[tuple[Place, Operation]]:
    """Yield the refused requests for units of one plain position at which the batch left no row, each as one call."""
    if operation.outcome != "ok":
        return
    for effect, granted in zip(operation.told["b"], operation.answers, strict=True):
        place = effect[0][0], effect[0][1]
        if not granted and len(effect) == 1 and place[0] in PLAIN and place not in before.free:
            told = {"e": effect, "n": 1}
            yield place, Operation("reserve", operation.called, told, operation.returned, "refused")
