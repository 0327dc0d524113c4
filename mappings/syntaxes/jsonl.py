"""JSON lines: one document per line; a bad line stops only itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from core.errors import MappingError
from mappings.access import SourceDocument
from mappings.syntaxes.json import JsonSyntax, dump, parse
from mappings.syntaxes.text import check_size, decode


class JsonLinesSyntax(JsonSyntax):
    """One JSON value per line."""

    def documents(
        self, data: bytes, options: Mapping[str, Any], *, records: str | None, group_by: str | None
    ) -> Iterator[SourceDocument]:
        """Yield a document per line; blank lines are left out."""
        check_size(data, options["max_bytes"])
        text = decode(data)
        # Not splitlines(): JSON text may hold U+2028 and other separators unescaped.
        for number, line in enumerate(text.split("\n"), 1):
            if not line.strip():
                continue
            try:
                yield SourceDocument(number, parse(line))
            except MappingError as error:
                error.data["line"] = number
                yield SourceDocument(number, error=error)

    def format(self, documents: list[Any], options: Mapping[str, Any]) -> bytes:
        """Return one line per document."""
        return b"".join(dump(document) + b"\n" for document in documents)
