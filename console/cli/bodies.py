"""What is typed on the command line, checked as the API checks the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from marshmallow import Schema

Json = dict[str, Any]


def body_of(schema: Callable[[], Schema], **given: Any) -> Json:
    """Return what the API's schema makes of options; None was not given.

    Raises:
        InputError: something does not fit.
    """
    from core.domain.documents import checked

    named = {name: _plain(value) for name, value in given.items() if value is not None}
    return checked(schema(), named, "What was asked for does not fit", fix="See --help of the command.")


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime | date) else value


def units_of(text: str, place: str) -> Json:
    """Return the line in a text such as `MUG=3` or `MUG@HAM=3`.

    Args:
        text: SKU, the place when one is meant, and the units.
        place: what stands behind the `@`: node or lot.

    Raises:
        UsageError: it has no units.
    """
    name, equals, units = text.rpartition("=")
    sku, at, where = name.rpartition("@")
    if not equals or not name:
        raise click.UsageError(f"{text!r} is not SKU=UNITS or SKU@{place.upper()}=UNITS.")
    return {"sku": sku, place: where, "quantity": units} if at else {"sku": name, "quantity": units}
