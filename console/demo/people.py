"""Who buys from Fjord & Pine: invented people and firms; mail goes to example.com, which nobody reads."""

from __future__ import annotations

import random
from dataclasses import dataclass

from console.demo.places import COUNTRIES, postcode, street

CUSTOMERS = 2_400
FIRST = (
    "Aila", "Arvo", "Benno", "Carla", "Dagny", "Eskil", "Fenja", "Gero", "Hedda", "Ivo", "Jorid", "Kasper", "Liv",
    "Marek", "Nilo", "Oda", "Pelle", "Ragna", "Sefa", "Tove", "Ulla", "Vidar", "Wanda", "Ylva", "Zeno", "Maelle",
    "Bastien", "Fleur", "Joost", "Zofia",
)  # fmt: skip
# Put together from parts, so that the names sound of somewhere and belong to nobody in particular.
LAST_HEADS = (
    "Ask",
    "Birk",
    "Dorn",
    "Elm",
    "Fal",
    "Gran",
    "Hassel",
    "Kvist",
    "Lind",
    "Mar",
    "Nord",
    "Rav",
    "Sol",
    "Tann",
)
LAST_TAILS = ("aker", "berg", "dal", "feldt", "gaard", "holt", "kamp", "mark", "rup", "stad", "vang", "wick")
FIRMS = ("Kontor", "Pension", "Café", "Atelier", "Praxis", "Hotel", "Studio")


@dataclass(frozen=True, slots=True)
class Customer:
    """A buyer with one address; `pull` is how often they buy, compared with others."""

    number: int
    first: str
    last: str
    email: str
    company: str | None
    street: str
    postal_code: str
    city: str
    country: str
    pull: float

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first} {self.last}"


def make_customers(rng: random.Random, count: int = CUSTOMERS) -> list[Customer]:
    """Return buyers; one in twelve is a firm."""
    weights = [country.weight for country in COUNTRIES]
    made = []
    for number in range(1, count + 1):
        country = rng.choices(COUNTRIES, weights)[0]
        city, pattern = rng.choice(country.cities)
        first, last = rng.choice(FIRST), rng.choice(LAST_HEADS) + rng.choice(LAST_TAILS)
        made.append(
            Customer(
                number=number,
                first=first,
                last=last,
                email=f"{first}.{last}.{number}@example.com".lower(),
                company=f"{rng.choice(FIRMS)} {last}" if rng.random() < 1 / 12 else None,
                street=street(rng, country),
                postal_code=postcode(rng, pattern),
                city=city,
                country=country.code,
                pull=round(rng.paretovariate(1.6), 3),
            )
        )
    return made
