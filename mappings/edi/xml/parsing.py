"""Bytes of an XML document as elements: no entity is taken, nothing is fetched, and size is bounded before parsing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from xml.parsers import expat

from lxml import etree

from mappings.edi.detect import AROUND, UTF_16

MAX_BYTES = 20_000_000
"""Of one document."""
MAX_TAGS = 1_000_000
"""Of one document: elements take far more memory than their bytes, `<a/>` about 30 times."""
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class UnreadableXml(ValueError):
    """A document that is not read.

    Args:
        name: stable short word, as in `EdiFault`.
        text: a sentence that a clerk understands.
        line: of the document, from 1, where known.
    """

    def __init__(self, name: str, text: str, line: int | None = None) -> None:
        super().__init__(text)
        self.name, self.text, self.line = name, text, line


@dataclass(slots=True)
class Prolog:
    """What stands before the content: the root element, its namespace, the name a DOCTYPE gives, and its bytes."""

    root: str = ""
    namespace: str | None = None
    doctype: str | None = None
    span: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Parsed:
    """A document as elements.

    Args:
        prolog: what stands before the content.
        root: the root element.
        offset: bytes before the document, which are no XML.
        lines: line breaks in them.
        noise: whether there was something around the document that XML does not allow.
    """

    prolog: Prolog
    root: Any
    offset: int
    lines: int
    noise: bool


class _Enough(Exception):
    """The root element has begun."""


def parse(data: bytes) -> Parsed:
    """Return a document as elements.

    Args:
        data: the whole file; blanks, zero bytes and end-of-file marks around the document are passed over.

    Raises:
        UnreadableXml: it is too large, not well-formed, or has declarations of its own.
    """
    if len(data) > MAX_BYTES:
        raise UnreadableXml("too-large", f"The document is larger than {MAX_BYTES:,} bytes.")
    if (tags := data.count(b"<")) > MAX_TAGS:
        raise UnreadableXml("too-many", f"The document has {tags:,} tags; {MAX_TAGS:,} are read.")
    begin, end = 0, len(data)
    if not data.startswith(UTF_16):
        begin, end = len(data) - len(data.lstrip(AROUND)), len(data.rstrip(AROUND))
    before, inside, behind = data[:begin], data[begin:end], data[end:]
    lines = before.count(b"\n")
    prolog = _prolog(inside, lines)
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(_without_doctype(inside, prolog), parser)
    except etree.XMLSyntaxError as error:
        raise _malformed(str(error.msg), (error.lineno or 1) + lines) from None
    except ValueError as error:
        raise _malformed(str(error), None) from None
    declared: Any = root.getroottree().docinfo.internalDTD
    # Two parsers may differ in what they take for the prolog; what either of them saw counts.
    if declared is not None:
        raise _own_declarations(None)
    noise = bool(before.removeprefix(BYTE_ORDER_MARK)) or bool(behind.strip(b" \t\r\n"))
    return Parsed(prolog, root, begin, lines, noise)


def beginning(head: bytes) -> str:
    """Return in words what an XML file begins with: its root element with its namespace, or why there is none.

    Args:
        head: its first bytes, with at least the whole root tag.
    """
    try:
        found = _prolog(trimmed(head), 0)
    except UnreadableXml as error:
        return error.text
    where = f"in the namespace {found.namespace[:100]!r}" if found.namespace else "in no namespace"
    return f"Its root element is {found.root[:80]} {where}."


def trimmed(data: bytes) -> bytes:
    """Return a document without what stands around it and is no XML."""
    return data if data.startswith(UTF_16) else data.lstrip(AROUND).rstrip(AROUND)


def _prolog(data: bytes, lines: int) -> Prolog:
    """Return what stands before the content, of which nothing is read."""
    found = Prolog()
    parser = expat.ParserCreate(namespace_separator=" ")
    begun: int | None = None

    def piece(text: str) -> None:
        nonlocal begun
        at = parser.CurrentByteIndex
        if begun is None:
            begun = at if text == "<!DOCTYPE" else None
        elif text == "[":
            raise _own_declarations(parser.CurrentLineNumber + lines)
        elif not text.isspace() and found.doctype is None:
            found.doctype = text
        elif text == ">":
            found.span, begun = (begun, at + (2 if data.startswith(UTF_16) else 1)), None

    def element(name: str, _attributes: Any) -> None:
        namespace, _, found.root = name.rpartition(" ")
        found.namespace = namespace or None
        raise _Enough

    parser.DefaultHandler = piece
    parser.StartElementHandler = element
    try:
        parser.Parse(data, True)
    except _Enough:
        return found
    except expat.ExpatError as error:
        raise _malformed(expat.ErrorString(error.code), error.lineno + lines) from None
    except (LookupError, ValueError) as error:
        if isinstance(error, UnreadableXml):
            raise
        raise _malformed(str(error), None) from None
    raise _malformed("no element found", None)


def _without_doctype(data: bytes, prolog: Prolog) -> bytes:
    """Return a document without its DOCTYPE, so that nothing an outer DTD might declare is taken for declared."""
    begin, end = prolog.span
    if begin == end:
        return data
    charset = "utf-16-le" if data.startswith(UTF_16[0]) else "utf-16-be" if data.startswith(UTF_16[1]) else "latin-1"
    kept = "\n" * data[begin:end].decode(charset).count("\n")
    return data[:begin] + kept.encode(charset) + data[end:]


def _malformed(why: str, line: int | None) -> UnreadableXml:
    return UnreadableXml("malformed", f"This is not well-formed XML: {' '.join(why.split())[:200]}.", line)


def _own_declarations(line: int | None) -> UnreadableXml:
    return UnreadableXml(
        "declarations",
        "The document declares entities or elements of its own in its DOCTYPE, which is not accepted.",
        line,
    )
