"""The state machines of model.md, one table each."""

from __future__ import annotations

from enum import StrEnum

from core.domain.machine import Machine


class MessageState(StrEnum):
    """Where a received message stands."""

    RECEIVED = "received"
    NORMALIZED = "normalized"
    APPLIED = "applied"
    DUPLICATE = "duplicate"
    IGNORED = "ignored"
    QUARANTINED = "quarantined"
    DISCARDED = "discarded"


M = MessageState
# Applied, duplicate and ignored are final for the flow; replay is a new reading of the same bytes by a person's order.
MESSAGE = Machine(
    "message",
    MessageState,
    {M.RECEIVED},
    {M.DISCARDED},
    {
        (M.RECEIVED, "normalize"): M.NORMALIZED,
        (M.RECEIVED, "ignore"): M.IGNORED,
        (M.RECEIVED, "quarantine"): M.QUARANTINED,
        (M.NORMALIZED, "apply"): M.APPLIED,
        (M.NORMALIZED, "find_duplicate"): M.DUPLICATE,
        (M.NORMALIZED, "ignore"): M.IGNORED,
        (M.NORMALIZED, "quarantine"): M.QUARANTINED,
        (M.APPLIED, "replay"): M.RECEIVED,
        (M.DUPLICATE, "replay"): M.RECEIVED,
        (M.IGNORED, "replay"): M.RECEIVED,
        (M.QUARANTINED, "replay"): M.RECEIVED,
        (M.QUARANTINED, "discard"): M.DISCARDED,
    },
)


class DeliveryState(StrEnum):
    """Where an outgoing write stands."""

    DUE = "due"
    SENDING = "sending"
    WAITING = "waiting"
    UNKNOWN = "unknown"
    DELIVERED = "delivered"
    DECLINED = "declined"
    DEAD = "dead"
    SUPERSEDED = "superseded"


D = DeliveryState
DELIVERY = Machine(
    "delivery",
    DeliveryState,
    {D.DUE},
    {D.DECLINED, D.SUPERSEDED},
    {
        (D.DUE, "claim"): D.SENDING,
        (D.WAITING, "claim"): D.SENDING,
        (D.UNKNOWN, "claim"): D.SENDING,
        (D.SENDING, "succeed"): D.DELIVERED,
        (D.SENDING, "decline"): D.DECLINED,
        (D.SENDING, "wait"): D.WAITING,
        (D.SENDING, "lose_reply"): D.UNKNOWN,
        (D.SENDING, "lose_lease"): D.UNKNOWN,
        (D.SENDING, "give_up"): D.DEAD,
        # The partner's receipt came by itself and says that he could not read it: he has taken nothing.
        (D.DELIVERED, "unread"): D.DUE,
        # What a dead letter may have done before it died is looked up first.
        (D.DEAD, "retry"): D.UNKNOWN,
        (D.DUE, "supersede"): D.SUPERSEDED,
        (D.WAITING, "supersede"): D.SUPERSEDED,
        (D.DEAD, "supersede"): D.SUPERSEDED,
    },
)
UNFINISHED_DELIVERY = (D.DUE, D.WAITING, D.SENDING, D.UNKNOWN)


class OrderState(StrEnum):
    """The stored state of an order; its phase is derived from lines, holds and fulfillment."""

    RECEIVED = "received"
    ACCEPTED = "accepted"
    HELD = "held"
    IN_PROGRESS = "in_progress"
    CANCELING = "canceling"
    COMPLETED = "completed"
    CANCELED = "canceled"


O = OrderState  # noqa: E741 - the table below reads best with one letter
ORDER = Machine(
    "order",
    OrderState,
    {O.RECEIVED},
    {O.COMPLETED, O.CANCELED},
    {
        (O.RECEIVED, "accept"): O.ACCEPTED,
        (O.RECEIVED, "hold"): O.HELD,
        (O.RECEIVED, "cancel"): O.CANCELED,
        (O.ACCEPTED, "hold"): O.HELD,
        (O.HELD, "release"): O.ACCEPTED,
        (O.HELD, "cancel"): O.CANCELED,
        (O.ACCEPTED, "start"): O.IN_PROGRESS,
        (O.ACCEPTED, "cancel"): O.CANCELED,
        (O.ACCEPTED, "complete"): O.COMPLETED,
        (O.ACCEPTED, "request_cancel"): O.CANCELING,
        (O.IN_PROGRESS, "request_cancel"): O.CANCELING,
        (O.IN_PROGRESS, "complete"): O.COMPLETED,
        (O.IN_PROGRESS, "cancel"): O.CANCELED,
        (O.IN_PROGRESS, "hold"): O.HELD,
        (O.CANCELING, "cancel"): O.CANCELED,
        (O.CANCELING, "decline"): O.IN_PROGRESS,
        (O.CANCELING, "complete"): O.COMPLETED,
    },
)


