"""The partners' screens in a real browser: accessible in both themes, nothing asked of other hosts."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from connectors.sdk.registry import Registry
from console.web.context import ConsoleServices
from core.services.access import create_user
from core.store.unit import Store
from tests.connectors.edi.partner_world import EdiWorld, order, x12
from tests.console.conftest import Site
from tests.console.rows import Company
from tests.console.site import PASSWORD, USER
from tests.console.test_browser import CHROMIUM, serving, signed_in, violations

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: the console is not tried in a browser"),
]


@pytest.fixture
def browser() -> Iterator[Browser]:
    with sync_playwright() as play:
        found = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def world(store: Store, tmp_path: Path) -> EdiWorld:
    """A partner who sent a good order and a bad one, and was sent a response."""
    found = EdiWorld(store, tmp_path / "acme")
    broken = order("PO-2", st="0002").replace("PO1*1*3*", "PO1*1*three*")
    found.drop(x12(order("PO-1"), broken))
    found.sent()
    found.settle()
    found.sent()
    return found


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_partners_screens_are_accessible(world: EdiWorld, browser: Browser, tmp_path: Path, theme: str) -> None:
    with world.store.begin() as unit:
        create_user(unit, USER, "Mira Koch", PASSWORD, "operator")
    services = ConsoleServices(world.store, Registry(), "a test's secret key", company="Fjord & Pine")
    pictures = Path(os.environ.get("CROSSDOCK_PICTURES", tmp_path))
    documents = world.all("SELECT id FROM edi_document WHERE kind IN ('850', '855') ORDER BY id")
    left = world.one("SELECT id FROM interchange WHERE direction = 'out' ORDER BY id DESC LIMIT 1")
    paths = {
        "partners": "/partners", "partner": "/partners/of/acme", "interchanges": "/partners/interchanges",
        "documents": "/partners/documents", "interchange": f"/partners/interchanges/ich_{left.id.hex}",
        **{f"document-{at}": f"/partners/documents/edi_{row.id.hex}" for at, row in enumerate(documents)},
    }  # fmt: skip
    problems = {}
    for base in serving(Site(Company(datetime.now(UTC)), world.store, services)):
        tab = signed_in(browser, base, theme, width=1366)
        for name, path in paths.items():
            page = tab.open(path)
            if found := violations(page):
                problems[path] = found
            overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert overflow <= 0, path
            page.screenshot(path=str(pictures / f"{name}-{theme}.png"))
        assert tab.troubles == []
        tab.page.context.close()
    assert not problems, "\n".join(f"{path} {found}" for path, found in problems.items())
