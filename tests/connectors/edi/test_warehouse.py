"""A node whose warehouse speaks EDI: work leaves as 940, and what the warehouse reports of it comes back."""

from decimal import Decimal
from pathlib import Path

import pytest

from core.services.agreements import set_pack
from core.services.canceling import cancel_order
from core.services.replaying import replay_message
from core.store.unit import Store
from tests.connectors.edi.partner_world import x12
from tests.connectors.edi.warehouse_world import DOCUMENTS, WarehouseWorld


@pytest.fixture
def world(store: Store, tmp_path: Path) -> WarehouseWorld:
    return WarehouseWorld(store, tmp_path / "depot")


def released(world: WarehouseWorld, **lines: int) -> str:
    """Take in an order of these units and return the number the warehouse got it by."""
    world.send("order", world.order(lines))
    world.drain()
    [message] = world.told("940")
    return message[0].split("*")[2]


def test_o10_work_leaves_as_940_and_a_945_ships_it_with_lots_and_expiry(world: WarehouseWorld) -> None:
    world.send("order", world.order({"A": 3, "B": 1}, note="Ring twice"))
    world.drain()
    [message] = world.told("940")
    work = world.work()[0]
    number = work.number[-22:]
    assert [each for each in message if each.startswith(("W05", "N1*", "NTE", "LX", "W01", "N9*CO", "W76"))] == [
        f"W05*N*{number}*#1001", "N1*WH**92*HAM", "N1*ST*Ada Test", "N9*CO*X1", "NTE*GEN*Ring twice",
        "LX*1", "W01*3*EA**VN*A", "LX*2", "W01*1*EA**VN*B", "W76*4",
    ]  # fmt: skip
    assert work.reference == number
    world.tell(
        "945", f"W06*F*{number}*20260302*SHP-1", "N1*WH*Depot North", "N9*CN*1Z999", "G62*11*20260302*X*1405*UT",
        "W27*M*UPSN", "LX*1", "MAN*GM*00340123450000000017", "W12*CC*3*3**EA**VN*A", "N9*LT*L-7", "G62*36*20270131",
        "W12*CC*1*1**EA**VN*B", "W03*4",
    )  # fmt: skip
    shipment = world.one("SELECT * FROM shipment")
    assert (shipment.external_id, shipment.carrier, shipment.tracking_number) == ("SHP-1", "UPSN", "1Z999")
    assert f"{shipment.shipped_at:%Y-%m-%d %H:%M}" == "2026-03-02 14:05"
    assert shipment.packages == [
        {
            "sscc": "340123450000000017",
            "contents": [
                {"sku": "A", "quantity": "3", "lot": "L-7", "expires_on": "2027-01-31"},
                {"sku": "B", "quantity": "1"},
            ],
        }
    ]
    assert world.work()[0].state == "shipped"
    assert world.one("SELECT phase FROM orders").phase == "shipped"
    world.check_books()


def test_o10_a_line_the_945_is_short_of_is_a_short_pick(world: WarehouseWorld) -> None:
    number = released(world, A=3, B=2)
    world.tell(
        "945", f"W06*F*{number}*20260302*SHP-1", "N1*WH*Depot North", "LX*1", "W12*CP*3*1*2*EA**VN*A",
        "LX*2", "W12*CC*2*2**EA**VN*B", "W03*3",
    )  # fmt: skip
    lines = {row.sku: (row.shipped, row.canceled) for row in world.all(
        "SELECT l.sku, f.shipped, f.canceled FROM fulfillment_line f JOIN order_line l ON l.id = f.line_id"
    )}  # fmt: skip
    assert lines["A"] == (1, 2)
    assert lines["B"] == (2, 0)
    assert world.work()[0].state == "shipped"
    assert [row.data["units"] for row in world.all("SELECT data FROM event WHERE type = 'fulfillment.short'")] == ["2"]
    world.check_books()


def test_a_945_in_cartons_ships_their_units_or_waits_until_somebody_says_how_many(world: WarehouseWorld) -> None:
    number = released(world, A=24, B=2)
    rows = ("LX*1", "W12*CC*2*2**CT**VN*A", "LX*2", "W12*CC*2*2**CA**VN*B", "W03*4")
    world.tell("945", f"W06*F*{number}*20260302*SHP-1", "N1*WH*Depot North", *rows)
    message = world.one("SELECT id, state, error FROM message WHERE topic = '945'")
    assert (message.state, message.error["code"]) == ("quarantined", "UNIT-PACK-422")
    assert "B is reported in XCS and counted in C62" in message.error["what"]
    assert world.one("SELECT sum(shipped) AS n FROM fulfillment_line").n == 0
    with world.store.begin() as unit:
        set_pack(unit, "B", "CS", Decimal(1))
        replay_message(unit, message.id)
    world.drain()
    assert world.one("SELECT sum(shipped) AS n FROM fulfillment_line").n == 26
    world.check_books()


def test_what_follows_in_another_shipment_is_not_short(world: WarehouseWorld) -> None:
    number = released(world, A=3)
    for shipment, row in (("SHP-1", "W12*BP*3*1*2*EA**VN*A"), ("SHP-2", "W12*CC*2*2**EA**VN*A")):
        world.tell("945", f"W06*F*{number}*20260302*{shipment}", "N1*WH*Depot North", "LX*1", row)
    assert [row.external_id for row in world.all("SELECT external_id FROM shipment ORDER BY id")] == ["SHP-1", "SHP-2"]
    assert world.one("SELECT shipped, canceled FROM fulfillment_line") == (3, 0)
    # The same report in another file is the same shipment.
    world.tell("945", f"W06*F*{number}*20260302*SHP-2", "N1*WH*Depot North", "LX*1", "W12*CC*2*2**EA**VN*A")
    assert world.one("SELECT count(*) AS n FROM shipment").n == 2
    world.check_books()


