"""The other ways out of an exception as forms, and the correction of a message that is set aside."""

from pathlib import Path

import pytest

from connectors.sdk.registry import Registry
from console.web.context import ConsoleServices
from core.domain.ids import public_id
from core.services.access import create_user
from core.store.unit import Store
from tests.connectors.edi.partner_world import EdiWorld, order, x12
from tests.console.conftest import Site
from tests.console.rows import Company
from tests.console.site import PASSWORD, USER
from tests.console.test_changes import audited, post
from tests.core.trade_world import TradeWorld, line
from tests.core.world import now

# PO102 may be empty by the grammar, and the map needs it.
UNMAPPED = order("PO-1").replace("PO1*1*3*EA*", "PO1*1***")


def site(store: Store, connectors: object) -> Site:
    with store.begin() as unit:
        create_user(unit, USER, "Mira Koch", PASSWORD, "operator")
    return Site(Company(now()), store, ConsoleServices(store, connectors, "0" * 44))  # type: ignore[arg-type]


@pytest.fixture
def world(store: Store) -> TradeWorld:
    found = TradeWorld(store)
    found.buy(line("A", 1), ship_to={"external_id": "4711"})
    return found


def test_an_address_is_given_in_the_fields_of_its_form(store: Store, world: TradeWorld) -> None:
    console = site(store, world.partners)
    case = public_id("case", world.one("SELECT id FROM exception_case").id)
    page = console.client().get(f"/exceptions/{case}").text
    form = page.split('value="give_address"')[1].split("</form>")[0]
    assert ['name="set.line1"' in form, 'name="set.postal_code"' in form, "Give the address" in form] == [True] * 3
    fields = {"set.line1": "Hafenweg 2", "set.city": "Kiel", "set.country": "DE", "set.postal_code": "24103"}
    said = post(console.client(), "/exceptions/act", case=case, verb="apply", action="give_address", **fields)
    assert "Give address: 1 done." in said
    assert world.one("SELECT state, body->'ship_to'->>'city' FROM orders")[1] == "Kiel"
    assert world.one("SELECT state FROM exception_case").state == "superseded"
    assert audited(console) == [(f"user:{USER}", "exception.apply")]


def test_what_is_missing_is_said_and_nothing_done(store: Store, world: TradeWorld) -> None:
    console = site(store, world.partners)
    case = public_id("case", world.one("SELECT id FROM exception_case").id)
    said = post(console.client(), "/exceptions/act", case=case, verb="apply", action="cancel_orders")
    assert "Say reason: cancel orders needs it." in said
    assert world.one("SELECT state FROM orders").state == "held"


def test_a_paper_that_was_kept_back_is_sent_from_its_exception(store: Store) -> None:
    world = TradeWorld(store, rules=[{"check": "gtin_on_every_line", "code": "ITEM-01"}])
    order = world.buy(line("B", 1))
    world.ship(order)
    world.settle()
    paper = world.one("SELECT id FROM paper WHERE kind = 'invoice'")
    console = site(store, world.partners)
    row = world.one("SELECT case_id FROM case_member WHERE subject_id = :p", p=paper.id)
    case = public_id("case", row.case_id)
    page = console.client().get(f"/exceptions/{case}").text
    # The order is not held for it.
    assert ("<dt>Orders concerned</dt><dd>1</dd>" in page, "Orders held" in page) == (True, False)
    assert f'href="/trade/papers/{public_id("paper", paper.id)}"' in page
    assert "Send paper: 1 done." in post(console.client(), "/exceptions/act", case=case, verb="apply")
    assert world.one("SELECT state FROM paper WHERE id = :p", p=paper.id).state == "sent"


def test_a_message_that_is_set_aside_is_corrected_on_its_page(store: Store, tmp_path: Path) -> None:
    world = EdiWorld(store, tmp_path / "acme")
    world.drop(x12(UNMAPPED))
    console = site(store, Registry())
    message = world.one("SELECT id, body FROM message WHERE topic = '850'")
    name = public_id("message", message.id)
    page = console.client().get(f"/messages/{name}").text
    assert "Work on this instead" in page
    mended = bytes(message.body).decode().replace("PO1*1***", "PO1*1*4*EA*")
    said = post(console.client(), f"/messages/{name}/correct", body=mended, reason="he left the quantity out")
    assert "its edition is worked on instead" in said
    entry = world.one("SELECT detail FROM audit_entry WHERE action = 'message.corrected'")
    assert entry.detail["reason"] == "he left the quantity out"
    world.drain()
    assert world.one("SELECT quantity FROM order_line").quantity == 4
    assert "Work on this instead" not in console.client().get(f"/messages/{name}").text


def test_the_partners_page_counts_what_is_set_aside(store: Store, tmp_path: Path) -> None:
    world = EdiWorld(store, tmp_path / "acme")
    world.drop(x12(UNMAPPED))
    console = site(store, Registry())
    page = console.client().get("/partners/of/acme").text
    assert '<dt>Set aside</dt><dd class="cd-dn">1</dd>' in page
    assert ">Quarantined</span>" in page
    assert "PO-1" in console.client().get("/partners/documents?tab=set_aside").text
