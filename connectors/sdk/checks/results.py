"""What a check says: passed, failed, or not applicable and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from core.errors import CrossdockError


@dataclass(frozen=True, slots=True)
class Check:
    """One statement about a connector.

    Args:
        group: contract, mapping, ingest, egress or quality.
        name: stable, such as `signature.tampered`.
        status: pass, fail or skip.
        reason: why it failed or was skipped.
        rule: the rule of the quality scale it belongs to; None for what always must hold.
    """

    group: str
    name: str
    status: str
    reason: str = ""
    rule: str | None = None

    @property
    def id(self) -> str:
        """Group and name."""
        return f"{self.group}.{self.name}"


class Failed(Exception):
    """The statement does not hold; the text says why."""


class Skipped(Exception):
    """The statement does not apply; the text says why."""


class Report:
    """Collects the checks of one run."""

    def __init__(self) -> None:
        self.checks: list[Check] = []

    @property
    def failed(self) -> bool:
        """Whether the last check failed."""
        return self.checks[-1].status == "fail"

    def check(self, group: str, name: str, rule: str | None = None) -> Running:
        """Return the context one check runs in."""
        return Running(self, Check(group, name, "pass", rule=rule))


class Running:
    """One check under way: what it raises is its result, and a check that breaks is a failed check."""

    def __init__(self, report: Report, check: Check) -> None:
        self._report, self._check = report, check

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        """Keep the result."""
        if error is not None and not isinstance(error, Exception):
            return False
        self._report.checks.append(replace(self._check, **outcome(error)))
        return True


def outcome(error: Exception | None) -> dict[str, str]:
    """Return status and reason of a check that ended with an error, or without one."""
    if error is None:
        return {"status": "pass"}
    if isinstance(error, Skipped):
        return {"status": "skip", "reason": str(error)}
    if isinstance(error, Failed):
        return {"status": "fail", "reason": str(error)}
    if isinstance(error, CrossdockError):
        return {"status": "fail", "reason": f"{type(error).__name__}: {error}"}
    return {"status": "fail", "reason": f"raises {type(error).__name__}: {str(error)[:300]}"}


def expect(condition: object, reason: str) -> None:
    """Fail the check unless the condition holds."""
    if not condition:
        raise Failed(reason)


def raised(kind: type[Exception], act: Callable[[], object], what: str) -> Exception:
    """Return the error an action raises; fail the check when it raises another or none."""
    try:
        act()
    except Exception as error:  # noqa: BLE001 - which error it is decides the check
        if type(error) is not kind:
            raise Failed(f"{what}: {type(error).__name__} ({error}), {kind.__name__} expected") from None
        return error
    raise Failed(f"{what}: nothing was raised, {kind.__name__} expected")
