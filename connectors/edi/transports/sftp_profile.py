"""The settings of a partner's SFTP server, checked, and the server they name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import asyncssh

from connectors.edi.transports.folder import READY
from connectors.edi.transports.ssh import Server
from connectors.edi.transports.tables import Faults, filled, is_host

DEFAULTS: Mapping[str, Any] = {
    "port": 22, "inbox": "inbox", "outbox": "outbox", "processing": None, "archive": None, "error": None,
    "after": "archive", "host_keys": [], "settle_seconds": 2, "ready": "stable-or-done", "stale_minutes": 60,
    "legacy": False, "timeout": 20,
}  # fmt: skip
LAST_PORT = 65_535
FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}=?\Z")
UNREADABLE_KEY = "it is no private key in OpenSSH or PEM form, or ssh_key_passphrase is another one"


def vet(faults: Faults, table: Mapping[str, Any], *, here: bool) -> None:
    """Note what is wrong with the settings of a partner's server, and with the secrets that are there.

    Args:
        faults: takes it.
        table: the profile's `transport`, with `secrets`.
        here: has no meaning for a server elsewhere.
    """
    del here
    read_settings(faults, table)
    kept = table.get("secrets", {})
    if kept.get("ssh_key"):
        try:
            asyncssh.import_private_key(kept["ssh_key"], kept.get("ssh_key_passphrase") or None)
        except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError):
            faults.secret("ssh_key", f"cannot be read: {UNREADABLE_KEY}")


def read_settings(faults: Faults, table: Mapping[str, Any]) -> tuple[dict[str, Any], frozenset[str]]:
    """Return the settings and the fingerprints of the server's keys; what does not fit is noted."""
    settings = filled(faults, table, DEFAULTS, ("host", "user"))
    if not is_host(settings["host"]):
        faults.add("host", f"is {settings['host'][:80]}: it is the name or address of the server alone; see `port`")
    if not 0 < settings["port"] <= LAST_PORT:
        faults.add("port", f"is no number from 1 to {LAST_PORT}")
    for name, choices in (("after", ("archive", "delete")), ("ready", READY)):
        if settings[name] not in choices:
            faults.add(name, f"is none of {', '.join(choices)}")
    pins = {_fingerprint(faults, number, each) for number, each in enumerate(settings["host_keys"])}
    if not pins:
        faults.add("host_keys", "is missing: the server is known by its key (`ssh-keyscan HOST`, then ask the partner)")
    return settings, frozenset(pins)


def _fingerprint(faults: Faults, number: int, key: str) -> str:
    try:
        found = key if FINGERPRINT.match(key) else asyncssh.import_public_key(key).get_fingerprint()
    except asyncssh.KeyImportError:
        faults.add(f"host_keys.{number}", "is neither a fingerprint (SHA256: and 43 characters) nor a public key")
        return ""
    return str(found)


def server_of(settings: Mapping[str, Any], pins: frozenset[str], kept: Mapping[str, str]) -> Server:
    """Return the server the settings name, and who we are there.

    Args:
        settings: checked.
        pins: fingerprints of its keys.
        kept: secrets, of which `password` or `ssh_key` is there.
    """
    return Server(
        settings["host"], int(settings["port"]), settings["user"], pins, kept.get("password") or None,
        kept.get("ssh_key") or None, kept.get("ssh_key_passphrase") or None, settings["legacy"], settings["timeout"],
    )  # fmt: skip
