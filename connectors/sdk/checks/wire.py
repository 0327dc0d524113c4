"""Requests and what is made of the answers: goldens, error classes, lost replies, paging, look-ups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from connectors.sdk.checks.goldens import Outgoing, Step, body_difference, difference
from connectors.sdk.checks.results import Failed, Report, Skipped, expect, raised
from connectors.sdk.checks.trouble import check_errors, redirect, refusal
from connectors.sdk.checks.workbench import answers, push_of
from connectors.sdk.simulation.server import SimRequest, SimResponse
from core.domain.vocabulary import Write
from core.errors import ConnectorError, Transient
from core.ports.connectors import Page, Receipt

if TYPE_CHECKING:
    from connectors.sdk.checks.workbench import Workbench


def check_wire(report: Report, bench: Workbench) -> None:
    """Check every outgoing golden and what each kind of trouble becomes."""
    pushes, lists = list(bench.goldens.pushes()), list(bench.goldens.lists())
    with report.check("egress", "goldens", "goldens"):
        verbs = bench.manifest.capabilities & {*map(str, Write), "list_orders", "list_stock", "list_items"}
        if not verbs:
            raise Skipped("it asks nothing of its partner")
        lacking = sorted(verbs - {each.verb for each in (*pushes, *lists)})
        if not bench.wired:
            raise Skipped("it does not talk HTTP; its own tests hold its goldens")
        expect(not lacking, f"no golden in fixtures/ for {', '.join(lacking)}")
    if not bench.wired:
        return
    good: list[Outgoing] = []
    for golden in pushes:
        with report.check("egress", f"request.{golden.name}", "goldens"):
            replay_push(bench, golden)
        # A request that is wrong is told once, not again with each kind of trouble.
        if not report.failed and "error" not in golden.given:
            good.append(golden)
    for golden in lists:
        with report.check("egress", f"request.{golden.name}", "goldens"):
            replay_list(bench, golden)
        with report.check("egress", f"paging.{golden.name}", "paging"):
            resume(bench, golden)
    check_errors(report, bench, good, lists)
    with report.check("egress", "host"):
        redirect(bench, good, lists)
    for golden in good:
        with report.check("egress", f"find.{golden.name}", "find_by_reference"):
            found_again(bench, golden)
        with report.check("egress", f"find_foreign.{golden.name}", "find_by_reference"):
            not_another(bench, golden)


def replay_push(bench: Workbench, golden: Outgoing) -> None:
    """A write makes exactly the golden's requests and returns its receipt."""
    connector = bench.open()
    bench.partner.play(answers(golden.steps))
    push = push_of(golden.verb, golden.given)
    if "error" in golden.given:
        try:
            bench.do(connector, golden.verb, push)
        except ConnectorError as error:
            expect(error.error_code == golden.given["error"], f"raises {error.error_code}: {error}")
        else:
            raise Failed(f"nothing was raised, {golden.given['error']} expected")
    else:
        receipt = bench.do(connector, golden.verb, push)
        expect(isinstance(receipt, Receipt), "it returns no Receipt")
        wanted = golden.given.get("receipt", {}).get("reference")
        expect(receipt.reference == wanted, f"the receipt names {receipt.reference!r}, {wanted!r} expected")
    same_requests(bench.partner.requests, golden.steps)


def same_requests(made: Sequence[SimRequest], steps: Sequence[Step]) -> None:
    """Compare requests with the golden ones."""
    for number, (request, step) in enumerate(zip(made, steps, strict=False), start=1):
        wanted = step.request
        found: dict[str, Any] = {"method": request.method, "path": request.path, "query": dict(request.query)}
        for name in ("method", "path", "query"):
            wrong = difference(wanted[name], found[name], name) if name in wanted else None
            expect(wrong is None, f"request {number}: {wrong}")
        for name, value in wanted.get("headers", {}).items():
            wrong = difference(value, request.headers.get(name.lower()), f"header {name}")
            expect(wrong is None, f"request {number}: {wrong}")
        if "bytes" in wanted:
            wrong = body_difference(wanted["bytes"], request.body)
            expect(wrong is None, f"request {number}: {wrong}")
    expect(len(made) == len(steps), f"{len(made)} requests were made, {len(steps)} expected")


def page_of(bench: Workbench, golden: Outgoing, cursor: Mapping[str, Any], connector: Any) -> Page:
    """Ask for one page."""
    page = bench.do(connector, golden.verb, dict(cursor))
    expect(isinstance(page, Page), "it returns no Page")
    # The hub keeps cursors as JSON.
    orjson.dumps(page.cursor)
    found: Page = page
    return found


def replay_list(bench: Workbench, golden: Outgoing) -> None:
    """A list makes the golden's requests and yields its records."""
    connector = bench.open()
    cursor: Mapping[str, Any] = {}
    for page_steps in pages(golden):
        bench.partner.play(answers(page_steps))
        page = page_of(bench, golden, cursor, connector)
        same_requests(bench.partner.requests, page_steps)
        same_page(page, page_steps[-1].page)
        cursor = page.cursor


