"""Invented buyers: names and streets are made up, mail goes to example.com, telephone numbers are not assigned."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CUSTOMER = 115_310_627_300_000_000
FIRST = ("Ada", "Bela", "Cleo", "Dario", "Edda", "Finn", "Greta", "Hugo", "Ines", "Jonas", "Kira", "Levi", "Mila")
LAST = ("Ahlborn", "Brinke", "Clasen", "Dornfeld", "Ehlers", "Falke", "Gerlach", "Holm", "Immel", "Jessen", "Kroll")
STREETS = ("Lindenweg", "Hafenstraße", "Am Anger", "Mühlgasse", "Birkenallee", "Kirchplatz")
# Country -> (city, postal code, region name, region code).
PLACES: Mapping[str, tuple[tuple[str, str, str | None, str | None], ...]] = {
    "DE": (("Hamburg", "20095", None, None), ("Leipzig", "04109", None, None), ("Köln", "50667", None, None)),
    "DK": (("Aarhus", "8000", None, None), ("Odense", "5000", None, None)),
    "NL": (("Utrecht", "3511", None, None), ("Breda", "4811", None, None)),
    "US": (("Portland", "97201", "Oregon", "OR"), ("Austin", "73301", "Texas", "TX")),
}
COUNTRIES = {"DE": "Germany", "DK": "Denmark", "NL": "Netherlands", "US": "United States"}


@dataclass(frozen=True, slots=True)
class Person:
    """A buyer with one address."""

    number: int
    first: str
    last: str
    street: str
    city: str
    postal_code: str
    country: str
    region: str | None = None
    region_code: str | None = None

    @property
    def email(self) -> str:
        """An address nobody has."""
        return f"{self.first}.{self.last}.{self.number}@example.com".lower()

    def address(self) -> dict[str, Any]:
        """Return the address as Shopify writes it."""
        return {
            "first_name": self.first,
            "address1": self.street,
            "phone": None,
            "city": self.city,
            "zip": self.postal_code,
            "province": self.region,
            "country": COUNTRIES.get(self.country, self.country),
            "last_name": self.last,
            "address2": None,
            "company": None,
            "latitude": None,
            "longitude": None,
            "name": f"{self.first} {self.last}",
            "country_code": self.country,
            "province_code": self.region_code,
        }

    def customer(self, currency: str, at: str) -> dict[str, Any]:
        """Return the customer as Shopify writes it inside an order."""
        identifier = CUSTOMER + self.number
        return {
            "id": identifier,
            "created_at": at,
            "updated_at": at,
            "first_name": self.first,
            "last_name": self.last,
            "state": "disabled",
            "note": None,
            "verified_email": True,
            "multipass_identifier": None,
            "tax_exempt": False,
            "email": self.email,
            "phone": None,
            "currency": currency,
            "tax_exemptions": [],
            "admin_graphql_api_id": f"gid://shopify/Customer/{identifier}",
            "default_address": {
                **self.address(),
                "id": identifier + 600_000,
                "customer_id": identifier,
                "country_name": COUNTRIES.get(self.country, self.country),
                "default": True,
            },
        }


def invented(rng: random.Random, country: str) -> Person:
    """Return a buyer in a country; in one that is not listed here, without region."""
    city, postal_code, region, code = rng.choice(PLACES.get(country, PLACES["DE"]))
    return Person(
        number=rng.randrange(1, 90_000),
        first=rng.choice(FIRST),
        last=rng.choice(LAST),
        street=f"{rng.choice(STREETS)} {rng.randrange(1, 120)}",
        city=city,
        postal_code=postal_code,
        country=country if country in PLACES else "DE",
        region=region,
        region_code=code,
    )
