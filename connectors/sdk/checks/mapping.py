"""Messages and what they become: goldens, unknown codes, hostile input."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from connectors.sdk.checks.backward import check_way_back
from connectors.sdk.checks.goldens import Incoming, difference, shown
from connectors.sdk.checks.results import Failed, Report, Skipped, expect
from connectors.sdk.maps import open_map
from core.domain.vocabulary import DocumentType
from core.errors import CrossdockError, InputError, MappingError, UnmappedCode
from core.ports.connectors import Document, InboundMessage
from mappings.engine import Map
from mappings.paths import segments
from mappings.rules import Rule
from mappings.syntaxes.json import dump

if TYPE_CHECKING:
    from connectors.sdk.base import BaseConnector
    from connectors.sdk.checks.workbench import Workbench

RECEIVED = datetime(2026, 3, 2, 12, tzinfo=UTC)
MESSAGE = UUID("0190f3c2-a4b0-7c1e-8d3f-5a6b7c8d9e01")
UNKNOWN = "CODE-NOBODY-KNOWS"
HOSTILE = {
    "empty": b"",
    "null": b"null",
    "a list": b"[]",
    "a number": b"1e400",
    "half": b'{"id": 1, "lines": [{"sku": "A"',
    "not UTF-8": b'{"id": "\xff\xfe"}',
    "half a surrogate": b'{"id": "\\ud800"}',
    "a NUL": b'{"id": "\\u0000"}',
    "deep": b'{"id":' * 500 + b"1" + b"}" * 500,
    "deep lists": b"[" * 100_000 + b"]" * 100_000,
    "a long number": b'{"id": ' + b"9" * 5_000 + b"}",
    "twice the same name": b'{"id": 1, "id": 2}',
    "NaN": b'{"id": NaN}',
    "an entity bomb": b'<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;">]><a>&d;</a>',
}


def message(topic: str, body: bytes, content_type: str = "application/json", headers: Any = None) -> InboundMessage:
    """Return a stored message."""
    return InboundMessage(MESSAGE, topic, body, content_type, headers or {}, RECEIVED)


def outcome(connector: BaseConnector, golden: Incoming) -> tuple[Any, str]:
    """Return what a golden's message becomes, as its `.out.json` says it, and the same in words."""
    try:
        found = connector.normalize(message(golden.topic or "", golden.body, golden.content_type, golden.headers))
    except CrossdockError as error:
        return {"error": error.error_code}, f"is refused with {error.error_code}: {error}"
    documents = shown(found)
    return documents, f"becomes {dump(documents).decode()}"


def check_mapping(report: Report, bench: Workbench) -> None:
    """Check every message golden, and what must hold for all of them."""
    connector = bench.open()
    goldens = list(bench.goldens.incoming())
    with report.check("mapping", "goldens", "goldens"):
        if not bench.manifest.documents:
            raise Skipped("it has no documents")
        for row in bench.manifest.documents:
            covered = any(
                each.expected is not None and each.topic is not None and row in connector.rows(each.topic)
                for each in goldens
            )
            expect(covered, f"topic {row.topic} as {row.type} has no golden pair in fixtures/")
    with report.check("mapping", "fixtures_used", "goldens"):
        orphans = [each.name for each in goldens if each.topic is None] + bench.goldens.unused()
        expect(not orphans, f"no document row or golden uses {', '.join(orphans)}")
    for golden in goldens:
        with report.check("mapping", f"inbound.{golden.name}", "goldens"):
            inbound(connector, golden)
    with report.check("mapping", "pure", "replay"):
        check_pure(connector, goldens)
    with report.check("mapping", "order_time", "replay"):
        check_order_time(connector, goldens)
    with report.check("mapping", "unknown_topic"):
        if not bench.manifest.documents:
            raise Skipped("it has no documents")
        check_unknown_topic(connector)
    with report.check("mapping", "hostile"):
        check_hostile(connector, goldens)
    check_codes(report, bench, connector, goldens)
    check_way_back(report, bench, goldens)


def check_unknown_topic(connector: BaseConnector) -> None:
    """A topic no row speaks of is ignored with a reason, or quarantined where the manifest says so."""
    try:
        found = connector.normalize(message("topic.nobody.has", b"{}"))
    except MappingError as error:
        quarantined = connector.manifest.unknown_topic == "quarantine" and error.error_code == "MAP-TOPIC-422"
        expect(quarantined, f"an unknown topic is refused: {error}")
    else:
        expect([each.type for each in found] == [DocumentType.IGNORE], "an unknown topic is not ignored with a reason")


def inbound(connector: BaseConnector, golden: Incoming) -> None:
    """A message becomes what its `.out.json` says."""
    if golden.topic is None:
        raise Skipped("no document row has its topic")
    found, told = outcome(connector, golden)
    expect(golden.expected is not None, f"its .out.json is missing; it {told}")
    wrong = difference(golden.expected, found)
    expect(wrong is None, f"{wrong}" if isinstance(found, type(golden.expected)) else f"it {told}")


def check_pure(connector: BaseConnector, goldens: Sequence[Incoming]) -> None:
    """The same message always becomes the same documents, whatever came before it."""
    good = [each for each in goldens if each.topic]
    if not good:
        raise Skipped("it has no messages")
    first = [outcome(connector, each)[0] for each in good]
    again = [outcome(connector, each)[0] for each in reversed(good)][::-1]
    for golden, one, other in zip(good, first, again, strict=True):
        wrong = difference(one, other)
        expect(wrong is None, f"{golden.name} read twice differs: {wrong}")


