"""The way back: what an inbound map reads it can write and read again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from connectors.sdk.checks.goldens import Incoming, difference
from connectors.sdk.checks.results import Report, Skipped, expect
from connectors.sdk.maps import open_map
from core.domain.payloads import jsonable
from core.errors import MappingError
from mappings.engine import Map
from mappings.faults import MapDocumentError
from mappings.rules import Rule
from mappings.syntaxes.json import dump, parse

if TYPE_CHECKING:
    from connectors.sdk.checks.workbench import Workbench


def check_way_back(report: Report, bench: Workbench, goldens: Sequence[Incoming]) -> None:
    """What an inbound map reads it can write and read again, unless it says that a rule is one-way."""
    connector = bench.open()
    done: set[str] = set()
    for golden in goldens:
        for row in connector.rows(golden.topic) if golden.topic else []:
            if row.map is None or row.map in done or not isinstance(golden.expected, list):
                continue
            done.add(row.map)
            with report.check("mapping", f"way_back.{row.map}", "maps"):
                way_back(open_map(bench.manifest, row.map), golden.body)


def way_back(found: Map, body: bytes) -> None:
    """Read, write and read again; what was read twice is the same, but for one-way rules."""
    for source in found.documents(body):
        if source.error is not None:
            continue
        first = found.read(source.value)
        if first.holds:
            continue
        kept = drop(first.canonical, found.document.fields)
        try:
            written = found.write(first.canonical)
        except (MappingError, MapDocumentError) as error:
            raise Skipped(f"the map only reads: {error.what}") from None
        try:
            second = found.read(parse(dump(written)) if found.document.syntax == "json" else written)
        except MappingError as error:
            if not one_way(found.document.fields):
                raise
            raise Skipped(f"a one-way rule is needed to read: {error.what}") from None
        wrong = difference(jsonable(kept), jsonable(drop(second.canonical, found.document.fields)))
        expect(wrong is None, f"written and read again, {wrong}")


def one_way(rules: Sequence[Rule]) -> bool:
    """Return whether any rule is left out on the way back."""
    return any(rule.one_way or one_way(rule.fields) for rule in rules)


def drop(canonical: Any, rules: Sequence[Rule]) -> Any:
    """Return a document without the fields of one-way rules."""
    if isinstance(canonical, list):
        return [drop(each, rules) for each in canonical]
    if not isinstance(canonical, dict):
        return canonical
    found = dict(canonical)
    for rule in rules:
        if rule.one_way:
            found.pop(rule.key, None)
        elif rule.fields and rule.key in found:
            found[rule.key] = drop(found[rule.key], rule.fields)
    return found
