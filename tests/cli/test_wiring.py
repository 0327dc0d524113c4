"""Where the parts are wired together."""

import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from config.settings import Relay, Retry, Settings, Web, load_settings
from console import webserver, wiring
from console.servers.errors import ServerError
from console.servers.supervisor import Urls
from core.jobs.hub import Pace


def test_streams_never_take_a_thread_from_requests() -> None:
    for threads, streams in ((1, 3), (8, 8), (64, 50)):
        assert webserver._streams(Settings(web=Web(threads=threads))) == streams


def test_the_pace_is_that_of_the_settings() -> None:
    settings = Settings(retry=Retry((1.0, 2.0)), relay=Relay())
    assert wiring.pace_of(settings) == Pace(100, 8.0, 30.0, (1.0, 2.0))


def test_a_process_keeps_a_session_for_each_of_its_threads() -> None:
    settings = Settings(web=Web(threads=16), worker_threads=12)
    assert wiring.sessions(settings, "web") == 17
    assert wiring.sessions(settings, "worker") == 13
    assert wiring.sessions(settings, "cli") == 1
    assert wiring.sessions(Settings(web=Web(threads=1)), "web") == Settings().pools.size


def test_hints_travel_by_the_broker_then_by_redis() -> None:
    both = Settings(redis_url="redis://a", broker_url="redis://b")
    assert wiring.hints_url(both) == "redis://b"
    assert wiring.hints_url(replace(both, broker_url=None)) == "redis://a"
    with pytest.raises(ServerError, match="Jobs need a Redis"):
        wiring.hints_url(Settings())


def test_rabbitmq_is_a_broker_once_its_client_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(redis_url="redis://a", broker_url="amqps://hub@mq/hub")
    monkeypatch.setattr(wiring, "find_spec", lambda _name: object())
    assert wiring.hints_url(settings) == "amqps://hub@mq/hub"
    monkeypatch.setattr(wiring, "find_spec", lambda _name: None)
    with pytest.raises(ServerError, match="its client is not installed"):
        wiring.hints_url(settings)


def test_a_named_database_needs_no_hub_here(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, database_url="postgresql://somewhere/else")
    assert wiring.locate(settings) is settings


def test_a_hub_is_opened_and_closed(servers: Urls, db_url: str, tmp_path: Path) -> None:
    settings = replace(load_settings(env={}), data_dir=tmp_path, database_url=db_url)
    with wiring.open_hub(settings, "cli") as hub:
        with hub.store.begin(actor="cli:test") as unit:
            assert unit.conn.exec_driver_sql("SELECT 1").scalar_one() == 1
        assert hub.box.open(hub.box.seal({"a": "b"})) == {"a": "b"}
    assert (tmp_path / "env").stat().st_mode & 0o777 == 0o600


def test_wake_ups_asked_for_before_the_end_are_sent(db_url: str, tmp_path: Path) -> None:
    import psycopg

    settings = replace(load_settings(env={}), data_dir=tmp_path, database_url=db_url)
    with psycopg.connect(db_url.replace("+psycopg", ""), autocommit=True) as listener:
        listener.execute("LISTEN crossdock")
        with wiring.open_hub(settings, "cli") as hub, hub.store.begin() as unit:
            unit.wake("intake", "orders")
        heard = {queue for note in listener.notifies(timeout=10, stop_after=1) for queue in note.payload.split()}
    assert heard == {"intake", "orders"}


def test_a_spawned_web_process_gets_its_settings_pickled() -> None:
    loader = webserver._Loader(Settings(database_url="postgresql://somewhere/else", private_hosts=("10.0.0.5",)))
    again = pickle.loads(pickle.dumps(loader))
    assert again._settings == loader._settings
