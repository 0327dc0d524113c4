"""Which secrets a transport cannot do without, told before anything is sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from connectors.edi.profile import Profile


def missing_secrets(profile: Profile, secrets: Mapping[str, str]) -> list[str]:
    """Return the secrets that are still to be given; of those that do for each other all in one, with `or` between.

    Args:
        profile: of the partner.
        secrets: those that are there.
    """
    return [
        " or ".join(names)
        for names in _needed(profile)
        if not any(secrets.get(name, "").strip() for name in names)
    ]  # fmt: skip


def _needed(profile: Profile) -> Iterator[tuple[str, ...]]:
    table: Mapping[str, Any] = profile.transport
    match table.get("kind"):
        case "as2":
            yield ("as2_keys",)
        case "mail":
            yield ("password",)
        case "sftp":
            yield "ssh_key", "password"
        case "hosted" if not table.get("authorized_keys"):
            yield ("password",)
        case "http":
            yield from _posted(profile)


def _posted(profile: Profile) -> Iterator[tuple[str, ...]]:
    if any(each.incoming for each in profile.documents):
        yield ("shared_secret_in",)
    if any(not each.incoming and each.syntax == "cxml" for each in profile.documents):
        yield ("shared_secret_out",)
    if profile.transport.get("user"):
        yield ("password",)
