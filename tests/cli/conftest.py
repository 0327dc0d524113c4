"""The command line run in this process against a database of its own."""

import json
import logging
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest

from console.cli.main import run

SECRET_KEY = "k" * 44


@dataclass(frozen=True)
class Result:
    """What a command line did."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Its output as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def one(self) -> dict[str, Any]:
        """Its output as one JSON object."""
        [found] = self.rows
        return found


Crossdock = Callable[..., Result]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, and an environment without a word about Crossdock but the data folder in it."""
    monkeypatch.chdir(tmp_path)
    for name in ("DATABASE_URL", "REDIS_URL", "BROKER_URL", "CONFIG", "CLI_DEBUG", "PORT", "BASE_URL"):
        monkeypatch.delenv(f"CROSSDOCK_{name}", raising=False)
    monkeypatch.setenv("CROSSDOCK_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("CROSSDOCK_SECRET_KEY", SECRET_KEY)
    return tmp_path


@pytest.fixture
def bare(
    place: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Crossdock]:
    """Run a command line where no hub is; say nothing of standard input and it is empty."""

    def call(*words: object, stdin: str | bytes = "") -> Result:
        given = stdin.encode() if isinstance(stdin, str) else stdin
        monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(given), encoding="utf-8"))
        capfdbinary.readouterr()
        code = run([str(word) for word in words])
        said = capfdbinary.readouterr()
        return Result(code, said.out.decode(), said.err.decode())

    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    shown = warnings.showwarning
    yield call
    logging.captureWarnings(False)
    warnings.showwarning = shown
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def crossdock(bare: Crossdock, db_url: str, monkeypatch: pytest.MonkeyPatch) -> Crossdock:
    """Run a command line against a fresh database."""
    monkeypatch.setenv("CROSSDOCK_DATABASE_URL", db_url)
    return bare


@pytest.fixture
def company(crossdock: Crossdock, place: Path, monkeypatch: pytest.MonkeyPatch) -> Crossdock:
    """A company with a shop connection, two items and stock at one node, all made by the command line."""
    monkeypatch.setenv("CROSSDOCK_CLI_SECRET_ACCESS_TOKEN", "shpat_invented")
    monkeypatch.setenv("CROSSDOCK_CLI_SECRET_WEBHOOK_SECRET", "hush")
    added = crossdock(
        "connection", "add", "shop", "--connector", "shopify", "--set", "shop_domain=fjord.myshopify.com",
        "--set", "location_id=1", "--set", "base_url=http://127.0.0.1:9",
    )  # fmt: skip
    assert added.code == 0, added.err
    (place / "items.csv").write_text("sku,title,price,currency\nMUG,Mug,19.90,EUR\nVASE,Vase,29.90,EUR\n")
    (place / "nodes.csv").write_text("code,name,country,latitude,longitude\nHAM,Hamburg,DE,53.5,10\n")
    (place / "stock.csv").write_text("sku,node,on_hand\nMUG,HAM,10\nVASE,HAM,10\n")
    for what in ("items", "nodes", "stock"):
        done = crossdock("import", what, f"{what}.csv")
        assert done.code == 0, done.err
    return crossdock


HEADER = (
    "order_number,placed_at,currency,ship_name,ship_line1,ship_city,ship_postal_code,ship_country,line_id,sku,title,"
    "quantity,unit_price\n"
)


def order_row(number: str, sku: str = "MUG", quantity: str = "2", line: int = 1) -> str:
    """One line of an order file."""
    return f"{number},2026-11-20T09:00:00Z,EUR,Ada,Nygade 4,Aarhus,8000,DK,{line},{sku},{sku},{quantity},19.90\n"


@pytest.fixture
def orders(company: Crossdock, place: Path) -> Crossdock:
    """The company with two orders: W1 can be delivered, W2 has a code nobody knows."""
    (place / "orders.csv").write_text(HEADER + order_row("W1") + order_row("W2", "NOPE"))
    done = company("import", "orders", "orders.csv", "--connection", "shop")
    assert done.code == 0, done.err
    return company
