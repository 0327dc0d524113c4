"""The contract suite: what every connector must hold to, run offline against its folder alone.

`run_suite("rest-wms")` is what `crossdock connector test rest-wms` and the project's tests call.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from connectors.sdk.checks.contract import check_contract, check_leaks, check_maps
from connectors.sdk.checks.intake import check_intake
from connectors.sdk.checks.mapping import check_mapping
from connectors.sdk.checks.results import Check, Report
from connectors.sdk.checks.simulated import check_simulated
from connectors.sdk.checks.wire import check_wire
from connectors.sdk.checks.workbench import Workbench
from connectors.sdk.manifest import Manifest, QualityRule
from connectors.sdk.manifest_words import QUALITY_RULES, RULES
from connectors.sdk.registry import Registry
from core.errors import CrossdockError

TODO = QualityRule("todo")
# What the two rules that no single check proves rest on.
LISTING = ("list_orders", "list_stock", "list_items")
# Checks whose failure ends the run: nothing after them would say anything true.
ENDS = ("contract.fixtures", "contract.opens", "mapping.maps")
# What a rule's checks need before they can run.
NEEDS = {
    "maps": "maps that can be read",
    "goldens": "golden files that can be read",
    "errors": "the golden of a write or list that makes its requests",
    "replay": "a golden message",
    "paging": "the golden of a list, with two pages",
    "signature": "`webhook` and a golden message",
    "find_by_reference": "the golden of a write that makes its requests, with `find` and `absent`",
    "simulator": "simulator.py",
    "backfill": "the golden of a list, with two pages",
}


def run_suite(connector: str, registry: Registry | None = None) -> list[Check]:
    """Return every check of one connector, in order; a failing check of a rule that is not `done` is skipped.

    Args:
        connector: its id.
        registry: where it is found; this installation's by default.
    """
    registry = registry or Registry()
    manifest = registry.manifest(connector)
    if manifest is None:
        return [Check("contract", "manifest", "fail", broken_reason(registry, connector))]
    try:
        kind = registry.connector_class(manifest)
    except CrossdockError as error:
        return [Check("contract", "manifest", "pass"), Check("contract", "imports", "fail", str(error))]
    report = Report()
    report.checks += [Check("contract", "manifest", "pass"), Check("contract", "imports", "pass")]
    with Workbench(manifest, kind) as bench:
        if check_contract(report, bench) and check_maps(report, bench):
            check_mapping(report, bench)
            check_intake(report, bench)
            check_wire(report, bench)
            check_simulated(report, bench)
            check_leaks(report, bench)
    return [*(settled(each, manifest) for each in report.checks), *quality(manifest, report.checks)]


def broken_reason(registry: Registry, connector: str) -> str:
    """Return why a connector cannot be read."""
    if connector not in registry.folders:
        return f"there is no connector {connector}"
    return registry.broken[connector].strip().rpartition("\n")[2]


def settled(check: Check, manifest: Manifest) -> Check:
    """Return a check as it counts: what fails under a rule that is still to do is no failure yet."""
    status = manifest.quality.get(check.rule or "", TODO).status
    if check.status != "fail" or check.rule is None or status == "done":
        return check
    return replace(check, status="skip", reason=f"{status} ({check.rule}): {check.reason}")


def quality(manifest: Manifest, checks: Sequence[Check]) -> list[Check]:
    """Return one check for each rule of the quality scale."""
    found = []
    for rule in RULES:
        given = manifest.quality.get(rule, TODO)
        if given.status != "done":
            found.append(Check("quality", rule, "skip", given.reason or given.status, rule))
            continue
        reason = unproven(rule, manifest, checks)
        found.append(Check("quality", rule, "fail" if reason else "pass", reason or "", rule))
    return found


def unproven(rule: str, manifest: Manifest, checks: Sequence[Check]) -> str | None:
    """Return why a rule marked done does not hold, None when it does."""
    proofs = {"backfill": "paging"}
    related = [each for each in checks if each.rule == proofs.get(rule, rule)]
    failed = [each.id for each in related if each.status == "fail"]
    if failed:
        return f"marked done, but {', '.join(failed[:3])} failed"
    if rule in {"backfill", "reconciliation"} and not manifest.capabilities & set(LISTING):
        return f"marked done, but it has none of {', '.join(LISTING)}; mark it exempt with the reason"
    if rule in {"reconciliation", "vendor_contract", "load"}:
        return heading_missing(rule, manifest)
    if not any(each.status == "pass" for each in related):
        ended = [each.id for each in checks if each.id in ENDS and each.status == "fail"]
        if ended:
            return f"marked done, but its checks wait for {ended[0]}"
        return f"marked done, but none of its checks ran: it needs {NEEDS[rule]}; or mark it exempt with the reason"
    return None


def heading_missing(rule: str, manifest: Manifest) -> str | None:
    """Return why a rule that rests on tests outside the folder is not documented, None when it is."""
    words = {"reconciliation": "reconciliation", "vendor_contract": "contract", "load": "load"}
    path = manifest.folder / "README.md"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    if any(line.startswith("#") and words[rule] in line.lower() for line in lines):
        return None
    return f"marked done, but README.md has no section on {words[rule]} that says how it was shown"


def tier(checks: Sequence[Check]) -> str | None:
    """Return the highest step of the scale of which every rule, and every rule below it, passes or is exempt."""
    holds = {each.name for each in checks if each.group == "quality" and (each.status == "pass" or exempt(each))}
    reached = None
    for name, rules in QUALITY_RULES.items():
        if not set(rules) <= holds:
            break
        reached = name
    return reached


def exempt(check: Check) -> bool:
    """Return whether a quality check was excused with a reason."""
    return check.status == "skip" and check.reason not in {"", "todo"}


def summary(checks: Sequence[Check]) -> str:
    """Return the counts in a line."""
    counts = Counter(each.status for each in checks)
    return f"{counts['pass']} passed, {counts['fail']} failed, {counts['skip']} skipped"
