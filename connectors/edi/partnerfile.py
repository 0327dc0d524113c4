"""The file a partner is set up from: his name, his profile, and terms of trade if they are agreed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.edi.profile import SECTIONS, read_profile
from core.domain.trade_terms import check_terms
from core.errors import InputError, Misconfigured

OWN = ("partner", "label", "maps", "terms")


@dataclass(frozen=True, slots=True)
class PartnerFile:
    """What a file says.

    Args:
        name: of the connection.
        label: for people.
        settings: of the connection: the profile, and where maps of the partner's own are.
        terms: of trade (docs/b2b.md); None where the file has none.
    """

    name: str
    label: str | None
    settings: Mapping[str, Any]
    terms: Mapping[str, Any] | None


def read_partner_file(path: Path) -> PartnerFile:
    """Return what a partner's file says, checked.

    Raises:
        InputError: it cannot be read, is not YAML, or does not fit; every complaint names its key.
    """
    # Imported here: YAML costs time that other commands do not have.
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        found = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _wrong(path, error.strerror or "it cannot be read") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise _wrong(path, " ".join(str(error).split())[:300]) from None
    if not isinstance(found, dict):
        raise _wrong(path, "it is no table of keys")
    unknown = sorted(str(each) for each in set(found) - {*OWN, *SECTIONS})
    if unknown:
        raise _wrong(path, f"there is no key {', '.join(unknown)}")
    if not isinstance(found.get("partner"), str):
        raise _wrong(path, "`partner` is missing: the name of the connection, such as acme-retail")
    settings = {name: found[name] for name in SECTIONS if name in found}
    try:
        read_profile(settings, path.name)
    except Misconfigured as error:
        raise InputError(error.what, fix=error.fix, code=error.error_code) from None
    if found.get("maps"):
        # As it stands beside the file, so that the two can be moved together.
        folder = (path.parent / str(found["maps"])).expanduser().resolve()
        if not folder.is_dir():
            raise _wrong(path, f"there is no folder {folder}, which `maps` names")
        settings["maps"] = str(folder)
    terms = found.get("terms")
    if terms is not None:
        check_terms(terms)
    label = found.get("label")
    return PartnerFile(found["partner"], None if label is None else str(label), settings, terms)


def _wrong(path: Path, why: str) -> InputError:
    return InputError(
        f"{path.name} cannot be used as a partner's file: {why}.",
        fix="docs/partners.md shows one.",
        code="EDI-PROFILE-422",
    )
