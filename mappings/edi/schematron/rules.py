"""Rules beyond a schema, as Peppol and EN 16931 publish them in Schematron: run on XML documents by Saxon."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lxml import etree

from core.errors import InputError
from mappings.edi.faults import EdiFault, Kind, Level
from mappings.edi.schematron.assembling import CODE, wrong
from mappings.edi.schematron.stylesheet import stylesheet, svrl
from mappings.edi.xml.documents import XmlDocument
from mappings.edi.xml.names import PREFIXES, path_of

STYLESHEETS = (".xsl", ".xslt")
FOUND = ("failed-assert", "successful-report")
WARNINGS = frozenset({"warning", "warn"})
INFORMATION = frozenset({"information", "info"})
BRACED = re.compile(r"Q\{([^}]*)\}([\w.-]+)")
STARRED = re.compile(r"\*:([\w.-]+)\[namespace-uri\(\)='([^']*)'\]")
BELOW = re.compile(r"/(@.*|(?:text|comment)\(\)(?:\[\d+\])?)\Z")
"""What a location has behind the element it is in."""
MOST = 1_000
"""Findings of one document that are told."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule says against a document.

    Args:
        rule: its id; empty where it has none.
        flag: `fatal`, `warning` or `information`.
        text: what it says.
        location: XPath, as the rules' stylesheet writes it.
    """

    rule: str
    flag: str
    text: str
    location: str


class Rules:
    """A file of rules, compiled; to be used by one thread at a time.

    Args:
        file: Schematron (.sch) in XSLT 2 or 3, or a stylesheet made of it (.xsl) that reports in SVRL.

    Raises:
        InputError: Saxon is not installed, or the file cannot be used.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._saxon = _saxon()
        self._processor = self._saxon.PySaxonProcessor(license=False)
        compiler = self._processor.new_xslt30_processor()
        try:
            if file.suffix.lower() in STYLESHEETS:
                # Parsed here, as its path may hold blanks; what it includes is found beside it.
                node = self._processor.parse_xml(xml_file_name=str(file.resolve()))
                self._compiled = compiler.compile_stylesheet(stylesheet_node=node)
            else:
                made = stylesheet(file).decode()
                self._compiled = compiler.compile_stylesheet(stylesheet_text=made, encoding="UTF-8")
        except self._saxon.PySaxonApiError as error:
            raise wrong(file, _short(error)) from None

    def findings(self, root: Any) -> list[Finding]:
        """Return what the rules say against a document.

        Raises:
            InputError: the rules fail on it, or say nothing in SVRL.
        """
        text = etree.tostring(root, encoding="unicode")
        try:
            node = self._processor.parse_xml(xml_text=text, encoding="UTF-8")
            made = self._compiled.transform_to_string(xdm_node=node)
        except self._saxon.PySaxonApiError as error:
            raise InputError(
                f"The rules of {self.file.name} fail on this document.",
                why=_short(error),
                fix="Check the document without --rules first; rules expect what its schema wants.",
                code=CODE,
            ) from None
        report = etree.fromstring(made.encode()) if made else None
        if report is None or report.tag != svrl("schematron-output"):
            raise wrong(self.file, "its output is no report of Schematron (SVRL)")
        return [_finding(each) for each in report.iter(*(svrl(name) for name in FOUND))]


def check_rules(document: XmlDocument, rules: Rules) -> None:
    """Add to a document's faults what rules say against it; a fatal one rejects it.

    Raises:
        InputError: the rules fail on it.
    """
    if document.root is None:
        return
    for number, found in enumerate(rules.findings(document.root)):
        if number == MOST:
            document.add("too-many-faults", f"There are more findings of {rules.file.name} than these {MOST}.", None)
            return
        document.faults.append(_fault(document, found))


def _fault(document: XmlDocument, found: Finding) -> EdiFault:
    element, below = located(document.root, found.location)
    path = found.location if element is None else path_of(element) + below
    line = None if element is None else element.sourceline + document.lines
    fatal = found.flag == "fatal"
    return EdiFault(
        Kind.ERROR if fatal else Kind.WARNING,
        f"rule-{found.flag}",
        found.rule or None,
        found.text,
        replace(document.place, line=line, path=path),
        Level.MESSAGE if fatal else None,
    )


def located(root: Any, location: str) -> tuple[Any, str]:
    """Return the element a location is in, None where it cannot be found, and what is behind it, such as `/@schemeID`.

    Args:
        root: of the document.
        location: XPath of a report: with `Q{namespace}`, with `*:` and `namespace-uri()`, or with prefixes.
    """
    below = BELOW.search(location)
    own = location[: below.start()] if below else location
    if own in ("", "/"):
        return root, ""
    plain = STARRED.sub(r"*[local-name()='\1' and namespace-uri()='\2']", own)
    plain = BRACED.sub(r"*[local-name()='\2' and namespace-uri()='\1']", plain)
    names = {prefix.removesuffix(":"): uri for uri, prefix in PREFIXES.items() if prefix != "xml:"}
    try:
        found = root.getroottree().xpath(plain, namespaces=names)
    except etree.XPathError:
        return None, ""
    element = next((each for each in found if etree.iselement(each)), None) if isinstance(found, list) else None
    behind = BRACED.sub(r"\2", below[0]) if below and below[1].startswith("@") else ""
    return element, behind if element is not None else ""


def _finding(element: Any) -> Finding:
    said = (element.get("flag") or element.get("role") or "fatal").lower()
    flag = "warning" if said in WARNINGS else "information" if said in INFORMATION else "fatal"
    text = " ".join("".join(element.find(svrl("text")).itertext()).split()) if len(element) else ""
    return Finding(element.get("id", ""), flag, text or "This rule says nothing.", element.get("location", ""))


def _saxon() -> Any:
    try:
        import saxonche
    except ImportError:
        raise InputError(
            "Rules of Schematron cannot be run here.",
            why="saxonche, the processor they need, is not installed.",
            fix="Install it: pip install 'crossdock[peppol]'",
            code="EDI-RULES-404",
        ) from None
    return saxonche


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300].rstrip(".")
