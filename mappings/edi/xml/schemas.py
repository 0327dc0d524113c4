"""Schemas that XML documents are checked with: UBL's XSDs and cXML's DTDs, from folders of this installation.

They are not ours to hand on, so a setting names where they lie. Each is compiled once in a process.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

from lxml import etree

from core.errors import InputError

UBL_FILE = "UBL-{type}-2.1.xsd"
CXML_FILES = {
    "ConfirmationRequest": "Fulfill.dtd",
    "ShipNoticeRequest": "Fulfill.dtd",
    "ReceiptRequest": "Fulfill.dtd",
    "InvoiceDetailRequest": "InvoiceDetail.dtd",
    "QuoteRequest": "Quote.dtd",
    "QuoteMessage": "Quote.dtd",
}
"""DTDs of cXML that are not the common one, by document."""
CXML_FILE = "cXML.dtd"
CODE = "EDI-SCHEMA-404"
TYPE = re.compile(r"[A-Za-z]{1,80}")


@dataclass(frozen=True, slots=True)
class Finding:
    """What a schema complains of: lxml's name of the rule, its words, the line, the XPath."""

    rule: str
    words: str
    line: int
    path: str | None


@dataclass(frozen=True, slots=True)
class Checker:
    """A compiled schema, which keeps its complaints in itself and is therefore used by one thread at a time."""

    schema: Any
    lock: Lock = field(default_factory=Lock)

    def findings(self, root: Any) -> Iterator[Finding]:
        """Yield what is wrong with a document."""
        with self.lock:
            if self.schema.validate(root):
                return
            entries = list(self.schema.error_log)
        for each in entries:
            yield Finding(each.type_name, each.message, each.line, each.path)


@dataclass(frozen=True, slots=True)
class Schemas:
    """Folders with schemas; None where none is set.

    Args:
        ubl: folder with OASIS' `maindoc` and `common`.
        cxml: folder with `cXML.dtd`, `Fulfill.dtd` and so on.
    """

    ubl: Path | None = None
    cxml: Path | None = None

    def of(self, standard: str, kind: str) -> Checker:
        """Return the schema of a kind of document.

        Args:
            standard: `ubl` or `cxml`.
            kind: such as Order or OrderRequest.

        Raises:
            InputError: no folder is set, or it has no such schema.
        """
        folder = self._folder(standard)
        if folder is None:
            raise InputError(
                f"A document of the kind {kind} cannot be checked.",
                why=f"No folder with the schemas of {NAMES[standard]} is set.",
                fix=f"Set schemas.{standard} to it (docs/xml-documents.md), or use `crossdock edi read`.",
                code=CODE,
            )
        file = self._file(standard, kind)
        if file is not None:
            return _compiled(file)
        raise InputError(
            f"A document of the kind {kind[:80]} cannot be checked.",
            why=f"{folder} has no schema for it.",
            fix="Put the schema there, or use `crossdock edi read`.",
            code=CODE,
        )

    def has(self, standard: str, kind: str) -> bool:
        """Return whether there is a schema for a kind of document."""
        return self._file(standard, kind) is not None

    def _folder(self, standard: str) -> Path | None:
        return self.ubl if standard == "ubl" else self.cxml

    def _file(self, standard: str, kind: str) -> Path | None:
        folder = self._folder(standard)
        if folder is None or not TYPE.fullmatch(kind):
            return None
        name = UBL_FILE.format(type=kind) if standard == "ubl" else CXML_FILES.get(kind, CXML_FILE)
        file = folder / "maindoc" / name if standard == "ubl" else folder / name
        return file if file.is_file() else None


NAMES = {"ubl": "UBL", "cxml": "cXML"}
SETTINGS = {"ubl": "schemas.ubl", "cxml": "schemas.cxml"}
"""Settings that name the folders."""


@lru_cache(maxsize=64)
def _compiled(file: Path) -> Checker:
    try:
        if file.suffix == ".dtd":
            with file.open("rb") as handle:
                return Checker(etree.DTD(handle))
        return Checker(etree.XMLSchema(etree.parse(str(file), etree.XMLParser(no_network=True))))
    except (etree.DTDParseError, etree.XMLSchemaParseError, etree.XMLSyntaxError, OSError) as error:
        raise InputError(
            f"{file} is no schema that can be used.",
            why=" ".join(str(error).split())[:300],
            fix="Put the schema there as it was published, with the files it includes.",
            code=CODE,
        ) from None
