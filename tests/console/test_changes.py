"""What people do from the console happens in the core, in their name, once, and is in the audit log."""

import re
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import insert, text

from connectors.sdk.registry import Registry
from core.domain.ids import public_id, uuid7
from core.services.connections import add_connection
from core.services.secretbox import SecretBox
from core.store import schema as t
from tests.console.conftest import Site, form_token
from tests.console.site import USER


def post(client: FlaskClient, path: str, **data: Any) -> str:
    """Send a form with the token of the session and return the page it leads to."""
    token = form_token(client.get("/orders").text)
    answer = client.post(path, data={"csrf_token": token, **data})
    assert answer.status_code == 303, answer.text[:400]
    return client.get(answer.location).text


def value(site: Site, sql: str, **values: Any) -> Any:
    """One value of the database."""
    with site.store.read() as conn:
        return conn.execute(text(sql), values).scalar_one()


def audited(site: Site) -> list[tuple[str, str]]:
    """Who did what, without what seeding noted."""
    with site.store.read() as conn:
        rows = conn.execute(text("SELECT actor, action FROM audit_entry WHERE actor <> 'hub' ORDER BY seq"))
        return [tuple(row) for row in rows]


def test_releasing_a_hold_lets_the_order_go_on(changing: Site) -> None:
    order = next(one for one in changing.company.orders if one["phase"] == "held")
    hold = value(changing, "SELECT id FROM hold WHERE order_id = :id", id=order["id"])
    page = post(changing.client(), f"/orders/{public_id('order', order['id'])}/holds/{public_id('hold', hold)}/release")
    assert "Hold released." in page
    assert "<h2>Unmapped sku</h2>" not in page
    assert value(changing, "SELECT state FROM orders WHERE id = :id", id=order["id"]) == "accepted"
    assert value(changing, "SELECT released_by FROM hold WHERE id = :id", id=hold) == f"user:{USER}"
    assert audited(changing) == [(f"user:{USER}", "hold.released")]


def test_canceling_an_order(changing: Site) -> None:
    order = next(one for one in changing.company.orders if one["phase"] == "ready")
    page = post(changing.client(), f"/orders/{public_id('order', order['id'])}/cancel", reason="asked by phone")
    assert "Order canceled." in page
    assert ">Canceled</span>" in page
    assert value(changing, "SELECT state FROM orders WHERE id = :id", id=order["id"]) == "canceled"
    assert audited(changing) == [(f"user:{USER}", "order.canceled")]


@pytest.mark.parametrize(
    ("connector", "settings", "secrets", "topic", "fixture", "read"),
    [
        ("shopify", {"shop_domain": "fjord-pottery.myshopify.com", "location_id": "655441491", "node_locations": {}},
         {"access_token": "shpat_0", "webhook_secret": "0" * 32}, "orders/create",
         "shopify/fixtures/orders_create.in.json",
         "Read as order"),
        ("rest-wms", {"base_url": "https://wms.example.com", "warehouse": "HAM"},
         {"api_key": "k" * 24, "webhook_secret": "0" * 32}, "shipment.created",
         "rest_wms/fixtures/shipment_created.in.json", "Read as shipment"),
    ],
)  # fmt: skip
def test_a_message_of_an_account_with_secrets_shows_what_it_means(
    changing: Site, connector: str, settings: Any, secrets: Any, topic: str, fixture: str, read: str
) -> None:
    body = (Path(__file__).parents[2] / "connectors" / fixture).read_bytes()
    message = uuid7()
    with changing.store.begin() as unit:
        account = add_connection(
            unit, Registry(), SecretBox(changing.services.secret_key), name="told", connector=connector,
            settings=settings, secrets=secrets,
        )  # fmt: skip
        unit.conn.execute(
            insert(t.message).values(
                tenant_id=1, id=message, connection_id=account, topic=topic, via="webhook", state="applied", body=body,
                content_type="application/json", headers={}, dedupe_key="told", received_at=unit.now,
            )
        )  # fmt: skip
    page = changing.client().get(f"/messages/{public_id('message', message)}").text
    assert read in page
    assert "makes nothing of it" not in page


def test_replaying_a_message_settles_its_exception(changing: Site) -> None:
    message = value(changing, "SELECT id FROM message WHERE state = 'quarantined'")
    page = post(changing.client(), f"/messages/{public_id('message', message)}/replay")
    assert "Queued again" in page
    assert value(changing, "SELECT state FROM message WHERE id = :id", id=message) == "received"
    case = changing.company.cases["MSG-QUARANTINE-422"]
    assert value(changing, "SELECT state FROM exception_case WHERE id = :id", id=case) == "superseded"


def test_discarding_a_message(changing: Site) -> None:
    message = value(changing, "SELECT id FROM message WHERE state = 'quarantined'")
    post(changing.client(), f"/messages/{public_id('message', message)}/discard")
    assert value(changing, "SELECT state FROM message WHERE id = :id", id=message) == "discarded"
    assert audited(changing) == [(f"user:{USER}", "message.discarded")]


def test_sending_a_dead_delivery_again(changing: Site) -> None:
    delivery = value(changing, "SELECT id FROM delivery WHERE state = 'dead'")
    page = post(changing.client(), f"/deliveries/{public_id('delivery', delivery)}/retry")
    assert "Queued again." in page
    assert value(changing, "SELECT state FROM delivery WHERE id = :id", id=delivery) == "unknown"


