"""XML: read by XPath, written by element paths; no DTD, no entities, no network."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from lxml import etree
from marshmallow import Schema, fields, validate

from mappings.access import Access, SourceDocument
from mappings.edi.xml.parsing import UnreadableXml
from mappings.edi.xml.parsing import parse as parse_with_doctype
from mappings.faults import MapError, Unfit
from mappings.paths import Getter, Test
from mappings.schema import Strict
from mappings.syntaxes.csv import known_encoding
from mappings.syntaxes.text import check_size, refused
from mappings.syntaxes.xml_writing import NAME, Builder, setter

ROOT_TAG = re.compile(rb"<[A-Za-z_]")


class XmlOptions(Strict):
    """Options of XML maps."""

    root = fields.String(load_default=None, validate=validate.Regexp(rf"{NAME}\Z", error="is no element name"))
    namespaces = fields.Dict(keys=fields.String(), values=fields.String(), load_default=dict)
    encoding = fields.String(load_default=None, validate=known_encoding)
    indent = fields.Boolean(truthy={True}, falsy={False}, load_default=False)
    doctype = fields.String(
        load_default=None, validate=validate.Regexp(r"[^\s\"'<>]+\Z", error="is no address of a DTD")
    )
    max_bytes = fields.Integer(strict=True, load_default=None, validate=validate.Range(min=1))


def parse(data: bytes, options: Mapping[str, Any]) -> Any:
    """Return the root element.

    Raises:
        MapError: it is not well-formed XML, or has a document type definition: where the map names a `doctype`, one
            with declarations of its own.
    """
    check_size(data, options["max_bytes"])
    if options["doctype"] is not None:
        try:
            return parse_with_doctype(data).root
        except UnreadableXml as error:
            raise refused("SYNTAX", f"The input cannot be read: {error.text}") from None
    doctype, start = data.find(b"<!DOCTYPE"), ROOT_TAG.search(data)
    if doctype >= 0 and (start is None or doctype < start.start()):
        raise refused("SYNTAX", "The XML has a document type definition, which is not accepted.")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        encoding=options["encoding"],
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise refused("SYNTAX", f"The input is not XML: {' '.join(str(error).split())[:200]}.") from None
    # Another charset, or a comment with a tag in it, hides a DOCTYPE from the search above.
    info: Any = root.getroottree().docinfo
    if info.doctype:
        raise refused("SYNTAX", "The XML has a document type definition, which is not accepted.")
    return root


def xpath(path: str, namespaces: Mapping[str, str]) -> Any:
    """Return a compiled XPath; unknown prefixes and functions show up here, not with the first document."""
    try:
        found = etree.XPath(path, namespaces=dict(namespaces) or None, smart_strings=False)
        found(etree.Element("probe"))
    except (etree.XPathError, ValueError, TypeError) as error:
        raise Unfit(f"{path!r} is not XPath ({' '.join(str(error).split())[:200]})") from None
    return found


def nodes(search: Any, scope: Any) -> Any:
    """Return what an XPath finds."""
    try:
        return search(scope)
    except etree.XPathError as error:
        raise Unfit(f"the XPath cannot be evaluated here ({error})") from None


def plain(found: Any) -> Any:
    """Return the one value that was found, or None."""
    if isinstance(found, list):
        if len(found) > 1:
            raise Unfit(f"is there {len(found)} times, one was expected")
        found = found[0] if found else None
    if found is None or isinstance(found, str | bool):
        return found
    if isinstance(found, float):
        if found != int(found):
            raise Unfit("was computed by XPath, whose arithmetic is not exact")
        return int(found)
    if len(found):
        raise Unfit("is an element with elements in it, not a value")
    text: str | None = found.text
    return text


def value_getter(path: str, namespaces: Mapping[str, str]) -> Getter:
    """Return a getter of one text."""
    search = xpath(path, namespaces)
    return lambda scope, _root: plain(nodes(search, scope))


def scope_getter(path: str, namespaces: Mapping[str, str]) -> Getter:
    """Return a getter of one element."""
    items = items_getter(path, namespaces)

    def get(scope: Any, root: Any) -> Any:
        found = items(scope, root)
        if len(found) > 1:
            raise Unfit(f"is there {len(found)} times, one was expected")
        return found[0] if found else None

    return get


def items_getter(path: str, namespaces: Mapping[str, str]) -> Getter:
    """Return a getter of a list of elements."""
    search = xpath(path, namespaces)

    def get(scope: Any, _root: Any) -> Any:
        found = nodes(search, scope)
        if not isinstance(found, list) or not all(isinstance(each, etree._Element) for each in found):
            raise Unfit("does not find elements")
        return found

    return get


def condition(expression: str, namespaces: Mapping[str, str]) -> Test:
    """Return a test."""
    search = xpath(f"boolean({expression})", namespaces)
    return lambda scope, _root: bool(nodes(search, scope))


class XmlSyntax:
    """One element, or an envelope around several."""

    options: Schema = XmlOptions()

    def access(self, options: Mapping[str, Any]) -> Access:
        """Return XPath access with the map's prefixes."""
        names = options["namespaces"]
        return Access(
            lambda path: value_getter(path, names),
            lambda path: scope_getter(path, names),
            lambda path: items_getter(path, names),
            lambda expression: condition(expression, names),
            lambda path: setter(path, names),
            join="/",
            first=1,
        )

    def documents(
        self, data: bytes, options: Mapping[str, Any], *, records: str | None, group_by: str | None
    ) -> Iterator[SourceDocument]:
        """Yield the root element, or the elements at `records`."""
        root = parse(data, options)
        if records is None:
            expected = options["root"]
            if expected is not None and root.tag != Builder(options["namespaces"]).name(expected):
                raise refused("SYNTAX", f"The document is a {root.tag[:80]}, not a {expected}.")
            yield SourceDocument(1, root)
            return
        try:
            found = items_getter(records, options["namespaces"])(root, root)
        except Unfit as error:
            raise refused("RECORDS", f"The documents at {records} cannot be found: {error}.") from None
        for number, each in enumerate(found, 1):
            yield SourceDocument(number, each)

    def finish(self, document: dict[str, Any], options: Mapping[str, Any]) -> Any:
        """Return the element."""
        names = options["namespaces"]
        if options["root"] is None:
            raise MapError("The map names no root element.", fix="Add `options: {root: ...}`.")
        builder = Builder(names)
        root = etree.Element(builder.name(options["root"]), nsmap=dict(names) or None)
        try:
            builder.fill(root, document)
        except ValueError as error:
            raise MapError(f"A value cannot be written as XML: {error}.", code="MAP-SYNTAX-422") from None
        return root

    def format(self, documents: list[Any], options: Mapping[str, Any]) -> bytes:
        """Return one element as a document."""
        if len(documents) != 1:
            raise MapError(f"{len(documents)} documents do not fit in one XML document.", code="MAP-SYNTAX-422")
        root = documents[0]
        if options["indent"]:
            etree.indent(root)
        named: Any = None
        if options["doctype"] is not None:
            named = f'<!DOCTYPE {etree.QName(root).localname} SYSTEM "{options["doctype"]}">'
        charset: Any = options["encoding"] or "UTF-8"
        found: bytes = etree.tostring(root, xml_declaration=True, encoding=charset, doctype=named)
        return found
