"""Fulfillment orders, shipments, tracking, exceptions, decisions, connections, messages and deliveries over the API."""

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from core.domain.ids import public_id
from core.services.access import create_user
from core.services.catalog import upsert_items
from tests.core.world import World, now
from tests.webhooks.conftest import Client, client_with, code_of


@pytest.fixture
def order(api: Client, world: World) -> dict[str, Any]:
    found: dict[str, Any] = api.post("/orders", {**world.order({"A": 2}), "connection": "shop"}).get_json()
    return found


def work_of(api: Client, order: dict[str, Any]) -> str:
    [work] = api.get(f"/orders/{order['id']}").get_json()["fulfillment_orders"]
    return str(work)


def test_refunds_are_listed_with_their_lines(api: Client, world: World, order: dict[str, Any]) -> None:
    told = {
        "order_external_id": order["external_id"], "amount": "9.5", "occurred_at": "2026-11-21T08:00:00Z",
        "lines": [{"external_id": "L1", "quantity": "1", "restock": "cancel", "amount": "9.5"}],
    }  # fmt: skip
    for number in ("R1", "R2"):
        world.send("refund", {**told, "external_id": number})
        world.drain()
    second, first = api.get("/refunds").get_json()["data"]
    assert (first["external_id"], second["external_id"]) == ("R1", "R2")
    assert (first["connection"], first["order"], first["order_number"]) == ("shop", order["id"], order["number"])
    assert (first["amount"], first["currency"], first["occurred_at"]) == ("9.50", "EUR", "2026-11-21T08:00:00Z")
    line = order["lines"][0]["id"]
    assert first["lines"] == [
        {"line": line, "external_id": "L1", "sku": "A", "quantity": "1", "restock": "cancel", "amount": "9.50"}
    ]
    assert api.get(f"/refunds/{first['id']}").get_json() == first
    for query, found in (
        (f"order={order['id']}&limit=1", ["R2"]), ("external_id=R1", ["R1"]), ("connection=erp", []),
        ("since=2026-11-21T08:00:01Z", []), ("since=2026-11-21T08:00:00Z", ["R2", "R1"]),
    ):  # fmt: skip
        assert [each["external_id"] for each in api.get(f"/refunds?{query}").get_json()["data"]] == found
    assert code_of(api.get("/refunds/rfd_" + "0" * 32))[0] == 404


def test_from_acceptance_to_delivery(api: Client, world: World, order: dict[str, Any]) -> None:
    work = work_of(api, order)
    shown = api.get(f"/fulfillment-orders/{work}").get_json()
    assert (shown["order"], shown["node"], shown["connection"]) == (order["id"], "HAM", "wms")
    assert [(line["sku"], line["open"]) for line in shown["lines"]] == [("A", "2")]
    accepted = api.post(f"/fulfillment-orders/{work}/accept", {"reference": "W-77"})
    assert (accepted.get_json()["state"], accepted.get_json()["reference"]) == ("acknowledged", "W-77")
    old = {"If-Match": f'"v{shown["version"]}"'}
    assert code_of(api.post(f"/fulfillment-orders/{work}/ship", {}, headers=old)) == (412, "HUB-VERSION-412")
    part = {
        "external_id": "S1", "carrier": "DHL", "tracking_number": "T1", "packages": [{"weight_g": 900}],
        "lines": [{"sku": "A", "quantity": "1"}],
    }  # fmt: skip
    sent = api.post(f"/fulfillment-orders/{work}/ship", part)
    assert sent.status_code == 201
    again = api.post(f"/fulfillment-orders/{work}/ship", part)
    assert (again.status_code, again.get_json()["id"]) == (200, sent.get_json()["id"])
    assert api.get(f"/orders/{order['id']}").get_json()["phase"] == "partly_shipped"
    rest = api.post("/shipments", {"external_id": "S2", "fulfillment": work, "tracking_number": "T2"})
    assert rest.status_code == 201
    done = api.get(f"/orders/{order['id']}").get_json()
    assert (done["state"], done["phase"], done["lines"][0]["shipped"]) == ("completed", "shipped", "2")
    assert done["shipments"] == [sent.get_json()["id"], rest.get_json()["id"]]
    fact = {"tracking_number": "T1", "status": "delivered", "occurred_at": now().isoformat(), "location": "Kiel"}
    told = api.post("/tracking-events", fact)
    assert (told.status_code, told.get_json()["state"]) == (201, "delivered")
    assert [each["status"] for each in told.get_json()["tracking"]] == ["delivered"]
    early = {**fact, "status": "in_transit", "occurred_at": (now() - timedelta(hours=2)).isoformat()}
    assert api.post("/tracking-events", early).get_json()["state"] == "delivered"
    assert [each["tracking_number"] for each in api.get("/tracking-events?tracking=T1").get_json()["data"]] == [
        "T1"
    ] * 2
    assert [each["id"] for each in api.get("/shipments?tracking=T2").get_json()["data"]] == [rest.get_json()["id"]]
    assert [each["id"] for each in api.get("/orders?tracking=T2").get_json()["data"]] == [order["id"]]
    assert [each["id"] for each in api.get(f"/fulfillment-orders?order={order['id']}").get_json()["data"]] == [work]
    assert api.get(f"/shipments/{sent.get_json()['id']}").get_json()["packages"] == [{"weight_g": 900}]
    assert code_of(api.post(f"/fulfillment-orders/{work}/accept")) == (409, "STATE-MOVE-409")
    assert code_of(api.post("/tracking-events", {**fact, "tracking_number": "T9"})) == (404, "TRACK-UNKNOWN-404")
    assert code_of(api.post("/shipments", {"external_id": "S3", "fulfillment": f"ful_{0:032x}"}))[0] == 404
    world.check_books()


