"""The canonical order as it is read back: exact amounts, derived quantities, one entry per id asked for."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import insert

from core.domain.ids import public_id, uuid7
from core.errors import NotFound
from core.store import schema as t
from core.store.read.orders import read_order, read_orders
from core.store.unit import Store

PLACED = datetime(2026, 11, 20, 9, 41, tzinfo=UTC)


def test_an_order_shows_what_was_sent_and_what_the_hub_knows(store: Store) -> None:
    connection, order, line, item, node = (uuid7() for _ in range(5))
    hold, gone, work = uuid7(), uuid7(), uuid7()
    with store.begin() as unit:
        run = unit.conn.execute
        run(insert(t.connection).values(id=connection, name="shop-eu", connector="shopify"))
        run(
            insert(t.orders).values(
                id=order, connection_id=connection, external_id="820", number="#1001", placed_at=PLACED,
                currency="EUR", state="in_progress", phase="partly_shipped", version=4,
                body={
                    "tags": None, "partial_shipment_allowed": True, "buyer": {"name": "Ada Jensen"},
                    "charges": [{"kind": "shipping", "title": "DHL", "amount": Decimal("4.9"), "tax": None}],
                    "payments": [{"kind": "sale", "amount": Decimal("4470"), "currency": "JPY"}],
                    "totals": {"lines": Decimal("39.8"), "grand": Decimal("1E+2")},
                },
            )
        )  # fmt: skip
        run(
            insert(t.order_line).values(
                id=line, order_id=order, external_id="866", position=1, sku="MUG", item_id=item,
                quantity=Decimal("10.0"), canceled=Decimal(1), shipped=Decimal("2.50"), delivered=Decimal(1),
                unit_price=Decimal("19.905"), taxes=[{"title": "MOMS", "rate": Decimal("0.25"), "amount": Decimal(8)}],
            )
        )  # fmt: skip
        for state, units in (("held", "1"), ("allocated", "2"), ("allocated", "3.5"), ("released", "7")):
            run(
                insert(t.reservation).values(
                    id=uuid7(), order_id=order, line_id=line, item_id=item, node_id=node,
                    quantity=Decimal(units), state=state,
                )
            )  # fmt: skip
        run(insert(t.hold).values(id=hold, order_id=order, line_id=line, kind="manual", detail="Ask Ada"))
        run(insert(t.hold).values(id=gone, order_id=order, kind="manual", state="released"))
        run(insert(t.fulfillment_order).values(id=work, order_id=order, node_id=node, number="F-1"))
    with store.read() as conn:
        shown = read_order(conn, order)
        assert read_orders(conn, [uuid7(), order, order]) == [shown]
        assert read_orders(conn, []) == []
        with pytest.raises(NotFound, match="There is no order ord_"):
            read_order(conn, uuid7())
    assert {key: shown[key] for key in ("id", "state", "phase", "version", "connection", "external_id", "number")} == {
        "id": public_id("order", order), "state": "in_progress", "phase": "partly_shipped", "version": 4,
        "connection": "shop-eu", "external_id": "820", "number": "#1001",
    }  # fmt: skip
    assert shown["placed_at"] == "2026-11-20T09:41:00Z"
    assert (shown["tags"], shown["note"], shown["ship_to"]) == ([], None, None)
    assert shown["buyer"] == {
        "name": "Ada Jensen", "email": None, "phone": None, "company": None, "vat_id": None, "gln": None,
        "external_id": None,
    }  # fmt: skip
    assert shown["charges"] == [{"kind": "shipping", "title": "DHL", "amount": "4.90", "tax": None}]
    assert shown["payments"] == [{"kind": "sale", "amount": "4470", "currency": "JPY"}]
    assert shown["totals"] == {
        "lines": "39.80", "discount": None, "charges": None, "tax": None, "grand": "100.00",
    }  # fmt: skip
    assert [each["id"] for each in shown["holds"]] == [public_id("hold", hold)]
    assert shown["holds"][0]["line"] == public_id("line", line)
    assert shown["fulfillment_orders"] == [public_id("fulfillment", work)]
    (only,) = shown["lines"]
    assert only == {
        "id": public_id("line", line), "external_id": "866", "position": 1, "sku": "MUG", "substitute": None,
        "substitute_ratio": None, "item_ref": None,
        "title": None, "quantity": "10", "unit": "C62", "unit_price": "19.905", "discount": None,
        "taxes": [{"title": "MOMS", "rate": "0.25", "amount": "8.00"}], "tax_included": None, "requires_shipping": True,
        "open": "6.5", "reserved": "1", "allocated": "5.5", "shipped": "2.5", "delivered": "1", "canceled": "1",
        "returned": "0",
    }  # fmt: skip
