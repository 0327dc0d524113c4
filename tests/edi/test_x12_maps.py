"""The shipped X12 maps: what is written is read as it was, in both versions, and nothing is left out."""

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.payloads import jsonable
from core.errors import InputError
from mappings.edi.keys import PO, keys_of
from mappings.edi.places.message import read_message
from mappings.edi.places.numbers import read_number
from mappings.edi.shipped import map_for, shipped_map, shipped_names
from mappings.edi.x12.events import TransactionSet
from mappings.edi.x12.reader import X12Reader
from mappings.edi.x12.segments import Segment
from mappings.engine import Map
from mappings.faults import MapError
from tests.edi import warehouse_documents as warehouse
from tests.edi import x12_documents as made_up
from tests.edi.canonical_documents import TRIED, meant
from tests.edi.x12_samples import ABSENT, FOLDER, GS, ISA, TAIL, sample_files

VERSIONS = ["004010", "005010"]
WAYS: list[tuple[str, str, Callable[[], st.SearchStrategy[Any]]]] = [
    ("850", "order", made_up.orders),
    ("855", "order_response", made_up.order_responses),
    ("865", "order_response", made_up.change_responses),
    ("860", "order_change", made_up.order_changes),
    ("860-cancel", "order_cancel", made_up.order_cancellations),
    ("856", "despatch_advice", made_up.despatch_advices),
    ("810", "invoice", made_up.invoices),
    ("820", "remittance", made_up.remittances),
    ("846", "stock", made_up.stocks),
    ("940", "push_fulfillment_order", warehouse.works),
    ("940-cancel", "cancel_fulfillment_order", warehouse.cancellations),
    ("943", "push_incoming", warehouse.incomings),
    ("944", "stock_receipt", warehouse.receipts),
    ("945", "shipment", warehouse.shipments),
]
ORDER = (
    "BEG*00*SA*PO-7**20260301~REF*DP*042~REF*ZZ*K-9*cost center~DTM*002*20260310~N9*L1*TEXT~MSG*Ring twice~"
    "N1*BY*Example Stores*92*1500~N1*ST**UL*4098765000015~N4*Springfield*IL*62701*US~"
    "PO1*1*5*CA*19.95**UP*012345678905*VN*LAMP-1*IN*77~PID*F****Lamp, oak~PO4*12~SDQ*CA*92*0815*2*0816*3~CTT*1~"
)


def one(made: Map, code: str, body: str, version: str = "004010") -> Any:
    """The document of one transaction set in an interchange."""
    count = body.count("~") + 2
    text = ISA + GS.replace("004010", version) + f"ST*{code}*0001~{body}SE*{count}*0001~" + TAIL
    (source,) = made.documents(text.encode())
    assert source.error is None, source.error
    return source.value


def segments(made: Map, document: dict[str, Any]) -> list[str]:
    """What a map writes, a text for each segment."""
    return ["*".join([each.tag, *each.elements]) for each in made.write(document).body]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("name", "kind", "made"), WAYS, ids=[each[0] for each in WAYS])
def test_what_is_written_is_read_as_it_was(
    name: str, kind: str, made: Callable[[], st.SearchStrategy[Any]], version: str
) -> None:
    chosen = shipped_map(f"x12/{name}.{version}")

    @TRIED
    @given(made())
    def round_trip(document: dict[str, Any]) -> None:
        body = jsonable(document)
        assert chosen.unwritten(body) == []
        message = chosen.write(body)
        assert chosen.unmapped(message) == []
        assert meant(kind, jsonable(chosen.read(message).canonical)) == meant(kind, body)

    round_trip()


def test_both_versions_are_shipped_of_each() -> None:
    names = [each for each in shipped_names() if each.startswith("x12/")]
    assert names == sorted(f"x12/{name}.{version}" for name, _, _ in WAYS for version in VERSIONS)
    chosen = map_for("x12", "850", "004010VICS")
    assert chosen is not None
    assert chosen.document.options["version"] == "004010"


