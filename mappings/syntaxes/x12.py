"""X12 as a syntax of maps."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from marshmallow import fields, validate

from mappings.access import SourceDocument
from mappings.edi.places.message import EdiMessage, read_message
from mappings.faults import MapError
from mappings.syntaxes.edi import EdiOptions, EdiSyntax, envelope, is_for, judged, other, rejected
from mappings.syntaxes.text import check_size, refused

FUNCTIONS = {
    "810": "IN", "820": "RA", "824": "AG", "846": "IB", "850": "PO", "852": "PD", "855": "PR", "856": "SH",
    "860": "PC", "865": "CA", "940": "OW", "943": "AR", "944": "RE", "945": "SW", "997": "FA", "999": "FA",
}  # fmt: skip
"""Transaction set -> functional id, GS01."""
STANDARDS_ID = "U"
WITH_REPETITION = "004020"
MUTUAL = "ZZ"


class X12Options(EdiOptions):
    """Options of X12 maps."""

    message = fields.String(required=True, validate=validate.Regexp(r"[0-9]{3}\Z", error="is no set such as '850'"))
    version = fields.String(required=True, validate=validate.Regexp(r"00[0-9]{4}\Z", error="is none such as '004010'"))
    industry = fields.String(load_default="")


class X12Syntax(EdiSyntax):
    """Interchanges of transaction sets."""

    standard = "x12"
    schema = X12Options

    def segment(self, tag: str, elements: list[Any]) -> Any:
        """Return a segment."""
        from mappings.edi.x12.segments import Segment

        return Segment(tag, elements)

    def opening(self, options: Mapping[str, Any]) -> tuple[Any, Any]:
        """Return ST and SE; references and counts are those of its envelope."""
        return self.segment("ST", [options["message"], "0001"]), self.segment("SE", ["1", "0001"])

    def documents(
        self, data: bytes, options: Mapping[str, Any], *, records: str | None, group_by: str | None
    ) -> Iterator[SourceDocument]:
        """Yield the transaction sets of all interchanges; one that is wrong, or another set, stops only itself.

        Raises:
            MapError: there is no interchange in the input.
        """
        from mappings.edi.x12.events import GroupEnd, InterchangeEnd, TransactionSet
        from mappings.edi.x12.reader import X12Reader

        check_size(data, options["max_bytes"])
        number = 0
        for event in X12Reader(data):
            match event:
                case TransactionSet():
                    number += 1
                    if not is_for(options, event.code, event.version):
                        yield other(number, f"{event.code} {event.version}", options)
                    else:
                        yield judged(number, lambda found=event: made(found, options), event.faults, options)  # type: ignore[misc]
                case InterchangeEnd(interchange=None) if not number:
                    raise refused("EDI", event.faults[-1].text if event.faults else "There is no interchange.")
                case GroupEnd() | InterchangeEnd() if event.rejected and options["faults"] != "pass":
                    number += 1
                    yield rejected(number, event.faults)
                case _:
                    pass

    def format(self, documents: list[Any], options: Mapping[str, Any]) -> bytes:
        """Return one interchange with these transaction sets.

        Raises:
            MapError: the map says no sender and recipient.
        """
        from mappings.edi.x12.segments import Delimiters
        from mappings.edi.x12.writer import X12WriteError, X12Writer

        said, now = envelope(options["envelope"]), datetime.now(UTC)
        version: str = options["version"]
        sender, recipient, reference = said["sender"], said["recipient"], str(said["reference"])
        repetition = "^" if version >= WITH_REPETITION else None
        isa = [
            "00", "", "00", "", said.get("sender_qualifier", MUTUAL), sender,
            said.get("recipient_qualifier", MUTUAL), recipient, f"{now:%y%m%d}", f"{now:%H%M}", STANDARDS_ID,
            version[:5], reference, "0", "T" if said.get("test") else "P",
        ]  # fmt: skip
        group = [
            FUNCTIONS.get(options["message"], ""), said.get("group_sender", sender),
            said.get("group_recipient", recipient), f"{now:%Y%m%d}", f"{now:%H%M}", reference, "X",
            version + options["industry"],
        ]  # fmt: skip
        out = io.BytesIO()
        try:
            writer = X12Writer(out, Delimiters(repetition=repetition))
            with writer.interchange(isa), writer.group(group):
                for number, each in enumerate(documents, 1):
                    writer.transaction_set(options["message"], f"{number:04}", each.body)
        except X12WriteError as error:
            raise MapError(error.what, why=error.why, fix=error.fix, code="MAP-SYNTAX-422") from None
        return out.getvalue()


def made(found: Any, options: Mapping[str, Any]) -> EdiMessage:
    """Return a transaction set that was read as maps read it."""
    message = read_message(options["grammar"], found.segments, found.place, counts=options["counts"])
    message.header = found
    return message
