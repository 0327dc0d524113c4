"""The Admin API client: cost points, GraphQL errors, and what check says of a connection."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from connectors.sdk.simulation.server import SimResponse
from connectors.shopify import graph
from connectors.shopify.connector import Connector
from connectors.shopify.graph import Budget, Graph
from connectors.shopify.simulator import Partner
from core.errors import ConnectorError, Misconfigured, OutcomeUnknown, RateLimited, Rejected, Transient
from tests.connectors.shopify.conftest import SECRETS, Open
from tests.connectors.shopify.pushes import shipment, stock


@pytest.fixture(autouse=True)
def budget(monkeypatch: pytest.MonkeyPatch) -> Budget:
    """A budget of this test's own."""
    found = Budget()
    monkeypatch.setattr(graph, "BUDGET", found)
    return found


@pytest.fixture
def poor() -> Iterator[Partner]:
    """A shop with a small bucket that hardly refills."""
    with Partner(secrets=SECRETS, options={"bucket": 800, "restore": 1}) as found:
        yield found


def client(shop: Connector, budget: Budget, slept: list[float]) -> Graph:
    """Return the client of a connection with its own budget and a clock that does not wait."""
    return Graph(shop.http, shop.graph.url, "c", budget=budget, sleep=slept.append)


def cost(asked: int, *, available: float, restore: float) -> dict[str, Any]:
    """Return what an answer says of cost."""
    status = {"currentlyAvailable": available, "restoreRate": restore}
    return {"requestedQueryCost": asked, "actualQueryCost": 9, "throttleStatus": status}


def test_throttled_says_when_the_points_are_there(poor: Partner, open_shop: Open) -> None:
    shop = open_shop(poor.url)
    poor._points = 20.0
    with pytest.raises(RateLimited) as limited:
        shop.list_items({})
    # 502 points are asked for, 20 are there, one comes a second.
    assert limited.value.retry_after == pytest.approx(482, abs=1)
    assert limited.value.data["partner_code"] == "THROTTLED"


def test_what_cannot_be_paid_is_not_asked_for(poor: Partner, open_shop: Open, budget: Budget) -> None:
    slept: list[float] = []
    calls = client(open_shop(poor.url), budget, slept)
    variables = {"first": 100, "after": None, "query": None}
    calls.call("variants", variables, verb="list_items")
    poor._points, asked = 10.0, sum(poor.calls.values())
    with pytest.raises(RateLimited):
        calls.call("variants", variables, verb="list_items")
    assert sum(poor.calls.values()) == asked + 1
    # From now on the connection knows without asking.
    with pytest.raises(RateLimited) as limited:
        calls.call("variants", variables, verb="list_items")
    assert sum(poor.calls.values()) == asked + 1
    assert limited.value.retry_after == pytest.approx(492, abs=2)
    assert slept == []


def test_a_short_lack_is_waited_out(poor: Partner, open_shop: Open, budget: Budget) -> None:
    slept: list[float] = []
    calls = client(open_shop(poor.url), budget, slept)
    calls.call("check", {}, verb="check")
    budget.note("c", "check", cost(10, available=9.2, restore=1.0))
    calls.call("check", {}, verb="check")
    assert len(slept) == 1
    assert slept[0] == pytest.approx(0.8, abs=0.2)


