"""Credit notes to a partner, from a refund to his acknowledgement: UBL with its schema and rules, and EDIFACT."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from connectors.edi.partnerfile import read_partner_file
from connectors.edi.tried import Tried
from connectors.edi.trying import opened, try_samples
from core.domain.documents import check_document
from core.errors import Conflict, InputError
from core.services.agreed_papers import send_agreed
from core.services.agreements import set_terms
from core.services.edi_resending import send_anew
from core.services.papers import send_by_hand
from core.services.refunding import refund_order
from core.services.refunds import apply_refund
from core.store.read.trade import read_paper
from core.store.unit import Store
from mappings.edi.schematron.rules import Rules, check_rules
from mappings.edi.shipped import shipped_map, shipped_path
from mappings.edi.xml.documents import read_document
from tests.connectors.edi.partner_world import MAPS, EdiWorld, order, x12
from tests.connectors.edi.xml_world import CORPORA, UBL_PROFILE, UBL_SCHEMAS, ubl_answer, ubl_credit, ubl_order

EN16931 = CORPORA / "en16931" / "CEN-EN16931-UBL.sch"
corpora = pytest.mark.skipif(not EN16931.is_file(), reason="the rules are in ../shared/corpora, which is not here")
NAMES = {
    "cac": "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2",
    "cbc": "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2",
}
LINES = [{"external_id": "1", "quantity": "1", "restock": "return", "amount": "19.95"}]


@pytest.fixture
def world(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EdiWorld:
    monkeypatch.delenv("CROSSDOCK_SCHEMAS_UBL", raising=False)
    if UBL_SCHEMAS.is_dir():
        monkeypatch.setenv("CROSSDOCK_SCHEMAS_UBL", str(UBL_SCHEMAS))
    return EdiWorld(store, tmp_path / "acme", **UBL_PROFILE)


def shipped(world: EdiWorld, body: bytes) -> None:
    world.drop(body, "order.edi")
    world.settle()
    world.ship(world.one("SELECT * FROM orders"))
    world.settle()
    world.sent()


def refund(world: EdiWorld, external_id: str = "R1", **more: Any) -> None:
    body = {"external_id": external_id, "order_external_id": "PO-1", "amount": "23.74", "currency": "USD", **more}
    [made] = [{**body, "lines": LINES}] if "lines" not in more else [body]
    with world.store.begin() as unit:
        apply_refund(unit, world.facts, world.acme, check_document("refund", made))
    world.settle()


def text(root: Any, path: str) -> str:
    return str(root.xpath(f"string({path})", namespaces=NAMES))


def test_a_refund_leaves_as_a_credit_note_of_ubl_and_is_answered(world: EdiWorld) -> None:
    shipped(world, ubl_order("PO-1"))
    [bill] = world.papers("invoice")
    refund(world, note="One was broken")
    [body] = world.sent()
    root = etree.fromstring(body)
    assert etree.QName(root).localname == "CreditNote"
    assert text(root, "cac:BillingReference/cac:InvoiceDocumentReference/cbc:ID") == bill.number
    assert [text(root, path) for path in (
        "cbc:CreditNoteTypeCode", "cbc:Note", "cac:OrderReference/cbc:ID", "cac:CreditNoteLine/cbc:CreditedQuantity",
        "cac:LegalMonetaryTotal/cbc:TaxExclusiveAmount", "cac:TaxTotal/cbc:TaxAmount",
        "cac:LegalMonetaryTotal/cbc:PayableAmount",
    )] == ["381", "One was broken", "PO-1", "1", "19.95", "3.79", "23.74"]  # fmt: skip
    document = world.one("SELECT * FROM edi_document WHERE kind = 'CreditNote'")
    assert (document.state, document.number) == ("sent", text(root, "cbc:ID"))
    world.drop(ubl_answer(text(root, "cbc:ID"), "AP", kind="381"), "answer.xml")
    assert world.one("SELECT state FROM edi_document WHERE kind = 'CreditNote'").state == "answered"
    assert [each.state for each in world.papers("credit_note")] == ["accepted"]


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"amount": "23.745"}, "REFUND-AMOUNT-422"),
        ({"lines": [{**LINES[0], "amount": "19.955"}]}, "REFUND-AMOUNT-422"),
        ({"amount": "23.5", "currency": "JPY"}, "REFUND-AMOUNT-422"),
        ({"lines": [{**LINES[0], "quantity": "0.5"}]}, "REFUND-PART-422"),
    ],
)
def test_a_refund_of_the_partner_that_nobody_can_give_is_set_aside(
    world: EdiWorld, more: dict[str, Any], code: str
) -> None:
    shipped(world, ubl_order("PO-1"))
    body = {"external_id": "R1", "order_external_id": "PO-1", "amount": "23.74", "currency": "USD", "lines": LINES}
    with pytest.raises(InputError) as caught, world.store.begin() as unit:
        apply_refund(unit, world.facts, world.acme, check_document("refund", {**body, **more}))
    assert caught.value.error_code == code
    assert world.one("SELECT count(*) AS n FROM refund").n == 0
    assert world.one("SELECT returned FROM order_line").returned == 0
    # Rounded, it is one refund as any.
    refund(world)
    assert len(world.sent()) == 1


def test_a_credit_note_that_comes_with_an_amount_nobody_can_pay_waits_in_quarantine(
    store: Store, tmp_path: Path
) -> None:
    documents = [{"in": "Order", "map": "ubl/order.in"}, {"in": "CreditNote", "map": "ubl/credit_note.in"}]
    world = EdiWorld(store, tmp_path / "acme", **{**UBL_PROFILE, "documents": documents})
    world.drop(ubl_order("PO-1"), "order.xml")
    for number, payable in (("CN-1", "5.005"), ("CN-2", "5.00")):
        world.drop(ubl_credit(number, "PO-1", payable), f"{number}.xml")
    first, second = world.all("SELECT state, error FROM message WHERE topic = 'CreditNote' ORDER BY id")
    assert (first.state, first.error["code"], second.state) == ("quarantined", "REFUND-AMOUNT-422", "applied")
    assert [str(each.amount) for each in world.all("SELECT amount FROM refund")] == ["5.00"]


def test_a_refund_that_a_person_makes_leaves_as_a_credit_note(world: EdiWorld) -> None:
    shipped(world, ubl_order("PO-1"))
    [bill] = world.papers("invoice")
    asked = {"amount": Decimal("23.74"), "lines": [{"line": "A", "quantity": Decimal(1), "restock": "return"}]}
    with world.store.begin() as unit:
        refund_order(unit, world.facts, world.one("SELECT id FROM orders").id, asked)
    world.settle()
    [body] = world.sent()
    root = etree.fromstring(body)
    assert (etree.QName(root).localname, text(root, "cac:LegalMonetaryTotal/cbc:PayableAmount")) == (
        "CreditNote", "23.74",
    )  # fmt: skip
    assert text(root, "cac:BillingReference/cac:InvoiceDocumentReference/cbc:ID") == bill.number


def test_d1_the_same_refund_leaves_once_another_one_as_a_second_and_anew_under_a_new_number(world: EdiWorld) -> None:
    shipped(world, ubl_order("PO-1"))
    refund(world)
    refund(world)
    refund(world, "R2", amount="1.00", lines=None)
    first, second = world.sent()
    assert etree.fromstring(first).findtext(f".//{{{NAMES['cbc']}}}PayableAmount") == "23.74"
    assert etree.fromstring(second).findtext(f".//{{{NAMES['cbc']}}}PayableAmount") == "1.00"
    assert world.settle() == 0
    assert world.sent() == []
    sent = world.one("SELECT id, name FROM interchange WHERE direction = 'out' AND name LIKE 'CreditNote%' ORDER BY at")
    with world.store.begin() as unit:
        send_anew(unit, world.partners, world.hub.box, sent.id, "resend")
    [again] = world.sent()
    assert etree.tostring(etree.fromstring(again)) == etree.tostring(etree.fromstring(first))
    replaced = world.one("SELECT name FROM interchange WHERE replaces_id = :i", i=sent.id)
    assert replaced.name != sent.name


OURS = {"company": "Fjord & Pine", "gln": "4012345000009", "vat_id": "DE000000001"}
ADDRESS = {"line1": "Hafenstraße 1", "postal_code": "24103", "city": "Kiel", "country": "DE"}


def agree(world: EdiWorld, **seller: str) -> None:
    """Agree terms with these facts of ours; EN 16931 wants a name of every buyer as well."""
    with world.store.begin() as unit:
        set_terms(unit, world.acme, {"seller": {**OURS, **seller}, "tax_rate": "0.19"})
        unit.conn.exec_driver_sql(
            "UPDATE orders SET body = jsonb_set(body::jsonb, '{ship_to,company}', '\"Example Stores\"')::json"
        )


@corpora
def test_what_leaves_breaks_no_rule_of_en_16931_once_our_address_is_in_the_terms_or_an_overlay(
    world: EdiWorld, tmp_path: Path
) -> None:
    maps = tmp_path / "maps"
    maps.mkdir()
    (maps / "with-address.yaml").write_text(
        "overlay: ubl/credit_note.out\nversion: 2\nfields:\n  cac:AccountingSupplierParty/cac:Party:\n    fields:\n"
        "      cac:PostalAddress/cac:Country/cbc:IdentificationCode: {const: DE}\n",
        encoding="utf-8",
    )
    shipped(world, ubl_order("PO-1"))
    agree(world)
    rules = Rules(EN16931)
    refund(world)
    refund(world, "R2", amount="5.00", lines=None)
    refund(world, "R3", amount="20.00")
    plain = world.sent()
    assert len(plain) == 3
    assert [broken(each, rules) for each in plain] == [{"BR-08"}] * 3
    agree(world, **ADDRESS)
    refund(world, "R5", amount="0.50", lines=None)
    [told] = world.sent()
    assert broken(told, rules) == set()
    root = etree.fromstring(told)
    address = "cac:AccountingSupplierParty/cac:Party/cac:PostalAddress/"
    assert (text(root, f"{address}cbc:StreetName"), text(root, f"{address}cbc:PostalZone")) == (
        "Hafenstraße 1",
        "24103",
    )
    agree(world)
    documents = [{"in": "Order", "map": "ubl/order.in"}, {"out": "CreditNote", "map": "with-address"}]
    world.change(documents=documents, maps=str(maps))
    refund(world, "R4", amount="0.03", lines=None)
    [told] = world.sent()
    assert broken(told, rules) == set()


def broken(body: bytes, rules: Rules) -> set[str]:
    """The rules a document breaks; warnings, of what EN 16931 has no use for, are left out."""
    document = read_document(body)
    check_rules(document, rules)
    return {each.code or "" for each in document.faults if each.rejects}


EDIFACT = """
UNB+UNOC:3+ACME:ZZ+HUB:ZZ+260301:1200+1'UNH+1+ORDERS:D:96A:UN:EAN008'BGM+220+PO-1+9'DTM+137:20260301:102'
NAD+DP+4098765000003::9++Store 815+Am Markt 1+Kiel++24103+DE'CUX+2:USD:9'LIN+1'PIA+1+A:SA'QTY+21:3'PRI+AAA:19.95'
UNS+S'CNT+2:1'UNT+12+1'UNZ+1+1'
""".replace("\n", "").encode()


@pytest.mark.parametrize("version", ["D96A", "D01B"])
def test_a_refund_leaves_as_an_invoic_that_credits(store: Store, tmp_path: Path, version: str) -> None:
    documents = [
        {"in": "ORDERS", "map": "edifact/orders.D96A"},
        {"out": "INVOIC", "map": f"edifact/invoic.{version}"},
        {"out": "INVOIC", "map": f"edifact/invoic-credit.{version}"},
    ]
    world = EdiWorld(store, tmp_path / "acme", documents=documents)
    shipped(world, EDIFACT)
    refund(world, note="One was broken")
    [body] = world.sent()
    [reading] = shipped_map(f"edifact/invoic-credit.{version}").read_bytes(body)
    assert reading.result is not None, reading.error
    [bill], [paper] = world.papers("invoice"), world.papers("credit_note")
    note = reading.result.canonical
    assert b"BGM+381+" in body
    assert (note["number"], [each["number"] for each in note["invoices"]]) == (paper.number, [bill.number])
    assert (str(note["totals"]["grand"]), note["reason"]) == ("23.74", "One was broken")
    document = world.one("SELECT state, due_at FROM edi_document WHERE number = :n", n=paper.number)
    assert (document.state, document.due_at is not None) == ("sent", True)
    number = world.one("SELECT reference FROM interchange WHERE direction = 'out' ORDER BY at DESC LIMIT 1").reference
    answer = f"UNH+1+CONTRL:D:3:UN'UCI+{number}+HUB:ZZ+ACME:ZZ+7'UNT+3+1'"
    world.drop(f"UNB+UNOC:3+ACME:ZZ+HUB:ZZ+260301:1210+2'{answer}UNZ+1+2'".encode(), "contrl.edi")
    assert [each.state for each in world.papers("credit_note")] == ["accepted"]


def test_a_note_that_cannot_be_written_fails_and_is_sent_again_by_hand(world: EdiWorld, tmp_path: Path) -> None:
    shipped(world, ubl_order("PO-1"))
    maps = tmp_path / "maps"
    maps.mkdir()
    odd = maps / "odd.yaml"
    odd.write_text("overlay: ubl/credit_note.out\nversion: 2\nfields:\n  cbc:Note: {path: more, required: true}\n")
    world.change(
        documents=[{"in": "Order", "map": "ubl/order.in"}, {"out": "CreditNote", "map": "odd"}], maps=str(maps)
    )
    refund(world)
    assert world.sent() == []
    [paper] = world.papers("credit_note")
    dead = world.one("SELECT state, error FROM delivery WHERE id = :d", d=paper.delivery_id)
    assert dead.state == "dead"
    assert dead.error["what"].startswith("The credit note cannot be written as CreditNote by the map odd.")
    odd.write_text("overlay: ubl/credit_note.out\nversion: 3\nfields:\n  cbc:Note: null\n")
    with world.store.begin() as unit:
        send_by_hand(unit, world.facts, paper.id)
    assert len(world.sent()) == 1


def test_a_partner_whose_profile_does_not_list_it_gets_none_until_it_does(world: EdiWorld) -> None:
    shipped(world, ubl_order("PO-1"))
    without = [each for each in UBL_PROFILE["documents"] if each.get("out") != "CreditNote"]
    world.change(documents=without)
    refund(world)
    assert world.sent() == []
    [paper] = world.papers("credit_note")
    assert (paper.state, paper.answer) == (
        "not_agreed", {"not_agreed": "credit note was not agreed with this partner"},
    )  # fmt: skip
    with world.store.read() as conn:
        shown = read_paper(conn, paper.id)
    assert (shown["state"], shown["sent_at"]) == ("not_agreed", None)
    assert world.one("SELECT count(*) AS n FROM event WHERE type = 'paper.not_agreed'").n == 1
    with pytest.raises(Conflict, match="credit note was not agreed with acme") as caught, world.store.begin() as unit:
        send_agreed(unit, world.facts, world.partners, paper.id)
    assert caught.value.error_code == "PAPER-AGREED-409"
    assert [each.state for each in world.papers("credit_note")] == ["not_agreed"]
    world.change(documents=UBL_PROFILE["documents"])
    with world.store.begin() as unit:
        send_agreed(unit, world.facts, world.partners, paper.id)
    assert len(world.sent()) == 1
    assert [each.state for each in world.papers("credit_note")] == ["sent"]


def tried(tmp_path: Path, documents: str, samples: dict[str, bytes], maps: Path = MAPS) -> list[Tried]:
    file = tmp_path / "acme.yaml"
    file.write_text(
        "partner: acme-retail\nidentifiers:\n  ours: {id: HUB, qualifier: ZZ}\n"
        f"  theirs: {{id: ACME, qualifier: ZZ}}\ndocuments:\n{documents}"
        f"transport: {{kind: folder, root: /var/lib/acme}}\nmaps: {maps}\n"
    )
    for name, body in samples.items():
        (tmp_path / name).write_bytes(body)
    with opened(read_partner_file(file)) as connector:
        return try_samples(connector, [tmp_path / name for name in samples], None)


def test_p1_a_profile_with_two_invoic_is_tried_for_both(tmp_path: Path) -> None:
    documents = (
        "  - {in: ORDERS, map: edifact/orders.D96A}\n  - {out: INVOIC, map: edifact/invoic.D96A}\n"
        "  - {out: INVOIC, map: edifact/invoic-credit.D96A}\n"
    )
    found = tried(tmp_path, documents, {"orders.edi": EDIFACT})
    made = [(each.kind, each.map, each.passed) for each in found if each.way == "out" and each.map]
    assert made == [("INVOIC", "edifact/invoic.D96A", True), ("INVOIC", "edifact/invoic-credit.D96A", True)]
    note = next(each.written or "" for each in found if each.map.startswith("edifact/invoic-credit"))
    assert "BGM+381+C-PO-1+9'" in note
    assert "RFF+IV:I-PO-1'" in note
    # A credit note as the sample: it is read by its own map, and the invoice is still made of the order.
    wanted = tried(tmp_path, documents, {"wanted.edi": note.encode(), "orders.edi": EDIFACT})
    assert [(each.sample, each.map, each.passed) for each in wanted if each.kind == "INVOIC"] == [
        ("wanted.edi", "edifact/invoic-credit.D96A", True), ("made of the order", "edifact/invoic.D96A", True),
    ]  # fmt: skip
    assert not [
        note for each in wanted if each.sample == "wanted.edi" for note in each.notes if "does not write" in note
    ]


@pytest.mark.parametrize(
    "row", ['{out: "812", map: x12/812.004010}', '{in: "812", map: "812"}', '{out: "810", map: credit.810}']
)
def test_a_profile_of_x12_that_asks_for_credit_notes_is_refused_when_it_is_loaded(tmp_path: Path, row: str) -> None:
    own = tmp_path / "maps"
    own.mkdir()
    text = shipped_path("x12/810.004010").read_text(encoding="utf-8")
    (own / "credit.810.yaml").write_text(text.replace("map: invoice", "map: credit_note"), encoding="utf-8")
    with pytest.raises(InputError) as refused:
        tried(tmp_path, f'  - {{in: "850", map: x12/850.004010}}\n  - {row}\n', {"a.x12": x12(order("PO-1"))}, own)
    assert refused.value.error_code == "EDI-PROFILE-422"
    assert "documents.1" in refused.value.what
    assert "the hub has no grammar of 812, the set of X12 that credits" in refused.value.what
