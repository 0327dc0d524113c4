"""Whatever comes in, the answer is below 500, and a refusal leaves nothing behind."""

from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.webhooks.conftest import Shared
from tests.webhooks.test_door import SHOP_SECRET, WMS_SECRET, Doorstep
from tests.webhooks.test_orders_api import FULL

PROPERTY = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
WAYS = ("noise", "json", "cut", "flipped", "replaced", "dropped", "added", "deep", "wide", "charset")
TYPES = ["application/json"] * 8 + ["text/xml", "application/json; charset=x", ""]
HEADERS = [
    "X-WMS-Time", "X-WMS-Delivery", "X-Shopify-Event-Id", "X-Shopify-Triggered-At", "X-WMS-Signature", "Content-Type",
    "Content-Encoding", "X-Odd",
]  # fmt: skip
LATIN = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40)
ODD_TEXT = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["\x00", "\ud800", "\uffff", "\u202e", "' OR 1=1 --", "${jndi:x}", "../../etc/passwd", "9" * 400]),
)
ODD_NUMBER = st.one_of(
    st.integers(), st.floats(), st.sampled_from([2**63, 2**64, 10**400, -1, 1e308, 5e-324, float("nan"), float("inf")])
)
LEAF = st.one_of(st.none(), st.booleans(), ODD_NUMBER, ODD_TEXT)
VALUE = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ODD_TEXT, inner, max_size=4), max_leaves=12
)


def encoded(value: Any) -> bytes:
    """Return JSON as a careless sender writes it: NaN, half surrogates and all."""
    import json

    return json.dumps(value).encode("utf-8", "surrogatepass")


