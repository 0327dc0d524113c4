"""The carriers that fetch from Fjord & Pine: services and rates by zone and weight, all invented."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from console.demo.places import COUNTRIES, SITES

# Zone 1 is the node's own country, zone 2 the countries beside it, zone 3 the rest.
NEIGHBORS = {
    "DE": {"NL", "DK", "PL", "AT", "BE", "FR"}, "NL": {"DE", "BE"}, "SE": {"DK"}, "PL": {"DE"},
    "FR": {"BE", "DE", "IT", "ES"},
}  # fmt: skip
STEPS = (1_000, 3_000, 10_000, 31_500)
# (service, level, days by zone, on time, price of the first step by zone, part of it each further step adds)
SERVICES = (
    ("parcel", "standard", (1, 2, 4), "0.94", ("3.40", "5.20", "7.90"), "0.30"),
    ("express", "express", (1, 1, 2), "0.98", ("8.90", "13.50", "19.80"), "0.35"),
)
# Carriers differ a little in price, in percent, and in grams of CO2e per kilogram and kilometer.
CARRIERS = {"Nordpost": (100, "0.09"), "Deltakoerier": (97, "0.07"), "Kuriera": (92, "0.11"), "Rhodano": (105, "0.08")}
CENT = Decimal("0.01")


def services() -> list[dict[str, Any]]:
    """Return the services, each offered at the nodes its carrier fetches from."""
    return [
        {
            "carrier": carrier,
            "service": name,
            "label": f"{carrier} {name}",
            "level": level,
            "nodes": [site.code for site in SITES if site.carrier == carrier],
            "transit_days": {str(zone): days for zone, days in enumerate(transit, 1)},
            "on_time": Decimal(on_time),
            "carbon_g": 120,
            "carbon_g_kg_km": Decimal(carbon),
            "max_weight_g": STEPS[-1],
        }
        for carrier, (_, carbon) in CARRIERS.items()
        for name, level, transit, on_time, _, _ in SERVICES
    ]


def rates() -> list[dict[str, Any]]:
    """Return a rate for each service, country, and step of weight; the rest of the world costs twice the last zone."""
    found = []
    starts = {(site.carrier, site.country) for site in SITES}
    for carrier, start in sorted(starts):
        percent = CARRIERS[carrier][0]
        for name, _, _, _, prices, more in SERVICES:
            for country in (*(each.code for each in COUNTRIES), None):
                zone = 1 if country == start else 2 if country in NEIGHBORS[start] else 3
                first = Decimal(prices[zone - 1]) * percent / (100 if country else 50)
                for step, up_to_g in enumerate(STEPS):
                    price = (first * (1 + step * Decimal(more))).quantize(CENT)
                    found.append(
                        {
                            "carrier": carrier, "service": name, "zone": str(zone), "from_country": start,
                            "to_country": country, "up_to_g": up_to_g, "price": price, "currency": "EUR",
                        }
                    )  # fmt: skip
    return found
