"""Protection rules, kits, lots, supply and transfers over the API; every answer is checked against its shape."""

from datetime import timedelta

from tests.core.world import World, now
from tests.webhooks.conftest import Client, code_of


def test_rules_change_what_a_connection_may_be_promised(api: Client, world: World) -> None:
    made = api.post("/protection-rules", {"connection": "shop", "kind": "buffer", "quantity": "6", "sku": "A"})
    assert (made.status_code, made.get_json()["state"]) == (201, "holds")
    [item] = api.get("/availability?sku=A&connection=shop").get_json()["data"]
    assert (item["available"], [each["available"] for each in item["nodes"]]) == ("14", ["10", "10"])
    assert api.get("/availability?sku=A").get_json()["data"][0]["available"] == "20"
    lines = [{"sku": "A", "quantity": "15"}]
    refused = api.post("/reservations", {"lines": lines, "connection": "shop"})
    assert code_of(refused) == (409, "RESERVE-SHORT-409")
    assert api.post("/reservations", {"lines": lines, "connection": "erp"}).status_code == 201
    rule = made.get_json()["id"]
    assert [each["id"] for each in api.get("/protection-rules?sku=A").get_json()["data"]] == [rule]
    assert api.post(f"/protection-rules/{rule}/end").get_json()["state"] == "ended"
    assert code_of(api.post(f"/protection-rules/{rule}/end")) == (409, "PROTECT-ENDED-409")
    assert api.get("/protection-rules").get_json()["data"] == []
    assert len(api.get("/protection-rules?ended=true").get_json()["data"]) == 1
    assert api.get(f"/protection-rules/{rule}").status_code == 200
    assert [row.action for row in world.all("SELECT action FROM audit_entry WHERE action LIKE 'protection%'")] == [
        "protection.set", "protection.ended",
    ]  # fmt: skip
    for wrong in ({"kind": "wall"}, {"quantity": "-1"}, {"connection": "?"}):
        body = {"connection": "shop", "kind": "cap", "quantity": "1", **wrong}
        assert api.post("/protection-rules", body).status_code in (404, 422)


def test_a_kit_is_reserved_as_its_components(api: Client, world: World) -> None:
    kit = {"sku": "GIFT", "components": [{"sku": "A", "units": "2"}, {"sku": "B", "units": "1"}]}
    assert api.post("/items", kit).get_json()["components"] == kit["components"]
    assert api.get("/availability?sku=GIFT").get_json()["data"][0]["available"] == "5"
    made = api.post("/reservations", {"lines": [{"sku": "GIFT", "quantity": "3"}, {"sku": "A", "quantity": "5"}]})
    assert [(each["sku"], each["node"], each["quantity"]) for each in made.get_json()["lines"]] == [
        ("A", "HAM", "6"), ("A", "LYS", "5"), ("B", "HAM", "3"),
    ]  # fmt: skip
    assert [each["kit"] for each in made.get_json()["lines"]] == ["GIFT", None, "GIFT"]
    again = api.post("/reservations", {"lines": [{"sku": "GIFT", "quantity": "3"}]})
    assert code_of(again) == (409, "RESERVE-SHORT-409")
    wrong = {"sku": "A", "components": [{"sku": "GIFT", "units": "1"}]}
    assert code_of(api.post("/items", wrong)) == (422, "STOCK-KIT-422")
    rule = {"connection": "shop", "quantity": "1", "sku": "GIFT"}
    assert code_of(api.post("/protection-rules", {**rule, "kind": "remaining_life"})) == (422, "STOCK-KIT-422")
    assert api.post("/protection-rules", {**rule, "kind": "cap"}).status_code == 201
    told = {"connection": "shop", "sku": "GIFT"}
    assert api.get("/availability", query_string=told).get_json()["data"][0]["available"] == "1"


