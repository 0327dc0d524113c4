"""What a person filled in for a connection, checked against the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.sdk.http import origin
from connectors.sdk.manifest import Manifest, Setting
from core.errors import Misconfigured
from core.ports.connectors import ConnectionConfig

BOOLEANS = {"true": True, "false": False, "yes": True, "no": False, "1": True, "0": False}


def resolve(manifest: Manifest, config: ConnectionConfig) -> dict[str, Any]:
    """Return the connection's settings with defaults filled in and every value in its type; secrets are not in it.

    Raises:
        Misconfigured: a required one is missing or a value does not fit; the error names them all, without values.
    """
    found = dict(config.settings)
    wrong: list[str] = []
    places: list[str] = []
    for setting in manifest.settings:
        if setting.secret:
            found.pop(setting.name, None)
            if setting.required and not config.secrets.get(setting.name):
                wrong.append(f"{setting.name} is missing ({setting.help})")
                places.append(f"secrets.{setting.name}")
            continue
        value = found.get(setting.name)
        if value is None or value == "":
            value = setting.default
        if value is None:
            found.pop(setting.name, None)
            if setting.required:
                wrong.append(f"{setting.name} is missing ({setting.help})")
                places.append(f"settings.{setting.name}")
            continue
        try:
            found[setting.name] = typed(setting, value)
        except (ValueError, Misconfigured) as error:
            wrong.append(f"{setting.name} {error if isinstance(error, ValueError) else 'is not a usable address'}")
            places.append(f"settings.{setting.name}")
    if wrong:
        raise Misconfigured(
            f"The settings of connection {config.name} do not fit {manifest.label}: {'; '.join(wrong)}.",
            fix=f"Correct them: `crossdock connection show {config.name}`.",
            errors=[{"path": place, "reason": reason} for place, reason in zip(places, wrong, strict=True)],
        )
    return found


def typed(setting: Setting, value: Any) -> Any:
    """Return a value in the setting's type.

    Raises:
        ValueError: it does not fit; the text continues a sentence that begins with the setting's name.
        Misconfigured: it is not a usable address.
    """
    if setting.type in {"text", "folder", "choice", "url"}:
        if not isinstance(value, str):
            raise ValueError("is not text")
        if setting.type == "url":
            origin(value)
            return value.rstrip("/")
        if setting.type == "choice" and value not in setting.choices:
            raise ValueError(f"is none of {', '.join(setting.choices)}")
        return value
    if setting.type == "boolean":
        known = value if isinstance(value, bool) else BOOLEANS.get(str(value).lower())
        if known is None:
            raise ValueError("is neither true nor false")
        return known
    if setting.type in {"integer", "number"}:
        return number(value, whole=setting.type == "integer")
    if not isinstance(value, Mapping | list):
        raise ValueError("is not a table or list")  # noqa: TRY004 - a value a person typed, not a caller's mistake
    return value


def number(value: Any, *, whole: bool) -> int | Decimal:
    """Return a number given as number or text."""
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        raise ValueError("is not a number") from None
    if isinstance(value, bool) or not found.is_finite():
        raise ValueError("is not a number")
    if not whole:
        return found
    if found != found.to_integral_value():
        raise ValueError("is not a whole number")
    return int(found)
