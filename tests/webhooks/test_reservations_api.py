"""Soft reservations over the API, one at a time and many in one call."""

from decimal import Decimal
from typing import Any

import pytest

from tests.core.world import World
from tests.webhooks.conftest import Client, code_of

Rows = list[dict[str, Any]]


def test_reservations_hold_all_or_nothing(api: Client, world: World) -> None:
    made = api.post("/reservations", {"lines": [{"sku": "A", "quantity": "12"}, {"sku": "B", "quantity": "1"}]})
    assert made.status_code == 201
    shown = made.get_json()
    assert (shown["state"], shown["connection"]) == ("held", None)
    assert {(each["sku"], each["node"]): each["quantity"] for each in shown["lines"]} in (
        {("A", "HAM"): "10", ("A", "LYS"): "2", ("B", "HAM"): "1"},
        {("A", "HAM"): "2", ("A", "LYS"): "10", ("B", "HAM"): "1"},
    )
    assert api.get(f"/reservations/{shown['id']}").get_json() == shown
    short = api.post("/reservations", {"lines": [{"sku": "A", "quantity": "8"}, {"sku": "C", "quantity": "11"}]})
    assert code_of(short) == (409, "RESERVE-SHORT-409")
    assert short.get_json()["errors"] == [{"path": "C", "reason": "1 more than available"}]
    assert [each["available"] for each in api.get("/availability?sku=A,C").get_json()["data"]] == ["8", "10"]
    released = api.post(f"/reservations/{shown['id']}/release")
    assert released.get_json()["state"] == "released"
    assert code_of(api.post(f"/reservations/{shown['id']}/release")) == (409, "RESERVE-ENDED-409")
    assert [each["available"] for each in api.get("/availability?sku=A").get_json()["data"]] == ["20"]
    keyed = {"lines": [{"sku": "A", "quantity": "2", "node": "LYS"}], "seconds": 60, "connection": "shop"}
    first = api.post("/reservations", keyed, headers={"Idempotency-Key": "r1"})
    again = api.post("/reservations", keyed, headers={"Idempotency-Key": "r1"})
    assert (first.status_code, first.data) == (again.status_code, again.data)
    assert first.get_json()["connection"] == "shop"
    assert [each["available"] for each in api.get("/availability?sku=A").get_json()["data"]] == ["18"]
    assert len(api.get("/reservations?state=held&sku=A").get_json()["data"]) == 1
    refused: tuple[dict[str, Any], ...] = (
        {"lines": []},
        {"lines": [{"sku": "A", "quantity": "0"}]},
        {"lines": [{"sku": "nothing", "quantity": "1"}]},
        {"lines": [{"sku": "A", "quantity": "1", "node": "NOWHERE"}]},
        {"lines": [{"sku": "A", "quantity": "1"}], "seconds": 10**9},
    )
    for wrong in refused:
        assert api.post("/reservations", wrong).status_code == 422, wrong
    world.check_books()


def test_no_part_of_a_piece_is_reserved(api: Client, world: World) -> None:
    refused = api.post("/reservations", {"lines": [{"sku": "A", "quantity": "0.3"}]})
    assert code_of(refused) == (422, "RESERVE-PART-422")
    assert refused.get_json()["errors"] == [{"path": "lines.0.quantity", "reason": "must be a whole number of C62"}]
    assert api.get("/reservations").get_json()["data"] == []


def wants(sku: str, quantity: object, **more: object) -> dict[str, Any]:
    return {"lines": [{"sku": sku, "quantity": str(quantity)}], **more}


def codes(rows: Rows) -> list[str | None]:
    return [each["problem"]["code"] if each["problem"] else None for each in rows]


KEYED: tuple[dict[str, str], ...] = ({}, {"Idempotency-Key": "many"})


@pytest.mark.parametrize("headers", KEYED, ids=("shared", "stored"))
def test_many_checkouts_get_each_all_or_nothing(api: Client, world: World, headers: dict[str, str]) -> None:
    asked = [
        wants("A", 12, connection="shop", seconds=60), wants("A", 9), wants("nothing", 1), wants("A", "0.3"),
        wants("A", 8),
    ]  # fmt: skip
    made = api.post("/reservations/batch", {"reservations": asked}, headers=headers)
    assert made.status_code == 200
    found = made.get_json()
    rows: Rows = found["data"]
    assert (found["granted"], found["refused"]) == (2, 3)
    assert codes(rows) == [None, "RESERVE-SHORT-409", "INPUT-INVALID-400", "RESERVE-PART-422", None]
    assert rows[1]["problem"]["errors"] == [{"path": "A", "reason": "1 more than available"}]
    assert rows[2]["problem"]["errors"][0]["path"] == "lines.0.sku"
    held = [each["reservation"] for each in rows if each["reservation"]]
    assert [each["connection"] for each in held] == ["shop", None]
    assert [sum(Decimal(line["quantity"]) for line in each["lines"]) for each in held] == [12, 8]
    for each in held:
        assert api.get(f"/reservations/{each['id']}").get_json() == each
    assert [each["available"] for each in api.get("/availability?sku=A").get_json()["data"]] == ["0"]
    again = api.post("/reservations/batch", {"reservations": asked}, headers=headers)
    if headers:
        assert again.data == made.data
    else:
        assert again.get_json()["granted"] == 0
    world.check_books()


@pytest.mark.parametrize("headers", KEYED, ids=("shared", "stored"))
def test_one_that_gets_nothing_leaves_the_units_to_the_next(api: Client, world: World, headers: dict[str, str]) -> None:
    asked = [wants("A", 25), wants("A", 20), wants("A", 1)]
    rows = api.post("/reservations/batch", {"reservations": asked}, headers=headers).get_json()["data"]
    assert codes(rows) == ["RESERVE-SHORT-409", None, "RESERVE-SHORT-409"]
    world.check_books()


def test_a_batch_that_does_not_fit_reserves_nothing(api: Client, world: World) -> None:
    refused: tuple[dict[str, Any], ...] = (
        {},
        {"reservations": []},
        {"reservations": [wants("A", 1), {"lines": []}]},
        {"reservations": [wants("A", 1), wants("A", -1)]},
        {"reservations": [wants("A", 1, connection="")]},
        {"reservations": [wants("A", 1)] * 201},
        {"reservations": [{"lines": wants("A", 1)["lines"] * 101}] * 10},
    )
    for wrong in refused:
        assert api.post("/reservations/batch", wrong).status_code == 422, wrong
    assert code_of(api.post("/reservations/batch", {"reservations": [wants("A", 1, connection="nobody")]})) == (
        404, "HUB-MISSING-404",
    )  # fmt: skip
    assert api.get("/reservations").get_json()["data"] == []
    world.check_books()
