"""Codes of items that a standard has no qualifier for: left out where another code says which item it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.domain.vocabulary import BuyerCode

# X12 has CB and PI. The list 7143 of EDIFACT has BP and IN alone for codes that are a buyer's own.
WITHOUT_QUALIFIER: Mapping[str, frozenset[str]] = {"edifact": frozenset({BuyerCode.CATALOG, BuyerCode.PURCHASER})}
OTHERS = ("gtin", "sku")
NAMES = ("buyer_code", "buyer_code_kind")


def without_unsaid(document: Any, syntax: str) -> tuple[Any, list[str]]:
    """Return a document without the buyer's codes that a syntax cannot say, and the paths of those.

    A line that no other code tells keeps its code: nobody could say what it is about without it.
    """
    left: list[str] = []
    kinds = WITHOUT_QUALIFIER.get(syntax)
    return (_without(document, "", kinds, left), left) if kinds else (document, left)


def _without(value: Any, path: str, kinds: frozenset[str], left: list[str]) -> Any:
    if isinstance(value, list):
        return [_without(each, f"{path}[]", kinds, left) for each in value]
    if not isinstance(value, Mapping):
        return value
    unsaid = value.get("buyer_code_kind") in kinds and any(value.get(each) for each in OTHERS)
    if unsaid:
        left.append(f"{path}.buyer_code")
    return {
        name: _without(each, f"{path}.{name}" if path else name, kinds, left)
        for name, each in value.items()
        if not (unsaid and name in NAMES)
    }
