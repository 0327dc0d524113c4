"""The console over a seeded company: one shared site for tests that only read, a fresh one for those that change."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg
import pytest
from flask.testing import FlaskClient

from connectors.sdk.registry import Registry
from console.servers.supervisor import Urls
from console.web.context import ConsoleServices
from core.services.access import create_user
from core.store.engine import open_engine
from core.store.unit import Store
from tests.conftest import database_url
from tests.console.company import found_company
from tests.console.rows import Company
from tests.console.site import PASSWORD, USER, site

ORDERS = 60


@dataclass
class Site:
    """A console and what its database was filled with."""

    company: Company
    store: Store
    services: ConsoleServices

    def client(self, email: str | None = USER) -> FlaskClient:
        """Return a browser, signed in unless told otherwise."""
        client = site(self.services).test_client()
        if email:
            token = form_token(client.get("/login").text)
            answer = client.post("/login", data={"email": email, "password": PASSWORD, "csrf_token": token})
            assert answer.status_code == 303
        return client


def form_token(page: str) -> str:
    """Return the token in the first form of a page."""
    return page.split('name="csrf_token" value="')[1].split('"')[0]


def _site(store: Store) -> Site:
    with store.begin() as unit:
        create_user(unit, USER, "Mira Koch", PASSWORD, "operator")
        create_user(unit, "vera@example.com", "Vera Looker", PASSWORD, "viewer")
        company = found_company(unit.conn, ORDERS)
    return Site(company, store, ConsoleServices(store, Registry(), "0" * 44, company="Fjord & Pine"))


@pytest.fixture(scope="module")
def reading(servers: Urls, template_database: str) -> Iterator[Site]:
    """A site whose database tests leave as it is."""
    name = f"test_{uuid.uuid4().hex[:16]}"
    with psycopg.connect("postgresql://" + servers.database.split("://", 1)[1], autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template_database}" STRATEGY FILE_COPY')
        engine = open_engine(database_url(servers, name), pool_size=4)
        yield _site(Store(engine))
        engine.dispose()
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def changing(store: Store) -> Site:
    """A site of its own for a test that changes something."""
    return _site(store)


@pytest.fixture
def get(reading: Site) -> Callable[..., str]:
    """Ask for a page and return it; anything but 200 fails the test."""
    client = reading.client()

    def ask(path: str, status: int = 200) -> str:
        answer = client.get(path, follow_redirects=False)
        assert answer.status_code == status, (path, answer.status_code, answer.text[:400])
        return answer.text

    return ask


@pytest.fixture
def empty_site(store: Store) -> Site:
    """A hub nobody has connected anything to."""
    with store.begin() as unit:
        create_user(unit, USER, "Mira Koch", PASSWORD, "operator")
    return Site(Company(datetime.now(UTC)), store, ConsoleServices(store, Registry(), "0" * 44))
