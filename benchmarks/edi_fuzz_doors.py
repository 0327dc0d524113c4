"""Where the inputs of the EDI fuzz go: every reader of the product, and what must be true of what it answers."""

from __future__ import annotations

import contextlib
import io
import json
import random
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from benchmarks import edi_fuzz_as2 as as2
from benchmarks.edi_fuzz_hostile import made
from benchmarks.edi_fuzz_inputs import body_damaged, edifact_message, x12_message
from core.errors import CrossdockError
from mappings.edi.detect import detect
from mappings.edi.edifact import lines as edifact_lines
from mappings.edi.edifact.interchanges import read as read_edifact
from mappings.edi.grammar.check import check
from mappings.edi.grammar.loader import GrammarError, load_grammar, read_grammar
from mappings.edi.grammar.model import Grammar
from mappings.edi.grammar.sef import grammar_of, read_sef
from mappings.edi.grammar.writing import grammar_yaml
from mappings.edi.limits import Mode
from mappings.edi.places.message import read_message
from mappings.edi.shipped import map_for
from mappings.edi.x12 import lines as x12_lines
from mappings.edi.x12.events import TransactionSet
from mappings.edi.x12.reader import X12Reader
from mappings.edi.xml.lines import read_lines as xml_lines

EXPECTED = CrossdockError
"""What a reader may raise: an error with a code, a sentence and what to do."""


class Broken(AssertionError):
    """A reader answered what it may never answer."""


def edifact(data: bytes) -> None:
    """Read a file both ways, check each message against its grammar, print it, and write it again."""
    for mode in Mode:
        for interchange in read_edifact(data, mode=mode):
            for message in interchange.messages():
                _judged(
                    "edifact",
                    message.header.type,
                    f"{message.header.version}{message.header.release}",
                    message.segments,
                )
                _said(message.faults)
            _said(interchange.faults)
        _printed(edifact_lines.read_lines(io.BytesIO(data), mode))
    _written(edifact_lines.write_file, data)


def x12(data: bytes) -> None:
    """The same for X12."""
    for mode in Mode:
        for event in X12Reader(data, mode=mode):
            if isinstance(event, TransactionSet):
                _judged("x12", event.code, event.version[:6], event.segments)
            _said(getattr(event, "faults", ()))
        _printed(x12_lines.read_lines(io.BytesIO(data), mode))
    _written(x12_lines.write_file, data)


def xml(data: bytes) -> None:
    """Read an XML document."""
    for mode in Mode:
        _printed(xml_lines(io.BytesIO(data), mode))


def sef(data: bytes) -> None:
    """Import the messages of a guide, and read what was made of them."""
    found = read_sef(data.decode("latin-1"))
    for name in list(found.sets)[:3]:
        try:
            text = grammar_yaml(grammar_of(found, name))
        except GrammarError:
            continue
        read_grammar(text, "imported.yaml")


def edifact_siblings(data: bytes) -> None:
    """Read an interchange of three messages whose second is damaged: the others are what they were."""
    before = [each for interchange in read_edifact(edifact_message()) for each in interchange.messages()]
    after = {
        message.header.reference: message
        for interchange in read_edifact(data)
        for message in interchange.messages()
        if not message.rejected
    }
    for each in (before[0], before[2]):
        found = after.get(each.header.reference)
        if found is None or found.segments != each.segments:
            raise Broken(f"Message {each.header.reference} is not what it was, and only message 2 was damaged.")


def x12_siblings(data: bytes) -> None:
    """The same for X12."""
    before = [each for each in X12Reader(x12_message()) if isinstance(each, TransactionSet)]
    after = {each.reference: each for each in X12Reader(data) if isinstance(each, TransactionSet) and not each.rejected}
    for each in (before[0], *before[2:]):
        found = after.get(each.reference)
        if found is None or found.segments != each.segments:
            raise Broken(f"Transaction set {each.reference} is not what it was, and only 0002 was damaged.")


