"""XML that somebody else wrote: parsed without DTD, entities or network, and refused where it carries a DOCTYPE."""

from __future__ import annotations

from typing import Any

from lxml import etree


class UnsafeXml(ValueError):
    """Bytes that are not XML, or XML we refuse to read; the text says why without quoting the content."""


def parse(content: bytes) -> etree._Element:
    """Return the root element of an XML document.

    Comments and processing instructions are dropped; libxml2's limits on depth and text length stay on.

    Raises:
        UnsafeXml: the bytes are not well-formed XML, or they carry a DOCTYPE.
    """
    # A parser each time: lxml's parsers keep state and are not for sharing between threads.
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise UnsafeXml(f"it is not well-formed XML ({error.msg})") from None
    except ValueError as error:
        raise UnsafeXml(f"it is not XML ({error})") from None
    if root is None:
        raise UnsafeXml("it is empty")
    info: Any = root.getroottree().docinfo
    if info.doctype or info.internalDTD is not None:
        raise UnsafeXml("it carries a DOCTYPE, which is refused because of what entities can do")
    return root
