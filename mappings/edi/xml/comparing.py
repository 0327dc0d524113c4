"""XML documents as lists of what they say, so that two can be compared by people."""

from __future__ import annotations

from collections import Counter
from typing import Any

from config.redaction import REDACTED
from mappings.edi.xml.names import SECRET, name_of


def statements(root: Any) -> list[str]:
    """Return every text and attribute of a document with its place, such as `cac:OrderLine[2]/cbc:Note: urgent`.

    An element that stands once among its siblings has no number; the root element is not named.
    """
    found: list[str] = []
    waiting: list[tuple[Any, str]] = [(root, "")]
    while waiting:
        element, place = waiting.pop()
        for name, value in sorted(element.attrib.items()):
            found.append(f"{place}/@{name_of(name)}: {value}" if place else f"@{name_of(name)}: {value}")
        text = " ".join((element.text or "").split())
        children = list(element.iterchildren("*"))
        if text or (not children and not element.attrib):
            found.append(f"{place or '.'}: {REDACTED if text and name_of(element.tag) in SECRET else text}")
        totals = Counter(each.tag for each in children)
        seen: Counter[str] = Counter()
        below = []
        for each in children:
            seen[each.tag] += 1
            step = name_of(each.tag) + (f"[{seen[each.tag]}]" if totals[each.tag] > 1 else "")
            below.append((each, f"{place}/{step}" if place else step))
        waiting.extend(reversed(below))
    return found
