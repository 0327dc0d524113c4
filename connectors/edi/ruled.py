"""Rules beyond a schema that a partner's documents must keep before they leave: files of Schematron, compiled once."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from core.errors import InputError, Rejected
from mappings.edi.xml.documents import XmlDocument

if TYPE_CHECKING:
    from mappings.edi.schematron.rules import Rules

TOLD = 5
"""Broken rules that an error names."""
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
            fix="Give what is missing: our own facts in the terms of trade or by an overlay of its map"
            " (docs/xml-documents.md), the buyer's in his order. Then send it again.",
            code="EDI-RULES-409",
        )


def _rules(file: Path) -> Rules:
    from mappings.edi.schematron.rules import Rules

    changed = file.stat().st_mtime_ns
    known = _compiled.get(file)
    if known is None or known[0] != changed:
        known = _compiled[file] = changed, Rules(file)
    return known[1]
