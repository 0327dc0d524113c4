"""CSV input: found by its synonyms, bad rows told with their reason, hopeless files refused."""

from decimal import Decimal

import pytest

from console.demo.csvdata import BadRow, read_folder
from console.demo.csvrun import company_of, shared
from core.errors import InputError

ORDERS = """InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
1001,A-1,Lamp,2,2026-01-05 10:00:00,10.50,7,DK
1001,A-2,Cup,1,2026-01-05 10:00:00,3.99,7,DK
1002,A-1,Lamp,-1,2026-01-06,10.50,7,DK
1003,B-9,Unlisted,3,2026-01-07,1.25,8,DE
1004,A-2,Cup,x,2026-01-07,3.99,8,DE
1005,A-2,Cup,5,2026-01-08,,9,SE
1006,A-2,Cup,5,yesterday,1.00,9,SE
,A-2,Cup,5,2026-01-08,1.00,9,SE
1007,A-2,Cup,1.5,2026-01-08,1.00,9,SE
1008,A-2,Cup,1,2026-01-08,NaN,9,SE
"""
ITEMS = "sku,title,price,stock\nA-1,Lamp,10.50,30\nA-2,Cup,3.99,4\nA-2,Cup again,3.99,4\n"


def write(folder, **files):
    for name, content in files.items():
        (folder / f"{name}.csv").write_text(content, encoding="utf-8")
    return folder


def test_rows_are_read_and_bad_ones_told(tmp_path):
    data = read_folder(write(tmp_path, orders=ORDERS, items=ITEMS, customers="id,last_name,zip\n7,Fjeldby,8000\n"))
    assert list(data.orders) == ["1001", "1003", "1005"]
    assert [(line.sku, line.quantity, line.price) for line in data.orders["1001"].lines] == [
        ("A-1", 2, Decimal("10.50")),
        ("A-2", 1, Decimal("3.99")),
    ]
    # Where the order has no price the catalog's stands.
    assert data.orders["1005"].lines[0].price == Decimal("3.99")
    assert data.value == Decimal("48.69")
    assert data.units == 11
    assert data.customers == {"7": {"number": "7", "last": "Fjeldby", "postal_code": "8000"}}
    assert data.bad == [
        BadRow("items.csv", 3, "A-2 is there twice"),
        BadRow("orders.csv", 3, "the quantity -1 is no sale; cancellations and returns happen in the shop"),
        BadRow("orders.csv", 5, "quantity 'x' is not a number (decimals have a point)"),
        BadRow("orders.csv", 7, "the time 'yesterday' is not written as 2026-11-20 or 2026-11-20 09:41:00"),
        BadRow("orders.csv", 8, "order is empty"),
        BadRow("orders.csv", 9, "quantity '1.5' is not a whole number"),
        BadRow("orders.csv", 10, "price 'NaN' is out of range"),
    ]


def test_without_a_catalog_the_lines_make_one(tmp_path):
    data = read_folder(write(tmp_path, lines="order,sku,qty,price\n1,X,2,5\n2,X,3,5\n"))
    company = company_of(data, 7)
    assert [(item.sku, item.price) for item in company.items] == [("X", "5.00")]
    assert sum(company.targets.values()) == 5 + 5


def test_stock_is_shared_among_the_nodes():
    assert shared(100) == {"HAM": 34, "RTM": 18, "MMA": 13, "POZ": 21, "LYS": 14}
    assert sum(shared(7).values()) == 7
    assert sum(shared(0).values()) == 0


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "has no file of orders"),
        ({"orders": ""}, "has no column for order, sku, quantity"),
        ({"orders": "order,sku\n1,X\n"}, "has no column for quantity"),
        ({"orders": "order,sku,quantity,price\n1,X,0,5\n"}, "No row of the orders"),
    ],
)
def test_hopeless_input_is_refused(tmp_path, files, said):
    with pytest.raises(InputError, match=said):
        read_folder(write(tmp_path, **files))


def test_a_file_in_another_charset_is_refused(tmp_path):
    (tmp_path / "orders.csv").write_bytes("order,sku,quantity,price\n1,Øl,1,5\n".encode("latin-1"))
    with pytest.raises(InputError, match="cannot be read"):
        read_folder(tmp_path)
