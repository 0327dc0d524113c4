"""What is wrong with a transport's settings, all of it at once and without opening anything."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from connectors.edi.profile import Profile
from connectors.edi.transports.opening import KINDS
from connectors.edi.transports.tables import Faults

Settings = Mapping[str, Any]
# Where the settings of a transport are read, where not beside it.
READERS = {"as2": "connectors.edi.transports.as2_profile", "sftp": "connectors.edi.transports.sftp_profile"}


def transport_faults(profile: Profile, secrets: Mapping[str, str], *, here: bool) -> list[str]:
    """Return what is wrong with the transport of a profile, each fault with the key it is about.

    Args:
        profile: of the partner.
        secrets: those that are there; what is missing is no fault (`missing_secrets` names it).
        here: whether folders must be on this machine: where the hub runs they must, where a profile is only tried
            they need not.
    """
    kind = str(profile.transport.get("kind", ""))
    if kind not in KINDS:
        given = f"is {kind[:60]!r}, and there is none of that name" if kind else "is missing"
        return [f"transport.kind {given}: it is one of {', '.join(sorted(KINDS))}"]
    faults = Faults(kind)
    table = {**profile.transport, "secrets": secrets, "profile": profile}
    import_module(READERS.get(kind, KINDS[kind][0])).vet(faults, table, here=here)
    return faults.found


def as_error(fault: str) -> dict[str, str]:
    """Return a fault as errors of the API have it: the path of a key, and the reason."""
    named = fault.replace("the secret ", "secrets.", 1) if fault.startswith("the secret ") else fault
    path, _, reason = named.partition(" ")
    return {"path": path, "reason": reason}


def faults_beside(profile: Profile, others: Mapping[str, Settings]) -> list[str]:
    """Return where a partner's transport gets into the way of another partner's.

    Args:
        profile: of the partner.
        others: the settings of the others, by name of their connections.
    """
    found = []
    for name, settings in others.items():
        table = settings.get("transport")
        if not isinstance(table, Mapping):
            continue
        if profile.transport.get("kind") == table.get("kind") == "as2":
            found += _names_beside(profile.transport, name, table)
        place = _inbox(table)
        if place is not None and place == _inbox(profile.transport):
            found.append(
                f"transport takes files from where those of {name} are taken, and each would get the other's: give him "
                "an inbox of his own"
            )
    return found


def _names_beside(table: Settings, name: str, other: Settings) -> list[str]:
    return [
        f"transport.{mine} is {table[mine]!r}, which is the AS2 name of {whose} of {name}: no two sides have one name"
        for mine, theirs, whose in (
            ("our_name", "their_name", "the partner"), ("their_name", "our_name", "ours in the profile"),
        )
        if table.get(mine) and table[mine] == other.get(theirs)
    ]  # fmt: skip


def _inbox(table: Settings) -> tuple[str, ...] | None:
    """Return where files are taken from, None where they are not taken from a place."""
    inbox = str(table.get("inbox") or "inbox")
    if table.get("kind") in ("folder", "hosted"):
        return ("folder", str((Path(str(table.get("root", ""))).expanduser() / inbox).resolve()))
    if table.get("kind") == "sftp":
        where = (str(table.get("host", "")).lower(), str(table.get("port", 22)), str(table.get("user", "")))
        return ("sftp", *where, inbox.rstrip("/"))
    return None
