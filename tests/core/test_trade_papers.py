"""Packages, despatch advice, labels, invoices, rules and chargebacks (O3 to O10 of the acceptance list)."""

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.domain import invoices, packtree
from core.domain.documents import check_document
from core.domain.papers import check_paper
from core.domain.payloads import jsonable
from core.errors import Conflict
from core.services.actions import apply_case
from core.services.advising import labels_from, labels_of
from core.services.changes import change_order
from core.services.chargebacks import set_state
from core.services.paper_answers import acknowledge
from core.services.papers import send_by_hand
from core.store.read.trade import trace
from core.store.unit import Store
from mappings.edi.shipped import shipped_map
from tests.core.trade_world import TradeWorld, line


@pytest.fixture
def world(store: Store) -> TradeWorld:
    return TradeWorld(store)


PALLET = [
    {"id": "c1", "parent": "p1", "contents": [{"sku": "A", "quantity": "24"}], "weight_g": 4000},
    {"id": "p1", "kind": "pallet", "weight_g": 30000},
    {
        "id": "c2",
        "parent": "p1",
        "contents": [{"sku": "A", "quantity": "12", "lot": "L7"}, {"sku": "B", "quantity": "2"}],
    },
]


def shipped(world: TradeWorld, packages: Any = PALLET, **more: Any) -> tuple[Any, Any]:
    order = world.buy(line("A", 3, "120.00", unit="CT", gtin="4006381333931"), line("B", 2, "5.00"), **more)
    world.settle()
    shipment = world.ship(order, packages=packages)
    world.settle()
    return order, shipment


def advice(world: TradeWorld) -> Any:
    [paper] = world.papers("despatch_advice")
    return check_paper("despatch_advice", paper.body)


def test_papers_of_a_store_name_the_order_the_buyer_issued_and_the_store(world: TradeWorld) -> None:
    lines = [
        line("A", 24, destinations=[{"store": "0815", "quantity": "12"}, {"store": "0816", "quantity": "12"}])
    ]  # fmt: skip
    stores = [
        {"external_id": each, "line1": f"Weg {each}", "city": "Kiel", "country": "DE"} for each in ("0815", "0816")
    ]
    world.buy(*lines, external_id="PO-7", number="PO-7", stores=stores)
    part = world.one("SELECT * FROM orders WHERE external_id = 'PO-7/0816'")
    with world.store.begin() as unit:
        # A change by hand keeps whose part it is.
        change_order(unit, world.hub.facts.get(unit.conn, 1), part.id, [{"op": "note", "note": "x"}], None)
    world.drain()
    world.settle()
    world.ship(part)
    world.settle()
    for kind, version in (("order_response", "855"), ("despatch_advice", "856"), ("invoice", "810")):
        [paper] = [each for each in world.papers(kind) if each.order_id == part.id]
        assert (paper.body["order_external_id"], paper.body["ship_to"]["external_id"]) == ("PO-7", "0816")
        written = shipped_map(f"x12/{version}.004010").write({**paper.body, "lines": paper.body["lines"]})
        said = [[each.tag, *each.elements] for each in written.body]
        at = {"855": ("BAK", 3), "856": ("PRF", 1), "810": ("BIG", 4)}[version]
        assert [each[at[1]] for each in said if each[0] == at[0]] == ["PO-7"]
        assert [each[4] for each in said if each[:2] == ["N1", "ST"]] == ["0816"]


def test_o3_the_tree_is_numbered_from_the_pallet_down_and_holds_what_was_shipped(world: TradeWorld) -> None:
    shipped(world)
    body = advice(world)
    assert [(each["number"], each.get("parent"), each["kind"]) for each in body["packages"]] == [
        (1, None, "pallet"),
        (2, 1, "carton"),
        (3, 1, "carton"),
    ]
    assert [(each["position"], each["quantity"], each["unit"]) for each in body["lines"]] == [
        (1, 3, "CT"),
        (2, 2, "C62"),
    ]
    assert [
        [(each["position"], each["quantity"], each.get("lot")) for each in package["contents"]]
        for package in body["packages"]
    ] == [[], [(1, 2, None)], [(1, 1, "L7"), (2, 2, None)]]
    assert len({each["sscc"] for each in body["packages"]}) == 3
    assert body["gross_weight_g"] == 30000
    assert packtree.faults_of(body) == []


