"""The closed word lists of the manifest."""

from __future__ import annotations

from collections.abc import Mapping

from marshmallow import validate

from core.domain.vocabulary import Write

KINDS = ("shop", "marketplace", "edi", "erp", "wms", "carrier", "mail", "file", "crm")
LISTS = ("list_orders", "list_stock", "list_items")
VERBS = (*(str(each) for each in Write), *LISTS, "find_by_reference", "receive_orders", "receive_files")
SETTING_TYPES = ("text", "url", "integer", "number", "boolean", "choice", "folder", "json")
AUTH_SCHEMES = ("none", "api_key", "basic", "bearer", "oauth2", "custom")
WEBHOOK_SCHEMES = ("hmac-sha256", "standard-webhooks", "bearer", "custom")
PAGING_SCHEMES = ("cursor", "page", "offset", "link")
ERROR_CLASSES = ("transient", "rate_limited", "outcome_unknown", "rejected", "declined", "misconfigured")
UNKNOWN_TOPIC = ("ignore", "quarantine")
QUALITY_RULES: Mapping[str, tuple[str, ...]] = {
    "bronze": ("maps", "goldens"),
    "silver": ("errors", "replay", "paging", "signature", "find_by_reference"),
    "gold": ("simulator", "backfill", "reconciliation"),
    "platinum": ("vendor_contract", "load"),
}
RULES = tuple(rule for rules in QUALITY_RULES.values() for rule in rules)
ID = validate.Regexp(r"\A[a-z][a-z0-9]*(-[a-z0-9]+)*\Z", error="must be lower case words joined by hyphens")
NAME = validate.Regexp(r"\A[a-z][a-z0-9_]*\Z", error="must be lower case letters, digits and _")
