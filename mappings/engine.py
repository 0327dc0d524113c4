"""The compiled map: partner documents in, canonical documents out, and back."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from core.errors import MappingError
from mappings.access import OBJECTS, Access, SourceDocument
from mappings.backward import Apply, Backward
from mappings.edi.item_codes import without_unsaid
from mappings.edi.places.guide import Check, guide_check
from mappings.edi.places.message import EdiMessage
from mappings.edi.places.numbers import Numbers
from mappings.edi.places.unread import unread as unread_message
from mappings.faults import Fault, MapDocumentError, MapError, kind_of
from mappings.forward import Forward
from mappings.leaf import Context, Run
from mappings.results import Reading, Result, Trace
from mappings.rules import MapDocument
from mappings.schema import EDI
from mappings.shapes import SHAPES
from mappings.syntaxes.registry import SYNTAXES
from mappings.unmapped import Seen, unread, unread_xml, watch

Json = dict[str, Any]


class Map:
    """A map document, compiled; safe to share between threads.

    An inbound map (`from:`) is made to read, an outbound one (`to:`) to write. The other direction works as far as
    the rules can be turned around; a rule that cannot and does not say `one_way` is named when it is first tried.
    """

    def __init__(self, document: MapDocument) -> None:
        self.document = document
        self.syntax = SYNTAXES[document.syntax]
        self.shape = None if document.shape is None else SHAPES[document.shape]
        self.guide: Check | None = None
        if document.guide:
            self.guide = guide_check(document.guide, Numbers(document.options["grammar"]), document.name)
        self.access: Access = self.syntax.access(document.options)
        if self.access.check is not None:
            try:
                self.access.check(document.fields, document.inbound)
            except Fault as fault:
                raise self._wrong(fault) from None
        if document.inbound:
            self._read_forward = self._forward(tracing=False)
        else:
            self._write_forward = self._forward(tracing=False)

    def __repr__(self) -> str:
        way = "from" if self.document.inbound else "to"
        document = self.document
        return f"<Map {document.name} {document.canonical} {way} {document.syntax} v{document.version}>"

    @property
    def canonical_type(self) -> str:
        """The canonical document or payload on our side."""
        return self.document.canonical

    @property
    def version(self) -> int:
        """The author's version number."""
        return self.document.version

    def _forward(self, *, tracing: bool) -> Run:
        document = self.document
        if document.inbound:
            compiler = Forward(self.access, OBJECTS.setter, reading=True, join=".", tracing=tracing)
        else:
            compiler = Forward(OBJECTS, self.access.setter, reading=False, join=self.access.join, tracing=tracing)
        try:
            return compiler.fields(document.fields)
        except Fault as fault:
            raise self._wrong(fault) from None

    @cached_property
    def _backward(self) -> Apply:
        document = self.document
        if document.inbound:
            compiler = Backward(OBJECTS, self.access.setter, reading=False, join=self.access.join)
        else:
            compiler = Backward(self.access, OBJECTS.setter, reading=True, join=".")
        try:
            return compiler.fields(document.fields)
        except Fault as fault:
            raise self._wrong(fault) from None

    def _wrong(self, fault: Fault) -> MapDocumentError:
        return MapDocumentError(f"{self.document.name}:{fault.line} {fault.target or fault.source}: {fault.reason}.")

    def read(self, document: Any) -> Result:
        """Return the canonical document in a parsed partner document.

        Raises:
            MapError: a rule failed; the error names paths, value, rule and map line.
            UnmappedCode: a code is in no code list.
        """
        ctx = Context(document)
        try:
            if self.document.inbound or self.document.syntax in EDI:
                self._check(document)
            if self.document.inbound:
                found = self._read_forward(document, ctx)
            else:
                found = {}
                self._backward(document, found, ctx)
        except Fault as fault:
            raise fault.public(self.document.name, inbound=True) from None
        return Result(
            self.shape.read(found or {}) if self.shape else found or {},
            [
                {"kind": kind, "path": path, "detail": f"{source or path} {why}"}
                for kind, path, source, why in ctx.holds
            ],
        )

    def write(self, canonical: Json) -> Any:
        """Return the partner document of a canonical one.

        A buyer's code that the standard has no qualifier for is left out where another one tells the item.

        Raises:
            MapError: a value does not fit the partner's document; nothing is cut to fit.
            UnmappedCode: the partner has no code for a value.
        """
        arranged = self._arranged(canonical)
        try:
            return self._written(arranged)
        except MapError:
            sayable, left = without_unsaid(arranged, self.document.syntax)
            if not left:
                raise
            return self._written(sayable)

    def _written(self, canonical: Json) -> Any:
        ctx = Context(canonical)
        try:
            if self.document.inbound:
                found: Json = {}
                self._backward(canonical, found, ctx)
            else:
                found = self._write_forward(canonical, ctx) or {}
        except Fault as fault:
            raise fault.public(self.document.name, inbound=False) from None
        made = self.syntax.finish(found, self.document.options)
        if self.guide is not None:
            self.guide(made)
        return made

    def _check(self, document: Any) -> None:
        if self.document.syntax in EDI:
            if isinstance(document, EdiMessage):
                if self.guide is not None:
                    self.guide(document)
                return
            raise MapError(f"The document is {kind_of(document)}, not a message.", map=self.document.name)
        if self.document.syntax != "xml" and not isinstance(document, dict):
            raise MapError(
                f"The document is {kind_of(document)}, not an object.",
                fix="Name the list of documents in `records:`, or mend the source.",
                map=self.document.name,
            )

    def trace(self, document: Any) -> list[Trace]:
        """Return for every field filled which path and which line of the map it came from.

        Args:
            document: what the map reads: a partner document for an inbound map, a canonical one for an outbound one.
        """
        ctx = Context(document, [])
        try:
            if self.document.inbound:
                self._check(document)
            self._tracing(document, ctx)
        except Fault as fault:
            raise fault.public(self.document.name, inbound=self.document.inbound) from None
        return [Trace(*note) for note in ctx.trace or []]

    def unmapped(self, document: Any) -> list[str]:
        """Return the paths that hold something and that no rule reads, each once, in document order.

        Args:
            document: a parsed partner document, for an inbound map.

        Raises:
            MappingError: the document cannot be read.
        """
        rules, options = self.document.fields, self.document.options
        if self.document.syntax == "xml":
            return list(dict.fromkeys(unread_xml(document, rules, options["namespaces"])))
        if self.document.syntax in EDI:
            return list(dict.fromkeys(unread_message(document, rules, inbound=self.document.inbound)))
        seen: Seen = set()
        watched = watch(document, "", seen)
        self.read(watched)
        return list(dict.fromkeys(unread(watched, "", seen)))

    def unwritten(self, canonical: Json) -> list[str]:
        """Return the paths of a canonical document that hold something and that no rule writes, each once.

        Raises:
            MappingError: the document cannot be written.
        """
        seen: Seen = set()
        arranged, left = self._arranged(canonical), list[str]()
        try:
            self._written(arranged)
        except MapError:
            arranged, left = without_unsaid(arranged, self.document.syntax)
        watched = watch(arranged, "", seen)
        self._written(watched)
        return list(dict.fromkeys((*left, *unread(watched, "", seen))))

    def _arranged(self, canonical: Json) -> Json:
        return self.shape.write(canonical) if self.shape else canonical

    @cached_property
    def _tracing(self) -> Run:
        return self._forward(tracing=True)

    def documents(self, data: bytes) -> Iterator[SourceDocument]:
        """Yield the partner documents in an input; one that cannot be parsed carries its error.

        Raises:
            MapError: the input as a whole cannot be read.
        """
        document = self.document
        return self.syntax.documents(data, document.options, records=document.records, group_by=document.group_by)

    def read_bytes(self, data: bytes) -> Iterator[Reading]:
        """Yield the canonical documents in an input; one that fails stops only itself.

        Raises:
            MapError: the input as a whole cannot be read.
        """
        for source in self.documents(data):
            if source.error is not None:
                yield Reading(source.number, error=source.error)
                continue
            try:
                yield Reading(source.number, self.read(source.value))
            except MappingError as error:
                yield Reading(source.number, error=error)

    def read_one(self, data: bytes) -> Result:
        """Return the canonical document of an input that holds exactly one.

        Raises:
            MappingError: it cannot be read, or there are none or several.
        """
        sources = list(self.documents(data))
        if len(sources) != 1:
            raise MapError(f"The input holds {len(sources)} documents, one was expected.", map=self.document.name)
        if sources[0].error is not None:
            raise sources[0].error
        return self.read(sources[0].value)

    def write_interchange(self, canonicals: list[Json], envelope: Json) -> bytes:
        """Return one interchange of EDI with these documents.

        Args:
            envelope: what is different from the map's own: sender, recipient, reference and others.

        Raises:
            MappingError: a value does not fit, or nothing says who sends to whom.
        """
        options = self.document.options
        said = {**options, "envelope": {**(options["envelope"] or {}), **envelope}}
        return self.syntax.format([self.write(each) for each in canonicals], said)

    def write_bytes(self, canonicals: list[Json]) -> bytes:
        """Return the input that holds these canonical documents.

        Raises:
            MappingError: a value does not fit, or the syntax cannot hold several documents.
        """
        return self.syntax.format([self.write(each) for each in canonicals], self.document.options)
