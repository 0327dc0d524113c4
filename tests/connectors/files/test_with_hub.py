"""Files and SOAP inside the hub: from a dropped file to documents in the ERP, with the real database between."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from connectors.sdk.registry import Registry
from connectors.sdk.simulation.faults import Faults
from connectors.soap_erp.simulator import Partner as Erp
from core.jobs import schedule
from core.jobs.schedule import poll
from core.ports.connectors import ConnectionConfig
from core.services import connections
from core.store.unit import Store
from tests.connectors.files.conftest import HEADER as PLAIN
from tests.connectors.files.conftest import order as plain_order
from tests.core import world as company

HEADER = f"{PLAIN},ship_name,ship_line1,ship_city,ship_postal_code,ship_country"


def order(number: str, *skus: str, quantity: str = "1") -> str:
    """Return the rows of an order with an address."""
    rows = plain_order(number, *skus, quantity=quantity).splitlines()
    return "".join(f"{row},Ada Test,Teststr. 1,Kiel,24103,DE\n" for row in rows)


class Mixed(company.Partners):
    """The real connectors of this test, the company's partners in memory for the rest."""

    registry = Registry()

    def open(self, connection: ConnectionConfig) -> Any:
        """Return a connector object."""
        if connection.connector in ("files", "soap-erp"):
            return self.registry.open(connection)
        return super().open(connection)

    def capabilities(self, connector: str) -> frozenset[str]:
        """Return a connector's verbs."""
        return super().capabilities(connector) or self.registry.capabilities(connector)

    def limits(self, connector: str) -> Mapping[str, float]:
        """Return a connector's limits."""
        own = connector in company.CAPABILITIES
        return super().limits(connector) if own else self.registry.limits(connector)

    def kinds(self) -> Mapping[str, str]:
        """Return connector -> kind."""
        return {**self.registry.kinds(), "shop": "shop", "wms": "wms"}


class World(company.World):
    """The company, with a drop folder for orders and a SOAP ERP instead of the one in memory."""

    def __init__(self, store: Store, root: Path, erp: Erp) -> None:
        super().__init__(store)
        self.root, self.sap = root, erp
        with store.begin() as unit:
            unit.conn.execute(text("UPDATE connection SET mode = 'off' WHERE name = 'erp'"))
            self.drop = connections.add_connection(
                unit, self.partners, self.hub.box, name="drop", connector="files",
                settings={"root": str(root), "settle_seconds": 0},
            )  # fmt: skip
            self.soap = connections.add_connection(
                unit, self.partners, self.hub.box, name="sap", connector="soap-erp", settings={"base_url": erp.url}
            )

    def poll(self, connection: UUID, name: str) -> int:
        """Do one round at once."""
        with self.store.begin() as unit:
            unit.conn.execute(text("UPDATE cursor SET next_at = clock_timestamp(), lease_until = NULL"))
        return poll(self.hub, connection, name)

    def put(self, name: str, content: str) -> None:
        """Put a file into the inbox."""
        self.poll(self.drop, "files")
        (self.root / "inbox" / name).write_text(content)
        assert self.poll(self.drop, "files") == 0

    def kept(self) -> list[str]:
        """Return the folders in which files are."""
        found = [path for path in self.root.rglob("*") if path.is_file() and not path.name.startswith(".")]
        return sorted(path.relative_to(self.root).parts[0] for path in found)


@pytest.fixture
def world(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("CROSSDOCK_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr(company, "Partners", Mixed)
    (tmp_path / "drop").mkdir()
    with Erp() as erp:
        yield World(store, tmp_path / "drop", erp)


def test_orders_from_a_file_reach_the_erp_once_though_replies_are_lost(world: World) -> None:
    world.put("orders.csv", f"{HEADER}\n{order('F-1', 'A', 'B')}{order('F-2', 'C')}{order('F-3', 'A', quantity='abc')}")
    assert world.poll(world.drop, "files") == 2
    assert world.kept() == ["archive", "error"]
    world.drain()
    assert [row.external_id for row in world.all("SELECT external_id FROM orders ORDER BY 1")] == ["F-1", "F-2"]
    world.sap.fault_reads = False
    world.sap.known |= {f"ord_{row.id.hex}" for row in world.all("SELECT id FROM orders")}
    world.sap.faults = Faults(drop=1.0)
    # Every reply to a write is lost; each delivery is looked up before anything is written again.
    for _ in range(5):
        world.deliver(world.soap)
    found = world.all("SELECT id, state FROM delivery WHERE connection_id = :c", c=world.soap)
    assert {row.state for row in found} == {"delivered"}
    assert sorted(each["reference"] for each in world.sap.documents) == sorted(f"dlv_{row.id.hex}" for row in found)
    assert world.sap.doubles == {}
    assert world.sap.fates["dropped_write"] == len(found) == len(world.sap.documents)
    world.sap.faults = Faults()

    # The same file again, under another name: no message, no order, no document.
    documents = len(world.sap.documents)
    world.put("orders-again.csv", f"{HEADER}\n{order('F-1', 'A', 'B')}{order('F-2', 'C')}")
    assert world.poll(world.drop, "files") == 0
    world.drain()
    world.deliver(world.soap)
    assert world.one("SELECT count(*) AS n FROM orders").n == 2
    assert len(world.sap.documents) == documents
    world.check_books()


def test_the_erp_hears_of_a_new_order_by_its_creation(world: World) -> None:
    world.put("orders.csv", f"{HEADER}\n{order('F-1', 'A', 'B')}")
    world.poll(world.drop, "files")
    world.drain()
    world.deliver(world.soap)
    assert [each["type"] for each in world.sap.documents] == ["SALES_ORDER"]
    assert "<ns0:Warehouse>HAM</ns0:Warehouse>" in world.sap.documents[0]["xml"]
    assert world.one("SELECT state FROM delivery WHERE connection_id = :c", c=world.soap).state == "delivered"


def test_a_crash_between_two_batches_loses_and_doubles_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.put("orders.csv", f"{HEADER}\n" + "".join(order(f"F-{number}", "A") for number in range(700)))
    real, calls = schedule._store_batch, []

    def dying(hub: Any, batch: list[Any]) -> int:
        calls.append(len(batch))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(hub, batch)

    monkeypatch.setattr(schedule, "_store_batch", dying)
    with pytest.raises(KeyboardInterrupt):
        world.poll(world.drop, "files")
    monkeypatch.undo()
    assert calls == [500, 200]
    assert world.kept() == ["processing"]
    assert world.one("SELECT count(*) AS n FROM message").n == 500
    assert world.poll(world.drop, "files") == 200
    assert world.one("SELECT count(*) AS n FROM message").n == 700
    assert world.kept() == ["archive"]


def test_stock_of_the_erp_is_applied(world: World) -> None:
    world.sap.command("stock", {"items": [{"sku": "A", "warehouse": "HAM", "on_hand": "7"}]})
    assert world.poll(world.soap, "stock") == 1
    world.drain()
    counted = world.one(
        "SELECT p.on_hand FROM stock_position p JOIN node n ON n.id = p.node_id WHERE n.code = 'HAM' AND item_id = :i",
        i=world.items["A"],
    )
    assert str(counted.on_hand).rstrip("0").rstrip(".") == "7"