class ReservationState(StrEnum):
    """Whether units are promised with expiry, promised for good, gone or given back."""

    HELD = "held"
    ALLOCATED = "allocated"
    CONSUMED = "consumed"
    RELEASED = "released"
    EXPIRED = "expired"


R = ReservationState
RESERVATION = Machine(
    "reservation",
    ReservationState,
    {R.HELD, R.ALLOCATED},
    {R.CONSUMED, R.RELEASED, R.EXPIRED},
    {
        (R.HELD, "allocate"): R.ALLOCATED,
        (R.HELD, "expire"): R.EXPIRED,
        (R.HELD, "release"): R.RELEASED,
        (R.ALLOCATED, "consume"): R.CONSUMED,
        (R.ALLOCATED, "release"): R.RELEASED,
    },
)


class FulfillmentState(StrEnum):
    """Where the work of one node for one order stands."""

    PLANNED = "planned"
    RELEASED = "released"
    ON_HOLD = "on_hold"
    ACKNOWLEDGED = "acknowledged"
    PICKING = "picking"
    PARTLY_SHIPPED = "partly_shipped"
    SHIPPED = "shipped"
    REJECTED = "rejected"
    CANCELING = "canceling"
    CANCELED = "canceled"
    SHORT = "short"


F = FulfillmentState
FULFILLMENT = Machine(
    "fulfillment order",
    FulfillmentState,
    {F.PLANNED},
    {F.SHIPPED, F.REJECTED, F.CANCELED, F.SHORT},
    {
        (F.PLANNED, "release"): F.RELEASED,
        (F.PLANNED, "hold"): F.ON_HOLD,
        (F.PLANNED, "cancel"): F.CANCELED,
        (F.ON_HOLD, "resume"): F.PLANNED,
        (F.ON_HOLD, "cancel"): F.CANCELED,
        (F.RELEASED, "acknowledge"): F.ACKNOWLEDGED,
        (F.RELEASED, "reject"): F.REJECTED,
        (F.RELEASED, "pick"): F.PICKING,
        (F.RELEASED, "ship_part"): F.PARTLY_SHIPPED,
        (F.RELEASED, "ship"): F.SHIPPED,
        (F.RELEASED, "run_short"): F.SHORT,
        (F.RELEASED, "request_cancel"): F.CANCELING,
        (F.RELEASED, "cancel"): F.CANCELED,
        (F.RELEASED, "hold"): F.ON_HOLD,
        (F.ACKNOWLEDGED, "reject"): F.REJECTED,
        (F.ACKNOWLEDGED, "pick"): F.PICKING,
        (F.ACKNOWLEDGED, "ship_part"): F.PARTLY_SHIPPED,
        (F.ACKNOWLEDGED, "ship"): F.SHIPPED,
        (F.ACKNOWLEDGED, "run_short"): F.SHORT,
        (F.ACKNOWLEDGED, "request_cancel"): F.CANCELING,
        (F.ACKNOWLEDGED, "hold"): F.ON_HOLD,
        (F.PICKING, "ship_part"): F.PARTLY_SHIPPED,
        (F.PICKING, "ship"): F.SHIPPED,
        (F.PICKING, "run_short"): F.SHORT,
        (F.PICKING, "request_cancel"): F.CANCELING,
        (F.PICKING, "reject"): F.REJECTED,
        (F.PARTLY_SHIPPED, "ship_part"): F.PARTLY_SHIPPED,
        (F.PARTLY_SHIPPED, "ship"): F.SHIPPED,
        (F.PARTLY_SHIPPED, "run_short"): F.SHORT,
        (F.PARTLY_SHIPPED, "reject"): F.SHORT,
        (F.PARTLY_SHIPPED, "request_cancel"): F.CANCELING,
        (F.CANCELING, "cancel"): F.CANCELED,
        (F.CANCELING, "decline"): F.PICKING,
        (F.CANCELING, "ship_part"): F.PARTLY_SHIPPED,
        (F.CANCELING, "ship"): F.SHIPPED,
        (F.CANCELING, "reject"): F.REJECTED,
        (F.CANCELING, "run_short"): F.SHORT,
    },
)
OPEN_FULFILLMENT = tuple(state for state in F if state not in FULFILLMENT.final)


