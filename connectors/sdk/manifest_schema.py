"""The marshmallow schema of `connector.yaml`; the help texts here are the reference in docs/connectors.md."""

from __future__ import annotations

from dataclasses import fields as fields_of
from pathlib import Path
from typing import Any

from marshmallow import ValidationError, fields, post_load, validates_schema

from connectors.sdk import manifest as data
from connectors.sdk.manifest_fields import Part, one_of, text
from connectors.sdk.manifest_parts import (
    AuthPart,
    DocumentPart,
    ErrorsPart,
    LimitsPart,
    PollPart,
    QualityPart,
    RequestPart,
    Rule,
    SettingPart,
    WebhookPart,
)
from connectors.sdk.manifest_words import ID, KINDS, LISTS, RULES, UNKNOWN_TOPIC, VERBS
from core.domain.documents import reasons
from core.domain.vocabulary import Write
from core.errors import Misconfigured

# Distributions of others put it before the id: crossdock_acme_wms holds acme-wms.
PREFIX = "crossdock_"


class ManifestPart(Part):
    """The whole of connector.yaml."""

    id = text("The folder's name with `-` for `_`.", required=True, validate=ID)
    label = text("Name shown to people.", required=True)
    kind = one_of("What kind of system it is.", KINDS, required=True)
    api_version = text("Version of the partner's API that is spoken; quoted.")
    end_of_life = fields.Date(metadata={"help": "Day that version stops working."}, allow_none=True)
    capabilities = fields.List(one_of("Verb.", VERBS), metadata={"help": "The verbs it has."}, required=True)
    settings = fields.List(fields.Nested(SettingPart), metadata={"help": "What a person fills in."})
    hosts = fields.List(fields.String(), metadata={"help": "Base addresses no setting of type url names; templates."})
    check = text("Path of a harmless GET that proves address and credentials; it may have a query.")
    auth = fields.Nested(AuthPart, metadata={"help": "How requests prove who they are."})
    limits = fields.Nested(LimitsPart, metadata={"help": "What the partner bears."})
    webhook = fields.Nested(WebhookPart, metadata={"help": "How incoming calls are proven."})
    poll = fields.Dict(
        keys=one_of("List.", ("orders", "stock", "items", "files")),
        values=fields.Nested(PollPart),
        metadata={"help": "How often `list_orders`, `list_stock`, `list_items` and drop folders are asked."},
    )
    documents = fields.List(fields.Nested(DocumentPart), metadata={"help": "What incoming topics mean."})
    unknown_topic = one_of(
        "What becomes of a topic no row speaks of: platforms send some nobody asked for; `quarantine` where the sender "
        "can only have mistyped it.",
        UNKNOWN_TOPIC,
        load_default="ignore",
    )
    requests = fields.Dict(
        keys=one_of("Verb.", [*Write, *LISTS]),
        values=fields.Nested(RequestPart),
        metadata={"help": "Verbs that need no Python."},
    )
    codes = fields.Dict(
        keys=fields.String(),
        values=fields.Dict(),
        metadata={"help": "Code lists: partner code to canonical code, or `read:` and `write:` tables."},
    )
    errors = fields.Nested(ErrorsPart, metadata={"help": "What the partner's errors mean."})
    quality = fields.Dict(
        keys=one_of("Rule.", RULES),
        values=Rule(QualityPart),
        metadata={"help": "The quality scale: rule to `done`, `todo` or `{status: exempt, reason: …}`."},
    )

    @validates_schema
    def sound(self, given: dict[str, Any], **_more: Any) -> None:
        """What is named exists; every write can be looked up."""
        secrets = {each.name for each in given.get("settings", ()) if each.secret}
        named = {each.name for each in given.get("settings", ())}
        auth, webhook = given.get("auth"), given.get("webhook")
        wrong: dict[str, list[str]] = {}
        for part, name, known in (
            ("auth", auth and auth.secret, secrets),
            ("auth", auth and auth.username, named),
            ("auth", auth and auth.client_id, named),
            ("webhook", webhook and webhook.secret, secrets),
        ):
            if name and name not in known:
                kind = "secret setting" if known is secrets else "setting"
                wrong.setdefault(part, []).append(f"{name!r} is no {kind}")
        capabilities = set(given["capabilities"])
        writes = capabilities & set(Write)
        if writes and "find_by_reference" not in capabilities:
            wrong["capabilities"] = ["a connector that writes has find_by_reference"]
        for verb in set(given.get("requests", {})) - capabilities:
            wrong.setdefault("requests", []).append(f"{verb} is not among the capabilities")
        for verb, request in given.get("requests", {}).items():
            if verb in writes and "find" not in request:
                wrong.setdefault("requests", []).append(f"{verb} has no `find`")
            if verb in LISTS and "topic" not in request:
                wrong.setdefault("requests", []).append(f"{verb} has no `topic`")
        if len(named) != len(given.get("settings", ())):
            wrong["settings"] = ["a name stands twice"]
        if wrong:
            raise ValidationError(wrong)

    @post_load
    def make(self, found: dict[str, Any], **_more: Any) -> dict[str, Any]:
        """Return the keyword arguments of the Manifest."""
        for name in ("settings", "hosts", "documents"):
            found[name] = tuple(found.get(name, ()))
        found["capabilities"] = frozenset(found["capabilities"])
        found["limits"] = {**data.DEFAULT_LIMITS, **found.get("limits", {})}
        found["requests"] = {verb: request_of(verb, row) for verb, row in found.get("requests", {}).items()}
        return found


def request_of(verb: str, row: dict[str, Any]) -> data.Request:
    """Return a request row; lists are GET by default."""
    given: dict[str, Any] = {"method": "GET"} if verb in LISTS else {}
    given |= row
    if "ok" in row:
        given["ok"] = tuple(row["ok"])
    return data.Request(verb=verb, **given)


def read_manifest(found: Any, folder: Path) -> data.Manifest:
    """Return the manifest in a loaded YAML document.

    Raises:
        Misconfigured: it does not fit; `errors` = [{path, reason}].
    """
    path = folder / data.FILE
    try:
        if not isinstance(found, dict):
            raise ValidationError("is not a table of keys")
        loaded = ManifestPart().load(found)
        expected = folder.name.removeprefix(PREFIX).replace("_", "-")
        if loaded["id"] != expected:
            raise ValidationError({"id": [f"is {loaded['id']!r}, but the folder says {expected!r}"]})
    except ValidationError as error:
        complaints = reasons(error.messages)
        for each in complaints:
            # marshmallow puts `value` between a table's key and what is wrong under it.
            each["path"] = each["path"].replace(".value.", ".").removesuffix(".value")
        named = "; ".join(f"{each['path'] or 'manifest'}: {each['reason'].rstrip('.')}" for each in complaints)
        raise Misconfigured(
            f"The manifest {path} is not valid: {named}.",
            fix="Every key is described in docs/connectors.md.",
            errors=complaints,
        ) from None
    known = {each.name for each in fields_of(data.Manifest)}
    return data.Manifest(folder=folder, **{name: value for name, value in loaded.items() if name in known})