@pytest.mark.parametrize(
    ("break_", "said"),
    [
        (lambda body: body["packages"].reverse(), "package 3 is the 1. of the list"),
        (lambda body: body["packages"][1].update(parent=3), "package 2 stands on 3, which is no pallet before it"),
        (lambda body: body["packages"][1]["contents"][0].update(position=9), "package 2 holds line 9, which is not in"),
        (lambda body: body["packages"][1]["contents"][0].update(quantity=Decimal(1)), "line 1: 2 packed, 3 shipped"),
        (lambda body: body["packages"][2].update(sscc=body["packages"][1]["sscc"]), "is on two packages"),
        (lambda body: body["packages"][2].update(contents=[]), "package 3 is empty"),
    ],
)
def test_o3_every_broken_tree_is_found(world: TradeWorld, break_: Any, said: str) -> None:
    shipped(world)
    body = deepcopy(advice(world))
    break_(body)
    assert [each for each in packtree.faults_of(body) if said in each]


def test_o3_contents_that_differ_from_the_shipment_keep_the_advice_back(world: TradeWorld) -> None:
    shipped(world, [{"contents": [{"sku": "A", "quantity": "36"}]}])
    [paper] = world.papers("despatch_advice")
    assert (paper.state, paper.answer) == ("kept_back", {"kept_back": ["line 2: 0 packed, 2 shipped"]})
    assert world.one("SELECT count(*) AS n FROM exception_case WHERE code = 'PAPER-RULE-422'").n == 1
    assert [push.kind for push in _sent(world)] == ["acknowledge_order", "push_invoice"]


def _sent(world: TradeWorld) -> list[Any]:
    world.deliver(world.retailer)
    return world.partners.partners["retailer"].order


def test_o4_an_sscc_the_node_used_before_is_refused(world: TradeWorld) -> None:
    own = [{"sscc": "376104250021234569"}]
    shipped(world, own)
    assert advice(world)["packages"][0]["sscc"] == "376104250021234569"
    shipped(world, own)
    assert len(world.papers("despatch_advice")) == 1
    case = world.one("SELECT sentence FROM exception_case WHERE code = 'PAPER-RULE-422'")
    assert "The SSCC 376104250021234569 was used for another package within twelve months" in case.sentence


def test_o5_labels_say_what_the_advice_says_and_a_difference_stops_them(world: TradeWorld) -> None:
    _, shipment = shipped(world)
    with world.store.begin() as unit:
        labels = labels_of(unit, world.hub.numbers, shipment.id)
    body = advice(world)
    assert [label.sscc for label in labels] == [each["sscc"] for each in body["packages"]]
    assert [[(each.position, each.lot, each.quantity) for each in label.contents] for label in labels] == [
        [(1, None, 2), (1, "L7", 1), (2, None, 2)],
        [(1, None, 2)],
        [(1, "L7", 1), (2, None, 2)],
    ]
    assert labels[1].elements == [("02", "04006381333931"), ("37", "2"), ("400", "PO1")]
    assert packtree.compare(labels, body) == []
    with world.store.begin() as unit:
        unit.conn.exec_driver_sql("UPDATE package_content SET quantity = 12 WHERE quantity = 24")
    with world.store.begin() as unit, pytest.raises(Conflict) as refused:
        labels_of(unit, world.hub.numbers, shipment.id)
    assert refused.value.error_code == "LABEL-TREE-409"


def test_o5_every_difference_between_label_and_advice_is_named(world: TradeWorld) -> None:
    shipped(world)
    body = advice(world)
    labels = labels_from(body)
    sscc = body["packages"][1]["sscc"]
    other = deepcopy(body)
    other["ship_to"]["city"] = "Bonn"
    assert f"SSCC {sscc}: the label goes to another address than the advice" in packtree.compare(labels, other)
    assert packtree.compare(labels[1:], body) == [f"SSCC {body['packages'][0]['sscc']} is advised and has no label"]
    del other["packages"][1]["sscc"]
    assert f"SSCC {sscc} has a label and is not advised" in packtree.compare(labels, other)


def test_o6_a_late_advice_fails_its_named_check_before_it_is_sent(store: Store) -> None:
    rules = [{"check": "advised_in_time", "block": False, "fee": "25.00", "code": "ASN-LATE"}]
    world = TradeWorld(store, rules=rules, advise_within_hours=2)
    order = world.buy(line("B", 2, "5.00"))
    world.settle()
    world.ship(order, occurred_at=(datetime.now(UTC) - timedelta(hours=5)).isoformat())
    world.settle()
    [paper] = world.papers("despatch_advice")
    [check] = paper.checks
    assert (check["check"], check["passed"], check["fee"]) == ("advised_in_time", False, "25")
    assert check["detail"].startswith("it is 180 minutes past the time it was due")
    assert paper.state == "sent"  # late is worse when it never comes


