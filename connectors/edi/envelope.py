"""The envelope of what leaves: a message in its group and interchange, with control numbers nobody has had."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from connectors.edi.profile import Profile
from core.errors import MappingError, Unwritable
from core.ports.partners import Numbers, OutgoingDocument, OutgoingInterchange
from mappings.edi.edifact.envelope import Party
from mappings.edi.edifact.outgoing import OutInterchange, OutMessage, interchange
from mappings.edi.edifact.writer import UnwritableError, Writer
from mappings.edi.keys import keys_of
from mappings.edi.x12.segments import Segment
from mappings.edi.x12.writer import X12WriteError, X12Writer

# Widths of the standards: ISA13 and GS06, UNB 0020.
X12_WIDTH, EDIFACT_WIDTH = 9, 14
CONTENT_TYPES = {"edifact": "application/edifact", "x12": "application/edi-x12"}
FUNCTIONS = {
    "810": "IN", "820": "RA", "824": "AG", "846": "IB", "850": "PO", "852": "PD", "855": "PR", "856": "SH",
    "860": "PC", "865": "CA", "940": "OW", "943": "AR", "944": "RE", "945": "SW", "997": "FA", "999": "FA",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Content:
    """One message to send: its kind, and its segments without header and trailer.

    Args:
        kind: such as DESADV or 856.
        body: segments of its standard; of an XML document its root element.
        version: EDIFACT (version, release, agency, association); of X12 GS08 where it is not the profile's; of an XML
            document (address of its DTD or nothing, character set).
        group: (sender, recipient) in GS where they are not the profile's.
        expects: seconds by which it is answered, by state.
        keys: (kind, value) it can be found by beside what its segments say.
    """

    kind: str
    body: Sequence[Any]
    version: tuple[str, ...] = ()
    group: tuple[str, str] | None = None
    expects: dict[str, float] = field(default_factory=dict)
    keys: Sequence[tuple[str, str]] = ()


def numbered(profile: Profile, book: Numbers, syntax: str, series: str) -> tuple[str, int]:
    """Return a control number as it is written, and its round; only the interchange's has one that matters."""
    width = min(profile.width or X12_WIDTH, X12_WIDTH if syntax == "x12" else EDIFACT_WIDTH)
    number, turn = book.number(
        f"{syntax}:{series}", start=profile.start, limit=10**width - 1, on_rollover=profile.on_rollover
    )
    if syntax == "x12" and series == "interchange":
        return str(number).rjust(X12_WIDTH, "0"), turn
    return str(number), turn


def pack(
    profile: Profile,
    book: Numbers,
    syntax: str,
    contents: Sequence[Content],
    *,
    ta1: Segment | None = None,
    name: str = "",
    answers: str | None = None,
    replaces: str | None = None,
    test: bool | None = None,
) -> OutgoingInterchange:
    """Return an interchange with these messages.

    Args:
        profile: of the partner.
        book: gives the control numbers.
        syntax: edifact or x12.
        contents: the messages, in their order.
        ta1: goes into an X12 interchange in front of its groups.
        name: what the file is about, put into its name.
        answers: public id of the interchange this one acknowledges.
        replaces: public id of the interchange this one is sent instead of.
        test: whether it is marked as a test; as the profile says by default.

    Raises:
        Unwritable: what it holds cannot be written for this partner; numbers that were taken stay unused.
    """
    marked = profile.test if test is None else test
    reference, turn = numbered(profile, book, syntax, "interchange")
    try:
        if syntax == "x12":
            body, groups, documents = _x12(profile, book, reference, contents, ta1, marked)
        else:
            body, documents = _edifact(profile, reference, contents, marked)
            groups = 0
    except (X12WriteError, UnwritableError, MappingError) as error:
        raise Unwritable(error.what, why=error.why, fix=error.fix, code=error.error_code) from None
    ending = "x12" if syntax == "x12" else "edi"
    kinds = "-".join(dict.fromkeys(each.kind for each in contents)) or "TA1"
    return OutgoingInterchange(
        syntax=syntax, sender=_written(profile.ours), recipient=_written(profile.theirs), reference=reference,
        round=turn, test=marked, name=f"{name or kinds}-{reference}{f'-{turn}' if turn else ''}.{ending}",
        content_type=CONTENT_TYPES[syntax], body=body, groups=groups, documents=documents, answers=answers,
        replaces=replaces,
    )  # fmt: skip


def _written(identity: Any) -> str:
    return f"{identity.qualifier}:{identity.id}" if identity.qualifier else str(identity.id)


def _document(content: Content, reference: str, group: str | None = None) -> OutgoingDocument:
    number, keys = keys_of(content.kind, content.body)
    return OutgoingDocument(content.kind, reference, number, group, [*keys, *content.keys], content.expects)


def _edifact(
    profile: Profile, reference: str, contents: Sequence[Content], test: bool
) -> tuple[bytes, list[OutgoingDocument]]:
    terms = profile.edifact
    writer = Writer(
        charset=terms.syntax, version=terms.version, delimiters=terms.delimiters, line_ends=terms.line_ends,
        una=True if terms.una_always else None,
    )  # fmt: skip
    header = OutInterchange(
        sender=Party(profile.ours.id, profile.ours.qualifier),
        recipient=Party(profile.theirs.id, profile.theirs.qualifier),
        prepared=datetime.now(UTC),
        reference=reference,
        # An acknowledgement of an acknowledgement would go on for ever.
        ack_requested=terms.ack_requested and any(each.kind != "CONTRL" for each in contents),
        agreement=terms.agreement,
        test=test,
    )
    messages, documents = [], []
    for index, each in enumerate(contents, 1):
        version, release, agency, association = [*each.version, "", "", "", ""][:4]
        messages.append(
            OutMessage(
                str(index), each.kind, version, release, each.body, agency=agency or "UN", association=association
            )
        )
        documents.append(_document(each, str(index)))
    return b"".join(interchange(writer, header, messages)), documents


def _x12(
    profile: Profile, book: Numbers, reference: str, contents: Sequence[Content], ta1: Segment | None, test: bool
) -> tuple[bytes, int, list[OutgoingDocument]]:
    terms, now = profile.x12, datetime.now(UTC)
    usage = "T" if test else ("P" if terms.usage == "T" else terms.usage)
    asked = terms.ack_requested and any(FUNCTIONS.get(each.kind) != "FA" for each in contents)
    out = io.BytesIO()
    writer = X12Writer(out, terms.delimiters, newline=terms.newline)
    isa = [
        "00", "", "00", "", profile.ours.qualifier or "ZZ", profile.ours.id, profile.theirs.qualifier or "ZZ",
        profile.theirs.id, f"{now:%y%m%d}", f"{now:%H%M}", "U", terms.isa12, reference, "1" if asked else "0", usage,
    ]  # fmt: skip
    documents, groups = [], 0
    with writer.interchange(isa):
        if ta1 is not None:
            writer.segment(ta1.tag, ta1.elements)
        for each in contents:
            number, _ = numbered(profile, book, "x12", "group")
            sender, recipient = each.group or (
                profile.ours.group or profile.ours.id,
                profile.theirs.group or profile.theirs.id,
            )
            version = each.version[0] if each.version else terms.gs08
            head = [
                FUNCTIONS.get(each.kind, ""),
                sender,
                recipient,
                f"{now:%Y%m%d}",
                f"{now:%H%M}",
                number,
                "X",
                version,
            ]
            with writer.group(head):
                writer.transaction_set(each.kind, "0001", each.body)
            documents.append(_document(each, "0001", number))
            groups += 1
    return out.getvalue(), groups, documents