def test_a_rejected_work_is_sourced_again(api: Client, world: World, order: dict[str, Any]) -> None:
    work = work_of(api, order)
    rejected = api.post(f"/fulfillment-orders/{work}/reject", {"reason": "No staff"})
    assert (rejected.get_json()["state"], rejected.get_json()["reason"]) == ("rejected", "No staff")
    assert code_of(api.post(f"/fulfillment-orders/{work}/reject", {"reason": "x"})) == (409, "STATE-MOVE-409")
    assert api.post(f"/fulfillment-orders/{work}/reject").status_code == 422
    assert code_of(api.get(f"/fulfillment-orders/ful_{0:032x}"))[0] == 404
    world.drain()
    world.check_books()


def test_decisions_say_what_they_were_made_from(api: Client, order: dict[str, Any]) -> None:
    [decision] = api.get(f"/decisions?order={order['id']}").get_json()["data"]
    assert "inputs" not in decision
    whole = api.get(f"/decisions/{decision['id']}").get_json()
    assert whole["choice"] == decision["choice"]
    assert whole["inputs"]
    assert whole["candidates"]


def test_exceptions_are_assigned_snoozed_and_settled(api: Client, world: World) -> None:
    held = api.post("/orders", {**world.order({"unknown": 1}), "connection": "shop"}).get_json()
    assert held["phase"] == "held"
    [case] = api.get("/exceptions?live=true").get_json()["data"]
    assert (case["code"], case["state"], case["member_count"]) == ("MAP-SKU-404", "open", 1)
    path = f"/exceptions/{case['id']}"
    assert [member["order"] for member in api.get(path).get_json()["members"]] == [held["id"]]
    nobody = api.post(f"{path}/assign", {"owner": "nobody@x"})
    assert code_of(nobody) == (422, "CASE-OWNER-422")
    with world.store.begin() as unit:
        create_user(unit, "ada@example.com", "Ada", "a long password")
    assigned = api.post(f"{path}/assign", {"owner": "ada@example.com"})
    assert (assigned.get_json()["state"], assigned.get_json()["owner"]) == ("assigned", "ada@example.com")
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert api.post(f"{path}/snooze", {"until": until}).get_json()["state"] == "snoozed"
    assert api.post(f"{path}/snooze", {"until": "2020-01-01T00:00:00Z"}).status_code == 422
    stale = {"If-Match": f'"v{case["version"]}"'}
    assert code_of(api.post(f"{path}/resolve", headers=stale)) == (412, "HUB-VERSION-412")
    for verb in ("resolve", "dismiss"):
        refused = api.post(f"{path}/{verb}", {"resolution": "Called them"})
        assert code_of(refused) == (409, "CASE-HELD-409")
        assert held["number"] in refused.get_json()["detail"]
    assert api.get(f"/orders/{held['id']}").get_json()["phase"] == "held"
    assert api.post(f"/orders/{held['id']}/cancel").get_json()["state"] == "canceled"
    assert api.get(path).get_json()["state"] == "superseded"