def test_supply_is_expected_promised_received_and_ended(api: Client, world: World) -> None:
    body = {"sku": "C", "node": "HAM", "reference": "PO-7", "quantity": "20", "promisable": "5"}
    made = api.post("/supplies", {**body, "expected_at": "2026-12-01T08:00:00Z"})
    assert (made.status_code, made.get_json()["state"], made.get_json()["promised"]) == (201, "expected", "0")
    supply = made.get_json()["id"]
    [shown] = api.get("/availability?sku=C").get_json()["data"]
    assert (shown["available"], shown["promisable"]) == ("10", "15")
    assert {each["node"]: (each["available"], each["promisable"]) for each in shown["nodes"]} == {
        "HAM": ("0", "5"), "LYS": ("10", "10"),
    }  # fmt: skip
    reserved = api.post("/reservations", {"lines": [{"sku": "C", "node": "HAM", "quantity": "3"}]})
    assert reserved.status_code == 201
    assert api.get(f"/supplies/{supply}").get_json()["promised"] == "3"
    assert code_of(api.post(f"/supplies/{supply}/end")) == (409, "SUPPLY-PROMISED-409")
    assert code_of(api.post(f"/supplies/{supply}/receive", {"quantity": "53"})) == (422, "SUPPLY-OVER-422")
    came = api.post(f"/supplies/{supply}/receive", {"quantity": "3"}).get_json()
    assert (came["received"], came["promisable"], came["promised"]) == ("3", "5", "0")
    assert api.post(f"/supplies/{supply}/end").get_json()["state"] == "canceled"
    assert [each["id"] for each in api.get("/supplies?sku=C&state=canceled").get_json()["data"]] == [supply]
    assert code_of(api.post("/supplies", {**body, "promisable": "21", "reference": "X"}))[0] == 422


def test_units_are_transferred(api: Client, world: World) -> None:
    body = {"reference": "T-9", "from_node": "HAM", "to_node": "LYS", "lines": [{"sku": "B", "quantity": "4"}]}
    made = api.post("/transfers", body)
    assert (made.status_code, made.get_json()["state"]) == (201, "in_transit")
    transfer = made.get_json()["id"]
    done = api.post(f"/transfers/{transfer}/receive", {"lines": [{"sku": "B", "quantity": "3"}], "last": True})
    [line] = done.get_json()["lines"]
    assert (done.get_json()["state"], line["received"], line["lost"]) == ("received", "3", "1")
    assert api.get(f"/transfers/{transfer}").get_json() == done.get_json()
    assert [each["reference"] for each in api.get("/transfers?reference=T-9").get_json()["data"]] == ["T-9"]
    assert code_of(api.post("/transfers", body)) == (409, "TRANSFER-TWICE-409")
    kinds = [each["kind"] for each in api.get("/stock/movements?sku=B").get_json()["data"]]
    assert kinds == ["transfer_in", "transfer_out", "receipt"]


def test_lots_are_counted_and_their_status_changes(api: Client, world: World) -> None:
    assert api.post("/items", {"sku": "A", "tracking": "lot"}).get_json()["tracking"] == "lot"
    items = [{"sku": "A", "on_hand": "8", "lot": "L1", "expires_on": "2030-01-31"}]
    items.append({"sku": "A", "on_hand": "2", "lot": "L1", "status": "quality_hold"})
    count = {"node": "HAM", "as_of": now().isoformat(), "items": items}
    assert api.post("/stock", count).get_json()["applied"] == 1
    body = {"sku": "A", "node": "HAM", "quantity": "3", "before": "sellable", "after": "damaged", "reason": "fell"}
    changed = api.post("/stock/status", {**body, "lot": "L1"})
    assert (changed.status_code, changed.get_json()["on_hand"]) == (200, "5")
    found = api.get("/stock/lots?sku=A&node=HAM").get_json()["data"]
    assert [(each["lot"], each["status"], each["on_hand"], each["expires_on"]) for each in found] == [
        ("L1", "damaged", "3", "2030-01-31"), ("L1", "quality_hold", "2", None), ("L1", "sellable", "5", "2030-01-31"),
    ]  # fmt: skip
    assert code_of(api.post("/stock/status", {**body, "lot": "L1", "quantity": "6"})) == (409, "STOCK-STATUS-409")


