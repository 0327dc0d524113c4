"""Places of EDI maps: what they select, where they write, and what is refused when a map is loaded."""

from typing import Any

import pytest

from core.errors import MappingError
from mappings.document import load_map
from mappings.edi.dates import edifact_date, edifact_time, lines, x12_date, x12_time
from mappings.engine import Map
from mappings.faults import MapDocumentError, Unfit
from mappings.transform import Transform

ENVELOPE = "envelope: {sender: A, recipient: B, reference: '7'}"


def a_map(syntax: str, message: str, version: str, fields: str, head: str = "map: order") -> Map:
    options = f"message: '{message}', version: '{version}', {ENVELOPE}"
    return load_map(f"{head}\nfrom: {syntax}\noptions: {{{options}}}\nfields:\n{fields}\n")


ORDERS = """
  external_id: {path: "BGM[1=220|221]/2", required: true}
  number: "SG1[RFF/1.1=VN]/RFF/1.2"
  references.contract: "SG1[RFF/1.1=CT]/RFF/1.2"
  placed_at: {path: "DTM[1.1=137]/1.*", as: edifact_time}
  deliver_not_before: {first_of: [{path: "DTM[1.1=64]/1.*", as: edifact_date},
    {path: "DTM[1.1=2][1.3=718]/1.*", as: {edifact_date: {part: start}}}]}
  lines:
    each: SG25
    fields: {external_id: LIN/1, buyer_code: "PIA[1=1|5]/2..6[2=IN].1", sku: "PIA[1=1|5]/2..6[2=SA].1",
      quantity: "QTY[1.1=21]/1.2",
      destinations: {each: "SG33[LOC/1=7]", fields: {store: LOC/2, quantity: "QTY[1.1=11]/1.2"}}}
"""
SENT = (
    b"UNB+UNOC:3+B+A+261120:0941+88'UNH+1+ORDERS:D:96A:UN'BGM+221+A-7'DTM+137:20261120:102'"
    b"DTM+2:2026112320261127:718'RFF+CT:C9'DTM+171:20260101:102'RFF+VN:N7'LIN+1'PIA+1+X:ZZ+B1:IN+S1:SA'QTY+21:2,5'"
    b"LOC+7+0001'QTY+11:1'LOC+7+0002'QTY+11:1,5'UNS+S'CNT+2:1'UNT+17+1'UNZ+1+88'"
)
MEANT = {
    "external_id": "A-7", "number": "N7", "references": {"contract": "C9"}, "placed_at": "2026-11-20T00:00:00Z",
    "deliver_not_before": "2026-11-23",
    "lines": [{"external_id": "1", "buyer_code": "B1", "sku": "S1", "quantity": "2.5",
               "destinations": [{"store": "0001", "quantity": "1"}, {"store": "0002", "quantity": "1.5"}]}],
}  # fmt: skip


def jsonable(value: Any) -> Any:
    from core.domain.payloads import jsonable as plain

    return plain(value)


def test_selectors_groups_periods_and_qualified_composites_are_read() -> None:
    made = a_map("edifact", "ORDERS", "D96A", ORDERS)
    (source,) = made.documents(SENT)
    assert source.error is None, source.error
    assert jsonable(made.read(source.value).canonical) == MEANT
    assert made.unmapped(source.value) == [
        "SG1/DTM[1.1=171]",
        "SG25/PIA[1=1]/2.1",
        "SG25/PIA[1=1]/2.2",
    ]


def test_what_is_written_stands_in_the_order_of_the_grammar_and_reads_the_same() -> None:
    made = a_map("edifact", "ORDERS", "D96A", ORDERS)
    message = made.write(MEANT)
    assert [each.tag for each in message.sequence] == [
        "UNH", "BGM", "DTM", "DTM", "RFF", "RFF", "LIN", "PIA", "QTY", "LOC", "QTY", "LOC", "QTY", "UNS", "CNT", "UNT",
    ]  # fmt: skip
    assert message.sequence[1].elements == ["220", "A-7"]
    assert jsonable(made.read_one(made.write_bytes([MEANT])).canonical) == MEANT


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("BGM/9", "BGM has"),
        ("BGM/2.9", "components"),
        ("SG2/LIN/1", "LIN is no segment in SG2"),
        ("SG99/RFF/1", "SG99 is no group in ORDERS"),
        ("BGM", "names no element"),
        ("SG2", "names no element"),
        ("BGM/", "is no place"),
        ("NAD[NAD/1=BY]/2", "a segment is asked for an element"),
        ("SG2[1=BY]/NAD/2", "a group is asked for a segment"),
        ("SG1[RFF/1.1]/RFF/1.2", "is no selector"),
        ("BGM/DTM/1", "goes on behind the segment BGM"),
    ],
)
def test_a_place_that_is_none_is_refused_with_its_line(place: str, said: str) -> None:
    with pytest.raises(MapDocumentError) as caught:
        a_map("edifact", "ORDERS", "D96A", f'  external_id: "{place}"')
    assert said in caught.value.what
    assert "map:5" in caught.value.what