def test_an_exception_nothing_is_held_for_is_settled_by_a_word(api: Client, world: World) -> None:
    world.send("order", b"{")
    world.drain()
    [case] = api.get("/exceptions?live=true").get_json()["data"]
    path = f"/exceptions/{case['id']}"
    done = api.post(f"{path}/resolve", {"resolution": "Called them"})
    assert (done.get_json()["state"], done.get_json()["resolution"]) == ("resolved", "Called them")
    assert code_of(api.post(f"{path}/dismiss")) == (409, "STATE-MOVE-409")
    assert api.get("/exceptions?live=true").get_json()["data"] == []
    assert len(api.get(f"/exceptions?code={case['code']}&connection=shop&state=resolved").get_json()["data"]) == 1


def test_the_recommended_action_is_shown_and_carried_out(api: Client, world: World) -> None:
    held = api.post("/orders", {**world.order({"MUG": 1}), "connection": "shop"}).get_json()
    [case] = api.get("/exceptions?live=true").get_json()["data"]
    path = f"/exceptions/{case['id']}"
    assert code_of(api.post(f"{path}/apply")) == (422, "CASE-SKU-422")
    body = {"args": {"sku": "A"}}
    shown = api.post(f"{path}/preview", body)
    assert (shown.get_json()["action"], shown.get_json()["done"]) == ("map_sku", 1)
    assert [(each["id"], each["before"]) for each in shown.get_json()["orders"]] == [(held["id"], "held")]
    assert api.get(f"/orders/{held['id']}").get_json() == held
    assert api.get(path).get_json()["state"] == "open"
    done = api.post(f"{path}/apply", body)
    assert done.get_json()["orders"] == shown.get_json()["orders"]
    assert done.get_json()["orders"][0]["after"] != "held"
    world.drain()
    assert api.get(f"/orders/{held['id']}").get_json()["phase"] == "releasing"
    assert code_of(api.post(f"{path}/apply", body)) == (409, "CASE-CLOSED-409")


def test_connections_never_show_secrets(api: Client, world: World) -> None:
    body = {"name": "shop-2", "connector": "shop", "settings": {"a": 1}, "secrets": {"token": "hush-hush"}}
    made = api.post("/connections", body, headers={"Idempotency-Key": "c1"})
    assert made.status_code == 201
    assert (made.get_json()["mode"], made.get_json()["has_secrets"]) == ("live", True)
    assert "hush" not in made.text
    assert code_of(api.post("/connections", body)) == (409, "CONN-NAME-409")
    assert code_of(api.post("/connections", {**body, "name": "No Good"})) == (422, "CONN-NAME-422")
    path = "/connections/shop-2"
    assert api.post(f"{path}/mode", {"mode": "shadow"}).get_json()["mode"] == "shadow"
    assert api.post(f"{path}/mode", {"mode": "loud"}).status_code == 422
    paused = api.post(f"{path}/pause", {"reason": "Stocktaking"}).get_json()
    assert (paused["paused"], paused["pause_reason"]) == (True, "Stocktaking")
    assert api.post(f"{path}/pause", {"reason": "x", "until": "2020-01-01T00:00:00Z"}).status_code == 422
    assert api.post(f"{path}/resume").get_json()["paused"] is False
    rotated = api.post(f"{path}/secrets", {"secrets": {"token": "hush-2"}})
    assert rotated.get_json()["secrets_rotated_at"] is not None
    assert api.post(f"{path}/test").get_json() == {"ok": True, "answer": {}, "error": None}
    assert [each["name"] for each in api.get("/connections?mode=shadow").get_json()["data"]] == ["shop-2"]
    assert api.get(f"/connections/{made.get_json()['id']}").get_json()["name"] == "shop-2"
    stored = str(world.all("SELECT settings, secrets FROM connection")) + str(world.all("SELECT body FROM idempotency"))
    assert "hush" not in stored + str(world.all("SELECT * FROM audit_entry")) + str(world.all("SELECT data FROM event"))
    assert code_of(api.call("DELETE", "/connections/wms")) == (409, "CONN-USED-409")
    assert api.call("DELETE", path).get_json() == {"removed": "shop-2"}
    assert code_of(api.get(path))[0] == 404