def test_a_figure_is_explained_with_what_its_lots_lack(api: Client, world: World) -> None:
    api.post("/items", {"sku": "A", "tracking": "lot"})
    for counted in ("8", "2"):
        row = {"sku": "A", "on_hand": counted, "lot": "L1", "expires_on": "2030-01-31"}
        count = {"node": "HAM", "as_of": now().isoformat(), "items": [row]}
        assert api.post("/stock", count).get_json()["applied"] == 1
        if counted == "8":
            made = api.post("/reservations", {"lines": [{"sku": "A", "node": "HAM", "quantity": "5"}]})
            assert made.status_code == 201
    [item] = api.get("/availability/explained?sku=A&node=HAM").get_json()["items"]
    [lot] = item["nodes"][0]["lots"]
    assert (lot["lot"], lot["on_hand"], lot["promised"], lot["shortfall"]) == ("L1", "5", "5", "3")
    [case] = api.get("/exceptions?code=STOCK-SHORTFALL-001").get_json()["data"]
    assert case["sentence"].endswith("3 too few, 3 of lot L1.")


def test_the_same_units_are_counted_in_one_row_only(api: Client, world: World) -> None:
    assert api.post("/items", {"sku": "MILK", "tracking": "lot"}).status_code in {200, 201}
    lot = {"sku": "MILK", "lot": "N", "on_hand": "5"}
    for twice in ([lot, lot], [{"sku": "A", "on_hand": "5"}, {"sku": "A", "on_hand": "7"}]):
        refused = api.post("/stock", {"node": "HAM", "as_of": now().isoformat(), "items": twice})
        assert refused.status_code == 422
        assert "was counted in items[0] already" in refused.get_data(as_text=True)
    assert api.get("/stock?sku=MILK").get_json()["data"] == []
    # A row without a lot beside lots is one of them; a status beside a plain count leaves the lots to the books.
    for named, lots in (
        ([lot, {"sku": "MILK", "on_hand": "2"}], [("", "2"), ("N", "5")]),
        ([{"sku": "MILK", "on_hand": "8"}, {**lot, "status": "damaged"}], [("", "3"), ("N", "5"), ("N", "5")]),
    ):
        for items in (named, named[::-1]):
            assert api.post("/stock", {"node": "HAM", "as_of": now().isoformat(), "items": items}).status_code == 200
            [position] = api.get("/stock?sku=MILK&node=HAM").get_json()["data"]
            found = api.get("/stock/lots?sku=MILK").get_json()["data"]
            assert sorted((each["lot"] or "", each["on_hand"]) for each in found) == lots
            sellable = sum(int(each["on_hand"]) for each in found if each["status"] == "sellable")
            assert position["on_hand"] == str(sellable)
    world.check_books()


def test_a_figure_is_explained_now_and_then(api: Client, world: World) -> None:
    kit = {"sku": "GIFT", "components": [{"sku": "A", "units": "2"}, {"sku": "B", "units": "1"}]}
    assert api.post("/items", kit).status_code == 201
    before = now().isoformat()
    assert api.post("/reservations", {"lines": [{"sku": "GIFT", "quantity": "2"}]}).status_code == 201
    found = api.get("/availability/explained?sku=GIFT").get_json()
    assert (found["kit"], found["total"]["available"], [each["sku"] for each in found["items"]]) == (
        True, "3", ["A", "B"],
    )  # fmt: skip
    [place] = [each for each in found["items"][0]["nodes"] if each["node"] == "HAM"]
    assert [(part["name"], part["units"]) for part in place["parts"]] == [("on_hand", "10"), ("reserved", "-4")]
    query = {"sku": "GIFT", "node": "HAM", "as_of": before}
    then = api.get("/availability/explained", query_string=query).get_json()
    assert (then["total"]["available"], [each["node"] for each in then["nodes"]]) == ("5", ["HAM"])
    assert code_of(api.get("/availability/explained?sku=NOPE"))[0] == 404
    assert code_of(api.get("/availability/explained?sku=A&as_of=yesterday"))[0] == 422


