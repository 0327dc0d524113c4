"""A hub with a small company behind its web application; every answer is checked against the OpenAPI document."""

import uuid
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from werkzeug.test import TestResponse

from config.settings import Settings
from console.servers.supervisor import Urls
from core.services.access import create_key
from core.store.engine import open_engine
from core.store.unit import Store
from tests.conftest import database_url
from tests.core.world import World
from webhooks.api.spec import SPEC
from webhooks.app import create_app
from webhooks.runtime import EXTENSION, Runtime

SECRET = "a test's secret key"
BASE = "/api/v1"


def strict(value: Any) -> Any:
    """Return the document with objects that allow nothing it does not name: a forgotten field then fails a test."""
    if isinstance(value, dict):
        found = {key: strict(inner) for key, inner in value.items()}
        if found.get("type") == "object" and "properties" in found and "required" in found:
            found.setdefault("additionalProperties", False)
        return found
    return [strict(inner) for inner in value] if isinstance(value, list) else value


class Client:
    """Calls the API with a key and refuses answers the OpenAPI document does not describe."""

    def __init__(self, app: Flask, token: str | None) -> None:
        self.flask: FlaskClient = app.test_client()
        self.token = token
        self.app = app
        self.document = strict(deepcopy(app.extensions[SPEC]))

    def get(self, path: str, **more: Any) -> TestResponse:
        return self.call("GET", path, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> TestResponse:
        if body is not None:
            more["json"] = body
        return self.call("POST", path, **more)

    def call(self, method: str, path: str, **more: Any) -> TestResponse:
        headers = dict(more.pop("headers", {}))
        if self.token is not None:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        answer = self.flask.open(BASE + path, method=method, headers=headers, **more)
        self.check(method, path, answer)
        return answer

    def check(self, method: str, path: str, answer: TestResponse) -> None:
        if answer.status_code == 304:
            return
        if answer.status_code >= 400:
            assert answer.content_type == "application/problem+json"
            self.fits({"$ref": "#/components/schemas/Problem"}, answer.get_json())
            assert answer.get_json()["status"] == answer.status_code
            return
        with self.app.test_request_context(BASE + path, method=method) as context:
            rule = context.request.url_rule
        assert rule is not None
        template = rule.rule.replace("<path:", "{").replace("<", "{").replace(">", "}")
        described = self.document["paths"][template][method.lower()]["responses"][str(answer.status_code)]
        content = described.get("content", {})
        if content and answer.mimetype == "application/json":
            self.fits(content["application/json"]["schema"], answer.get_json())

    def fits(self, schema: dict[str, Any], value: Any) -> None:
        whole = {**schema, "components": self.document["components"]}
        Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(value)


@pytest.fixture
def world(store: Store) -> World:
    return World(store)


@pytest.fixture
def app(world: World) -> Iterator[Flask]:
    made = create_app(Runtime(Settings(), world.store, world.partners, SECRET))
    yield made
    made.extensions[EXTENSION].runtime.stopping.set()


def token_with(store: Store, *scopes: str, **more: Any) -> str:
    """Return a new API key with these scopes."""
    with store.begin(actor="test") as unit:
        _, token = create_key(unit, SECRET, "test", scopes, **more)
    return token


def client_with(app: Flask, store: Store, *scopes: str, **more: Any) -> Client:
    """Return a client whose key has these scopes."""
    return Client(app, token_with(store, *scopes, **more))


@pytest.fixture
def api(app: Flask, world: World) -> Client:
    """A client that may do everything."""
    return client_with(app, world.store, "admin")


WRITTEN = (
    "orders", "message", "idempotency", "order_line", "hold", "reservation", "stock_movement", "delivery", "event",
    "exception_case", "fulfillment_order", "audit_entry", "change_set",
)  # fmt: skip


class Shared(Client):
    """A client several refusal tests share: it knows that nothing has changed."""

    world: World

    def rows(self) -> tuple[int, ...]:
        """Return how many rows there are of everything a request could write."""
        counts = ", ".join(f"(SELECT count(*) FROM {table})" for table in WRITTEN)
        return tuple(self.world.one(f"SELECT {counts}"))

    def unchanged(self) -> None:
        assert self.rows()[:3] == (0, 0, 0)


@pytest.fixture(scope="module")
def shared_api(servers: Urls, template_database: str) -> Iterator[Shared]:
    """A client on a database of the module, for tests that change nothing."""
    name = f"test_{uuid.uuid4().hex[:16]}"
    with psycopg.connect("postgresql://" + servers.database.split("://", 1)[1], autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template_database}" STRATEGY FILE_COPY')
        engine = open_engine(database_url(servers, name), pool_size=4)
        world = World(Store(engine))
        app = create_app(Runtime(Settings(), world.store, world.partners, SECRET))
        made = Shared(app, token_with(world.store, "admin"))
        made.world = world
        yield made
        engine.dispose()
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def code_of(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["code"]
