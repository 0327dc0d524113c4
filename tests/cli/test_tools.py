"""Schema, contract, connectors, benchmarks: what needs no hub, or only its database."""

import json
from pathlib import Path

import pytest

from connectors.sdk.registry import Registry
from connectors.sdk.suite import run_suite
from tests.cli.conftest import Crossdock

SAMPLE = {
    "id": 5512, "number": "A-77", "created_at": "2026-03-01T10:00:00Z", "currency": "EUR",
    "shipping_address": {"name": "Ada", "street": "Lindenweg 7", "zip": "10115", "city": "Berlin", "country": "DE"},
    "items": [{"id": 1, "sku": "LAMP-OAK-40", "quantity": 2, "price": "19.90"}],
}  # fmt: skip


def test_the_schema_is_upgraded_and_checked(
    bare: Crossdock, empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSSDOCK_DATABASE_URL", empty_database)
    before = bare("db", "check", "--json")
    assert (before.code, before.one["revision"], before.one["at_head"]) == (1, None, False)
    assert bare("db", "upgrade", "--dry-run", "--json").one["changed"] is True
    done = bare("db", "upgrade", "--json").one
    assert (done["before"], done["changed"]) == (None, True)
    after = bare("db", "check", "--json")
    assert (after.code, after.one["at_head"], after.one["differences"]) == (0, True, [])


def test_the_contract_is_printed_without_a_hub(bare: Crossdock, place: Path) -> None:
    result = bare("openapi")
    assert json.loads(result.out)["openapi"].startswith("3.1")
    assert bare("openapi", "--output", "api.json").out == ""
    assert json.loads((place / "api.json").read_text()) == json.loads(result.out)
    assert not (place / "data").exists()


def test_connectors_are_listed_and_described(bare: Crossdock) -> None:
    listed = bare("connector", "list", "--json").rows
    assert {"files", "rest-wms", "shopify", "soap-erp"} <= {each["id"] for each in listed}
    assert [each["id"] for each in bare("connector", "list", "--kind", "wms", "--json").rows] == ["rest-wms"]
    found = bare("connector", "info", "rest-wms", "--json").one
    assert [each["name"] for each in found["settings"] if each["secret"]] == ["api_key", "webhook_secret"]
    assert bare("connector", "info", "rest-wms", "--readme").out.startswith("# REST WMS")
    assert bare("connector", "info", "nothing").code == 4


def test_the_contract_suite_runs(bare: Crossdock) -> None:
    result = bare("connector", "test", "rest-wms")
    assert result.code == 0, result.out
    assert result.out.splitlines()[0] == "rest-wms"
    assert "Quality: gold" in result.out
    assert bare("connector", "test").code == 2
    assert bare("connector", "test", "nothing").code == 4


def test_a_connector_is_begun_from_a_sample_and_passes_the_suite(bare: Crossdock, place: Path) -> None:
    (place / "order_created.json").write_text(json.dumps(SAMPLE))
    (place / "ping.json").write_text("{}")
    words = ("connector", "new", "acme-shop", "--sample", "order_created.json", "--sample", "ping.json", "--into", "k")
    tried = bare(*words, "--dry-run", "--json").one
    assert tried["dry_run"] is True
    assert not (place / "k").exists()
    made = bare(*words, "--json").one
    assert made["folder"] == "k/acme_shop"
    assert made["mapped"] > 5
    assert (place / "k/acme_shop/connector.yaml").is_file()
    checks = run_suite("acme-shop", Registry([place / "k"]))
    assert [each for each in checks if each.status == "fail"] == []
    again = bare(*words, "--json")
    assert again.code != 0
    assert "error" in again.one


def test_benchmarks_are_listed_and_unknown_ones_refused(bare: Crossdock) -> None:
    assert bare("bench", "--json").code == 0
    assert bare("bench", "nothing").code == 4


@pytest.mark.usefixtures("as_started")
def test_doctor_finds_a_healthy_database_and_says_what_does_not_run(company: Crossdock) -> None:
    result = company("doctor", "--json")
    found = {each["check"]: each["status"] for each in result.rows}
    assert result.code == 1
    assert {name for name, status in found.items() if status == "fail"} == {"redis", "relay"}
    assert {"postgres", "schema", "clock", "ledger", "oversell", "audit", "stuck"} <= {
        name for name, status in found.items() if status == "ok"
    }
    assert [each["check"] for each in company("doctor", "--only", "ledger", "--json").rows] == ["ledger"]
    assert company("doctor", "--only", "nonsense").code == 2


def test_doctor_finds_what_is_broken(company: Crossdock, db_url: str) -> None:
    import psycopg

    with psycopg.connect(db_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("UPDATE stock_position SET on_hand = on_hand + 1 WHERE reserved = 0")
        connection.execute("UPDATE audit_entry SET action = 'nothing' WHERE seq = (SELECT min(seq) FROM audit_entry)")
    found = {each["check"]: each for each in company("doctor", "--json").rows}
    assert found["ledger"]["status"] == "fail"
    assert found["ledger"]["detail"] == "2 stock positions differ from the sum of their movements."
    assert found["audit"]["status"] == "fail"


def test_status_without_a_supervisor_shows_the_database(company: Crossdock) -> None:
    result = company("status", "--json")
    assert result.code == 1
    assert (result.one["running"], result.one["relay_leads"], result.one["parts"]) == (False, False, [])
    assert result.one["queues"]["messages_waiting"] == 0
