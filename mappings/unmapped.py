"""Finds what a map leaves unread in a document: the console's "unmapped" list and a map author's to-do list."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from lxml import etree

from mappings.rules import Rule

Seen = set[tuple[str, str]]
NAMESPACE = re.compile(r"\{([^{}]*)\}")
XML_NAMESPACE = "http://www.w3.org/XML/1998/namespace"


class Watched(dict[str, Any]):
    """An object that notes which of its members were read; paths leave out list positions."""

    def __init__(self, members: dict[str, Any], path: str, seen: Seen) -> None:
        super().__init__({key: watch(value, joined(path, key), seen) for key, value in members.items()})
        self.path, self.seen = path, seen

    def get(self, key: str, default: Any = None) -> Any:
        """Return a member and note it."""
        self.seen.add((self.path, key))
        return super().get(key, default)

    def values(self) -> Any:
        """Return all members and note them."""
        self.seen.update((self.path, key) for key in self)
        return super().values()


def joined(path: str, key: str) -> str:
    """Return the path of a member."""
    return f"{path}.{key}" if path else key


def watch(value: Any, path: str, seen: Seen) -> Any:
    """Return a copy that notes what is read from it."""
    if isinstance(value, dict):
        return Watched(value, path, seen)
    if isinstance(value, list):
        return [watch(each, f"{path}[]", seen) for each in value]
    return value


def unread(value: Any, path: str, seen: Seen) -> Iterator[str]:
    """Yield the paths of values that were not read; objects and lists of objects by their members."""
    for key in value:
        found = dict.get(value, key)
        inner = joined(path, key)
        if isinstance(found, dict):
            yield from unread(found, inner, seen)
        elif isinstance(found, list) and any(isinstance(each, dict) for each in found):
            for each in found:
                if isinstance(each, dict):
                    yield from unread(each, f"{inner}[]", seen)
        elif (path, key) not in seen and found not in (None, "", [], {}):
            yield inner


def unread_xml(root: Any, rules: tuple[Rule, ...], namespaces: dict[str, str]) -> Iterator[str]:
    """Yield the paths of texts and attributes that no rule's XPath finds, with the prefixes the rules have."""
    found: set[tuple[Any, str]] = set()
    touch([root], rules, namespaces, found)
    tree = root.getroottree()
    prefixes = {uri: f"{prefix}:" for prefix, uri in {**namespaces, "xml": XML_NAMESPACE}.items()}

    def prefixed(path: str) -> str:
        return NAMESPACE.sub(lambda match: prefixes.get(match[1], match[0]), path)

    for element in root.iter(etree.Element):
        path = prefixed(tree.getelementpath(element)) if element is not root else "."
        if len(element) == 0 and (element.text or "").strip() and (element, "") not in found:
            yield path
        for name in element.attrib:
            if (element, name) not in found:
                yield f"{path}/@{prefixed(name)}"


def touch(scopes: list[Any], rules: tuple[Rule, ...], names: dict[str, str], found: set[tuple[Any, str]]) -> None:
    """Note every element and attribute the rules' paths find."""
    for rule in rules:
        touch(scopes, rule.first_of + rule.concat, names, found)
        for path in (rule.path, rule.each, rule.scope):
            if path is None:
                continue
            results = [each for scope in scopes for each in members(scope.xpath(path, namespaces=names or None))]
            for each in results:
                if isinstance(each, etree._Element):
                    found.add((each, ""))
                elif (parent := getattr(each, "getparent", lambda: None)()) is not None:
                    found.add((parent, getattr(each, "attrname", None) or ""))
            if rule.fields:
                touch([each for each in results if isinstance(each, etree._Element)], rule.fields, names, found)
        if rule.fields and rule.scope is None and rule.each is None:
            touch(scopes, rule.fields, names, found)


def members(found: Any) -> list[Any]:
    """Return an XPath result as a list."""
    return found if isinstance(found, list) else [found]
