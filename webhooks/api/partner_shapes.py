"""The shapes of trading partners in the OpenAPI document."""

from __future__ import annotations

from webhooks.api.shaping import (
    ANYTHING,
    FLAG,
    INSTANT,
    MAYBE,
    MAYBE_INSTANT,
    TEXT,
    WHOLE,
    Shape,
    identifier,
    many,
    maybe_id,
    thing,
)

PARTNER: dict[str, Shape] = {
    "id": identifier("con"), "name": TEXT, "label": MAYBE, "mode": TEXT, "ours": MAYBE, "theirs": MAYBE,
    "transport": MAYBE, "incoming": many(TEXT), "outgoing": many(TEXT), "came": WHOLE, "left": WHOLE,
    "refused": WHOLE, "set_aside": WHOLE, "silent": WHOLE, "last_at": MAYBE_INSTANT,
}  # fmt: skip
INTERCHANGE: dict[str, Shape] = {
    "id": identifier("ich"), "partner": TEXT, "direction": TEXT, "syntax": TEXT, "sender": TEXT, "recipient": TEXT,
    "reference": TEXT, "test": FLAG, "state": TEXT, "messages": WHOLE, "name": MAYBE, "message": maybe_id("msg"),
    "delivery": maybe_id("dlv"), "duplicate_of": maybe_id("ich"), "replaces": maybe_id("ich"),
    "answer_due_at": MAYBE_INSTANT, "answered_at": MAYBE_INSTANT, "answered_by": maybe_id("ich"),
    "at": INSTANT,
}  # fmt: skip
DOCUMENT: dict[str, Shape] = {
    "id": identifier("edi"), "partner": TEXT, "interchange": identifier("ich"), "interchange_reference": TEXT,
    "direction": TEXT, "syntax": TEXT, "kind": TEXT, "number": MAYBE, "reference": TEXT, "group_reference": MAYBE,
    "test": FLAG, "state": TEXT, "position": WHOLE, "message": maybe_id("msg"), "message_state": MAYBE,
    "outcome": MAYBE, "delivery": maybe_id("dlv"), "order": maybe_id("ord"), "duplicate_of": maybe_id("edi"),
    "problems": many(ANYTHING), "sent_at": MAYBE_INSTANT, "received_at": MAYBE_INSTANT,
    "accepted_at": MAYBE_INSTANT, "answered_at": MAYBE_INSTANT, "due_at": MAYBE_INSTANT, "at": INSTANT,
}  # fmt: skip
PARTNER_SHAPES: dict[str, Shape] = {
    "Partner": thing("A trading partner, and what went on in the last seven days.", **PARTNER),
    "PartnerFull": thing("A trading partner with his profile.", **PARTNER, profile=ANYTHING),
    "PartnerSet": thing(
        "A trading partner as he was set up, with the stores whose addresses were kept.",
        **PARTNER, profile=ANYTHING, kept_stores=many(TEXT),
    ),
    "Interchange": thing("What one partner sent another in one envelope.", **INTERCHANGE),
    "InterchangeFull": thing(
        "An interchange with its documents.",
        **INTERCHANGE, problems=many(TEXT), answers=maybe_id("ich"), replaced_by=many(identifier("ich")),
        documents=many(thing("One of its documents.", **DOCUMENT)),
    ),
    "EdiDocument": thing("One message of an interchange, and how far it is.", **DOCUMENT),
    "EdiDocumentFull": thing(
        "A document with what it can be found by.",
        **DOCUMENT, keys=many(thing("A number it bears.", kind=TEXT, value=TEXT)),
    ),
    "SentAnew": thing("What carries it now.", interchange=identifier("ich"), way=TEXT, delivery=identifier("dlv")),
}  # fmt: skip