def test_a_wrong_message_or_another_one_stops_only_itself() -> None:
    made = a_map("edifact", "ORDERS", "D96A", "  external_id: BGM/2")
    right = b"UNH+1+ORDERS:D:96A:UN'BGM+220+A'DTM+137:20261120:102'LIN+1'UNS+S'CNT+2:1'UNT+7+1'"
    body = (
        b"UNB+UNOC:3+B+A+261120:0941+88'"
        + right
        + right.replace(b"CNT+2:1", b"CNT+2:3")
        + right.replace(b"ORDERS:D:96A", b"ORDRSP:D:96A")
        + right.replace(b"DTM+137:20261120:102'", b"").replace(b"UNT+7", b"UNT+6")
        + right.replace(b"UNT+7", b"UNT+8")
        + b"UNZ+5+88'"
    )
    found = [(each.result and each.result.canonical, each.error and each.error.what) for each in made.read_bytes(body)]
    assert found == [
        ({"external_id": "A"}, None),
        (None, "The ORDERS is wrong at CNT/1.2 (segment 6): CNT says 3 where 1 LIN came."),
        (None, "Message 3 is ORDRSP D96A, this map is for ORDERS D96A."),
        (None, "The ORDERS is wrong at LIN (segment 3): DTM is missing before this place."),
        (None, found[4][1]),
    ]
    assert "UNT" in str(found[4][1])


def test_a_rejected_interchange_is_said_after_its_messages() -> None:
    made = a_map("edifact", "ORDERS", "D96A", "  external_id: BGM/2")
    body = SENT.replace(b"UNZ+1", b"UNZ+2")
    last = list(made.read_bytes(body))[-1]
    assert last.error is not None
    assert last.error.what.startswith("The interchange is rejected:")


def test_what_is_written_is_checked_and_nothing_is_left_out() -> None:
    made = a_map("edifact", "ORDERS", "D96A", '  external_id: BGM/2\n  number: "SG1[RFF/1.1=VN]/RFF/1.2"')
    with pytest.raises(MappingError) as caught:
        made.write({"external_id": "A"})
    assert "DTM is missing before this place." in caught.value.what
    full = a_map("edifact", "ORDERS", "D96A", ORDERS)
    assert full.unwritten({**MEANT, "note": "x", "buyer": {"name": "Ada"}}) == ["note", "buyer.name"]
    with pytest.raises(MappingError, match="longer than 35"):
        full.write({**MEANT, "external_id": "A" * 36})


LEVELS = """
  number: {path: "BSN[1=00]/2", required: true}
  issued_at: {path: BSN/3-4, as: x12_time}
  order_number: "HLloop[HL/3=S]/HLloop[HL/3=O]/PRF/1"
  loose: {each: "HLloop[HL/3=S]/HLloop[HL/3=O]/HLloop[HL/3=I]",
    fields: {sku: "LIN/2..31[=VP]", quantity: SN1/2, unit: SN1/3}}
  pallets:
    each: "HLloop[HL/3=S]/HLloop[HL/3=O]/HLloop[HL/3=T]"
    fields:
      sscc: "MAN[1=GM]/2"
      cartons: {each: "HLloop[HL/3=P]", fields: {sscc: "MAN[1=GM]/2",
        contents: {each: "HLloop[HL/3=I]", fields: {sku: "LIN/2..31[=VP]", gtin: "LIN/2..31[=UP]", quantity: SN1/2,
          unit: SN1/3}}}}
"""
ADVICE: dict[str, Any] = {
    "number": "A1", "issued_at": "2026-11-28T10:00:00Z", "order_number": "PO1",
    "lines": [{"position": 1, "sku": "A", "gtin": "12", "quantity": "2", "unit": "EA"},
              {"position": 2, "sku": "B", "quantity": "4", "unit": "EA"}],
    "packages": [{"number": 1, "kind": "pallet", "sscc": "003400000000000011"},
                 {"number": 2, "parent": 1, "kind": "carton", "sscc": "003400000000000028",
                  "contents": [{"position": 1, "quantity": "2"}, {"position": 2, "quantity": "3"}]},
                 {"number": 3, "parent": 1, "kind": "carton", "sscc": "003400000000000035"}],
}  # fmt: skip


