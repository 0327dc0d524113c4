"""The shapes of promises, calendars, scores and models, as `webhooks.api.shapes` adds them to the others."""

from __future__ import annotations

from webhooks.api.shaping import (
    AMOUNT,
    ANYTHING,
    FLAG,
    INSTANT,
    MAYBE,
    MAYBE_ANYTHING,
    MAYBE_DAY,
    MAYBE_FLAG,
    MAYBE_INSTANT,
    MAYBE_NUMBER,
    TEXT,
    WHOLE,
    Shape,
    identifier,
    many,
    maybe,
    maybe_id,
    ref,
    thing,
)

NUMBER: Shape = {"type": "number"}
CHANCE: Shape = {"type": "number", "minimum": 0, "maximum": 1, "description": "A part of one."}
DATES = many(thing("When all of it is there with this chance.", probability=CHANCE, at=INSTANT))
HOURS = thing("Working hours by the node's own clock.", opens=TEXT, closes=TEXT)
LEVEL = thing(
    "What was said and what was kept, with the 90 % interval of what was kept; null without promises.",
    said=CHANCE, kept=MAYBE_NUMBER, low=MAYBE_NUMBER, high=MAYBE_NUMBER,
)  # fmt: skip
FIGURES = thing("Promises that are settled.", promises=WHOLE, levels=many(LEVEL))
NAMED = many(thing("The same for one of them.", name=TEXT, promises=WHOLE, levels=many(LEVEL)))

SHAPES: dict[str, Shape] = {
    "Promise": thing(
        "A moment, and the chance that all is there by then; `lines` as offered, `nodes` that ship the order.",
        id=identifier("prm"), order=maybe_id("ord"),
        state={"enum": ["offered", "standing", "kept", "late", "unknown", "void"]}, at=INSTANT, probability=CHANCE,
        dates=DATES, risk={**CHANCE, "description": "Chance of being late as things stand."}, country=MAYBE,
        postal_code=MAYBE,
        lines=many(thing(
            "A line of an offer.",
            sku=TEXT, quantity=AMOUNT, nodes=many(thing("Who ships it.", node=TEXT, ship_at=INSTANT)), dates=DATES,
        )),
        nodes=many(thing(
            "A node's part of an order.",
            node=TEXT, fulfillment=identifier("ful"), carrier=MAYBE, ship_at=INSTANT, dates=DATES,
        )),
        asked=maybe(thing(
            "What an offer was made for, besides lines and destination; null is what was not said.",
            connection=MAYBE, type=MAYBE, tags=maybe(many(TEXT)), service_level=MAYBE, pickup_node=MAYBE,
            requested_ship_date=MAYBE_DAY, requested_delivery_date=MAYBE_DAY, ship_not_before=MAYBE_DAY,
            ship_not_after=MAYBE_DAY, deliver_not_before=MAYBE_DAY, deliver_not_after=MAYBE_DAY,
            partial_shipment_allowed=MAYBE_FLAG, currency=MAYBE,
        )),
        basis=thing(
            "What it rests on: model, its last correction and the outcomes behind that, the oldest count of stock,"
            " and of an offer the policy.",
            model=TEXT, policy=MAYBE, corrected_at=MAYBE_INSTANT, outcomes=WHOLE, stock_counted_at=MAYBE_INSTANT,
        ),
        made_at=INSTANT, stands_until=MAYBE_INSTANT, delivered_at=MAYBE_INSTANT, settled_at=MAYBE_INSTANT,
        version=WHOLE,
    ),
    "Calibration": thing(
        "What promises said and what was kept, of those settled since.",
        since=INSTANT, orders=FIGURES, parcels=FIGURES, carriers=NAMED, lanes=NAMED, nodes=NAMED,
        states={**ANYTHING, "description": "Promises made since, by state."},
    ),
    "Calendar": thing(
        "When a node works; `own` is false where it follows the rule, Monday to Friday 8 to 17.",
        node=TEXT, timezone=TEXT, cutoff=MAYBE, own=FLAG, week=many(maybe(HOURS)), handling_minutes=WHOLE,
        closures=many(thing("A day that differs; without hours it is closed.",
                            day={"type": "string", "format": "date"}, opens=MAYBE, closes=MAYBE, label=MAYBE)),
    ),
    "Score": thing(
        "What a carrier or node is worth by its outcomes, drawn to `prior`; rates with their 90 % interval.",
        subject={"enum": ["carrier", "node"]}, name=TEXT, part=MAYBE, measure=TEXT, value=NUMBER, low=MAYBE_NUMBER,
        high=MAYBE_NUMBER, outcomes=WHOLE, weight={**NUMBER, "description": "What they count as today."}, prior=NUMBER,
        computed_at=INSTANT,
    ),
    "Model": thing(
        "A version of a learned model, with what it rests on and how it did.",
        id=identifier("mdl"), kind=TEXT, model=TEXT, state={"enum": ["challenger", "champion", "set_aside", "retired"]},
        content_hash=MAYBE, data_from=MAYBE_INSTANT, data_to=MAYBE_INSTANT, outcomes=WHOLE, features=many(TEXT),
        metrics=ANYTHING, correction=MAYBE_ANYTHING, corrected_at=MAYBE_INSTANT, watch=MAYBE_ANYTHING,
        watched_at=MAYBE_INSTANT, approved_by=MAYBE, promoted_at=MAYBE_INSTANT, created_at=INSTANT,
    ),
}  # fmt: skip
LISTED = ("Promise", "Score", "Model")
PAGES = {f"{name}Page": thing(f"One page of {name}.", data=many(ref(name)), next_cursor=MAYBE) for name in LISTED}
