"""XML business documents as plain objects, one for each part: what `crossdock edi read --json` prints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from config.redaction import REDACTED
from mappings.edi.limits import Mode
from mappings.edi.schematron.rules import Rules, check_rules
from mappings.edi.xml.documents import XmlDocument, check_document, elements, read_document
from mappings.edi.xml.names import SECRET, name_of
from mappings.edi.xml.parsing import MAX_BYTES
from mappings.edi.xml.schemas import NAMES, SETTINGS, Schemas


def read_lines(
    handle: BinaryIO, mode: Mode, schemas: Schemas | None = None, rules: Sequence[Rules] = ()
) -> Iterator[dict[str, Any]]:
    """Yield what is in a document, and the faults found on the way.

    Args:
        handle: the file, at its beginning.
        mode: how strictly it is read.
        schemas: where the schemas are that it is checked with; None to leave that out.
        rules: that it is checked with as well; then a schema that is not there is a tolerance.

    Raises:
        InputError: it is to be checked and there is no schema for it, or the rules fail on it.
    """
    document = read_document(handle.read(MAX_BYTES + 1), mode)
    if schemas is not None and rules and not schemas.has(document.standard or "", document.type):
        if document.standard is not None:
            text = f"The document was not checked with a schema: {SETTINGS[document.standard]} names none for it."
            document.add("schema-missing", text, None, mode=Mode.TOLERANT)
    elif schemas is not None:
        check_document(document, schemas)
    for each in rules:
        check_rules(document, each)
    enveloped = document.standard == "cxml"
    if enveloped:
        yield {
            "what": "interchange",
            "reference": document.envelope,
            "sender": document.sender,
            "recipient": document.recipient,
            "test": document.test,
        }
    if document.standard is not None:
        yield _message(document)
        for depth, element in elements(document):
            yield _element(depth, element, document.lines)
    for fault in document.faults:
        yield {"what": "fault", **fault.public()}
    if document.standard is not None:
        yield {"what": "message_end", "rejected": document.rejected}
    if enveloped:
        yield {"what": "interchange_end", "rejected": False}


def _message(document: XmlDocument) -> dict[str, Any]:
    found = {
        "what": "message",
        "reference": document.number,
        "type": document.type,
        "version": document.version,
        "agency": NAMES[document.standard or ""],
    }
    return found if document.status is None else {**found, "status": document.status}


def _element(depth: int, element: Any, before: int) -> dict[str, Any]:
    name = name_of(element.tag)
    text = (element.text or "").strip() or None
    return {
        "what": "element",
        "name": name,
        "depth": depth,
        "line": element.sourceline + before,
        "text": REDACTED if text and name in SECRET else text,
        "attributes": {name_of(key): value for key, value in element.attrib.items()},
    }
