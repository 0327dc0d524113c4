"""`crossdock partner test`: statement P1 of the acceptance list."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.edi.partnerfile import read_partner_file
from connectors.edi.tried import Tried
from connectors.edi.trying import opened, try_samples
from core.errors import InputError
from tests.connectors.edi.partner_world import MAPS, order, x12
from tests.connectors.edi.test_partner import ORDERS
from tests.connectors.edi.xml_world import BUYER, SELLER, UBL_SCHEMAS, ubl_order

PROFILE = """
partner: acme-retail
label: Acme Retail
identifiers:
  ours: {id: HUB, qualifier: ZZ}
  theirs: {id: ACME, qualifier: ZZ}
documents:
  - {in: "850", map: "850"}
  - {out: "855", map: "855"}
transport: {kind: folder, root: /var/lib/acme}
"""


def tried(tmp_path: Path, samples: dict[str, bytes], profile: str = PROFILE) -> list[Tried]:
    file = tmp_path / "acme.yaml"
    file.write_text(f"{profile}maps: {MAPS}\n")
    paths = []
    for name, body in samples.items():
        (tmp_path / name).write_bytes(body)
        paths.append(tmp_path / name)
    read = read_partner_file(file)
    with opened(read) as connector:
        return try_samples(connector, paths, read.terms)


TERMS = """
terms:
  seller: {name: "Fjord & Pine", gln: "4012345000009"}
  sscc: {extension: "7", company_prefix: "4098765"}
  tax_rate: "0.19"
  payment: {days: 14}
  allowances: [{kind: rebate, rate: "0.10"}]
  rules: [{check: gtin_on_every_line}]
