"""A retailer who orders by EDI: sends an 850 now and then, and gets 997, 855, 856 and 810 through a pair of folders."""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from console.demo.goods import Item
from console.demo.partners import Account

RETAILER, LABEL = "nordhaus", "Nordhaus (EDI)"
OURS, THEIRS = "FJORDPINE", "NORDHAUS"
FIRST_ORDER = 4_500_012_001
# Seconds until his first order, and between two of them.
OPENS, GAPS = 15.0, (25.0, 60.0)
UNITS = (6, 12, 24)
# What he pays of the price in the shops.
PRICE = 0.6
TERMS: dict[str, Any] = {
    "seller": {"name": "Fjord & Pine", "gln": "4012345000009"},
    "sscc": {"extension": "3", "company_prefix": "4012345"},
    "respond_within_hours": 24,
    "tax_rate": "0.19",
    "payment": {"days": 30},
    "rules": [{"check": "sscc_on_every_package", "fee": "25.00", "code": "ASN-07"}],
}


def retailer_account(root: Path, port: int) -> Account:
    """Return his account, its folders empty.

    Args:
        root: of the folders he and the hub share.
        port: of his back door.
    """
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True, mode=0o700)
    return Account(
        RETAILER, "edi", LABEL, "sim-retailer", port,
        secrets={},
        settings={
            "identifiers": {"ours": {"id": OURS, "qualifier": "ZZ"}, "theirs": {"id": THEIRS, "qualifier": "ZZ"}},
            "documents": [
                {"in": "850", "map": "x12/850.004010"},
                *({"out": kind, "map": f"x12/{kind}.004010"} for kind in ("855", "856", "810")),
            ],
            "acks": {"expect": {"accepted": "1h"}},
            "transport": {"kind": "folder", "root": str(root), "ready": "done"},
        },
        options={"root": str(root), "ours": OURS, "theirs": THEIRS, "currency": "EUR"},
        webhooks=False,
    )  # fmt: skip


def next_order(items: Sequence[Item], number: int, rng: random.Random) -> dict[str, Any]:
    """Return what he orders next, as his simulator takes it.

    Args:
        items: that are sold.
        number: how many he has ordered before.
        rng: chance.
    """
    chosen = rng.sample(list(items), rng.randint(1, 3))
    lines = [[each.sku, rng.choice(UNITS), f"{float(each.price) * PRICE:.2f}"] for each in chosen]
    return {"po": str(FIRST_ORDER + number), "lines": lines}
