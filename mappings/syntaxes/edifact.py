"""EDIFACT as a syntax of maps."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from marshmallow import ValidationError, fields, validate

from mappings.access import SourceDocument
from mappings.edi.places.message import EdiMessage, read_message
from mappings.faults import MapError
from mappings.syntaxes.edi import EdiOptions, EdiSyntax, envelope, is_for, judged, other, rejected
from mappings.syntaxes.text import check_size, refused

RELEASE = re.compile(r"([A-Z])([0-9]{2}[A-Z])\Z")


class EdifactOptions(EdiOptions):
    """Options of EDIFACT maps."""

    version = fields.String(
        required=True, validate=validate.Regexp(RELEASE, error="is no directory such as D96A or D01B")
    )
    association = fields.String(load_default="")
    charset = fields.String(load_default="UNOC")
    syntax_version = fields.String(load_default="3", validate=validate.OneOf(["1", "2", "3", "4"]))


class EdifactSyntax(EdiSyntax):
    """Interchanges of messages."""

    standard = "edifact"
    schema = EdifactOptions

    def segment(self, tag: str, elements: list[Any]) -> Any:
        """Return a segment."""
        from mappings.edi.edifact.segments import ReadSegment

        return ReadSegment(tag, elements)

    def opening(self, options: Mapping[str, Any]) -> tuple[Any, Any]:
        """Return UNH and UNT; references and counts are those of its envelope."""
        version, release = directory(options["version"])
        own = [options["association"]] if options["association"] else []
        kind = [options["message"], version, release, "UN", *own]
        return self.segment("UNH", ["1", kind]), self.segment("UNT", ["1", "1"])

    def documents(
        self, data: bytes, options: Mapping[str, Any], *, records: str | None, group_by: str | None
    ) -> Iterator[SourceDocument]:
        """Yield the messages of all interchanges; one that is wrong, or another message, stops only itself.

        Raises:
            MapError: there is no interchange in the input.
        """
        from mappings.edi.edifact.interchanges import read

        check_size(data, options["max_bytes"])
        number = 0
        for interchange in read(data):
            for message in interchange.messages():
                number += 1
                header = message.header
                if not is_for(options, header.type, f"{header.version}{header.release}"):
                    yield other(number, f"{header.type} {header.version}{header.release}", options)
                    continue
                yield judged(number, lambda found=message: made(found, options), message.faults, options)  # type: ignore[misc]
            if interchange.rejected and interchange.header is None and not number:
                raise refused("EDI", interchange.faults[0].text if interchange.faults else "There is no message.")
            if interchange.rejected and options["faults"] != "pass":
                number += 1
                yield rejected(number, interchange.faults)

    def format(self, documents: list[Any], options: Mapping[str, Any]) -> bytes:
        """Return one interchange with these messages.

        Raises:
            MapError: the map says no sender and recipient.
        """
        from mappings.edi.edifact.envelope import Party
        from mappings.edi.edifact.outgoing import OutInterchange, OutMessage, interchange
        from mappings.edi.edifact.writer import UnwritableError, Writer

        said = envelope(options["envelope"])
        version, release = directory(options["version"])
        header = OutInterchange(
            Party(said["sender"], said.get("sender_qualifier", "")),
            Party(said["recipient"], said.get("recipient_qualifier", "")),
            datetime.now(UTC),
            said["reference"],
            test=said.get("test", False),
        )
        messages = [
            OutMessage(str(number), options["message"], version, release, each.body, association=options["association"])
            for number, each in enumerate(documents, 1)
        ]
        try:
            writer = Writer(charset=options["charset"], version=options["syntax_version"])
            return b"".join(interchange(writer, header, messages))
        except UnwritableError as error:
            raise MapError(error.what, why=error.why, fix=error.fix, code="MAP-SYNTAX-422") from None


def made(message: Any, options: Mapping[str, Any]) -> EdiMessage:
    """Return a message that was read as maps read it."""
    found = read_message(options["grammar"], message.segments, counts=options["counts"])
    found.header = message.header
    return found


def directory(version: str) -> tuple[str, str]:
    """Return version and release of a directory: D96A is D and 96A."""
    found = RELEASE.match(version)
    if found is None:
        raise ValidationError(f"{version} is no directory")
    return found[1], found[2]
