"""Names of elements as people write them, and paths of them as XPath with the usual prefixes."""

from __future__ import annotations

from typing import Any

from lxml import etree

PREFIXES = {
    "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2": "cbc:",
    "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2": "cac:",
    "urn:oasis:names:specification:ubl:schema:xsd:CommonExtensionComponents-2": "ext:",
    "http://www.w3.org/XML/1998/namespace": "xml:",
}
NUMBER_NAME = {"ubl": "cbc:ID", "cxml": "the number in its header"}
"""What holds the number of a document, by standard."""
SECRET = frozenset({"SharedSecret", "DigitalSignature", "CredentialMac"})
"""Elements of cXML whose content proves who somebody is: never shown, and never kept where it came by a call."""


def name_of(tag: str) -> str:
    """Return a name with the usual prefix of its namespace; of other namespaces without one."""
    name = etree.QName(tag)
    return PREFIXES.get(name.namespace or "", "") + name.localname


def path_of(element: Any) -> str:
    """Return where an element stands, such as `/Order/cac:OrderLine[2]/cbc:Note`; it counts from 1."""
    steps: list[str] = []
    while element is not None:
        parent, step = element.getparent(), name_of(element.tag)
        if parent is not None:
            same = list(parent.iterchildren(element.tag))
            if len(same) > 1:
                step += f"[{same.index(element) + 1}]"
        steps.append(step)
        element = parent
    return "/" + "/".join(reversed(steps))


def found_at(root: Any, path: str | None) -> Any:
    """Return the element a schema's complaint is about; None where it says none.

    Args:
        root: of the document.
        path: as libxml2 writes it, with the document's own prefixes.
    """
    if path is None:
        return None
    prefixes = {key: value for each in root.iter("*") for key, value in each.nsmap.items() if key}
    try:
        found = root.xpath(path, namespaces=prefixes or None)
    except etree.XPathError:
        return None
    return next((each for each in found if etree.iselement(each)), None)
