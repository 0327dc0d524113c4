"""What is kept of a file that came: of documents of cXML nothing that proves who sent them."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace

from core.ports.connectors import InboundRecord
from mappings.edi.detect import HEAD, detect
from mappings.edi.xml.credentials import has_proofs, without_proofs
from mappings.edi.xml.documents import read_document
from mappings.edi.xml.names import SECRET

ORIGINAL = "original-sha256"
"""Header of a message that is kept otherwise than it came: the digest of what came."""
WITHHELD = b"<!-- A document of cXML that could not be kept without its SharedSecret. Have it sent again in UTF-8. -->"
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
NAMES = "|".join(SECRET)
# Of a document that is not well-formed: from the start tag to the end tag, or to the end of what came.
PROOF = re.compile(rf"(<(?:[\w.-]+:)?({NAMES})\b[^<>]*(?<!/)>).*?(?=</(?:[\w.-]+:)?\2\b|\Z)", re.DOTALL)


def keepable(record: InboundRecord) -> InboundRecord:
    """Return a record as it may be stored: without proofs in its body, and with the digest of what came if it had some.

    Args:
        record: of a file, as it came.
    """
    kept = without_secrets(record.body)
    if kept == record.body:
        return record
    headers = {**record.headers, ORIGINAL: hashlib.sha256(record.body).hexdigest()}
    return replace(record, body=kept, headers=headers)


def without_secrets(body: bytes) -> bytes:
    """Return a file with the proofs of a document of cXML emptied, all other bytes as they came; others as they are.

    What is so written that its proofs cannot be told apart is not returned: a comment that says so stands for it.
    """
    if detect(body[:HEAD]) not in ("cxml", "xml") or not _may_prove(body):
        return body
    try:
        kept = without_proofs(body)
    except ValueError:
        kept = _cut(body)
    root = read_document(kept).root
    if root is None:
        kept = _cut(kept)
        root = read_document(kept).root
    return WITHHELD if root is not None and has_proofs(root) else kept


def _may_prove(body: bytes) -> bool:
    encodings = ("utf-16-le", "utf-16-be") if body.startswith(UTF_16) else ("ascii",)
    return any(name.encode(encoding) in body for name in SECRET for encoding in encodings)


def _cut(body: bytes) -> bytes:
    """Return a file that cannot be parsed with whatever stands in elements of these names cut out."""
    encoding = "utf-16" if body.startswith(UTF_16) else "latin-1"
    text = body.decode(encoding, "replace")
    return PROOF.sub(r"\1", text).encode(encoding)
