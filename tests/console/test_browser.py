"""The console in a real browser: accessible in both themes, usable by keyboard, alive without jumping."""

import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from sqlalchemy import text
from werkzeug.serving import make_server

from core.domain.ids import public_id, uuid7
from tests.console.conftest import Site
from tests.console.logistics import write_logistics
from tests.console.site import PASSWORD, USER, site

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
AXE = next((Path(__file__).parents[2] / "console" / "assets" / "test-only").glob("axe-core@*")) / "axe.min.js"
SCREENS = ("/", "/orders", "/exceptions", "/inventory", "/routing", "/connections", "/messages", "/deliveries",
           "/nowhere", "/routing/cheapest@1", "/inventory/rules", "/inventory/rules/new", "/inventory/incoming",
           "/inventory/incoming?tab=late", "/inventory/incoming/new", "/inventory/transfers?tab=lost",
           "/inventory/transfers/new", "/network", "/network/nodes/HAM", "/network/nodes/POZ", "/network/carriers",
           "/network/carriers/Nordpost", "/network/disruptions", "/network/disruptions/new", "/promises",
           "/promises?tab=risk", "/promises?tab=late")  # fmt: skip
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: the console is not tried in a browser"),
]


@dataclass
class Tab:
    """A page that keeps what went wrong in it."""

    page: Page
    base: str
    troubles: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        """Go to a path of the console."""
        self.page.goto(self.base + path)
        return self.page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


def serving(of: Site) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, site(of.services), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def reading_url(reading: Site) -> Iterator[str]:
    with reading.store.begin() as unit:
        write_logistics(unit, reading.company)
    yield from serving(reading)


@pytest.fixture
def changing_url(changing: Site) -> Iterator[str]:
    yield from serving(changing)


def signed_in(browser: Browser, base: str, theme: str, width: int = 1440) -> Tab:
    context = browser.new_context(viewport={"width": width, "height": 900}, reduced_motion="reduce")
    context.add_cookies([{"name": "cd_theme", "value": theme, "url": base}])
    tab = Tab(context.new_page(), base)

    def elsewhere(request: Any) -> None:
        if not request.url.startswith((base, "data:")):
            tab.troubles.append(f"asked {request.url}")

    tab.page.on("request", elsewhere)
    tab.page.on("pageerror", lambda error: tab.troubles.append(f"raised {error}"))
    tab.page.on(
        "console",
        lambda message: tab.troubles.append(message.text) if "Content Security Policy" in message.text else None,
    )
    page = tab.open("/login")
    page.fill("[name=email]", USER)
    page.fill("[name=password]", PASSWORD)
    page.click("text=Sign in >> nth=-1")
    page.wait_for_url(base + "/")
    return tab


