"""The shapes of B2B trade in the OpenAPI document."""

from __future__ import annotations

from webhooks.api.shaping import (
    AMOUNT,
    ANYTHING,
    FLAG,
    INSTANT,
    MAYBE,
    MAYBE_ANYTHING,
    MAYBE_DAY,
    MAYBE_INSTANT,
    MAYBE_WHOLE,
    TEXT,
    WHOLE,
    Shape,
    identifier,
    many,
    maybe_id,
    thing,
)

CHECK = thing("What one rule says.", check=TEXT, passed=FLAG, block=FLAG, detail=MAYBE, fee=MAYBE)
TRADE_SHAPES: dict[str, Shape] = {
    "TradeTerms": thing("How we trade with a partner (docs/b2b.md).", terms=ANYTHING),
    "Counted": thing("How many were written.", written=WHOLE),
    "Paper": thing(
        "An order response, despatch advice, invoice or credit note, as it left.",
        id=identifier("pap"), connection=MAYBE, kind=TEXT, number=TEXT, order=identifier("ord"),
        shipment=maybe_id("shp"), delivery=maybe_id("dlv"), state=TEXT, checks=many(CHECK), answer=MAYBE_ANYTHING,
        failure=MAYBE_ANYTHING,
        body=ANYTHING, made_at=INSTANT, due_at=MAYBE_INSTANT, accept_by=MAYBE_INSTANT, sent_at=MAYBE_INSTANT,
        acknowledged_at=MAYBE_INSTANT, late_at=MAYBE_INSTANT, warnings=many(TEXT),
    ),
    "Packages": thing(
        "The pack record of a shipment.",
        data=many(thing(
            "A pallet or carton, behind the one it stands on.",
            id=identifier("pkg"), parent=maybe_id("pkg"), number=WHOLE, kind=TEXT, sscc=MAYBE, tracking_number=MAYBE,
            weight_g=MAYBE_WHOLE,
            contents=many(thing(
                "Units of one line.", line=identifier("lin"), sku=MAYBE, quantity=AMOUNT, lot=MAYBE,
                expires_on=MAYBE_DAY,
            )),
        )),
    ),
    "Labels": thing(
        "A print job.",
        format=TEXT, media_type=TEXT, encoding={"enum": ["utf-8", "base64"]}, content=TEXT, ssccs=many(TEXT),
    ),
    "Chargeback": thing(
        "Money a partner kept back, with the papers it is traced to.",
        id=identifier("cbk"), connection=MAYBE, invoice=TEXT, order=maybe_id("ord"), code=MAYBE, rule=MAYBE,
        reference=MAYBE, note=MAYBE, amount=AMOUNT, currency=TEXT, state=TEXT,
        trace=many(thing(
            "One paper and its times.",
            id=identifier("pap"), kind=TEXT, number=TEXT, state=TEXT, made_at=INSTANT, due_at=MAYBE_INSTANT,
            sent_at=MAYBE_INSTANT, acknowledged_at=MAYBE_INSTANT, failed=many(TEXT),
        )),
        created_at=INSTANT,
    ),
}  # fmt: skip
