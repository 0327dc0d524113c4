"""The made-up company: repeatable to the byte, and true to the shapes it imitates."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from console.demo.company import CHANNELS, chance, make_company
from console.demo.goods import SKUS, check_digit, gtin_13
from console.demo.people import CUSTOMERS
from console.demo.places import COUNTRIES, SITES, postcode
from console.demo.rhythm import moments

PRINT = "import sys; from console.demo.company import make_company; sys.stdout.buffer.write(make_company(7).as_bytes())"


@pytest.fixture(scope="module")
def company():
    return make_company(7)


def test_the_same_seed_gives_the_same_company_byte_for_byte(company):
    for hash_seed in ("1", "2"):
        other = subprocess.run(
            [sys.executable, "-c", PRINT],
            capture_output=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
        )
        assert other.stdout == company.as_bytes()


def test_another_seed_gives_another_company_with_the_same_catalog(company):
    other = make_company(8)
    assert other.as_bytes() != company.as_bytes()
    assert {item.sku: item.gtin for item in other.items} == {item.sku: item.gtin for item in company.items}
    assert [item.sku for item in other.items] != [item.sku for item in company.items]


def test_the_catalog_has_variants_prices_weights_and_valid_gtins(company):
    items = company.items
    assert len(items) == SKUS == 1204
    assert len({item.sku for item in items}) == len({item.gtin for item in items}) == 1204
    assert sorted(item.rank for item in items) == list(range(1, 1205))
    for item in items:
        # 20 to 29: restricted circulation, so it can be no company's article.
        assert item.gtin[:2] == "29"
        assert len(item.gtin) == 13
        assert check_digit(item.gtin[:-1]) == int(item.gtin[-1])
        assert re.fullmatch(r"FP-[A-Z]{3}(-[0-9A-Z]{1,4})?-[A-Z]{3}", item.sku)
        assert re.fullmatch(r"\d+\.90", item.price)
        assert 50 <= item.weight_g <= 30_000
        assert all(side > 5 for side in item.box_mm)
    variants = Counter(item.family for item in items)
    assert len(variants) == 54
    assert variants["Mug Brygge"] == 36


def test_check_digits_are_those_of_the_standard():
    # The example of the GS1 General Specifications, 7.9: 629104150021 has the check digit 3.
    assert check_digit("629104150021") == 3
    assert gtin_13(1) == "2900000000018"


def test_customers_are_invented_and_live_in_real_places(company):
    assert len(company.customers) == CUSTOMERS
    patterns = {(country.code, city): pattern for country in COUNTRIES for city, pattern in country.cities}
    for each in company.customers:
        assert each.email.endswith("@example.com")
        shape = patterns[each.country, each.city].replace("#", r"\d").replace("@", "[A-Z]")
        assert re.fullmatch(shape, each.postal_code), each
        assert re.search(r"\d", each.street)


def test_postcodes_follow_their_pattern():
    assert re.fullmatch(r"35[1-9]\d [A-Z]{2}", postcode(chance(1, "postcodes"), "35## @@"))


def test_five_nodes_hold_what_sells(company):
    assert [site.code for site in SITES] == ["HAM", "RTM", "MMA", "POZ", "LYS"]
    held = Counter(node for _, node in company.targets)
    assert held == {"HAM": 1204, "POZ": 1024, "RTM": 843, "LYS": 783, "MMA": 723}
    best, last = company.items[0], company.items[-1]
    assert company.targets[best.sku, "HAM"] > 10 * company.targets[last.sku, "HAM"] > 0


def test_buyers_belong_to_their_shop(company):
    rng = chance(7, "test")
    for channel in CHANNELS:
        assert {company.pick_customer(rng, channel).country for _ in range(300)} == set(channel.countries)


def test_orders_follow_day_and_week():
    end = datetime(2026, 11, 20, tzinfo=UTC)
    found = list(moments(chance(7, "rhythm"), end - timedelta(days=90), end))
    assert found == sorted(found)
    assert found == list(moments(chance(7, "rhythm"), end - timedelta(days=90), end))
    hours, days = Counter(at.hour for at in found), Counter(at.weekday() for at in found)
    assert hours[20] > 10 * hours[3]
    assert days[6] > days[4]
    recent = sum(at > end - timedelta(days=30) for at in found)
    old = sum(at < end - timedelta(days=60) for at in found)
    assert recent > old
    assert 5_000 < len(found) < 6_200


def test_the_document_is_plain_json(company):
    document = json.loads(company.as_bytes())
    assert document["name"] == "Fjord & Pine"
    assert len(document["targets"]) == len(company.targets)
