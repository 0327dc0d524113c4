"""Orders of EDIFACT and UBL that state no currency: they are in the partner's, as those of X12 are."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from core.services.agreements import set_price, set_terms
from core.services.replaying import replay_message
from core.store.unit import Store
from tests.connectors.edi.partner_world import EdiWorld
from tests.connectors.edi.test_partner import EDIFACT, ORDERS
from tests.connectors.edi.xml_world import UBL_PROFILE, ubl_order
from tests.core.trade_world import TERMS

STATED = "<cbc:DocumentCurrencyCode>USD</cbc:DocumentCurrencyCode>\n"


def unstated(syntax: str) -> bytes:
    """Return an order without a currency."""
    if syntax == "edifact":
        return ORDERS.replace("CUX+2:EUR:9'", "").replace("UNT+12", "UNT+11").encode()
    before, price, after = ubl_order("PO-5").decode().replace(STATED, "").partition("<cac:Price>")
    return (before + after.split("</cac:Price>")[1] if price else before).encode()


@pytest.mark.parametrize(
    ("terms", "agreed", "currency"), [({"currency": "SEK"}, ["EUR"], "SEK"), ({}, ["DKK"], "DKK"), ({}, [], None),
                                      ({}, ["EUR", "DKK"], None)],
)  # fmt: skip
@pytest.mark.parametrize("syntax", ["edifact", "ubl"])
def test_an_order_without_a_currency_is_in_the_partners(
    store: Store, tmp_path: Path, syntax: str, terms: dict[str, str], agreed: list[str], currency: str | None
) -> None:
    world = EdiWorld(store, tmp_path / "acme", **(EDIFACT if syntax == "edifact" else UBL_PROFILE))
    with world.store.begin() as unit:
        set_terms(unit, world.acme, {**TERMS, **terms})
        for each in agreed:
            set_price(unit, world.acme, "B", Decimal("9.50"), each, since=date(2026, 1, 1))
    world.drop(unstated(syntax))
    assert [row.currency for row in world.all("SELECT currency FROM orders")] == ([currency] if currency else [])
    message = world.one("SELECT id, state, error FROM message WHERE topic IN ('ORDERS', 'Order')")
    if currency:
        assert message.state == "applied"
        return
    assert (message.state, message.error["code"]) == ("quarantined", "TRADE-CURRENCY-422")
    assert message.error["what"] == "The order PO-5 states no currency, and none is agreed with the partner."
    # Once it is agreed, the message that waits is an order.
    with world.store.begin() as unit:
        set_terms(unit, world.acme, {**TERMS, "currency": "EUR"})
        replay_message(unit, message.id)
    world.drain()
    assert world.one("SELECT currency FROM orders").currency == "EUR"


def test_a_currency_that_is_stated_is_its_own(store: Store, tmp_path: Path) -> None:
    world = EdiWorld(store, tmp_path / "acme", **EDIFACT)
    with world.store.begin() as unit:
        set_terms(unit, world.acme, {**TERMS, "currency": "SEK"})
    world.drop(ORDERS.encode())
    assert world.one("SELECT currency FROM orders").currency == "EUR"
