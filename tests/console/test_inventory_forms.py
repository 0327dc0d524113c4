"""Rules, supply and transfers on the console: listed, made, refused beside the field, done once, by those who may."""

import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from core.services.catalog import upsert_items
from core.services.checkouts import reserve_lines
from core.services.protecting import set_rule
from core.services.stock import count_stock
from core.services.supplying import expect_supply
from core.services.transfer_receipts import receive_transfer
from core.services.transfers import send_transfer
from tests.console.conftest import Site, form_token
from tests.console.site import USER

Get = Callable[..., str]
SHOWN = ("/inventory/rules", "/inventory/incoming", "/inventory/transfers")


def fresh(client: FlaskClient, path: str) -> dict[str, str]:
    """The hidden fields of a form, as a browser would send them."""
    page = client.get(path).text
    found = re.search(r'name="once" value="([^"]+)"', page)
    assert found is not None, path
    return {"csrf_token": form_token(page), "once": found[1]}


def send(client: FlaskClient, path: str, to: str | None = None, **fields: Any) -> TestResponse:
    return client.post(to or path, data={**fresh(client, path), **fields})


def rows(site: Site, sql: str, **values: Any) -> list[tuple[Any, ...]]:
    with site.store.read() as conn:
        return [tuple(row) for row in conn.execute(text(sql), values)]


def audited(site: Site) -> list[tuple[str, str]]:
    return [(one[0], one[1]) for one in rows(
        site, "SELECT actor, action FROM audit_entry WHERE actor <> 'hub' ORDER BY seq")]  # fmt: skip


def error_of(page: str, name: str) -> str:
    """What stands beside a field."""
    found = re.search(rf'id="e-{name}">(?:<svg.*?</svg>)?([^<]+)<', page, re.S)
    assert found is not None, f"nothing is said beside {name}"
    return unescape(found[1])


@pytest.fixture
def stocked(changing: Site) -> tuple[Site, str]:
    """A site with 40 free units of one item in Hamburg, none elsewhere."""
    item, sku, *_ = changing.company.items[0]
    with changing.store.begin() as unit:
        unit.conn.execute(text("DELETE FROM stock_movement WHERE item_id = :i"), {"i": item})
        unit.conn.execute(text("DELETE FROM stock_position WHERE item_id = :i"), {"i": item})
        for table, more in (("stock_position", ""), ("stock_movement", ", kind")):
            unit.conn.execute(
                text(f"INSERT INTO {table} (tenant_id, item_id, node_id, on_hand{more})"
                     f" VALUES (1, :i, :n, 40{', ' + repr('count') if more else ''})"),
                {"i": item, "n": changing.company.nodes["HAM"]},
            )  # fmt: skip
    return changing, sku


def test_a_rule_is_set_listed_and_ended(stocked: tuple[Site, str]) -> None:
    site, sku = stocked
    client = site.client()
    rule_for = {"connection": "shopify-eu", "kind": "buffer", "sku": sku, "node": "HAM"}
    assert send(client, "/inventory/rules/new", **rule_for, quantity="4.5").status_code == 422  # half a piece
    answer = send(client, "/inventory/rules/new", **rule_for, quantity="4")
    assert (answer.status_code, answer.location) == (303, "/inventory/rules")
    page = client.get("/inventory/rules").text
    assert "Buffer set for shopify-eu" in page
    assert "Buffer 4" in page
    kept = rows(site, "SELECT kind, quantity, valid_to, actor FROM protection_rule")
    assert kept == [("buffer", Decimal("4"), None, f"user:{USER}")]
    rule = re.search(r"/inventory/rules/(prt_[0-9a-f]{32})/end", page)
    assert rule is not None
    token = {"csrf_token": form_token(page)}
    for said in ("The rule is ended", "has ended already"):
        client.post(f"/inventory/rules/{rule[1]}/end", data=token)
        assert said in client.get("/inventory/rules").text
    assert rule[1] not in client.get("/inventory/rules").text
    assert "Buffer 4" in client.get("/inventory/rules?tab=ended").text
    assert audited(site) == [(f"user:{USER}", "protection.set"), (f"user:{USER}", "protection.ended")]


def test_what_does_not_fit_is_said_beside_its_field_and_nothing_is_done(stocked: tuple[Site, str]) -> None:
    site, sku = stocked
    client = site.client()
    answer = send(client, "/inventory/rules/new", connection="shopify-eu", quantity="many", sku=sku)
    assert answer.status_code == 422
    assert error_of(answer.text, "kind") == "Fill this in."
    assert error_of(answer.text, "quantity") == "Write a number, such as 12 or 2.5."
    assert "2 fields do not fit, and nothing was done." in answer.text
    assert f'value="{sku}"' in answer.text
    answer = send(client, "/inventory/rules/new", connection="shopify-eu", kind="cap", quantity="3", sku="NOPE")
    assert answer.status_code == 404
    assert error_of(answer.text, "sku") == "no item has it"
    answer = send(client, "/inventory/rules/new", connection="shopify-eu", kind="cap", quantity="3",
                  valid_from="2099-01-02T00:00", valid_to="2099-01-01T00:00")  # fmt: skip
    assert error_of(answer.text, "valid_to") == "too early"
    assert rows(site, "SELECT 1 FROM protection_rule") == []
    assert audited(site) == []


