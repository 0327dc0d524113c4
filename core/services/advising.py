"""Despatch advice and labels of a B2B shipment, both from its pack record and compared before either leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select

from core.domain.packtree import Content, Label, compare, faults_of
from core.domain.papers import check_paper, short_number
from core.domain.payloads import jsonable
from core.domain.vocabulary import Paper
from core.errors import Conflict, NotFound
from core.ports.connectors import Json
from core.services.advice_clock import clock_of
from core.services.agreements import terms_of
from core.services.facts import Facts
from core.services.packs import pack, packages_of
from core.services.papers import head_of, make_paper
from core.services.responding import lines_of, named
from core.services.sscc import Numbers
from core.services.trading import in_ordered
from core.store import schema as t
from core.store.locks import lock_order
from core.store.unit import Unit

ZERO = Decimal(0)


def shipment_of(unit: Unit, shipment_id: UUID) -> Row[Any]:
    """Return a shipment with its node.

    Raises:
        NotFound: there is no such shipment.
    """
    s, n = t.shipment, t.node
    row = unit.conn.execute(
        select(s, n.c.name.label("node_name"), n.c.city.label("node_city"), n.c.country.label("node_country"),
               n.c.postal_code.label("node_postal_code"))
        .join(n, (n.c.tenant_id == s.c.tenant_id) & (n.c.id == s.c.node_id))
        .where(s.c.tenant_id == unit.tenant, s.c.id == shipment_id)
    ).one_or_none()  # fmt: skip
    if row is None:
        raise NotFound(f"There is no shipment shp_{shipment_id.hex}.")
    return row


def advice_of(unit: Unit, shipment: Row[Any], order: Row[Any], lines: Sequence[Row[Any]], terms: Json) -> Json:
    """Return the despatch advice of a packed shipment, canonical."""
    by_id = {line.id: line for line in lines}
    packages = packages_of(unit, shipment.id, by_id)
    packed: dict[int, Decimal] = {}
    for each in packages:
        for content in each["contents"]:
            packed[content["position"]] = packed.get(content["position"], ZERO) + content["quantity"]
    head = head_of(order, terms, unit.now)
    found = {
        "number": short_number("S", shipment.id),
        "shipment_number": short_number("S", shipment.id),
        "shipped_at": shipment.shipped_at,
        "carrier": shipment.carrier,
        "service": shipment.service,
        "tracking_number": shipment.tracking_number,
        "ship_from": {
            "name": shipment.node_name,
            "city": shipment.node_city,
            "postal_code": shipment.node_postal_code,
            "country": shipment.node_country,
        },
        "gross_weight_g": sum(each.get("weight_g") or 0 for each in packages if "parent" not in each) or None,
        "lines": [_despatched(by_id[line], units, packed) for line, units in _shipped(unit, shipment.id)],
        "packages": packages,
    }
    return {**head, **{name: value for name, value in found.items() if value is not None}}


def _shipped(unit: Unit, shipment_id: UUID) -> list[tuple[UUID, Decimal]]:
    s, o = t.shipment_line.c, t.order_line.c
    rows = unit.conn.execute(
        select(s.line_id, s.quantity)
        .join(t.order_line, (o.tenant_id == s.tenant_id) & (o.id == s.line_id))
        .where(s.tenant_id == unit.tenant, s.shipment_id == shipment_id)
        .order_by(o.position, o.id)
    )
    return [(row.line_id, row.quantity) for row in rows]


def _despatched(line: Row[Any], units: Decimal, packed: Mapping[int, Decimal]) -> Json:
    quantity, unit, _ = in_ordered(line, units)
    # Contents that do not divide into the buyer's packs are counted in units of the item, and so is their line.
    if packed.get(line.position) == units:
        quantity, unit = units, line.unit
        ordered = line.quantity
    else:
        ordered = in_ordered(line, line.quantity)[0]
    return {**named(line), "unit": unit, "quantity": quantity, "ordered_quantity": ordered}


def advise(unit: Unit, facts: Facts, numbers: Numbers, shipment: Row[Any], order: Row[Any], terms: Json) -> None:
    """Pack a shipment and send its despatch advice, or keep it back; the order is locked."""
    lines = lines_of(unit, order.id)
    pack(unit, numbers, shipment, lines, terms)
    body = advice_of(unit, shipment, order, lines, terms)
    faults = faults_of(body)
    if not faults and all(each.get("sscc") for each in body["packages"]):
        faults = compare(labels_from(body), body)
    make_paper(
        unit,
        facts,
        Paper.DESPATCH_ADVICE,
        body,
        order,
        terms,
        ordered={line.position: in_ordered(line, line.quantity - line.canceled)[0] for line in lines},
        clock=clock_of(terms, shipment.shipped_at, unit.now),
        shipment_id=shipment.id,
        faults=faults,
    )


def labels_of(unit: Unit, numbers: Numbers, shipment_id: UUID) -> list[Label]:
    """Return the labels of a shipment's packages, packing it first where nobody has; they match the despatch advice.

    Raises:
        NotFound: there is no such shipment, or no terms of trade say whose numbers its packages carry.
        Conflict: the labels would not say what the despatch advice says.
    """
    order = lock_order(unit, shipment_of(unit, shipment_id).order_id)
    shipment = shipment_of(unit, shipment_id)
    terms = terms_of(unit.conn, order.connection_id, unit.tenant)
    if terms is None or not terms.get("sscc"):
        raise NotFound(
            "There are no labels: no company prefix was agreed for this partner.",
            fix="Set `sscc` in the terms of trade of the connection.",
            code="LABEL-TERMS-404",
        )
    lines = lines_of(unit, order.id)
    pack(unit, numbers, shipment, lines, terms)
    made = advice_of(unit, shipment, order, lines, terms)
    labels = labels_from(made)
    faults = faults_of(made) + compare(labels, _sent(unit, shipment_id) or made)
    if faults:
        raise Conflict(
            f"The labels of {shipment.number} are not printed: {faults[0]}.",
            why="Label and despatch advice must say the same before either leaves.",
            fix="Have the node report what is in which package.",
            code="LABEL-TREE-409",
            errors=[{"path": "packages", "reason": each} for each in faults],
        )
    return labels


def _sent(unit: Unit, shipment_id: UUID) -> Json | None:
    """Return the despatch advice that has left for a shipment, if one has."""
    c = t.paper.c
    body = unit.conn.execute(
        select(c.body).where(
            c.tenant_id == unit.tenant,
            c.shipment_id == shipment_id,
            c.kind == str(Paper.DESPATCH_ADVICE),
            c.state != "kept_back",
        )
    ).scalar_one_or_none()
    return None if body is None else check_paper(Paper.DESPATCH_ADVICE, body)


def labels_from(advice: Json) -> list[Label]:
    """Return one label for each numbered package of a despatch advice."""
    lines = {line["position"]: line for line in advice["lines"]}
    packages = advice["packages"]
    found = []
    for package in packages:
        below = {package["number"]}
        for each in packages:
            if each.get("parent") in below:
                below.add(each["number"])
        inside = [content for each in packages if each["number"] in below for content in each.get("contents") or ()]
        if package.get("sscc"):
            found.append(
                Label(
                    package["number"], len(packages), package["kind"], package["sscc"], advice.get("ship_from") or {},
                    jsonable(advice.get("ship_to") or {}), advice.get("order_number"), advice["shipment_number"],
                    advice.get("carrier"), tuple(_merged(inside, lines)),
                )
            )  # fmt: skip
    return found


def _merged(inside: Sequence[Json], lines: Mapping[int, Json]) -> list[Content]:
    """Return contents of the same line and lot as one."""
    units: dict[tuple[Any, ...], Decimal] = {}
    for each in inside:
        if each["position"] in lines:
            key = (each["position"], each.get("lot"), each.get("expires_on"))
            units[key] = units.get(key, ZERO) + each["quantity"]
    return [
        Content(
            position, lines[position].get("sku"), lines[position].get("gtin"), lines[position].get("title"), quantity,
            lines[position]["unit"], lot, expires_on,
        )
        for (position, lot, expires_on), quantity in units.items()
    ]  # fmt: skip
