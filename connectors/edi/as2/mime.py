"""MIME parts as bytes: AS2 signs and hashes them exactly as they travel, so nothing here re-encodes what came in."""

from __future__ import annotations

import base64
import binascii
import quopri
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import compat32

from connectors.edi.as2.errors import As2Error

CRLF = b"\r\n"
LINE_END = re.compile(rb"\r\n|\n|\r")
HEAD_END = re.compile(rb"\r?\n\r?\n")
MARK_END = re.compile(rb"(--)?[ \t]*(?:\r?\n|\Z)")
LARGEST_HEAD = 64 * 1024
MOST_PARTS = 20


@dataclass(frozen=True, slots=True)
class Part:
    """A MIME entity.

    Args:
        raw: header and body as they travel.
        head: its header.
        body: what follows the header, still in its transfer encoding.
    """

    raw: bytes
    head: Message
    body: bytes

    @property
    def kind(self) -> str:
        """The content type without its parameters, in lower case."""
        return self.head.get_content_type()

    def parameter(self, name: str) -> str:
        """Return a parameter of the content type, or nothing."""
        found = self.head.get_param(name, "")
        return found.strip().lower() if isinstance(found, str) else ""

    @property
    def content(self) -> bytes:
        """The body without its transfer encoding.

        Raises:
            As2Error: the encoding is not known or the body is not in it.
        """
        encoding = str(self.head.get("Content-Transfer-Encoding", "binary")).strip().lower()
        if encoding in ("", "binary", "7bit", "8bit"):
            return self.body
        if encoding == "quoted-printable":
            return quopri.decodestring(self.body)
        if encoding == "base64":
            try:
                return base64.b64decode(LINE_END.sub(b"", self.body).replace(b" ", b""), validate=True)
            except binascii.Error as error:
                raise As2Error(
                    "A part of the message is not in base64.", "unexpected-processing-error", why=str(error)
                ) from None
        raise As2Error(f"The transfer encoding {encoding[:40]!r} is not known.", "unexpected-processing-error")


def part_of(raw: bytes) -> Part:
    """Return an entity from its bytes; one that begins with an empty line has no header.

    Raises:
        As2Error: its header does not end.
    """
    if raw[:2] == CRLF or raw[:1] == b"\n":
        return Part(raw, Message(compat32), raw[2:] if raw[:2] == CRLF else raw[1:])
    found = HEAD_END.search(raw, 0, LARGEST_HEAD)
    if found is None:
        raise As2Error("The header of a part does not end.", "unexpected-processing-error")
    head = BytesHeaderParser(policy=compat32).parsebytes(raw[: found.end()])
    return Part(raw, head, raw[found.end() :])


def part_from(headers: Mapping[str, str], body: bytes) -> Part:
    """Return the entity an HTTP message is: the content headers of it, and its body."""
    head = Message(compat32)
    for name, value in headers.items():
        if name.lower().startswith("content-") and name.lower() != "content-length":
            head[name] = value
    return Part(CRLF.join(f"{name}: {value}".encode() for name, value in head.items()) + CRLF * 2 + body, head, body)


def build(kind: str, body: bytes, **more: str) -> bytes:
    """Return an entity as it travels; `content_transfer_encoding="base64"` has the body encoded.

    Args:
        kind: the value of Content-Type.
        body: the content.
        more: further headers, `_` for `-`.
    """
    lines = [f"Content-Type: {kind}"]
    lines += [f"{name.replace('_', '-').title()}: {value}" for name, value in more.items()]
    if more.get("content_transfer_encoding") == "base64":
        body = base64.encodebytes(body).replace(b"\n", CRLF)
    return CRLF.join(line.encode() for line in lines) + CRLF * 2 + body


def join(kind: str, parts: Sequence[bytes]) -> tuple[str, bytes]:
    """Return the content type and the body of a multipart entity.

    Args:
        kind: the content type without boundary, such as `multipart/report; report-type="…"`.
        parts: entities as they travel.
    """
    boundary = "=_" + secrets.token_hex(16)
    line = b"--" + boundary.encode()
    body = CRLF.join(line + CRLF + each for each in parts) + CRLF + line + b"--" + CRLF
    return f'{kind}; boundary="{boundary}"', body


def split(part: Part) -> list[Part]:
    """Return the parts of a multipart entity, each as it travels: the line end before a boundary is not its own.

    Raises:
        As2Error: it has no boundary, no parts or too many.
    """
    boundary = part.head.get_boundary()
    if not boundary:
        raise As2Error("A part of several parts names no boundary.", "unexpected-processing-error")
    found: list[Part] = []
    begin = None
    for at, after, last in _marks(part.body, b"--" + boundary.encode("utf-8", "replace")):
        if begin is not None:
            end = at - 2 if part.body[at - 2 : at] == CRLF else at - 1
            found.append(part_of(part.body[begin : max(end, begin)]))
        if last:
            break
        begin = after
        if len(found) > MOST_PARTS:
            raise As2Error(f"The message has more than {MOST_PARTS} parts.", "unexpected-processing-error")
    if not found:
        raise As2Error("The message has no parts.", "unexpected-processing-error")
    return found


def _marks(body: bytes, line: bytes) -> Iterator[tuple[int, int, bool]]:
    """Yield where each boundary line begins, where what follows it begins, and whether it is the closing one."""
    at = body.find(line)
    while at >= 0:
        rest = MARK_END.match(body, at + len(line))
        if rest and (at == 0 or body[at - 1 : at] == b"\n"):
            yield at, rest.end(), rest[1] is not None
        at = body.find(line, at + len(line))


def restorations(part: Part) -> Iterator[bytes]:
    """Yield an entity as it came, then with the line ends of its header put back to CR LF, then with all of them."""
    yield part.raw
    head = LINE_END.sub(CRLF, part.raw[: len(part.raw) - len(part.body)])
    whole = head + LINE_END.sub(CRLF, part.body)
    yield from sorted({head + part.body, whole} - {part.raw}, key=len)
