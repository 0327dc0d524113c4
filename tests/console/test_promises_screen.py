"""The promises screen: said against kept with samples and intervals, those at risk, those that were late."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from sqlalchemy import insert, text

from console.web import calibration
from core.domain.ids import uuid7
from core.store import schema as t
from tests.console.conftest import Site
from tests.console.test_inventory_forms import rows


def settle(site: Site, carrier: str, node: str, kept: int, late: int) -> None:
    """Note parcels of a carrier from a node: those kept came within every level, those late after all of them."""
    now = site.company.now
    with site.store.begin() as unit:
        unit.conn.execute(insert(t.outcome), [
            {"tenant_id": 1, "shipment_id": uuid7(), "order_id": uuid7(), "node_id": site.company.nodes[node],
             "carrier": carrier, "from_country": "DE", "to_country": "DK", "state": "delivered",
             "shipped_at": now - timedelta(days=9), "delivered_at": now - timedelta(days=8 if place < kept else 2),
             "settled_at": now - timedelta(days=1), "due_50": now - timedelta(days=7),
             "due_80": now - timedelta(days=6), "due_90": now - timedelta(days=5), "due_95": now - timedelta(days=4)}
            for place in range(kept + late)
        ])  # fmt: skip


def lines(page: str) -> dict[tuple[str, str], list[str]]:
    """The rows of the table by part and name: promises, then what was kept at each level."""
    found = {}
    for row in page.split('aria-label="Kept by part"')[1].split("<tr>")[2:]:
        cells = [" ".join(unescape(re.sub(r"<[^>]+>", " ", each)).split()) for each in row.split("</td>")[:-1]]
        found[cells[0], cells[1]] = cells[2:]
    return found


def test_said_and_kept_stand_beside_each_other(changing: Site) -> None:
    settle(changing, "Nordpost", "HAM", 90, 10)
    settle(changing, "Kuriera", "LYS", 40, 60)
    page = changing.client().get("/promises").text
    found = lines(page)
    assert found["carrier", "nordpost"] == [
        "100", "90.0 % 84–94, too shy", "90.0 % 84–94, too shy", "90.0 % 84–94", "90.0 % 84–94, too bold",
    ]  # fmt: skip
    assert found["node", "LYS"] == ["100", *["40.0 % 32–48, too bold"] * 4]
    assert found["lane", "DE>DK"][0] == "200"
    assert found["parcels", "all"] == ["200", "65.0 % 59–70, too shy", *["65.0 % 59–70, too bold"] * 3]
    kept = rows(changing, "SELECT count(*) FILTER (WHERE state = 'kept'), count(*) FROM promise WHERE state IN"
                          " ('kept', 'late') AND settled_at > now() - interval '30 days'")[0]  # fmt: skip
    assert found["orders", "all"][0] == str(kept[1])
    assert "95 % said, 90.0 % kept" not in page
    assert "90 % said, 65.0 % kept" in page


def test_a_shorter_time_counts_what_was_settled_in_it(changing: Site) -> None:
    settle(changing, "Nordpost", "HAM", 9, 1)
    with changing.store.begin() as unit:
        unit.conn.execute(text("UPDATE outcome SET settled_at = settled_at - interval '10 days'"))
    client = changing.client()
    assert ("carrier", "nordpost") in lines(client.get("/promises?since=30d").text)
    page = client.get("/promises?since=7d").text
    assert "nordpost" not in page


@pytest.mark.parametrize(
    ("kept", "low", "high", "word"),
    [(0.9, 0.85, 0.94, "right"), (0.8, 0.74, 0.85, "bold"), (0.99, 0.95, 1.0, "shy"), (None, None, None, "unknown")],
)
def test_a_level_is_judged_by_its_interval(kept: Any, low: Any, high: Any, word: str) -> None:
    assert calibration.verdict({"said": 0.9, "kept": kept, "low": low, "high": high}) == word


def test_the_picture_puts_what_was_kept_as_said_on_its_line() -> None:
    level = {"said": 0.8, "kept": 0.8, "low": 0.7, "high": 0.9}
    drawn = calibration.picture([level, {"said": 0.9, "kept": None, "low": None, "high": None}])
    assert drawn is not None
    (mark,) = drawn.marks
    share = (0.8 - calibration.LEAST) / (1 - calibration.LEAST)
    assert mark.x == pytest.approx(drawn.left + share * (drawn.right - drawn.left), abs=0.1)
    assert mark.y == pytest.approx(drawn.bottom - share * (drawn.bottom - calibration.TOP), abs=0.1)
    assert mark.high < mark.y < mark.low
    assert calibration.picture([{"said": 0.9, "kept": None, "low": None, "high": None}]) is None


def test_promises_at_risk_and_late_are_listed_and_counted(changing: Site) -> None:
    risky = {number for (number,) in rows(
        changing, "SELECT o.number FROM promise p JOIN orders o ON o.id = p.order_id WHERE p.state = 'standing'"
                  " AND (p.risk >= 0.5 OR p.due_at < now())")}  # fmt: skip
    with changing.store.begin() as unit:
        unit.conn.execute(text(
            "UPDATE promise SET state = 'late', delivered_at = due_at + interval '5 hours', settled_at = now()"
            " WHERE id = (SELECT id FROM promise WHERE state = 'kept' ORDER BY id LIMIT 1)"))  # fmt: skip
    late = {number for (number,) in rows(
        changing, "SELECT o.number FROM promise p JOIN orders o ON o.id = p.order_id WHERE p.state = 'late'"
                  " AND p.settled_at > now() - interval '30 days'")}  # fmt: skip
    assert risky
    assert late
    client = changing.client()
    for tab, numbers in (("risk", risky), ("late", late)):
        page = client.get(f"/promises?tab={tab}").text
        assert set(re.findall(r'cd-main-link" href="/orders/[^"]+">([^<]+)<', page)) == numbers
        count = re.search(rf'tab={tab}"[^>]*>[^<]+<span class="cd-cnt[^>]*>(\d+)<', page)
        assert count is not None
        assert int(count[1]) == len(numbers)
    assert "5 h 00 m" in client.get("/promises?tab=late").text


def test_pages_follow_each_other_without_gap_or_double(changing: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.web.promises.PER_PAGE", 2)
    with changing.store.begin() as unit:
        unit.conn.execute(text("UPDATE promise SET risk = 0.8 WHERE state = 'standing'"))
    wanted = rows(changing, "SELECT count(*) FROM promise WHERE state = 'standing'")[0][0]
    client, seen, url = changing.client(), [], "/promises?tab=risk"
    while url:
        page = client.get(url).text
        seen += re.findall(r'cd-main-link" href="(/orders/[^"]+)"', page)
        more = re.search(r'href="([^"]+)" rel="next"', page)
        url = unescape(more[1]) if more else ""
    assert (len(seen), len(set(seen))) == (wanted, wanted)
    assert wanted > 4


def test_an_empty_hub_says_what_fills_it(empty_site: Site) -> None:
    client = empty_site.client()
    for tab in ("report", "risk", "late"):
        assert "cd-empty" in client.get(f"/promises?tab={tab}").text
    assert client.get("/promises?tab=x").status_code == 404
