"""A node that ships more than the books hold is believed: the books are corrected, and a person is told."""

from core.store.unit import Store
from tests.core.carriers import change, ordered
from tests.core.world import World


def test_units_that_left_and_were_not_on_the_books_are_counted_and_told(store: Store) -> None:
    world = World(store, {("A", "HAM"): 0})
    change(world, "UPDATE stock_position SET backorder_limit = 8")
    [work], _ = ordered(world, {"A": 6})
    world.deliver()
    parcel = {"fulfillment": f"ful_{work.id.hex}", "external_id": "S1", "tracking_number": "T1", "carrier": "dpd"}
    message = world.send("shipment", parcel, world.wms)
    world.drain()
    assert world.one("SELECT state FROM message WHERE id = :id", id=message).state == "applied"
    row = world.one("SELECT p.on_hand, p.allocated FROM stock_position p WHERE item_id = :i", i=world.items["A"])
    assert (row.on_hand, row.allocated) == (0, 0)
    assert world.one("SELECT phase FROM orders").phase == "shipped"
    moved = world.all("SELECT kind, on_hand, cause FROM stock_movement WHERE on_hand <> 0 AND item_id = :i ORDER BY id",
                      i=world.items["A"])  # fmt: skip
    assert [(each.kind, each.on_hand) for each in moved] == [("ship", -6), ("adjust", 6)]
    assert moved[1].cause == "STOCK-UNBOOKED-001"
    case = world.one("SELECT * FROM exception_case WHERE code = 'STOCK-UNBOOKED-001'")
    assert "6 more units of A left than were on hand" in case.sentence
    world.check_books()
