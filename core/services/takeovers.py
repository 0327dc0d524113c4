"""Who decides which orders, before and after a change: what was in force may come back, nothing else without proof."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from core.services.inforce import DEFAULT, InForce


def titles(policies: Collection[InForce]) -> list[str]:
    """Return policies as `NAME@NUMBER`, in their order."""
    return [title(each) for each in policies]


def title(policy: InForce) -> str:
    """Return a version as `NAME@NUMBER`."""
    return f"{policy.name}@{policy.number}"


def unproven(
    then: Sequence[str] | None,
    before: Sequence[InForce],
    after: Sequence[InForce],
    leaving: InForce | None,
    back: InForce | None,
) -> str | None:
    """Return why undoing a change would let a policy decide orders it was never compared over; None when it would not.

    Args:
        then: what was in force before the change that is undone; None when nobody noted it.
        before: what is in force now, first asked first.
        after: what would be in force.
        leaving: the version that is taken out; None where none is.
        back: the version that comes back; None where none does.
    """
    gone = sorted(set(then or ()) - set(titles(after)))
    if gone:
        return f"{gone[0]} was in force then and is not any more"
    if leaving is None:
        return None
    candidates = [*after, DEFAULT] if then is None else after
    for each in candidates:
        if each is back or title(each) in (then or ()) or each in before[: before.index(leaving)]:
            continue
        covered = back is not None and back.conditions in ({}, leaving.conditions)
        if covered and back is not None and each not in after[: after.index(back)]:
            continue
        return f"{title(each)} would get orders of {title(leaving)} over which it was not compared"
    return None
