"""What a buyer calls an item comes back in every paper under the qualifier he used, or the one his overlay says."""

from pathlib import Path

import pytest

from core.store.unit import Store
from mappings.edi.shipped import named_map, shipped_map
from mappings.faults import MapError
from tests.connectors.edi.partner_world import EdiWorld, order, x12

PAPERS = ("855", "856", "810")
SENT = (
    "UNB+UNOC:3+ACME:ZZ+HUB:ZZ+260301:1200+77'UNH+1+ORDERS:D:96A:UN:EAN008'BGM+220+PO-5+9'DTM+137:20260301:102'"
    "NAD+BY+4098765000003::9'NAD+DP+4098765000003::9++Store+Am Markt 1+Kiel++24103+DE'CUX+2:EUR:9'LIN+1{lin}'"
    "PIA+1+A:SA{pia}'QTY+21:2'PRI+AAA:10.00'UNS+S'UNT+12+1'UNZ+1+77'"
)


def through(world: EdiWorld, body: bytes) -> dict[str, str]:
    """Take an order in, ship it, and return the papers that left by their kind."""
    world.drop(body)
    world.settle()
    world.ship(world.one("SELECT * FROM orders"))
    world.settle()
    names = {"ST*855": "855", "ST*856": "856", "ST*810": "810", "+ORDRSP:": "ORDRSP", "+DESADV:": "DESADV",
             "+INVOIC:": "INVOIC"}  # fmt: skip
    texts = [each.decode() for each in world.sent()]
    return {name: text for text in texts for mark, name in names.items() if mark in text}


@pytest.mark.parametrize("qualifier", ["IN", "BP", "CB", "PI"])
def test_x12_papers_call_the_item_by_the_qualifier_of_the_850(store: Store, tmp_path: Path, qualifier: str) -> None:
    documents = [
        {"in": "850", "map": "x12/850.004010"},
        *({"out": each, "map": f"x12/{each}.004010"} for each in PAPERS),
    ]
    world = EdiWorld(store, tmp_path / "acme", documents=documents, maps=None)
    papers = through(world, x12(order("PO-1").replace("VP*A", f"VP*A*{qualifier}*KG-7")))
    assert sorted(papers) == sorted(PAPERS)
    assert [f"*{qualifier}*KG-7" in papers[each] for each in PAPERS] == [True] * 3


def test_an_overlay_says_another_qualifier(store: Store, tmp_path: Path) -> None:
    maps = tmp_path / "maps"
    maps.mkdir()
    (maps / "own.yaml").write_text(
        'overlay: x12/855.004010\nversion: 2\nfields: {lines: {fields: {buyer_code: "PO1/6..25[=PI]"}}}\n'
    )
    documents = [{"in": "850", "map": "x12/850.004010"}, {"out": "855", "map": "own"}]
    world = EdiWorld(store, tmp_path / "acme", documents=documents, maps=str(maps))
    assert "*PI*KG-7" in through(world, x12(order("PO-1").replace("VP*A", "VP*A*BP*KG-7")))["855"]


@pytest.mark.parametrize(
    ("lin", "pia", "written"),
    [
        ("", "+KG-7:BP", "KG-7:BP"),
        ("", "+KG-7:IN", "KG-7:IN"),
        ("++KG-7:BP", "", "KG-7:BP"),
        ("++KG-7:IN", "", "KG-7:IN"),
    ],
)
def test_edifact_papers_call_the_item_by_the_qualifier_of_the_orders(
    store: Store, tmp_path: Path, lin: str, pia: str, written: str
) -> None:
    kinds = ("ordrsp", "desadv", "invoic")
    documents = [
        {"in": "ORDERS", "map": "edifact/orders.D96A"},
        *({"out": each.upper(), "map": f"edifact/{each}.D96A"} for each in kinds),
    ]
    world = EdiWorld(store, tmp_path / "acme", documents=documents, maps=None)
    papers = through(world, SENT.format(lin=lin, pia=pia).encode())
    assert sorted(papers) == ["DESADV", "INVOIC", "ORDRSP"]
    assert {name: written in text for name, text in papers.items()} == dict.fromkeys(papers, True)


