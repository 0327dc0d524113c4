"""Each screen shows what is in the database, and each figure opens the list that it counts."""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from sqlalchemy import insert, text

from console.web.orders import facts
from core.domain.ids import public_id, uuid7
from core.store import schema as t
from tests.console.company import ACCOUNTS
from tests.console.conftest import ORDERS, Site
from tests.console.reading import group, shown

Get = Callable[..., str]


def day(site: Site) -> list[dict[str, Any]]:
    """The orders placed in the last 24 hours."""
    return [one for one in site.company.orders if one["placed_at"] > site.company.now - timedelta(hours=24)]


def kpis(page: str) -> dict[str, tuple[str, str, str]]:
    """Label -> value, unit and address of each key figure."""
    found = {}
    for card in re.findall(r'<a class="cd-card cd-kpi" href="([^"]+)".*?</a>', page, re.S):
        body = page.split(f'<a class="cd-card cd-kpi" href="{card}"')[1].split("</a>")[0]
        label = group(r'cd-kpi-l">([^<]+)<', body)
        value = group(r'cd-kpi-v cd-num">([^<]+)', body)
        unit = group(r'cd-kpi-v cd-num">[^<]+(?:<small>)?([^<]*)', body)
        found[unescape(label)] = (unescape(value), unit, unescape(card))
    return found


def test_overview_figures_are_those_of_the_database(reading: Site, get: Get) -> None:
    figures = kpis(get("/"))
    orders = day(reading)
    touched = [one for one in orders if one["phase"] in ("held", "backordered") or one is reading.company.orders[0]]
    shipped = [one for one in orders if one["shipped_at"]]
    waiting = [one for one in reading.company.orders if one["phase"] in ("held", "backordered")]
    assert figures["Orders, last 24 h"][:2] == (str(len(orders)), "")
    assert figures["Routed without a person"][:2] == (f"{(1 - len(touched) / len(orders)) * 100:.1f}", "%")
    assert figures["Shipped"][:2] == (f"{len(shipped) / len(orders) * 100:.1f}", "%")
    assert figures["Held or backordered"][0] == f"€{sum(one['total'] for one in waiting):,.2f}"
    assert len(figures) == 5


@pytest.mark.parametrize(
    ("label", "count"),
    [
        ("Orders, last 24 h", lambda site: len(day(site))),
        (
            "Routed without a person",
            lambda site: sum(
                one["phase"] not in ("held", "backordered") and one is not site.company.orders[0] for one in day(site)
            ),
        ),
        ("Shipped", lambda site: sum(bool(one["shipped_at"]) for one in day(site))),
        (
            "Held or backordered",
            lambda site: sum(one["phase"] in ("held", "backordered") for one in site.company.orders),
        ),
    ],
)
def test_a_figure_opens_the_orders_it_counts(reading: Site, get: Get, label: str, count: Callable[[Site], int]) -> None:
    page = get(kpis(get("/"))[label][2])
    assert shown(page) == f"{min(count(reading), 50)} of {count(reading)} orders"


def test_overview_shows_channels_nodes_connections_and_exceptions(reading: Site, get: Get) -> None:
    page = get("/")
    busiest = Counter(one["channel"] for one in day(reading)).most_common()
    legend = re.findall(r'connection=([a-z-]+)"><b class="cd-k(\d)"', page)
    assert {name for name, _ in legend} == {name for name, _ in busiest}
    assert legend[0] == (busiest[0][0], "1")
    assert all(f">{name} <tspan" in page for name in ("Hamburg", "Rotterdam", "Malmö", "Poznań", "Lyon"))
    assert page.count('class="cd-na"') == 5
    connections = page.split('id="ov-con"')[1].split("</section>")[0]
    assert [name for _, name, _ in ACCOUNTS if f">{name}</span>" in connections] == [name for _, name, _ in ACCOUNTS]


@pytest.mark.parametrize("tab", ["all", "held", "backordered", "ready", "shipped", "delivered", "canceled"])
def test_order_tabs_count_what_they_list(reading: Site, get: Get, tab: str) -> None:
    phases = {"ready": ("ready", "releasing")}.get(tab, (tab,))
    count = sum(tab == "all" or one["phase"] in phases for one in reading.company.orders)
    assert count > 0
    page = get(f"/orders?tab={tab}" if tab != "all" else "/orders")
    assert shown(page) == f"{min(count, 50)} of {count} orders"
    assert page.count("data-cd-row") == min(count, 50)
    views = page.split("Saved views")[1]
    assert group(r'aria-current="page">[^<]*<span class="cd-cnt[^"]*">([^<]+)</span>', views) == str(count)


