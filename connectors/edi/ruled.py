"""Rules beyond a schema that a partner's documents must keep before they leave: files of Schematron, compiled once."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from core.errors import InputError, Rejected
from mappings.edi.xml.documents import XmlDocument
from mappings.edi.xml.parties import NAMES

if TYPE_CHECKING:
    from mappings.edi.schematron.rules import Rules

EN16931 = "urn:cen.eu:en16931"
OURS, THEIRS = "cac:AccountingSupplierParty/cac:Party", "cac:AccountingCustomerParty/cac:Party"
FACTS = (
    ("BR-06", f"{OURS}/cac:PartyLegalEntity/cbc:RegistrationName", "our name", "`seller.company` in the terms"),
    ("BR-08", f"{OURS}/cac:PostalAddress", "our address", "`seller.line1`, `city` and so on in the terms"),
    ("BR-09", f"{OURS}/cac:PostalAddress/cac:Country", "our country", "`seller.country` in the terms"),
    ("BR-10", f"{THEIRS}/cac:PostalAddress", "the address of the buyer", "`bill_to` of his order"),
)
"""What EN 16931 asks of every invoice and the hub may not know: rule, place, words, and where it is given."""
TOLD = 5
"""Broken rules that an error names."""
PREFIXED = {"cac": NAMES["cac"], "cbc": NAMES["cbc"]}
# Compiled rules of this process by file, with when it changed; one thread uses them at a time.
_compiled: dict[Path, tuple[int, Rules]] = {}
_lock = Lock()


def require_rules(document: XmlDocument, files: Iterable[Path]) -> None:
    """Refuse a document that breaks a rule which is fatal.

    Raises:
        Rejected: with the first rules it breaks, or because the rules cannot be run.
    """
    from mappings.edi.schematron.rules import check_rules

    before = len(document.faults)
    try:
        with _lock:
            for file in files:
                check_rules(document, _rules(file))
    except InputError as error:
        raise Rejected(error.what, why=error.why, fix=error.fix, code=error.error_code) from None
    broken = [each for each in document.faults[before:] if each.rejects]
    if broken:
        more = f" And {len(broken) - TOLD} more." if len(broken) > TOLD else ""
        raise Rejected(
            f"The {document.type} {document.number or ''}".rstrip() + " breaks rules that were agreed for it.",
            why=" ".join(f"{each.code or each.name}: {each.text}" for each in broken[:TOLD]) + more,
            fix="Give what is missing by an overlay of its map (docs/xml-documents.md), then send it again. Our own"
            " facts may stand in the terms of trade instead: they are in every paper made from then on.",
            code="EDI-RULES-409",
        )


def missing_facts(root: Any) -> list[str]:
    """Return in sentences what a document that says it is of EN 16931 lacks of it; needs no files of rules."""
    profile = root.findtext("cbc:CustomizationID", "", PREFIXED)
    if not profile.startswith(EN16931):
        return []
    return [
        f"it lacks {words}, which EN 16931 asks for ({rule}): give {where}, or write it by an overlay"
        for rule, path, words, where in FACTS
        if root.find(path, PREFIXED) is None
    ]


def _rules(file: Path) -> Rules:
    from mappings.edi.schematron.rules import Rules

    changed = file.stat().st_mtime_ns
    known = _compiled.get(file)
    if known is None or known[0] != changed:
        known = _compiled[file] = changed, Rules(file)
    return known[1]