def test_messages_show_bytes_meaning_and_are_replayed(api: Client, world: World, order: dict[str, Any]) -> None:
    raw = b'{"external_id": "<script>"'
    broken = world.send("order", raw)
    world.drain()
    path = f"/messages/{public_id('message', broken)}"
    shown = api.get(path).get_json()
    assert (shown["state"], shown["error"]["code"], shown["size"]) == ("quarantined", "MAP-SYNTAX-422", len(raw))
    bytes_ = api.get(f"{path}/raw")
    assert (bytes_.data, bytes_.mimetype) == (raw, "application/json")
    assert bytes_.headers["Content-Disposition"].startswith("attachment")
    assert bytes_.headers["Content-Security-Policy"] == "sandbox"
    assert code_of(api.get(f"{path}/canonical")) == (422, "MAP-SYNTAX-422")
    assert api.post(f"{path}/replay").get_json()["state"] == "received"
    world.drain()
    assert api.post(f"{path}/discard", {"reason": "Rubbish"}).get_json()["state"] == "discarded"
    assert code_of(api.post(f"{path}/replay")) == (409, "STATE-MOVE-409")
    [own] = api.get(f"/messages?order={order['id']}").get_json()["data"]
    assert (own["via"], own["state"], own["topic"]) == ("api", "applied", "order")
    meaning = api.get(f"/messages/{own['id']}/canonical").get_json()["documents"]
    assert [(each["type"], each["body"]["lines"][0]["quantity"]) for each in meaning] == [("order", "2")]
    found = api.get("/messages?state=discarded&connection=shop&via=webhook").get_json()["data"]
    assert [each["id"] for each in found] == [shown["id"]]
    assert code_of(api.get(f"/messages/msg_{0:032x}/raw"))[0] == 404


def test_a_message_in_quarantine_is_corrected_once_and_for_a_reason(api: Client, world: World, app: Flask) -> None:
    mended = world.order({"A": 2})
    broken = [world.send("order", b'{"external_id": "Caf\xe9"'), world.send("order", b"{")]
    world.drain()
    first, second = (f"/messages/{public_id('message', each)}" for each in broken)
    reader = client_with(app, world.store, "messages:read")
    stranger = client_with(app, world.store, "messages:write", connection_id=world.erp)
    refused: list[tuple[Client, Any, tuple[int, str]]] = [
        (reader, {"text": json.dumps(mended), "reason": "a slip"}, (403, "API-SCOPE-403")),
        (stranger, {"text": json.dumps(mended), "reason": "a slip"}, (403, "API-SCOPE-403")),
        (api, {"text": json.dumps(mended)}, (422, "INPUT-INVALID-400")),
        (api, {"reason": "a slip"}, (422, "MSG-EDIT-422")),
        (api, {"text": "{}", "base64": "e30=", "reason": "a slip"}, (422, "MSG-EDIT-422")),
        (api, {"base64": "no base64", "reason": "a slip"}, (422, "MSG-EDIT-422")),
        (api, {"text": "{", "reason": "a slip"}, (422, "MSG-EDIT-422")),
        (api, {"text": "x" * 2_097_152, "reason": "a slip"}, (413, "HTTP-SIZE-413")),
    ]
    for client, body, answer in refused:
        assert code_of(client.post(f"{second}/correct", body)) == answer
    assert (api.get(second).get_json()["state"], world.one("SELECT count(*) FROM message")[0]) == ("quarantined", 2)
    answered = api.post(f"{second}/correct", {"text": json.dumps(mended), "reason": "a slip"})
    edition = answered.get_json()
    assert (answered.status_code, answered.headers["Location"]) == (201, f"/api/v1/messages/{edition['id']}")
    assert (edition["state"], edition["headers"]["corrects"]) == ("received", second.rpartition("/")[2])
    world.drain()
    assert api.get(f"/messages/{edition['id']}").get_json()["state"] == "applied"
    assert api.get(second).get_json()["state"] == "discarded"
    entry = world.one("SELECT * FROM audit_entry WHERE action = 'message.corrected'")
    assert (entry.actor, entry.subject) == ("key:test", second.rpartition("/")[2])
    assert entry.detail == {"as": edition["id"], "reason": "a slip"}
    body = {"base64": b64encode(b'{"external_id": "Caf\xe9"}').decode(), "reason": "bytes are kept"}
    assert code_of(api.post(f"{second}/correct", body)) == (409, "STATE-MOVE-409")
    kept = api.post(f"{first}/correct", body).get_json()
    assert api.get(f"/messages/{kept['id']}/raw").data == b'{"external_id": "Caf\xe9"}'


