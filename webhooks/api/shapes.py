"""The shapes of what the API answers, as the OpenAPI document shows them and the tests check them."""

from __future__ import annotations

from webhooks.api import shapes_promises
from webhooks.api.partner_shapes import PARTNER_SHAPES
from webhooks.api.shaping import (
    AMOUNT,
    ANYTHING,
    FLAG,
    INSTANT,
    MAYBE,
    MAYBE_AMOUNT,
    MAYBE_ANYTHING,
    MAYBE_DAY,
    MAYBE_FLAG,
    MAYBE_INSTANT,
    MAYBE_NUMBER,
    MAYBE_WHOLE,
    TEXT,
    WHOLE,
    Shape,
    identifier,
    many,
    maybe,
    maybe_id,
    page,
    ref,
    thing,
)
from webhooks.api.stock_shapes import STOCK_SHAPES
from webhooks.api.trade_shapes import TRADE_SHAPES

PARTY = thing(
    "A buyer or seller.",
    name=MAYBE, company=MAYBE, email=MAYBE, phone=MAYBE, vat_id=MAYBE, gln=MAYBE, external_id=MAYBE,
)  # fmt: skip
ADDRESS = thing(
    "A postal address as sent.",
    name=MAYBE, company=MAYBE, line1=MAYBE, line2=MAYBE, city=MAYBE, region=MAYBE, postal_code=MAYBE, country=MAYBE,
    phone=MAYBE, gln=MAYBE, external_id=MAYBE,
)  # fmt: skip
TAX = {"type": "object", "properties": {"title": MAYBE, "rate": MAYBE_AMOUNT, "amount": MAYBE_AMOUNT}}
LINE = thing(
    "An order line; canceled + shipped + open = quantity. `substitute` is the SKU that goes instead,"
    " `substitute_ratio` its units for one.",
    id=identifier("lin"), external_id=MAYBE, position=WHOLE, sku=MAYBE, substitute=MAYBE,
    substitute_ratio=MAYBE_AMOUNT, item_ref=MAYBE_ANYTHING,
    title=MAYBE, quantity=AMOUNT, unit=TEXT, unit_price=MAYBE_AMOUNT, discount=MAYBE_AMOUNT, taxes=many(TAX),
    tax_included=MAYBE_FLAG, requires_shipping=FLAG, open=AMOUNT, reserved=AMOUNT, allocated=AMOUNT, shipped=AMOUNT,
    delivered=AMOUNT, canceled=AMOUNT, returned=AMOUNT,
)  # fmt: skip
CHARGE = {
    "type": "object",
    "required": ["kind", "amount"],
    "properties": {"kind": TEXT, "title": MAYBE, "amount": AMOUNT, "tax": MAYBE_AMOUNT},
}
PAYMENT = {
    "type": "object",
    "required": ["kind", "amount"],
    "properties": {
        "kind": TEXT, "gateway": MAYBE, "amount": AMOUNT, "currency": MAYBE, "external_id": MAYBE,
        "at": MAYBE_INSTANT,
    },
}  # fmt: skip
TOTALS = thing(
    "The totals the source states.",
    lines=MAYBE_AMOUNT, discount=MAYBE_AMOUNT, charges=MAYBE_AMOUNT, tax=MAYBE_AMOUNT, grand=MAYBE_AMOUNT,
)  # fmt: skip
HOLD = thing(
    "A reason the order waits.",
    id=identifier("hld"), kind=TEXT, line=maybe_id("lin"), detail=MAYBE, created_at=INSTANT,
)  # fmt: skip
TRACKING = thing(
    "A carrier's fact about a shipment.",
    id=identifier("trk"), status=TEXT, occurred_at=INSTANT, location=MAYBE, detail=MAYBE, created_at=INSTANT,
)  # fmt: skip