def test_pages_of_orders_hold_each_order_once(reading: Site, get: Get) -> None:
    first = get("/orders")
    following = unescape(group(r'href="([^"]+)" rel="next"', first))
    second = get(following)
    numbers = re.findall(r'class="cd-main-link"[^>]*>(#\d+)<', first + second)
    assert len(numbers) == ORDERS
    assert set(numbers) == {one["number"] for one in reading.company.orders}
    assert 'rel="next"' not in second


def test_orders_are_found_by_any_identifier(reading: Site) -> None:
    client = reading.client()
    order = next(one for one in reading.company.orders if one["phase"] == "shipped")
    with reading.store.read() as conn:
        tracking = conn.execute(
            text("SELECT tracking_number FROM shipment WHERE order_id = :id"), {"id": order["id"]}
        ).scalar_one()
        work = conn.execute(
            text("SELECT number FROM fulfillment_order WHERE order_id = :id"), {"id": order["id"]}
        ).scalar_one()
    page = f"/orders/{public_id('order', order['id'])}"
    names = [
        order["number"],
        order["number"][1:],
        order["external_id"],
        tracking,
        work,
        public_id("order", order["id"]),
    ]
    for name in names:
        assert client.get("/search", query_string={"q": name}).location == page, name
    sku = reading.company.items[3][1]
    having = [one for one in reading.company.orders if any(line[3] == sku for line in one["lines"])]
    listed = client.get("/orders", query_string={"q": sku}).text
    assert shown(listed) == f"{len(having)} of {len(having)} orders"
    assert client.get("/search?q=nothing-like-it").location == "/orders?q=nothing-like-it"
    assert "No order fits these filters" in client.get("/orders?q=nothing-like-it").text


def test_the_export_holds_every_order_of_the_list(reading: Site) -> None:
    answer = reading.client().get("/orders.csv?tab=held")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    held = {public_id("order", one["id"]): one for one in reading.company.orders if one["phase"] == "held"}
    assert answer.headers["Content-Disposition"] == 'attachment; filename="orders.csv"'
    assert {row["id"] for row in rows} == set(held)
    assert all(row["total"] == str(held[row["id"]]["total"]) for row in rows)


def test_a_formula_from_outside_stays_text_in_the_export(changing: Site) -> None:
    with changing.store.begin() as unit:
        unit.conn.execute(
            text('UPDATE orders SET body = \'{"buyer": {"name": "=1+1"}}\' WHERE id = :id'),
            {"id": changing.company.orders[0]["id"]},
        )
    rows = csv.DictReader(io.StringIO(changing.client().get("/orders.csv").text))
    assert [row["buyer"] for row in rows if row["number"] == "#1001"] == ["'=1+1"]


def test_the_order_page_tells_the_whole_story(reading: Site, get: Get) -> None:
    order = next(one for one in reading.company.orders if one["phase"] == "shipped")
    page = get(f"/orders/{public_id('order', order['id'])}")
    assert f"<h1>{order['number']}</h1>" in page
    assert f"€{order['total']:,.2f}" in page
    for _, _, _, sku, _, price, _ in order["lines"]:
        assert sku in page
        assert f"€{price:,.2f}" in page
    for card in ("Lines", "Fulfillment", "Parcels", "Why these nodes", "Messages and deliveries", "Timeline", "Money"):
        assert f">{card}</h2>" in page
    assert page.count("costs more or gives less") == 4
    assert "Push fulfillment order" in page


def test_refunds_stand_with_the_money_of_an_order(changing: Site) -> None:
    order = next(one for one in changing.company.orders if one["phase"] == "shipped")
    shop = next(iter(changing.company.accounts.values()))
    with changing.store.begin() as unit:
        for number, amount, note in (("R-17", "12.30", "one was broken"), ("R-18", None, None)):
            values = {"connection_id": shop, "order_id": order["id"], "amount": amount, "note": note}
            unit.conn.execute(
                insert(t.refund).values(tenant_id=1, id=uuid7(), external_id=number, currency="EUR", **values)
            )
    page = changing.client().get(f"/orders/{public_id('order', order['id'])}").text
    money = page.split('id="o-money"')[1].split("</section>")[0]
    assert re.findall(r"Refund <span[^>]*>([^<]+)<", money) == ["R-17", "R-18"]
    assert "−€12.30 " in money
    assert "one was broken" in money
    assert money.count("no amount told") == 1


