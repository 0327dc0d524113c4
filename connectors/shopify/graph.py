"""The Admin GraphQL API of one shop: named operations from files, their cost, and what their errors mean.

Shopify answers most failures with status 200 and an `errors` list; the manifest's error table judges those too.
Its rate limit is a bucket of cost points that every answer reports (shopify.dev/docs/api/usage/limits): the client
remembers it per connection, waits out a short lack and hands a long one to the hub as RateLimited.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from pathlib import Path
from typing import Any

from connectors.sdk.errors import error_for
from connectors.sdk.http import Http
from core.errors import OutcomeUnknown, RateLimited, Rejected, Transient

QUERIES = Path(__file__).parent / "graphql"
# A lack that short is cheaper to wait for here than to give the delivery back.
SHORT_WAIT = 1.5
DEFAULT_RESTORE = 50.0
Json = dict[str, Any]


@lru_cache(maxsize=64)
def query(name: str) -> str:
    """Return the text of an operation file."""
    return (QUERIES / f"{name}.graphql").read_text(encoding="utf-8")


@lru_cache(maxsize=64)
def operation(name: str) -> str:
    """Return the operation's name in its document: `order_lines` is OrderLines."""
    return "".join(part.capitalize() for part in name.split("_"))


@dataclass(slots=True)
class Bucket:
    """The cost points of one connection, as its last answer told, and what each operation was charged beforehand."""

    available: float = float("inf")
    restore: float = DEFAULT_RESTORE
    at: float = 0.0

    def wait_for(self, cost: float, now: float) -> float:
        """Return the seconds until that many points are there."""
        there = self.available + (now - self.at) * self.restore
        return max(cost - there, 0.0) / self.restore


class Budget:
    """The buckets of all connections of this process; connector objects come and go, the shop's bucket stays."""

    def __init__(self) -> None:
        self._buckets: dict[str, Bucket] = {}
        self._costs: dict[str, float] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Budget({len(self._buckets)} connections)"

    def wait_for(self, connection: str, name: str) -> float:
        """Return the seconds to wait before an operation can be afforded, by what it cost the last time."""
        with self._lock:
            bucket, cost = self._buckets.get(connection), self._costs.get(name, 0.0)
            return bucket.wait_for(cost, time.monotonic()) if bucket and cost else 0.0

    def note(self, connection: str, name: str, cost: Mapping[str, Any]) -> float:
        """Keep what an answer says of cost; return the seconds until the operation could be asked again.

        What a refused operation would have cost is not kept: it may have been too much for any bucket.

        Args:
            cost: `extensions.cost` of the answer.
        """
        status = cost.get("throttleStatus") or {}
        wanted = number(cost.get("requestedQueryCost"))
        restore = number(status.get("restoreRate")) or DEFAULT_RESTORE
        bucket = Bucket(number(status.get("currentlyAvailable")), restore, time.monotonic())
        with self._lock:
            if cost.get("actualQueryCost") is not None:
                self._costs[name] = wanted
            if status:
                self._buckets[connection] = bucket
        return bucket.wait_for(wanted, bucket.at)


BUDGET = Budget()


def number(value: Any) -> float:
    """Return a number of the answer, 0 when it is none."""
    return float(value) if isinstance(value, int | float | Decimal) and not isinstance(value, bool) else 0.0


