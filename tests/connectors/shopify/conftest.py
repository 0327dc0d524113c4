"""A Shopify connection, its simulated shop, and Shopify's own samples where they are."""

import json
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.sdk.manifest import Manifest, load_manifest
from connectors.shopify.connector import Connector
from connectors.shopify.simulator import Partner
from core.domain.vocabulary import Mode
from core.ports.connectors import ConnectionConfig, Document, InboundMessage

ROOT = Path(__file__).parents[3]
CORPORA = ROOT.parent / "shared" / "corpora"
SECRETS = {"access_token": "shpat_of_the_test", "webhook_secret": "hush"}
SETTINGS = {
    "shop_domain": "fjord-pottery.myshopify.com",
    "location_id": "655441491",
    "node_locations": {"south": "655441492"},
}
RECEIVED = datetime(2026, 11, 4, 12, tzinfo=UTC)

Open = Callable[..., Connector]
Normalize = Callable[[str, Any], list[Document]]


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of the third-party samples."""
    if not CORPORA.is_dir():
        pytest.skip("the third-party samples in ../shared/corpora are not here")
    return CORPORA


@pytest.fixture(scope="session")
def manifest() -> Manifest:
    """The manifest."""
    return load_manifest(ROOT / "connectors" / "shopify")


@pytest.fixture
def open_shop(manifest: Manifest) -> Iterator[Open]:
    """Open a connection to an address, with settings to put in place of the usual ones."""
    opened: list[Connector] = []

    def open_it(url: str | None = None, **settings: Any) -> Connector:
        given = {**SETTINGS, **({"base_url": url} if url else {}), **settings}
        config = ConnectionConfig(uuid.uuid4(), "shop", "shopify", Mode.LIVE, given, SECRETS)
        opened.append(Connector(config, manifest, manifest.folder))
        return opened[-1]

    yield open_it
    for each in opened:
        each.close()


@pytest.fixture
def partner() -> Iterator[Partner]:
    """A simulated shop that listens."""
    with Partner(secrets=SECRETS, seed=5) as found:
        yield found


@pytest.fixture
def normalize(open_shop: Open) -> Normalize:
    """Read a message of a topic."""
    connector = open_shop()

    def read(topic: str, body: Any) -> list[Document]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return list(connector.normalize(InboundMessage(uuid.uuid4(), topic, data, "application/json", {}, RECEIVED)))

    return read
