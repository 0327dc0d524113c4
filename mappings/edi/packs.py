"""Despatch advices as EDI arranges them: each line inside the package it is in, instead of beside the packages.

Levels are a flat list whose members name their parent, as CPS does; the first is the whole shipment. A tree has
pallets, the cartons on them, and cartons and lines that stand alone, as HL does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from mappings.faults import MapError
from mappings.numbers import exact

Json = dict[str, Any]
CONTENT = ("quantity", "lot", "expires_on", "serials")
"""What a content says itself; the rest it has of its line."""
ADDED = ("number", "order_external_id")
"""What contents have in a message only."""
OWN = ("kind", "sscc", "tracking_number", "weight_g")
SAME = ("external_id", "position", "gtin", "sku", "buyer_code")
"""What tells whether two contents are of one line: the first of these they have."""
ROOT = 1


def wrong(what: str, fix: str) -> MapError:
    """Return the error of a despatch advice that does not hold together."""
    return MapError(what, fix=fix, code="MAP-PACKS-422")


def packed(paper: Json) -> tuple[list[Json], list[Json]]:
    """Return the packages with contents that say their line, and the contents that are in no package.

    Raises:
        MapError: a content is of no line, or packages hold more of a line than was shipped.
    """
    lines = {str(line["position"]): line for line in paper.get("lines", ())}
    left = {position: exact(line["quantity"]) for position, line in lines.items()}
    packages = []
    for package in paper.get("packages", ()):
        contents = []
        for content in package.get("contents", ()):
            position = str(content["position"])
            if position not in lines:
                raise wrong(f"A package holds units of line {position}, which is none.", "Mend the pack record.")
            left[position] -= exact(content["quantity"])
            contents.append(whole(lines[position], content))
        packages.append({**package, "contents": contents})
    over = [position for position, rest in left.items() if rest < 0]
    if over:
        raise wrong(f"Packages hold more of line {over[0]} than was shipped.", "Mend the pack record.")
    loose = [whole(lines[position], {"quantity": rest}) for position, rest in left.items() if rest]
    return packages, loose


def whole(line: Json, content: Json) -> Json:
    """Return a content with what its line says."""
    shared = {name: value for name, value in line.items() if name != "quantity"}
    return {**shared, **{name: content[name] for name in CONTENT if name in content}}


def numbered(levels: list[Json], paper: Json) -> list[Json]:
    """Number all contents of a message, from 1, and let each say its order."""
    order = paper.get("order_external_id")
    number = 0
    for level in levels:
        for content in level.get("contents", ()):
            number += 1
            content["number"] = number
            if order is not None:
                content["order_external_id"] = order
    return levels


def to_levels(paper: Json) -> Json:
    """Return a despatch advice whose lines and packages are `levels`."""
    packages, loose = packed(paper)
    levels: list[Json] = [{"number": ROOT, "contents": loose}]
    for package in packages:
        parent = package.get("parent")
        made = {name: package[name] for name in OWN if name in package}
        made["number"] = int(package["number"]) + ROOT
        made["parent"] = ROOT if parent is None else int(parent) + ROOT
        levels.append({**made, "contents": package["contents"]})
    found = {name: value for name, value in paper.items() if name not in ("lines", "packages")}
    return {**found, "levels": numbered(levels, paper)}


def from_levels(found: Json) -> Json:
    """Return the canonical despatch advice of one whose lines and packages are `levels`.

    Raises:
        MapError: a level comes twice, or names a parent that did not come before.
    """
    packages: list[Json] = []
    numbers: dict[str, int | None] = {}
    gathering = Gathering()
    for level in found.get("levels", ()):
        number, parent = text(level.get("number")), text(level.get("parent"))
        if number in numbers:
            raise wrong(f"The level {number} comes twice.", "Let the partner number levels once each.")
        if parent and parent not in numbers:
            raise wrong(f"The level {number} names the parent {parent}, which did not come before.",
                        "Let the partner put a level behind its parent.")  # fmt: skip
        above = numbers[parent] if parent else None
        if any(level.get(name) for name in OWN):
            numbers[number] = len(packages) + 1
            packages.append(package(level, len(packages) + 1, above, gathering))
        else:
            # A level that says nothing of a package groups others.
            numbers[number] = above
            gathering.loose(level.get("contents", ()))
    return finished(found, ("levels",), packages, gathering)


def package(level: Mapping[str, Any], number: int, parent: int | None, gathering: Gathering) -> Json:
    """Return a canonical package."""
    made: Json = {"number": number}
    if parent is not None:
        made["parent"] = parent
    made.update({name: level[name] for name in OWN if level.get(name) is not None})
    made.setdefault("kind", "carton")
    contents = [gathering.content(each) for each in level.get("contents", ())]
    return {**made, **({"contents": contents} if contents else {})}


class Gathering:
    """Makes lines of the contents that came."""

    def __init__(self) -> None:
        self.lines: dict[tuple[str, str], Json] = {}

    def line(self, content: Mapping[str, Any]) -> Json:
        """Return the line of a content, with its units added."""
        key = next(((name, text(content[name])) for name in SAME if content.get(name)), ("", str(len(self.lines))))
        there = self.lines.get(key)
        quantity = exact(content.get("quantity"))
        if there is None:
            own = {name: value for name, value in content.items() if name not in (*CONTENT, *ADDED)}
            there = self.lines[key] = {**own, "quantity": Decimal(0)}
            there.setdefault("position", len(self.lines))
        there["quantity"] += quantity
        return there

    def content(self, content: Mapping[str, Any]) -> Json:
        """Return a content of a package, which names its line by position."""
        line = self.line(content)
        return {"position": line["position"], **{name: content[name] for name in CONTENT if name in content}}

    def loose(self, contents: Any) -> None:
        """Take contents that are in no package."""
        for each in contents:
            self.line(each)


def finished(found: Json, without: tuple[str, ...], packages: list[Json], gathering: Gathering) -> Json:
    """Return the canonical document of what was gathered."""
    lines = sorted(gathering.lines.values(), key=lambda line: line["position"])
    if len({line["position"] for line in lines}) < len(lines):
        for position, line in enumerate(lines, 1):
            if text(line["position"]) != str(position):
                raise wrong("Two lines have one position.", "Let the partner number lines once each.")
    kept = {name: value for name, value in found.items() if name not in without}
    return {**kept, "lines": lines, "packages": packages}


def to_tree(paper: Json) -> Json:
    """Return a despatch advice whose lines and packages are `pallets`, `cartons` and `loose`.

    Raises:
        MapError: a carton stands in a carton, or a pallet on something.
    """
    packages, loose = packed(paper)
    by_number: dict[int, Json] = {}
    pallets: list[Json] = []
    cartons: list[Json] = []
    for each in packages:
        made = {name: each[name] for name in OWN if name in each} | {"contents": each["contents"]}
        parent = each.get("parent")
        if each["kind"] == "pallet":
            if parent is not None:
                raise wrong(f"The pallet {each['number']} stands on another package.", "Ship pallets side by side.")
            by_number[int(each["number"])] = made
            pallets.append(made)
        elif parent is None:
            cartons.append(made)
        elif int(parent) in by_number:
            by_number[int(parent)].setdefault("cartons", []).append(made)
        else:
            raise wrong(f"The carton {each['number']} stands in a carton.", "Let cartons stand on pallets or alone.")
    found = {name: value for name, value in paper.items() if name not in ("lines", "packages")}
    tops: list[Json] = [{"contents": loose}, *pallets, *cartons]
    numbered([level for top in tops for level in (top, *top.get("cartons", ()))], paper)
    tree = {"pallets": pallets, "cartons": cartons, "loose": loose}
    return {**found, **{name: value for name, value in tree.items() if value}, "package_count": len(packages)}


def from_tree(found: Json) -> Json:
    """Return the canonical despatch advice of one with `pallets`, `cartons` and `loose`."""
    packages: list[Json] = []
    gathering = Gathering()
    for kind, level, parent in levels_of(found):
        number = len(packages) + 1
        above = packages[parent - 1]["number"] if parent else None
        packages.append(package({"kind": kind, **level}, number, above, gathering))
    gathering.loose(found.get("loose", ()))
    return finished(found, ("pallets", "cartons", "loose", "package_count"), packages, gathering)


def levels_of(found: Json) -> Iterator[tuple[str, Json, int | None]]:
    """Yield kind, package and the number of what it stands on, in the order they are numbered."""
    number = 0
    for pallet in found.get("pallets", ()):
        number += 1
        top = number
        yield "pallet", pallet, None
        for carton in pallet.get("cartons", ()):
            number += 1
            yield "carton", carton, top
    for carton in found.get("cartons", ()):
        number += 1
        yield "carton", carton, None


def text(value: Any) -> str:
    """Return a number or name as text, nothing as none."""
    return "" if value is None else str(value)