def test_deliveries_show_their_tries_and_are_sent_again(api: Client, world: World, order: dict[str, Any]) -> None:
    from core.errors import Rejected

    world.partners.partners["wms"].script.append(Rejected("The warehouse does not know item A."))
    world.deliver()
    [dead] = api.get("/deliveries?state=dead").get_json()["data"]
    assert (dead["connection"], dead["kind"], dead["order"]) == ("wms", "push_fulfillment_order", order["id"])
    shown = api.get(f"/deliveries/{dead['id']}").get_json()
    assert [(each["number"], each["outcome"]) for each in shown["tries"]] == [(1, "dead")]
    assert shown["error"]["code"] == "OUT-REJECTED-422"
    assert shown["payload"]["order"]["id"] == order["id"]
    again = api.post(f"/deliveries/{dead['id']}/retry")
    assert again.get_json()["state"] == "unknown"  # the partner is asked first whether it has it already
    assert code_of(api.post(f"/deliveries/{dead['id']}/retry")) == (409, "STATE-MOVE-409")
    world.deliver()
    assert api.get(f"/deliveries/{dead['id']}").get_json()["state"] == "delivered"
    assert len(api.get(f"/deliveries?order={order['id']}&kind=push_order").get_json()["data"]) == 1


@pytest.mark.parametrize(
    ("said", "reason"), [("2099-01-01T00:00:00Z", "is to come"), ("2001-01-01T00:00:00Z", "is before the order was")]
)
def test_a_parcel_leaves_at_a_moment_that_can_be(
    api: Client, world: World, order: dict[str, Any], said: str, reason: str
) -> None:
    work = work_of(api, order)
    named = {"external_id": "S9", "fulfillment": work}
    for path, body in ((f"/fulfillment-orders/{work}/ship", {}), ("/shipments", named)):
        refused = api.post(path, {**body, "occurred_at": said})
        assert code_of(refused) == (422, "SHIP-TIME-422")
        assert refused.get_json()["errors"][0]["reason"].startswith(reason)
    assert api.get("/shipments").get_json()["data"] == []
    world.check_books()


def test_a_carriers_fact_happened_when_it_can_have(api: Client, world: World, order: dict[str, Any]) -> None:
    parcel = {"carrier": "DHL", "tracking_number": "T1"}
    sent = api.post(f"/fulfillment-orders/{work_of(api, order)}/ship", parcel).get_json()
    fact = {"tracking_number": "T1", "status": "delivered"}
    for said, reason in (("2099-01-01T00:00:00Z", "is to come"), ("2001-01-01T00:00:00Z", "is before the order was")):
        refused = api.post("/tracking-events", {**fact, "occurred_at": said})
        assert code_of(refused) == (422, "TRACK-TIME-422")
        assert refused.get_json()["errors"][0]["reason"].startswith(reason)
    shown = api.get(f"/shipments/{sent['id']}").get_json()
    assert (shown["state"], shown["tracking"]) == ("handed_over", [])