def test_o7_an_invoice_charges_what_was_shipped_and_adds_up(store: Store) -> None:
    allowances = [{"kind": "rebate", "rate": "0.03"}, {"kind": "freight", "charge": True, "amount": "4.90"}]
    world = TradeWorld(store, allowances=allowances)
    order = world.buy(line("A", 3, "119.99", unit="CT"), line("B", 7, "0.333", discount="1.00"))
    world.settle()
    world.ship(order, lines=[{"sku": "A", "quantity": "24"}, {"sku": "B", "quantity": "3"}])
    world.settle()
    world.ship(order)
    world.settle()
    first, second = (check_paper("invoice", each.body) for each in world.papers("invoice"))
    assert [(each["quantity"], each["unit"], each["unit_price"], each["net"]) for each in first["lines"]] == [
        (2, "CT", Decimal("119.99"), Decimal("239.98")),
        (3, "C62", Decimal("0.333"), Decimal("0.57")),  # 0.999 less 3/7 of the discount, 0.43
    ]
    assert first["totals"] == {
        "lines": Decimal("240.55"), "allowances": Decimal("7.22"), "charges": Decimal("4.90"),
        "net": Decimal("238.23"), "tax": Decimal("45.26"), "grand": Decimal("283.49"),
    }  # fmt: skip
    assert [(each["quantity"], each["net"]) for each in second["lines"]] == [
        (1, Decimal("119.99")),
        (4, Decimal("0.76")),
    ]
    assert second["totals"]["charges"] == 0
    discounts = [each["amount"] for paper in (first, second) for each in paper["lines"][1]["allowances"]]
    assert sum(discounts) == Decimal("1.00")


@pytest.mark.parametrize(
    ("break_", "said"),
    [
        (lambda body: body["lines"][0].update(quantity=Decimal(4)), "line 1 charges 4 units, 3 were shipped"),
        (lambda body: body["lines"][0].update(net=Decimal("1")), "line 1 comes to 360.00, not 1"),
        (lambda body: body["taxes"][0].update(amount=Decimal("1")), "the taxes are not those of the lines"),
        (lambda body: body["totals"].update(grand=Decimal("1")), "grand is 440.30, not 1"),
    ],
)
def test_o7_sums_are_recomputed(world: TradeWorld, break_: Any, said: str) -> None:
    shipped(world)
    body = check_paper("invoice", world.papers("invoice")[0].body)
    may = {1: Decimal(3), 2: Decimal(2)}
    assert invoices.faults_of(body, may) == []
    break_(body)
    assert said in invoices.faults_of(body, may)


def test_o8_a_wrong_gtin_or_sscc_never_leaves() -> None:
    from core.domain.papers import DespatchAdviceSchema

    schema = DespatchAdviceSchema(partial=True)
    wrong: Any = schema.validate({
        "lines": [{"position": 1, "quantity": "1", "gtin": "4006381333932"}],
        "packages": [{"number": 1, "kind": "carton", "sscc": "376104250021234568"}],
    })  # fmt: skip
    assert wrong["lines"][0]["gtin"] == ["must be a GTIN: 8 or 12 or 13 or 14 digits, the last a GS1 check digit"]
    assert wrong["packages"][0]["sscc"] == ["must be a SSCC: 18 digits, the last a GS1 check digit"]


def test_o7_an_allowance_over_several_tax_rates_is_shared_to_the_cent() -> None:
    lines = [
        {"net": Decimal("1.00"), "tax_rate": Decimal("0.07")},
        {"net": Decimal("1.00"), "tax_rate": Decimal("0.19")},
        {"net": Decimal("1.00"), "tax_rate": Decimal("0.25")},
    ]
    assert invoices.spread(Decimal("10.00"), lines, "EUR") == [
        (Decimal("0.07"), Decimal("3.33")),
        (Decimal("0.19"), Decimal("3.34")),
        (Decimal("0.25"), Decimal("3.33")),
    ]


RULES = [
    {"check": "one_line_per_carton", "fee": "50.00", "code": "PACK-02"},
    {"check": "gtin_on_every_line", "block": False, "fee": "10.00", "code": "ITEM-01"},
]