def neighbors(data: bytes) -> None:
    """Read three interchanges of which the second is damaged: the first is what it was."""
    kind = detect(data[:1000])
    base = {"edifact": edifact_message, "x12": x12_message}[kind or ""]()
    if kind == "edifact":
        first = next(read_edifact(data))
        count = sum(not each.rejected for each in first.messages())
    else:
        sets = []
        for event in X12Reader(data):
            if isinstance(event, TransactionSet):
                sets.append(event)
            elif type(event).__name__ == "InterchangeEnd":
                break
        count = sum(not each.rejected for each in sets)
    expected = base.count(b"'UNH+") if kind == "edifact" else base.count(b"~ST*")
    if count != expected:
        raise Broken(f"The first interchange has {count} messages instead of {expected}; the second was damaged.")


def _judged(standard: str, message: str, version: str, segments: list[Any]) -> None:
    try:
        grammar = load_grammar(standard, message, version)
    except GrammarError:
        grammar = load_grammar(*(("x12", "850", "004010") if standard == "x12" else ("edifact", "ORDERS", "D96A")))
    if len(segments) <= 50_000:
        _said(check(grammar, segments).faults)
        _mapped(grammar, segments)


def _mapped(grammar: Grammar, segments: list[Any]) -> None:
    """Read a message by its shipped map, whatever is wrong with it, and report what the map leaves unread."""
    chosen = map_for(str(grammar.standard), grammar.message, grammar.version)
    if chosen is None:
        return
    message = read_message(grammar, segments)
    chosen.unmapped(message)
    with contextlib.suppress(EXPECTED):
        chosen.read(message)


def _said(faults: Iterable[Any]) -> None:
    for each in faults:
        if not each.text or each.place.offset < 0:
            raise Broken(f"The fault {each.name} has no sentence or no place.")
        each.public()


def _printed(lines: Iterable[dict[str, Any]]) -> None:
    for each in lines:
        json.dumps(each)


def _written(write: Callable[..., Iterable[bytes]], data: bytes) -> None:
    for _ in write(io.BytesIO(data), Mode.TOLERANT, lambda fault: _said([fault])):
        pass


def _second(chance: random.Random, data: bytes, start: bytes, end: bytes, service: bytes) -> bytes:
    """Return a file whose second message is damaged between its first and its last segment."""
    at = data.index(start, data.index(start) + 1) + 1
    begin = data.index(service[:1], at) + 1
    stop = data.index(end, at) + 1
    return data[:begin] + body_damaged(chance, data[begin:stop], service) + data[stop:]


def _between(chance: random.Random) -> bytes:
    kind, base = chance.choice((("edifact", edifact_message()), ("x12", x12_message())))
    whole = base if chance.random() < 0.7 else base.replace(b"\n", b"")
    return whole + b"\r\n" + made(kind, chance) + b"\r\n" + whole


# Name -> (how an input is made, where it goes).
DOORS: Mapping[str, tuple[Callable[[random.Random], bytes], Callable[[bytes], None]]] = {
    "edifact": (lambda chance: made("edifact", chance), edifact),
    "x12": (lambda chance: made("x12", chance), x12),
    "xml": (lambda chance: made("xml", chance), xml),
    "sef": (lambda chance: made("sef", chance), sef),
    "edifact-siblings": (
        lambda chance: _second(chance, edifact_message(), b"'UNH+", b"'UNT+", b"'+:?\r\n"),
        edifact_siblings,
    ),
    "x12-siblings": (lambda chance: _second(chance, x12_message(), b"~ST*", b"~SE*", b"~*>\r\n"), x12_siblings),
    "neighbors": (_between, neighbors),
    "as2": (as2.made, as2.door),
    "as2-receipt": (as2.receipt_made, as2.receipt_door),
}
WEIGHTS = {"edifact": 4, "x12": 4, "xml": 3, "as2": 4}
"""How often a door is tried; others once."""
