"""How kinds of accounts and states look: an icon and a tone for each word of the core."""

from __future__ import annotations

from console.web.context import services

ICONS = {
    "shop": "shopping-bag", "marketplace": "building-store", "erp": "database", "wms": "building-warehouse",
    "file": "files", "edi": "file-code", "carrier": "truck", "api": "code",
}  # fmt: skip
PHASE_TONES = {
    "held": "bad", "backordered": "warn", "ready": "info", "releasing": "info", "partly_shipped": "acc",
    "shipped": "ok", "delivered": "ok", "partly_returned": "warn", "returned": "", "canceled": "",
}  # fmt: skip
PHASE_ICONS = {
    "held": "hand-stop", "backordered": "clock-pause", "ready": "circle-dashed", "releasing": "loader-2",
    "partly_shipped": "arrows-split-2", "shipped": "truck-delivery", "delivered": "circle-check",
    "partly_returned": "arrow-back-up", "returned": "arrow-back-up", "canceled": "ban",
}  # fmt: skip
MESSAGE_TONES = {
    "received": "info", "normalized": "info", "applied": "ok", "duplicate": "", "ignored": "",
    "quarantined": "bad", "discarded": "",
}  # fmt: skip
DELIVERY_TONES = {
    "due": "info", "sending": "info", "waiting": "warn", "unknown": "warn", "delivered": "ok",
    "declined": "", "dead": "bad", "superseded": "",
}  # fmt: skip
WORK_TONES = {
    "planned": "info", "released": "info", "on_hold": "warn", "acknowledged": "info", "picking": "acc",
    "partly_shipped": "acc", "shipped": "ok", "rejected": "bad", "canceling": "warn", "canceled": "", "short": "bad",
    "labeled": "info", "handed_over": "info", "in_transit": "acc", "out_for_delivery": "acc", "delivered": "ok",
    "disturbed": "warn", "lost": "bad", "returned_to_sender": "bad", "voided": "",
    "held": "warn", "allocated": "info", "consumed": "ok",
}  # fmt: skip
PROMISE_TONES = {"standing": "info", "kept": "ok", "late": "bad", "unknown": "", "void": ""}
HEALTH = {
    "ok": ("ok", "Healthy"), "failing": ("bad", "Failing"), "paused": ("warn", "Paused"), "idle": ("", "Quiet"),
    "off": ("", "Off"),
}  # fmt: skip
CASE_ICONS = {
    "value": "barcode-off", "missing": "barcode-off", "connection": "cloud-off", "intermittent": "cloud-off",
    "rate_limit": "gauge", "too_large": "files", "parse": "file-invoice", "duplicate": "copy", "stock": "scale",
    "capacity": "building-warehouse", "address": "map-pin-off", "payment": "credit-card-off", "promise": "clock",
    "carrier": "truck", "document": "file-invoice", "policy": "route",
}  # fmt: skip


def kind_of(connector: str) -> str:
    """Return the kind of a connector, or `other` when it is not installed any more."""
    return services().connectors.kinds().get(connector, "other")


def kind_icon(connector: str) -> str:
    """Return the icon of a connector's kind."""
    return ICONS.get(kind_of(connector), "plug-connected")


def health_word(state: str) -> str:
    """Return the word for the health of an account."""
    return HEALTH[state][1]
