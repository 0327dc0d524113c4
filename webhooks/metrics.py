"""What this process counts; what the database knows is read when somebody asks (`webhooks.health`)."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

REGISTRY = CollectorRegistry()
WEBHOOKS = Counter(
    "crossdock_webhooks_total", "Calls at the webhook door by outcome.", ["connection", "outcome"], registry=REGISTRY
)
REQUESTS = Counter(
    "crossdock_api_requests_total", "API requests by route, method and status.", ["route", "method", "status"],
    registry=REGISTRY,
)  # fmt: skip
SECONDS = Histogram(
    "crossdock_api_request_seconds", "Seconds an API request took.", ["route"], registry=REGISTRY,
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)  # fmt: skip
