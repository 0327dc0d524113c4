"""The shipped maps for warehouses: what each row means, and what is refused."""

from typing import Any

import pytest

from core.domain.payloads import jsonable
from core.errors import UnmappedCode
from mappings.edi.places.message import read_message
from mappings.edi.shipped import shipped_map
from mappings.edi.x12.events import TransactionSet
from mappings.edi.x12.reader import X12Reader
from mappings.faults import MapError
from tests.edi.test_x12_maps import one, segments
from tests.edi.x12_samples import ABSENT, FOLDER

WORK: dict[str, Any] = {
    "fulfillment": {
        "id": "ful_0190f3c2a4b07c1e8d3f5a6b7c8d9e0f", "number": "LONG-ORDER-NUMBER-77-0A1B2C3D4E", "node": "HAM",
        "service_level": "express", "requested_ship_date": "2026-03-02", "pickup": False, "purchase_order": None,
        "ship_to": {"name": "Ada Muster", "gln": "4098765000003", "external_id": "0815", "city": "Berlin"},
        "lines": [
            {"id": "fln_1", "line_id": "lin_1", "sku": "A", "title": "Item A", "quantity": "3", "unit": "C62",
             "lots": [{"lot": "L1", "quantity": "2"}, {"lot": None, "quantity": "1"}]},
            {"id": "fln_2", "line_id": "lin_2", "sku": "B", "title": "B " * 200, "quantity": "1", "unit": "XCT"},
        ],
    },
    "order": {"id": "ord_1", "external_id": "PO-77", "number": "#1001", "type": "b2c"},
}  # fmt: skip


def canonical(code: str, *said: str) -> Any:
    """What the 004010 map of a code reads in these segments."""
    made = shipped_map(f"x12/{code}.004010")
    return jsonable(made.read(one(made, code.removesuffix("-cancel"), "~".join([*said, ""]))).canonical)


def test_o10_a_940_has_a_row_for_each_lot_and_the_end_of_a_number_that_is_too_long() -> None:
    made = shipped_map("x12/940.004010")
    assert segments(made, WORK) == [
        "W05*N*R-NUMBER-77-0A1B2C3D4E*#1001", "N1*WH**92*HAM", "N1*ST*Ada Muster*UL*4098765000003", "N4*Berlin",
        "N9*CO*PO-77", "N9*ZZ*express*service_level", "G62*10*20260302", "LX*1", "W01*2*EA**VN*A", "G69*Item A",
        "N9*LI*1", "N9*LT*L1", "LX*2", "W01*1*EA**VN*A", "G69*Item A", "N9*LI*1", "LX*3", "W01*1*CT**VN*B", "N9*LI*2",
        "W76*4",
    ]  # fmt: skip
    assert made.unwritten(WORK) == []


HEAD = ["W06*F*F-1*20260302*S-1", "N1*WH*Depot"]


def test_a_row_in_another_unit_than_pieces_says_so_and_each_unit_is_summed_by_itself() -> None:
    found = canonical(
        "945", *HEAD, "LX*1", "W12*CP*3*2*1*CA**VN*A", "LX*2", "W12*CC*4*4**EA**VN*A", "LX*3", "W12*CC*1*1**CA**VN*A"
    )
    assert found["lines"] == [{"sku": "A", "unit": "XCS", "quantity": "3"}, {"sku": "A", "quantity": "4"}]
    assert found["short"] == [{"sku": "A", "unit": "XCS", "quantity": "1"}]
    with pytest.raises(UnmappedCode, match="has a code that is not in code list x12_unit"):
        canonical("945", *HEAD, "LX*1", "W12*CC*3*3**ZZ**VN*A")


