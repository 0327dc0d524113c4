"""Where Fjord & Pine ships from, and where it ships to: real cities and shapes of postcodes, invented streets."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Site:
    """A node and the account of the warehouse system that works it.

    Args:
        connection: name of that account.
        partner: which simulated system serves it; the two systems have two and three accounts.
        share: how much of the catalog it keeps, from the best seller down.
        weight: its part of the units in stock.
        latitude, longitude: degrees.
        shipment_cost, unit_cost, distance_cost: euros a shipment, a unit, a shipment and 100 km.
        capacity: orders a day.
        carrier: who fetches its parcels; invented.
    """

    code: str
    name: str
    country: str
    postal_code: str
    city: str
    latitude: float
    longitude: float
    timezone: str
    connection: str
    partner: str
    share: float
    weight: float
    shipment_cost: str
    unit_cost: str
    distance_cost: str
    capacity: int
    cutoff: str
    carrier: str


SITES = (
    Site("HAM", "Hamburg", "DE", "21129", "Hamburg", 53.51, 9.89, "Europe/Berlin", "wms-hamburg", "wms-north",
         1.0, 0.34, "3.70", "0.50", "0.45", 1300, "17:00", "Nordpost"),
    Site("RTM", "Rotterdam", "NL", "3089", "Rotterdam", 51.88, 4.44, "Europe/Amsterdam", "wms-rotterdam", "wms-north",
         0.7, 0.18, "3.80", "0.55", "0.45", 750, "18:00", "Deltakoerier"),
    Site("MMA", "Malmö", "SE", "211 24", "Malmö", 55.62, 13.01, "Europe/Stockholm", "wms-malmo", "wms-north",
         0.6, 0.13, "3.90", "0.55", "0.45", 550, "16:00", "Nordpost"),
    Site("POZ", "Poznań", "PL", "61-315", "Poznań", 52.37, 16.99, "Europe/Warsaw", "wms-poznan", "wms-south",
         0.85, 0.21, "3.60", "0.45", "0.45", 950, "19:00", "Kuriera"),
    Site("LYS", "Lyon", "FR", "69007", "Lyon", 45.73, 4.83, "Europe/Paris", "wms-lyon", "wms-south",
         0.65, 0.14, "3.90", "0.55", "0.45", 600, "16:30", "Rhodano"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Country:
    """A country with its cities and what streets are called there.

    Args:
        weight: its part of the customers.
        house_after: whether the house number follows the street.
        cities: (name, postcode pattern); # is a digit that is made up, @ a letter.
    """

    code: str
    weight: float
    house_after: bool
    streets: tuple[str, ...]
    cities: tuple[tuple[str, str], ...]


COUNTRIES = (
    Country("DE", 0.31, True, ("Lerchenstieg", "Alte Sägemühle", "Torfweg", "Kranichgasse", "Am Weidengrund"),
            (("Hamburg", "22###"), ("Berlin", "10###"), ("Leipzig", "042##"), ("Köln", "506##"), ("München", "803##"),
             ("Bremen", "282##"), ("Kassel", "341##"), ("Freiburg", "791##"))),
    Country("NL", 0.12, True, ("Turfschip", "Rietkraag", "Kleine Vaart", "Houtmanslaan", "Zonnewende"),
            (("Utrecht", "35## @@"), ("Rotterdam", "30## @@"), ("Groningen", "97## @@"), ("Breda", "48## @@"))),
    Country("SE", 0.11, True, ("Granstigen", "Tallkottsgatan", "Myrvägen", "Hamnplan", "Lingonbacken"),
            (("Malmö", "21# ##"), ("Göteborg", "41# ##"), ("Stockholm", "11# ##"), ("Uppsala", "75# ##"))),
    Country("DK", 0.10, True, ("Lyngbakken", "Fyrrehøj", "Strandsti", "Møllerende", "Havrevangen"),
            (("Aarhus", "82##"), ("Odense", "52##"), ("København", "22##"), ("Aalborg", "92##"))),
    Country("FR", 0.12, False, ("rue des Genêts", "impasse du Lavoir", "allée des Tilleuls", "chemin de la Source"),
            (("Lyon", "6900#"), ("Paris", "7501#"), ("Lille", "59###"), ("Nantes", "44###"), ("Dijon", "21###"))),
    Country("PL", 0.09, True, ("ul. Jaskółcza", "ul. Stara Cegielnia", "ul. Modrzewiowa", "ul. Wiatraczna"),
            (("Poznań", "61-###"), ("Warszawa", "02-###"), ("Gdańsk", "80-###"), ("Wrocław", "53-###"))),
    Country("AT", 0.06, True, ("Almsteig", "Wiesenrain", "Gamsgasse", "Mühlbachweg"),
            (("Wien", "12##"), ("Graz", "80##"), ("Linz", "40##"))),
    Country("BE", 0.04, True, ("Koekoekstraat", "Vlasveld", "Oude Weverij"), (("Gent", "90##"), ("Antwerpen", "20##"))),
    Country("IT", 0.03, True, ("Via dei Faggi", "Via Vecchia Filanda", "Vicolo del Pozzo"),
            (("Milano", "201##"), ("Bologna", "401##"))),
    Country("ES", 0.02, True, ("Calle del Enebro", "Calle Molino Viejo"), (("Bilbao", "480##"), ("Valencia", "460##"))),
)  # fmt: skip
LETTERS = "ABCDEGHJKLMNPRSTVWXZ"


def postcode(rng: random.Random, pattern: str) -> str:
    """Return a postcode of a pattern; the first made-up digit is not 0."""
    made = []
    for place, sign in enumerate(pattern):
        if sign == "#":
            first = "#" not in pattern[:place]
            made.append(str(rng.randint(1 if first else 0, 9)))
        else:
            made.append(rng.choice(LETTERS) if sign == "@" else sign)
    return "".join(made)


def street(rng: random.Random, country: Country) -> str:
    """Return a street and an invented house number, in the order of the country."""
    name, number = rng.choice(country.streets), rng.randint(1, 148)
    return f"{name} {number}" if country.house_after else f"{number} {name}"
