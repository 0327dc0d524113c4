"""Alive, ready, and the figures monitoring wants."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

import orjson
from flask import Flask, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from core.store import migrate
from core.store.read.gauges import Gauge, read_gauges
from webhooks import problems
from webhooks.api.auth import caller, from_this_machine
from webhooks.api.bounds import Forbidden
from webhooks.api.transactions import reading
from webhooks.metrics import REGISTRY
from webhooks.runtime import runtime

FOLDER = Path(__file__).parent


def register(app: Flask) -> None:
    """Register the three addresses."""
    app.add_url_rule("/healthz", view_func=healthz)
    app.add_url_rule("/readyz", view_func=readyz)
    app.add_url_rule("/metrics", view_func=metrics)


def healthz() -> Response:
    """Say that the process is alive; nothing else is looked at."""
    return Response(b'{"status":"ok"}', content_type="application/json")


def readyz() -> Response:
    """Say whether requests can be served: the database answers and its schema is the newest this code knows."""
    wanted = _newest()
    try:
        with runtime().store.read() as conn:
            found = migrate.current(conn)
    except SQLAlchemyError as error:
        problem = problems.document(
            503, f"The database does not answer ({type(error).__name__}).", "READY-DATABASE-503", instance="/readyz"
        )
        return problems.response(503, problem, {"Retry-After": str(problems.RETRY_SECONDS)})
    if found != wanted:
        problem = problems.document(
            503,
            f"The database is at schema {found}, this version needs {wanted}. Run `crossdock db upgrade`.",
            "READY-SCHEMA-503",
            instance="/readyz",
        )
        return problems.response(503, problem, {"Retry-After": str(problems.RETRY_SECONDS)})
    return Response(orjson.dumps({"status": "ready", "schema": found}), content_type="application/json")


@cache
def _newest() -> str:
    """Return the schema this code needs; its scripts are read once."""
    return migrate.head()


def metrics() -> Response:
    """Return the figures as Prometheus reads them; from another machine only with a key that may administer.

    Raises:
        Unauthorized: from another machine without a key.
        Forbidden: the key lacks the scope `admin`.
    """
    if not from_this_machine() and not caller().allows("admin"):
        raise Forbidden("Metrics from another machine need a key with the scope admin.")
    known = CollectorRegistry()
    known.register(_Figures(reading(read_gauges)))
    return Response(generate_latest(REGISTRY) + generate_latest(known), content_type=CONTENT_TYPE_LATEST)


class _Figures(Collector):
    """What the database said, in the library's own form."""

    def __init__(self, gauges: list[Gauge]) -> None:
        self._gauges = gauges

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Return one family for each name."""
        families: dict[str, GaugeMetricFamily] = {}
        for gauge in self._gauges:
            names = [name for name, _ in gauge.labels]
            family = families.setdefault(gauge.name, GaugeMetricFamily(gauge.name, gauge.help, labels=names))
            family.add_metric([value for _, value in gauge.labels], gauge.value)
        return families.values()
