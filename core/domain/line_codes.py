"""The codes an order line can be known by, each with its scheme, and the cases about lines that none of them names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from core.domain.cases import UNKNOWN_SKU
from core.domain.cause import Cause
from core.domain.checkdigits import GTIN_LENGTHS, is_key

SELLER, BUYER, GTIN = "seller", "buyer", "gtin"
KEPT_CODES = ("gtin", "buyer_code", "buyer_code_kind")
"""What a line keeps of how its buyer called the item, so that papers call it the same."""
UNKNOWN_PART = replace(
    UNKNOWN_SKU,
    title="{connection}: buyer part {code} is unknown",
    sentence="{connection} orders by the part number {code} of its own. No reference says which item that is, so its "
    "units cannot be reserved.",
    label="Say which item the buyer part {code} is",
)
UNKNOWN_GTIN = replace(
    UNKNOWN_SKU,
    title="{connection}: GTIN {code} is unknown",
    sentence="{connection} orders by the GTIN {code}, {why}. No reference has it either, so its units cannot be "
    "reserved.",
    label="Say which item the GTIN {code} is",
)
NO_CODE = replace(
    UNKNOWN_SKU,
    title="{connection} sends lines without a code",
    sentence="An order of {connection} does not say which item a line is for: {detail}. There is no code that could "
    "be given a meaning.",
    action=None,
    label="Have {connection} send the order again with codes, or put a line of an item in the place of this one "
    "(`crossdock orders change`: remove and add)",
)
TWO_ITEMS = replace(
    UNKNOWN_SKU,
    title="{connection}: codes of a line name two items",
    sentence="What {connection} orders is not certain: {detail}. Nothing is reserved until they name one.",
    action=None,
    label="Mend the item's GTIN or the reference that is wrong, and the order goes on by itself; or have {connection} "
    "send it again",
)


class Code(NamedTuple):
    """A code and whose it is: `seller`, `buyer`, `gtin`, or the scheme the source's map names."""

    scheme: str
    code: str

    @property
    def words(self) -> str:
        """Return the code as people name it."""
        named = {BUYER: "buyer part ", GTIN: "GTIN "}
        return f"{named.get(self.scheme, '')}{self.code}"


def line_codes(line: Mapping[str, Any]) -> list[Code]:
    """Return the codes a line can be known by, in the order they are asked."""
    item_ref = line.get("item_ref") or {}
    named = (
        (item_ref.get("scheme") or SELLER, item_ref.get("code")),
        (SELLER, line.get("sku")),
        (BUYER, line.get("buyer_code")),
        (GTIN, line.get("gtin")),
    )
    return [Code(scheme, code) for scheme, code in named if code]


def missing_code(line: Mapping[str, Any]) -> Code | None:
    """Return the code that an item must get for this line to be known, or None when the line carries none."""
    if line.get("sku"):
        return Code(SELLER, line["sku"])
    return next(iter(line_codes(line)), None)


def cause_of(evidence: Mapping[str, Any]) -> tuple[Cause, str]:
    """Return the case about a line no item is known of, and what it is grouped by, from the evidence of its hold."""
    code = evidence.get("code")
    if code:
        found = {BUYER: UNKNOWN_PART, GTIN: UNKNOWN_GTIN}.get(evidence["scheme"])
        return (found, f"{evidence['scheme']}:{code}") if found else (UNKNOWN_SKU, code)
    codes = evidence.get("codes")
    return (TWO_ITEMS, f"two:{codes}") if codes else (NO_CODE, "none")


def why_unknown(gtin: str) -> str:
    """Return why a GTIN means no item, as the rest of a sentence that names it."""
    if not is_key(gtin, GTIN_LENGTHS):
        return "whose length or check digit is wrong"
    return "which is not that of exactly one active item"


def gtin_forms(code: str) -> list[str]:
    """Return all ways one GTIN is written, with and without leading zeros; none when its check digit is wrong."""
    if not is_key(code, GTIN_LENGTHS):
        return []
    digits = code.lstrip("0")
    return [digits.zfill(length) for length in sorted(GTIN_LENGTHS) if len(digits) <= length]