SHAPES: dict[str, Shape] = {
    "Problem": {
        "type": "object",
        "description": "An error (RFC 9457).",
        "required": ["type", "title", "status", "detail", "code", "errors"],
        "properties": {
            "type": TEXT, "title": TEXT, "status": WHOLE, "detail": TEXT, "code": TEXT, "instance": TEXT,
            "errors": many(thing("One field at fault.", path=TEXT, reason=TEXT)),
        },
    },
    "Order": thing(
        "A canonical order with what the hub knows of it.",
        id=identifier("ord"), state=TEXT, phase=TEXT, version=WHOLE, connection=MAYBE, external_id=TEXT, number=MAYBE,
        type={"enum": ["b2c", "b2b"]}, placed_at=INSTANT, currency=TEXT, requested_ship_date=MAYBE_DAY,
        requested_delivery_date=MAYBE_DAY, service_level=MAYBE, pickup_node=MAYBE,
        partial_shipment_allowed=MAYBE_FLAG, note=MAYBE, references=MAYBE_ANYTHING, ship_not_before=MAYBE_DAY,
        ship_not_after=MAYBE_DAY, deliver_not_before=MAYBE_DAY, deliver_not_after=MAYBE_DAY,
        tags=many(TEXT), buyer=maybe(PARTY), seller=maybe(PARTY),
        ship_to=maybe(ADDRESS), bill_to=maybe(ADDRESS),
        lines=many(LINE), charges=many(CHARGE), payments=many(PAYMENT), totals=maybe(TOTALS),
        source_version=MAYBE_WHOLE, source_updated_at=MAYBE_INSTANT, holds=many(HOLD),
        fulfillment_orders=many(identifier("ful")), shipments=many(identifier("shp")), decision=maybe_id("dec"),
        accepted_at=MAYBE_INSTANT, shipped_at=MAYBE_INSTANT, completed_at=MAYBE_INSTANT, canceled_at=MAYBE_INSTANT,
        created_at=INSTANT, updated_at=INSTANT,
    ),
    "Timeline": thing(
        "What happened to an order, oldest first.",
        data=many(thing(
            "One entry.",
            at=INSTANT, kind={"enum": ["event", "message", "delivery", "decision", "change"]}, name=TEXT, id=MAYBE,
            state=MAYBE, connection=MAYBE, actor=MAYBE, cause=MAYBE, outcome=MAYBE, data=ANYTHING,
        )),
    ),
    "Item": thing(
        "A sellable unit and the codes partners use for it.",
        id=identifier("itm"), sku=TEXT, title=MAYBE, gtin=MAYBE, unit=TEXT, price=MAYBE_AMOUNT, currency=MAYBE,
        weight_g=MAYBE_WHOLE, backorder_limit=AMOUNT, tracking=TEXT, lot_order=TEXT,
        components=many(thing("What a kit is made of.", sku=TEXT, units=AMOUNT)), active=FLAG, attributes=ANYTHING,
        references=many(thing("A partner's code.", connection=MAYBE, scheme=TEXT, code=TEXT)), created_at=INSTANT,
        version=WHOLE,
    ),
    "Written": thing("What was written, by its name here.", data=many(thing("One.", id=TEXT, name=TEXT))),
    "Node": thing(
        "A place that can ship.",
        id=identifier("nod"), code=TEXT, name=TEXT, kind=TEXT, connection=MAYBE, country=MAYBE, postal_code=MAYBE,
        city=MAYBE, latitude=MAYBE_NUMBER, longitude=MAYBE_NUMBER, timezone=TEXT, cutoff=MAYBE, active=FLAG,
        off_until=MAYBE_INSTANT, off_reason=MAYBE, shipment_cost=AMOUNT, unit_cost=AMOUNT, distance_cost=AMOUNT,
        capacity_per_day=MAYBE_WHOLE, stock_mode=TEXT, count_hours=AMOUNT, count_error=AMOUNT, count_samples=WHOLE,
        count_quantile=AMOUNT, attributes=ANYTHING, created_at=INSTANT, version=WHOLE,
    ),
    "FulfillmentOrder": thing(
        "Work of one node for one order.",
        id=identifier("ful"), number=TEXT, state=TEXT, order=identifier("ord"), order_number=TEXT, node=TEXT,
        connection=MAYBE, reference=MAYBE, reason=MAYBE, decision=maybe_id("dec"), carrier=MAYBE, service=MAYBE,
        ship_on=MAYBE_DAY, arrive_on=MAYBE_DAY,
        lines=many(thing(
            "Units of one order line.",
            id=identifier("fln"), line=identifier("lin"), sku=TEXT, title=MAYBE, unit=TEXT, quantity=AMOUNT,
            open=AMOUNT, shipped=AMOUNT, canceled=AMOUNT,
        )),
        shipments=many(identifier("shp")), created_at=INSTANT, release_at=MAYBE_INSTANT,
    released_at=MAYBE_INSTANT, finished_at=MAYBE_INSTANT,
        updated_at=INSTANT, version=WHOLE,
    ),
    "Shipment": thing(
        "What left a node.",
        id=identifier("shp"), number=TEXT, external_id=TEXT, state=TEXT, order=identifier("ord"),
        fulfillment=identifier("ful"), node=TEXT, carrier=MAYBE, service=MAYBE, tracking_number=MAYBE,
        tracking_url=MAYBE, packages=many(ANYTHING),
        lines=many(thing("Units of one order line.", line=identifier("lin"), external_id=MAYBE, sku=MAYBE,
                         quantity=AMOUNT, serials=many(TEXT))),
        tracking=many(TRACKING), received=many(ANYTHING), state_at=INSTANT, shipped_at=MAYBE_INSTANT,
        delivered_at=MAYBE_INSTANT, created_at=INSTANT, version=WHOLE,
    ),
    "TrackingEvent": thing(
        "A carrier's fact and its shipment.",
        **TRACKING["properties"], shipment=identifier("shp"), tracking_number=MAYBE,
    ),
    "Refund": thing(
        "Money a channel has given back.",
        id=identifier("rfd"), connection=MAYBE, external_id=TEXT, order=identifier("ord"), order_number=TEXT,
        amount=MAYBE_AMOUNT, currency=TEXT, note=MAYBE,
        lines=many(thing(
            "Units of one order line; `cancel` took open units off, `return` follows a shipment, `none` is money only.",
            line=maybe_id("lin"), external_id=TEXT, sku=MAYBE, quantity=AMOUNT,
            restock={"enum": ["cancel", "return", "none"]}, amount=MAYBE_AMOUNT,
        )),
        occurred_at=INSTANT, created_at=INSTANT,
    ),
    "Exception": {
        **thing(
            "Something a person or a rule must settle.",
            id=identifier("exc"), code=TEXT, **{"class": TEXT}, severity=TEXT, title=TEXT, sentence=TEXT, state=TEXT,
            owner=MAYBE, tags=many(TEXT), connection=MAYBE, node=MAYBE, recommended=MAYBE_ANYTHING,
            alternatives=many(ANYTHING), evidence=MAYBE_ANYTHING, member_count=WHOLE, deadline=MAYBE_INSTANT,
            snoozed_until=MAYBE_INSTANT, first_seen=INSTANT, last_seen=INSTANT, resolved_at=MAYBE_INSTANT,
            resolution=MAYBE, version=WHOLE,
        ),
    },
    "Decision": thing(
        "A stored choice.",
        id=identifier("dec"), kind=TEXT, order=maybe_id("ord"), policy=TEXT, choice={}, bound=MAYBE,
        duration_us=WHOLE, actor=TEXT, at=INSTANT,
    ),
    "Policy": thing(
        "One version of a policy.",
        id=identifier("pol"), policy=TEXT, name=TEXT, number=WHOLE,
        state={"enum": ["draft", "approved", "active", "retired"]}, document=ANYTHING, author=TEXT, approver=MAYBE,
        comments=many(ANYTHING), active_from=MAYBE_INSTANT, simulated_at=MAYBE_INSTANT, passed=MAYBE_FLAG,
        created_at=INSTANT, version=WHOLE,
    ),
    "Simulation": thing(
        "A version tried over recorded decisions by a worker; `progress` goes from 0 to 1.",
        id=identifier("sim"), policy=TEXT, state={"enum": ["queued", "running", "done", "failed"]},
        since=MAYBE_INSTANT, carry_stock=FLAG, progress={"type": "number"}, report=MAYBE_ANYTHING, error=MAYBE_ANYTHING,
        actor=TEXT, created_at=INSTANT, started_at=MAYBE_INSTANT, finished_at=MAYBE_INSTANT, version=WHOLE,
    ),
    "PolicyDiff": thing(
        "What a version says differently.",
        policy=TEXT, against=MAYBE, differences=many(thing("One value.", path=TEXT, before={}, after={})),
    ),
    "Connection": thing(
        "A configured account; secrets are never shown.",
        id=identifier("con"), name=TEXT, connector=TEXT, label=MAYBE, mode=TEXT, settings=ANYTHING, has_secrets=FLAG,
        secrets_rotated_at=MAYBE_INSTANT, paused=FLAG, paused_until=MAYBE_INSTANT, pause_reason=MAYBE, failures=WHOLE,
        created_at=INSTANT, version=WHOLE,
    ),
    "Message": thing(
        "One thing received.",
        id=identifier("msg"), connection=MAYBE, topic=TEXT, via=TEXT, state=TEXT, outcome=MAYBE, error=MAYBE_ANYTHING,
        order=maybe_id("ord"), dedupe_key=TEXT, source_id=MAYBE, repeats=WHOLE, attempts=WHOLE, content_type=TEXT,
        size=WHOLE, occurred_at=MAYBE_INSTANT, received_at=INSTANT, finished_at=MAYBE_INSTANT,
    ),
    "Canonical": thing(
        "What today's map reads in a message.",
        id=identifier("msg"),
        documents=many(thing("One canonical document.", type=TEXT, body=ANYTHING, holds=many(ANYTHING))),
    ),
    "Delivery": thing(
        "One outgoing write.",
        id=identifier("dlv"), connection=MAYBE, kind=TEXT, lane=TEXT, state=TEXT, outcome=MAYBE,
        error=MAYBE_ANYTHING, order=maybe_id("ord"), fulfillment=maybe_id("ful"), shipment=maybe_id("shp"),
        reference=MAYBE, attempts=WHOLE, priority=WHOLE, run_at=INSTANT, created_at=INSTANT, finished_at=MAYBE_INSTANT,
    ),
    "Event": thing(
        "One event of the feed.",
        id={"type": "string", "pattern": "^evt_[0-9]+$"}, type=TEXT, subject=TEXT, subject_id=TEXT,
        order=maybe_id("ord"), data=ANYTHING, actor=TEXT, cause=MAYBE, correlation=MAYBE, at=INSTANT,
    ),
    "Key": thing(
        "An API key; the key itself is shown once, when it is made.",
        id=identifier("key"), name=TEXT, prefix=TEXT, scopes=many(TEXT), connection=MAYBE, expires_at=MAYBE_INSTANT,
        last_used_at=MAYBE_INSTANT, revoked_at=MAYBE_INSTANT, created_at=INSTANT,
    ),
}  # fmt: skip