def test_o3_levels_are_numbered_with_their_parents_and_lines_counted() -> None:
    made = a_map("x12", "856", "004010", LEVELS, "map: despatch_advice\nshape: pack_tree")
    message = made.write(ADVICE)
    levels = [each.elements for each in message.sequence if each.tag == "HL"]
    assert levels == [
        ["1", "", "S", "1"], ["2", "1", "O", "1"], ["3", "2", "I", "0"], ["4", "2", "T", "1"], ["5", "4", "P", "1"],
        ["6", "5", "I", "0"], ["7", "5", "I", "0"], ["8", "4", "P", "0"],
    ]  # fmt: skip
    assert next(each.elements for each in message.sequence if each.tag == "CTT") == ["8"]
    assert jsonable(made.read_one(made.write_bytes([ADVICE])).canonical) == ADVICE


@pytest.mark.parametrize(
    ("packages", "said"),
    [
        ([{"number": 1, "kind": "carton", "contents": [{"position": 9, "quantity": "1"}]}], "which is none"),
        ([{"number": 1, "kind": "carton", "contents": [{"position": 1, "quantity": "3"}]}], "more of line 1"),
        ([{"number": 1, "kind": "carton"}, {"number": 2, "parent": 1, "kind": "carton"}], "in a carton"),
    ],
)
def test_packages_that_do_not_hold_together_are_refused(packages: list[dict[str, Any]], said: str) -> None:
    made = a_map("x12", "856", "004010", LEVELS, "map: despatch_advice\nshape: pack_tree")
    with pytest.raises(MappingError, match=said):
        made.write({**ADVICE, "packages": packages})


@pytest.mark.parametrize(
    ("transform", "sent", "meant"),
    [
        (edifact_date(), ["2", "20261120", "102"], "2026-11-20"),
        (edifact_date(), ["2", "261120", "101"], "2026-11-20"),
        (edifact_date(), ["2", "201126", "2"], "2026-11-20"),
        (edifact_date(), ["2", "20261120"], "2026-11-20"),
        (edifact_date(part="end"), ["2", "20261120-20261127", "718"], "2026-11-27"),
        (edifact_time(), ["137", "202611200941", "203"], "2026-11-20T09:41:00Z"),
        (edifact_time(zone="Europe/Berlin"), ["137", "20261120104107", "204"], "2026-11-20T09:41:07Z"),
        (edifact_time(zone="Europe/Berlin"), ["137", "202611200941UTC", "303"], "2026-11-20T09:41:00Z"),
        (x12_date(), "20261120", "2026-11-20"),
        (x12_date(), ["", "", "", "D8", "20261120"], "2026-11-20"),
        (x12_date(part="start"), ["", "", "", "RD8", "20261120-20261127"], "2026-11-20"),
        (x12_time(), ["20261120", "0941"], "2026-11-20T09:41:00Z"),
        (x12_time(), ["20261120", "0441", "ET"], "2026-11-20T09:41:00Z"),
    ],
)
def test_dates_are_read_by_what_stands_beside_them(transform: Transform, sent: Any, meant: str) -> None:
    found = transform.read(sent)
    assert jsonable(found) == meant
    assert transform.write is not None
    assert transform.read(transform.write(found)) == found


@pytest.mark.parametrize(
    ("transform", "sent", "why"),
    [
        (edifact_date(), ["2", "20260231", "102"], "is no date"),
        (edifact_date(), ["2", "2026112", "102"], "is no date"),
        (edifact_date(), ["2", "20261120", "999"], "date form 999"),
        (edifact_date(), ["2", "20261120-20261127", "718"], "is a period"),
        (edifact_time(), ["2", "202611200941CET", "303"], "other than UTC"),
        (x12_time(), ["20261120", "0441", "XX"], "time code XX"),
        (x12_date(), "2026-11-20", "no date of 8"),
    ],
)
def test_a_date_that_is_none_is_refused(transform: Transform, sent: Any, why: str) -> None:
    with pytest.raises(Unfit, match=why):
        transform.read(sent)


def test_text_is_cut_at_blanks_and_put_together_again() -> None:
    cut = lines(width=10)
    text = "one two three four\nfive\nabcdefghi k"
    assert cut.write is not None
    pieces = cut.write(text)
    assert all(len(each) <= 10 for each in pieces)
    assert cut.read(pieces) == text
    with pytest.raises(Unfit, match="lines of 10"):
        cut.write("abcdefghijk")


