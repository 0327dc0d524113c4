"""The rules that judge a run under faults notice each way of breaking them."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from benchmarks.chaos.facts import Facts, Partner, Sent
from benchmarks.chaos.verdict import breaches, finished, outstanding

WORK, POST, TOLD = "dlv_1", "dlv_2", "dlv_3"


def good() -> Facts:
    """A run in which one order was shipped, one canceled, and one waits under an exception."""
    return Facts(
        placed=frozenset(["shop:1", "shop:2", "shop:3"]),
        orders={"shop:1": ("completed", False), "shop:2": ("canceled", False), "shop:3": ("accepted", True)},
        messages={"applied": 9, "duplicate": 2, "ignored": 1},
        deliveries=(
            Sent(WORK, "push_fulfillment_order", "delivered", "wms", "rest-wms"),
            Sent(POST, "push_order", "delivered", "erp", "soap-erp"),
            Sent(TOLD, "push_shipment", "delivered", "shop", "shopify"),
            Sent("dlv_4", "cancel_fulfillment_order", "declined", "wms", "rest-wms"),
            Sent("dlv_5", "push_fulfillment_order", "superseded", "wms", "rest-wms"),
            Sent("dlv_6", "push_order", "dead", "erp", "soap-erp"),
        ),
        oversold=0,
        ledger=0,
        promises=0,
        sums=0,
        lanes=0,
        shelves={"wms": Decimal(7)},
        shipped=Decimal(3),
        cases={"STOCK-OUT-001": 1},
        partners={
            "wms": Partner({"fulfillment": {WORK: 1}, "shipment": {"F1/1": 1}}, shelves=Decimal(7)),
            "erp": Partner({"push_order": {POST: 1}}),
            "shop": Partner({"fulfillment": {"1/655/1x3": 1}, "inventory_set": {"a": 2}}),
        },
    )


def with_partner(name: str, **changes: object) -> Callable[[Facts], Facts]:
    def doctor(facts: Facts) -> Facts:
        changed = replace(facts.partners[name], **changes)  # type: ignore[arg-type]
        return replace(facts, partners={**facts.partners, name: changed})

    return doctor


def with_(**changes: object) -> Callable[[Facts], Facts]:
    return lambda facts: replace(facts, **changes)  # type: ignore[arg-type]


def test_a_good_run_breaks_nothing() -> None:
    assert breaches(good()) == []
    assert outstanding(good()) == {}


def test_what_is_done_with_is_counted() -> None:
    assert finished(good()) == 2 + 12 + 6
    waits = Sent("dlv_7", "push_order", "waiting", "erp", "soap-erp")
    more = replace(good(), messages={**good().messages, "received": 5}, deliveries=(*good().deliveries, waits))
    assert finished(more) == finished(good())


@pytest.mark.parametrize(
    ("doctor", "found"),
    [
        (with_(oversold=1), "oversold or negative"),
        (with_(ledger=2), "2 stock positions differ from the sum of their ledger"),
        (with_(promises=1), "differ from the reservations"),
        (with_(sums=1), "more canceled and shipped than ordered"),
        (with_(lanes=1), "before the one ahead of them"),
        (
            with_(placed=frozenset(["shop:1", "shop:2", "shop:3", "shop:4"])),
            "1 acknowledged orders are lost: ['shop:4']",
        ),
        (with_(placed=frozenset(["shop:1", "shop:2"])), "1 orders nobody placed: ['shop:3']"),
        (
            with_(orders={"shop:1": ("in_progress", False), "shop:2": ("canceled", False), "shop:3": ("held", True)}),
            "1 orders are neither final nor under an open exception: ['shop:1 in_progress']",
        ),
        (with_(messages={"applied": 9, "received": 1}), "1 messages are received"),
        (with_(messages={"applied": 9, "normalized": 1}), "1 messages are normalized"),
        (with_(messages={"applied": 9, "quarantined": 1}), "1 messages are quarantined"),
        (with_partner("shop", given_up=1), "gave up 1 webhooks"),
        (with_partner("shop", waiting=1), "1 things to do"),
        # The look-up before a second write was left out.
        (with_partner("wms", effects={"fulfillment": {WORK: 2}}), "counts it 2 times"),
        (with_partner("wms", taken_twice=["ful_1"]), "was given the same work twice: ['ful_1']"),
        (with_partner("erp", effects={"push_order": {POST: 1, "dlv_6": 2}}), "more than once for ['dlv_6']"),
        # A write was noted as done that never arrived.
        (with_partner("erp", effects={}), "is delivered, and erp counts it 0 times"),
        (with_partner("shop", effects={}), "shop was told of 1 shipments and shows 0"),
        (with_partner("shop", effects={"fulfillment": {"1/655/1x1": 1, "1/655/1x2": 1}}), "of 1 shipments and shows 2"),
        (with_partner("erp", effects={"push_order": {POST: 1, "dlv_9": 1}}), "the hub has no such delivery"),
        (with_partner("wms", effects={"fulfillment": {WORK: 1, "dlv_5": 1}}), "the hub had withdrawn it"),
        (with_partner("wms", shelves=Decimal(6)), "wms has 6 units on its shelves, the hub's books say 7"),
        (
            with_(deliveries=(*good().deliveries, Sent("dlv_7", "push_order", "unknown", "erp", "soap-erp"))),
            "1 deliveries are not finished: ['dlv_7 push_order unknown']",
        ),
    ],
)
def test_each_broken_rule_is_noticed(doctor: Callable[[Facts], Facts], found: str) -> None:
    said = breaches(doctor(good()))
    assert any(found in each for each in said), said


def test_what_a_shop_did_before_it_declined_the_rest_counts_as_told() -> None:
    facts = good()
    partly = Sent("dlv_7", "push_shipment", "declined", "shop", "shopify", partly=1)
    shown = Partner({"fulfillment": {"1/655/1x3": 1, "1/655/2x1": 1}})
    facts = replace(facts, deliveries=(*facts.deliveries, partly), partners={**facts.partners, "shop": shown})
    assert breaches(facts) == []


@pytest.mark.parametrize(
    ("doctor", "left"),
    [
        (with_partner("shop", waiting=3), {"partners": 3}),
        (with_(messages={"received": 2, "normalized": 1}), {"messages": 3}),
        (with_(placed=frozenset(["shop:1", "shop:9"])), {"orders": 1}),
        (with_(deliveries=(Sent("dlv_7", "push_order", "sending", "erp", "soap-erp"),)), {"deliveries": 1}),
    ],
)
def test_what_is_left_to_do_is_counted(doctor: Callable[[Facts], Facts], left: dict[str, int]) -> None:
    assert outstanding(doctor(good())) == left
