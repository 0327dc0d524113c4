"""Responses of cXML: the one document each request is answered with, whose Status says what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from lxml import etree

from mappings.edi.xml.parsing import UnreadableXml, parse

DOCTYPE = '<!DOCTYPE cXML SYSTEM "http://xml.cxml.org/schemas/cXML/1.2.063/cXML.dtd">'
OK, BAD, UNAUTHORIZED, UNREADABLE, UNKNOWN_KIND, AWAY = 200, 400, 401, 406, 450, 560
TEXTS: Mapping[int, str] = {
    OK: "OK",
    BAD: "Bad Request",
    UNAUTHORIZED: "Unauthorized",
    UNREADABLE: "Not Acceptable",
    UNKNOWN_KIND: "Not Implemented",
    AWAY: "Temporary server error",
}
"""Statuses that the hub answers with, and the short text of each."""
FORWARDED = frozenset({201, 280, 281})
"""Statuses of what was taken to be passed on: more is said of it later, if at all."""


@dataclass(frozen=True, slots=True)
class Status:
    """What a response says: the code, and its words."""

    code: int
    words: str


def write_response(code: int, said: str, now: datetime) -> bytes:
    """Return a response.

    Args:
        code: one of `TEXTS`.
        said: a sentence for people at the other side.
        now: when it is made.
    """
    return _written(_response(code, said, now))


def write_profile(kinds: Iterable[str], url: str, since: datetime, now: datetime) -> bytes:
    """Return the response to a ProfileRequest: what may be sent, and where.

    Args:
        kinds: of requests that are taken.
        url: where.
        since: when they have been taken for the first time.
        now: when it is made.
    """
    response = _response(OK, "", now)
    found = etree.SubElement(response, "ProfileResponse", effectiveDate=_instant(since))
    for each in kinds:
        etree.SubElement(etree.SubElement(found, "Transaction", requestName=each), "URL").text = url
    return _written(response)


def _response(code: int, said: str, now: datetime) -> Any:
    root = etree.Element("cXML", payloadID=f"{uuid4().hex}@crossdock", timestamp=_instant(now))
    root.set("{http://www.w3.org/XML/1998/namespace}lang", "en")
    response = etree.SubElement(root, "Response")
    etree.SubElement(response, "Status", code=str(code), text=TEXTS[code]).text = said
    return response


def _instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}+00:00"


def _written(response: Any) -> bytes:
    written: bytes = etree.tostring(response.getparent(), xml_declaration=True, encoding="UTF-8", doctype=DOCTYPE)
    return written


def read_response(data: bytes) -> Status | None:
    """Return the status of a response; None where it is none."""
    try:
        root = parse(data).root
    except UnreadableXml:
        return None
    status = root.find("Response/Status") if root.tag == "cXML" else None
    code = "" if status is None else status.get("code", "").strip()
    if status is None or not (code.isascii() and code.isdigit() and len(code) == 3):
        return None
    words = " ".join(" ".join([status.get("text", ""), *status.itertext()]).split())
    return Status(int(code), words)