def test_what_a_condition_passes_over_is_said_to_be_unread() -> None:
    made = load_map(
        """
map: order
from: x12
options: {message: "850", version: "004010"}
fields:
  external_id: {path: BEG/3, required: true}
  note: {path: "REF[1=ZZ]/2", when: "REF[1=ZZ]/3=note"}
  lines:
    each: PO1loop
    where: PO1/2
    fields: {external_id: PO1/1, quantity: {path: PO1/2, as: quantity}}
"""
    )
    text = (
        "ISA*00*          *00*          *ZZ*ACME           *ZZ*HUB            *260301*1200*U*00401*000000001*0*P*>~"
        "GS*PO*ACME*HUB*20260301*1200*1*X*004010~ST*850*0001~BEG*00*SA*P1**20260301~REF*ZZ*COLLECT*other~"
        "PO1*1*3*EA~PO1*2~CTT*2~SE*7*0001~GE*1*1~IEA*1*000000001~"
    )
    (source,) = made.documents(text.encode())
    assert source.error is None, source.error
    unread = made.unmapped(source.value)
    assert [each for each in unread if "REF" in each] == ["REF[1=ZZ]"]
    assert unread[-2:] == ["PO1loop/PO1/3", "PO1loop/PO1"]


CALLED = {
    "x12": ("850", "004010", "PO1loop", "PO1/6..25[=IN|BP|CB]", 'sku: "PO1/6..25[=VN]", quantity: PO1/2, unit: PO1/3'),
    "edifact": (
        "ORDERS",
        "D96A",
        "SG25",
        "PIA[1=1]/2..6[2=IN|BP|CB].1",
        "external_id: LIN/1, quantity: 'QTY[1.1=21]/1.2'",
    ),
}


def called(syntax: str, code: str = "") -> Map:
    """A map of what a buyer calls an item, by a place of its own for the code where one is given."""
    message, version, lines, place, more = CALLED[syntax]
    head = {
        "x12": '  external_id: "BEG[1=00][2:=SA]/3"\n  placed_at: {path: BEG/5, as: x12_date}',
        "edifact": '  external_id: BGM/2\n  placed_at: {path: "DTM[1.1=137]/1.*", as: edifact_date}',
    }[syntax]
    kind = place.removesuffix(".1") + ".0"
    fields = f'code: "{code or place}", kind: "{kind}", {more}'
    return a_map(syntax, message, version, f"{head}\n  lines: {{each: {lines}, fields: {{{fields}}}}}")


@pytest.mark.parametrize("syntax", ["x12", "edifact"])
@pytest.mark.parametrize(("said", "written"), [({}, "IN"), ({"kind": "BP"}, "BP"), ({"kind": "CB"}, "CB")])
def test_a_value_goes_back_with_the_qualifier_it_came_with(syntax: str, said: dict[str, str], written: str) -> None:
    made = called(syntax)
    line = {"code": "K-7", **said, "quantity": "1"}
    more = {"unit": "EA", "sku": "A"} if syntax == "x12" else {"external_id": "1"}
    document = {"external_id": "PO", "placed_at": "2026-11-20", "lines": [{**line, **more}]}
    message = made.write(document)
    [found] = [each.elements for each in message.sequence if each.tag in ("PO1", "PIA")]
    assert (["K-7", written] in found) if syntax == "edifact" else (found[found.index("K-7") - 1] == written)
    assert made.unwritten(document) == []
    assert made.unmapped(message) == []
    assert jsonable(made.read(message).canonical) == document


def test_a_place_of_another_qualifier_wins_over_the_one_it_came_with_and_an_unknown_one_is_refused() -> None:
    document = {"external_id": "PO", "placed_at": "2026-11-20",
                "lines": [{"code": "K-7", "kind": "BP", "quantity": "1", "unit": "EA"}]}  # fmt: skip
    message = called("x12", "PO1/6..25[=PI]").write(document)
    assert [each.elements[5:] for each in message.sequence if each.tag == "PO1"] == [["PI", "K-7"]]
    document["lines"][0]["kind"] = "VN"  # type: ignore[index]
    with pytest.raises(MappingError, match="is none of the qualifiers IN, BP, CB"):
        called("x12").write(document)


def test_the_first_of_several_codes_is_read_with_its_own_qualifier_and_the_others_are_named() -> None:
    made = called("x12")
    body = (
        b"ISA*00*          *00*          *ZZ*A              *ZZ*B              *260301*1200*U*00401*000000001*0*P*>~"
        b"GS*PO*A*B*20260301*1200*1*X*004010~ST*850*0001~BEG*00*SA*PO**20261120~PO1**1*EA***BP*K-7*IN*9~CTT*1~"
        b"SE*5*0001~GE*1*1~IEA*1*000000001~"
    )
    (source,) = made.documents(body)
    assert source.error is None, source.error
    [line] = made.read(source.value).canonical["lines"]
    assert (line["code"], line["kind"]) == ("K-7", "BP")
    assert made.unmapped(source.value) == ["PO1loop/PO1/8", "PO1loop/PO1/9"]
