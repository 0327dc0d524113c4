"""Scenarios break what they say, and mend what is the partner's to mend, whatever happens in between."""

import itertools
from typing import Any

import pytest

from console.demo.company import make_company
from console.demo.scenarios import SCENARIOS, Stage

OUTAGES = {"erp-429": ["erp"], "wms-outage": ["wms-hamburg"]}


class Books:
    """Partners that only write down what they are asked."""

    def __init__(self):
        self.asked = []
        self._numbers = itertools.count(1)

    def ask(self, name, command, body=None):
        self.asked.append((name, command, body))
        return next(self._numbers)


@pytest.fixture(scope="module")
def company():
    return make_company(7)


def play(company, name, *, wait=lambda _seconds: None):
    books: Any = Books()
    said: list[str] = []
    units = {company.items[0].sku: 900, company.items[50].sku: 12, company.items[60].sku: 3}
    told = SCENARIOS[name](Stage(company, books, units, said.append, 2.0, wait))
    return books.asked, said, told


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_every_scenario_says_what_to_look_at(company, name):
    asked, _, told = play(company, name)
    assert asked
    assert told.endswith(".")
    # Faults end as they began: switched off by name.
    faults = [(partner, body) for partner, command, body in asked if command == "faults"]
    for partner in {partner for partner, _ in faults}:
        own = [body for each, body in faults if each == partner]
        assert len(own) == 2
        assert all(value == 0 for value in own[1].values())


@pytest.mark.parametrize(("name", "partners"), OUTAGES.items())
def test_an_outage_ends_even_when_somebody_stops_it(company, name, partners):
    def stop(_seconds):
        raise KeyboardInterrupt

    books: Any = Books()
    with pytest.raises(KeyboardInterrupt):
        SCENARIOS[name](Stage(company, books, {}, lambda _text: None, 2.0, stop))
    ended = [partner for partner, command, body in books.asked if command == "faults" and not any(body.values())]
    assert ended == partners


def test_the_race_is_for_the_scarcest_item_that_will_do(company):
    asked, _, told = play(company, "oversell-race")
    orders = [body["lines"] for _, command, body in asked if command == "order"]
    assert orders == [[{"sku": company.items[50].sku, "quantity": 1}]] * 32
    assert "32 orders for 12 units" in told


def test_a_bad_mapping_is_sent_again_in_order(company):
    asked, said, _ = play(company, "bad-mapping")
    assert [command for _, command, _ in asked] == ["order"] * 5 + ["resend"] * 5
    assert [body["order"] for _, command, body in asked if command == "resend"] == [1, 2, 3, 4, 5]
    assert all("," in body["spoil"]["line_items.0.price"] for _, command, body in asked if command == "order")
    assert said == ["Five orders came with a decimal comma in the price: they are quarantined, each with its bytes."]
