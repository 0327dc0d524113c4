"""Which transport a profile names."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from connectors.edi.transports.base import Transport
from core.errors import Misconfigured

# kind -> module and class; the class takes the table of the profile, and `max_bytes`.
KINDS = {
    "as2": ("connectors.edi.transports.as2", "open_as2"),
    "folder": ("connectors.edi.transports.folder", "FolderTransport"),
    "http": ("connectors.edi.transports.http", "open_http"),
    "hosted": ("connectors.edi.transports.hosted", "open_hosted"),
    "mail": ("connectors.edi.transports.mail", "MailTransport"),
    "sftp": ("connectors.edi.transports.sftp", "SftpTransport"),
}


def open_transport(table: Mapping[str, Any], *, max_bytes: int) -> Transport:
    """Return the transport of a profile.

    Args:
        table: the profile's `transport`, with `kind`; `secrets`, those `previous` to them while both are taken,
            `connection` (its id) and the whole `profile` are added to it.
        max_bytes: of the largest file that is taken.

    Raises:
        Misconfigured: there is no such kind, or its settings do not fit.
    """
    kind = str(table.get("kind", ""))
    if kind not in KINDS:
        raise Misconfigured(
            f"There is no EDI transport {kind[:60]!r}.",
            fix=f"Set transport.kind to one of: {', '.join(sorted(KINDS))}.",
            code="EDI-TRANSPORT-404",
        )
    module, name = KINDS[kind]
    found: Transport = getattr(import_module(module), name)(table, max_bytes=max_bytes)
    return found
