"""Trouble on the wire: each kind must become the error class that says what the hub does next."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from connectors.sdk.checks.goldens import Outgoing
from connectors.sdk.checks.results import Report, Skipped, expect, raised
from connectors.sdk.checks.workbench import SHORT_TIMEOUT, answers, given_to
from connectors.sdk.errors import CLASSES, default_class, matching_row
from connectors.sdk.manifest import ErrorRow
from connectors.sdk.simulation.server import SimRequest, SimResponse
from core.domain.vocabulary import Write
from core.errors import ConnectorError, Misconfigured, OutcomeUnknown, RateLimited, Transient

if TYPE_CHECKING:
    from connectors.sdk.checks.workbench import Workbench

STATUSES = (400, 401, 403, 404, 408, 409, 410, 422, 425, 500, 501, 502, 503, 504)
PLAIN = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\[0\])?")
Fault = SimResponse | Callable[[SimRequest], SimResponse]


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
        # One object for many answers, as the hub uses it: what one answer did must not show in the next.
        connector = bench.open()
        for status in STATUSES:
            row = matching_row(table, golden.verb, status, None)
            kind = CLASSES[row.raises] if row else default_class(status, write=write)
            with report.check("egress", f"status.{status}.{golden.verb}", "errors"):
                act = attempt(bench, golden, refusal(status), connector=connector)
                raised(kind, act, f"status {status}")
        for name, fault, kind in broken(write=write):
            with report.check("egress", f"{name}.{golden.verb}", "errors"):
                used = bench.open(impatient=True) if name == "timeout_after_send" else connector
                raised(kind, attempt(bench, golden, fault, connector=used), name.replace("_", " "))
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
