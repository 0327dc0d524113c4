"""A file of Schematron rules made whole: included files, abstract patterns and rules are put where they are used."""

from __future__ import annotations

import copy
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lxml import etree

from core.errors import InputError

SCH = "http://purl.oclc.org/dsdl/schematron"
XSL = "http://www.w3.org/1999/XSL/Transform"
BINDINGS = frozenset({"xslt2", "xslt3"})
"""Query languages of rules that are run."""
DEEPEST = 20
"""Files that include one another."""
VARIABLE = re.compile(r"\$([A-Za-z_][\w.-]*)")
EXPRESSIONS = ("context", "test", "select", "value", "path", "match", "use")
"""Attributes that hold XPath."""
CODE = "EDI-RULES-422"


def sch(name: str) -> str:
    """Return a name in the namespace of Schematron."""
    return f"{{{SCH}}}{name}"


def assembled(file: Path) -> Any:
    """Return the root element of rules that stand for themselves: nothing included, nothing abstract.

    Raises:
        InputError: it is no Schematron that can be run; the error says why.
    """
    root = _read(file)
    if root.tag != sch("schema"):
        raise wrong(file, f"its root element is {etree.QName(root).localname}, not schema of Schematron")
    binding = root.get("queryBinding", "xslt").lower()
    if binding not in BINDINGS:
        raise wrong(file, f"its queryBinding is {binding}; rules in {' and '.join(sorted(BINDINGS))} are run")
    _include(root, file, 0)
    _patterns(root, file)
    _rules(root, file)
    _apart(root)
    return root


def wrong(file: Path, why: str) -> InputError:
    """Return the error of a file of rules."""
    return InputError(
        f"{file.name} is no file of rules that can be run: {why}.",
        fix="Give Schematron (.sch), or a stylesheet made of it (.xsl); docs/edi.md says where to get them.",
        code=CODE,
    )


def _read(file: Path) -> Any:
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True
    )
    try:
        return etree.parse(str(file), parser).getroot()
    except OSError as error:
        raise wrong(file, error.strerror or "it cannot be read") from None
    except etree.XMLSyntaxError as error:
        raise wrong(file, f"it is not well-formed XML ({' '.join(str(error.msg).split())[:200]})") from None


def _include(root: Any, file: Path, depth: int) -> None:
    for each in list(root.iter(sch("include"))):
        if depth == DEEPEST:
            raise wrong(file, f"its files include one another more than {DEEPEST} times")
        href = each.get("href", "")
        if not href or "://" in href:
            raise wrong(file, f"it includes {href or 'nothing'!r}; only files beside it are read")
        inner = file.parent / href.partition("#")[0]
        found = _read(inner)
        _include(found, inner, depth + 1)
        each.getparent().replace(each, found)
    if (extern := next((each for each in root.iter(sch("extends")) if each.get("href")), None)) is not None:
        raise wrong(file, f"it extends {extern.get('href')!r}; rules of other files are not taken over")


def _patterns(root: Any, file: Path) -> None:
    """Put abstract patterns where they are used, with the values of their parameters."""
    abstract = {each.get("id"): each for each in root.iter(sch("pattern")) if each.get("abstract") == "true"}
    for each in list(root.iter(sch("pattern"))):
        named = each.get("is-a")
        if named is None:
            continue
        if named not in abstract:
            raise wrong(file, f"there is no abstract pattern {named!r}")
        values = {one.get("name"): one.get("value", "") for one in each.findall(sch("param"))}
        for one in each.findall(sch("param")):
            each.remove(one)
        for one in abstract[named]:
            each.append(_replaced(copy.deepcopy(one), values))
    for each in abstract.values():
        each.getparent().remove(each)


def _replaced(element: Any, values: Mapping[str, str]) -> Any:
    """Return an element whose expressions have other texts instead of some variables."""
    for each in element.iter("*"):
        for name in EXPRESSIONS:
            text = each.get(name)
            if text and "$" in text:
                each.set(name, VARIABLE.sub(lambda match: values.get(match[1], match[0]), text))
    return element


def _rules(root: Any, file: Path) -> None:
    """Put what abstract rules say into the rules that extend them."""
    abstract = {each.get("id"): each for each in root.iter(sch("rule")) if each.get("abstract") == "true"}
    for _ in range(DEEPEST):
        waiting = list(root.iter(sch("extends")))
        if not waiting:
            break
        for each in waiting:
            named = each.get("rule")
            if named not in abstract:
                raise wrong(file, f"there is no abstract rule {named!r}")
            for one in abstract[named]:
                each.addprevious(copy.deepcopy(one))
            each.getparent().remove(each)
    else:
        raise wrong(file, "its abstract rules extend one another without end")
    for each in abstract.values():
        each.getparent().remove(each)


def _apart(root: Any) -> None:
    """Give variables of patterns names of their own where another has the same: a stylesheet knows only its own."""
    lets = [each for scope in (root, *root.iter(sch("pattern"))) for each in scope.findall(sch("let"))]
    often = Counter(each.get("name") for each in lets)
    for number, pattern in enumerate(root.iter(sch("pattern")), 1):
        names = {each.get("name") for each in pattern.findall(sch("let"))}
        renamed = {name: f"$p{number}_{name}" for name in names if often[name] > 1}
        if not renamed:
            continue
        _replaced(pattern, renamed)
        for each in pattern.findall(sch("let")):
            if each.get("name") in renamed:
                each.set("name", renamed[each.get("name")][1:])
