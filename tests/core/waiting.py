"""A company whose policy holds work back for a wave, on days that are far from any cut-off."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from core.services import policies
from core.services.facts import read_facts
from core.services.nodehours import set_calendar
from core.services.releasing import release_due
from core.services.waving import Asked, run_wave
from core.store.unit import Store
from tests.core.carriers import change, forget, ordered
from tests.core.world import World, now

ALWAYS = [{"opens": "00:00", "closes": "23:59"}] * 7
# The middle of Belgium is about as far from Hamburg as from Lyon, so it takes Hamburg's units for little.
BELGIUM = {"name": "Ada", "line1": "Rue 1", "city": "Namur", "postal_code": "5000", "country": "BE"}


def waiting_world(store: Store, levels: Mapping[tuple[str, str], int], **policy: Any) -> World:
    """Return a company whose work waits an hour; nothing leaves today or tomorrow, so that no cut-off is near."""
    world = World(store, levels)
    today = now().date()
    with store.begin(actor="test") as unit:
        for node in world.nodes.values():
            set_calendar(unit, node, ALWAYS, 0, [{"day": today + timedelta(days=ahead)} for ahead in range(2)])
    in_force(world, {"release_after_minutes": 60, **policy})
    return world


def in_force(world: World, document: dict[str, Any]) -> None:
    """Put a policy in force without the way it usually goes."""
    with world.store.begin(actor="test") as unit:
        made = policies.draft(unit, "cheapest", document)
        unit.conn.execute(text("UPDATE policy SET state = 'retired' WHERE state = 'active'"))
        unit.conn.execute(
            text("UPDATE policy SET state = 'active', active_from = clock_timestamp() WHERE id = :id"), {"id": made}
        )
    forget(world)


def wave(world: World, **asked: Any) -> dict[str, Any]:
    """Run a wave and return its report."""
    with world.store.begin(actor="test") as unit:
        facts = read_facts(unit.conn, world.partners, unit.tenant)
        return run_wave(unit, facts, Asked(**{"seconds": 10.0, **asked}))


def released(world: World) -> int:
    """Release what is due and return how many works that were."""
    forget(world)
    with world.store.begin(actor="relay") as unit:
        return release_due(unit, world.hub.facts.get(unit.conn, unit.tenant))


def time_has_come(world: World) -> int:
    """Let the time of all waiting work come, release it, and return how many works that were."""
    change(
        world, "UPDATE fulfillment_order SET release_at = clock_timestamp() - interval '1 s' WHERE state = 'planned'"
    )
    return released(world)


def open_works(world: World) -> dict[str, list[tuple[str, str]]]:
    """Return (node, state) of all work that is not canceled, by order number."""
    found: dict[str, list[tuple[str, str]]] = {}
    for row in world.all(
        "SELECT o.number, n.code, f.state FROM fulfillment_order f JOIN node n ON n.id = f.node_id"
        " JOIN orders o ON o.id = f.order_id WHERE f.state <> 'canceled' ORDER BY o.number, n.code"
    ):
        found.setdefault(row.number, []).append((row.code, row.state))
    return found


def with_slack(world: World, days: int = 2) -> None:
    """Let what is promised be later than what is planned, as when an offer was made before and is held to."""
    change(world, "UPDATE promise SET due_at = due_at + make_interval(days => :days)", days=days)


def contested(world: World) -> None:
    """Order so that the first takes the unit the second needs more: #1001 from Hamburg, #1002 from Lyon."""
    ordered(world, {"A": 1}, ship_to=BELGIUM)
    ordered(world, {"A": 1})
    with_slack(world)
    assert open_works(world) == {"#1001": [("HAM", "planned")], "#1002": [("LYS", "planned")]}
