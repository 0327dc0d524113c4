"""Records of calls, fit for the database."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

from core.errors import InputError
from core.ports.connectors import InboundRecord

# What a B-tree index can hold, with room: a longer dedupe key is replaced by its hash.
LONGEST_KEY = 512
LONGEST_WORD = 512


def storable(record: InboundRecord) -> InboundRecord:
    """Return the record with words the database can hold and index.

    Raises:
        InputError: a word of it has characters no database holds, or has no end.
    """
    for word in (record.topic, record.dedupe_key, record.source_id or "", record.content_type):
        if "\x00" in word or (not word.isascii() and any(0xD800 <= ord(letter) <= 0xDFFF for letter in word)):
            raise InputError("The call names itself with characters no text has.", code="HOOK-TEXT-422")
    if len(record.topic) > LONGEST_WORD or len(record.source_id or "") > LONGEST_WORD or not record.topic:
        raise InputError(
            f"The topic or id of the call is empty or over {LONGEST_WORD} characters.", code="HOOK-TEXT-422"
        )
    if len(record.dedupe_key) > LONGEST_KEY:
        return replace(record, dedupe_key="sha256:" + sha256(record.dedupe_key.encode()).hexdigest())
    return record