def test_o9_a_paper_that_breaks_a_rule_is_kept_back_until_a_person_sends_it(store: Store) -> None:
    world = TradeWorld(store, rules=RULES)
    shipped(world)
    [paper] = world.papers("despatch_advice")
    assert paper.state == "kept_back"
    assert [(each["check"], each["passed"], each["detail"]) for each in paper.checks] == [
        ("one_line_per_carton", False, "cartons 3 hold more than one line"),
        ("gtin_on_every_line", False, "lines 2 have no GTIN"),
    ]
    assert "push_despatch_advice" not in [push.kind for push in _sent(world)]
    case = world.one("SELECT * FROM exception_case WHERE code = 'PAPER-RULE-422'")
    assert (case.recommended["action"], case.evidence["paper"]) == ("send_paper", f"pap_{paper.id.hex}")
    with world.store.begin() as unit:
        assert apply_case(unit, world.facts, world.hub.connectors, case.id) == {"action": "send_paper", "done": 1}
    assert [push.kind for push in _sent(world)][-1] == "push_despatch_advice"
    assert world.one("SELECT state FROM exception_case WHERE code = 'PAPER-RULE-422'").state == "superseded"
    with world.store.begin() as unit, pytest.raises(Conflict):
        send_by_hand(unit, world.facts, paper.id)


def test_o9_a_deduction_is_traced_to_the_papers_and_their_times(store: Store) -> None:
    rules = [{"check": "gtin_on_every_line", "block": False, "fee": "10.00", "code": "ITEM-01"}]
    world = TradeWorld(store, rules=rules)
    shipped(world)
    _sent(world)
    [paper] = world.papers("despatch_advice")
    [bill] = world.papers("invoice")
    heard = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
    with world.store.begin() as unit:
        assert acknowledge(unit, paper.delivery_id, accepted=True, at=heard)
    remittance = {
        "external_id": "REM-1", "currency": "EUR", "paid_on": "2026-12-01",
        "invoices": [
            {"invoice": bill.number, "paid": "430.30", "deductions": [{"code": "ITEM-01", "amount": "10.00"}]},
            {"invoice": "UNKNOWN", "paid": "0", "deductions": [{"code": "X", "amount": "1.00"}]},
        ],
    }  # fmt: skip
    world.send("remittance", remittance, world.retailer, key="r1")
    world.send("remittance", remittance, world.retailer, key="r2")
    world.drain()
    known, unknown = world.all("SELECT * FROM chargeback ORDER BY id")
    assert (known.rule, known.amount, known.paper_id) == ("gtin_on_every_line", Decimal("10.00"), bill.id)
    assert (unknown.rule, unknown.paper_id) == (None, None)
    with world.store.begin() as unit:
        found = {each["kind"]: each for each in trace(unit.conn, bill.id)}
    sent = world.one("SELECT finished_at FROM delivery WHERE id = :id", id=paper.delivery_id).finished_at
    assert found["despatch_advice"]["sent_at"] == jsonable(sent)
    assert found["despatch_advice"]["acknowledged_at"] == "2026-11-28T12:00:00Z"
    assert found["despatch_advice"]["failed"] == ["gtin_on_every_line"]
    assert found["order_response"]["state"] == "sent"
    with world.store.begin() as unit:
        set_state(unit, known.id, "accepted")
    states = world.all("SELECT state FROM exception_case WHERE code = 'TRADE-CHARGEBACK-001'")
    assert sorted(each.state for each in states) == ["open", "superseded"]


def test_o10_an_older_stock_report_never_overwrites_a_newer_one_and_lots_stay(world: TradeWorld) -> None:
    with world.store.begin() as unit:
        unit.conn.exec_driver_sql("UPDATE stock_position SET counted_at = NULL")
    world.send("item", {"items": [{"sku": "C", "tracking": "lot"}]}, world.shop)
    world.drain()

    def report(as_of: str, *counts: tuple[str, str, str]) -> None:
        items = [
            {"sku": "C", "lot": lot, "expires_on": day, "on_hand": units, "node": "HAM"} for lot, day, units in counts
        ]
        world.send("stock", jsonable(check_document("stock", {"as_of": as_of, "items": items})), world.wms)
        world.drain()

    report("2026-11-27T10:00:00+00:00", ("L1", "2027-01-31", "4"), ("L2", "2027-03-31", "6"))
    report("2026-11-27T09:00:00+00:00", ("L1", "2027-01-31", "90"))
    lots = world.all("SELECT lot, expires_on::text AS day, on_hand FROM stock_lot ORDER BY lot")
    assert [tuple(each) for each in lots] == [("L1", "2027-01-31", 4), ("L2", "2027-03-31", 6)]
    assert world.one("SELECT outcome FROM message WHERE topic = 'stock' ORDER BY id DESC LIMIT 1").outcome == (
        "0 applied, 1 older than what is known"
    )
