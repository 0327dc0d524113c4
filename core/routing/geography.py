"""Where countries are: the rough middle of each, for distances when a destination has no point of its own.

Degrees north and east, rounded to one decimal; facts any atlas gives.
"""

from __future__ import annotations

from math import asin, cos, radians, sin, sqrt

EARTH_RADIUS_KM = 6371.0
MIDDLE = {
    "AE": (23.9, 54.3), "AR": (-35.4, -65.2), "AT": (47.6, 14.1), "AU": (-25.7, 134.5), "BE": (50.6, 4.7),
    "BG": (42.8, 25.2), "BR": (-10.8, -53.1), "CA": (61.4, -98.3), "CH": (46.8, 8.2), "CL": (-37.7, -71.4),
    "CN": (36.6, 103.8), "CY": (35.0, 33.2), "CZ": (49.7, 15.3), "DE": (51.1, 10.4), "DK": (56.0, 10.0),
    "EE": (58.7, 25.5), "ES": (40.2, -3.6), "FI": (64.5, 26.3), "FR": (46.6, 2.5), "GB": (54.1, -2.9),
    "GR": (39.1, 23.0), "HK": (22.4, 114.1), "HR": (45.1, 16.4), "HU": (47.2, 19.4), "IE": (53.2, -8.1),
    "IL": (31.5, 35.0), "IN": (22.9, 79.6), "IS": (65.0, -18.6), "IT": (42.8, 12.1), "JP": (37.6, 138.0),
    "KR": (36.4, 127.8), "LI": (47.1, 9.5), "LT": (55.3, 23.9), "LU": (49.8, 6.1), "LV": (56.9, 24.9),
    "MC": (43.7, 7.4), "MT": (35.9, 14.4), "MX": (23.9, -102.5), "NL": (52.1, 5.3), "NO": (64.5, 13.8),
    "NZ": (-41.8, 171.5), "PL": (52.1, 19.4), "PT": (39.6, -8.5), "RO": (45.9, 25.0), "RS": (44.2, 20.8),
    "SE": (62.8, 16.7), "SG": (1.4, 103.8), "SI": (46.1, 14.8), "SK": (48.7, 19.5), "TR": (39.1, 35.2),
    "UA": (49.0, 31.4), "US": (39.8, -98.6), "ZA": (-29.0, 25.1),
}  # fmt: skip


def distance_km(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the great-circle distance in kilometers between two (latitude, longitude) in degrees.

    Source: haversine formula, R. W. Sinnott, Virtues of the Haversine, 1984.
    """
    north, east = radians(other[0] - one[0]), radians(other[1] - one[1])
    chord = sin(north / 2) ** 2 + cos(radians(one[0])) * cos(radians(other[0])) * sin(east / 2) ** 2
    return 2 * EARTH_RADIUS_KM * asin(sqrt(chord))
