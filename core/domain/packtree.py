"""The tree of packages in a despatch advice, and the label of each package: both of one record, compared before use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from core.domain.checkdigits import SSCC_LENGTHS, is_key
from core.domain.money import plain

ZERO = Decimal(0)
Json = Mapping[str, Any]


def faults_of(advice: Json) -> list[str]:
    """Return what is inconsistent in a despatch advice, in sentences; empty when nothing is.

    Args:
        advice: canonical, values in their types.
    """
    found = []
    packages: Sequence[Json] = advice["packages"]
    ordered = {line["position"]: line["quantity"] for line in advice["lines"]}
    if len(ordered) != len(advice["lines"]):
        found.append("two lines have the same position")
    kinds: dict[int, str] = {}
    packed: dict[int, Decimal] = dict.fromkeys(ordered, ZERO)
    seen: set[str] = set()
    for place, package in enumerate(packages, 1):
        number, parent, sscc = package["number"], package.get("parent"), package.get("sscc")
        if number != place:
            found.append(f"package {number} is the {place}. of the list")
        if parent is not None and kinds.get(parent) != "pallet":
            found.append(f"package {number} stands on {parent}, which is no pallet before it")
        kinds[number] = package["kind"]
        if sscc is not None:
            if not is_key(sscc, SSCC_LENGTHS):
                found.append(f"package {number} has {sscc}, which is no SSCC")
            if sscc in seen:
                found.append(f"SSCC {sscc} is on two packages")
            seen.add(sscc)
        for content in package.get("contents") or ():
            if content["position"] not in packed:
                found.append(f"package {number} holds line {content['position']}, which is not in the shipment")
            else:
                packed[content["position"]] += content["quantity"]
    full = {each.get("parent") for each in packages} | {each["number"] for each in packages if each.get("contents")}
    found += [f"package {number} is empty" for number in kinds if number not in full]
    found += [
        f"line {position}: {plain(packed[position])} packed, {plain(units)} shipped"
        for position, units in ordered.items()
        if packed[position] != units
    ]
    return found


@dataclass(frozen=True, slots=True)
class Content:
    """Units of one item in a package."""

    position: int
    sku: str | None
    gtin: str | None
    title: str | None
    quantity: Decimal
    unit: str
    lot: str | None = None
    expires_on: date | None = None


@dataclass(frozen=True, slots=True)
class Label:
    """What is printed on one package; `contents` are those of the package and of all that stand on it."""

    number: int
    total: int
    kind: str
    sscc: str
    ship_from: Json
    ship_to: Json
    order_number: str | None
    shipment_number: str
    carrier: str | None
    contents: tuple[Content, ...]

    @property
    def elements(self) -> list[tuple[str, str]]:
        """Return what the upper bar code says as (application identifier, value); the lower one is the SSCC alone.

        Contents (02, 37, 10, 17) are only said of packages with one item of one lot, counted in whole units.
        """
        found = []
        one = self.contents[0] if len(self.contents) == 1 else None
        if one is not None and one.gtin is not None and one.quantity == one.quantity.to_integral_value():
            found.append(("02", one.gtin.zfill(14)))
            if one.expires_on is not None:
                found.append(("17", one.expires_on.strftime("%y%m%d")))
            if one.lot is not None and len(one.lot) <= 20:
                found.append(("10", one.lot))
            found.append(("37", plain(one.quantity)))
        if self.order_number and len(self.order_number) <= 30:
            found.append(("400", self.order_number))
        return found


# Values of these identifiers have a fixed length, so that none needs a separator after it (GS1 General
# Specifications, table 7.8.5-2).
FIXED = frozenset({"00", "01", "02", "11", "12", "13", "15", "16", "17"})


def chained(elements: Sequence[tuple[str, str]], separator: str, *, open_: str = "", close: str = "") -> str:
    """Return identifiers and values as one string, a separator behind each value of open length but the last."""
    last = len(elements) - 1
    return "".join(
        f"{open_}{ai}{close}{value}{separator if ai not in FIXED and index != last else ''}"
        for index, (ai, value) in enumerate(elements)
    )


def compare(labels: Sequence[Label], advice: Json) -> list[str]:
    """Return where labels and despatch advice of one shipment differ, in sentences."""
    packages = {each["sscc"]: each for each in advice["packages"] if each.get("sscc")}
    found = [f"package {each['number']} has no SSCC" for each in advice["packages"] if not each.get("sscc")]
    printed = {label.sscc: label for label in labels}
    found += [f"SSCC {sscc} has a label and is not advised" for sscc in sorted(printed.keys() - packages.keys())]
    found += [f"SSCC {sscc} is advised and has no label" for sscc in sorted(packages.keys() - printed.keys())]
    for sscc in sorted(printed.keys() & packages.keys()):
        label = printed[sscc]
        advised = contents_below(advice, packages[sscc]["number"])
        if advised != _amounts((each.position, each.lot, each.quantity) for each in label.contents):
            found.append(f"SSCC {sscc}: the label says other contents than the advice")
        if _where(label.ship_to) != _where(advice.get("ship_to") or {}):
            found.append(f"SSCC {sscc}: the label goes to another address than the advice")
        if label.order_number != advice.get("order_number"):
            found.append(f"SSCC {sscc}: the label names another order than the advice")
    return found


def contents_below(advice: Json, number: int) -> dict[tuple[int, str | None], Decimal]:
    """Return units by (line, lot) in a package and in all that stand on it."""
    below = {number}
    for each in advice["packages"]:
        if each.get("parent") in below:
            below.add(each["number"])
    return _amounts(
        (content["position"], content.get("lot"), content["quantity"])
        for each in advice["packages"]
        if each["number"] in below
        for content in each.get("contents") or ()
    )


def _amounts(contents: Any) -> dict[tuple[int, str | None], Decimal]:
    found: dict[tuple[int, str | None], Decimal] = {}
    for position, lot, quantity in contents:
        found[position, lot] = found.get((position, lot), ZERO) + quantity
    return found


def _where(address: Json) -> tuple[Any, ...]:
    return tuple(address.get(name) or None for name in ("gln", "name", "line1", "postal_code", "city", "country"))
