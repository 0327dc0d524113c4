"""The hub and a simulated partner exchange real EDI over folders, until both know of each other's papers."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connectors.edi.simulator import Partner
from core.jobs.schedule import poll
from core.store.unit import Store
from tests.connectors.edi.partner_world import EdiWorld


@pytest.fixture
def world(store: Store, tmp_path: Path) -> EdiWorld:
    return EdiWorld(store, tmp_path / "acme")


@pytest.fixture
def partner(world: EdiWorld) -> Iterator[Partner]:
    with Partner(options={"root": str(world.root)}) as found:
        yield found


def turn(world: EdiWorld) -> None:
    """Take in what waits, work on it, and send what is due."""
    with world.store.begin() as unit:
        unit.conn.exec_driver_sql("UPDATE cursor SET next_at = clock_timestamp() WHERE name = 'files'")
    poll(world.hub, world.acme, "files")
    world.drain()
    world.settle()
    world.deliver(world.acme)


def until(world: EdiWorld, holds: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, world.all("SELECT kind, state FROM edi_document")
        turn(world)
        time.sleep(0.05)


def states(world: EdiWorld, kind: str) -> list[str]:
    return [row.state for row in world.all("SELECT state FROM edi_document WHERE kind = :k ORDER BY id", k=kind)]


def test_an_order_is_answered_and_the_answer_is_acknowledged(world: EdiWorld, partner: Partner) -> None:
    partner.command("order", {"po": "PO-77", "lines": [["A", 3, "19.95"]]})
    until(world, lambda: states(world, "855") == ["accepted"])
    assert sum(partner.effects["answer.accepted"].values()) == 2  # the group, and the order in it
    assert list(partner.effects["855"].values()) == [1]
    assert partner.doubles == {}
    assert world.one("SELECT state FROM paper WHERE kind = 'order_response'").state == "accepted"


def test_a_refusal_of_the_partner_is_a_case_with_his_words(world: EdiWorld, partner: Partner) -> None:
    partner.change_options({"refuse": 1.0})
    partner.command("order", {"po": "PO-78", "lines": [["A", 1, "19.95"]]})
    until(world, lambda: states(world, "855") == ["refused"])
    assert "EDI-REFUSED-422" in world.cases()