def test_a_time_of_a_form_is_read_as_utc(stocked: tuple[Site, str]) -> None:
    site, _ = stocked
    send(site.client(), "/inventory/rules/new", connection="erp", kind="cap", quantity="3",
         valid_from="2099-01-02T06:30")  # fmt: skip
    assert rows(site, "SELECT valid_from AT TIME ZONE 'UTC' = '2099-01-02 06:30' FROM protection_rule") == [(True,)]


def test_supply_is_expected_received_in_parts_and_ended(stocked: tuple[Site, str]) -> None:
    site, sku = stocked
    client = site.client()
    answer = send(client, "/inventory/incoming/new", sku=sku, node="HAM", reference="PO-7", quantity="12",
                  promisable="5", expected_at="2026-01-02T00:00")  # fmt: skip
    assert answer.status_code == 303
    supply = answer.location
    assert "PO-7" in client.get("/inventory/incoming").text
    assert "late" in client.get("/inventory/incoming?tab=late").text
    once = fresh(client, supply)
    for _ in range(2):
        # The second click has the effect of none.
        answer = client.post(f"{supply}/receive", data={**once, "quantity": "7"})
        assert (answer.status_code, answer.location) == (303, supply)
    page = client.get(supply).text
    assert "7 of 12 came so far" in page
    assert "nothing was done again" in page
    assert rows(site, "SELECT received, promisable, state FROM supply") == [(Decimal(7), Decimal(5), "expected")]
    assert rows(site, "SELECT on_hand FROM stock_position p JOIN item i ON i.id = p.item_id WHERE i.sku = :s",
                s=sku) == [(Decimal(47),)]  # fmt: skip
    answer = client.post(f"{supply}/receive", data={**once, "quantity": "1"})
    assert answer.status_code == 409
    assert "CONSOLE-FORM-409" in answer.text
    client.post(f"{supply}/end", data={"csrf_token": once["csrf_token"]})
    assert "Nothing more is expected of it." in client.get(supply).text
    answer = client.post(f"{supply}/receive", data={**once, "once": "another", "quantity": "1"})
    assert answer.status_code == 409
    assert "is canceled already" in answer.text
    assert rows(site, "SELECT received, promisable, state FROM supply") == [(Decimal(7), Decimal(0), "canceled")]
    assert [action for _, action in audited(site)] == ["supply.expected", "supply.received", "supply.ended"]


def test_supply_that_is_promised_does_not_end(stocked: tuple[Site, str]) -> None:
    site, sku = stocked
    with site.store.begin() as unit:
        expect_supply(unit, sku=sku, node="HAM", reference="PO-8", quantity=Decimal(9), promisable=Decimal(9))
        unit.conn.execute(
            text("UPDATE stock_position SET allocated = 45 WHERE item_id = :i"), {"i": site.company.items[0][0]}
        )
    client = site.client()
    supply = re.search(r"/inventory/incoming/sup_[0-9a-f]{32}", client.get("/inventory/incoming").text)
    assert supply is not None
    client.post(f"{supply[0]}/end", data={"csrf_token": form_token(client.get(supply[0]).text)})
    page = client.get(supply[0]).text
    assert "5 units of this supply are promised to orders." in page
    assert "Cancel those orders" in page
    assert rows(site, "SELECT state FROM supply") == [("expected",)]


def test_a_transfer_is_sent_received_and_what_is_missing_lost(stocked: tuple[Site, str]) -> None:
    site, sku = stocked
    client = site.client()
    once = fresh(client, "/inventory/transfers/new")
    body = {**once, "reference": "T-1", "from_node": "HAM", "to_node": "LYS", "lines.2.sku": sku,
            "lines.2.quantity": "41"}  # fmt: skip
    answer = client.post("/inventory/transfers/new", data=body)
    assert answer.status_code == 409
    assert error_of(answer.text, "lines-2-quantity") == "only 40 are free"
    assert f"Only 40 units of {sku} are at HAM and not promised, not 41." in answer.text
    assert rows(site, "SELECT 1 FROM transfer") == []
    body["lines.2.quantity"] = "10"
    # What was refused did nothing, so the same form may be corrected.
    places = [client.post("/inventory/transfers/new", data=body) for _ in range(2)]
    assert [each.status_code for each in places] == [303, 303]
    transfer = places[0].location
    assert rows(site, "SELECT reference, state FROM transfer") == [("T-1", "in_transit")]
    answer = send(client, transfer, f"{transfer}/receive", **{"lines.0.sku": sku, "lines.0.quantity": "11"})
    assert (answer.status_code, error_of(answer.text, "lines-0-quantity")) == (422, "more than in transit")
    answer = send(client, transfer, f"{transfer}/receive", **{"lines.0.sku": sku})
    assert (answer.status_code, error_of(answer.text, "lines-0-quantity")) == (422, "say what came")
    send(client, transfer, f"{transfer}/receive", **{"lines.0.sku": sku, "lines.0.quantity": "6"})
    assert rows(site, "SELECT received, lost FROM transfer_line") == [(Decimal(6), Decimal(0))]
    send(client, transfer, f"{transfer}/receive", last="true", **{"lines.0.sku": sku})
    page = client.get(transfer).text
    assert "6 of 10 units came, 4 are lost." in page
    assert rows(site, "SELECT received, lost FROM transfer_line") == [(Decimal(6), Decimal(4))]
    assert rows(site, "SELECT n.code, p.on_hand FROM stock_position p JOIN node n ON n.id = p.node_id"
                " WHERE p.item_id = :i ORDER BY 1", i=site.company.items[0][0]) == [
        ("HAM", Decimal(30)), ("LYS", Decimal(6))]  # fmt: skip
    assert "T-1" in client.get("/inventory/transfers?tab=lost").text
    assert [action for _, action in audited(site)] == ["transfer.sent", "transfer.received", "transfer.received"]


