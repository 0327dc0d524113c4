"""The ERP connector against the simulated ERP, over loopback."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from connectors.sdk.simulation.faults import Faults
from connectors.soap_erp.simulator import Partner
from core.domain.vocabulary import DocumentType, Write
from core.errors import ConnectorError, Declined, Misconfigured, OutcomeUnknown, RateLimited, Rejected, Transient
from core.ports.connectors import InboundMessage, Page, Push
from tests.connectors.soap_erp.conftest import ORDER, PASSWORD, Opening, order_push

CANCEL = Push(
    Write.CANCEL_ORDER,
    "dlv_9",
    {
        "order": {"id": ORDER["id"], "external_id": ORDER["external_id"], "number": "#1001"},
        "reason": "changed mind",
        "lines": [{"line_id": "lin_1", "external_id": "866", "sku": "FP-MUG-350-GRN", "quantity": "1"}],
    },
)
SHIPMENT = Push(
    Write.PUSH_SHIPMENT,
    "dlv_5",
    {
        "shipment": {
            "id": "shp_1",
            "number": None,
            "node": "AAR",
            "carrier": "dhl",
            "service": None,
            "tracking_number": "JJD1",
            "tracking_url": None,
            "shipped_at": "2026-11-20T12:00:00Z",
            "lines": [{"line_id": "lin_1", "external_id": "866", "sku": "FP-MUG-350-GRN", "quantity": "2"}],
            "packages": [{"sscc": "340123450000000011", "tracking_number": "JJD1", "weight_g": 700}],
        },
        "order": {
            "id": ORDER["id"],
            "external_id": ORDER["external_id"],
            "number": "#1001",
            "connection": "shopify-eu",
        },
        "fulfillment": {"id": "ful_1", "number": "F1"},
    },
)


def posted(erp: Partner) -> list[tuple[str, str]]:
    return [(each["type"], each["reference"]) for each in erp.documents]


def test_an_order_its_changes_allocation_shipment_and_cancellation_are_posted(erp: Partner, opened: Opening) -> None:
    connector = opened(erp)
    assert connector.push_order(order_push("dlv_1")).reference == "SO-100001"
    assert connector.push_order(order_push("dlv_2", "changed")).reference == "CH-100002"
    assert connector.push_order(order_push("dlv_3", "allocated")).reference == "CH-100003"
    assert connector.cancel_order(CANCEL).reference == "CA-100004"
    assert connector.push_shipment(SHIPMENT).reference == "GI-100005"
    assert posted(erp) == [
        ("SALES_ORDER", "dlv_1"),
        ("CHANGE", "dlv_2"),
        ("CHANGE", "dlv_3"),
        ("CANCELLATION", "dlv_9"),
        ("SHIPMENT", "dlv_5"),
    ]
    order = erp.documents[0]["xml"]
    assert "<ns0:UnitPrice>19.90</ns0:UnitPrice>" in order
    assert "<ns0:Warehouse>AAR</ns0:Warehouse>" in order
    assert erp.doubles == {}


@pytest.mark.parametrize("push", [order_push(), CANCEL, SHIPMENT], ids=lambda push: push.kind)
def test_a_lost_reply_is_found_by_reference_and_happens_once(erp: Partner, opened: Opening, push: Push) -> None:
    connector = opened(erp)
    erp.prepare(push)
    assert connector.find_by_reference(push) is None
    erp.faults = Faults(drop=1.0)
    with pytest.raises(OutcomeUnknown):
        getattr(connector, push.kind)(push)
    erp.faults = Faults()
    found = connector.find_by_reference(push)
    assert found is not None
    assert found.reference == erp.documents[0]["number"]
    assert erp.state()["totals"] == {push.kind: 1}


@pytest.mark.parametrize("fault", ["cut", "error"])
def test_half_a_reply_and_an_error_after_the_effect_are_looked_up(erp: Partner, opened: Opening, fault: str) -> None:
    connector = opened(erp)
    connector.check()
    erp.faults = Faults().changed({fault: 1.0})
    with pytest.raises(OutcomeUnknown):
        connector.push_order(order_push())
    erp.faults = Faults()
    assert connector.find_by_reference(order_push()) is not None


@pytest.mark.parametrize("option", ["malformed", "server_fault"])
def test_replies_that_say_nothing_are_looked_up(erp: Partner, opened: Opening, option: str) -> None:
    connector = opened(erp)
    erp.options[option] = 1.0
    with pytest.raises(OutcomeUnknown):
        connector.push_order(order_push())
    with pytest.raises(Transient):
        connector.find_by_reference(order_push())
    erp.options[option] = 0.0
    assert connector.find_by_reference(order_push()) is not None
    assert posted(erp) == [("SALES_ORDER", "dlv_1")]


@pytest.mark.parametrize(
    ("faults", "kind"), [({"unavailable": 1.0}, Transient), ({"rate_limit": 1.0, "retry_after": 9}, RateLimited)]
)
def test_refusals_before_the_effect_are_tried_again(
    erp: Partner, opened: Opening, faults: dict[str, float], kind: type[Transient]
) -> None:
    connector = opened(erp)
    connector.check()
    erp.faults = Faults().changed(faults)
    with pytest.raises(Transient) as caught:
        connector.push_order(order_push())
    assert type(caught.value) is kind
    assert caught.value.retry_after == faults.get("retry_after", 1)
    assert posted(erp) == []


@pytest.mark.parametrize("event", ["changed", "allocated"])
def test_an_order_the_erp_never_heard_of_is_created(erp: Partner, opened: Opening, event: str) -> None:
    connector = opened(erp)
    assert connector.push_order(order_push("dlv_1", event)).reference == "SO-100001"
    assert connector.push_order(order_push("dlv_2", event)).reference == "CH-100002"
    assert posted(erp) == [("SALES_ORDER", "dlv_1"), ("CHANGE", "dlv_2")]
    found = connector.find_by_reference(order_push("dlv_1", event))
    assert found is not None
    assert found.reference == "SO-100001"


def test_a_locked_document_is_tried_again(erp: Partner, opened: Opening) -> None:
    connector = opened(erp)
    erp.options["soap_fault"] = 1.0
    with pytest.raises(Transient, match="LOCKED"):
        connector.push_order(order_push())
    assert posted(erp) == []


def test_the_erps_own_no_is_declined_or_rejected(erp: Partner, opened: Opening) -> None:
    connector = opened(erp)
    with pytest.raises(Rejected, match="ORDER_UNKNOWN") as caught:
        connector.push_shipment(SHIPMENT)
    assert caught.value.fix == "Push the order itself first; then retry this delivery."
    connector.push_order(order_push())
    connector.push_shipment(SHIPMENT)
    with pytest.raises(Declined, match="ALREADY_SHIPPED"):
        connector.cancel_order(CANCEL)


def test_a_repeat_is_recognized_by_an_idempotent_erp_and_doubles_in_another(erp: Partner, opened: Opening) -> None:
    connector = opened(erp)
    assert connector.push_order(order_push()) == connector.push_order(order_push())
    assert (erp.doubles, dict(erp.repeats)) == ({}, {"push_order": 1})
    erp.options["idempotent"] = False
    connector.push_order(order_push())
    assert erp.doubles == {"push_order": ["dlv_1"]}


@pytest.mark.parametrize(
    "changes",
    [
        {"currency": "Euro"},
        {"external_id": None},
        {"placed_at": "yesterday"},
        {"ship_to": {"name": "A" * 201}},
        {"lines": [{**ORDER["lines"][0], "quantity": "many"}]},
        {"lines": []},
    ],
)
def test_an_order_that_does_not_fit_is_rejected_and_not_sent(
    erp: Partner, opened: Opening, changes: dict[str, Any]
) -> None:
    connector = opened(erp)
    with pytest.raises(Rejected, match="cannot be written"):
        connector.push_order(order_push(**changes))
    assert erp.state()["totals"] == {}
    assert posted(erp) == []


# -- stock


def stock_pages(connector: Any) -> list[Page]:
    pages = [connector.list_stock({})]
    while pages[-1].more:
        pages.append(connector.list_stock(pages[-1].cursor))
    return pages


def test_stock_is_read_page_by_page(erp: Partner, opened: Opening, tmp_path: Path) -> None:
    items = [{"sku": f"S{n}", "warehouse": "AAR", "on_hand": str(n)} for n in range(1_203)]
    erp.command("stock", {"items": items})
    connector = opened(erp)
    pages = stock_pages(connector)
    assert [page.cursor for page in pages] == [{"after": "500"}, {"after": "1000"}, {}]
    found = []
    for page in pages:
        (record,) = page.records
        message = InboundMessage(uuid4(), record.topic, record.body, record.content_type, {}, record.occurred_at)  # type: ignore[arg-type]
        (document,) = connector.normalize(message)
        assert document.type is DocumentType.STOCK
        found += document.body["items"]
    assert [(each["sku"], each["node"], str(each["on_hand"])) for each in found] == [
        (f"S{n}", "AAR", str(n)) for n in range(1_203)
    ]
    assert len({page.records[0].dedupe_key for page in pages}) == 3


def test_reading_goes_on_after_a_cut(erp: Partner, opened: Opening) -> None:
    items = [{"sku": f"S{n}", "warehouse": "AAR", "on_hand": "1"} for n in range(600)]
    erp.command("stock", {"items": items})
    connector = opened(erp)
    first = connector.list_stock({})
    erp.faults = Faults(drop=1.0)
    with pytest.raises(Transient):
        connector.list_stock(first.cursor)
    erp.faults = Faults()
    assert connector.list_stock(first.cursor).more is False


# -- proof and secrecy


@pytest.mark.parametrize("security", ["basic", "wsse-text", "wsse-digest"])
def test_every_way_of_proof_works_and_a_wrong_password_pauses(opened: Opening, security: str) -> None:
    with Partner(secrets={"password": PASSWORD}, options={"security": security, "username": "hub"}) as erp:
        connector = opened(erp, security=security, username="hub")
        assert connector.check()["contract_changed"] is False
        connector.push_order(order_push())
        exchanges = connector.exchanges()
        assert exchanges
        assert PASSWORD not in repr(exchanges)
        erp.secrets["password"] = "another-one"
        with pytest.raises(Misconfigured) as caught:
            connector.push_order(order_push("dlv_2"))
        assert PASSWORD not in repr(caught.value.as_dict())
        assert posted(erp) == [("SALES_ORDER", "dlv_1")]


def test_a_missing_user_name_is_said(erp: Partner, opened: Opening) -> None:
    with pytest.raises(Misconfigured, match="no user name or password"):
        opened(erp, security="wsse-text").check()


def test_every_error_is_one_the_hub_knows(erp: Partner, opened: Opening) -> None:
    connector = opened(erp)
    connector.check()
    kinds = set()
    for seed in range(30):
        erp.faults = Faults(drop=0.2, cut=0.2, unavailable=0.2, rate_limit=0.1, error=0.2)
        erp.options.update(malformed=0.2, server_fault=0.2, soap_fault=0.2)
        try:
            connector.push_order(order_push(f"dlv_{seed}"))
        except ConnectorError as error:
            kinds.add(type(error))
    erp.faults = Faults()
    erp.options.update(malformed=0.0, server_fault=0.0, soap_fault=0.0)
    assert kinds <= {OutcomeUnknown, Transient, RateLimited}
    for seed in range(30):
        push = order_push(f"dlv_{seed}")
        if connector.find_by_reference(push) is None:
            connector.push_order(push)
    assert erp.state()["totals"] == {"push_order": 30}
    assert erp.doubles == {}
