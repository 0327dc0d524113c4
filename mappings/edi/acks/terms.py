"""What a file is judged by, and what judging it gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mappings.edi.acks.findings import InterchangeFindings
from mappings.edi.grammar.model import Grammar
from mappings.edi.limits import Mode
from mappings.edi.xml.schemas import Schemas


@dataclass(frozen=True, slots=True)
class Terms:
    """What was agreed with the sender.

    Args:
        mode: how strictly he is read.
        agreed: whether a kind of message is exchanged; None agrees to all.
        sender: ids he may use; empty for any.
        recipient: ids of ours; empty for any.
        sender_qualifiers: by id of his, the qualifier it stands with; an id without one may have any.
        recipient_qualifiers: the same by id of ours.
        grammar: returns the grammar of (standard, message, version), None where there is none to check with.
        counts: whether control totals of a kind of message are compared with what came; None compares all.
        schemas: that XML documents are checked with; None checks them with none.
        schemas_required: refuse XML documents there is no schema for, instead of taking them unchecked.
        test: whether documents of a standard without a mark for tests are tests.
    """

    mode: Mode = Mode.TOLERANT
    agreed: Callable[[str], bool] | None = None
    sender: frozenset[str] = frozenset()
    recipient: frozenset[str] = frozenset()
    sender_qualifiers: Mapping[str, str] = field(default_factory=dict)
    recipient_qualifiers: Mapping[str, str] = field(default_factory=dict)
    grammar: Callable[[str, str, str], Grammar | None] | None = None
    counts: Callable[[str], bool] | None = None
    schemas: Schemas | None = None
    schemas_required: bool = False
    test: bool = False


@dataclass(slots=True)
class Judged:
    """An interchange that was read.

    Args:
        findings: what became of it.
        bodies: of each message, by its position.
        tolerances: sentences of what was let pass.
    """

    findings: InterchangeFindings
    bodies: list[bytes] = field(default_factory=list)
    tolerances: list[str] = field(default_factory=list)
