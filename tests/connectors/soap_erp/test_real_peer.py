"""Against npm's `soap` server: a counterpart nobody here wrote, speaking the sample contract.

Node and the package are not part of the repository; where they are missing the tests say so and are skipped.
To run them: `npm install --prefix DIR soap`, then NODE_PATH=DIR/node_modules.
"""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from connectors.sdk.registry import Registry
from core.domain.vocabulary import Mode
from core.errors import OutcomeUnknown, Rejected
from core.ports.connectors import ConnectionConfig
from tests.connectors.soap_erp.conftest import order_push
from tests.connectors.soap_erp.test_connector import CANCEL, SHIPMENT

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    if subprocess.run([node, "-e", 'require("soap")'], capture_output=True, check=False, cwd=HERE).returncode:
        pytest.skip("the npm package `soap` is not found by node (NODE_PATH)")
    wsdl = Path(__file__).parents[3] / "connectors" / "soap_erp" / "wsdl" / "erp.wsdl"
    with subprocess.Popen(
        [node, "peer.js", str(wsdl)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=HERE, text=True
    ) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/erp"
        process.kill()


@pytest.fixture
def connector(address: str) -> Iterator[Any]:
    settings = {"base_url": address, "wsdl": "wsdl/erp.wsdl"}
    found = Registry().open(ConnectionConfig(uuid4(), "erp", "soap-erp", Mode.LIVE, settings))
    yield found
    found.close()


def test_orders_are_posted_and_found(connector: Any) -> None:
    assert connector.find_by_reference(order_push("real-1")) is None
    first = connector.push_order(order_push("real-1"))
    assert first.reference.startswith("SO-")
    assert connector.push_order(order_push("real-1")).reference == first.reference
    assert connector.find_by_reference(order_push("real-1")).reference == first.reference
    assert connector.push_order(order_push("real-2", "changed")).reference.startswith("CH-")
    assert connector.cancel_order(CANCEL).reference.startswith("CA-")


def test_its_fault_is_understood(connector: Any) -> None:
    with pytest.raises(Rejected, match="PERIOD_CLOSED"):
        connector.push_shipment(SHIPMENT)


def test_its_impossible_date_is_no_success(connector: Any) -> None:
    with pytest.raises(OutcomeUnknown, match="2026-02-31"):
        connector.push_order(order_push("bad-date"))


def test_its_stock_is_read(connector: Any) -> None:
    page = connector.list_stock({})
    assert page.more is False
    assert b"12.5" in page.records[0].body
