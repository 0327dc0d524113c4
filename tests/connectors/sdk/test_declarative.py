"""Verbs without Python: templates, bodies, tokens, paging."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import orjson
import pytest

from connectors.sdk.checks.workbench import Partner
from connectors.sdk.simulation.server import SimRequest, SimResponse
from core.domain.vocabulary import Write
from core.errors import Misconfigured, OutcomeUnknown, Rejected, Transient
from core.ports.connectors import Push, Receipt

WRITES = "push_stock, find_by_reference"
STOCK = """
auth: {scheme: api_key, secret: key, header: X-Key}
requests:
  push_stock:
    path: /v1/{settings.client}/stock/{payload.sku}
    query: {dry: "{payload.dry}", note: "n {payload.count}"}
    headers: {X-Client: "{settings.client}"}
    body: {count: "{payload.count}", sku: "sku {payload.sku}", deep: [{missing: "{payload.nothing}"}], fixed: true}
    idempotency_header: Idempotency-Key
    reference: data.id
    find: {path: /v1/effects, query: {ref: "{reference}"}, at: "items[0]", when: "state != 'failed'", reference: no}
"""


def push(**payload: Any) -> Push:
    return Push(Write.PUSH_STOCK, "dlv_1", payload)


def test_a_write_is_made_as_the_manifest_says(opened: Any, partner: Partner) -> None:
    connector = opened(STOCK, verbs=WRITES, settings={"client": "c 1"})
    partner.play([SimResponse(201, {"data": {"id": 77}, "token": "t"})])
    receipt = connector.push_stock(push(sku="A/../B?#é", count=3))
    (request,) = partner.requests
    assert (request.method, request.path) == ("POST", "/v1/c%201/stock/A%2F..%2FB%3F%23%C3%A9")
    assert request.query == {"note": "n 3"}
    assert request.headers["idempotency-key"] == "dlv_1"
    assert request.headers["x-key"] == "sesame-open-4711"
    assert request.headers["x-client"] == "c 1"
    assert request.headers["content-type"] == "application/json"
    assert request.json() == {"count": 3, "sku": "sku A/../B?#é", "deep": [{"missing": None}], "fixed": True}
    assert receipt == Receipt("77", {"data": {"id": 77}, "token": "[redacted]"})


@pytest.mark.parametrize("sku", [None, "", "..", ".", {"a": 1}])
def test_what_cannot_stand_in_a_path_is_refused_before_anything_is_sent(
    opened: Any, partner: Partner, sku: Any
) -> None:
    connector = opened(STOCK, verbs=WRITES, settings={"client": "c"})
    partner.play([])
    with pytest.raises(Rejected, match="The request cannot be made"):
        connector.push_stock(push(sku=sku, count=1))
    assert partner.requests == []


@pytest.mark.parametrize("answer", [{}, {"data": None}, {"data": {"id": ""}}, {"data": {"id": True}}, []])
def test_a_success_without_identifier_is_looked_up(opened: Any, partner: Partner, answer: Any) -> None:
    connector = opened(STOCK, verbs=WRITES, settings={"client": "c"})
    partner.play([SimResponse(200, answer)])
    with pytest.raises(OutcomeUnknown, match="names no identifier"):
        connector.push_stock(push(sku="A", count=1))


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"items": [{"no": "x1", "state": "done"}]}, Receipt("x1", {"no": "x1", "state": "done"})),
        ({"items": [{"no": "x1", "state": "failed"}]}, None),
        ({"items": []}, None),
        ({}, None),
    ],
)
def test_a_look_up(opened: Any, partner: Partner, answer: Any, expected: Receipt | None) -> None:
    connector = opened(STOCK, verbs=WRITES, settings={"client": "c"})
    partner.play([SimResponse(200, answer)])
    assert connector.find_by_reference(push(sku="A", count=1)) == expected
    assert (partner.requests[0].path, partner.requests[0].query) == ("/v1/effects", {"ref": "dlv_1"})


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([{"no": "1", "ref": "dlv_9"}, {"no": "2", "ref": "dlv_1"}], "2"),
        ([{"no": "1", "ref": "dlv_9"}], None),
        ([{"no": "1"}], None),
        ({"no": "3", "ref": "dlv_1"}, "3"),
    ],
)
def test_a_look_up_takes_only_what_bears_our_reference(
    opened: Any, partner: Partner, found: Any, expected: str | None
) -> None:
    more = "requests:\n  push_stock: {path: /a, find: {path: /a, at: items, match: ref, reference: no}}\n"
    connector = opened(more, verbs=WRITES)
    partner.play([SimResponse(200, {"items": found})])
    receipt = connector.find_by_reference(push())
    assert (receipt and receipt.reference) == expected


@pytest.mark.parametrize(
    ("equals", "payload", "expected"),
    [
        ("{payload.sku}", {"sku": "A"}, "1"),
        ("{payload.count}", {"count": 7}, "2"),
        ("{settings.client}/{payload.sku}", {"sku": "A"}, "3"),
        ("{reference}", {}, "4"),
        ("{payload.sku}", {"sku": "B"}, None),
    ],
)
def test_what_a_found_thing_bears_is_a_template(
    opened: Any, partner: Partner, equals: str, payload: dict[str, Any], expected: str | None
) -> None:
    find = f'{{path: /a, match: ref, equals: "{equals}", reference: no}}'
    more = f"requests:\n  push_stock: {{path: /a, find: {find}}}\n"
    connector = opened(more, verbs=WRITES, settings={"client": "c"})
    refs = ["A", 7, "c/A", "dlv_1", True, None]
    partner.play([SimResponse(200, [{"no": str(number), "ref": ref} for number, ref in enumerate(refs, 1)])])
    receipt = connector.find_by_reference(push(**payload))
    assert (receipt and receipt.reference) == expected


def test_a_look_up_for_what_the_payload_does_not_have_is_refused(opened: Any, partner: Partner) -> None:
    more = 'requests:\n  push_stock: {path: /a, find: {path: /a, match: ref, equals: "{payload.sku}"}}\n'
    connector = opened(more, verbs=WRITES)
    partner.play([SimResponse(200, [{"ref": "None"}])])
    with pytest.raises(Rejected, match=r"payload\.sku is empty"):
        connector.find_by_reference(push())


def test_an_answer_an_expression_fails_on_says_nothing_of_the_effect(opened: Any, partner: Partner) -> None:
    more = 'requests:\n  push_stock: {path: /a, find: {path: /a, when: "length(items) > `0`"}}\n'
    connector = opened(more, verbs=WRITES)
    partner.play([SimResponse(200, {"items": 5})])
    with pytest.raises(Transient, match="cannot be read as the manifest says"):
        connector.find_by_reference(push())


def test_a_change_from_the_future_does_not_hide_what_comes_before_it(opened: Any, partner: Partner) -> None:
    connector = opened(LIST.format(paging="{scheme: link}"), verbs="list_orders")
    partner.play([SimResponse(200, {"items": [{"id": 1, "at": "2099-01-01T00:00:00Z"}]})])
    since = datetime.fromisoformat(connector.list_orders({}).cursor["since"])
    assert since < datetime.now(UTC)


def test_a_payload_that_does_not_fit_its_map_is_rejected_whole(opened: Any, partner: Partner) -> None:
    more = "requests:\n  push_stock: {path: /a, map: stock.out.yaml, find: {path: /a}}\n"
    text = "map: push_stock\nto: json\nfields:\n  name: {path: name, required: true, max_length: 3}\n"
    connector = opened(more, verbs=WRITES, files={"stock.out.yaml": text})
    partner.play([SimResponse(200, {})])
    with pytest.raises(Rejected, match="cannot be written for Acme"):
        connector.push_stock(push(name="long name"))
    assert partner.requests == []
    connector.push_stock(push(name="abc"))
    assert partner.requests[0].json() == {"name": "abc"}


OAUTH = """
auth: {scheme: oauth2, token_url: /token, client_id: client, secret: key, scope: a b}
check: /me
"""


def token(value: str, seconds: Any = 3600) -> SimResponse:
    return SimResponse(200, {"access_token": value, "expires_in": seconds})


def test_a_token_is_fetched_once_and_shared(opened: Any, partner: Partner) -> None:
    connection = uuid4()
    given: dict[str, Any] = {"settings": {"client": "me"}, "connection": connection}
    connector = opened(OAUTH, **given)
    partner.play([token("first-token"), SimResponse(200, {"echo": "first-token"}), SimResponse(200, {})])
    assert connector.check() == {"status": 200, "answer": {"echo": "[redacted]"}}
    again = opened(OAUTH, **given)
    again.check()
    asked, first, second = partner.requests
    assert (asked.path, asked.body) == ("/token", b"grant_type=client_credentials&scope=a+b")
    assert asked.headers["authorization"] == "Basic bWU6c2VzYW1lLW9wZW4tNDcxMQ=="
    assert first.headers["authorization"] == second.headers["authorization"] == "Bearer first-token"
    shown = repr([*connector.exchanges(), *again.exchanges()])
    assert "first-token" not in shown
    assert "sesame" not in shown
    assert "bWU6" not in shown


def test_a_token_that_was_withdrawn_is_fetched_once_more(opened: Any, partner: Partner) -> None:
    connector = opened(OAUTH, settings={"client": "me"}, connection=uuid4())
    partner.play([token("one"), SimResponse(401, {}), token("two"), SimResponse(200, {})])
    connector.check()
    assert [each.headers["authorization"] for each in partner.requests[1::2]] == ["Bearer one", "Bearer two"]
    partner.play([SimResponse(401, {}), token("three"), SimResponse(401, {})])
    with pytest.raises(Misconfigured):
        connector.check()
    assert len(partner.requests) == 3


def test_a_token_about_to_end_is_not_used(opened: Any, partner: Partner) -> None:
    connector = opened(OAUTH, settings={"client": "me"}, connection=uuid4())
    partner.play([token("one", 30), SimResponse(200, {}), token("two", "soon"), SimResponse(200, {})])
    connector.check()
    connector.check()
    assert [each.path for each in partner.requests] == ["/token", "/me", "/token", "/me"]


def test_a_refused_client_is_misconfigured(opened: Any, partner: Partner) -> None:
    connector = opened(OAUTH, settings={"client": "me"}, connection=uuid4())
    partner.play([SimResponse(401, {"error": "invalid_client"})])
    with pytest.raises(Misconfigured, match="invalid_client"):
        connector.check()


LIST = """
poll: {{orders: {{overlap: 60}}}}
requests:
  list_orders:
    path: /orders
    topic: order
    records: items
    changed_at: at
    since: since
    paging: {paging}