def pages(golden: Outgoing) -> list[list[Step]]:
    """Return the golden's steps, those of one page together: a page ends with the step that says what it holds."""
    found: list[list[Step]] = [[]]
    for step in golden.steps:
        found[-1].append(step)
        if step.page:
            found.append([])
    return [each for each in found if each]


def same_page(page: Page, wanted: Mapping[str, Any]) -> None:
    """Compare a page with the golden one."""
    records = [
        {"topic": each.topic, "body": orjson.loads(each.body) if each.body[:1] in b"{[" else each.body.decode()}
        for each in page.records
    ]
    wrong = difference(wanted.get("records", []), records, "records")
    expect(wrong is None, f"{wrong}")
    expect(page.more == wanted.get("more", False), f"more is {page.more}")
    keys = [each.dedupe_key for each in page.records]
    expect(len(set(keys)) == len(keys), "two records of a page share a dedupe key: one would be lost")


def resume(bench: Workbench, golden: Outgoing) -> None:
    """A list cut between two pages goes on where it was, without losing or repeating a record."""
    parts = pages(golden)
    if len(parts) < 2:
        row = bench.manifest.requests.get(golden.verb)
        if row is not None and row.paging is None:
            raise Skipped("the partner answers in one page")
        raise Failed(f"{golden.name} has one page; a second one shows whether the list can resume")
    connector = bench.open()
    keys: list[str] = []
    cursor: Mapping[str, Any] = {}
    for number, part in enumerate(parts):
        if number == 1:
            cut = [*answers(part[:-1]), spoiled(part[-1], "cut")]
            bench.partner.play(cut)
            raised(Transient, lambda: page_of(bench, golden, cursor, connector), "the second page was cut")  # noqa: B023
            connector = bench.open()
        bench.partner.play(answers(part))
        page = page_of(bench, golden, orjson.loads(orjson.dumps(cursor)), connector)
        keys += [each.dedupe_key for each in page.records]
        cursor = page.cursor
    total = sum(len(part[-1].page.get("records", ())) for part in parts)
    expect(len(keys) == total, f"{len(keys)} records came, {total} expected")
    expect(len(set(keys)) == total, "a record came twice")


def spoiled(step: Step, fate: str) -> SimResponse:
    """Return a golden's answer that does not arrive whole."""
    return SimResponse(step.status, step.body or b"{}" * 50, step.headers, fate)


def found_again(bench: Workbench, golden: Outgoing) -> None:
    """An earlier effect is found by our reference, and one that never was is not."""
    elsewhere = any(each.verb == golden.verb and each.find for each in bench.goldens.pushes())
    if golden.find is None and elsewhere:
        raise Skipped("another golden of the verb has the look-up")
    expect(golden.find is not None, "it has no `find` steps")
    expect(golden.absent is not None, "it has no `absent` steps")
    connector = bench.open()
    push = push_of(golden.verb, golden.given)

    def act() -> Any:
        return bench.do(connector, "find_by_reference", push)

    bench.partner.play(answers(golden.find or ()))
    receipt = act()
    expect(isinstance(receipt, Receipt), f"the effect was not found{asked_for(bench, golden)}")
    wanted = golden.given["find"].get("receipt", {}).get("reference")
    expect(receipt.reference == wanted, f"the receipt names {receipt.reference!r}, {wanted!r} expected")
    same_requests(bench.partner.requests, golden.find or ())
    bench.partner.play(answers(golden.absent or ()))
    expect(act() is None, "an effect was found that never was")
    same_requests(bench.partner.requests, golden.absent or ())
    bench.partner.play([refusal(503)])
    raised(Transient, act, "the look-up itself failed: that says nothing about the effect")


def asked_for(bench: Workbench, golden: Outgoing) -> str:
    """Return what the manifest's `find` wants to see in the answer, as an addition to a sentence."""
    row = bench.manifest.requests.get(golden.verb)
    if row is None or row.find is None:
        return ""
    wanted = [f"{golden.given['reference']!r} at match: {row.find.match}"] if row.find.match else []
    wanted += [f"when: {row.find.when}"] if row.find.when else []
    return f": nothing at {row.find.at or 'the top'} of the answer has {' and '.join(wanted) or 'anything in it'}"


def not_another(bench: Workbench, golden: Outgoing) -> None:
    """A partner that overlooks our question and answers with other things has not confirmed the effect."""
    reference = str(golden.given["reference"]).encode()
    if not golden.find or not any(reference in step.body for step in golden.find):
        raise Skipped("the partner's answer does not bear our reference")
    connector = bench.open()
    other = reference[:-4] + b"f00d"
    bench.partner.play(
        [SimResponse(step.status, step.body.replace(reference, other), step.headers) for step in golden.find]
    )
    found = bench.do(connector, "find_by_reference", push_of(golden.verb, golden.given))
    expect(found is None, "the effect of another reference was taken for this one: the write would be lost")
