"""What a buyer reports by EDIFACT: what he received of a despatch advice, and what he sold."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.services.receiving import differences
from core.store.read.fulfillment import read_shipment
from core.store.unit import Store
from tests.connectors.edi.partner_world import EdiWorld, order, x12
from tests.connectors.edi.test_partner import EDIFACT, ORDERS

DOCUMENTS = [
    {"in": "850", "map": "x12/850.004010"},
    {"in": "RECADV", "map": "edifact/recadv.D96A"},
    {"in": "SLSRPT", "map": "edifact/slsrpt.D96A"},
]
TYPES = {"RECADV": "EAN003", "SLSRPT": "EAN004"}


@pytest.fixture
def world(store: Store, tmp_path: Path) -> EdiWorld:
    return EdiWorld(store, tmp_path / "acme", documents=DOCUMENTS)


def message(kind: str, *segments: str, ref: int) -> bytes:
    """Return an interchange of one message of this kind."""
    body = [f"UNH+1+{kind}:D:96A:UN:{TYPES[kind]}", *segments]
    whole = ["UNB+UNOC:3+ACME:ZZ+HUB:ZZ+260306:1200+" + str(ref), *body, f"UNT+{len(body) + 1}+1", f"UNZ+1+{ref}"]
    return ("'".join(whole) + "'").encode()


def advised(world: EdiWorld) -> Any:
    """Take in an order of 5 A, ship 3 of them, and return the despatch advice."""
    world.drop(x12(order("PO-1", quantity="5")))
    world.ship(world.one("SELECT * FROM orders"), lines=[{"sku": "A", "quantity": "3"}])
    world.settle()
    [advice] = world.papers("despatch_advice")
    return advice


def received(number: str, *lines: str, ref: int, name: str = "RA-1") -> bytes:
    head = [f"BGM+632+{name}+9", "DTM+137:202603061000:203", f"RFF+AAK:{number}", "NAD+BY+4098765000003::9", "CPS+1"]
    return message("RECADV", *head, *lines, ref=ref)


def test_a_recadv_that_says_what_was_advised_is_kept_beside_the_shipment(world: EdiWorld) -> None:
    advice = advised(world)
    world.drop(received(advice.number, "LIN+1", "PIA+1+A:SA", "QTY+194:3", "CNT+2:1", ref=50), "recadv.edi")
    stored = world.one("SELECT state, outcome, order_id FROM message WHERE topic = 'RECADV'")
    assert (stored.state, stored.outcome, stored.order_id) == ("applied", None, advice.order_id)
    assert "TRADE-RECEIVED-409" not in world.cases()
    with world.store.read() as conn:
        shown = read_shipment(conn, advice.shipment_id)["received"]
    assert [(each["external_id"], each["difference"], each["lines"][0]["accepted"]) for each in shown] == [
        ("RA-1", None, "3")
    ]


def test_a_recadv_of_less_opens_a_case_and_changes_nothing(world: EdiWorld) -> None:
    advice = advised(world)
    before = world.one("SELECT state, delivered_at FROM shipment")
    lines = ["LIN+1", "PIA+1+A:SA", "QTY+48:2", "QTY+195:1", "CNT+2:1"]
    world.drop(received(advice.number, *lines, ref=50), "recadv.edi")
    [case] = world.all("SELECT evidence FROM exception_case WHERE code = 'TRADE-RECEIVED-409'")
    assert case.evidence["detail"] == "1 of A not accepted; 1 of A not received"
    assert world.one("SELECT state, delivered_at FROM shipment") == before
    # The same advice in another interchange is the same report.
    world.drop(received(advice.number, *lines, ref=51), "again.edi")
    assert world.one("SELECT count(*) AS n FROM receipt_report").n == 1
    assert len(world.all("SELECT id FROM exception_case WHERE code = 'TRADE-RECEIVED-409'")) == 1


def test_a_recadv_of_an_advice_nobody_sent_waits_and_is_not_kept(world: EdiWorld) -> None:
    advised(world)
    world.drop(received("ASN-NONE", "LIN+1", "PIA+1+A:SA", "QTY+194:3", "CNT+2:1", ref=50), "recadv.edi")
    stored = world.one("SELECT state, error FROM message WHERE topic = 'RECADV'")
    assert stored.error["code"] == "TRADE-ADVICE-404"
    assert world.one("SELECT count(*) AS n FROM receipt_report").n == 0


def test_a_slsrpt_is_kept_with_what_it_means_and_moves_no_stock(world: EdiWorld) -> None:
    before = world.all("SELECT on_hand FROM stock_position ORDER BY item_id, node_id")
    world.drop(
        message(
            "SLSRPT", "BGM+73E+SR-1+9", "DTM+137:202603061000:203", "DTM+90:20260301:102", "DTM+91:20260305:102",
            "NAD+BY+4098765000003::9", "LOC+162+4098765000003::9", "LIN+1", "PIA+1+A:SA", "QTY+153:12", "QTY+61:2",
            "LOC+162+4098765000010::9", "LIN+1", "PIA+1+A:SA", "QTY+153:3", ref=50,
        ),
        "slsrpt.edi",
    )  # fmt: skip
    stored = world.one("SELECT state, outcome FROM message WHERE topic = 'SLSRPT'")
    assert stored == ("applied", "15 sold and 2 returned at 2 places, 2026-03-01 to 2026-03-05")
    [kept] = world.all("SELECT kind, external_id, body FROM receipt_report")
    assert (kept.kind, kept.external_id, len(kept.body["lines"])) == ("sales_report", "SR-1", 2)
    assert world.all("SELECT on_hand FROM stock_position ORDER BY item_id, node_id") == before


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ([{"sku": "A", "accepted": 3}, {"gtin": "4012345000016", "accepted": 2}], []),
        ([{"sku": "A", "accepted": 1}, {"sku": "A", "accepted": 2}, {"position": 2, "accepted": 2}], []),
        ([{"sku": "A", "accepted": 4}, {"sku": "B", "accepted": 2}], ["1 of A more than advised"]),
        ([{"sku": "A", "accepted": 3}], ["nothing is said of 2 of B"]),
        (
            [{"sku": "A", "accepted": 3}, {"sku": "B", "accepted": 2}, {"sku": "C", "accepted": 1}],
            ["1 of C, which was not advised"],
        ),
        (
            [{"sku": "A", "accepted": 2, "rejected": 1, "reason": "wet"}, {"sku": "B", "accepted": 2}],
            ["1 of A not accepted (wet)"],
        ),
    ],
)
def test_what_was_received_is_compared_by_item_and_by_position_where_no_item_is_named(
    said: list[dict[str, Any]], found: list[str]
) -> None:
    lines = [
        {"position": 1, "sku": "A", "quantity": "3"},
        {"position": 2, "sku": "B", "gtin": "4012345000016", "quantity": "2"},
    ]
    exact = [{k: Decimal(v) if k in ("accepted", "rejected") else v for k, v in each.items()} for each in said]
    assert differences(lines, exact) == found


@pytest.mark.parametrize(
    ("answer", "state"),
    [("BGM+313+AP-1+29'RFF+ACW:{number}'", "answered"),
     ("BGM+313+AP-1+27'RFF+ACW:{number}'ERC+42'FTX+AAO+++no such order'", "refused")],
)  # fmt: skip
def test_a5_a6_an_aperak_is_the_business_answer_to_a_paper_of_ours(
    store: Store, tmp_path: Path, answer: str, state: str
) -> None:
    world = EdiWorld(store, tmp_path / "acme", **EDIFACT)
    world.drop(ORDERS.encode())
    world.settle()
    world.sent()
    number = world.one("SELECT number FROM edi_document WHERE kind = 'ORDRSP'").number
    said = answer.format(number=number)
    count = said.count("'") + 2
    head = "UNB+UNOC:3+ACME:ZZ+HUB:ZZ+260301:1300+78'UNH+1+APERAK:D:96A:UN'"
    world.drop(f"{head}{said}UNT+{count}+1'UNZ+1+78'".encode(), "aperak.edi")
    row = world.one("SELECT state, problems FROM edi_document WHERE kind = 'ORDRSP'")
    assert row.state == state
    assert [each["text"] for each in row.problems or []] == (["no such order"] if state == "refused" else [])
    assert ("EDI-REFUSED-422" in world.cases()) is (state == "refused")
