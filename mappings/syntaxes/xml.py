"""XML: read by XPath, written by element paths; no DTD, no entities, no network."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from lxml import etree
from marshmallow import Schema, fields, validate

from mappings.access import Access, SourceDocument
from mappings.faults import MapError, Unfit, kind_of
from mappings.paths import Getter, Put, Setter, Test
from mappings.schema import Strict
from mappings.syntaxes.csv import cell_text, known_encoding
from mappings.syntaxes.text import check_size, refused

NAME = r"(?:[A-Za-z_][\w.-]*:)?[A-Za-z_][\w.-]*"
STEP = re.compile(rf"(?P<name>{NAME})(?P<tests>(?:\[@{NAME}=(?:'[^']*'|\"[^\"]*\")\])*)")
TEST = re.compile(rf"\[@(?P<name>{NAME})=(?:'(?P<one>[^']*)'|\"(?P<two>[^\"]*)\")\]")
ROOT_TAG = re.compile(rb"<[A-Za-z_]")
ATTRIBUTE = re.compile(rf"@{NAME}")


class XmlOptions(Strict):
    """Options of XML maps."""

    root = fields.String(load_default=None, validate=validate.Regexp(rf"{NAME}\Z", error="is no element name"))
    namespaces = fields.Dict(keys=fields.String(), values=fields.String(), load_default=dict)
    encoding = fields.String(load_default=None, validate=known_encoding)
    indent = fields.Boolean(truthy={True}, falsy={False}, load_default=False)
    max_bytes = fields.Integer(strict=True, load_default=None, validate=validate.Range(min=1))


def parse(data: bytes, options: Mapping[str, Any]) -> Any:
    """Return the root element.

    Raises:
        MapError: it is not well-formed XML, or has a document type definition.
    """
    check_size(data, options["max_bytes"])
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


def steps(path: str) -> list[str]:
    """Return the steps of a path that can be written: elements, each with fixed attributes, an attribute last.

    Raises:
        Unfit: the path is more than that.
    """
    found = re.findall(r"(?:[^/\[]|\[[^\]]*\])+", path)
    if "/".join(found) != path:
        raise Unfit(f"{path!r} cannot be written to")
    for at, step in enumerate(found):
        last = at == len(found) - 1
        if not (STEP.fullmatch(step) or (last and (step == "." or ATTRIBUTE.fullmatch(step)))):
            raise Unfit(f"{path!r} cannot be written to: {step} is no element name")
    return found


def setter(path: str, namespaces: Mapping[str, str]) -> Setter:
    """Return a setter into the dict that `finish` turns into elements."""
    for step in steps(path):
        for prefix in re.findall(r"(?:^|@)([A-Za-z_][\w.-]*):", step):
            if prefix not in namespaces:
                raise Unfit(f"{path!r} has the prefix {prefix}, which `options: namespaces` does not have")
    return Put(path)


class Builder:
    """Builds elements from a dict of paths."""

    def __init__(self, namespaces: Mapping[str, str]) -> None:
        self.namespaces = namespaces

    def name(self, name: str) -> str:
        """Return a name as lxml takes it."""
        prefix, _, local = name.rpartition(":")
        return f"{{{self.namespaces[prefix]}}}{local}" if prefix else local

    def fill(self, parent: Any, content: Mapping[str, Any]) -> None:
        """Put every value where its path says."""
        for path, value in content.items():
            *ahead, last = steps(path)
            element = parent
            for step in ahead:
                element = self.child(element, step)
            for each in value if isinstance(value, list) else [value]:
                if isinstance(value, list):
                    self.put(self.new(element, last), each)
                elif last.startswith("@"):
                    element.set(self.name(last[1:]), text(each))
                else:
                    self.put(element if last == "." else self.child(element, last), each)

    def put(self, element: Any, value: Any) -> None:
        """Fill an element with fields or text."""
        if isinstance(value, dict):
            self.fill(element, value)
        else:
            element.text = text(value)

    def child(self, parent: Any, step: str) -> Any:
        """Return the child a step names, making it when it is not there."""
        match = STEP.fullmatch(step)
        assert match is not None
        tests = self.tests(match)
        for each in parent.iterchildren(self.name(match["name"])):
            if all(each.get(name) == value for name, value in tests.items()):
                return each
        return self.new(parent, step)

    def new(self, parent: Any, step: str) -> Any:
        """Return a new child."""
        match = STEP.fullmatch(step)
        if match is None:
            raise MapError(f"A list cannot be written to {step!r}.", code="MAP-SYNTAX-422")
        return etree.SubElement(parent, self.name(match["name"]), self.tests(match))

    def tests(self, match: re.Match[str]) -> dict[str, str]:
        """Return the fixed attributes of a step."""
        return {
            self.name(test["name"]): test["one"] if test["one"] is not None else test["two"]
            for test in TEST.finditer(match["tests"])
        }


def text(value: Any) -> str:
    """Return a value as XML text."""
    if isinstance(value, dict | list):
        raise MapError(f"An element would hold {kind_of(value)}.", code="MAP-SYNTAX-422")
    return cell_text(value, formula_safe=False)


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
        found: bytes = etree.tostring(root, xml_declaration=True, encoding=options["encoding"] or "UTF-8")
        return found