def paths(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield here
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths(inner, (*here, key))
    if isinstance(value, list):
        for index, inner in enumerate(value):
            yield from paths(inner, (*here, index))


PLACES = [path for path in paths(FULL) if path]


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Broken bodies of every kind around an order that would be taken."""
    how = draw(
        st.sampled_from(["noise", "json", "cut", "flipped", "replaced", "dropped", "added", "deep", "wide", "charset"])
    )
    good = orjson.dumps(FULL)
    if how == "noise":
        return draw(st.binary(max_size=300))
    if how == "json":
        return encoded(draw(VALUE))
    if how == "cut":
        return good[: draw(st.integers(0, len(good) - 1))]
    if how == "flipped":
        at = draw(st.integers(0, len(good) - 1))
        return good[:at] + bytes([draw(st.integers(0, 255))]) + good[at + 1 :]
    if how == "deep":
        depth = draw(st.integers(30, 3_000))
        opening, closing = draw(st.sampled_from([(b"[", b"]"), (b'{"a":', b"}")]))
        return opening * depth + b"1" + closing * draw(st.sampled_from([0, depth]))
    if how == "wide":
        return b'{"lines": [' + b'{"sku": "A", "quantity": "1"},' * draw(st.integers(1, 3_000)) + b"{}]}"
    if how == "charset":
        return orjson.dumps(FULL).decode().encode(draw(st.sampled_from(["utf-16", "utf-32", "cp037", "utf-8-sig"])))
    document = deepcopy(FULL)
    *way, last = draw(st.sampled_from(PLACES))
    parent: Any = document
    for step in way:
        parent = parent[step]
    if how == "replaced":
        parent[last] = draw(VALUE)
    elif how == "dropped":
        del parent[last]
    elif isinstance(parent, dict):
        parent[draw(ODD_TEXT)] = draw(VALUE)
    return encoded(document)


@PROPERTY
@given(
    body=bodies(),
    content_type=st.sampled_from(TYPES),
)
@example(body=b'{"source_version": 99999999999999999999}', content_type="application/json")
@example(body=orjson.dumps({**FULL, "placed_at": "0001-01-01T00:00:00+23:59"}), content_type="application/json")
@example(body=orjson.dumps({**FULL, "placed_at": "9999-12-31T23:59:59-23:59"}), content_type="application/json")
@example(body=orjson.dumps({**FULL, "lines": [{"sku": "A", "quantity": "1e-16000"}]}), content_type="application/json")
@example(body=orjson.dumps({**FULL, "lines": [{"sku": "A", "quantity": "1" * 4_000}]}), content_type="application/json")
def test_orders_are_taken_or_refused_and_never_crash(shared_api: Shared, body: bytes, content_type: str) -> None:
    before = shared_api.rows()
    answer = shared_api.call("POST", "/orders", data=body, content_type=content_type)
    assert answer.status_code < 500, answer.get_json()
    if answer.status_code >= 400:
        assert shared_api.rows() == before


ROUTES = [
    "/orders/{}", "/orders/{}/timeline", "/orders/{}/cancel", "/orders/{}/holds", "/items/{}", "/nodes/{}",
    "/fulfillment-orders/{}/ship", "/shipments/{}", "/exceptions/{}/snooze", "/messages/{}/raw",
    "/messages/{}/canonical",
    "/deliveries/{}/retry", "/reservations/{}/release", "/connections/{}", "/decisions/{}", "/policies/{}",
    "/policies/{}/activate", "/keys/{}/revoke",
]  # fmt: skip
NAMES = st.one_of(
    st.text(min_size=1, max_size=40), st.from_regex(r"(ord|msg|dlv|exc|res|ful|key)_[0-9a-f]{30,34}", fullmatch=True)
)


@PROPERTY
@given(route=st.sampled_from(ROUTES), name=NAMES, method=st.sampled_from(["GET", "POST", "DELETE"]), body=VALUE)
def test_no_name_in_a_path_crashes(shared_api: Shared, route: str, name: str, method: str, body: Any) -> None:
    from urllib.parse import quote

    before = shared_api.rows()
    path = route.format(quote(name.encode("utf-8", "replace"), safe=""))
    answer = shared_api.flask.open(
        f"/api/v1{path}",
        method=method,
        data=encoded(body) if method == "POST" else None,
        content_type="application/json",
        headers={"Authorization": f"Bearer {shared_api.token}"},
    )
    assert answer.status_code < 500
    assert shared_api.rows() == before


LISTS = ["orders", "items", "nodes", "stock", "stock/movements", "reservations", "fulfillment-orders", "shipments",
         "tracking-events", "exceptions", "decisions", "policies", "connections", "messages", "deliveries", "events",
         "keys", "availability"]  # fmt: skip
FILTERS = [
    "limit",
    "cursor",
    "state",
    "since",
    "order",
    "sku",
    "node",
    "connection",
    "kind",
    "live",
    "subject",
    "type",
    "x",
]


@PROPERTY
@given(route=st.sampled_from(LISTS), query=st.dictionaries(st.sampled_from(FILTERS), ODD_TEXT, max_size=4))
def test_no_query_crashes(shared_api: Shared, route: str, query: dict[str, str]) -> None:
    given_ = {key: value.encode("utf-8", "replace").decode() for key, value in query.items()}
    answer = shared_api.flask.get(
        f"/api/v1/{route}", query_string=given_, headers={"Authorization": f"Bearer {shared_api.token}"}
    )
    assert answer.status_code < 500


@pytest.fixture(scope="module")
def doorstep(shared_api: Shared) -> Doorstep:
    return Doorstep(shared_api.world.store)


@PROPERTY
@given(
    body=bodies(),
    name=st.sampled_from(["shop-eu", "wms-1", "nobody", "shop-eu%00"]),
    topic=st.one_of(st.sampled_from(["orders/create", "ping", "stock.counted"]), LATIN),
    authentic=st.booleans(),
    extra=st.dictionaries(st.sampled_from(HEADERS), LATIN, max_size=2),
)
def test_the_door_takes_or_refuses_and_never_crashes(
    doorstep: Doorstep, body: bytes, name: str, topic: str, authentic: bool, extra: dict[str, str]
) -> None:
    connector, secret = ("shopify", SHOP_SECRET) if name.startswith("shop") else ("rest-wms", WMS_SECRET)
    topic = "".join(letter for letter in topic if letter.isprintable())
    headers = doorstep.signed(
        body, name=connector, topic=topic, identifier=str(hash(body)), secret=secret if authentic else "wrong",
        at=datetime.now(UTC),
    )  # fmt: skip
    before = len(doorstep.messages())
    answer = doorstep.post(name, body, {**headers, **extra})
    assert answer.status_code < 500, answer.data
    after = len(doorstep.messages())
    if answer.status_code >= 400:
        assert answer.content_type == "application/problem+json"
        assert after == before
    else:
        assert authentic
        assert after == before + (not answer.get_json()["duplicate"])