def test_o10_rows_of_one_package_are_together_and_the_rest_is_a_package_where_lots_are_to_be_kept() -> None:
    mark = "MAN*GM*00340123450000000017"
    found = canonical(
        "945", *HEAD, "LX*1", mark, "W12*CC*3*3**EA**VN*A", "N9*LT*L1", "G62*36*20270131", "LX*2", mark,
        "W12*CC*1*1**EA**VN*B*L2", "LX*3", "W12*CC*2*2**EA**VN*C", "W03*6",
    )  # fmt: skip
    assert found["packages"] == [
        {
            "sscc": "340123450000000017",
            "contents": [
                {"sku": "A", "quantity": "3", "lot": "L1", "expires_on": "2027-01-31"},
                {"sku": "B", "quantity": "1", "lot": "L2"},
            ],
        },
        {"contents": [{"sku": "C", "quantity": "2"}]},
    ]
    assert [(each["sku"], each["quantity"]) for each in found["lines"]] == [("A", "3"), ("B", "1"), ("C", "2")]
    assert "short" not in found


def test_without_marks_and_lots_nothing_is_said_of_packages() -> None:
    assert "packages" not in canonical("945", *HEAD, "LX*1", "W12*CC*3*3**EA**VN*A")


def test_of_a_row_in_several_packages_nobody_knows_which_holds_what() -> None:
    marks = ["MAN*GM*00340123450000000017", "MAN*GM*00340123450000000024"]
    found = canonical("945", *HEAD, "LX*1", *marks, "W12*CC*3*3**EA**VN*A")
    assert found["packages"] == [{"sscc": "340123450000000017"}, {"sscc": "340123450000000024"}]


@pytest.mark.parametrize(
    ("row", "short"),
    [
        ("W12*CP*5*3*2*EA**VN*A", "2"),  # the difference, as it says it
        ("W12*CC*5*3**EA**VN*A", "2"),  # what it comes to
        ("W12*BP*5*3*2*EA**VN*A", None),  # the rest follows
        ("W12*CC**3**EA**VN*A", None),  # what was ordered is not said
        ("W12*CM*3*5**EA**VN*A", None),  # more than was ordered
    ],
)
def test_what_did_not_leave_is_short_unless_it_follows(row: str, short: str | None) -> None:
    found = canonical("945", *HEAD, "LX*1", row)
    assert [each["quantity"] for each in found.get("short", [])] == ([short] if short else [])


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (["LX*1", "W12*CC*3*3**EA**VN*A", "W03*4"], "states 4 units in all, its lines come to 3"),
        (["LX*1", "W12*BO*3*0**EA**VN*A"], "nothing left, and not what is missing"),
        (["LX*1", "W12*CC*3*3**EA*012345678905"], "is missing and required"),
    ],
)
def test_a_945_nobody_can_work_with_is_refused(said: list[str], why: str) -> None:
    with pytest.raises(MapError, match=why):
        canonical("945", *HEAD, *said)


def test_a_945_without_any_number_of_the_shipment_is_refused_as_two_could_not_be_told_apart() -> None:
    with pytest.raises(MapError, match="is missing and required"):
        canonical("945", "W06*F*F-1*20260302", "N1*WH*Depot", "LX*1", "W12*CC*3*3**EA**VN*A")


@pytest.mark.corpora
@pytest.mark.skipif(not FOLDER.is_dir(), reason=ABSENT)
def test_a_published_945_is_read_with_its_rows_once_it_says_whose_work_it_is() -> None:
    made = shipped_map("x12/945.004010")
    body = (FOLDER / "X12Parser" / "WAR" / "_945" / "inter-americanproducts.txt").read_bytes()
    [event] = [each for each in X12Reader(body) if isinstance(each, TransactionSet)]
    event.segments[1].elements[1] = "F-1"
    message = read_message(made.document.options["grammar"], event.segments, event.place)
    assert {each.place.tag for each in message.faults} == {"ST", "SE"}  # its number has ten characters
    found = jsonable(made.read(message).canonical)
    assert (found["external_id"], found["occurred_at"]) == ("2144", "2002-09-16T00:00:00Z")
    assert [each["quantity"] for each in found["lines"]] == ["120", "400", "400"]
