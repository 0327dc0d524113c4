"""docs/partners.md: its profile is one, it names every key, and with the shipped maps its sample passes (P1)."""

import re
from pathlib import Path

import pytest
from marshmallow import Schema, fields

from connectors.edi.partnerfile import OWN, read_partner_file
from connectors.edi.profile_schema import ProfileSchema
from connectors.edi.trying import opened, try_samples
from mappings.edi.shipped import shipped_names
from tests.connectors.edi.as2_world import OURS, THEIRS
from tests.connectors.edi.keys import pem
from tests.connectors.edi.partner_world import order, x12
from tests.connectors.edi.xml_world import ubl_cancellation, ubl_change, ubl_order

PAGE = Path(__file__).resolve().parents[3] / "docs" / "partners.md"


def block(name: str) -> str:
    found = re.search(rf"^```\w+ {re.escape(name)}\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    assert found, name
    return found[1]


def leaves(schema: Schema, above: str = "") -> list[str]:
    found = []
    for name, field in schema.fields.items():
        if isinstance(field, fields.Nested) and above.count(".") < 2:
            found += leaves(field.schema, f"{above}{name}.")
        else:
            found.append(f"{above}{name}")
    return found


def test_p1_every_key_is_on_the_page() -> None:
    table = PAGE.read_text(encoding="utf-8").partition("## Every key")[2]
    named = set(re.findall(r"`([a-z_0-9.]+)`", table))
    # A row may name a key whole, or beside its neighbor by its last part.
    missing = [
        key
        for key in [*OWN, *leaves(ProfileSchema())]
        if key not in named and key.rpartition(".")[2] not in named and not key.startswith("identifiers.")
    ]
    assert missing == ["control_numbers.scope"]  # it has one value, which nobody need write


def test_p1_the_profile_of_the_page_and_one_order_give_every_document(tmp_path: Path) -> None:
    text = block("acme.yaml")
    wanted = set(re.findall(r"map: (\S+)}", text))
    if not wanted <= set(shipped_names()):
        pytest.skip(f"not shipped yet: {', '.join(sorted(wanted - set(shipped_names())))}")
    file, sample = tmp_path / "acme.yaml", tmp_path / "order.x12"
    file.write_text(text, encoding="utf-8")
    body = x12(order("4500012345")).decode()
    body = body.replace("*ZZ*ACME           *", "*08*ACMERETAIL     *").replace(
        "*HUB            *", "*FJORDPINE      *"
    )
    sample.write_text(body, encoding="utf-8")
    partner = read_partner_file(file)
    with opened(partner) as connector:
        found = try_samples(connector, [sample], partner.terms)
    assert [(each.kind, each.way, each.passed, each.reasons) for each in found] == [
        ("850", "in", True, []), ("997", "out", True, []), ("855", "out", True, []), ("856", "out", True, []),
        ("810", "out", True, []),
    ]  # fmt: skip
    assert [each.kind for each in found if each.way == "out" and each.notes] == ["997"]


def test_p1_the_ubl_profile_of_the_page_and_samples_give_every_document(tmp_path: Path) -> None:
    file = tmp_path / "stores.yaml"
    file.write_text(block("stores.yaml"), encoding="utf-8")
    samples = []
    for name, body in (
        ("order", ubl_order("PO-1")),
        ("change", ubl_change("PO-1", "CH-1", quantity="2")),
        ("cancellation", ubl_cancellation("PO-1", "CA-1")),
    ):
        samples.append(tmp_path / f"{name}.xml")
        samples[-1].write_bytes(body)
    with opened(read_partner_file(file)) as connector:
        found = try_samples(connector, samples)
    told = [(each.kind, each.way, each.passed, each.reasons) for each in found]
    assert told == [
        ("Order", "in", True, []), ("OrderChange", "in", True, []), ("OrderCancellation", "in", True, []),
        ("OrderResponse", "out", True, []), ("DespatchAdvice", "out", True, []), ("Invoice", "out", True, []),
        ("CreditNote", "out", True, []),
        ("ReceiptAdvice", "in", False, ["no sample was given"]),
    ]  # fmt: skip


def test_p1_the_warehouse_of_the_page_and_one_file_of_his_give_every_document(tmp_path: Path) -> None:
    file, sample = tmp_path / "depot.yaml", tmp_path / "depot.x12"
    file.write_text(block("depot.yaml"), encoding="utf-8")
    sample.write_text(block("depot.x12"), encoding="utf-8")
    with opened(read_partner_file(file)) as connector:
        found = try_samples(connector, [sample])
    shown = []
    for each in found:
        assert each.passed, each.reasons
        shown += [f"pass  {each.kind:<8} {each.way:<4} {each.sample}", *(f"    - {note}" for note in each.notes)]
    page = PAGE.read_text(encoding="utf-8")
    printed = page.partition("$ crossdock partner test depot.yaml depot.x12\n")[2].partition("\n7 passed")[0]
    assert shown == printed.splitlines()


def test_the_rehearsal_of_the_page_is_a_profile_with_its_certificates_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "rehearsal.yaml"
    file.write_text(block("rehearsal.yaml"), encoding="utf-8")
    for name, who in (("FJORDPINE", OURS), ("ACMERETAIL", THEIRS)):
        (tmp_path / f"{name}.as2.pem").write_bytes(pem(who)[0])
    with opened(read_partner_file(file), {"as2_keys": pem(OURS)[1].decode()}) as connector:
        assert connector.profile.transport["url"] == "http://127.0.0.1:8790/as2"
        sample = tmp_path / "order.x12"
        sample.write_text(block("order.x12"), encoding="utf-8")
        found = try_samples(connector, [sample])
    assert [(each.kind, each.way, each.passed, each.reasons) for each in found] == [
        ("850", "in", True, []), ("997", "out", True, []), ("855", "out", True, []), ("856", "out", True, []),
        ("810", "out", True, []),
    ]  # fmt: skip
