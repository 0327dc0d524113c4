"""The shapes of what the API answers about carriers, places, disruptions and re-plans."""

from __future__ import annotations

from webhooks.api.shaping import (
    AMOUNT,
    ANYTHING,
    FLAG,
    INSTANT,
    MAYBE,
    MAYBE_AMOUNT,
    MAYBE_DAY,
    MAYBE_INSTANT,
    MAYBE_NUMBER,
    MAYBE_WHOLE,
    TEXT,
    WHOLE,
    Shape,
    identifier,
    many,
    maybe,
    page,
    thing,
)

NUMBER: Shape = {"type": "number"}
ROUTING_SHAPES: dict[str, Shape] = {
    "CarrierService": thing(
        "A carrier's service.",
        id=identifier("svc"), carrier=TEXT, service=TEXT, label=MAYBE, level=MAYBE, nodes=many(TEXT),
        connections=many(TEXT), cutoff=MAYBE, pickup_limit=MAYBE_WHOLE, transit_days=ANYTHING, on_time=MAYBE_AMOUNT,
        carbon_g=WHOLE, carbon_g_kg_km=AMOUNT, max_weight_g=MAYBE_WHOLE, hazmat=FLAG, storage=many(TEXT), active=FLAG,
        created_at=INSTANT, version=WHOLE,
    ),
    "Rate": thing(
        "The price of one shipment of a service on a way, up to a weight.",
        carrier=TEXT, service=TEXT, zone=TEXT, from_country=MAYBE, from_postal=MAYBE, to_country=MAYBE,
        to_postal=MAYBE, up_to_g=MAYBE_WHOLE, price=AMOUNT, per_kg=AMOUNT, currency=TEXT, valid_from=MAYBE_DAY,
        valid_to=MAYBE_DAY, created_at=INSTANT,
    ),
    "Point": thing(
        "Where a postcode is, and the area whose middle that is.",
        country=TEXT, postal_code=TEXT, area=TEXT, latitude=NUMBER, longitude=NUMBER,
    ),
    "Substitute": thing(
        "An item that may go instead of another.",
        sku=TEXT, substitute=TEXT, ratio=AMOUNT, rank=WHOLE, connections=many(TEXT), approved_by=TEXT, active=FLAG,
        created_at=INSTANT, version=WHOLE,
    ),
    "Counted": thing("How many were written.", written=WHOLE),
    "Disruption": thing(
        "An area where nothing leaves for a while, or nothing of one carrier leaves or arrives.",
        id=identifier("dis"), label=TEXT, area=ANYTHING, carrier=MAYBE, starts_at=INSTANT, ends_at=MAYBE_INSTANT,
        actor=MAYBE, created_at=INSTANT, version=WHOLE,
    ),
    "Replan": thing(
        "Released work that is concerned, and what it would become; costs and dates before and after.",
        affected=WHOLE, moves=WHOLE, asked=WHOLE, stays=WHOLE, cost_before=AMOUNT, cost_after=AMOUNT, short=WHOLE,
        later=WHOLE, at_risk=WHOLE,
        orders=many(thing(
            "One order.",
            order=identifier("ord"), number=TEXT, fulfillment_orders=many(identifier("ful")),
            **{"from": many(TEXT)}, way={"enum": ["moves", "asked"]}, cost_before=MAYBE_AMOUNT, cost_after=AMOUNT,
            date_before=MAYBE_DAY, date_after=MAYBE_DAY, dates={"enum": ["arrives", "expected", "leaves"]}, later=FLAG,
            due_at=MAYBE_INSTANT, promise_late=MAYBE_NUMBER, at_risk=FLAG,
            to=many(thing("Units at one node.", node=TEXT, units=AMOUNT, carrier=MAYBE, service=MAYBE,
                          ship_on=MAYBE_DAY)),
            short=AMOUNT,
        )),
        staying=many(thing(
            "Work that cannot move, and why.",
            order=identifier("ord"), number=TEXT, fulfillment_order=identifier("ful"), node=TEXT, reason=TEXT,
        )),
        applied=maybe(thing("What was done with the work.", moved=WHOLE, asked=WHOLE, stayed=WHOLE)),
    ),
}  # fmt: skip
_FIGURES: dict[str, Shape] = {
    "cause": {"enum": ["schedule", "cutoff", "asked"]}, "orders": WHOLE, "found": WHOLE, "changed": WHOLE,
    "cost_before": AMOUNT, "cost_after": AMOUNT, "saved": AMOUNT, "bound": AMOUNT, "gap_percent": MAYBE_NUMBER,
    "finished": FLAG,
}  # fmt: skip
_RAN: dict[str, Shape] = {"id": identifier("wav"), "duration_us": WHOLE, "actor": TEXT, "at": INSTANT}
_PARTS = many(thing("Units at one node.", node=TEXT, service=MAYBE, units=AMOUNT))
_REPORT: dict[str, Shape] = {
    "moves": many(thing(
        "An order that moves: its work before and after, costs as if it were alone, when it is there.",
        order=identifier("ord"), number=TEXT, **{"from": _PARTS}, to=_PARTS, cost_before=AMOUNT, cost_after=AMOUNT,
        arrives_before=MAYBE_INSTANT, arrives_after=MAYBE_INSTANT, due_at=INSTANT,
    )),
    "skipped": many(thing(
        "An order for which something was found and that stays as it is.",
        order=identifier("ord"), number=TEXT, reason=TEXT,
    )),
    "outside": {"type": "object", "description": "Orders that wait and were left out, by the reason.",
                "additionalProperties": WHOLE},
    "refused": many(TEXT),
}  # fmt: skip
ROUTING_SHAPES.update({
    "Wave": thing("Waiting work planned again together: what it cost and saved.", **_RAN, **_FIGURES),
    "WaveReport": thing("A wave with what moved, what did not, and why.", **_RAN, **_FIGURES, **_REPORT),
    "WaveRun": thing("What a wave did, or would do.", id=maybe(identifier("wav")), **_FIGURES, **_REPORT),
})  # fmt: skip
ROUTING_SHAPES["Counterfactuals"] = thing(
    "What would have changed a decision.",
    decision=identifier("dec"), unknown=MAYBE,
    changes=many(thing(
        "One input moved; `still` is the last value with the same choice, `after` the first with another.",
        kind=TEXT, node=MAYBE, service=MAYBE, sku=MAYBE, term=MAYBE, before=AMOUNT, still=AMOUNT, after=AMOUNT,
        sentence=TEXT,
        then=many(thing("Units that would come from a node.", sku=TEXT, node=TEXT, service=MAYBE, quantity=AMOUNT)),
    )),
)  # fmt: skip
_LISTED = ("CarrierService", "Rate", "Substitute", "Disruption", "Wave")
ROUTING_SHAPES.update({f"{name}Page": page(name) for name in _LISTED})