def test_a_bucket_refills(budget: Budget, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    assert budget.note("c", "orders", cost(250, available=50, restore=50.0)) == 4.0
    assert budget.wait_for("c", "orders") == 4.0
    assert budget.wait_for("another", "orders") == 0.0
    now[0] += 3
    assert budget.wait_for("c", "orders") == 1.0
    now[0] += 3
    assert budget.wait_for("c", "orders") == 0.0


def answering(partner: Partner, response: SimResponse) -> None:
    """Let the shop answer every operation with this."""
    partner.handle = lambda request: response  # type: ignore[method-assign]


def graphql(code: str | None, message: str = "No.") -> SimResponse:
    """Return a GraphQL answer with one error."""
    error: dict[str, Any] = {"message": message}
    if code:
        error["extensions"] = {"code": code}
    return SimResponse(200, {"errors": [error], "data": None})


@pytest.mark.parametrize(
    ("response", "reading", "writing"),
    [
        (graphql("THROTTLED"), RateLimited, RateLimited),
        (graphql("ACCESS_DENIED"), Misconfigured, Misconfigured),
        (graphql("SHOP_INACTIVE"), Misconfigured, Misconfigured),
        (graphql("MAX_COST_EXCEEDED"), Rejected, Rejected),
        (graphql("undefinedField"), Rejected, Rejected),
        (graphql("INTERNAL_SERVER_ERROR"), Transient, OutcomeUnknown),
        (graphql(None), Transient, OutcomeUnknown),
        (SimResponse(200, {"extensions": {}}), Transient, OutcomeUnknown),
        (SimResponse(200, []), Transient, OutcomeUnknown),
        (SimResponse(401, {"errors": "[API] Invalid API key or access token"}), Misconfigured, Misconfigured),
        (SimResponse(402, {"errors": "Payment Required"}), Misconfigured, Misconfigured),
        (SimResponse(403, {"errors": "Forbidden"}), Misconfigured, Misconfigured),
        (SimResponse(404, {"errors": "Not Found"}), Misconfigured, Misconfigured),
        (SimResponse(423, {"errors": "Locked"}), Misconfigured, Misconfigured),
        (SimResponse(429, {"errors": "Too Many"}), RateLimited, RateLimited),
        (SimResponse(430, {"errors": "Security"}), RateLimited, RateLimited),
        (SimResponse(500, {"errors": "Broken"}), Transient, OutcomeUnknown),
        (SimResponse(503, {"errors": "Busy"}), Transient, Transient),
    ],
)
def test_what_each_answer_means(
    partner: Partner,
    open_shop: Open,
    response: SimResponse,
    reading: type[ConnectorError],
    writing: type[ConnectorError],
) -> None:
    answering(partner, response)
    acts: list[tuple[Callable[[Connector], Any], type[ConnectorError]]] = [
        (lambda shop: shop.list_orders({}), reading),
        (lambda shop: shop.push_stock(stock(partner.shop.catalog[:1], 1)), writing),
    ]
    for act, expected in acts:
        with pytest.raises(ConnectorError) as raised:
            act(open_shop(partner.url))
        assert type(raised.value) is expected
        assert raised.value.fix or raised.value.what


def test_shopifys_own_words_are_kept(partner: Partner, open_shop: Open) -> None:
    answering(partner, graphql("ACCESS_DENIED", "Access denied for customer field. Required access: read_customers."))
    with pytest.raises(Misconfigured) as denied:
        open_shop(partner.url).list_orders({})
    assert denied.value.why == "Access denied for customer field. Required access: read_customers."
    assert denied.value.data["partner_code"] == "ACCESS_DENIED"
    answering(partner, SimResponse(402, {"errors": "This shop is unavailable"}))
    with pytest.raises(Misconfigured, match="This shop is unavailable"):
        open_shop(partner.url).list_orders({})


def test_check_names_shop_and_scopes(partner: Partner, open_shop: Open) -> None:
    said = open_shop(partner.url).check()
    assert said["shop"] == "Fjord Pottery"
    assert said["currency"] == "EUR"
    assert said["api_version"] == "2026-10"
    assert "write_inventory" in said["scopes"]


def test_check_names_the_scopes_that_are_missing(partner: Partner, open_shop: Open) -> None:
    data = partner.admin.check({})
    data["currentAppInstallation"]["accessScopes"] = [{"handle": "write_orders"}, {"handle": "read_products"}]
    partner.admin.operations = {**partner.admin.operations, "Check": lambda _variables: data}
    with pytest.raises(Misconfigured) as lacking:
        open_shop(partner.url).check()
    assert lacking.value.data["scopes"] == [
        "read_customers",
        "read_locations",
        "write_inventory",
        "write_merchant_managed_fulfillment_orders",
    ]


def test_check_refuses_the_token_of_another_shop(partner: Partner, open_shop: Open) -> None:
    with pytest.raises(Misconfigured) as wrong:
        open_shop(partner.url, shop_domain="another.myshopify.com").check()
    assert wrong.value.error_code == "SHOPIFY-SHOP-401"


@pytest.mark.parametrize(
    "domain", ["fjord.example.com", "evil.com/.myshopify.com", "https://a.myshopify.com", "-a", ""]
)
def test_only_permanent_shop_names_are_settings(open_shop: Open, domain: str) -> None:
    with pytest.raises(Misconfigured):
        open_shop(shop_domain=domain)


def test_the_shop_itself_is_called_where_no_other_address_is_set(open_shop: Open) -> None:
    assert open_shop(shop_domain="Fjord-Pottery.myshopify.com ").graph.url == (
        "https://fjord-pottery.myshopify.com/admin/api/2026-10/graphql.json"
    )


def test_no_secret_in_the_attempt_log(partner: Partner, open_shop: Open) -> None:
    shop = open_shop(partner.url)
    order = partner.place_order()
    shop.push_shipment(shipment(order, [(order["line_items"][0], 1)]))
    shown = repr(shop.exchanges()) + repr(shop)
    assert len(shown) > 1_000
    assert not any(secret in shown for secret in SECRETS.values())