def check_order_time(connector: BaseConnector, goldens: Sequence[Incoming]) -> None:
    """Documents that replace a state say which state is newer."""
    seen = False
    for golden in goldens:
        for each in documents(connector, golden):
            if each.type is DocumentType.ORDER:
                seen = True
                dated = each.body.get("source_updated_at") or each.body.get("source_version") is not None
                expect(dated, f"the order in {golden.name} has neither source_updated_at nor source_version")
            if each.type in {DocumentType.TRACKING, DocumentType.STOCK}:
                seen = True
    if not seen:
        raise Skipped("no document of it replaces a state")


def documents(connector: BaseConnector, golden: Incoming) -> Sequence[Document]:
    """Return the documents of a golden; none when it is refused."""
    if golden.topic is None:
        return []
    try:
        return connector.normalize(message(golden.topic, golden.body, golden.content_type, golden.headers))
    except CrossdockError:
        return []


def check_hostile(connector: BaseConnector, goldens: Sequence[Incoming]) -> None:
    """Whatever comes in, the answer is documents or an InputError, and never a guess at a broken message."""
    rows = [each for each in connector.manifest.documents if each.map or each.canonical]
    if not rows:
        raise Skipped("it reads no documents")
    for row in rows:
        sample = next((each.body for each in goldens if each.topic == row.topic), b"")
        cases = {**HOSTILE, "a truncated golden": sample[: len(sample) // 2]}
        for what, body in cases.items():
            try:
                found = connector.normalize(message(row.topic, body))
            except InputError:
                continue
            except Exception as error:  # noqa: BLE001 - anything else is what the check looks for
                raise Failed(f"{what} on {row.topic} raises {type(error).__name__}: {str(error)[:200]}") from None
            real = [each for each in found if each.type is not DocumentType.IGNORE]
            expect(not real, f"{what} on {row.topic} became {', '.join(str(each.type) for each in real)}")


# -- unknown codes


def coded(rules: Sequence[Rule], scope: Any) -> Iterator[tuple[Any, str, Rule]]:
    """Yield (object, key, rule) for every value of a document that a plain rule looks up in a code list."""
    for rule in rules:
        if rule.when or rule.where or not isinstance(scope, dict):
            continue
        path = rule.path or rule.scope or rule.each
        names = segments(path) if path and not path.startswith("$.") else [] if rule.fields else None
        if names is None:
            continue
        *parents, last = names or [""]
        holder: Any = scope
        for name in parents:
            holder = holder.get(name) if isinstance(holder, dict) else None
        inner = scope if not names else holder.get(last) if isinstance(holder, dict) else None
        if rule.codes is not None and isinstance(inner, str):
            yield holder, last, rule
        if rule.each is not None and isinstance(inner, list):
            for member in inner[:1]:
                yield from coded(rule.fields, member)
        elif rule.fields:
            yield from coded(rule.fields, inner)


def check_codes(report: Report, bench: Workbench, connector: BaseConnector, goldens: Sequence[Incoming]) -> None:
    """A code in no list is UnmappedCode (or the hold its rule asks for), never a default."""
    own = set(bench.manifest.codes)
    seen: set[str] = set()
    for golden in goldens:
        for row in connector.rows(golden.topic) if golden.topic else []:
            if row.map is None or golden.expected is None or isinstance(golden.expected, dict):
                continue
            found = open_map(bench.manifest, row.map)
            if found.document.syntax != "json" or found.document.records:
                continue
            for where, name in places(found, golden.body):
                if name not in own or name in seen:
                    continue
                seen.add(name)
                with report.check("mapping", f"unknown_code.{name}", "maps"):
                    expect_unmapped(connector, golden, where)
    for name in sorted(own - seen):
        if reads(bench, name):
            with report.check("mapping", f"unknown_code.{name}", "maps"):
                raise Skipped("no JSON golden has a value of this list under a plain rule")


def places(found: Map, body: bytes) -> Iterator[tuple[int, str]]:
    """Yield (number, code list) of every coded value of a document."""
    source = next(iter(found.documents(body)))
    for number, (_, _, rule) in enumerate(coded(found.document.fields, source.value)):
        if rule.codes is not None:
            yield number, rule.codes.name


def expect_unmapped(connector: BaseConnector, golden: Incoming, where: int) -> None:
    """Put a code nobody knows into a golden and read it."""
    row = connector.rows(golden.topic or "")[0]
    found = open_map(connector.manifest, row.map or "")
    document = copy.deepcopy(next(iter(found.documents(golden.body))).value)
    holder, key, rule = list(coded(found.document.fields, document))[where]
    holder[key] = UNKNOWN
    try:
        made = connector.normalize(message(golden.topic or "", dump(document), "application/json", golden.headers))
    except UnmappedCode:
        return
    except MappingError as error:
        raise Failed(f"an unknown code in {golden.name} raises {type(error).__name__}, UnmappedCode expected") from None
    held = any(each.holds for each in made)
    expect(rule.hold_invalid is not None and held, f"an unknown code in {golden.name} was taken as if it were known")


def reads(bench: Workbench, name: str) -> bool:
    """Return whether a code list is made to read."""
    table = bench.manifest.codes[name]
    return not (set(table) <= {"read", "write"} and not table.get("read"))
