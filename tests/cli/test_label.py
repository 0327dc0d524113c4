"""`crossdock label` on the command line."""

from pathlib import Path

import pytest

from core.domain.checkdigits import SSCC_LENGTHS, is_key
from core.store.unit import Store
from tests.cli.conftest import Crossdock
from tests.core.trade_world import TradeWorld, line


@pytest.fixture
def shipment(store: Store) -> str:
    """A shipment nobody has packed yet."""
    world = TradeWorld(store)
    return f"shp_{world.ship(world.buy(line('B', 2))).id.hex}"


def test_labels_are_printed_with_the_same_number_each_time(shipment: str, crossdock: Crossdock, place: Path) -> None:
    first = crossdock("label", shipment, "--zpl")
    assert first.code == 0
    sscc = first.out.partition("^FD(00)")[2][:18]
    assert is_key(sscc, SSCC_LENGTHS)
    assert crossdock("label", shipment, "--zpl").out == first.out
    done = crossdock("label", shipment, "--pdf", "--output", "labels.pdf", "--json").one
    assert (done["labels"], done["file"]) == (1, "labels.pdf")
    assert (place / "labels.pdf").read_bytes().startswith(b"%PDF-")
    assert (place / "data" / "sscc.json").read_text() == '{"34012345":200}'


def test_a_shipment_nobody_knows_has_no_labels(shipment: str, crossdock: Crossdock) -> None:
    refused = crossdock("label", "shp_" + "0" * 32, "--zpl")
    assert (refused.code, refused.out) == (4, "")