def test_pausing_and_resuming_a_connection(changing: Site) -> None:
    client = changing.client()
    page = post(client, "/connections/erp/pause")
    row = page.split('id="erp"')[1].split("</tr>")[0]
    assert ">Paused</span>" in row
    assert "paused by Mira Koch" in row
    page = post(client, "/connections/erp/resume")
    assert ">Paused</span>" not in page.split('id="erp"')[1].split("</tr>")[0]
    assert audited(changing) == [(f"user:{USER}", "connection.paused"), (f"user:{USER}", "connection.resumed")]


@pytest.mark.parametrize(
    ("verb", "more", "state", "tab"),
    [
        ("assign", {}, "assigned", "mine"),
        ("snooze", {"for": "4h"}, "snoozed", "snoozed"),
        ("resolve", {}, "resolved", "resolved"),
        ("dismiss", {"note": "a test order"}, "dismissed", "resolved"),
    ],
)
def test_moving_an_exception(changing: Site, verb: str, more: dict[str, str], state: str, tab: str) -> None:
    client = changing.client()
    case = changing.company.cases["STOCK-OUT-001"]
    post(client, "/exceptions/act", verb=verb, case=public_id("case", case), **more)
    assert value(changing, "SELECT state FROM exception_case WHERE id = :id", id=case) == state
    assert audited(changing) == [(f"user:{USER}", f"exception.{verb}")]
    queue = client.get(f"/exceptions?tab={tab}").text.split('id="queue"')[1].split('id="pane"')[0]
    assert queue.count("data-cd-row") == 1
    assert "No stock of FP-VASE-SAN" in queue


def test_several_at_once_and_one_that_cannot(changing: Site) -> None:
    client = changing.client()
    # Where orders are held for the cause nothing can be closed over them.
    kept = ("MAP-SKU-404", "ORDER-ADDRESS-422")
    cases = [public_id("case", case) for code, case in changing.company.cases.items() if code not in kept]
    post(client, "/exceptions/act", verb="resolve", case=cases[0])
    page = post(client, "/exceptions/act", verb="resolve", case=cases)
    assert "Resolved: 2 exceptions." in page
    assert len(re.findall("cd-toast-bad", page)) == 1
    assert value(changing, "SELECT count(*) FROM exception_case WHERE state = 'resolved'") == 3


def test_an_action_nobody_knows_is_refused(changing: Site) -> None:
    client = changing.client()
    token = form_token(client.get("/orders").text)
    case = public_id("case", changing.company.cases["STOCK-OUT-001"])
    for verb, chosen, status in (("explode", case, 422), ("resolve", "", 404), ("snooze", case, 303)):
        answer = client.post("/exceptions/act", data={"csrf_token": token, "verb": verb, "case": chosen})
        assert answer.status_code == status
    assert "snoozed until a time to come" in client.get("/exceptions").text
    assert value(changing, "SELECT count(*) FROM exception_case WHERE state = 'open'") == 5
    assert audited(changing) == []


def test_applying_the_way_out_of_an_unknown_sku(changing: Site) -> None:
    client = changing.client()
    case = changing.company.cases["MAP-SKU-404"]
    held = [one for one in changing.company.orders if one["phase"] == "held"][:2]
    page = post(client, "/exceptions/act", verb="apply", case=public_id("case", case), sku="FP-MUG-GRE")
    assert "Map sku: 2 done." in page
    states = [value(changing, "SELECT state FROM orders WHERE id = :id", id=order["id"]) for order in held]
    assert states == ["accepted", "accepted"]
    assert value(changing, "SELECT state FROM exception_case WHERE id = :id", id=case) == "superseded"
    assert value(changing, "SELECT count(*) FROM item_reference WHERE code = 'FP-MUG-350-GRN-2'") == 1
    assert audited(changing) == [(f"user:{USER}", "exception.apply")]


def test_applying_with_a_sku_nobody_has_changes_nothing(changing: Site) -> None:
    client = changing.client()
    case = changing.company.cases["MAP-SKU-404"]
    page = post(client, "/exceptions/act", verb="apply", case=public_id("case", case), sku="NO-SUCH")
    assert "No item has the SKU &#39;NO-SUCH&#39;." in page
    assert value(changing, "SELECT state FROM exception_case WHERE id = :id", id=case) == "open"
    assert value(changing, "SELECT count(*) FROM hold WHERE state = 'released'") == 0


def test_a_preview_tells_and_keeps_nothing(changing: Site) -> None:
    client = changing.client()
    case = changing.company.cases["MAP-SKU-404"]
    before = value(changing, "SELECT max(seq) FROM event")
    token = form_token(client.get("/orders").text)
    path = f"/exceptions/{public_id('case', case)}/preview"
    answer = client.post(path, data={"sku": "FP-MUG-GRE"}, headers={"X-CSRF-Token": token})
    effects = re.findall(r'cd-info">([^<]+)</span>', answer.text)
    assert "1 × Exception applied" in effects
    assert "1 × Exception resolved" in effects
    assert value(changing, "SELECT max(seq) FROM event") == before
    assert value(changing, "SELECT count(*) FROM hold WHERE state = 'released'") == 0
    wrong = client.post(path, data={"sku": "NO-SUCH"}, headers={"X-CSRF-Token": token})
    assert "No item has the SKU" in wrong.text
