"""The file a partner is set up from: his name, his profile, and terms of trade if they are agreed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.edi.partial import rest_of_documents, rest_of_transport, stand_in, unchecked
from connectors.edi.profile import SECTIONS, read_profile
from connectors.edi.transports.vetting import transport_faults
from core.domain.trade_terms import check_terms
from core.errors import InputError, Misconfigured

CERTIFICATES = ("our_certificates", "their_certificates")
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
    unread = _take_certificates(path, settings)
    try:
        profile = read_profile(settings, path.name)
    except Misconfigured as error:
        rest = [*unread, *_others(path, found, settings, unread)]
        said = " ".join(filter(None, [error.what, f"{'; '.join(rest)}." if rest else "", _terms_fault(found)]))
        raise InputError(said, fix=error.fix, code=error.error_code) from None
    if unread:
        named = tuple(each.partition(" ")[0] for each in unread)
        rest = [each for each in transport_faults(profile, {}, here=False) if not each.startswith(named)]
        raise _wrong(path, " ".join(filter(None, ["; ".join([*unread, *rest]), _terms_fault(found)])))
    folder = _maps_folder(path, found)
    if folder is not None:
        if not folder.is_dir():
            raise _wrong(path, f"there is no folder {folder}, which `maps` names")
        settings["maps"] = str(folder)
    terms = found.get("terms")
    label = found.get("label")
    file = PartnerFile(found["partner"], None if label is None else str(label), settings, terms)
    if wrong := _terms_fault(found):
        raise InputError(
            " ".join(filter(None, [wrong, _profile_fault(file)])),
            fix="docs/b2b.md has the terms of trade, docs/partners.md the rest.",
            code="TRADE-TERMS-422",
        )
    return file


def _terms_fault(found: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the terms of a file, None for nothing."""
    try:
        if found.get("terms") is not None:
            check_terms(found["terms"])
    except InputError as error:
        return " ".join(filter(None, [error.what, error.why]))
    return None


def _profile_fault(file: PartnerFile) -> str | None:
    """Return what is wrong with the documents and the transport of a file, None for nothing."""
    # Imported here: it opens files itself.
    from connectors.edi.trying import opened

    try:
        with opened(file):
            return None
    except InputError as error:
        return error.what


def _others(path: Path, found: Mapping[str, Any], settings: Mapping[str, Any], unread: list[str]) -> list[str]:
    """Return what is wrong with maps and transport of a profile that cannot be read, as far as it can be told."""
    named = tuple(each.partition(" ")[0] for each in unread)
    wrong = [each for each in rest_of_transport(settings) if not named or not each.startswith(named)]
    folder = _maps_folder(path, found)
    if folder is not None and not folder.is_dir():
        return [*wrong, f"there is no folder {folder}, which `maps` names"]
    own = {} if folder is None else {"maps": str(folder)}
    connector = unchecked(str(found["partner"]), {**stand_in(), **own}, {})
    return [*wrong, *rest_of_documents(settings, connector.map)]


def _maps_folder(path: Path, found: Mapping[str, Any]) -> Path | None:
    """Return the folder of the partner's own maps, which stands beside the file, so that both can be moved together."""
    return (path.parent / str(found["maps"])).expanduser().resolve() if found.get("maps") else None


def _take_certificates(path: Path, settings: dict[str, Any]) -> list[str]:
    """Put the text of certificates where a file names theirs, and return which of them cannot be read, and why."""
    transport = settings.get("transport")
    if not isinstance(transport, dict):
        return []
    faults: list[str] = []
    taken = dict(transport)
    for name in CERTIFICATES:
        given = transport.get(name)
        entries = [given] if isinstance(given, str) else given
        if not isinstance(entries, list):
            continue
        taken[name] = list(entries)
        for number, each in enumerate(entries):
            if not isinstance(each, str) or not each.strip() or "-----BEGIN" in each or "\n" in each.strip():
                continue
            file = (path.parent / each.strip()).expanduser()
            try:
                taken[name][number] = file.read_text(encoding="ascii")
            except UnicodeDecodeError:
                why = f"is no PEM: `openssl x509 -inform der -in {file.name} -out {file.name}.pem` makes one of it"
                faults.append(f"transport.{name}.{number} names {file}, which {why}")
            except OSError as error:
                why = (error.strerror or "it cannot be read").lower()
                faults.append(f"transport.{name}.{number} names {file}, which cannot be read: {why}")
    settings["transport"] = taken
    return faults


def _wrong(path: Path, why: str) -> InputError:
    return InputError(
        f"{path.name} cannot be used as a partner's file: {why}.",
        fix="docs/partners.md shows one.",
        code="EDI-PROFILE-422",
    )
