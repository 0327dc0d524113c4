"""Screens of a hub with nothing in it, and addresses that lead nowhere."""

from collections.abc import Callable

import pytest

from tests.console.conftest import Site

Get = Callable[..., str]
SCREENS = ("/", "/orders", "/exceptions", "/inventory", "/routing", "/connections", "/messages", "/deliveries")


@pytest.mark.parametrize("path", SCREENS)
def test_an_empty_hub_says_what_fills_it(path: str, empty_site: Site) -> None:
    answer = empty_site.client().get(path)
    assert answer.status_code == 200
    assert "cd-empty" in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/orders?tab=nonsense",
        "/orders?placed=soon",
        "/orders?before=msg_1",
        "/orders/ord_1",
        "/orders?q=%00",
        "/nowhere",
        "/inventory/NOPE/at/HAM",
        "/routing/nobody@1",
        "/routing?against=beauty",
        "/exceptions?severity=dire",
    ],
)
def test_wrong_addresses_are_pages_that_say_so(get: Get, path: str) -> None:
    page = get(path, status=404)
    assert "There is nothing here" in page
    assert "Copy for support" in page
