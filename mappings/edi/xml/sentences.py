"""What a schema complains of, in words that a clerk understands."""

from __future__ import annotations

import re

from mappings.edi.faults import shown
from mappings.edi.xml.schemas import Finding

NAMESPACE = re.compile(r"\{[^{}]*\}")
NAMED = re.compile(r"Element '?([\w.:-]+)")
ATTRIBUTE = re.compile(r"attribute '?([\w.:-]+)", re.IGNORECASE)
DTD_UNKNOWN_ATTRIBUTE = re.compile(r"No declaration for attribute ([\w.:-]+) of element ([\w.:-]+)")
EXPECTED = re.compile(r"Expected is (?:one of )?\( (.*?) \)")
MANY = 6
"""Names that are told of those that might stand at a place."""
VALUE = re.compile(r": '(.*)' is not a valid value of the \w+ type '(?:xs:)?([^']*)'", re.DOTALL)
TYPES = {
    "date": "a date such as 2026-03-01",
    "time": "a time such as 10:30:00",
    "dateTime": "a date with time such as 2026-03-01T10:30:00Z",
    "decimal": "a number such as 12.50",
    "boolean": "true or false",
}
RULES = {
    "SCHEMAV_ELEMENT_CONTENT": "element",
    "SCHEMAV_CVC_ELT_1": "element-unknown",
    "SCHEMAV_CVC_DATATYPE_VALID_1_2_1": "value",
    "SCHEMAV_CVC_COMPLEX_TYPE_4": "attribute-missing",
    "SCHEMAV_CVC_COMPLEX_TYPE_3_2_1": "attribute-unknown",
    "SCHEMAV_CVC_COMPLEX_TYPE_2_3": "text",
    "DTD_CONTENT_MODEL": "content",
    "DTD_UNKNOWN_ELEM": "element-unknown",
    "DTD_MISSING_ATTRIBUTE": "attribute-missing",
    "DTD_UNKNOWN_ATTRIBUTE": "attribute-unknown",
    "DTD_NOT_PCDATA": "content",
}
"""Names of faults by lxml's names of rules; all others are `schema`."""


def sentence(finding: Finding) -> tuple[str, str]:
    """Return the name of the fault, and what is wrong as one sentence."""
    words = NAMESPACE.sub("", finding.words)
    name = RULES.get(finding.rule, "schema")
    element = NAMED.search(words)
    who = element[1] if element else ""
    if name == "element":
        expected = EXPECTED.search(words)
        allowed = _some(expected[1].split(", ")) if expected else ""
        if "Missing child element" in words:
            return "element-missing", f"{who} lacks {allowed or 'an element'}."
        tail = f": here may stand {allowed}." if allowed else ": nothing more may stand here."
        return "element-unexpected", f"{who} must not stand here{tail}"
    if name == "value" and (value := VALUE.search(words)):
        return name, f"{who} holds “{shown(value[1])}”, which is not {TYPES.get(value[2], f'of the type {value[2]}')}."
    if declared := DTD_UNKNOWN_ATTRIBUTE.match(words):
        return name, f"{declared[2]} has an attribute {declared[1]}, which it must not have."
    attribute = ATTRIBUTE.search(words)
    if attribute and name == "attribute-missing":
        return name, f"{who} lacks its attribute {attribute[1]}."
    if attribute and name == "attribute-unknown":
        return name, f"{who} has an attribute {attribute[1]}, which it must not have."
    return name, f"{words[:300].rstrip('. ')}."


def _some(names: list[str]) -> str:
    """Return some names as a list in words."""
    if len(names) > MANY:
        return f"{', '.join(names[:MANY])} or others"
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))
