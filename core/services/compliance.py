"""Rules of trading partners as named checks, run on a paper before it is sent; each failure is said in a sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from core.domain.checkdigits import GTIN_LENGTHS, is_key
from core.domain.money import plain
from core.domain.vocabulary import Check, Paper

Json = Mapping[str, Any]
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a check looks at.

    Args:
        paper: canonical, values in their types.
        order: the order's body as it was sent (windows, references).
        ordered: units by position of the line, in the unit of the order.
        now: the time it would be sent at.
        due_at: when the partner wants it at the latest.
    """

    paper: Json
    order: Json
    ordered: Mapping[int, Decimal]
    now: datetime
    due_at: datetime | None


def _all_lines_answered(asked: Asked) -> str | None:
    answered = {
        line["position"]: line["quantity"] + (line.get("backordered") or ZERO) + (line.get("rejected") or ZERO)
        for line in asked.paper["lines"]
    }
    wrong = [position for position, units in asked.ordered.items() if answered.get(position) != units]
    return f"lines {_named(wrong)} are not answered in full" if wrong else None


def _in_time(asked: Asked) -> str | None:
    if asked.due_at is None or asked.now <= asked.due_at:
        return None
    minutes = int((asked.now - asked.due_at).total_seconds() // 60)
    return f"it is {minutes} minutes past the time it was due ({asked.due_at:%Y-%m-%d %H:%M} UTC)"


def _sscc_on_every_package(asked: Asked) -> str | None:
    packages = asked.paper["packages"]
    wrong = [each["number"] for each in packages if not each.get("sscc")]
    if not packages:
        return "it has no packages"
    return f"packages {_named(wrong)} have no SSCC" if wrong else None


def _gtin_on_every_line(asked: Asked) -> str | None:
    # A line of a credit note that names no item is money alone.
    items = [each for each in asked.paper["lines"] if any(each.get(name) for name in ("external_id", "sku"))]
    wrong = [each["position"] for each in items if not is_key(each.get("gtin") or "", GTIN_LENGTHS)]
    return f"lines {_named(wrong)} have no GTIN" if wrong else None


def _one_line_per_carton(asked: Asked) -> str | None:
    wrong = [
        each["number"]
        for each in asked.paper["packages"]
        if each["kind"] == "carton" and len({content["position"] for content in each.get("contents") or ()}) > 1
    ]
    return f"cartons {_named(wrong)} hold more than one line" if wrong else None


def _within_ship_window(asked: Asked) -> str | None:
    day = asked.paper["shipped_at"].date()
    first, last = _day(asked.order.get("ship_not_before")), _day(asked.order.get("ship_not_after"))
    if first and day < first:
        return f"it left on {day}, before {first}"
    return f"it left on {day}, after {last}" if last and day > last else None


def _shipped_in_full(asked: Asked) -> str | None:
    sent = {line["position"]: line["quantity"] for line in asked.paper["lines"]}
    wrong = [position for position, units in asked.ordered.items() if sent.get(position, ZERO) < units]
    return f"lines {_named(wrong)} are not shipped in full" if wrong else None


def _lot_on_every_content(asked: Asked) -> str | None:
    wrong = [
        each["number"]
        for each in asked.paper["packages"]
        if any(not content.get("lot") for content in each.get("contents") or ())
    ]
    return f"packages {_named(wrong)} hold units without a lot" if wrong else None


def _references_kept(asked: Asked) -> str | None:
    said = asked.paper.get("references") or {}
    wrong = [name for name, value in (asked.order.get("references") or {}).items() if said.get(name) != value]
    return f"the order's {', '.join(sorted(wrong))} are not on it" if wrong else None


def _named(numbers: list[int]) -> str:
    return ", ".join(str(each) for each in sorted(numbers)[:20])


def _day(value: Any) -> date | None:
    return date.fromisoformat(value) if isinstance(value, str) else value


ADVICE, RESPONSE = frozenset({Paper.DESPATCH_ADVICE}), frozenset({Paper.ORDER_RESPONSE})
CHECKS: Mapping[Check, tuple[frozenset[Paper], Callable[[Asked], str | None]]] = {
    Check.ALL_LINES_ANSWERED: (RESPONSE, _all_lines_answered),
    Check.ANSWERED_IN_TIME: (RESPONSE, _in_time),
    Check.SSCC_ON_EVERY_PACKAGE: (ADVICE, _sscc_on_every_package),
    Check.GTIN_ON_EVERY_LINE: (frozenset(Paper), _gtin_on_every_line),
    Check.ONE_LINE_PER_CARTON: (ADVICE, _one_line_per_carton),
    Check.WITHIN_SHIP_WINDOW: (ADVICE, _within_ship_window),
    Check.ADVISED_IN_TIME: (ADVICE, _in_time),
    Check.SHIPPED_IN_FULL: (ADVICE, _shipped_in_full),
    Check.LOT_ON_EVERY_CONTENT: (ADVICE, _lot_on_every_content),
    Check.REFERENCES_KEPT: (frozenset(Paper), _references_kept),
}


def run_checks(kind: Paper, rules: list[dict[str, Any]], asked: Asked) -> list[dict[str, Any]]:
    """Return what each rule that is about this kind of paper says: [{check, passed, block, detail, fee}]."""
    found = []
    for rule in rules:
        kinds, check = CHECKS[Check(rule["check"])]
        if kind in kinds:
            detail = check(asked)
            fee = rule.get("fee")
            found.append(
                {
                    "check": rule["check"],
                    "passed": detail is None,
                    "block": rule["block"],
                    "detail": detail,
                    "fee": None if fee is None else plain(fee),
                }
            )
    return found
