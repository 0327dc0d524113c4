"""What a profile's `documents` may agree: which map fits which message, and which way it goes."""

from __future__ import annotations

from collections.abc import Callable

from connectors.edi.choosing import twins, words
from connectors.edi.profile import Exchanged, Profile
from core.domain.vocabulary import DocumentType, Paper, Write
from core.errors import Misconfigured
from mappings.edi.xml.kinds import XML
from mappings.engine import Map
from mappings.syntaxes.edi import is_for

PAPER_OF = {
    Write.ACKNOWLEDGE_ORDER: Paper.ORDER_RESPONSE,
    Write.PUSH_DESPATCH_ADVICE: Paper.DESPATCH_ADVICE,
    Write.PUSH_INVOICE: Paper.INVOICE,
    Write.PUSH_CREDIT_NOTE: Paper.CREDIT_NOTE,
}
COMES = (
    DocumentType.ORDER, DocumentType.ORDER_CHANGE, DocumentType.ORDER_CANCEL, DocumentType.STOCK,
    DocumentType.REMITTANCE, DocumentType.FULFILLMENT_UPDATE, DocumentType.SHIPMENT, DocumentType.TRACKING,
    DocumentType.ITEM, DocumentType.REFUND, DocumentType.STOCK_RECEIPT, DocumentType.RECEIVING_ADVICE,
    DocumentType.SALES_REPORT,
)  # fmt: skip
TOLD = (Write.PUSH_FULFILLMENT_ORDER, Write.CANCEL_FULFILLMENT_ORDER, Write.PUSH_INCOMING)
"""What a warehouse is told."""
LEAVES = (*PAPER_OF.values(), *TOLD)
CREDIT_SET = "812"
CREDITS = frozenset({Paper.CREDIT_NOTE, Write.PUSH_CREDIT_NOTE})
NO_CREDITS = (
    f"the hub has no grammar of {CREDIT_SET}, the set of X12 that credits; a credit note leaves as CreditNote of UBL"
    " (map: ubl/credit_note.out) or INVOIC of EDIFACT (map: edifact/invoic-credit.D96A or .D01B)"
)
APART = (
    "take one of them out, or name the codes each takes in the guide of its map, such as "
    '`BCH/1: {required: true, codes: ["04"]}`'
)
# A map may be of a paper, or of the whole write that carries it.
WRITTEN = frozenset((*LEAVES, *PAPER_OF))


def document_faults(profile: Profile, map_of: Callable[[str], Map]) -> list[str]:
    """Return which documents of a profile could not be read or written by the maps it names for them, and why.

    Args:
        profile: of the partner.
        map_of: opens a map by its name in the profile.
    """
    wrong, sound = [], []
    for at, row in enumerate(profile.documents):
        try:
            # Said before its map is looked for: nobody could write one.
            why = NO_CREDITS if row.kind == CREDIT_SET else _misfit(row, map_of(row.map), profile.x12.gs08)
        except Misconfigured as error:
            why = " ".join(filter(None, [error.what.rstrip("."), error.why])).rstrip(".")
        if why is None:
            sound.append((at, row))
        else:
            wrong.append(f"documents.{at} ({'in' if row.incoming else 'out'}: {row.kind}, map: {row.map}): {why}")
    for at, other in twins(sound, map_of):
        first, second = profile.documents[at], profile.documents[other]
        taken = words(map_of(second.map))
        wrong.append(
            f"documents.{other} (in: {second.kind}, map: {second.map}): it takes {taken}, and {first.map} of "
            f"documents.{at} takes {words(map_of(first.map))}, so that nothing says which is meant: {APART}"
        )
    return wrong


def _misfit(row: Exchanged, map_: Map, gs08: str) -> str | None:
    """Return why a map does not do for a document, None where it does.

    What comes in says its version itself, and another one is refused by its map; what leaves says that of the profile.
    """
    document, canonical = map_.document, map_.canonical_type
    syntax = "xml" if row.syntax in XML else row.syntax
    kind = "cXML" if row.syntax == "cxml" else row.kind
    # The root of a map of XML is written with its prefix; that of cXML is the same for all its documents.
    found = str(document.options.get("message") or document.options.get("root") or "").rpartition(":")[2]
    if (document.syntax, found) != (syntax, kind):
        return f"the map is for {document.syntax} {found}".rstrip()
    if row.incoming and canonical not in COMES:
        paper = ", a paper we send: say `out` instead of `in`" if canonical in WRITTEN else ""
        return f"the map makes {_words(canonical)}{paper}; what comes in is one of {_listed(COMES)}"
    if not row.incoming and row.syntax == "x12" and canonical in CREDITS:
        return NO_CREDITS
    if not row.incoming and canonical not in WRITTEN:
        comes = ", which comes in: say `in` instead of `out`" if canonical in COMES else ""
        return f"the map is of {_words(canonical)}{comes}; what leaves is one of {_listed(LEAVES)}"
    if not row.incoming and row.syntax == "x12" and not is_for(document.options, row.kind, gs08):
        version = document.options["version"]
        return (
            f"the map writes version {version}, and x12.gs08 is {gs08}, by which he would read it: set gs08 and isa12 "
            f"to those of {version}, or take the map of {gs08[:6]}"
        )
    return None


def _words(name: str) -> str:
    return name.replace("_", " ")


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(_words(each) for each in names)
