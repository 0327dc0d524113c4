"""What is taken from a reply: values by path, a plain copy for the receipt, a record to store."""

from __future__ import annotations

import hashlib
from typing import Any

import jmespath

from connectors.soap_erp.client import Reply
from core.ports.connectors import InboundRecord

TOPIC = "stock"


def found(path: str | None, values: Any) -> Any:
    """Return what a JMESPath finds, None without a path."""
    return jmespath.search(path, values) if path else None


def record(reply: Reply) -> InboundRecord:
    """Return a page of stock as it is stored; its time of counting is part of it, so equal counts stay two facts."""
    digest = hashlib.sha256(reply.xml).hexdigest()
    return InboundRecord(TOPIC, f"{TOPIC}:{digest}", reply.xml, content_type="application/xml")


def plain(value: Any) -> Any:
    """Return a reply's values with only JSON types in them."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value if isinstance(value, str | int | bool | None) else str(value)