def cancel(world: WarehouseWorld) -> None:
    """Have somebody cancel the one order."""
    order_id = world.one("SELECT id FROM orders").id
    with world.store.begin() as unit:
        cancel_order(unit, world.facts, order_id, None, "the buyer changed his mind")


def test_a_warehouse_that_is_asked_to_stop_answers_with_a_945_of_nothing(world: WarehouseWorld) -> None:
    number = released(world, A=3)
    cancel(world)
    [message] = world.told("940")
    assert message == [
        f"W05*F*{number}*#1001", "N1*WH**92*HAM", "N9*CO*X1", "NTE*GEN*the buyer changed his mind"
    ]  # fmt: skip
    assert world.work()[0].state == "canceling"
    world.tell("945", f"W06*F*{number}*20260302*SHP-1", "N1*WH*Depot North", "LX*1", "W12*CP*3*0*3*EA**VN*A")
    assert (world.work()[0].state, world.one("SELECT state FROM orders").state) == ("canceled", "canceled")
    assert world.one("SELECT count(*) AS n FROM shipment").n == 0
    world.check_books()


def test_a_warehouse_that_shipped_meanwhile_has_shipped(world: WarehouseWorld) -> None:
    number = released(world, A=3)
    cancel(world)
    world.sent()
    world.tell("945", f"W06*F*{number}*20260302*SHP-1", "N1*WH*Depot North", "LX*1", "W12*CC*3*3**EA**VN*A")
    assert (world.work()[0].state, world.one("SELECT state FROM orders").state) == ("shipped", "completed")


def test_a_warehouse_without_an_agreed_cancellation_goes_on(store: Store, tmp_path: Path) -> None:
    world = WarehouseWorld(
        store, tmp_path / "depot", documents=[each for each in DOCUMENTS if "cancel" not in each["map"]]
    )
    released(world, A=3)
    cancel(world)
    assert world.told("940") == []
    assert world.work()[0].state == "picking"
    assert world.one("SELECT state FROM delivery WHERE kind = 'cancel_fulfillment_order'").state == "declined"


def test_work_for_a_partner_who_agreed_to_none_is_a_dead_letter_that_says_so(store: Store, tmp_path: Path) -> None:
    world = WarehouseWorld(store, tmp_path / "depot", documents=[{"in": "945", "map": "x12/945.004010"}])
    world.send("order", world.order({"A": 3}))
    world.drain()
    world.deliver(world.acme)
    assert not (tmp_path / "depot" / "outbox").exists()
    assert world.one("SELECT state FROM delivery WHERE kind = 'push_fulfillment_order'").state == "dead"
    [found] = world.all("SELECT evidence FROM exception_case WHERE state = 'open'")
    assert found.evidence["code"] == "EDI-KIND-422"


def test_a_partner_who_only_counts_a_node_leaves_its_work_to_people(store: Store, tmp_path: Path) -> None:
    world = WarehouseWorld(store, tmp_path / "depot", documents=[{"in": "846", "map": "x12/846.004010"}])
    world.send("order", world.order({"A": 3}))
    world.drain()
    world.deliver(world.acme)
    assert world.one("SELECT state FROM delivery WHERE kind = 'push_fulfillment_order'").state == "delivered"
    [work] = world.work()
    assert (work.state, work.reference) == ("released", None)
    assert world.cases() == []


def test_a5_a6_a_940_is_accepted_by_997_and_refused_by_824(world: WarehouseWorld) -> None:
    number = released(world, A=3)
    sent = world.one("SELECT * FROM edi_document WHERE kind = '940'")
    assert (sent.number, sent.state, sent.order_id is not None) == (number, "sent", True)
    world.drop(
        x12(
            f"ST*997*0001~AK1*OW*{sent.group_reference}~AK2*940*{sent.reference}~AK5*A~AK9*A*1*1*1~SE*6*0001~",
            ref=90, function="FA", group=90,
        ),
        "997.edi",
    )  # fmt: skip
    assert world.one("SELECT state FROM edi_document WHERE kind = '940'").state == "accepted"
    world.tell(
        "824", "BGN*00*77*20260302", f"OTI*TR*TN*{number}*******940", "TED*006**N1*2*4**HAM*the depot is not known"
    )
    document = world.one("SELECT state, problems FROM edi_document WHERE kind = '940'")
    assert document.state == "refused"
    assert "EDI-REFUSED-422" in world.cases()


def test_a_945_that_does_not_add_up_waits_in_quarantine_and_ships_nothing(world: WarehouseWorld) -> None:
    number = released(world, A=3)
    world.tell("945", f"W06*F*{number}*20260302*SHP-1", "N1*WH*Depot North", "LX*1", "W12*CC*3*2**EA**VN*A", "W03*3")
    message = world.one("SELECT state, error FROM message WHERE topic = '945'")
    assert (message.state, message.error["code"]) == ("quarantined", "MAP-TOTAL-422")
    assert world.work()[0].state == "released"
