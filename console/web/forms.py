"""Forms of the console: checked by the schemas of the API, refused field by field, and done once however often sent."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from flask import flash, request
from marshmallow import Schema, ValidationError, fields
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from console.web.context import me, require_changes, services
from core.domain.ids import uuid7
from core.errors import Conflict, CrossdockError, InputError
from core.services import audit
from core.store import schema as t
from core.store.unit import Unit

ONCE = "once"
NEEDED = "Missing data for required field."
SAID = {
    NEEDED: "Fill this in.",
    "Not a valid number.": "Write a number, such as 12 or 2.5.",
    "Not a valid integer.": "Write a whole number.",
    "Not a valid datetime.": "Write a day and a time.",
    "Not a valid date.": "Write a day.",
}
REPEATED = "This was done already; nothing was done again."
T = TypeVar("T")


def _token() -> str:
    return secrets.token_urlsafe(12)


@dataclass(frozen=True, slots=True)
class Form:
    """A form as it is shown.

    Attributes:
        values: what stands in its fields, by name.
        errors: what is wrong with a field, by name; of rows as `lines.0.sku`.
        problem: why the whole was refused.
        token: names this showing of the form, so that sending it twice has the effect of once.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    problem: CrossdockError | None = None
    token: str = field(default_factory=_token)

    def refused(self, error: CrossdockError) -> Form:
        """Return the form with what is wrong with it; nothing was done, so its token is still good."""
        listed = error.data.get("errors", ())
        return replace(self, errors={each["path"]: each["reason"] for each in listed}, problem=error)


def sent() -> Form:
    """Return the form as it was sent."""
    values = {name: value for name, value in request.form.items() if name not in ("csrf_token", ONCE)}
    return Form(values, token=request.form.get(ONCE, "")[:64] or _token())


def read(schema: Schema, more: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return what was sent as the API would take it; fields left empty were not given.

    Args:
        schema: of the body; times are read as UTC where the form names no zone.
        more: parts that are not one field each, such as rows.

    Raises:
        InputError: fields are wrong; each is named.
    """
    given: dict[str, Any] = dict(more or {})
    for name, kind in schema.fields.items():
        value = request.form.get(name, "").strip()
        if value and name not in given:
            given[name] = _in_utc(value) if isinstance(kind, fields.AwareDateTime) else value
    try:
        return dict(schema.load(given))
    except ValidationError as error:
        told: Mapping[str, Any] = error.normalized_messages()  # type: ignore[no-untyped-call]
        found = [{"path": path, "reason": reason} for path, reason in _flat(told)]
        raise InputError(
            f"{len(found)} field{'s do' if len(found) > 1 else ' does'} not fit, and nothing was done.",
            fix="Correct what is marked, then send the form again.",
            errors=found,
        ) from None


def rows(prefix: str, names: Sequence[str]) -> dict[int, dict[str, str]]:
    """Return the rows of a form, fields named `prefix.0.name`, by place; empty ones are left out."""
    found: dict[int, dict[str, str]] = {}
    places = {name.split(".")[1] for name in request.form if name.startswith(f"{prefix}.") and name.count(".") == 2}
    for place in sorted(int(each) for each in places if each.isdecimal() and len(each) < 5):
        row = {name: request.form.get(f"{prefix}.{place}.{name}", "").strip() for name in names}
        if any(row.values()):
            found[place] = {name: value for name, value in row.items() if value}
    return found


def placed(error: CrossdockError, prefix: str, places: Sequence[int]) -> CrossdockError:
    """Return the error with its rows named by their places in the form, where empty rows count too.

    Args:
        error: names rows by their places among those given.
        prefix: what the rows are called.
        places: the place in the form of each row given.
    """
    moved = []
    for each in error.data.get("errors", ()):
        head, _, rest = each["path"].partition(".")
        index, _, name = rest.partition(".")
        there = head == prefix and index.isdecimal() and int(index) < len(places)
        moved.append({**each, "path": f"{head}.{places[int(index)]}.{name}"} if there else each)
    error.data["errors"] = moved
    return error


def nothing(path: str, reason: str) -> InputError:
    """Return the error for a form that asks for nothing."""
    return InputError(
        "The form says nothing to be done.", fix="Fill in what is marked.", errors=[{"path": path, "reason": reason}]
    )


def submit(
    work: Callable[[Unit], T],
    action: str = "",
    subject: Callable[[T], str] = str,
    detail: Mapping[str, Any] | None = None,
    step: str = "",
) -> T | None:
    """Do what a form asks for in one unit of work, with its entry in the audit log; None when it was done before.

    Args:
        work: what is done.
        action: for the audit log, such as `supply.received`.
        subject: what it was done to, from what the work returned.
        detail: what else the audit log keeps; None where the work writes its own entry.
        step: names one of several units of work that one form asks for.

    Raises:
        Conflict: the form was sent before with other values.
    """
    require_changes()
    with services().store.begin(actor=me().actor) as unit:
        if not _first_time(unit, step):
            flash(REPEATED)
            return None
        done = work(unit)
        if detail is not None:
            audit.record(unit, action, subject(done), detail)
        return done


def _first_time(unit: Unit, step: str) -> bool:
    """Claim the token of the form under way; a second sending waits here for the first and then finds it taken."""
    token = request.form.get(ONCE, "")[:64] or uuid7().hex
    said = sorted((name, value) for name, value in request.form.items(multi=True) if name != "csrf_token")
    fingerprint = hashlib.sha256(repr((request.path, said)).encode("utf-8", "replace")).digest()
    key = f"form:{me().id.hex}:{token}:{step}"
    values = {"tenant_id": unit.tenant, "key": key, "fingerprint": fingerprint}
    i = t.idempotency.c
    made = unit.conn.execute(insert(t.idempotency).values(values).on_conflict_do_nothing().returning(i.key)).first()
    if made is not None:
        return True
    kept = unit.conn.execute(select(i.fingerprint).where(i.tenant_id == unit.tenant, i.key == key)).scalar_one()
    if bytes(kept) != fingerprint:
        raise Conflict(
            "This form was sent before with other values; what was sent then was done, this was not.",
            fix="Look at the list first, then open the form anew.",
            code="CONSOLE-FORM-409",
        )
    return False


def _in_utc(value: str) -> str:
    """Return a time of a form, which has no zone, as one in UTC."""
    return value if value[-1:] in "Zz" or "+" in value[10:] or "-" in value[10:] else f"{value}+00:00"


def _flat(messages: Mapping[Any, Any], path: str = "") -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, inner in messages.items():
        here = f"{path}.{name}" if path else str(name)
        if isinstance(inner, Mapping):
            found += _flat(inner, here)
        else:
            found.append((here, " ".join(SAID.get(each, each) for each in inner)))
    return found