def test_the_order_page_and_the_list_show_the_promise(reading: Site, get: Get) -> None:
    with reading.store.begin() as unit:
        rows = unit.conn.execute(
            text("SELECT o.id, p.state, p.risk, n.code FROM promise p JOIN orders o ON o.id = p.order_id"
                 " JOIN promise_part r ON r.order_id = o.id JOIN node n ON n.id = r.node_id ORDER BY o.id")
        ).all()  # fmt: skip
    assert {row.state for row in rows} == {"standing", "kept"}
    for state in ("standing", "kept"):
        row = next(each for each in rows if each.state == state)
        page = get(f"/orders/{public_id('order', row.id)}")
        card = group(r'aria-labelledby="o-prm">(.*?)</section>', page)
        assert state.capitalize() in card
        assert f"<dt>{row.code} sends</dt>" in card
        assert "<dt>With a chance of</dt><dd>90 %</dd>" in card
        assert "lanes@3, 1,234 parcels" in card
        assert ("Late as things stand" in card) == (state == "standing")
    risky = next(each for each in rows if each.state == "standing" and each.risk > 0.5)
    card = group(r'aria-labelledby="o-prm">(.*?)</section>', get(f"/orders/{public_id('order', risky.id)}"))
    assert '<span class="cd-dn">70 %</span>' in card
    listed = get("/orders?tab=delivered")
    cells = re.findall(r'data-cd-cell="promise-[0-9a-f]{32}">(.*?)</td>', listed)
    assert cells
    assert all("Kept" in cell for cell in cells)
    waiting = re.findall(r'data-cd-cell="promise-[0-9a-f]{32}">(.*?)</td>', get("/orders?tab=ready"))
    assert any(re.search(r"\d+ [dhm].* left</time>", cell) for cell in waiting)


def test_a_held_order_shows_its_hold_and_exception(reading: Site, get: Get) -> None:
    order = next(one for one in reading.company.orders if one["phase"] == "held")
    page = get(f"/orders/{public_id('order', order['id'])}")
    assert "<h2>Unmapped sku</h2>" in page
    assert "Unknown SKU FP-MUG-350-GRN-2" in page
    assert "lock-open" in page


def test_the_queue_groups_by_cause(reading: Site, get: Get) -> None:
    page = get("/exceptions")
    titles = [unescape(title) for title in re.findall(r'<span class="cd-hide">\w+ severity: </span>([^<]+)</a>', page)]
    held = [one for one in reading.company.orders if one["phase"] == "held"]
    assert titles == [
        "Unknown SKU FP-MUG-350-GRN-2",
        "erp refuses push_order (OUT-REJECTED-422)",
        "partner-files: orders.csv cannot be taken in (MAP-FIELD-422)",
        "Address not deliverable: no postal code",
        "No stock of FP-VASE-SAN",
    ]
    pane = page.split('id="pane"')[1]
    assert f"<dt>Orders held</dt><dd>{(len(held) + 1) // 2}</dd>" in pane
    assert "MAP-SKU-404" in pane
    assert all(member["number"] in pane for member in held[: (len(held) + 1) // 2])


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("tab=risk", 3),
        ("tab=mine", 0),
        ("tab=snoozed", 0),
        ("severity=high", 3),
        ("class=stock", 1),
        ("connection=erp", 1),
    ],
)
def test_queue_filters(get: Get, query: str, count: int) -> None:
    page = get(f"/exceptions?{query}")
    assert page.split('id="queue"')[1].split('id="pane"')[0].count("data-cd-row") == count


def test_inventory_is_the_sum_of_its_cells(reading: Site, get: Get) -> None:
    page = get("/inventory")
    with reading.store.read() as conn:
        free, hand = conn.execute(
            text("SELECT sum(on_hand - safety - reserved - allocated), sum(on_hand) FROM stock_position")
        ).one()
    rows = re.findall(r"<tr data-cd-row>(.*?)</tr>", page, re.S)
    figures = [
        [int(n.replace(",", "")) for n in re.findall(r"<td class=\"cd-r cd-num[^\"]*\"[^>]*>([\d,]+)", row)]
        for row in rows
    ]
    assert len(rows) == len(reading.company.items)
    assert sum(figure[0] for figure in figures) == free
    assert sum(figure[1] for figure in figures) == hand
    assert shown(page) == "30 of 30 items"


def test_the_ledger_of_a_cell_adds_up(reading: Site, get: Get) -> None:
    page = get("/inventory")
    cell = unescape(group(r'href="(/inventory/[^"]+/at/[A-Z]+)" title="[^"]*[1-9] promised', page))
    ledger = get(cell)
    on_hand = int(group(r"<dt>= on hand</dt><dd>(\d+)", ledger))
    allocated = int(group(r"allocated, for good</dt><dd><a[^>]*>(\d+)", ledger))
    moves = re.findall(r'<td class="cd-r cd-num (?:cd-up|cd-dn|cd-t3)">([+−]?\d+)</td>', ledger)
    columns = [[int(moves[i].replace("−", "-")) for i in range(start, len(moves), 3)] for start in range(3)]
    assert [sum(column) for column in columns] == [on_hand, 0, allocated]


