"""The two servers every other test stands on."""

import os

import psycopg
import pytest
import redis

from console.servers.supervisor import Urls
from tests.servers.hubs import plain

ours = pytest.mark.skipif(
    "CROSSDOCK_TEST_DATABASE_URL" in os.environ or "CROSSDOCK_TEST_REDIS_URL" in os.environ,
    reason="says how the embedded servers are set up",
)


@ours
@pytest.mark.usefixtures("as_started")
def test_database_is_durable_checked_and_speaks_utf8(servers: Urls) -> None:
    with psycopg.connect(plain(servers.database)) as connection:
        shown = {
            name: connection.execute(f"SHOW {name}").fetchone()
            for name in ("data_checksums", "fsync", "synchronous_commit", "listen_addresses", "server_encoding")
        }
    assert shown == {
        "data_checksums": ("on",),
        "fsync": ("on",),
        "synchronous_commit": ("on",),
        "listen_addresses": ("",),
        "server_encoding": ("UTF8",),
    }


@ours
def test_redis_keeps_nothing_and_evicts_nothing(servers: Urls) -> None:
    assert servers.redis is not None
    with redis.Redis.from_url(servers.redis, decode_responses=True) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("save") == {"save": ""}
        assert client.config_get("port") == {"port": "0"}


def test_empty_database_is_empty_and_apart(servers: Urls, empty_database: str) -> None:
    assert empty_database != servers.database
    with psycopg.connect(plain(empty_database)) as connection:
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
    assert tables == (0,)
