"""Which cause an exception case about a hold has."""

from __future__ import annotations

from collections.abc import Mapping

from core.domain.cases import (
    ADDRESS,
    DUPLICATE,
    FRACTION,
    IMPLAUSIBLE,
    INCOMPLETE,
    MANUAL,
    PRICE,
    REJECTED,
    TOTALS,
    UNKNOWN_SKU,
)
from core.domain.cause import Cause
from core.domain.vocabulary import HoldKind

CAUSE_OF_HOLD: Mapping[HoldKind, Cause] = {
    HoldKind.UNMAPPED_SKU: UNKNOWN_SKU,
    HoldKind.MISSING_PRICE: INCOMPLETE,
    HoldKind.TOTALS_MISMATCH: TOTALS,
    HoldKind.BAD_ADDRESS: ADDRESS,
    HoldKind.MISSING_FIELD: INCOMPLETE,
    HoldKind.UNMAPPED_CODE: INCOMPLETE,
    HoldKind.POSSIBLE_DUPLICATE: DUPLICATE,
    HoldKind.MANUAL: MANUAL,
    HoldKind.NO_NODE: REJECTED,
    HoldKind.PRICE_MISMATCH: PRICE,
    HoldKind.PART_OF_UNIT: FRACTION,
    HoldKind.IMPLAUSIBLE_QUANTITY: IMPLAUSIBLE,
}
