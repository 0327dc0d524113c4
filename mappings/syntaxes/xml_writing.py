"""Elements built from a dict of paths: what a path selects when it is read, it makes when it is written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from lxml import etree

from mappings.faults import MapError, Unfit, kind_of
from mappings.paths import Put, Setter
from mappings.syntaxes.csv import cell_text

NAME = r"(?:[A-Za-z_][\w.-]*:)?[A-Za-z_][\w.-]*"
PLACE = rf"(?:@{NAME}|{NAME}(?:/{NAME})*(?:/@{NAME})?)"
STEP = re.compile(rf"(?P<name>{NAME})(?P<tests>(?:\[{PLACE}=(?:'[^']*'|\"[^\"]*\")\])*)")
TEST = re.compile(rf"\[(?P<place>{PLACE})=(?:'(?P<one>[^']*)'|\"(?P<two>[^\"]*)\")\]")
ATTRIBUTE = re.compile(rf"@{NAME}")
SPLIT = re.compile(r"(?:[^/\[]|\[[^\]]*\])+")


def steps(path: str) -> list[str]:
    """Return the steps of a path that can be written: elements, each with fixed values, an attribute last.

    Raises:
        Unfit: the path is more than that.
    """
    found = SPLIT.findall(path)
    if "/".join(found) != path:
        raise Unfit(f"{path!r} cannot be written to")
    for at, step in enumerate(found):
        last = at == len(found) - 1
        if not (STEP.fullmatch(step) or (last and (step == "." or ATTRIBUTE.fullmatch(step)))):
            raise Unfit(f"{path!r} cannot be written to: {step} is no element name")
    return found


def setter(path: str, namespaces: Mapping[str, str]) -> Setter:
    """Return a setter into the dict that `Builder.fill` turns into elements."""
    for step in steps(path):
        outside = re.sub(r"='[^']*'|=\"[^\"]*\"", "", step)
        for prefix in re.findall(r"(?:^|[@\[/])([A-Za-z_][\w.-]*):", outside):
            if prefix not in namespaces and prefix != "xml":
                raise Unfit(f"{path!r} has the prefix {prefix}, which `options: namespaces` does not have")
    return Put(path)


class Builder:
    """Builds elements from a dict of paths."""

    def __init__(self, namespaces: Mapping[str, str]) -> None:
        self.namespaces = {"xml": "http://www.w3.org/XML/1998/namespace", **namespaces}

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
        for each in parent.iterchildren(self.name(match["name"])):
            if all(self.said(each, place) == value for place, value in tests(match)):
                return each
        return self.new(parent, step)

    def new(self, parent: Any, step: str) -> Any:
        """Return a new child with the fixed values of its step."""
        match = STEP.fullmatch(step)
        if match is None:
            raise MapError(f"A list cannot be written to {step!r}.", code="MAP-SYNTAX-422")
        made = etree.SubElement(parent, self.name(match["name"]))
        self.fill(made, dict(tests(match)))
        return made

    def said(self, element: Any, place: str) -> str | None:
        """Return the text at a place of an element, None when there is none."""
        *ahead, last = place.split("/")
        if not last.startswith("@"):
            ahead, last = [*ahead, last], ""
        for step in ahead:
            element = element.find(self.name(step))
            if element is None:
                return None
        found: str | None = element.get(self.name(last[1:])) if last else element.text
        return found


def tests(match: re.Match[str]) -> Iterator[tuple[str, str]]:
    """Yield the places and values a step fixes."""
    for test in TEST.finditer(match["tests"]):
        yield test["place"], test["one"] if test["one"] is not None else test["two"]


def text(value: Any) -> str:
    """Return a value as XML text."""
    if isinstance(value, dict | list):
        raise MapError(f"An element would hold {kind_of(value)}.", code="MAP-SYNTAX-422")
    return cell_text(value, formula_safe=False)