def test_an_850_is_an_order_with_a_quantity_for_each_store() -> None:
    made = shipped_map("x12/850.004010")
    source = one(made, "850", ORDER)
    assert jsonable(made.read(source).canonical) == {
        "external_id": "PO-7", "type": "b2b", "placed_at": "2026-03-01T00:00:00Z", "currency": "USD",
        "currency_assumed": True,
        "requested_delivery_date": "2026-03-10", "note": "Ring twice",
        "references": {"department": "042", "cost center": "K-9"},
        "buyer": {"external_id": "1500", "company": "Example Stores"},
        "ship_to": {"gln": "4098765000015", "city": "Springfield", "region": "IL", "postal_code": "62701",
                    "country": "US"},
        "lines": [
            {"external_id": "1", "quantity": "5", "unit": "XCS", "unit_price": "19.95", "gtin": "012345678905",
             "sku": "LAMP-1", "buyer_code": "77", "title": "Lamp, oak", "pack_size": "12",
             "destinations": [{"store": "0815", "quantity": "2"}, {"store": "0816", "quantity": "3"}]}
        ],
    }  # fmt: skip
    assert made.unmapped(source) == []


def test_the_unit_of_an_sdq_is_read_where_it_is_not_that_of_the_line() -> None:
    made = shipped_map("x12/850.004010")
    source = one(made, "850", ORDER.replace("SDQ*CA*92*0815*2*0816*3~", "SDQ*EA*92*0815*24~SDQ*CA*92*0816*3~"))
    order = jsonable(made.read(source).canonical)
    assert order["lines"][0]["destinations"] == [
        {"store": "0815", "quantity": "24", "unit": "C62"}, {"store": "0816", "quantity": "3"}
    ]  # fmt: skip
    assert made.unmapped(source) == []
    assert [each for each in segments(made, order) if each.startswith("SDQ")] == [
        "SDQ*EA*92*0815*24", "SDQ*CA*92*0816*3"
    ]  # fmt: skip


def test_references_come_back_as_they_came_and_those_without_a_name_are_kept() -> None:
    made = shipped_map("x12/850.004010")
    came = "REF*IA*44123~REF*ZZ*COLLECT~REF*ZZ**Call first~REF*ZZ*K-9*cost center~"
    source = one(made, "850", ORDER.replace("REF*ZZ*K-9*cost center~", came))
    order = jsonable(made.read(source).canonical)
    assert order["references"] == {
        "department": "042", "vendor_number": "44123", "other": "COLLECT", "other_2": "Call first", "cost center": "K-9"
    }  # fmt: skip
    assert made.unmapped(source) == []
    line = {"position": 1, "unit": "C62", "sku": "L", "quantity": "1", "unit_price": "2", "net": "2",
            "status": "accepted", "ordered_quantity": "1"}  # fmt: skip
    paper = {**PAPER, "status": "accepted", "references": order["references"], "lines": [line],
             "taxes": [], "totals": {"grand": "2"}}  # fmt: skip
    for name in ("855", "810"):
        written = [each for each in segments(shipped_map(f"x12/{name}.004010"), paper) if each.startswith("REF")]
        assert written[:5] == ["REF*DP*042", "REF*IA*44123", "REF*ZZ*COLLECT", "REF*ZZ*Call first",
                               "REF*ZZ*K-9*cost center"]  # fmt: skip


def test_numbers_that_there_is_no_room_for_are_named() -> None:
    made = shipped_map("x12/850.004010")
    body = ORDER.replace("*UP*012345678905*", "*UP*012345678905*UK*10012345678902*").replace(
        "N1*BY*Example Stores*92*1500~", "N1*BY*Example Stores*92*1500~REF*ST*77~"
    )
    source = one(made, "850", body)
    order = made.read(source).canonical
    assert (order["lines"][0]["gtin"], order["buyer"]["external_id"]) == ("012345678905", "1500")
    assert made.unmapped(source) == ["N1loop/REF[1=ST]", "PO1loop/PO1/8", "PO1loop/PO1/9"]


@pytest.mark.parametrize("purpose", ["01", "04"])
def test_a_canceled_850_is_no_order(purpose: str) -> None:
    made = shipped_map("x12/850.004010")
    with pytest.raises(MapError, match=rf"BEG/1: does not match 00\|05\|06\|07 \(value '{purpose}'"):
        made.read(one(made, "850", ORDER.replace("BEG*00", f"BEG*{purpose}")))


def test_an_860_that_is_no_change_is_refused_by_its_function() -> None:
    made = shipped_map("x12/860.004010")
    body = "BCH*01*SA*PO-1**C-1*20260302~POC*1*DI*2*0*EA*19.95**VP*A~CTT*1~"
    with pytest.raises(MapError, match=r"BCH/1 is none of 04 by the partner's guide \(value '01'"):
        made.read(one(made, "860", body))
    assert made.read(one(made, "860", body.replace("BCH*01", "BCH*04"))).canonical["external_id"] == "PO-1"


