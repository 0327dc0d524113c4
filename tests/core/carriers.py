"""Carriers' services, rates and places for routing tests, all invented."""

from typing import Any

from core.services.geography import finish_places, write_places
from core.services.tariffs import write_rates, write_service
from tests.core.world import World
from webhooks.api.routingbodies import PlaceBody, RateBody, ServiceBody


def services(world: World, *bodies: dict[str, Any]) -> None:
    """Write services as they are posted."""
    with world.store.begin(actor="test") as unit:
        for body in bodies:
            write_service(unit, ServiceBody().load(body))
    forget(world)


def rates(world: World, *bodies: dict[str, Any]) -> None:
    """Write rates as they are posted; EUR where no currency is given."""
    with world.store.begin(actor="test") as unit:
        write_rates(unit, [RateBody().load({"currency": "EUR", **body}) for body in bodies])
    forget(world)


def places(world: World, *rows: tuple[str, str, float, float]) -> None:
    """Write places: country, postcode, degrees north, degrees east."""
    names = ("country", "postal_code", "latitude", "longitude")
    with world.store.begin(actor="test") as unit:
        write_places(unit, [PlaceBody().load(dict(zip(names, row, strict=True))) for row in rows])
        finish_places(unit, {row[0] for row in rows})
    forget(world)


def change(world: World, sql: str, **values: Any) -> None:
    """Change a row behind the services' back."""
    from sqlalchemy import text

    with world.store.begin() as unit:
        unit.conn.execute(text(sql), values)
    forget(world)


def forget(world: World) -> None:
    """Have the facts read again at once, not after a second."""
    world.hub.facts._read_at.clear()


def ordered(world: World, lines: dict[str, int], **more: Any) -> Any:
    """Send an order, process it, and return (its fulfillment orders with node codes, its decision)."""
    document = world.order(lines, **more)
    world.send("order", document)
    world.drain()
    work = world.all(
        "SELECT f.*, n.code FROM fulfillment_order f JOIN node n ON n.id = f.node_id JOIN orders o ON o.id = f.order_id"
        " WHERE o.external_id = :x ORDER BY f.id",
        x=document["external_id"],
    )
    decision = world.one(
        "SELECT d.* FROM decision d JOIN orders o ON o.id = d.order_id WHERE o.external_id = :x ORDER BY d.at DESC",
        x=document["external_id"],
    )
    return work, decision


def reason(decision: Any, node: str, service: str | None = None) -> str:
    """Return why a node or its service was taken or not."""
    [found] = [row["reason"] for row in decision.candidates if row["node"] == node and row.get("service") == service]
    return str(found)