class ShipmentState(StrEnum):
    """Where a shipment is, by the carrier's newest fact; a lost one is where a later fact finds it."""

    LABELED = "labeled"
    VOIDED = "voided"
    HANDED_OVER = "handed_over"
    IN_TRANSIT = "in_transit"
    DISTURBED = "disturbed"
    OUT_FOR_DELIVERY = "out_for_delivery"
    DELIVERED = "delivered"
    LOST = "lost"
    RETURNED_TO_SENDER = "returned_to_sender"


S = ShipmentState
# Carrier facts may skip steps: each later state is reachable from each earlier one that is still moving.
_MOVING = (S.LABELED, S.HANDED_OVER, S.IN_TRANSIT, S.DISTURBED, S.OUT_FOR_DELIVERY)
# Carriers find lost parcels: who scans, delivers or returns one has it; a disturbance may be the search for it. What
# went back stays back: `delivered`, said of it afterwards, means to its sender.
SHIPMENT = Machine(
    "shipment",
    ShipmentState,
    {S.LABELED, S.HANDED_OVER},
    {S.VOIDED, S.DELIVERED, S.RETURNED_TO_SENDER},
    {
        (S.LABELED, "void"): S.VOIDED,
        **{(state, "hand_over"): S.HANDED_OVER for state in (S.LABELED, S.LOST)},
        **{(state, "transit"): S.IN_TRANSIT for state in (S.LABELED, S.HANDED_OVER, S.DISTURBED, S.LOST)},
        **{(state, "disturb"): S.DISTURBED for state in (S.HANDED_OVER, S.IN_TRANSIT, S.OUT_FOR_DELIVERY)},
        **{(state, "go_out"): S.OUT_FOR_DELIVERY for state in (*_MOVING, S.LOST) if state != S.OUT_FOR_DELIVERY},
        **{(state, "deliver"): S.DELIVERED for state in (*_MOVING, S.LOST)},
        **{(state, "lose"): S.LOST for state in _MOVING if state != S.LABELED},
        **{(state, "send_back"): S.RETURNED_TO_SENDER for state in (*_MOVING, S.LOST) if state != S.LABELED},
    },
)
TRACKING_TRIGGER = {
    "handed_over": "hand_over", "in_transit": "transit", "disturbed": "disturb", "out_for_delivery": "go_out",
    "delivered": "deliver", "lost": "lose", "returned_to_sender": "send_back", "voided": "void",
}  # fmt: skip
TRACKING_RANK = {
    "labeled": 0, "voided": 9, "handed_over": 1, "in_transit": 2, "disturbed": 2, "out_for_delivery": 3,
    "delivered": 9, "lost": 9, "returned_to_sender": 9,
}  # fmt: skip
# Facts that find a lost parcel.
FINDING = tuple(status for status, trigger in TRACKING_TRIGGER.items() if SHIPMENT.may(S.LOST, trigger))


class CaseState(StrEnum):
    """Where an exception case stands."""

    OPEN = "open"
    AUTO_RESOLVING = "auto_resolving"
    ASSIGNED = "assigned"
    SNOOZED = "snoozed"
    RESOLVED = "resolved"
    DISMISSED = "dismissed"
    SUPERSEDED = "superseded"


C = CaseState
_LIVE = (C.OPEN, C.ASSIGNED, C.SNOOZED)
CASE = Machine(
    "exception case",
    CaseState,
    {C.OPEN},
    set(),
    {
        (C.OPEN, "resolve_automatically"): C.AUTO_RESOLVING,
        (C.AUTO_RESOLVING, "resolve"): C.RESOLVED,
        (C.AUTO_RESOLVING, "reopen"): C.OPEN,
        **{(state, "assign"): C.ASSIGNED for state in _LIVE},
        **{(state, "snooze"): C.SNOOZED for state in (C.OPEN, C.ASSIGNED)},
        **{(state, "unassign"): C.OPEN for state in (C.ASSIGNED, C.SNOOZED)},
        **{(state, "resolve"): C.RESOLVED for state in _LIVE},
        **{(state, "dismiss"): C.DISMISSED for state in _LIVE},
        **{(state, "lose_cause"): C.SUPERSEDED for state in _LIVE},
        **{(state, "reopen"): C.OPEN for state in (C.RESOLVED, C.DISMISSED, C.SUPERSEDED)},
    },
)
LIVE_CASE = (C.OPEN, C.AUTO_RESOLVING, C.ASSIGNED, C.SNOOZED)
MACHINES = (MESSAGE, DELIVERY, ORDER, RESERVATION, FULFILLMENT, SHIPMENT, CASE)