@pytest.mark.parametrize(("version", "text"), [("004010", "MSG*Not needed"), ("005010", "MTX**Not needed")])
def test_an_860_that_cancels_is_the_whole_order_and_says_which_lines_it_lists(version: str, text: str) -> None:
    made = shipped_map(f"x12/860-cancel.{version}")
    body = f"BCH*01*SA*PO-1**C-1*20260301*****20260302~N9*L1*TEXT~{text}~"
    lines = "POC*1*DI*2*0*EA*19.95**VP*A~CTT*1~"
    wanted = {"external_id": "PO-1", "change": "C-1", "occurred_at": "2026-03-02T00:00:00Z", "reason": "Not needed"}
    for each, more in ((body, {}), (body + lines, {"listed": [{"external_id": "1", "sku": "A"}]})):
        source = one(made, "860", each, version)
        assert jsonable(made.read(source).canonical) == {**wanted, **more}
    with pytest.raises(MapError, match=r"BCH/1 is none of 01 by the partner's guide \(value '04'"):
        made.read(one(made, "860", body.replace("BCH*01", "BCH*04"), version))


PAPER: dict[str, Any] = {
    "number": "R-1", "issued_at": "2026-03-02T09:30:00Z", "order_external_id": "PO-7", "ordered_on": "2026-03-01",
    "currency": "EUR",
}  # fmt: skip


def test_an_855_answers_each_part_of_a_line() -> None:
    line = {"position": 1, "external_id": "7", "unit": "C62", "sku": "LAMP-1", "ordered_quantity": "10",
            "status": "backordered", "quantity": "4", "backordered": "5", "rejected": "1",
            "ship_on": "2026-03-05", "deliver_on": "2026-03-09"}  # fmt: skip
    written = segments(shipped_map("x12/855.004010"), {**PAPER, "status": "changed", "lines": [line]})
    assert written == [
        "BAK*00*AC*PO-7*20260301****R-1*20260302", "CUR*SE*EUR", "DTM*097*20260302*0930", "PO1*7*10*EA***VN*LAMP-1",
        "REF*LI*1", "ACK*IA*4*EA*068*20260305", "DTM*067*20260309", "ACK*IB*5*EA", "ACK*IR*1*EA", "CTT*1",
    ]  # fmt: skip


ADVICE: dict[str, Any] = {
    **{name: value for name, value in PAPER.items() if name != "currency"},
    "number": "DA-1", "shipment_number": "S-1", "shipped_at": "2026-03-02T10:00:00Z", "gross_weight_g": 12500,
    "ship_to": {"gln": "4098765000015", "external_id": "0815", "name": "Store 815", "city": "Kiel", "country": "DE",
                "region": "Schleswig-Holstein"},
    "lines": [{"position": 1, "external_id": "7", "unit": "C62", "sku": "LAMP-1", "gtin": "4012345000016",
               "quantity": "10", "ordered_quantity": "12"}],
    "packages": [
        {"number": 1, "kind": "pallet", "sscc": "340123450000000017"},
        {"number": 2, "kind": "carton", "parent": 1, "sscc": "340123450000000024",
         "contents": [{"position": 1, "quantity": "6", "lot": "L1", "expires_on": "2027-01-31"}]},
        {"number": 3, "kind": "carton", "sscc": "340123450000000031", "contents": [{"position": 1, "quantity": "4"}]},
    ],
}  # fmt: skip


def test_o3_an_856_has_levels_with_their_parents_and_its_codes_in_man() -> None:
    written = segments(shipped_map("x12/856.004010"), ADVICE)
    assert [each for each in written if each.startswith(("HL", "MAN", "LIN", "SN1", "CTT", "PRF", "DTM*036"))] == [
        "HL*1**S*1", "HL*2*1*O*1", "PRF*PO-7***20260301", "HL*3*2*T*1", "MAN*GM*00340123450000000017", "HL*4*3*P*1",
        "MAN*GM*00340123450000000024", "HL*5*4*I*0", "LIN*7*VN*LAMP-1*EN*4012345000016*LT*L1", "SN1**6*EA**12*EA",
        "DTM*036*20270131", "HL*6*2*P*1", "MAN*GM*00340123450000000031", "HL*7*6*I*0",
        "LIN*7*VN*LAMP-1*EN*4012345000016", "SN1**4*EA**12*EA", "CTT*7",
    ]  # fmt: skip
    assert "TD1*CTN25*3****G*12500*GR" in written
    place = written.index("N1*ST*Store 815*UL*4098765000015")
    assert written[place + 1 : place + 3] == ["N4*Kiel***DE*SP*Schleswig-Holstein", "REF*ST*0815"]


