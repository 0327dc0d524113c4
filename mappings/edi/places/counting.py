"""Control totals of a message in the making."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mappings.edi.grammar.counting import LINES, count_tag
from mappings.edi.grammar.model import Grammar, Standard
from mappings.edi.places.drafts import SegmentDraft


def add_count(grammar: Grammar, drafts: list[SegmentDraft], segments: Sequence[Any], make: Callable[[], Any]) -> None:
    """Write the number of lines into the control totals of a message in the making.

    Args:
        drafts: of the totals, one more is added where none is of the lines.
        segments: of the message before them.
        make: returns a draft of the total.
    """
    found = count_tag(grammar)
    if found is None:
        return
    total = str(sum(each.tag == found[1] for each in segments))
    if grammar.standard is Standard.X12:
        if not drafts:
            drafts.append(make())
        drafts[0].parts[0, 0] = total
        return
    own = next((each for each in drafts if each.parts.get((0, 0)) == LINES), None)
    if own is None:
        own = make()
        drafts.append(own)
    own.parts[0, 0], own.parts[0, 1] = LINES, total
