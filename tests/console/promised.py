"""The promise of a seeded order, as sourcing would have made it."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tests.console.rows import Company, id_at

# Days from order to door by level.
DAYS = {"due_50": 2.0, "due_80": 3.0, "due_90": 3.5, "due_95": 4.0}


def add_promise(company: Company, order: dict[str, Any], work_id: UUID, node: str, done: datetime | None) -> None:
    """Note the promise of an order and its one part; kept or late when the order is delivered."""
    placed = order["placed_at"]
    dues = {name: placed + timedelta(days=days) for name, days in DAYS.items()}
    state = "standing" if done is None else "kept" if done <= dues["due_90"] else "late"
    company.add(
        "promise", id=id_at(placed), order_id=order["id"], state=state, level=0.9, due_at=dues["due_90"], **dues,
        basis={"model": "lanes@3", "corrected_at": None, "outcomes": 1234, "stock_counted_at": None}, made_at=placed,
        risk=0.7 if order["number"].endswith("7") else 0.1, delivered_at=done, settled_at=done,
    )  # fmt: skip
    company.add(
        "promise_part", fulfillment_id=work_id, order_id=order["id"], node_id=company.nodes[node],
        ship_at=placed + timedelta(hours=6), from_country="DE", to_country="DK", **dues,
    )  # fmt: skip