def test_a_node_that_counts_in_batches_keeps_some_back(api: Client, world: World) -> None:
    rules = {"count_hours": "12", "count_error": "0.2", "count_samples": 5, "count_quantile": "0.95"}
    node = api.post("/nodes", {"code": "BOX", "stock_mode": "batch", **rules}).get_json()
    assert {name: node[name] for name in ("stock_mode", *rules)} == {"stock_mode": "batch", **rules}
    count = {"node": "BOX", "as_of": (now() - timedelta(hours=6)).isoformat(), "items": [{"sku": "C", "on_hand": "50"}]}
    assert api.post("/stock", count).get_json()["applied"] == 1
    [position] = api.get("/stock?sku=C&node=BOX").get_json()["data"]
    assert (position["on_hand"], position["uncertain"], position["available"]) == ("50", "5", "45")
    [item] = api.get("/availability/explained?sku=C&node=BOX").get_json()["items"]
    assert {part["name"]: part["units"] for part in item["nodes"][0]["parts"]} == {"on_hand": "50", "uncertain": "-5"}
    refused = api.post("/reservations", {"lines": [{"sku": "C", "node": "BOX", "quantity": "46"}]})
    assert code_of(refused) == (409, "RESERVE-SHORT-409")
    for wrong in ({"stock_mode": "rarely"}, {"count_error": "1.1"}, {"count_hours": "0"}, {"count_samples": -1}):
        assert code_of(api.post("/nodes", {"code": "BOX", **wrong}))[0] == 422


def test_a_reservation_is_named_by_the_order_or_converted_later(api: Client, world: World) -> None:
    held = api.post("/reservations", {"lines": [{"sku": "B", "quantity": "10"}], "connection": "shop"}).get_json()
    named = api.post("/orders", {**world.order({"B": 6}), "connection": "shop", "reservation": held["id"]})
    assert (named.status_code, named.get_json()["phase"]) == (201, "releasing")
    assert api.get(f"/reservations/{held['id']}").get_json()["state"] == "consumed"
    kept = api.post("/reservations", {"lines": [{"sku": "B", "quantity": "4"}], "connection": "shop"}).get_json()
    waiting = api.post("/orders", {**world.order({"B": 2}), "connection": "shop"}).get_json()
    assert waiting["phase"] == "backordered"
    path = f"/reservations/{kept['id']}/convert"
    assert api.post(path, {"order": waiting["id"]}).status_code == 200
    world.drain()
    assert api.get(f"/orders/{waiting['id']}").get_json()["phase"] == "releasing"
    assert code_of(api.post(path, {"order": waiting["id"]})) == (409, "RESERVE-ENDED-409")
    world.check_books()


def test_supply_transfers_and_calendars_are_in_the_audit_log(api: Client, world: World) -> None:
    before = world.one("SELECT count(*) AS n FROM audit_entry").n
    supply = {"sku": "C", "node": "HAM", "reference": "PO-7", "quantity": "20"}
    name = api.post("/supplies", supply).get_json()["id"]
    api.post(f"/supplies/{name}/receive", {"quantity": "3"})
    assert api.post(f"/supplies/{name}/receive", {"quantity": "-3"}).status_code == 422
    api.post(f"/supplies/{name}/end")
    sent = {"reference": "T-1", "from_node": "HAM", "to_node": "LYS", "lines": [{"sku": "A", "quantity": "2"}]}
    transfer = api.post("/transfers", sent).get_json()["id"]
    assert api.post("/transfers", sent).status_code == 409
    api.post(f"/transfers/{transfer}/receive", {})
    week = [{"opens": "06:00", "closes": "22:00"}] * 7
    assert api.call("PUT", "/nodes/HAM/calendar", json={"week": week}).status_code == 200
    entries = world.all("SELECT actor, action, subject FROM audit_entry ORDER BY seq OFFSET :n", n=before)
    assert [(entry.action, entry.subject) for entry in entries] == [
        ("supply.expected", name), ("supply.received", name), ("supply.ended", name), ("transfer.sent", transfer),
        ("transfer.received", transfer), ("calendar.set", "HAM"),
    ]  # fmt: skip
    assert all(entry.actor.startswith("key:") for entry in entries)