class Graph:
    """Calls of one connection.

    Args:
        connection: names the bucket.
        sleep: waits out a short lack of points.
    """

    def __init__(
        self,
        http: Http,
        url: str,
        connection: str,
        *,
        budget: Budget = BUDGET,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.http, self.url, self.connection, self.budget, self.sleep = http, url, connection, budget, sleep

    def call(self, name: str, variables: Json, *, verb: str, write: bool = False) -> Json:
        """Return the `data` of one operation.

        Args:
            name: file in graphql/, without ending.
            verb: what is being done, for errors and the error table.
            write: whether the shop changes.

        Raises:
            ConnectorError: by the manifest's error table; RateLimited carries the seconds until the points are there.
        """
        self.afford(name, verb)
        body = {"query": query(name), "variables": variables, "operationName": operation(name)}
        answer = self.http.request("POST", self.url, verb=verb, write=write, json=body, ok=(200,))
        document = answer.document if isinstance(answer.document, dict) else {}
        seconds = self.budget.note(self.connection, name, at(document, "extensions", "cost"))
        errors, data = document.get("errors"), document.get("data")
        if errors:
            raise self.failure(document, verb, write=write, seconds=seconds, headers=answer.headers)
        if not isinstance(data, dict):
            kind = OutcomeUnknown if write else Transient
            raise kind(f"{self.http.partner} answered {verb} with neither data nor errors.")
        return data

    def afford(self, name: str, verb: str) -> None:
        """Wait until the operation can be paid for.

        Raises:
            RateLimited: that takes too long to wait here.
        """
        seconds = self.budget.wait_for(self.connection, name)
        if seconds > SHORT_WAIT:
            raise RateLimited(
                f"{self.http.partner} has no points left for {verb}.",
                why="Its bucket of query cost points is empty.",
                fix="Nothing: the hub waits and goes on.",
                retry_after=round(seconds, 3),
            )
        if seconds:
            self.sleep(seconds)

    def failure(
        self, document: Json, verb: str, *, write: bool, seconds: float, headers: Mapping[str, str]
    ) -> Exception:
        """Return the error for a list of GraphQL errors."""
        error = error_for(
            partner=self.http.partner,
            verb=verb,
            write=write,
            status=200,
            headers=headers,
            document=self.http.redactor.value(document),
            table=self.http.errors,
        )
        if isinstance(error, RateLimited) and error.retry_after is None:
            error.retry_after = round(max(seconds, 0.1), 3)
        return error


def at(value: Any, *names: str) -> Json:
    """Return the object at a path of names, an empty one when the way ends."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def nodes(connection: Any) -> list[Json]:
    """Return the nodes of a connection."""
    found = at({"": connection}, "").get("nodes")
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def next_cursor(connection: Any) -> str | None:
    """Return where the next page of a connection begins, None after the last."""
    info = at({"": connection}, "", "pageInfo")
    return str(info["endCursor"]) if info.get("hasNextPage") and info.get("endCursor") else None


def user_errors(payload: Json) -> list[Json]:
    """Return what the shop objects to in a mutation's input."""
    found = payload.get("userErrors")
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def refusal(partner: str, verb: str, errors: Iterable[Json], fix: str) -> Rejected:
    """Return the error for user errors, each with its field, code and message."""
    shown = [
        {
            "field": ".".join(str(part) for part in each.get("field") or ()),
            "code": str(each.get("code") or ""),
            "message": str(each.get("message") or "")[:300],
        }
        for each in errors
    ]
    named = "; ".join(
        f"{each['field'] or 'input'}: {each['message']}" + (f" ({each['code']})" if each["code"] else "")
        for each in shown[:3]
    )
    return Rejected(f"{partner} refuses {verb}: {named}", fix=fix, code="SHOPIFY-USER-422", errors=shown)


def gid(kind: str, number: Any) -> str:
    """Return a global id; one that is whole already stays as it is.

    Raises:
        Rejected: it is no Shopify id.
    """
    text = str(number or "")
    if text.startswith(f"gid://shopify/{kind}/"):
        return text
    if not (text.isascii() and text.isdigit()):
        raise Rejected(
            f"{text[:80]!r} is no Shopify id of a {kind}.",
            fix="Only what came from this shop can be written back to it.",
            code="SHOPIFY-ID-422",
        )
    return f"gid://shopify/{kind}/{text}"


def plain_id(value: Any) -> str:
    """Return the number in a global id, exact at any length."""
    return str(value).rsplit("/", 1)[-1].partition("?")[0]


def units(quantity: Any, sku: Any) -> int:
    """Return a whole number of units.

    Raises:
        Rejected: Shopify counts in whole units only.
    """
    try:
        found = Decimal(str(quantity))
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or found != found.to_integral_value() or found < 0:
        raise Rejected(
            f"Shopify counts in whole units; {sku or 'a line'} has {str(quantity)[:40]}.",
            fix="Give the item a unit that is counted in whole numbers.",
            code="SHOPIFY-UNITS-422",
        )
    return int(found)
