"""A drop folder in a temporary directory."""

import csv
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from connectors.files.connector import Connector
from connectors.sdk.registry import Registry
from core.domain.vocabulary import Mode
from core.ports.connectors import ConnectionConfig, Document, InboundMessage, InboundRecord

HEADER = "order_number,placed_at,currency,line_id,sku,title,quantity,unit_price"


def order(number: str, *skus: str, quantity: str = "1") -> str:
    """Return the rows of an order."""
    return "".join(
        f"{number},2026-11-20T09:41:00Z,EUR,{at},{sku},Thing,{quantity},9.90\n" for at, sku in enumerate(skus, 1)
    )


class Drop:
    """The folder, as the partner and the hub see it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.made: list[Connector] = []

    def open(self, **settings: Any) -> Connector:
        """Return a worker's connector."""
        config = ConnectionConfig(
            uuid4(), "drop", "files", Mode.LIVE, {"root": str(self.root), "settle_seconds": 0, **settings}
        )
        found = Registry().open(config)
        assert isinstance(found, Connector)
        assert found.folders.root == self.root.resolve()
        self.made.append(found)
        return found

    def put(self, name: str, content: str | bytes, at: float | None = None) -> Path:
        """Put a whole file into the inbox."""
        path = self.root / "inbox" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        if at is not None:
            os.utime(path, (at, at))
        return path

    def files(self) -> list[str]:
        """Return every file under the root but the hub's own notes."""
        return sorted(
            str(path.relative_to(self.root))
            for path in self.root.rglob("*")
            if path.is_file() and not path.name.startswith(".")
        )

    def text(self, name: str) -> str:
        """Return a file's text."""
        return (self.root / name).read_text(encoding="utf-8")


@pytest.fixture
def drop(tmp_path: Path) -> Iterator[Drop]:
    """An empty drop folder."""
    found = Drop(tmp_path)
    yield found
    for each in found.made:
        each.close()


def taken(connector: Connector, *, stored: bool = True) -> list[InboundRecord]:
    """Do two rounds, so that files have been seen twice; return the records and settle."""
    found = list(connector.claim_files())
    found += list(connector.claim_files())
    connector.settle_files(stored=stored)
    return found


def documents(connector: Connector, record: InboundRecord) -> list[Document]:
    """Return what a record becomes."""
    assert record.occurred_at is not None
    return list(
        connector.normalize(
            InboundMessage(
                uuid4(),
                record.topic,
                record.body,
                record.content_type,
                record.headers,
                record.occurred_at,
                record.occurred_at,
            )
        )
    )


def errors(drop: Drop, name: str = "orders.csv") -> list[tuple[str, str]]:
    """Return (line, reason) of the error file."""
    rows = list(csv.reader(drop.text(f"error/{name}.errors.csv").splitlines()))
    assert rows[0][:2] == ["line", "reason"]
    return [(row[0], row[1]) for row in rows[1:]]