def test_an_sscc_is_read_with_and_without_its_identifier() -> None:
    made = shipped_map("x12/856.004010")
    message = made.write(ADVICE)
    for each in message.sequence:
        if each.tag == "MAN":
            each.elements[1] = each.elements[1][2:]
    found = made.read(message).canonical
    assert [each["sscc"] for each in found["packages"]] == [each["sscc"] for each in ADVICE["packages"]]


@pytest.mark.parametrize(("length", "qualifier"), [(8, "UE"), (12, "UP"), (13, "EN"), (14, "UK")])
def test_article_numbers_have_a_qualifier_by_their_length(length: int, qualifier: str) -> None:
    gtin = "1" * length
    line = {"position": 1, "unit": "C62", "gtin": gtin, "quantity": "1", "unit_price": "2", "net": "2"}
    document = {**PAPER, "lines": [line], "taxes": [], "totals": {"grand": "2"}}
    assert f"IT1**1*EA*2**{qualifier}*{gtin}" in segments(shipped_map("x12/810.004010"), document)


def test_an_810_states_its_total_in_cents_and_says_whether_something_is_added_or_taken_off() -> None:
    document = {
        **PAPER,
        "lines": [{"position": 1, "unit": "C62", "sku": "L", "quantity": "3", "unit_price": "4.5", "net": "13.5"}],
        "allowances": [{"kind": "rebate", "amount": "0.5"}, {"kind": "freight", "charge": True, "amount": "4.9"}],
        "taxes": [{"rate": "0.19", "base": "17.9", "amount": "3.4"}],
        "totals": {"grand": "21.3"},
    }  # fmt: skip
    written = segments(shipped_map("x12/810.004010"), document)
    assert written[-5:] == [
        "TDS*2130", "TXI*VA*3.4*0.19*****17.9", "SAC*A*ZZZZ***50********rebate", "SAC*C*ZZZZ***490********freight",
        "CTT*1",
    ]  # fmt: skip
    totals = shipped_map("x12/810.004010").read(shipped_map("x12/810.004010").write(document)).canonical["totals"]
    assert totals == {
        "lines": Decimal("13.5"), "allowances": Decimal("0.5"), "charges": Decimal("4.9"), "net": Decimal("17.9"),
        "tax": Decimal("3.4"), "grand": Decimal("21.3"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("unit", "code", "back"),
    [
        ("C62", "EA", "C62"), ("EA", "EA", "C62"), ("PCE", "EA", "C62"), ("H87", "PC", "C62"), ("CT", "CT", "XCT"),
        ("CS", "CA", "XCS"), ("MTQ", "CR", "MTQ"), ("CEN", "HU", "CEN"), ("XPL", "PA", "XPL"), ("XPA", "PK", "XPK"),
    ],
)  # fmt: skip
def test_units_are_written_as_x12_codes_and_read_back_as_what_they_count(unit: str, code: str, back: str) -> None:
    made = shipped_map("x12/855.004010")
    line = {"position": 1, "unit": unit, "sku": "L", "ordered_quantity": "3", "status": "accepted", "quantity": "3"}
    paper = {**PAPER, "status": "accepted", "lines": [line]}
    assert [each for each in segments(made, paper) if each.startswith(("PO1", "ACK"))] == [
        f"PO1**3*{code}***VN*L", f"ACK*IA*3*{code}"
    ]  # fmt: skip
    assert made.read(made.write(paper)).canonical["lines"][0]["unit"] == back


def test_a_party_without_a_name_is_written_by_the_name_it_has() -> None:
    line = {"position": 1, "unit": "C62", "sku": "L", "quantity": "3", "unit_price": "4.5", "net": "13.5"}
    document = {**PAPER, "lines": [line], "taxes": [], "totals": {"grand": "13.5"}, "buyer": {"name": "Ada Muster"}}
    assert "N1*BY*Ada Muster" in segments(shipped_map("x12/810.004010"), document)


def test_an_820_says_what_was_kept_back() -> None:
    body = (
        "BPR*I*90*C*CHK************20260401~TRN*1*R-9~ENT*1~RMR*IV*I-1**90*100*0~ADX*-10*06*CM*ASN-07~NTE**Late advice~"
    )
    made = shipped_map("x12/820.004010")
    found = made.read(one(made, "820", body)).canonical
    assert jsonable(found) == {
        "external_id": "R-9", "paid_on": "2026-04-01", "amount": "90", "currency": "USD",
        "invoices": [{"invoice": "I-1", "paid": "90", "discount": "0", "deductions": [
            {"amount": "10", "code": "06", "reference": "ASN-07", "note": "Late advice"}]}],
    }  # fmt: skip


def test_a_set_of_another_version_is_not_read_by_the_wrong_map() -> None:
    made = shipped_map("x12/850.005010")
    text = ISA + GS + f"ST*850*0001~{ORDER}SE*{ORDER.count('~') + 2}*0001~" + TAIL
    (source,) = made.documents(text.encode())
    assert source.error is not None
    assert "Message 1 is 850 004010, this map is for 850 005010" in str(source.error)


# Samples that are not read as documents of ours: what of them is wrong or missing. All others pass the core's check.
REFUSED = {
    "EDI.Net/x12.810.mandatory-conditions.edi": "BEG[1=00|05|06|07][2:=SA]/3: is missing and required",
    "EDI.Net/x12.Issue101.edi": "BEG[1=00|05|06|07][2:=SA]/3: is missing and required",
    "EDI.Net/x12.Issue172.edi": "BEG[1=00|05|06|07][2:=SA]/3: is missing and required",
    "EDI.Net/x12.Issue91.edi": "BEG[1=00|05|06|07][2:=SA]/3: is missing and required",
    "EDI.Net/x12.810d.edi": "IT1loop[1]/IT1/3: has a code that is not in code list x12_unit (value 'ZZ'",
    "X12Parser/ORD/_820/Example1_MortgageBankers.txt": "RMR[1=IV|IN|IK|AP|12]/2: is missing and required",
    "X12Parser/ORD/_846/Example1.txt": "LIN/2..31[=VN|VA|VP|SK|SW]: is missing and required",
    "X12Parser/ORD/_855/Example1_Adobe.txt": "issued_at: Missing data for required field",
    "X12Parser/ORD/_856/Example3.txt": "lines: ",
    "X12Parser/ORD/_860/Example1.txt": "BCH/6: is no date of 8 digits (value 'PO DATE'",
    "X12Parser/ORD/_865/FromAdvanceAutoParts.txt": "issued_at: Missing data for required field",
    "X12Parser/WAR/_940/simplot.txt": "W01/4..5[=VN|VA|VP|SK|SW]: is missing and required",
    "staedi/x12/issue590/multi-tx-transaction-type.edi": "PO1loop: is missing and required",
    "staedi/x12/simple810.edi": "gtin: must be a GTIN",
}


@pytest.mark.corpora
@pytest.mark.skipif(not FOLDER.is_dir(), reason=ABSENT)
def test_samples_are_read_and_what_no_rule_reads_is_reported() -> None:
    read: Counter[str] = Counter()
    refused: dict[str, str] = {}
    reported = 0
    for path in sample_files():
        for event in X12Reader(path.read_bytes()):
            made = map_for("x12", event.code, event.version) if isinstance(event, TransactionSet) else None
            if made is None or not isinstance(event, TransactionSet):
                continue
            message = read_message(made.document.options["grammar"], event.segments, event.place)
            reported += len(made.unmapped(message))
            kind = made.document.canonical
            try:
                found = jsonable(made.read(message).canonical)
                meant(kind, found)
            except InputError as error:
                refused[path.relative_to(FOLDER).as_posix()] = str(error)
            else:
                read[event.code] += 1
    assert {name: text for name, text in refused.items() if REFUSED.get(name, "nothing") not in text} == {}
    assert refused.keys() == REFUSED.keys()
    assert read == {"850": 10, "810": 6, "820": 3, "855": 1, "856": 1, "865": 1, "944": 1}
    assert reported > 300


def test_blanks_behind_a_value_are_no_part_of_it() -> None:
    made = shipped_map("x12/850.004010")
    body = "BEG*00*SA*PO-1  **20260301~REF*DP*  ~N1*ST*Store*92*815 ~PO1*1*3*EA*1**VP*A ~CTT*1~"
    found = made.read(one(made, "850", body)).canonical
    assert (found["external_id"], found["ship_to"]["external_id"], found["lines"][0]["sku"]) == ("PO-1", "815", "A")
    assert "department" not in found.get("references", {})
    named = keys_of("850", [Segment("BEG", ["00", "SA", "PO-1  ", "", "20260301"])])
    assert named == ("PO-1", [(PO, "PO-1")])


@pytest.mark.parametrize("written", ["5985", "5985 ", " 5985"])
def test_implied_decimals_do_not_depend_on_blanks(written: str) -> None:
    assert read_number(written, "N2") == "59.85"
