"""The syntaxes a map can name."""

from __future__ import annotations

from collections.abc import Mapping

from mappings.access import Syntax
from mappings.syntaxes.csv import CsvSyntax
from mappings.syntaxes.edifact import EdifactSyntax
from mappings.syntaxes.json import JsonSyntax
from mappings.syntaxes.jsonl import JsonLinesSyntax
from mappings.syntaxes.x12 import X12Syntax
from mappings.syntaxes.xlsx import XlsxSyntax
from mappings.syntaxes.xml import XmlSyntax

SYNTAXES: Mapping[str, Syntax] = {
    "json": JsonSyntax(),
    "jsonl": JsonLinesSyntax(),
    "csv": CsvSyntax(),
    "xlsx": XlsxSyntax(),
    "xml": XmlSyntax(),
    "edifact": EdifactSyntax(),
    "x12": X12Syntax(),
}