def test_what_is_not_open_cannot_be_shipped(api: Client, world: World, order: dict[str, Any]) -> None:
    work = work_of(api, order)
    too_many = {"lines": [{"sku": "A", "quantity": "99"}]}
    refused = api.post(f"/fulfillment-orders/{work}/ship", too_many)
    assert code_of(refused) == (409, "SHIP-OPEN-409")
    assert refused.get_json()["errors"] == [{"path": "A", "reason": "97 more than open"}]
    assert api.get(f"/fulfillment-orders/{work}").get_json()["lines"][0]["open"] == "2"
    sent = {"external_id": "S1"}
    assert api.post(f"/fulfillment-orders/{work}/ship", sent).status_code == 201
    assert code_of(api.post(f"/fulfillment-orders/{work}/ship", {})) == (409, "SHIP-OPEN-409")
    assert code_of(api.post("/shipments", {"external_id": "S2", "fulfillment": work})) == (409, "SHIP-OPEN-409")
    assert api.post(f"/fulfillment-orders/{work}/ship", sent).status_code == 200
    assert len(api.get("/shipments").get_json()["data"]) == 1
    assert api.get("/exceptions").get_json()["data"] == []
    world.check_books()


def test_a_decision_says_what_would_have_changed_it(api: Client, order: dict[str, Any]) -> None:
    [decision] = api.get(f"/decisions?order={order['id']}").get_json()["data"]
    told = api.get(f"/decisions/{decision['id']}/counterfactuals").get_json()
    assert (told["decision"], told["unknown"]) == (decision["id"], None)
    assert told["changes"]
    for each in told["changes"]:
        assert each["sentence"].startswith("would change to ")
        assert each["before"] != each["after"] != each["still"]
    assert code_of(api.get("/decisions/dec_1/counterfactuals")) == (404, "HUB-MISSING-404")


def test_late_supply_and_transfers_with_lost_units_are_told_apart(api: Client, order: dict[str, Any]) -> None:
    for reference, day in (("PO-1", "2020-01-01T00:00:00Z"), ("PO-2", "2099-01-01T00:00:00Z")):
        api.post("/supplies", {"sku": "A", "node": "HAM", "reference": reference, "quantity": "2", "expected_at": day})
    assert [each["reference"] for each in api.get("/supplies?late=true").get_json()["data"]] == ["PO-1"]
    lines = [{"sku": "A", "quantity": "2"}]
    for reference, last in (("T-1", True), ("T-2", False)):
        body = {"reference": reference, "from_node": "HAM", "to_node": "LYS", "lines": lines}
        sent = api.post("/transfers", {**body, "expected_at": "2020-01-01T00:00:00Z"}).get_json()["id"]
        api.post(f"/transfers/{sent}/receive", {"lines": [{"sku": "A", "quantity": "1"}], "last": last})
    assert [each["reference"] for each in api.get("/transfers?lost=true").get_json()["data"]] == ["T-1"]
    assert [each["reference"] for each in api.get("/transfers?late=true").get_json()["data"]] == ["T-2"]


def test_rules_are_listed_by_their_state(api: Client, order: dict[str, Any]) -> None:
    rule = {"connection": "shop", "kind": "cap", "quantity": "5"}
    first = api.post("/protection-rules", rule).get_json()["id"]
    api.post(f"/protection-rules/{first}/end")
    held = api.post("/protection-rules", rule).get_json()["id"]
    planned = api.post("/protection-rules", {**rule, "valid_from": "2099-01-01T00:00:00Z"}).get_json()["id"]
    for state, expected in (
        ("ended", [first]),
        ("holds", [held]),
        ("planned", [planned]),
        ("holds,ended", [held, first]),
    ):
        assert [each["id"] for each in api.get(f"/protection-rules?state={state}").get_json()["data"]] == expected
    assert code_of(api.get("/protection-rules?state=nowhere")) == (422, "INPUT-INVALID-400")


def test_a_shipment_of_numbered_units_names_each_of_them(api: Client, world: World, order: dict[str, Any]) -> None:
    with world.store.begin() as unit:
        upsert_items(unit, [{"sku": "A", "tracking": "serial"}])
    work = work_of(api, order)
    line = {"sku": "A", "quantity": "2", "serials": ["SN-1"]}
    refused = api.post(f"/fulfillment-orders/{work}/ship", {"lines": [line]})
    assert (refused.status_code, code_of(refused)) == (422, (422, "SHIP-SERIAL-422"))
    assert refused.get_json()["errors"] == [{"path": "A", "reason": "1 serial numbers for units: 2"}]
    assert api.get("/shipments").get_json()["data"] == []
    line["serials"] = ["SN-1", "SN-2"]
    assert api.post(f"/fulfillment-orders/{work}/ship", {"lines": [line]}).status_code == 201