def test_a_line_that_a_change_adds_keeps_the_qualifier_of_the_860(store: Store, tmp_path: Path) -> None:
    documents = [
        {"in": "850", "map": "x12/850.004010"}, {"in": "860", "map": "x12/860.004010"},
        {"out": "855", "map": "x12/855.004010"}, {"out": "865", "map": "x12/865.004010"},
    ]  # fmt: skip
    world = EdiWorld(store, tmp_path / "acme", documents=documents, maps=None)
    world.drop(x12(order("PO-1")))
    world.settle()
    world.sent()
    change = "ST*860*0001~BCH*04*SA*PO-1**C-1*20260302~POC*9*AI*2*2*EA*19.95**VP*B*BP*KG-9~CTT*1~SE*5*0001~"
    world.drop(x12(change, ref=2, function="PC", group=8), "change.edi")
    world.settle()
    [body] = [each for each in world.sent() if b"ST*865" in each]
    assert b"*BP*KG-9" in body


@pytest.mark.parametrize("qualifier", ["CB", "PI"])
def test_edifact_papers_leave_out_a_code_they_have_no_qualifier_for(
    store: Store, tmp_path: Path, qualifier: str
) -> None:
    kinds = ("ordrsp", "desadv", "invoic")
    documents = [
        {"in": "850", "map": "x12/850.004010"},
        *({"out": each.upper(), "map": f"edifact/{each}.D96A"} for each in kinds),
    ]
    world = EdiWorld(store, tmp_path / "acme", documents=documents, maps=None)
    papers = through(world, x12(order("PO-1").replace("VP*A", f"VP*A*{qualifier}*KG-7")))
    assert sorted(papers) == ["DESADV", "INVOIC", "ORDRSP"]
    assert {name: ("+A:SA'" in text, "KG-7" in text) for name, text in papers.items()} == dict.fromkeys(
        papers, (True, False)
    )


LINE = {"position": 1, "status": "accepted", "ordered_quantity": "2", "quantity": "2", "buyer_code": "KG-7"}
PAPER = {
    "number": "R-1", "order_number": "PO-1", "order_external_id": "PO-1", "status": "accepted", "currency": "EUR",
    "issued_at": "2026-03-01T00:00:00Z", "ordered_on": "2026-03-01",
}  # fmt: skip


@pytest.mark.parametrize("kind", ["catalog", "purchaser"])
def test_a_code_that_is_left_out_is_reported_and_the_only_one_is_refused(kind: str) -> None:
    ordrsp, line = shipped_map("edifact/ordrsp.D96A"), {**LINE, "buyer_code_kind": kind}
    named = {**PAPER, "lines": [{**line, "gtin": "4012345000016"}]}
    assert ordrsp.unwritten(named) == ["lines[].buyer_code"]
    assert "KG-7" not in str(ordrsp.write(named).sequence)
    lone = {**PAPER, "lines": [line]}
    with pytest.raises(MapError, match="is none of the qualifiers IN, BP"):
        ordrsp.write(lone)
    with pytest.raises(MapError, match="is none of the qualifiers IN, BP"):
        ordrsp.unwritten(lone)
    # X12 has a qualifier for it.
    assert "lines[].buyer_code" not in shipped_map("x12/855.004010").unwritten(named)


def test_an_overlay_for_edifact_that_names_a_qualifier_keeps_the_code(tmp_path: Path) -> None:
    rules = 'buyer_code: "PIA[1=1|5]/2..6[2=IN|CB].1", buyer_code_kind: {path: "PIA[1=1|5]/2..6[2=IN|CB].0", '
    overlay = "overlay: edifact/ordrsp.D96A\nversion: 2\nfields: {lines: {fields: {" + rules
    (tmp_path / "own.yaml").write_text(f"{overlay}codes: buyer_code_kind}}}}}}}}\n")
    made = named_map("own.yaml", tmp_path).write(
        {**PAPER, "lines": [{**LINE, "sku": "A", "buyer_code_kind": "catalog"}]}
    )
    assert "KG-7', 'CB'" in str([each.elements for each in made.sequence])
