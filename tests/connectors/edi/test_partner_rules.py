"""Rules of Schematron that a partner's documents must keep before they leave."""

from pathlib import Path
from typing import Any

import pytest

from connectors.edi.partnerfile import read_partner_file
from connectors.edi.trying import opened, try_samples
from core.errors import InputError
from core.services.agreements import set_terms
from core.services.papers import send_by_hand
from core.store.unit import Store
from tests.connectors.edi.partner_world import EdiWorld
from tests.connectors.edi.xml_world import UBL_PROFILE, ubl_order

pytest.importorskip("saxonche", reason="saxonche, the extra `peppol`, is not installed")
UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
RULES = f"""<schema xmlns="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt2">
<ns prefix="i" uri="{UBL}Invoice-2"/><ns prefix="cac" uri="{UBL}CommonAggregateComponents-2"/>
<ns prefix="cbc" uri="{UBL}CommonBasicComponents-2"/>
<pattern><rule context="/i:Invoice">
<assert id="OUR-1" flag="fatal" test="cac:AccountingSupplierParty/cac:Party/cac:PostalAddress">
We have an address.</assert>
<assert id="OUR-2" flag="warning" test="cbc:Note">A note would be nice.</assert>
</rule></pattern></schema>"""
DOCUMENTS: list[dict[str, Any]] = [
    {"in": "Order", "map": "ubl/order.in"},
    {"out": "Invoice", "map": "ubl/invoice.out", "rules": ["own.sch"]},
]
SELLER = {"company": "Fjord & Pine", "gln": "4012345000009"}


@pytest.fixture
def maps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("CROSSDOCK_SCHEMAS_UBL", raising=False)
    folder = tmp_path / "maps"
    folder.mkdir()
    (folder / "own.sch").write_text(RULES, encoding="utf-8")
    return folder


def test_an_invoice_without_our_address_does_not_leave_until_the_terms_have_it(
    store: Store, tmp_path: Path, maps: Path
) -> None:
    world = EdiWorld(store, tmp_path / "acme", **{**UBL_PROFILE, "documents": DOCUMENTS}, maps=str(maps))
    world.drop(ubl_order("PO-1"), "order.xml")
    with world.store.begin() as unit:
        set_terms(unit, world.acme, {"seller": SELLER, "tax_rate": "0.19"})
    world.settle()
    world.ship(world.one("SELECT * FROM orders"))
    world.settle()
    assert world.sent() == []
    dead = world.one("SELECT state, error FROM delivery WHERE kind = 'push_invoice'")
    assert (dead.state, dead.error["code"]) == ("dead", "EDI-RULES-409")
    assert dead.error["why"] == "OUR-1: We have an address."
    assert world.all("SELECT id FROM interchange WHERE direction = 'out' AND name LIKE 'Invoice%'") == []
    # The fact is given by an overlay, for what was made already keeps what it says.
    (maps / "placed.yaml").write_text(
        "overlay: ubl/invoice.out\nversion: 2\nfields:\n  cac:AccountingSupplierParty/cac:Party:\n    fields:\n"
        "      cac:PostalAddress/cac:Country/cbc:IdentificationCode: {const: DE}\n",
        encoding="utf-8",
    )
    world.change(documents=[DOCUMENTS[0], {**DOCUMENTS[1], "map": "placed"}])
    [paper] = world.papers("invoice")
    with world.store.begin() as unit:
        send_by_hand(unit, world.facts, paper.id)
    [body] = world.sent()
    assert b"IdentificationCode>DE<" in body


def profile(folder: Path, rules: str, seller: str = "") -> Path:
    file = folder / "stores.yaml"
    file.write_text(
        "partner: stores\nmaps: maps\nidentifiers:\n  ours: {id: '4012345000009', qualifier: '0088'}\n"
        "  theirs: {id: '4098765000003', qualifier: '0088'}\ndocuments:\n  - {in: Order, map: ubl/order.in}\n"
        f"  - {{out: Invoice, map: ubl/invoice.out, rules: [{rules}]}}\n"
        f"terms: {{seller: {{company: Fjord & Pine, gln: '4012345000009'{seller}}}}}\n"
        f"transport: {{kind: folder, root: {folder / 'edi'}}}\n",
        encoding="utf-8",
    )
    (folder / "order.xml").write_bytes(ubl_order("PO-1"))
    return file


def tried(file: Path) -> dict[str, Any]:
    partner = read_partner_file(file)
    with opened(partner) as connector:
        return {each.kind: each for each in try_samples(connector, [file.parent / "order.xml"], partner.terms)}


def test_partner_test_names_missing_facts_without_any_rules(tmp_path: Path, maps: Path) -> None:
    file = profile(tmp_path, "own.sch")
    file.write_text(file.read_text().replace(", rules: [own.sch]", ""))
    found = tried(file)["Invoice"]
    assert (found.passed, [note.split(":")[0] for note in found.notes if "EN 16931" in note]) == (
        True,
        [
            "it lacks our address, which EN 16931 asks for (BR-08)",
            "it lacks our country, which EN 16931 asks for (BR-09)",
        ],
    )
    placed = profile(tmp_path, "own.sch", ", line1: Hafenstraße 1, city: Kiel, country: DE")
    assert [note for note in tried(placed)["Invoice"].notes if "EN 16931" in note] == []


def test_partner_test_tells_what_is_missing_before_he_is_set_up(tmp_path: Path, maps: Path) -> None:
    found = tried(profile(tmp_path, "own.sch"))["Invoice"]
    assert found.passed is False
    assert "OUR-1: We have an address." in " ".join(found.reasons)
    placed = tried(profile(tmp_path, "own.sch", ", line1: Hafenstraße 1, city: Kiel, country: DE"))["Invoice"]
    assert (placed.passed, placed.reasons) == (True, [])


@pytest.mark.parametrize("rules", ["none.sch", "../own.sch"])
def test_rules_that_are_not_there_refuse_the_profile(tmp_path: Path, maps: Path, rules: str) -> None:
    with pytest.raises(InputError) as caught:
        tried(profile(tmp_path, rules))
    assert caught.value.error_code in ("EDI-RULES-404", "EDI-PROFILE-422")


def test_rules_are_for_xml_that_leaves(tmp_path: Path, maps: Path) -> None:
    file = profile(tmp_path, "own.sch")
    file.write_text(file.read_text().replace("{out: Invoice, map: ubl/invoice.out", "{out: '810', map: x12/810.004010"))
    with pytest.raises(InputError, match="only documents of XML that leave are checked by rules"):
        read_partner_file(file)
