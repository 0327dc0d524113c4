"""Canonical documents as X12 arranges them, where a place of X12 depends on what a value is.

An article number has another qualifier by its length, a party has one number in N104, free texts have 80 characters,
an answer to a line is one ACK for each of its parts. Everything here goes back to the same canonical document.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

from mappings.edi import canceled, packs
from mappings.edi.dates import wrapped
from mappings.numbers import exact
from mappings.times import canonical_instant

Json = dict[str, Any]
SIDES = ("buyer", "seller")
"""Parties that are companies with a person to talk to; the others are addresses."""
PARTIES = ("buyer", "seller", "ship_to", "ship_from", "bill_to")
LINES = ("lines", "loose", "contents", "items")
LEVELS = ("pallets", "cartons")
LENGTHS = (8, 12, 13, 14)
"""Digits of an article number; each length has a qualifier of its own."""
EITHER = (tuple(f"gtin_{length}" for length in LENGTHS), ("external_id", "second_id"), ("region", "area"))
"""Places of one canonical field: where several hold something, the first of them is kept."""
TEXT = 80
STORES = 10
"""Stores that one SDQ has room for."""
REGION = 2
"""Characters of a region in N402; longer ones are a place of their own."""
NAMED = ("department", "vendor_number", "contract", "promotion", "customer_order")
"""References with a qualifier of their own; others are written with their name."""
UNNAMED = re.compile(r"other(_[0-9]+)?\Z")
"""References that came without a name, and go back without one."""
SSCC_AI = "00"
SSCC_MARK = 20


def apart(paper: Json) -> Json:
    """Return a document arranged for X12."""
    found = dict(paper)
    for name in PARTIES:
        if isinstance(found.get(name), Mapping):
            found[name] = party(found[name], *(("company", "name") if name in SIDES else ()))
    if found.get("stores"):
        found["stores"] = [party(each) for each in found["stores"]]
    if found.get("references"):
        kept = {name: value for name, value in found["references"].items() if name in NAMED}
        other = [
            {"value": value} if UNNAMED.match(name) else {"name": name, "value": value}
            for name, value in found["references"].items()
            if name not in NAMED
        ]
        found.pop("references")
        found.update({key: value for key, value in (("references", kept), ("other_references", other)) if value})
    if found.get("issued_at"):
        found["issued_on"] = canonical_instant(found["issued_at"]).astimezone(UTC).date()
    return each_line(found, line)


def together(found: Json) -> Json:
    """Return the canonical document of one that was read from X12."""
    paper = each_line(found, from_line)
    for name in PARTIES:
        if isinstance(paper.get(name), Mapping):
            paper[name] = from_party(paper[name])
    if paper.get("stores"):
        paper["stores"] = [from_party(each) for each in paper["stores"]]
    found_others = paper.pop("other_references", ())
    if found_others:
        paper["references"] = named(found_others, paper.get("references", {}))
    day = paper.pop("issued_on", None)
    if day is not None and paper.get("issued_at") is None:
        paper["issued_at"] = datetime.combine(day, time(), UTC)
    return paper


def named(others: Iterable[Mapping[str, Any]], known: Mapping[str, Any]) -> Json:
    """Return references by their names; one without a name, or with one that is taken, gets a name of its own."""
    made = dict(known)
    for each in others:
        # A text that stands where the name stands, without a number, is all there is of it.
        value = each.get("value") or each.get("name")
        name = unique = (each.get("name") if each.get("value") else None) or "other"
        number = 2
        while unique in made:
            unique, number = f"{name}_{number}", number + 1
        made[unique] = value
    return made


def positioned(paper: Json) -> Json:
    """Return a paper whose lines all have a position: the one they say, else that in which they stand."""
    lines = [each if each.get("position") is not None else {**each, "position": at}
             for at, each in enumerate(paper.get("lines", ()), 1)]  # fmt: skip
    return {**paper, "lines": lines}


def each_line(document: Mapping[str, Any], change: Callable[[Json], Json]) -> Json:
    """Return a document whose lines, wherever they are, are changed."""
    found = dict(document)
    for name in (*LINES, *LEVELS):
        if isinstance(found.get(name), list):
            found[name] = [change(each_line(each, change)) for each in found[name]]
    return found


def party(found: Mapping[str, Any], main: str = "name", other: str = "company") -> Json:
    """Return a party with one number, and its region by length.

    Args:
        main: field of the name in N1.
        other: field that stands in where there is neither a number nor a name.
    """
    made = dict(found)
    if not any(made.get(each) for each in ("gln", "external_id", main)):
        # N1 must say a name or a number.
        made[main] = made.pop(other, None)
    if made.get("gln") and made.get("external_id"):
        made["second_id"] = made.pop("external_id")
    if len(str(made.get("region") or "")) > REGION:
        made["area"] = made.pop("region")
    return made


def from_party(found: Mapping[str, Any]) -> Json:
    """Return a canonical party."""
    made = dict(found)
    for name, other in (("second_id", "external_id"), ("area", "region")):
        value = made.pop(name, None)
        if value is not None and made.get(other) is None:
            made[other] = value
    return made


def line(found: Json) -> Json:
    """Return a line with its article number by length and its title in pieces, or a package with its whole mark."""
    made = dict(found)
    gtin = made.pop("gtin", None)
    if gtin:
        made[f"gtin_{len(gtin)}"] = gtin
    title = made.pop("title", None)
    if title:
        made["titles"] = [{"text": each} for part in title.splitlines() for each in wrapped(part, TEXT)]
    if made.get("sscc"):
        made["sscc"] = SSCC_AI + made["sscc"]
    if made.get("destinations"):
        made["store_units"] = list(store_units(made.pop("destinations"), made.get("unit", "C62")))
    return made


def store_units(destinations: Iterable[Mapping[str, Any]], unit: str) -> Iterable[Json]:
    """Yield what each store gets as SDQ has it: so many stores at a time, of one unit; `unit` is that of the line."""
    by_unit: dict[str, list[Json]] = {}
    for each in destinations:
        kept = {name: value for name, value in each.items() if name != "unit"}
        by_unit.setdefault(each.get("unit") or unit, []).append(kept)
    for own, stores in by_unit.items():
        for start in range(0, len(stores), STORES):
            yield {"unit": own, "destinations": stores[start : start + STORES]}


def from_line(found: Json) -> Json:
    """Return a canonical line or package."""
    made = dict(found)
    for length in LENGTHS:
        gtin = made.pop(f"gtin_{length}", None)
        if gtin and not made.get("gtin"):
            made["gtin"] = gtin
    pieces = [each["text"] for each in made.pop("titles", ()) if each.get("text")]
    if pieces:
        made["title"] = "".join(each if each.endswith(" ") else f"{each}\n" for each in pieces).removesuffix("\n")
    stores = [
        {**each, **({"unit": group["unit"]} if group.get("unit") not in (None, made.get("unit", "C62")) else {})}
        for group in made.pop("store_units", ())
        for each in group["destinations"]
    ]
    if stores:
        made["destinations"] = stores
    if len(str(made.get("sscc") or "")) == SSCC_MARK:
        made["sscc"] = made["sscc"][len(SSCC_AI) :]
    return made


def to_tree(paper: Json) -> Json:
    """Return a despatch advice arranged for X12, its lines inside of packages."""
    found = each_line(apart(packs.to_tree(paper)), content)
    found.pop("issued_on", None)
    return found


def content(found: Json) -> Json:
    """Return a content as SN1 has it: the ordered units have a unit of their own."""
    made = {name: value for name, value in found.items() if name not in (*packs.ADDED, "kind")}
    if made.get("ordered_quantity") is not None:
        made["ordered_unit"] = made.get("unit", "C62")
    return made


def from_tree(found: Json) -> Json:
    """Return the canonical despatch advice of one whose lines are inside of packages."""
    return packs.from_tree(together(each_line(found, without_ordered_unit)))


def without_ordered_unit(found: Json) -> Json:
    """Return a content without the unit of what was ordered, which is that of the line."""
    return {name: value for name, value in found.items() if name != "ordered_unit"}


PARTS = {"accepted": "IA", "changed": "IC", "backordered": "IA", "rejected": "IA"}
"""Status of a line -> code of the ACK that says what is confirmed."""
BACKORDERED, REJECTED, DELETED = "IB", "IR", "ID"
CHANGED, ACCEPTED = ("IC", "IP", "IQ", "DR"), ("IA", "AR", "SP")


def to_answers(paper: Json) -> Json:
    """Return an order response whose lines say one answer for each part; an order that was canceled is changed."""
    whole = bool(paper.get("canceled")) or canceled.is_canceled(paper)
    made = {name: value for name, value in paper.items() if name != "canceled"}
    if whole:
        made["status"] = "changed"
    return apart({**made, "lines": [answered(each, whole=whole) for each in paper.get("lines", ())]})


def answered(found: Json, *, whole: bool) -> Json:
    """Return a line with its answers; `whole` says that the buyer canceled its order."""
    made = {name: value for name, value in found.items() if name not in ("status", "quantity", "ship_on", "deliver_on")}
    off, no = canceled.taken_off(found, whole=whole), canceled.refused(found, whole=whole)
    status, quantity = found["status"], exact(found["quantity"])
    parts = [
        (PARTS[status], quantity, quantity or status in ("accepted", "changed")),
        (BACKORDERED, made.pop("backordered", None), None),
        (REJECTED, no, None),
        (DELETED, off, None),
    ]
    for name in ("rejected", "canceled"):
        made.pop(name, None)
    answers = [
        {"code": code, "quantity": exact(amount), "unit": found.get("unit", "C62")}
        for code, amount, kept in parts
        if (kept if kept is not None else amount is not None and exact(amount))
    ]
    if answers:
        answers[0].update({name: found[name] for name in ("ship_on", "deliver_on") if found.get(name) is not None})
    return {**made, "answers": answers}


def from_answers(found: Json) -> Json:
    """Return the canonical order response of one whose lines have answers."""
    paper = positioned(together(found))
    paper["lines"] = [from_answered(each) for each in paper["lines"]]
    return {**paper, "canceled": True, "status": "rejected"} if canceled.is_canceled(paper) else paper


def from_answered(found: Json) -> Json:
    """Return a canonical line of an order response."""
    made = {name: value for name, value in found.items() if name != "answers"}
    answers = found.get("answers", ())
    codes = [each["code"] for each in answers]

    def units(wanted: Iterable[str]) -> Decimal:
        return sum((exact(each.get("quantity") or 0) for each in answers if each["code"] in wanted), Decimal(0))

    parts = {"backordered": [BACKORDERED], "rejected": [REJECTED, DELETED], "canceled": [DELETED]}
    made["quantity"] = units((*ACCEPTED, *CHANGED))
    made["status"] = answer(codes, confirmed=bool(made["quantity"]))
    made.update({name: amount for name, codes in parts.items() if (amount := units(codes))})
    for name in ("ship_on", "deliver_on"):
        value = next((each[name] for each in answers if each.get(name) is not None), None)
        if value is not None:
            made[name] = value
    return made


def answer(codes: list[str], *, confirmed: bool) -> str:
    """Return the status of a line by the codes of its answers."""
    if any(each in CHANGED for each in codes):
        return "changed"
    if BACKORDERED in codes:
        return "backordered"
    if REJECTED in codes or DELETED in codes:
        return "changed" if confirmed else "rejected"
    return "accepted"