def test_tabs_count_what_their_lists_hold(stocked: tuple[Site, str]) -> None:
    site, sku = stocked
    with site.store.begin() as unit:
        for reference, days in (("PO-1", -1), ("PO-2", 1), ("PO-3", 2)):
            expect_supply(unit, sku=sku, node="HAM", reference=reference, quantity=Decimal(2),
                          expected_at=unit.now + timedelta(days=days))  # fmt: skip
        sent = send_transfer(unit, reference="T-9", from_node="HAM", to_node="LYS",
                             lines=[{"sku": sku, "quantity": Decimal(3)}])  # fmt: skip
        receive_transfer(unit, sent, [{"sku": sku, "quantity": Decimal(1)}], last=True)
        set_rule(unit, connection="erp", kind="cap", quantity=Decimal(1))
        set_rule(unit, connection="erp", kind="cap", quantity=Decimal(2))
    client = site.client()
    for path, tabs in (
        ("/inventory/incoming", {"Expected": 3, "Late": 1, "Received": 1, "Ended": 0}),
        ("/inventory/transfers", {"In transit": 0, "Late": 0, "Received": 1, "With lost units": 1}),
        ("/inventory/rules", {"In force and planned": 1, "Ended": 1}),
    ):
        page = client.get(path).text
        found = re.findall(r'<a href="([^"]+)"[^>]*>([^<]+)<span class="cd-cnt[^>]*>(\d+)</span>', page)
        assert {name: int(count) for _, name, count in found} == tabs
        for url, name, count in found:
            assert client.get(unescape(url)).text.count("<tr data-cd-row>") == int(count), (path, name)


@pytest.mark.parametrize("path", SHOWN)
def test_an_empty_list_says_what_fills_it(path: str, get: Get) -> None:
    assert "cd-empty" in get(path)


@pytest.mark.parametrize("path", [f"{each}/new" for each in SHOWN])
def test_who_may_only_look_changes_nothing(path: str, reading: Site) -> None:
    client = reading.client("vera@example.com")
    page = client.get(path.removesuffix("/new"))
    assert page.status_code == 200
    assert f'href="{path}' not in page.text
    assert client.get(path).status_code == 403
    token = form_token(client.get("/orders").text)
    assert client.post(path, data={"csrf_token": token, "once": "a"}).status_code == 403
    assert client.post(path, data={"once": "a"}).status_code == 400


@pytest.mark.parametrize("path", ["/inventory/rules?tab=x", "/inventory/rules?kind=x", "/inventory/incoming?tab=x",
                                  "/inventory/transfers/trf_1", "/inventory/incoming/nope"])  # fmt: skip
def test_wrong_addresses_lead_nowhere(path: str, get: Get) -> None:
    assert "There is nothing here" in get(path, status=404)


def test_the_page_of_a_cell_says_what_its_lots_lack(stocked: tuple[Site, str]) -> None:
    site, sku = stocked
    with site.store.begin() as unit:
        upsert_items(unit, [{"sku": sku, "tracking": "lot"}])
        reserve_lines(unit, [{"sku": sku, "node": "HAM", "quantity": Decimal(6)}], 900, None)
        count_stock(unit, {"node": "HAM", "as_of": unit.now, "items": [{"sku": sku, "on_hand": Decimal(4)}]})
    page = site.client().get(f"/inventory/{sku}/at/HAM").text
    lots = page[page.index('aria-label="Lots"') :].partition("</table>")[0]
    assert ">Shortfall</th>" in lots
    assert [re.sub("<[^>]+>", "", cell) for cell in re.findall("<td.*?</td>", lots)] == [
        "–", "Sellable", "–", "6", "6", "2",
    ]  # fmt: skip