def test_a_cell_is_explained_now_and_as_of_each_line_of_its_ledger(reading: Site, get: Get) -> None:
    cell = unescape(group(r'href="(/inventory/[^"]+/at/[A-Z]+)" title="[^"]*[1-9] promised', get("/inventory")))
    page = get(cell)
    explained = r'data-cd-cell="explained">(-?\d+)'
    assert group(explained, page) == group(r'data-cd-cell="available">(\d+)', page)
    moments = [unescape(each) for each in re.findall(r'href="([^"]+\?at=[^"]+)" title="What it was then"', page)]
    first = get(moments[-1])
    assert "What it was" in first
    on_hand = re.findall(r'<td class="cd-r cd-num (?:cd-up|cd-dn|cd-t3)">([+−]?\d+)</td>', page)[-3]
    assert int(group(explained, first)) == int(on_hand)
    assert "Nothing was there yet" in get(f"{cell}?at=2001-01-01T00:00:00Z")


def test_messages_and_their_pages(reading: Site, get: Get) -> None:
    page = get("/messages")
    assert shown(page) == f"50 of {ORDERS + 1} messages"
    broken = get("/messages?tab=quarantined")
    assert shown(broken) == "1 of 1 messages"
    detail = get(unescape(group(r'class="cd-main-link" href="([^"]+)"', broken)))
    assert "order;qty\n1001;two\n" in detail
    assert "Row 1: &#39;two&#39; is no quantity." in detail


def test_raw_bytes_are_a_download_never_a_page(reading: Site) -> None:
    client = reading.client()
    broken = client.get("/messages?tab=quarantined").text
    answer = client.get(unescape(group(r'class="cd-main-link" href="([^"]+)"', broken)) + "/raw")
    assert answer.data == b"order;qty\n1001;two\n"
    assert answer.content_type == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment")


def test_deliveries_and_their_attempts(reading: Site, get: Get) -> None:
    with reading.store.read() as conn:
        count = conn.execute(text("SELECT count(*) FROM delivery")).scalar_one()
    assert shown(get("/deliveries")) == f"{min(count, 50)} of {count} deliveries"
    dead = get("/deliveries?tab=dead")
    detail = get(unescape(group(r'class="cd-main-link" href="([^"]+)"', dead)))
    assert "The ERP refuses the order." in detail
    assert ">Rejected</span>" in detail
    assert "Send again" in detail


def test_connections_show_their_day(get: Get) -> None:
    page = get("/connections")
    assert page.count("data-cd-row") == 6
    row = page.split('id="partner-files"')[1].split("</tr>")[0]
    assert 'class="cd-s1"' in row or 'class="cd-s2"' in row
    assert "Pause" in row


def test_an_order_that_left_in_part_and_waits_for_stock_is_backordered_too(changing: Site) -> None:
    client = changing.client()
    before = [one for one in changing.company.orders if one["phase"] == "backordered"]
    order = next(one for one in changing.company.orders if one["phase"] == "ready")
    with changing.store.begin() as unit:
        unit.conn.execute(text("UPDATE orders SET phase = 'partly_shipped' WHERE id = :id"), {"id": order["id"]})
        unit.conn.execute(
            insert(t.case_member).values(
                tenant_id=1, case_id=changing.company.cases["STOCK-OUT-001"], subject="order", subject_id=order["id"],
                order_id=order["id"], value=order["total"], since=order["placed_at"],
            )
        )  # fmt: skip
    page = client.get("/orders?tab=backordered").text
    assert shown(page) == f"{len(before) + 1} of {len(before) + 1} orders"
    assert page.count(">No stock of FP-VASE-SAN</a>") == len(before) + 1
    assert shown(client.get("/orders?tab=partly_shipped").text).split()[0] == str(
        sum(one["phase"] == "partly_shipped" for one in changing.company.orders) + 1
    )
    waiting = [one for one in changing.company.orders if one["phase"] == "held"] + before + [order]
    figure = kpis(client.get("/").text)["Held or backordered"]
    assert figure[0] == f"€{sum(one['total'] for one in waiting):,.2f}"
    assert shown(client.get(figure[2]).text) == f"{len(waiting)} of {len(waiting)} orders"


def test_costs_of_the_routing_are_shown_as_money() -> None:
    assert facts({"cost": 54_160, "nodes": 2}) == ": cost 5.42, nodes 2"
