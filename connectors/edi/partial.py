"""What is wrong with the rest of a profile whose schema is broken somewhere: its maps, and its transport."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from connectors.edi.agreed import document_faults
from connectors.edi.connector import Connector
from connectors.edi.profile import Profile, read_profile
from connectors.edi.transports.vetting import as_error, transport_faults
from connectors.sdk.manifest import load_manifest
from core.domain.vocabulary import Mode
from core.errors import Misconfigured
from core.ports.connectors import ConnectionConfig
from mappings.engine import Map

# Kinds of transport whose settings are right or wrong whatever the rest of the profile says.
ALONE = ("as2", "folder", "hosted", "sftp")
SIDES = {"ours": {"id": "A"}, "theirs": {"id": "B"}}
ROW = {"in": "ORDERS", "map": "ORDERS"}
NOWHERE = {"kind": "folder", "root": "/"}


def stand_in(**sections: Any) -> Mapping[str, Any]:
    """Return the smallest profile there is with these sections in the place of its own."""
    return {"identifiers": SIDES, "documents": [ROW], "transport": NOWHERE, **sections}


def unchecked(name: str, settings: Mapping[str, Any], secrets: Mapping[str, str]) -> Connector:
    """Return the connector that settings make, without a hub, of which nothing but the schema was looked at.

    Raises:
        Misconfigured: the profile does not fit its schema.
    """
    folder = Path(__file__).parent
    manifest = load_manifest(folder)
    return Connector(
        ConnectionConfig(UUID(int=0), name, manifest.id, Mode.LIVE, settings, secrets), manifest, folder
    )  # fmt: skip


def with_rest(
    error: Misconfigured, name: str, settings: Mapping[str, Any], secrets: Mapping[str, str]
) -> Misconfigured:
    """Return the refusal of a profile whose schema is broken, with what is wrong with its maps and transport as well.

    Args:
        error: that of its schema.
        name: of the connection.
        settings: of the connection, in a hub: folders have to be on its machine.
        secrets: those that are there.
    """
    own = {"maps": settings["maps"]} if isinstance(settings.get("maps"), str) else {}
    rest = rest_of_transport(settings, secrets, here=True)
    rest += rest_of_documents(settings, unchecked(name, {**stand_in(), **own}, {}).map)
    if not rest:
        return error
    errors = [*error.data.get("errors", ()), *map(as_error, rest)]
    return Misconfigured(f"{error.what} {'; '.join(rest)}.", fix=error.fix, code=error.error_code, errors=errors)


def rest_of_transport(
    settings: Mapping[str, Any], secrets: Mapping[str, str] | None = None, *, here: bool = False
) -> list[str]:
    """Return what is wrong with the transport of a profile that cannot be read, as far as it can be told without it."""
    transport = settings.get("transport")
    if not isinstance(transport, dict) or transport.get("kind") not in ALONE:
        return []
    return transport_faults(read_profile(stand_in(transport=transport), "it"), secrets or {}, here=here)


def rest_of_documents(settings: Mapping[str, Any], map_of: Callable[[str], Map]) -> list[str]:
    """Return which rows of `documents`, sound by themselves, name a map that is not there or does not fit.

    Args:
        settings: of a profile that cannot be read.
        map_of: opens a map by its name in the profile.
    """
    rows = settings.get("documents")
    wrong = []
    for at, row in enumerate(rows if isinstance(rows, list) else ()):
        profile = _with_row(settings, row)
        if profile is not None:
            wrong += [each.replace("documents.0 ", f"documents.{at} ", 1) for each in document_faults(profile, map_of)]
    return wrong


def _with_row(settings: Mapping[str, Any], row: Any) -> Profile | None:
    """Return a profile with one row and the version X12 is written in, None where either cannot be read."""
    x12 = settings.get("x12")
    version = {"gs08": x12["gs08"]} if isinstance(x12, dict) and "gs08" in x12 else {}
    try:
        return read_profile(stand_in(documents=[row], x12=version), "it")
    except Misconfigured:
        return None  # told of by its schema
