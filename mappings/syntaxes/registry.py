"""The syntaxes a map can name."""

from __future__ import annotations

from collections.abc import Mapping

from mappings.access import Syntax
from mappings.syntaxes.json import JsonSyntax

SYNTAXES: Mapping[str, Syntax] = {"json": JsonSyntax()}