def _with(name: str, words: str, **more: Shape) -> Shape:
    base = SHAPES[name]
    return thing(words, **base["properties"], **more)


SHAPES["ExceptionFull"] = _with(
    "Exception", "An exception with what it stops.",
    members=many(thing(
        "What is stopped.",
        subject=TEXT, id=TEXT, order=maybe_id("ord"), value=MAYBE_AMOUNT, since=INSTANT, resolved_at=MAYBE_INSTANT,
    )),
)  # fmt: skip
SHAPES["ChangedOrder"] = _with(
    "Order", "The order after a change was asked for, and how that went.",
    change={
        **thing("How it went; `requested` waits for a node's answer.",
                state={"enum": ["confirmed", "requested", "declined"]}),
        "properties": {
            "state": {"enum": ["confirmed", "requested", "declined"]},
            "canceled": {**ANYTHING, "description": "Units canceled now, by line."},
            "requested": {**ANYTHING, "description": "Units a node is asked to stop, by line."},
            "id": TEXT,
        },
    },
)  # fmt: skip
SHAPES["DecisionFull"] = _with("Decision", "With inputs; `cost` is money.", cost=MAYBE_AMOUNT, inputs={}, candidates={})
SHAPES["PolicyFull"] = _with(
    "Policy", "A version with the report of its last simulation, and the one that is queued or running.",
    simulation=MAYBE_ANYTHING, simulating=MAYBE_ANYTHING,
)  # fmt: skip
SHAPES["ConnectionFull"] = _with("Connection", "A connection with its backlog by state.", deliveries=ANYTHING)
SHAPES.update(STOCK_SHAPES)
SHAPES.update({**TRADE_SHAPES, **PARTNER_SHAPES})
SHAPES["MessageFull"] = _with("Message", "A message with its headers.", headers=ANYTHING)
SHAPES["DeliveryFull"] = _with(
    "Delivery", "A delivery with its payload and attempts.",
    payload=ANYTHING,
    tries=many(thing(
        "One try.",
        id=identifier("att"), number=WHOLE, outcome=TEXT, started_at=INSTANT, duration_ms=WHOLE,
        exchanges=many(ANYTHING), error=MAYBE_ANYTHING,
    )),
)  # fmt: skip
SHAPES["KeyMade"] = _with("Key", "A new key; `key` is shown this once, null when the request is repeated.", key=MAYBE)
SHAPES["Check"] = thing(
    "What came of a harmless call to the partner.", ok=FLAG, answer=MAYBE_ANYTHING, error=MAYBE_ANYTHING
)
SHAPES["Applied"] = thing(
    "What an action did or would do, what it could not (`note`).", action=TEXT, done=WHOLE, note=MAYBE,
    exception=ref("ExceptionFull"), orders=many(thing("A moved order.", id=identifier("ord"), before=TEXT, after=TEXT)),
)  # fmt: skip
SHAPES["FulfillmentOrders"] = thing("What it became.", data=many(ref("FulfillmentOrder")))
SHAPES["Removed"] = thing("What is gone.", removed=TEXT)
SHAPES["EventPage"] = thing(
    "A piece of the event feed, oldest first.",
    data=many(ref("Event")), next_cursor=MAYBE,
    resume_cursor={**TEXT, "description": "Where to go on later, when there is no more now."},
)  # fmt: skip
LISTED = (
    "Order", "Item", "Node", "Position", "Movement", "Reservation", "FulfillmentOrder", "Shipment", "TrackingEvent",
    "Refund", "Paper", "Chargeback", "Exception", "Decision", "Policy", "Connection", "Message", "Delivery", "Key",
    "ProtectionRule", "Supply", "Transfer", "Lot", "Serial", "Partner", "Interchange", "EdiDocument",
)  # fmt: skip
SHAPES.update({f"{name}Page": page(name) for name in LISTED})
SHAPES.update(shapes_promises.SHAPES | shapes_promises.PAGES)
