"""Schematron rules as a stylesheet of XSLT 3 that reports, in SVRL, which assertions a document does not meet.

Each pattern is a mode. In it the first rule whose context matches a node is its template; what an assertion says is
tested there, and the walk goes on below the node, as no rule of a pattern keeps another node from being looked at.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from lxml import etree

from mappings.edi.schematron.assembling import XSL, assembled, sch, wrong

SVRL = "http://purl.oclc.org/dsdl/svrl"
ERRORS = "http://www.w3.org/2005/xqt-errors"
OWN = {"xsl": XSL, "svrl": SVRL, "err": ERRORS}
REPORTED = ("id", "flag", "role")
UNTESTED = "This rule could not be evaluated: "


def stylesheet(file: Path) -> bytes:
    """Return the stylesheet of a file of rules.

    Raises:
        InputError: it is no Schematron that can be run.
    """
    schema = assembled(file)
    names = {each.get("prefix"): each.get("uri") for each in schema.findall(sch("ns"))}
    # Prefixes that only stand in the file itself, such as xs in the types of its functions.
    declared = {prefix: uri for prefix, uri in schema.nsmap.items() if prefix}
    root: Any = etree.Element(xsl("stylesheet"), nsmap={**declared, **names, **OWN}, version="3.0")
    root.set("exclude-result-prefixes", "#all")
    etree.SubElement(root, xsl("output"), method="xml", encoding="UTF-8")
    for each in schema.iterchildren(f"{{{XSL}}}*"):
        root.append(copy.deepcopy(each))
    _variables(root, schema)
    start = etree.SubElement(root, xsl("template"), match="/")
    output = etree.SubElement(start, svrl("schematron-output"))
    for number, pattern in enumerate(schema.iter(sch("pattern")), 1):
        if pattern.get("documents") is not None:
            raise wrong(file, "a pattern of it is about other documents (`documents`), which is not supported")
        mode = f"pattern-{number}"
        etree.SubElement(output, xsl("apply-templates"), select="/", mode=mode)
        etree.SubElement(root, xsl("mode"), {"name": mode, "on-no-match": "shallow-skip"})
        _variables(root, pattern)
        rules = pattern.findall(sch("rule"))
        for at, rule in enumerate(rules):
            _rule(root, rule, mode, len(rules) - at, file)
    made: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return made


def xsl(name: str) -> str:
    """Return a name in the namespace of XSLT."""
    return f"{{{XSL}}}{name}"


def svrl(name: str) -> str:
    """Return a name in the namespace of SVRL."""
    return f"{{{SVRL}}}{name}"


def _variables(parent: Any, scope: Any) -> None:
    for each in scope.findall(sch("let")):
        variable = etree.SubElement(parent, xsl("variable"), name=each.get("name", ""))
        if each.get("value") is not None:
            variable.set("select", each.get("value"))
        else:
            variable.text = each.text
            variable.extend(copy.deepcopy(one) for one in each)


def _rule(parent: Any, rule: Any, mode: str, priority: int, file: Path) -> None:
    context = rule.get("context")
    if not context:
        raise wrong(file, f"a rule of it has no context (line {rule.sourceline})")
    template = etree.SubElement(parent, xsl("template"), match=context, mode=mode, priority=str(priority))
    _variables(template, rule)
    for each in rule:
        if each.tag in (sch("assert"), sch("report")):
            _assertion(template, each, rule)
    etree.SubElement(template, xsl("apply-templates"), select="@*, node()", mode="#current")


def _assertion(parent: Any, assertion: Any, rule: Any) -> None:
    test, report = assertion.get("test", ""), assertion.tag == sch("report")
    trying = etree.SubElement(parent, xsl("try"))
    chosen = etree.SubElement(trying, xsl("if"), test=test if report else f"not({test})")
    found = _finding(chosen, "successful-report" if report else "failed-assert", assertion, rule)
    _text(found, assertion)
    catch = etree.SubElement(trying, xsl("catch"))
    failed = _finding(catch, "failed-assert", assertion, rule)
    etree.SubElement(failed, xsl("text")).text = UNTESTED
    etree.SubElement(failed, xsl("value-of"), select="$err:description")


def _finding(parent: Any, name: str, assertion: Any, rule: Any) -> Any:
    found = etree.SubElement(parent, svrl(name), location="{path()}")
    for each in REPORTED:
        value = assertion.get(each) or (rule.get(each) if each != "id" else None)
        if value:
            found.set(each, value.replace("{", "{{").replace("}", "}}"))
    return etree.SubElement(found, svrl("text"))


def _text(parent: Any, element: Any) -> None:
    """Write what an assertion says: its text, and the values it names."""
    _literal(parent, element.text)
    for each in element:
        if each.tag == sch("value-of"):
            etree.SubElement(parent, xsl("value-of"), select=each.get("select", ""), separator=" ")
        elif each.tag == sch("name"):
            etree.SubElement(parent, xsl("value-of"), select=f"name({each.get('path', '.')})")
        else:
            _text(parent, each)
        _literal(parent, each.tail)


def _literal(parent: Any, text: str | None) -> None:
    if text:
        etree.SubElement(parent, xsl("text")).text = text
