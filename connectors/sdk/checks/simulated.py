"""The connector against its simulated partner: a lost reply is found again, and the effect happens once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.sdk.checks.goldens import Outgoing
from connectors.sdk.checks.results import Report, Skipped, expect, raised
from connectors.sdk.checks.workbench import push_of
from connectors.sdk.maps import load_module
from connectors.sdk.simulation.faults import Faults
from core.errors import OutcomeUnknown

if TYPE_CHECKING:
    from connectors.sdk.checks.workbench import Workbench
    from connectors.sdk.simulator import Simulator


def check_simulated(report: Report, bench: Workbench) -> None:
    """Check every write against the simulator."""
    pushes: dict[str, Outgoing] = {}
    for each in bench.goldens.pushes():
        if "error" not in each.given:
            pushes.setdefault(each.verb, each)
    present = (bench.manifest.folder / "simulator.py").is_file()
    with report.check("egress", "simulator", "simulator"):
        expect(present, "there is no simulator.py")
    if not present:
        return
    for verb, golden in sorted(pushes.items()):
        with report.check("egress", f"exactly_once.{verb}", "simulator"):
            exactly_once(bench, golden)


def exactly_once(bench: Workbench, golden: Outgoing) -> None:
    """Lose the reply of a write, look it up, and count what happened there."""
    if not bench.wired:
        raise Skipped("it does not talk HTTP")
    push = push_of(golden.verb, golden.given)
    kind: type[Simulator] = load_module(bench.manifest.folder, "simulator").Partner
    with kind(secrets=bench.secrets, seed=1) as partner:
        partner.prepare(push)
        connector = bench.open(url=partner.url)
        expect(bench.do(connector, "find_by_reference", push) is None, "an effect was found before there was one")
        before = partner.total
        partner.fault_reads = False
        partner.faults = Faults(drop=1.0)
        raised(OutcomeUnknown, lambda: bench.do(connector, golden.verb, push), "the reply was lost")
        partner.faults = Faults()
        after = partner.total
        expect(not partner.repeats, "after the lost reply it wrote again by itself, without looking first")
        expect(after > before, "the simulator counted no effect of the write")
        expect(
            bench.do(connector, "find_by_reference", push) is not None,
            "the effect whose reply was lost is not found by reference",
        )
        expect(partner.total == after, "looking it up had an effect of its own")
        expect(not partner.doubles, f"an effect happened twice: {partner.doubles}")