def violations(page: Page) -> list[str]:
    """What axe-core finds: rule, and the first elements it is about."""
    page.evaluate(AXE.read_text())
    found = page.evaluate(f"axe.run(document, {{runOnly: {TAGS}}})")
    return [
        f"{one['id']}: {[node['html'][:160] + ' ' + str(node['any'][:1]) for node in one['nodes'][:3]]}"
        for one in found["violations"]
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_screen_is_accessible_and_keeps_to_itself(
    browser: Browser, reading: Site, reading_url: str, theme: str
) -> None:
    tab = signed_in(browser, reading_url, theme, width=1366)
    orders = reading.company.orders
    details = [
        f"/orders/{public_id('order', next(one['id'] for one in orders if one['phase'] == phase))}"
        for phase in ("held", "shipped")
    ]
    with reading.store.read() as conn:
        for kind, table, state in (("message", "message", "quarantined"), ("delivery", "delivery", "dead")):
            found = conn.execute(text(f"SELECT id FROM {table} WHERE state = '{state}'")).scalar_one()
            details.append(f"/{'messages' if kind == 'message' else 'deliveries'}/{public_id(kind, found)}")
        sku, node = conn.execute(
            text("SELECT i.sku, n.code FROM stock_position p JOIN item i ON i.id = p.item_id JOIN node n"
                 " ON n.id = p.node_id ORDER BY 1, 2 LIMIT 1")
        ).one()  # fmt: skip
    details.append(f"/inventory/{sku}/at/{node}")
    with reading.store.read() as conn:
        for table, kind, path in (
            ("supply", "supply", "inventory/incoming"),
            ("disruption", "disruption", "network/disruptions"),
            ("transfer", "transfer", "inventory/transfers"),
        ):
            found = conn.execute(text(f"SELECT id FROM {table} ORDER BY id DESC LIMIT 1")).scalar_one()
            details.append(f"/{path}/{public_id(kind, found)}")
    problems = {}
    for path in (*SCREENS, *details):
        page = tab.open(path)
        assert page.evaluate("document.documentElement.dataset.bsTheme") == theme
        if found := violations(page):
            problems[path] = found
        overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow <= 0, path
    assert not problems, "\n".join(f"{path} {found}" for path, found in problems.items())
    assert tab.troubles == []
    tab.page.context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_form_to_sign_in_is_accessible(browser: Browser, reading_url: str, theme: str) -> None:
    context = browser.new_context()
    context.add_cookies([{"name": "cd_theme", "value": theme, "url": reading_url}])
    page = context.new_page()
    page.goto(reading_url + "/login")
    assert violations(page) == []
    context.close()


def test_the_theme_is_switched_and_remembered(browser: Browser, reading_url: str) -> None:
    tab = signed_in(browser, reading_url, "light")
    before = tab.page.evaluate("getComputedStyle(document.body).backgroundColor")
    tab.page.click("[data-cd-theme]")
    assert tab.page.evaluate("getComputedStyle(document.body).backgroundColor") != before
    tab.open("/orders")
    assert tab.page.evaluate("document.documentElement.dataset.bsTheme") == "dark"
    tab.page.context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_queue_by_keyboard_alone(browser: Browser, changing: Site, changing_url: str, theme: str) -> None:
    tab = signed_in(browser, changing_url, theme)
    tab.page.keyboard.press("g")
    tab.page.keyboard.press("e")
    tab.page.wait_for_url("**/exceptions")
    pane = tab.page.locator("#pane h1")
    expect(pane).to_have_text("Unknown SKU FP-MUG-350-GRN-2")
    for _ in range(4):
        tab.page.keyboard.press("j")
    expect(pane).to_have_text("No stock of FP-VASE-SAN")
    expect(tab.page.locator("#queue li.cd-sel")).to_contain_text("No stock of FP-VASE-SAN")
    tab.page.keyboard.press("k")
    expect(pane).to_have_text("Address not deliverable: no postal code")
    tab.page.keyboard.press("x")
    expect(tab.page.locator("[data-cd-bulk-text]")).to_contain_text("1 selected")
    tab.page.keyboard.press("p")
    expect(tab.page.locator("#case-preview")).to_contain_text("Exception applied")
    tab.page.keyboard.press("i")
    expect(tab.page.locator(".cd-toast")).to_contain_text("Taken: 1 exception")
    tab.page.keyboard.press("?")
    expect(tab.page.locator("#cd-help")).to_be_visible()
    tab.page.keyboard.press("Escape")
    tab.page.keyboard.press("/")
    tab.page.keyboard.type("#1006")
    tab.page.keyboard.press("Enter")
    expect(tab.page.locator("h1")).to_have_text("#1006")
    with changing.store.read() as conn:
        owner = conn.execute(
            text("SELECT owner FROM exception_case WHERE id = :id"), {"id": changing.company.cases["ORDER-ADDRESS-422"]}
        ).scalar_one()
    assert owner == USER
    assert tab.troubles == []
    tab.page.context.close()


def test_an_open_list_hears_of_news_without_moving(browser: Browser, changing: Site, changing_url: str) -> None:
    tab = signed_in(browser, changing_url, "light")
    page = tab.open("/orders?tab=ready")
    expect(page.locator("#cd-live")).to_contain_text("Live")
    rows = page.locator("#list tbody tr .cd-main-link")
    before = rows.all_text_contents()
    now, order_id = datetime.now(UTC), uuid7()
    with changing.store.begin() as unit:
        unit.conn.execute(
            text("INSERT INTO orders (id, connection_id, external_id, number, phase, placed_at, currency, body)"
                 " VALUES (:id, :c, 'new', '#new', 'ready', :now, 'EUR', '{}')"),
            {"id": order_id, "c": changing.company.accounts["erp"], "now": now},
        )  # fmt: skip
        unit.event("order.received", "order", order_id, order_id=order_id)
    expect(page.locator(".cd-new")).to_have_text("1 new")
    assert rows.all_text_contents() == before
    page.click(".cd-new a")
    expect(rows.first).to_have_text("#new")
    assert tab.troubles == []
    page.context.close()


def test_a_page_without_a_stream_asks_now_and_then(browser: Browser, changing: Site) -> None:
    changing.services = replace(changing.services, streams=0)
    for base in serving(changing):
        tab = signed_in(browser, base, "light")
        expect(tab.page.locator("#cd-live")).to_have_text("Every 4 s")
        assert tab.troubles == []
        tab.page.context.close()
