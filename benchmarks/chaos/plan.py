"""What a run under faults does: how much business, how many kills, how often partners misbehave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

ROLES = ("web", "worker-1", "worker-2", "relay", "redis", "postgres")
FLUSH = "flush"


@dataclass(frozen=True, slots=True)
class Plan:
    """One run.

    Args:
        orders: how many are placed.
        rate: placed a second; kills are spread over the time this takes.
        kills: how often each process is killed with SIGKILL, and Redis flushed.
        trouble: probability of each kind of misbehavior of a partner, per call or event.
        seed: of all chance but the moments at which processes run.
        settle: seconds within which everything must be settled after the last order and the last kill.
        idle: seconds without anything finished after which it is stuck: how long all takes is the machine's doing.
        items: how many different items are sold; their stock covers most of the demand but not all of it.
    """

    orders: int = 5_000
    rate: float = 25.0
    kills: int = 5
    trouble: float = 0.05
    seed: int = 7
    settle: float = 3_600.0
    idle: float = 180.0
    items: int = 60

    @property
    def faults(self) -> dict[str, float]:
        """Return what partners do wrong: replies that never come, 429, events twice, events out of order."""
        return {
            "drop": self.trouble,
            "rate_limit": self.trouble,
            "retry_after": 0.2,
            "duplicate": self.trouble,
            "reorder": self.trouble,
            "reorder_seconds": 0.5,
        }


# The hub as it is, with leases and waits of seconds instead of minutes, so that a run ends.
ENVIRONMENT: Mapping[str, str] = {
    "CROSSDOCK_WORKERS": "2",
    "CROSSDOCK_LEASES_INTAKE_SECONDS": "4",
    "CROSSDOCK_LEASES_DELIVERY_SECONDS": "12",
    "CROSSDOCK_RETRY_SCHEDULE_SECONDS": ",".join(["0.3", "0.6", "1", "2"] + ["4"] * 20),
    "CROSSDOCK_LOG_FORMAT": "json",
}
