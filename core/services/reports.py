"""What nodes report of their work, parcels and all: decided report by report, written for a whole batch at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from uuid import UUID

from core.domain.cases import STUCK
from core.domain.ids import uuid7
from core.errors import CrossdockError, InputError, NotFound
from core.ports.connectors import Json
from core.services.allocations import end_allocations
from core.services.canceling import cancel_requested
from core.services.cases import settle_members
from core.services.facts import Facts
from core.services.finishing import settle_cancels
from core.services.fulfilling import count_work_units, lock_works, set_work_states, source_again, work_lines
from core.services.measures import in_units_of_work
from core.services.phase import refresh_phases
from core.services.promise_looks import look_at_promise
from core.services.serials import Doubt, doubt_serials, refuse_serials, report_serials
from core.services.shipping import check_left, report_surplus, shipped_before, tell_shipments, write_shipments
from core.services.steps import LATE, SHIPPED, SHORT, Step
from core.store.unit import Unit

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Report:
    """What a node says: that a parcel left, or how its work stands.

    Attributes:
        document: the canonical shipment or fulfillment update.
        parcel: whether it is a shipment.
        connection_id: of the node that reports it.
        refuse: whether the reporter of a parcel is told of units that are not open; a node that has shipped already
            cannot be, and an exception asks a person to look after them.
        reason: cause and correlation of what it leads to, where they are not the transaction's.
    """

    document: Json
    parcel: bool
    connection_id: UUID | None = None
    refuse: bool = False
    reason: tuple[str | None, UUID | None] | None = None


@dataclass(frozen=True, slots=True)
class Reported:
    """A report as applied; a parcel's `shipment_id` is None when nothing was open, `new` false when it was known."""

    order_id: UUID
    shipment_id: UUID | None = None
    new: bool = True


def update_fulfillment(unit: Unit, facts: Facts, document: Json, connection_id: UUID | None = None) -> UUID:
    """Apply a node's word on its work and return the order it concerns.

    A report that comes late (the work is past that point) changes nothing.

    Raises:
        NotFound: nothing released has that id.
    """
    return _alone(unit, facts, Report(document, False, connection_id)).order_id


def ship(
    unit: Unit, facts: Facts, document: Json, connection_id: UUID | None = None, *, refuse: bool = False
) -> Reported:
    """Apply a shipment; one applied before changes nothing.

    Units beyond what the fulfillment order had open are never counted as shipped, so that `canceled + shipped + open
    = ordered` holds: with `refuse` nothing is done, else an exception asks a person to look after them. When all
    units are beyond, there is no shipment.

    Raises:
        NotFound: nothing released has that id.
        InputError: it names a line the fulfillment order does not have; with `refuse`, also serial numbers that cannot
            be right.
        Conflict: with `refuse`, when some of it is not open.
    """
    return _alone(unit, facts, Report(document, True, connection_id, refuse))


def _alone(unit: Unit, facts: Facts, report: Report) -> Reported:
    [answer] = apply_reports(unit, facts, [report])
    if isinstance(answer, CrossdockError):
        raise answer
    return answer


def apply_reports(unit: Unit, facts: Facts, reports: Sequence[Report]) -> list[Reported | CrossdockError]:
    """Apply reports about different orders and return what became of each, in order.

    What one of them cannot be applied for is known before anything is written, so it keeps back none of the others.
    All locks are taken in the order of `core.store.locks`, of each kind for all reports at once.

    Raises:
        ValueError: two of them are about the same order.
    """
    found = lock_works(unit, [(each.document, each.connection_id) for each in reports])
    pairs = [(report, each) for report, each in zip(reports, found, strict=True) if not isinstance(each, NotFound)]
    if len({order.id for _, (_, order) in pairs}) < len(pairs):
        raise ValueError("Two reports of a batch are about the same order.")
    lines = work_lines(unit, {work.id for _, (work, _) in pairs})
    before = shipped_before(
        unit, [(work.id, report.document["external_id"]) for report, (work, _) in pairs if report.parcel]
    )
    measured = in_units_of_work(
        unit,
        [
            (report.document, () if isinstance(each, NotFound) else lines[each[0].id])
            for report, each in zip(reports, found, strict=True)
        ],
    )
    reports = [
        report if isinstance(document, InputError) else replace(report, document=document)
        for report, document in zip(reports, measured, strict=True)
    ]
    answers: list[Reported | CrossdockError] = []
    parcels: list[Step] = []
    updates: list[Step] = []
    for report, document, each in zip(reports, measured, found, strict=True):
        if isinstance(each, NotFound):
            answers.append(each)
            continue
        work, order = each
        known = before.get((work.id, report.document["external_id"])) if report.parcel else None
        if known is not None:
            answers.append(Reported(order.id, known, new=False))
            continue
        if isinstance(document, InputError):
            answers.append(document)
            continue
        step = Step(report.document, work, order, lines[work.id])
        try:
            if report.parcel:
                if report.refuse:
                    check_left(step, unit.now)
                step.decide_shipment(refuse=report.refuse)
            else:
                step.decide_update()
        except CrossdockError as error:
            answers.append(error)
            continue
        if step.what == SHIPPED:
            step.shipment_id = uuid7()
        if report.reason:
            unit.reasons[order.id] = report.reason
        (parcels if report.parcel else updates).append(step)
        answers.append(Reported(order.id, step.shipment_id))
    doubts = _doubts(unit, reports, answers, parcels)
    _write(unit, facts, parcels, updates)
    report_serials(unit, facts, doubts)
    return answers


