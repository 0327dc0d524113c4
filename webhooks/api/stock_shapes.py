"""The shapes of answers about stock: positions, ledger, availability, reservations, rules, supply, transfers."""

from __future__ import annotations

from webhooks.api.shaping import (
    AMOUNT,
    FLAG,
    INSTANT,
    MAYBE,
    MAYBE_DAY,
    MAYBE_INSTANT,
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

_PART = thing("One term of a figure.", name=TEXT, units=AMOUNT, connection=MAYBE, kit=MAYBE)
_TOTAL = thing("Over all nodes that were active.", available=AMOUNT, parts=many(_PART))
_LOT = thing(
    "Units of one lot in one status; `shortfall` are promised of it and not there by the last count.",
    lot=TEXT, status=TEXT, expires_on=MAYBE_DAY, on_hand=AMOUNT, promised=AMOUNT, shortfall=AMOUNT,
)  # fmt: skip
_PLACE = thing(
    "An item at one node.",
    node=TEXT, active=FLAG, available=AMOUNT, parts=many(_PART), on_hand=AMOUNT, reserved=AMOUNT, allocated=AMOUNT,
    safety=AMOUNT, uncertain=AMOUNT, free=AMOUNT, backorder_limit=AMOUNT, lots=many(_LOT),
    counted_at=MAYBE_INSTANT, movements=WHOLE, last_at=INSTANT,
)  # fmt: skip

STOCK_SHAPES: dict[str, Shape] = {
    "Position": thing(
        "Stock of one item at one node; `safety` is what is kept back of `safety_target`.",
        sku=TEXT, node=TEXT, on_hand=AMOUNT, reserved=AMOUNT, allocated=AMOUNT, safety=AMOUNT, safety_target=AMOUNT,
        uncertain=AMOUNT,
        available=AMOUNT, backorder_limit=AMOUNT, shortfall=AMOUNT, counted_at=MAYBE_INSTANT, version=WHOLE,
    ),
    "Count": thing("What a count changed.", applied=WHOLE, older=WHOLE, unknown=many(TEXT)),
    "Movement": thing(
        "One entry of the stock ledger; quantities are changes.",
        number=WHOLE, sku=TEXT, node=TEXT, kind=TEXT, on_hand=AMOUNT, reserved=AMOUNT, allocated=AMOUNT,
        uncertain=AMOUNT, order=maybe_id("ord"), cause=MAYBE, actor=MAYBE, at=INSTANT,
    ),
    "Availability": thing(
        "What is there of items now; `promisable` is what an order may be promised, units still to come included.",
        data=many(thing(
            "One item.",
            sku=TEXT, available=AMOUNT, promisable=AMOUNT, backorder_limit=AMOUNT,
            nodes=many(thing("At one node.", node=TEXT, available=AMOUNT, promisable=AMOUNT)),
        )),
    ),
    "Explanation": thing(
        "Why an item is available as it is, or was; of a kit its components are explained as well.",
        sku=TEXT, kit=FLAG, connection=MAYBE, as_of=MAYBE_INSTANT, total=_TOTAL,
        nodes=many(thing("At one node.", node=TEXT, active=FLAG, available=AMOUNT, parts=many(_PART))),
        items=many(thing("One item.", sku=TEXT, units=AMOUNT, nodes=many(_PLACE), total=_TOTAL)),
    ),
    "Reservation": thing(
        "Units held for somebody until a time.",
        id=identifier("res"), state=TEXT, connection=MAYBE, expires_at=MAYBE_INSTANT, created_at=INSTANT,
        finished_at=MAYBE_INSTANT,
        lines=many(thing("Units at one node.", sku=TEXT, node=TEXT, quantity=AMOUNT, kit=MAYBE)),
    ),
    "Reserved": thing(
        "What became of each of many checkouts, in the order asked.",
        granted=WHOLE, refused=WHOLE,
        data=many(thing(
            "One of them: the reservation, or why there is none.",
            reservation=maybe(ref("Reservation")), problem=maybe(ref("Problem")),
        )),
    ),
    "ProtectionRule": thing(
        "What of the stock is kept from a connection, or for it.",
        id=identifier("prt"), connection=TEXT, sku=MAYBE, node=MAYBE, kind=TEXT, quantity=AMOUNT, state=TEXT,
        valid_from=INSTANT, valid_to=MAYBE_INSTANT, actor=MAYBE, created_at=INSTANT,
    ),
    "Supply": thing(
        "Units of an item expected at a node; `promised` are promised before they are there.",
        id=identifier("sup"), sku=TEXT, node=TEXT, reference=TEXT, transfer=maybe_id("trf"), quantity=AMOUNT,
        received=AMOUNT, promisable=AMOUNT, promised=AMOUNT, expected_at=MAYBE_INSTANT, state=TEXT,
        created_at=INSTANT, finished_at=MAYBE_INSTANT,
    ),
    "Transfer": thing(
        "Units on their way from one node to another; quantity = received + lost + in transit.",
        id=identifier("trf"), reference=TEXT, from_node=TEXT, to_node=TEXT, state=TEXT, expected_at=MAYBE_INSTANT,
        lines=many(thing("Units of one item.", sku=TEXT, lot=MAYBE, quantity=AMOUNT, received=AMOUNT, lost=AMOUNT)),
        actor=MAYBE, created_at=INSTANT, finished_at=MAYBE_INSTANT,
    ),
    "Serial": thing(
        "A unit that has left, by its serial number.",
        serial=TEXT, sku=TEXT, node=TEXT, shipment=identifier("shp"), order=identifier("ord"),
        shipped_at=MAYBE_INSTANT,
    ),
    "Lot": thing(
        "Units of one lot or status at one node; only sellable ones are on hand.",
        sku=TEXT, node=TEXT, lot=MAYBE, status=TEXT, on_hand=AMOUNT, promised=AMOUNT, shortfall=AMOUNT,
        expires_on=MAYBE_DAY,
    ),
}  # fmt: skip
