"""What a message says of the number of its lines has one verdict: in the acknowledgement and in what becomes of it."""

from pathlib import Path

import pytest

from core.store.unit import Store
from tests.connectors.edi.partner_world import EdiWorld, order, x12

OVERLAY = """overlay: x12/850.004010
version: 2
options: {counts: false}
fields: {currency: {const: EUR}}
"""


def answers(world: EdiWorld) -> list[str]:
    [body] = world.sent()
    return [each for each in body.decode().split("~") if each[:2] == "AK"]


@pytest.fixture
def maps(tmp_path: Path) -> Path:
    folder = tmp_path / "maps"
    folder.mkdir()
    (folder / "loose.yaml").write_text(OVERLAY)
    return folder


def test_an_order_with_another_number_of_lines_than_it_says_is_refused_and_nothing_is_quarantined(
    store: Store, tmp_path: Path
) -> None:
    world = EdiWorld(store, tmp_path / "acme")
    world.drop(x12(order("PO-1").replace("CTT*1", "CTT*2"), order("PO-2", st="0002")))
    assert [row.external_id for row in world.all("SELECT external_id FROM orders")] == ["PO-2"]
    assert answers(world) == [
        "AK1*PO*7", "AK2*850*0001", "AK3*CTT*7**8", "AK4*1**7*2", "AK5*R*5", "AK2*850*0002", "AK5*A", "AK9*P*2*2*1",
    ]  # fmt: skip
    [refused] = world.all("SELECT number, problems FROM edi_document WHERE state = 'refused'")
    assert (refused.number, refused.problems[0]["text"]) == ("PO-1", "CTT says 2 where 1 PO1 came.")
    assert world.all("SELECT id FROM message WHERE state = 'quarantined'") == []


def test_a_partner_whose_map_counts_nothing_has_his_order_accepted_and_made(
    store: Store, tmp_path: Path, maps: Path
) -> None:
    documents = [{"in": "850", "map": "loose"}]
    world = EdiWorld(store, tmp_path / "acme", documents=documents, maps=str(maps))
    world.drop(x12(order("PO-1").replace("CTT*1", "CTT*2")))
    assert [row.external_id for row in world.all("SELECT external_id FROM orders")] == ["PO-1"]
    assert answers(world)[1:3] == ["AK2*850*0001", "AK5*A"]