"""


def told(found: list[Tried]) -> list[tuple[str, str, bool]]:
    return [(each.kind, each.way, each.passed) for each in found]


def test_p1_an_order_passes_with_what_it_means_and_the_papers_are_made_of_it(tmp_path: Path) -> None:
    found = tried(tmp_path, {"order.x12": x12(order("PO-1"))})
    assert told(found) == [("850", "in", True), ("997", "out", True), ("855", "out", True)]
    assert found[0].canonical is not None
    assert found[0].canonical["external_id"] == "PO-1"
    assert [each for each in found[0].notes if each.startswith("no rule reads")]
    assert "BAK*00*AC*R-PO-1" in (found[2].written or "")


@pytest.mark.parametrize(
    ("sample", "reason"),
    [
        (x12(order("PO-1", count=3)), "SE01 states 3 segments, but 8 came. (SE number 8)"),
        (x12(order("PO-1", quantity="three")), "PO102 holds characters that its type R does not have. (PO1 number 6)"),
        (x12(order("PO-1").replace("ST*850", "ST*860")), "860 was not agreed with this partner."),
        (x12(order("PO-1")).replace(b"ACME           ", b"OTHER          "), "The sender 'OTHER' is not"),
        (b"hello", "it is neither EDIFACT, X12 nor an XML document"),
        (b'{"order": {}}', "it is no canonical paper"),
    ],
)
def test_p1_what_does_not_pass_says_why(tmp_path: Path, sample: bytes, reason: str) -> None:
    found = tried(tmp_path, {"sample": sample})
    assert not found[0].passed
    assert any(reason in each for each in found[0].reasons), found[0].reasons


def test_p1_a_sample_of_what_the_partner_wants_from_us_is_read_and_written_again(tmp_path: Path) -> None:
    wanted = "ST*855*0001~BAK*00*AC*PO-1*20260301~PO1*1*3*EA***VP*A~ACK*IA*3*EA~CTT*1~SE*6*0001~"
    found = tried(tmp_path, {"wanted.x12": x12(wanted, function="PR"), "order.x12": x12(order("PO-1"))})
    assert told(found) == [("855", "out", True), ("850", "in", True), ("997", "out", True)]
    assert "the sample has, and the map does not write: ACK*IA*3*EA" in found[0].notes


def test_p1_a_canonical_paper_is_written_as_it_would_leave(tmp_path: Path) -> None:
    body: dict[str, Any] = {
        "number": "R1", "issued_at": "2026-03-01T10:00:00Z", "ordered_on": "2026-03-01", "status": "accepted",
        "currency": "USD",
        "lines": [{"external_id": "1", "position": 1, "sku": "A", "status": "accepted", "ordered_quantity": "3",
                   "quantity": "3"}],
    }  # fmt: skip
    found = tried(tmp_path, {"paper.json": orjson.dumps({"order_response": body})})
    assert ("855", "out", True) in told(found)
    assert ("850", "in", False) in told(found)
    assert [each.reasons for each in found if each.kind == "850"] == [["no sample was given"]]


def test_p1_a_document_of_xml_is_tried_in_both_directions(tmp_path: Path) -> None:
    profile = (
        PROFILE.replace("HUB", SELLER).replace("ACME", BUYER)
        .replace('{in: "850", map: "850"}', "{in: Order, map: ubl/order.in}")
        .replace('{out: "855", map: "855"}', "{out: OrderResponse, map: ubl/order_response.out}")
    )  # fmt: skip
    order, answer = tried(tmp_path, {"order.xml": b"\xef\xbb\xbf" + ubl_order("PO-1")}, profile)
    assert (order.kind, order.way, order.passed, answer.kind, answer.passed) == (
        "Order", "in", True, "OrderResponse", True,
    )  # fmt: skip
    assert order.canonical is not None
    assert order.canonical["external_id"] == "PO-1"
    wanted = (answer.written or "").replace("R-PO-1", "R-PO-2").replace("<cbc:UBLVersionID>2.1</cbc:UBLVersionID>", "")
    again = tried(tmp_path, {"wanted.xml": wanted.encode(), "order.xml": ubl_order("PO-1")}, profile)
    assert told(again) == [("OrderResponse", "out", True), ("Order", "in", True)]
    assert "the map writes, and the sample does not have: cbc:UBLVersionID: 2.1" in again[0].notes
    for sample, reason in (
        (ubl_order("PO-1", buyer="4011111000007"), "The sender '4011111000007' is not the partner's id."),
        (b"<Order>", "not well-formed XML"),
    ):
        [failed, *_] = tried(tmp_path, {"order.xml": sample}, profile)
        assert (failed.passed, any(reason in each for each in failed.reasons)) == (False, True)
    wrong = profile.replace("ubl/order_response.out", "edifact/ordrsp.D96A")
    with pytest.raises(InputError, match=r"documents\.1 \(out: OrderResponse, .*the map is for edifact ORDRSP"):
        tried(tmp_path, {"order.xml": ubl_order("PO-1")}, wrong)


@pytest.mark.skipif(not UBL_SCHEMAS.is_dir(), reason="the schemas are in ../shared/corpora, which is not here")
def test_p1_a_document_that_does_not_fit_its_schema_fails_at_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSSDOCK_SCHEMAS_UBL", str(UBL_SCHEMAS))
    profile = PROFILE.replace("HUB", SELLER).replace("ACME", BUYER)
    profile = profile.replace('{in: "850", map: "850"}', "{in: Order, map: ubl/order.in}")
    order, *_ = tried(tmp_path, {"order.xml": ubl_order("PO-1", more="<cbc:Color>red</cbc:Color>\n")}, profile)
    assert (order.kind, order.passed) == ("Order", False)
    assert order.reasons[0].endswith("(line 7, /Order/cbc:Color)")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("qualifier: ZZ}\n  theirs", "qualifer: ZZ}\n  theirs"), "identifiers.ours.qualifer"),
        (("transport:", "transports:"), "there is no key transports"),
        (("partner: acme-retail", "partner: 7"), "`partner` is missing"),
        (('{in: "850", map: "850"}', '{in: "850", out: "850", map: "850"}'), "either `in` or `out`"),
        (('{out: "855", map: "855"}', '{out: "8x5", map: "855"}'), "documents.1.out"),
    ],
)
def test_p1_a_profile_that_does_not_fit_names_its_key(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        tried(tmp_path, {}, PROFILE.replace(*change))


def test_a_profile_takes_numbers_that_yaml_reads_as_such(tmp_path: Path) -> None:
    file = tmp_path / "acme.yaml"
    text = PROFILE.replace("id: HUB", "id: 4012345000009").replace('in: "850"', "in: 850")
    file.write_text(f"{text}maps: {MAPS}\n")
    with opened(read_partner_file(file)) as connector:
        assert connector.profile.ours.id == "4012345000009"
        assert [row.map for row in connector.profile.incoming("850")] == ["850"]


@pytest.mark.parametrize(
    ("documents", "reason"),
    [
        ('{in: "855", map: x12/855.004010}', "documents.1 (in: 855, map: x12/855.004010): the map makes order "
         "response, a paper we send: say `out` instead of `in`; what comes in is one of order, order change"),
        ('{out: "860", map: x12/860.004010}', "the map is of order change, which comes in: say `in` instead of `out`; "
         "what leaves is one of order response, despatch advice, invoice"),
        ('{in: "860", map: x12/850.004010}', "documents.1 (in: 860, map: x12/850.004010): the map is for x12 850"),
        ("{in: ORDERS, map: x12/850.004010}", "the map is for x12 850"),
        ('{out: "855", map: x12/855.005010}', "documents.1 (out: 855, map: x12/855.005010): the map writes version "
         "005010, and x12.gs08 is 004010, by which he would read it"),
        ('{out: "810", map: x12/811.004010}', "The map x12/811.004010 of acme-retail cannot be used"),
    ],
)  # fmt: skip
def test_a_map_that_does_not_fit_its_document_is_refused_when_the_profile_is_loaded(
    tmp_path: Path, documents: str, reason: str
) -> None:
    profile = PROFILE.replace('  - {out: "855", map: "855"}', f"  - {documents}")
    with pytest.raises(InputError) as refused:
        tried(tmp_path, {"order.x12": x12(order("PO-1"))}, profile)
    assert reason in refused.value.what
    assert refused.value.error_code in ("EDI-PROFILE-422", "EDI-MAP-404")


@pytest.mark.parametrize(
    ("gs08", "version"), [("004010VICS", "004010"), ("005010", "005010"), ("005010VICS", "005010")]
)
def test_a_map_of_the_version_the_profile_names_is_taken_with_any_suffix(
    tmp_path: Path, gs08: str, version: str
) -> None:
    """What comes in says its version itself, so it may be another than that of what leaves."""
    profile = PROFILE.replace('{out: "855", map: "855"}', f'{{out: "855", map: x12/855.{version}}}')
    file = tmp_path / "acme.yaml"
    file.write_text(f"{profile}maps: {MAPS}\nx12: {{gs08: '{gs08}'}}\n")
    with opened(read_partner_file(file)) as connector:
        assert connector.profile.x12.gs08 == gs08


def test_papers_are_made_by_the_terms_of_trade_of_the_profile(tmp_path: Path) -> None:
    profile = PROFILE.replace(
        '{out: "855", map: "855"}', '{out: "856", map: x12/856.004010}\n  - {out: "810", map: x12/810.004010}'
    )
    found = {each.kind: each for each in tried(tmp_path, {"order.x12": x12(order("PO-1"))}, profile + TERMS)}
    advice, bill = found["856"].canonical or {}, found["810"].canonical or {}
    assert bill["seller"] == {"company": "Fjord & Pine", "gln": "4012345000009"}
    assert "N1*SE*Fjord & Pine*UL*4012345000009~" in (found["810"].written or "")
    assert advice["packages"][0]["sscc"].startswith("74098765")
    # 3 at 19.95, less a tenth, and 19 % on it.
    assert {name: bill["totals"][name] for name in ("lines", "allowances", "net", "tax", "grand")} == {
        "lines": "59.85", "allowances": "5.99", "net": "53.86", "tax": "10.23", "grand": "64.09",
    }  # fmt: skip
    assert bill["terms"] == {"days": 14}
    assert "the hub would keep it back: rule gtin_on_every_line: lines 1 have no GTIN" in found["810"].notes
    without = tried(tmp_path, {"order.x12": x12(order("PO-1"))}, profile)
    assert "the hub makes none before terms of trade are set; ours are invented here" in without[-1].notes


@pytest.mark.parametrize(
    ("sample", "line"),
    [
        (x12(order("PO-1", count=3)), "not made: sample was read, and its 850 does not pass: SE01 states 3 segments"),
        (b"hello", "no sample of it, nor of an order: sample was read and does not count as one: it is neither"),
        (x12(order("PO-1").replace("ST*850", "ST*860")), "no sample of it, nor of an order"),
    ],
)
def test_a_sample_that_does_not_count_is_not_said_to_be_missing(tmp_path: Path, sample: bytes, line: str) -> None:
    found = tried(tmp_path, {"sample": sample})
    [why] = [each.reasons[0] for each in found if (each.kind, each.way) == ("855", "out")]
    assert why.startswith(line)
    assert [each.reasons for each in tried(tmp_path, {}) if each.kind == "855"] == [
        ["no sample of it, nor of an order"]
    ]


def test_a_sample_of_what_comes_that_cannot_be_read_is_named_where_it_is_missing(tmp_path: Path) -> None:
    found = tried(tmp_path, {"sample": b"hello"})
    [why] = [each.reasons[0] for each in found if each.kind == "850"]
    assert why.startswith("no sample of it: sample was read and does not count as one")
    # An interchange that is refused before its first group is not lost without a word.
    torn = x12(order("PO-1"))[:106]
    [first, *_] = tried(tmp_path, {"sample": torn})
    assert (first.passed, bool(first.reasons)) == (False, True)


@pytest.mark.parametrize(("terms", "passes"), [("", False), ("terms: {seller: {name: F}, currency: SEK}\n", True)])
def test_papers_of_an_order_without_a_currency_are_in_that_of_the_terms(
    tmp_path: Path, terms: str, passes: bool
) -> None:
    profile = PROFILE.replace('"850"', "ORDERS").replace(
        '{out: "855", map: "855"}', "{out: ORDRSP, map: edifact/ordrsp.D96A}"
    )
    profile = profile.replace("map: ORDERS", "map: edifact/orders.D96A") + terms
    sample = ORDERS.replace("CUX+2:EUR:9'", "").replace("UNT+12", "UNT+11").encode()
    found = tried(tmp_path, {"order.edi": sample}, profile)
    assert found[0].passed
    paper = next(each for each in found if each.kind == ("ORDRSP" if passes else "papers"))
    assert paper.passed is passes
    assert "CUX+2:SEK:9" in (paper.written or "") if passes else "it states no currency" in str(paper.reasons)
