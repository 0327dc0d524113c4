"""The ways out of an exception besides the recommended one, and what each needs to be told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import InputError

ADDRESS_FIELDS = ("name", "line1", "line2", "postal_code", "city", "region", "country")


@dataclass(frozen=True, slots=True)
class Way:
    """One way out.

    Args:
        action: a name in core.services.actions.
        label: the action in words.
        fields: what must be said.
        may: what may be said besides.
    """

    action: str
    label: str
    fields: tuple[str, ...] = ()
    may: tuple[str, ...] = ()

    def as_json(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Return it as the case keeps it; `args` are what is known already."""
        return {
            "action": self.action,
            "label": self.label,
            "args": dict(args),
            "fields": list(self.fields),
            "may": list(self.may),
        }


CANCEL = Way("cancel_orders", "Cancel what it stops", ("reason",))
CANCEL_LACKING = Way("cancel_lacking", "Cancel the units that are lacking", ("reason",))
DISCARD = Way("discard_messages", "Leave it undone, for a reason", ("reason",))
REJECT = Way("reject_documents", "Tell the partner that it is refused (824, APERAK), and leave it undone", ("reason",))
GIVE_ADDRESS = Way(
    "give_address", "Give the address", ("line1", "city", "country"),
    tuple(each for each in (*ADDRESS_FIELDS, "order") if each not in ("line1", "city", "country")),
)  # fmt: skip
# By the code of the cause.
OTHERS: Mapping[str, tuple[Way, ...]] = {
    "ORDER-ADDRESS-422": (GIVE_ADDRESS, CANCEL),
    "ORDER-QUANTITY-422": (CANCEL,),
    "ORDER-AGAIN-409": (DISCARD,),
    "NODE-REJECT-001": (CANCEL_LACKING,),
    "STOCK-OUT-001": (CANCEL_LACKING,),
    "STOCK-WAY-001": (CANCEL_LACKING,),
    "MSG-QUARANTINE-422": (DISCARD,),
}
# What the recommended actions need.
NEEDED: Mapping[str, tuple[str, ...]] = {"map_sku": ("sku",)}


def require_said(action: str, fields: Sequence[str], args: Mapping[str, Any], *, recommended: bool) -> None:
    """Refuse to go a way for which something was not said.

    Raises:
        InputError: naming what is missing, as the command line and the API take it.
    """
    missing = [name for name in fields if not str(args.get(name) or "").strip()]
    if not missing:
        return
    chosen = "" if recommended else f"--action {action} "
    raise InputError(
        f"Say {', '.join(missing)}: {action.replace('_', ' ')} needs {'it' if len(missing) == 1 else 'them'}.",
        fix=f"On the command line: `{chosen}{' '.join(f'--set {name}=…' for name in missing)}`; over the API, in "
        f"`args`{'' if recommended else f', with `action` {action}'}.",
        code="CASE-SKU-422" if missing == ["sku"] else "CASE-ARGS-422",
        errors=[{"path": f"args.{name}", "reason": "Missing data for required field."} for name in missing],
    )
