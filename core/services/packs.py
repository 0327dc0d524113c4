"""Pack records: the pallets and cartons of a shipment as rows, from what the node reported, each with its SSCC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text

from core.domain.checkdigits import SSCC_LENGTHS, is_key
from core.domain.ids import uuid7
from core.domain.trade_terms import series_of
from core.errors import InputError
from core.ports.connectors import Json
from core.services.fulfilling import as_uuid
from core.services.sscc import KEPT, Numbers
from core.services.trading import in_ordered
from core.store import schema as t
from core.store.bulk import copy_rows
from core.store.unit import Unit

ZERO = Decimal(0)
TAKEN = text(
    "SELECT sscc FROM package WHERE tenant_id = :t AND sscc = ANY(:ssccs) AND shipment_id <> :s"
    " AND created_at > clock_timestamp() - CAST(:kept AS interval)"
)


def pack(unit: Unit, numbers: Numbers, shipment: Row[Any], lines: Sequence[Row[Any]], terms: Json) -> None:
    """Write the packages of a shipment once; packed before, nothing changes.

    A node that reports no packages has shipped one carton. Where it reports one without its contents, everything is in
    it; where it reports several without, nobody knows, and the despatch advice is kept back until it says so.

    Args:
        unit: the running transaction, holding the order's lock.
        numbers: hands out SSCCs to packages that came without one.
        shipment: its row.
        lines: those of its order.
        terms: of trade with the partner; without a company prefix packages keep the numbers they came with.

    Raises:
        InputError: a reported SSCC is wrong or was used within twelve months, or a package stands on an unknown one.
    """
    p = t.package.c
    known = select(p.id).where(p.tenant_id == unit.tenant, p.shipment_id == shipment.id).limit(1)
    if unit.conn.execute(known).first():
        return
    shipped = _shipped(unit, shipment.id)
    reported: list[Json] = list(shipment.packages or [{}])
    if len(reported) == 1 and not reported[0].get("contents"):
        contents = [{"line": f"lin_{line.hex}", "quantity": units} for line, units in shipped.items()]
        reported = [{**reported[0], "contents": contents}]
    ordered = _tree(reported)
    _free(unit, shipment.id, [each["sscc"] for each, _ in ordered if each.get("sscc")])
    lacking = [index for index, (each, _) in enumerate(ordered) if not each.get("sscc")]
    fresh = numbers.take(unit, series_of(terms["sscc"]), len(lacking)) if lacking and terms.get("sscc") else []
    own = dict(zip(lacking, fresh, strict=False))
    ids = [uuid7() for _ in ordered]
    copy_rows(
        unit,
        t.package,
        ("id", "shipment_id", "parent_id", "number", "kind", "sscc", "tracking_number", "weight_g"),
        [
            (
                ids[index], shipment.id, None if parent is None else ids[parent], index + 1, each["kind"],
                each.get("sscc") or own.get(index), each.get("tracking_number"), each.get("weight_g"),
            )
            for index, (each, parent) in enumerate(ordered)
        ],
    )  # fmt: skip
    copy_rows(
        unit,
        t.package_content,
        ("id", "package_id", "line_id", "quantity", "lot", "expires_on"),
        [
            (
                uuid7(),
                ids[index],
                _line(lines, content),
                Decimal(str(content["quantity"])),
                content.get("lot"),
                _day(content),
            )
            for index, (each, _) in enumerate(ordered)
            for content in each.get("contents") or ()
        ],
    )  # fmt: skip


def _shipped(unit: Unit, shipment_id: UUID) -> dict[UUID, Decimal]:
    s = t.shipment_line.c
    rows = unit.conn.execute(
        select(s.line_id, s.quantity).where(s.tenant_id == unit.tenant, s.shipment_id == shipment_id)
    )
    return {row.line_id: row.quantity for row in rows}


def _tree(reported: Sequence[Json]) -> list[tuple[Json, int | None]]:
    """Return packages with the place of what each stands on, every package behind the one it stands on.

    Raises:
        InputError: a package stands on one that was not reported, or two stand on each other.
    """
    below: dict[str | None, list[Json]] = {}
    known = {each["id"] for each in reported if each.get("id")}
    for each in reported:
        parent = each.get("parent")
        if parent is not None and parent not in known:
            raise InputError(f"A package stands on {parent!r}, which was not reported.", code="PACK-PARENT-422")
        below.setdefault(parent, []).append(each)
    found: list[tuple[Json, int | None]] = []

    def walk(name: str | None, place: int | None) -> None:
        for each in below.pop(name, ()):
            carries = each.get("id") in below and each.get("id") is not None
            found.append(({"kind": "pallet" if carries else "carton", **_said(each)}, place))
            if carries:
                walk(each["id"], len(found) - 1)

    walk(None, None)
    if len(found) != len(reported):
        raise InputError("Packages stand on each other in a circle.", code="PACK-PARENT-422")
    return found


def _said(package: Json) -> Json:
    return {name: value for name, value in package.items() if value is not None}


def _free(unit: Unit, shipment_id: UUID, ssccs: Sequence[str]) -> None:
    wrong = [each for each in ssccs if not is_key(each, SSCC_LENGTHS)]
    if wrong:
        raise InputError(
            f"{wrong[0]!r} is no SSCC: 18 digits, the last a check digit.",
            fix="Have the node report its packages again.",
            code="SSCC-DIGIT-422",
        )
    names = {"t": unit.tenant, "ssccs": list(ssccs), "s": shipment_id, "kept": _interval(KEPT)}
    taken = unit.conn.execute(TAKEN, names).scalars().all()
    if taken or len(set(ssccs)) != len(ssccs):
        raise InputError(
            f"The SSCC {taken[0] if taken else ssccs[0]} was used for another package within twelve months.",
            fix="Have the node number the package anew, or leave the number out: the hub then gives one.",
            code="SSCC-USED-422",
        )


def _interval(length: timedelta) -> str:
    return f"{length.days} days"


def _line(lines: Sequence[Row[Any]], content: Json) -> UUID:
    wanted, code = as_uuid(content.get("line")), content.get("sku") or content.get("line")
    for line in lines:
        if wanted == line.id or (code is not None and code in (line.sku, line.item_sku, line.external_id)):
            return UUID(str(line.id))
    raise InputError(
        f"A package holds {code!r}, which is no line of the order.",
        fix="Name lines by our ids (lin_…) or by SKU.",
        code="PACK-LINE-422",
    )


def _day(content: Json) -> date | None:
    found = content.get("expires_on")
    return date.fromisoformat(found) if isinstance(found, str) else found


def packages_of(unit: Unit, shipment_id: UUID, lines: Mapping[UUID, Row[Any]]) -> list[Json]:
    """Return the packages of a shipment as the despatch advice has them, in units as the buyer ordered.

    Args:
        unit: a transaction.
        shipment_id: the shipment.
        lines: those of its order by id.
    """
    p, c = t.package.c, t.package_content.c
    rows = unit.conn.execute(
        select(t.package).where(p.tenant_id == unit.tenant, p.shipment_id == shipment_id).order_by(p.number)
    ).all()
    numbers = {row.id: row.number for row in rows}
    inside: dict[UUID, list[Json]] = {}
    for row in unit.conn.execute(
        select(t.package_content).where(c.tenant_id == unit.tenant, c.package_id.in_(list(numbers))).order_by(c.id)
    ):
        content = {
            "position": lines[row.line_id].position,
            "quantity": row.quantity,
            "lot": row.lot,
            "expires_on": row.expires_on,
            "line_id": row.line_id,
        }
        inside.setdefault(row.package_id, []).append(content)
    whole = _divides(inside, lines)
    for contents in inside.values():
        for content in contents:
            line = lines[content.pop("line_id")]
            if whole[line.id]:
                content["quantity"] = in_ordered(line, content["quantity"])[0]
    return [
        {
            "number": row.number,
            **({"parent": numbers[row.parent_id]} if row.parent_id else {}),
            "kind": row.kind,
            **{name: getattr(row, name) for name in ("sscc", "tracking_number", "weight_g") if getattr(row, name)},
            "contents": [_said(each) for each in inside.get(row.id, [])],
        }
        for row in rows
    ]


def _divides(inside: Mapping[UUID, Sequence[Json]], lines: Mapping[UUID, Row[Any]]) -> dict[UUID, bool]:
    """Return for each line whether all its packed parts are whole as the buyer ordered it."""
    found: dict[UUID, bool] = {}
    for contents in inside.values():
        for content in contents:
            line = lines[content["line_id"]]
            same = in_ordered(line, content["quantity"])[1] == in_ordered(line, line.quantity)[1]
            found[line.id] = found.get(line.id, True) and same
    return found
