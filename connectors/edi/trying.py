"""Trying a partner's profile on samples, without a hub: each message passes or fails, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from connectors.edi.agreed import PAPER_OF
from connectors.edi.connector import Connector
from connectors.edi.documents import compared, is_xml
from connectors.edi.inbound import acknowledgement, owed, segments_of
from connectors.edi.partial import unchecked
from connectors.edi.partnerfile import PartnerFile
from connectors.edi.profile import Exchanged
from connectors.edi.ruled import missing_facts
from connectors.edi.sampling import kept_back, sample_papers, sample_writes
from connectors.edi.tried import Numbers, Tried, seen, untried
from connectors.edi.writes import keys_of_paper
from core.domain.papers import check_paper
from core.domain.payloads import jsonable
from core.domain.trade_terms import check_terms
from core.domain.vocabulary import Answers, DocumentType, Paper
from core.errors import CrossdockError, InputError, Misconfigured
from core.ports.connectors import InboundMessage, Json
from mappings.edi.acks.judging import judge
from mappings.edi.acks.terms import Judged, Terms
from mappings.engine import Map

MOST_SHOWN = 20


@contextmanager
def opened(file: PartnerFile, secrets: Mapping[str, str] | None = None) -> Iterator[Connector]:
    """Yield the connector a partner's file makes, without a hub; its transport is not opened.

    Args:
        file: the partner's.
        secrets: of his transport, as far as they are there.

    Raises:
        InputError: a map is not there or does not fit its document, or the transport could not work as it is set; all
            of it is named.
    """
    connector = unchecked(file.name, file.settings, secrets or {})
    try:
        connector.require_settings(here=False)
    except Misconfigured as error:
        connector.close()
        raise InputError(error.what, why=error.why, fix=error.fix, code=error.error_code, **error.data) from None
    try:
        yield connector
    finally:
        connector.close()


def try_samples(connector: Connector, samples: Iterable[Path], terms: Mapping[str, Any] | None = None) -> list[Tried]:
    """Return what came of every message of the samples, and of every document that is to leave.

    Samples are files as the partner sends them, files as he wants them from us, or canonical papers as JSON
    (`{"invoice": {…}}`). What leaves and has no sample is made of the sample of an order, by the terms of trade;
    what a warehouse is told is invented.

    Args:
        connector: of the partner.
        samples: files.
        terms: of trade with him, as his file has them; None where it has none.
    """
    found: list[Tried] = []
    for path in samples:
        found += _file(connector, path)
    order = next((each.canonical for each in found if each.way == "in" and _is_order(connector, each)), None)
    if order is not None:
        agreed = None if terms is None else check_terms(terms)
        found += _made_of(connector, order, agreed, list(found))
    found += _invented(connector, list(found))
    orders = {row.kind for row in connector.profile.documents if row.incoming and _makes_order(connector, row.map)}
    tried = list(found)
    for row in connector.profile.documents:
        way = "in" if row.incoming else "out"
        alone = row.incoming and len(connector.profile.incoming(row.kind)) == 1
        if not seen(found, row.kind, way, "" if alone else row.map):
            found.append(Tried("", row.kind, way, False, [untried(tried, row.incoming, orders)]))
    return found


def _is_order(connector: Connector, tried: Tried) -> bool:
    return tried.canonical is not None and _makes_order(connector, tried.map)


def _makes_order(connector: Connector, name: str) -> bool:
    return connector.map(name).canonical_type == DocumentType.ORDER


def _file(connector: Connector, path: Path) -> Iterator[Tried]:
    body = path.read_bytes()
    if body.lstrip().startswith(b"{"):
        yield from _json(connector, path, body)
        return
    interchanges = list(judge(body, Terms(counts=connector.counts)))
    if not interchanges:
        tried = Tried(path.name, "?", "in")
        tried.fail("it is neither EDIFACT, X12 nor an XML document, and no canonical paper")
        yield tried
    for judged in interchanges:
        if not judged.findings.groups and (is_xml(judged.findings.syntax) or judged.findings.problems):
            tried = Tried(path.name, "?", "in")
            tried.fail(*(each.text for each in judged.findings.problems))
            yield tried
        yield from _interchange(connector, path.name, judged, body)


def _interchange(connector: Connector, name: str, judged: Judged, body: bytes) -> Iterator[Tried]:
    profile = connector.profile
    kinds = [each.kind for each in judged.findings.messages()]
    ours = any(row.kind in kinds for row in profile.outgoing) and not any(profile.incoming(kind) for kind in kinds)
    if not ours:
        # Judged again as it will be: by who sent it, to whom, and what was agreed.
        agreed = connector.terms()
        again = list(judge(body, agreed))
        # An XML file is one document, whose reference says whether it is refused.
        alone = is_xml(judged.findings.syntax)
        judged = next((each for each in again if alone or each.findings.reference == judged.findings.reference), judged)
    findings = judged.findings
    whole = [each.text for each in findings.problems]
    for group in findings.groups:
        for message in group.messages:
            tried = Tried(name, message.kind, "out" if ours else "in")
            if whole:
                tried.fail(*whole)
            for problem in [*group.problems, *message.problems]:
                where = f" ({problem.tag} number {problem.position})" if problem.position else ""
                tried.fail(problem.text + where)
            tried.notes += judged.tolerances[:MOST_SHOWN]
            rows = [each for each in profile.documents if each.kind == message.kind and each.incoming != ours]
            if tried.passed and rows:
                _mapped(connector, rows, judged.bodies[message.position], tried)
            yield tried
    if not ours and owed(findings, profile):
        contents, note = acknowledgement(findings, profile)
        kinds = [each.kind for each in contents] + (["TA1"] if note is not None else [])
        yield Tried(name, "+".join(kinds), "out", notes=["the acknowledgement of this sample"])


def _row_for(connector: Connector, rows: Sequence[Exchanged], body: bytes) -> Exchanged:
    """Return the row of a message: of what leaves the one whose map reads it, such as that of a credit note.

    Raises:
        MappingError: no row of what comes takes it.
    """
    if rows[0].incoming:
        return connector.row_for(rows[0].kind, body)
    for row in rows if len(rows) > 1 and not is_xml(rows[0].syntax) else ():
        try:
            connector.map(row.map).read_one(body)
        except CrossdockError:
            continue
        return row
    return rows[0]


def _mapped(connector: Connector, rows: Sequence[Exchanged], body: bytes, tried: Tried) -> None:
    """Read a message by its map; of one that is to leave, write it again and compare."""
    try:
        row = _row_for(connector, rows, body)
        map_ = connector.map(row.map)
        tried.map = row.map
        if not row.incoming and is_xml(row.syntax):
            tried.canonical, notes = compared(row, map_, body, connector.profile)
            tried.notes += notes[:MOST_SHOWN]
            return
        if row.incoming:
            message = InboundMessage(UUID(int=0), row.kind, body, "", {}, datetime.now(UTC))
            documents = connector.normalize(message)
            tried.canonical = jsonable(dict(documents[0].body))
            tried.notes += [f"held: {each['detail']}" for found in documents for each in found.holds]
        else:
            tried.canonical = jsonable(map_.read_one(body).canonical)
        # Every one of them: what is not named here is lost without a word.
        unread = [each for source in map_.documents(body) for each in map_.unmapped(source.value)]
        tried.notes += [f"no rule reads {each}" for each in dict.fromkeys(unread)]
        if not row.incoming:
            _compare(map_.write(tried.canonical or {}).body, segments_of(body)[1:-1], tried)
    except CrossdockError as error:
        tried.fail(str(error))


def _compare(written: Any, wanted: Any, tried: Tried) -> None:
    made = [(each.tag, list(each.elements)) for each in written]
    asked = [(each.tag, list(each.elements)) for each in wanted]
    missing = [each for each in asked if each not in made]
    added = [each for each in made if each not in asked]
    tried.notes += [f"the sample has, and the map does not write: {_shown(each)}" for each in missing[:MOST_SHOWN]]
    tried.notes += [f"the map writes, and the sample does not have: {_shown(each)}" for each in added[:MOST_SHOWN]]


def _shown(segment: tuple[str, list[Any]]) -> str:
    tag, elements = segment
    return "*".join([tag, *(each if isinstance(each, str) else ">".join(map(str, each)) for each in elements)])[:100]


def _json(connector: Connector, path: Path, body: bytes) -> Iterator[Tried]:
    tried = Tried(path.name, "?", "out")
    try:
        found = orjson.loads(body)
        kind, paper = next(iter(found.items()))
        checked = jsonable(check_paper(Paper(kind), paper))
    except (orjson.JSONDecodeError, ValueError, StopIteration, TypeError):
        tried.fail(
            'it is no canonical paper: {"order_response": {…}}, {"despatch_advice": {…}}, {"invoice": {…}} '
            'or {"credit_note": {…}}'
        )
    except InputError as error:
        tried.fail(str(error))
    else:
        tried = _written(connector, Paper(kind), checked, path.name)
    yield tried


def _made_of(
    connector: Connector, order: Mapping[str, Any], terms: Mapping[str, Any] | None, found: Sequence[Tried]
) -> Iterator[Tried]:
    try:
        papers = sample_papers(order, terms)
    except (CrossdockError, KeyError, ArithmeticError) as error:
        tried = Tried("", "papers", "out")
        tried.fail(f"no papers can be made of the sample order: {error}")
        yield tried
        return
    # An order response as the answer to a change as well, where the profile has a message of its own for that.
    both = [(Paper.ORDER_RESPONSE, {**papers[Paper.ORDER_RESPONSE], "answers": str(each)}) for each in Answers]
    rest = [(kind, body) for kind, body in papers.items() if kind != Paper.ORDER_RESPONSE]
    made: set[tuple[str, str]] = set()
    for kind, body in [*both, *rest]:
        tried = _written(connector, kind, body, "made of the order")
        if (tried.kind, tried.map) in made:
            continue
        made.add((tried.kind, tried.map))
        if tried.kind != "?" and not seen(found, tried.kind, "out", tried.map):
            if terms is None:
                tried.notes.append("the hub makes none before terms of trade are set; ours are invented here")
            tried.notes += [f"the hub would keep it back: {each}" for each in kept_back(kind, body, order, terms)]
            yield tried


def _written(connector: Connector, kind: Paper, body: Json, name: str) -> Tried:
    """Write a paper as it would leave, and judge it as the partner would."""
    verb = next(each for each, paper in PAPER_OF.items() if paper == kind)
    found = connector.outgoing(kind, verb, answers=body.get("answers"))
    if found is None:
        tried = Tried(name, "?", "out")
        tried.fail(f"no document of the profile is an {kind.replace('_', ' ')}")
        return tried
    row, map_ = found
    given = body if map_.canonical_type == kind else {kind: body, "order": {}}
    return _left(connector, row, map_, name, given, keys_of_paper(body))


def _invented(connector: Connector, found: Sequence[Tried]) -> Iterator[Tried]:
    """Write what a warehouse is told, where no sample of it was given."""
    bodies = sample_writes()
    for row in connector.profile.outgoing:
        map_ = connector.map(row.map)
        body = next((body for write, body in bodies.items() if write == map_.canonical_type), None)
        if body is not None and not seen(found, row.kind, "out", row.map):
            yield _left(connector, row, map_, "invented", body)


def _left(
    connector: Connector, row: Exchanged, map_: Map, name: str, body: Json, keys: Sequence[tuple[str, str]] = ()
) -> Tried:
    """Write a body as it would leave, and judge it as the partner would."""
    tried = Tried(name, row.kind, "out", canonical=body, map=row.map)
    try:
        content = connector.write(row, map_, body, keys)
        made = connector.packed(row.syntax, [content], Numbers())
        tried.written = made.body.decode("utf-8", "replace")
        tried.notes += missing_facts(content.body) if is_xml(row.syntax) else []
        agreed = connector.terms()
        [judged] = judge(made.body, replace(agreed, agreed=None, sender=frozenset(), recipient=frozenset()))
        tried.notes += judged.tolerances[:MOST_SHOWN]
        messages = list(judged.findings.messages())
        wrong = [each.text for each in judged.findings.problems]
        wrong += [each.text for message in messages for each in message.problems]
        if wrong:
            tried.fail(*wrong)
        unwritten = map_.unwritten(body) if map_.canonical_type not in PAPER_OF else []
        # What it answers is told by which document it is.
        told = [each for each in unwritten if each != "answers"]
        tried.notes += [f"no rule writes {each}" for each in told[:MOST_SHOWN]]
    except CrossdockError as error:
        tried.fail(str(error))
    return tried
