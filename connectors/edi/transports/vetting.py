"""What is wrong with a transport's settings, all of it at once and without opening anything."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from connectors.edi.profile import Identity, Profile, read_profile
from connectors.edi.transports.opening import KINDS
from connectors.edi.transports.tables import Faults
from core.errors import Misconfigured

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
    """Return where a partner's ids or his transport get into the way of another partner's.

    Args:
        profile: of the partner.
        others: the settings of the others, by name of their connections.
    """
    found = []
    for name, settings in others.items():
        found += _ids_beside(profile, name, settings)
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
    if table.get("our_name") == other.get("our_name") and table.get("their_name") == other.get("their_name"):
        return [
            f"transport.their_name is {table.get('their_name')!r}, which is the AS2 name of the partner {name}, and "
            "our_name is ours in his profile: what one sends would be taken for the other's; one partner is one profile"
        ]
    return [
        f"transport.{mine} is {table[mine]!r}, which is the AS2 name of {whose} of {name}: no two sides have one name"
        for mine, theirs, whose in (
            ("our_name", "their_name", "the partner"), ("their_name", "our_name", "ours in the profile"),
        )
        if table.get(mine) and table[mine] == other.get(theirs)
    ]  # fmt: skip


def _ids_beside(profile: Profile, name: str, settings: Settings) -> list[str]:
    """Return whether another partner has the ids of both sides: his documents would be done twice.

    The control numbers of both would be the same as well, so that the partner refuses every second file of ours.
    """
    try:
        other = read_profile(settings, name)
    except Misconfigured:
        return []  # told of by itself; nothing can go either way
    syntaxes = {each.syntax for each in profile.documents} & {each.syntax for each in other.documents}
    if not syntaxes or not _same(profile.ours, other.ours) or not _same(profile.theirs, other.theirs):
        return []
    return [
        f"identifiers.theirs is {profile.theirs.id!r}, which is the id of {name}, and identifiers.ours is that of his "
        "profile: what one sends would be done for both; put all documents of a partner into one profile"
    ]


def _same(one: Identity, two: Identity) -> bool:
    """Return whether two identities share an id; a qualifier that is not given is written ZZ."""
    return bool(one.every & two.every) and (one.qualifier or "ZZ") == (two.qualifier or "ZZ")


def _inbox(table: Settings) -> tuple[str, ...] | None:
    """Return where files are taken from, None where they are not taken from a place."""
    inbox = str(table.get("inbox") or "inbox")
    if table.get("kind") in ("folder", "hosted"):
        return ("folder", str((Path(str(table.get("root", ""))).expanduser() / inbox).resolve()))
    if table.get("kind") == "sftp":
        where = (str(table.get("host", "")).lower(), str(table.get("port", 22)), str(table.get("user", "")))
        return ("sftp", *where, inbox.rstrip("/"))
    return None