def _doubts(
    unit: Unit, reports: Sequence[Report], answers: list[Reported | CrossdockError], parcels: list[Step]
) -> list[tuple[Step, Doubt]]:
    """Return the parcels whose serial numbers cannot be right; those that may be refused are, and leave `parcels`."""
    shipped = [step for step in parcels if step.what == SHIPPED]
    taken = []
    for step, doubt in zip(shipped, doubt_serials(unit, shipped), strict=True):
        place = next(place for place, report in enumerate(reports) if report.document is step.document)
        if doubt and reports[place].refuse:
            answers[place] = refuse_serials(step, doubt)
            parcels[:] = [each for each in parcels if each is not step]
        elif doubt:
            taken.append((step, doubt))
    return taken


def _write(unit: Unit, facts: Facts, parcels: Sequence[Step], updates: Sequence[Step]) -> None:
    shipped = [step for step in parcels if step.what == SHIPPED]
    moved = [*shipped, *(step for step in updates if step.what not in ("", LATE))]
    _note_references(unit, updates)
    write_shipments(unit, shipped)
    count_work_units(
        unit,
        {line: units for step in moved for line, units in step.shipped.items()},
        {line: units for step in moved for line, units in step.canceled.items()},
    )
    back = _end(unit, moved)
    set_work_states(
        unit,
        {step.work.id: step.state for step in moved if step.state is not None},
        {step.work.id: _reason(step) for step in moved if step.status},
    )
    for step in updates:
        _note(unit, step)
    tell_shipments(unit, facts, shipped)
    for step in moved:
        if step.stops:
            cancel_requested(unit, facts, step.order, back[step.order.id])
    others = [step for step in moved if not step.stops]
    if settled := [step.order.id for step in others if step.what in (SHIPPED, "rejected", "cancel_declined")]:
        settle_cancels(unit, settled)
    if again := [step.order.id for step in others if step.what in (SHORT, "rejected")]:
        source_again(unit, *again)
    if left := [step.order.id for step in shipped]:
        settle_members(unit, "order", left, codes=[STUCK.code])
    # A node that was asked to give its work back has answered, whatever it says.
    if other := [step.order.id for step in moved if step.what == SHIPPED or step.work.state == "canceling"]:
        look_at_promise(unit, *other)
    refresh_phases(unit, [step.order.id for step in moved])
    report_surplus(unit, facts, [step for step in parcels if step.over or step.what != SHIPPED])


def _note_references(unit: Unit, updates: Sequence[Step]) -> None:
    """Keep the id a node has for its work, where none is known yet."""
    told = {
        step.work.id: step.document["reference"]
        for step in updates
        if step.document.get("reference") and not step.work.reference
    }
    if told:
        unit.conn.exec_driver_sql(
            "UPDATE fulfillment_order f SET reference = d.reference, updated_at = clock_timestamp(),"
            " version = f.version + 1 FROM unnest(%s::uuid[], %s::text[]) AS d(id, reference)"
            " WHERE f.tenant_id = %s AND f.id = d.id",
            (list(told), list(told.values()), unit.tenant),
        )


def _end(unit: Unit, steps: Sequence[Step]) -> Mapping[UUID, dict[UUID, Decimal]]:
    """End what the steps take of their allocations and return the units by order and line."""
    endings = [ending for step in steps if (ending := step.ending) is not None]
    done = {each.order_id: units for each, units in zip(endings, end_allocations(unit, endings), strict=True)}
    for step in steps:
        if step.shipped and done[step.order.id] != step.left:
            raise AssertionError(f"{step.work.number}: {step.left} left but {done[step.order.id]} were allocated")
    return {step.order.id: done.get(step.order.id, {}) for step in steps}


def _reason(step: Step) -> str | None:
    reason: str | None = step.document.get("reason")
    return reason or "short pick" if step.what == SHORT else reason


def _note(unit: Unit, step: Step) -> None:
    """Note the events of a node's word on its work."""
    if not step.what:
        return
    reason = step.document.get("reason")
    data: dict[str, str | None] = {"reason": reason}
    if step.what == LATE:
        data = {"status": step.status, "state": step.work.state}
    elif step.what == SHORT:
        data = {"units": format(sum(step.canceled.values(), ZERO), "f"), "reason": reason}
    unit.event(f"fulfillment.{step.what}", "fulfillment", step.work.id, data, order_id=step.order.id)
    if step.what == "cancel_declined":
        unit.event("order.cancel_declined", "order", step.order.id, {"reason": reason}, order_id=step.order.id)
