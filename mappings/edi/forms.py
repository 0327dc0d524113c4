"""Forms of moments in code list 2379, as Python reads and writes them."""

from __future__ import annotations

from collections.abc import Mapping

FORMS: Mapping[str, str] = {
    "2": "%d%m%y",
    "101": "%y%m%d",
    "102": "%Y%m%d",
    "201": "%y%m%d%H%M",
    "203": "%Y%m%d%H%M",
    "204": "%Y%m%d%H%M%S",
    "303": "%Y%m%d%H%M%Z",
    "610": "%Y%m",
}