"""


def rows(*ids: int) -> list[dict[str, Any]]:
    return [{"id": each, "at": f"2026-03-02T12:00:{each:02d}Z"} for each in ids]


def walk(connector: Any, limit: int = 10) -> tuple[list[int], Any]:
    cursor: Any = {}
    found: list[int] = []
    for _ in range(limit):
        page = connector.list_orders(cursor)
        found += [orjson.loads(each.body)["id"] for each in page.records]
        cursor = orjson.loads(orjson.dumps(page.cursor))
        if not page.more:
            return found, cursor
    raise AssertionError("the list does not end")


@pytest.mark.parametrize(
    ("paging", "queries"),
    [
        ("{scheme: page, parameter: page, size_parameter: per, size: 2}",
         [{"per": "2"}, {"per": "2", "page": "2"}, {"per": "2", "page": "3"}]),
        ("{scheme: offset, parameter: from, size: 2}", [{}, {"from": "2"}, {"from": "4"}]),
    ],
)  # fmt: skip
def test_numbered_pages(opened: Any, partner: Partner, paging: str, queries: list[Any]) -> None:
    connector = opened(LIST.format(paging=paging), verbs="list_orders")
    partner.play([SimResponse(200, {"items": rows(*each)}) for each in ((1, 2), (3, 4), (5,))])
    found, cursor = walk(connector)
    assert found == [1, 2, 3, 4, 5]
    assert [each.query for each in partner.requests] == queries
    # The next round looks a minute back from the newest change seen.
    assert cursor == {"since": "2026-03-02T11:59:05+00:00"}
    partner.play([SimResponse(200, {"items": []})])
    assert connector.list_orders(cursor).cursor == cursor
    assert partner.requests[0].query["since"] == "2026-03-02T11:59:05+00:00"


def test_a_full_last_page_ends_with_an_empty_one(opened: Any, partner: Partner) -> None:
    connector = opened(LIST.format(paging="{scheme: page, parameter: page, size: 2}"), verbs="list_orders")
    partner.play([SimResponse(200, {"items": rows(1, 2)}), SimResponse(200, {"items": []})])
    assert walk(connector)[0] == [1, 2]


def test_linked_pages_stay_with_the_partner(opened: Any, partner: Partner) -> None:
    connector = opened(LIST.format(paging="{scheme: link}"), verbs="list_orders")
    link = {"Link": f'<{partner.url}/orders?page_info=x%3D>; rel="next", <{partner.url}/orders>; rel="previous"'}
    partner.play([SimResponse(200, {"items": rows(1)}, link), SimResponse(200, {"items": rows(2)})])
    assert walk(connector)[0] == [1, 2]
    assert [each.query for each in partner.requests] == [{}, {"page_info": "x="}]
    elsewhere = {"Link": '<http://127.0.0.1:9/steal>; rel="next"'}
    partner.play([SimResponse(200, {"items": rows(1)}, elsewhere)])
    page = connector.list_orders({})
    with pytest.raises(Misconfigured, match="may not be called"):
        connector.list_orders(page.cursor)


def test_paging_that_does_not_advance_ends(opened: Any, partner: Partner) -> None:
    paging = "{scheme: cursor, next: next, parameter: cursor}"
    connector = opened(LIST.format(paging=paging), verbs="list_orders")
    partner.play([SimResponse(200, {"items": rows(1), "next": "n"})] * 2)
    with pytest.raises(Transient, match="does not advance"):
        walk(connector)


def test_a_cut_in_the_middle_costs_one_page(opened: Any, partner: Partner) -> None:
    connector = opened(LIST.format(paging="{scheme: page, parameter: page, size: 2}"), verbs="list_orders")
    partner.play([SimResponse(200, {"items": rows(1, 9)}), SimResponse(200, {"items": rows(3)}, fate="cut")])
    first = connector.list_orders({})
    with pytest.raises(Transient):
        connector.list_orders(first.cursor)
    partner.play([SimResponse(200, {"items": rows(3)})])
    second = connector.list_orders(first.cursor)
    assert [orjson.loads(each.body)["id"] for each in (*first.records, *second.records)] == [1, 9, 3]
    # The newest change was on the first page.
    assert second.cursor == {"since": "2026-03-02T11:59:09+00:00"}


@pytest.mark.parametrize("answer", [{}, {"items": None}, {"items": {"a": 1}}, []])
def test_an_answer_without_the_list_is_no_empty_list(opened: Any, partner: Partner, answer: Any) -> None:
    connector = opened(LIST.format(paging="{scheme: link}"), verbs="list_orders")
    partner.play([SimResponse(200, answer)])
    with pytest.raises(Transient, match="has no list at items"):
        connector.list_orders({})


def test_records_are_messages_whose_repeats_are_recognized(opened: Any, partner: Partner) -> None:
    connector = opened(LIST.format(paging="{scheme: link}"), verbs="list_orders")

    def answer(_: SimRequest) -> SimResponse:
        return SimResponse(200, b'{"items": [{"id": 1, "price": 1.10, "at": "2026-03-02T12:00:01Z"}]}',
                           {"Content-Type": "application/json"})  # fmt: skip

    partner.play([answer, answer])
    (one,), (other,) = connector.list_orders({}).records, connector.list_orders({}).records
    assert one.dedupe_key == other.dedupe_key
    assert one.body == b'{"id":1,"price":1.10,"at":"2026-03-02T12:00:01Z"}'
    assert one.occurred_at is not None
    assert one.topic == "order"
