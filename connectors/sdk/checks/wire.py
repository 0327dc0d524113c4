"""Requests and what is made of the answers: goldens, error classes, lost replies, paging, look-ups."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import orjson

from connectors.sdk.checks.goldens import Outgoing, Step, body_difference, difference
from connectors.sdk.checks.results import Failed, Report, Skipped, expect, raised
from connectors.sdk.checks.workbench import SHORT_TIMEOUT, answers, given_to, push_of
from connectors.sdk.errors import CLASSES, default_class, matching_row
from connectors.sdk.manifest import ErrorRow
from connectors.sdk.simulation.server import SimRequest, SimResponse
from core.domain.vocabulary import Write
from core.errors import ConnectorError, Misconfigured, OutcomeUnknown, RateLimited, Transient
from core.ports.connectors import Page, Receipt

if TYPE_CHECKING:
    from connectors.sdk.checks.workbench import Workbench

STATUSES = (400, 401, 403, 404, 408, 409, 410, 422, 425, 500, 501, 502, 503, 504)
PLAIN = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\[0\])?")
Fault = SimResponse | Callable[[SimRequest], SimResponse]


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
    for golden in pushes:
        with report.check("egress", f"request.{golden.name}", "goldens"):
            replay_push(bench, golden)
    for golden in lists:
        with report.check("egress", f"request.{golden.name}", "goldens"):
            replay_list(bench, golden)
        with report.check("egress", f"paging.{golden.name}", "paging"):
            resume(bench, golden)
    good = [each for each in pushes if "error" not in each.given]
    check_errors(report, bench, good, lists)
    with report.check("egress", "host"):
        redirect(bench, good, lists)
    for golden in good:
        with report.check("egress", f"find.{golden.name}", "find_by_reference"):
            found_again(bench, golden)


# -- goldens


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


# -- trouble


def attempt(bench: Workbench, golden: Outgoing, fault: Fault, *, connector: Any = None) -> Callable[[], Any]:
    """Return the action of a golden whose decisive answer is replaced."""
    connector = connector or bench.open()
    write = golden.verb in set(Write)
    place = golden.writing if write else 0

    def act() -> Any:
        bench.partner.play([*answers(golden.steps[:place]), fault])
        return bench.do(connector, golden.verb, given_to(golden))

    return act


def subjects(pushes: Sequence[Outgoing], lists: Sequence[Outgoing]) -> list[Outgoing]:
    """Return one golden of each verb."""
    found: dict[str, Outgoing] = {}
    for each in (*pushes, *lists):
        found.setdefault(each.verb, each)
    return list(found.values())


def check_errors(report: Report, bench: Workbench, pushes: Sequence[Outgoing], lists: Sequence[Outgoing]) -> None:
    """Every trouble becomes the class that says what to do about it."""
    goldens = subjects(pushes, lists)
    table = bench.manifest.errors
    for golden in goldens:
        write = golden.verb in set(Write)
        for status in STATUSES:
            row = matching_row(table, golden.verb, status, None)
            kind = CLASSES[row.raises] if row else default_class(status, write=write)
            with report.check("egress", f"status.{status}.{golden.verb}", "errors"):
                act = attempt(bench, golden, refusal(status))
                raised(kind, act, f"status {status}")
        for name, fault, kind in broken(write=write):
            with report.check("egress", f"{name}.{golden.verb}", "errors"):
                hurried = bench.open(impatient=name == "timeout_after_send")
                raised(kind, attempt(bench, golden, fault, connector=hurried), name.replace("_", " "))
        with report.check("egress", f"unreachable.{golden.verb}", "errors"):
            unreachable(bench, golden)
        with report.check("egress", f"retry_after.{golden.verb}", "errors"):
            retry_after(bench, golden)
    for row in table.rows:
        with report.check("egress", f"row.{row.status or 'any'}.{row.code or 'any'}", "errors"):
            error_row(bench, goldens, row)


def refusal(status: int, document: Any = None, headers: Mapping[str, str] | None = None) -> SimResponse:
    """Return an error answer of the partner."""
    return SimResponse(status, document or {"message": "No."}, dict(headers or {}))


def broken(*, write: bool) -> Iterator[tuple[str, Fault, type[ConnectorError]]]:
    """Yield the ways an answer to a request that was sent can fail to arrive."""
    lost = OutcomeUnknown if write else Transient
    long = SimResponse(200, b"{" + b" " * 400_000 + b"}", {"Content-Type": "application/json"})
    yield "dropped_reply", SimResponse(200, {"id": "1"}, fate="dropped"), lost
    yield "cut_reply", SimResponse(200, {"id": "1" * 200}, fate="cut"), lost
    yield "timeout_after_send", SimResponse(200, {"id": "1"}, delay=SHORT_TIMEOUT * 2), lost
    yield "wrong_content_type", SimResponse(200, b"<html>Sorry</html>", {"Content-Type": "text/html"}), lost
    yield "unreadable_body", SimResponse(200, b'{"id": ', {"Content-Type": "application/json"}), lost
    yield "huge_body", long, lost


def unreachable(bench: Workbench, golden: Outgoing) -> None:
    """When nothing was sent, nothing was done."""
    connector = bench.open(url="http://127.0.0.1:9")
    given = given_to(golden)
    raised(Transient, lambda: bench.do(connector, golden.verb, given), "nobody listens at the address")


def retry_after(bench: Workbench, golden: Outgoing) -> None:
    """429 waits as long as the partner says, in seconds or until a time."""
    body = {"message": "Too many."}
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    for given, low, high in (("30", 30.0, 30.0), (until, 80.0, 91.0), ("soon", None, None)):
        act = attempt(bench, golden, refusal(429, body, {"Retry-After": given}))
        error = raised(RateLimited, act, "status 429")
        assert isinstance(error, RateLimited)
        waits = error.retry_after
        if low is None:
            expect(waits is None, f"Retry-After: {given} became {waits}")
        else:
            assert high is not None
            expect(waits is not None and low <= waits <= high, f"Retry-After: {given} became {waits} s")


def error_row(bench: Workbench, goldens: Sequence[Outgoing], row: ErrorRow) -> None:
    """A partner error in the manifest becomes the class stated there."""
    golden = next((each for each in goldens if not row.verbs or each.verb in row.verbs), None)
    if golden is None:
        raise Skipped(f"no golden of {', '.join(row.verbs)}")
    document: Any = {"message": "No."}
    if row.code is not None:
        document = document_with(bench.manifest.errors.code, row.code)
    kind = CLASSES[row.raises]
    first = matching_row(bench.manifest.errors, golden.verb, row.status or 422, row.code)
    expect(first is row, "an earlier row fits as well, so this one is never reached")
    raised(kind, attempt(bench, golden, refusal(row.status or 422, document)), f"error {row.status} {row.code or ''}")


def document_with(path: str | None, code: str) -> Any:
    """Return an answer that has an error code where the manifest says.

    Raises:
        Skipped: the manifest does not say, or not by a plain path.
    """
    names = PLAIN.findall(path or "")
    if not path or ".".join(f"{name}{first}" for name, first in names) != path:
        raise Skipped("the partner's codes are read by connector.py")
    document: Any = code
    for name, first in reversed(names):
        document = {name: [document] if first else document}
    return document


def redirect(bench: Workbench, pushes: Sequence[Outgoing], lists: Sequence[Outgoing]) -> None:
    """A partner cannot send the hub elsewhere: redirects are not followed."""
    goldens = subjects(pushes, lists)
    if not goldens:
        raise Skipped("it asks nothing of its partner")
    for golden in goldens:
        act = attempt(bench, golden, refusal(302, None, {"Location": "http://169.254.169.254/latest/meta-data/"}))
        raised(Misconfigured, act, "a redirect to elsewhere")


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
    expect(isinstance(receipt, Receipt), "the effect was not found")
    wanted = golden.given["find"].get("receipt", {}).get("reference")
    expect(receipt.reference == wanted, f"the receipt names {receipt.reference!r}, {wanted!r} expected")
    same_requests(bench.partner.requests, golden.find or ())
    bench.partner.play(answers(golden.absent or ()))
    expect(act() is None, "an effect was found that never was")
    same_requests(bench.partner.requests, golden.absent or ())
    bench.partner.play([refusal(503)])
    raised(Transient, act, "the look-up itself failed: that says nothing about the effect")
