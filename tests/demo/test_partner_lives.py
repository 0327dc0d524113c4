"""A partner of the demo that is killed comes back as the same one: numbers, books and what it had still to do."""

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from console.demo import partners
from console.demo.partners import Account, free_ports, services
from console.servers.supervisor import Service
from tests.demo.test_simulated import new_shop

SHOP = {"access_token": "t", "webhook_secret": "s"}
WAREHOUSE = {"api_key": "k", "webhook_secret": "w"}
CATALOG = [{"sku": "A", "title": "Lamp", "price": "10.00"}]
SLOW = {"acknowledge_seconds": 0.1, "pick_seconds": 0.1, "ship_seconds": 1.0, "tracking_seconds": 0.1}


class Partner:
    """One account in a process of its own, which can be killed and started again."""

    def __init__(self, account: Account, service: Service) -> None:
        self.url, self._service = account.url, service
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(self._service.argv)
        for _ in range(300):
            if partners.all_listen([int(self.url.rpartition(":")[2])]):
                return
            time.sleep(0.1)
        raise AssertionError("The partner does not listen.")

    def kill(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(10)

    def ask(self, command: str, **body: object) -> object:
        answer = requests.post(f"{self.url}/_sim/{command}", json=body, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]

    def state(self) -> dict[str, object]:
        return dict(requests.get(f"{self.url}/_sim/state", timeout=10).json())


@pytest.fixture
def partner(tmp_path: Path) -> Iterator[object]:
    running: list[Partner] = []

    def start(connector: str, secrets: dict[str, str], options: dict[str, object]) -> Partner:
        account = Account("p", connector, "P", "sim-p", free_ports(1)[0], secrets, {}, options, webhooks=False)
        running.append(Partner(account, services([account], "http://127.0.0.1:9", tmp_path, 7)[0]))
        return running[-1]

    yield start
    for each in running:
        each.kill()


def until(partner: Partner, kind: str, count: int) -> dict[str, object]:
    """Wait until an effect happened so often and return the state then."""
    for _ in range(200):
        state = partner.state()
        if state["totals"].get(kind, 0) == count:  # type: ignore[attr-defined]
            return state
        time.sleep(0.1)
    raise AssertionError(state)


def test_a_killed_shop_goes_on_after_its_last_order(partner) -> None:
    shop = partner("shopify", SHOP, {"catalog": CATALOG, "first_number": 5_001})
    first = shop.ask("order", lines=[{"sku": "A", "quantity": 3}])
    second = shop.ask("order", lines=[{"sku": "A", "quantity": 1}])
    book = shop.ask("book", order=first)
    shop.ask("edit", order=first, line=book["lines"][0][0], quantity=2)
    told = shop.state()
    shop.kill()
    shop.start()
    assert shop.state()["available"] == told["available"] == {"A": told["available"]["A"]}
    assert shop.ask("book", order=first)["lines"] == [[book["lines"][0][0], 2, 3]]
    third = shop.ask("order", lines=[{"sku": "A", "quantity": 1}])
    assert (second, third) == (first + 1, first + 2)
    assert shop.state()["orders"] == 3


def test_a_killed_warehouse_ends_the_work_it_had_begun(partner) -> None:
    warehouse = partner("rest-wms", WAREHOUSE, {"stock": {"A": 5}, **SLOW})
    work = {
        "client_reference": "r1", "external_id": "ful_1",
        "lines": [{"line_ref": "fln_1", "sku": "A", "quantity": 2}],
    }  # fmt: skip
    headers = {"Authorization": f"Bearer {WAREHOUSE['api_key']}"}
    taken = requests.post(f"{warehouse.url}/v1/fulfillments", json=work, headers=headers, timeout=10)
    assert taken.status_code == 201, taken.text
    warehouse.kill()
    warehouse.start()
    state = until(warehouse, "shipment", 1)
    assert state["totals"] == {"fulfillment": 1, "shipment": 1}
    assert (state["states"], state["on_shelves"]) == ({"SHIPPED": 1}, 3)
    again = requests.post(f"{warehouse.url}/v1/fulfillments", json=work, headers=headers, timeout=10)
    assert (again.status_code, again.json()["id"]) == (200, taken.json()["id"])
    warehouse.kill()
    warehouse.start()
    assert warehouse.state()["on_shelves"] == 3


def test_a_new_demo_does_not_find_the_books_of_the_last(tmp_path: Path) -> None:
    account = Account("p", "shopify", "P", "sim-p", 1, SHOP, {}, {})
    for name in ("p.books", "p.books-wal"):
        (tmp_path / name).write_text("of the last demo")
    services([account], "http://127.0.0.1:9", tmp_path, 7)
    assert [each.name for each in tmp_path.iterdir()] == ["sim-p.json"]
    assert json.loads((tmp_path / "sim-p.json").read_text())[0]["books"] == str(tmp_path / "p.books")


def test_what_a_webhook_tells_is_told_by_the_next_life(tmp_path: Path) -> None:
    books = tmp_path / "shop.books"
    shop = new_shop(books=books)
    order = shop.place_order([{"sku": "A", "quantity": 1}])
    shop.books.close()
    shop.discard()
    again = new_shop(books=books)
    assert again.webhooks.waiting == 2
    with again:
        assert again.webhooks.settle(5)
        assert not list(again.books.read("webhook"))
        assert again.emit("orders/updated", order, lane=str(order["id"])).endswith("-3")
