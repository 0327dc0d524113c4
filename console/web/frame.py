"""The frame around every screen: menu with counts, name of the hub, shortcuts, theme."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, g, request, url_for

from console.web import charts, csrf
from console.web.assets import Assets
from console.web.context import services
from console.web.security import nonce
from core.store.views import shell

THEMES = ("light", "dark")
SHORTCUTS = (
    ("Search everything", ["/"]),
    ("Next, previous", ["J", "K"]),
    ("Open", ["Enter"]),
    ("Select", ["X"]),
    ("Apply what is recommended", ["A"]),
    ("Preview what it would do", ["P"]),
    ("Take it", ["I"]),
    ("Snooze", ["H"]),
    ("Resolve", ["E"]),
    ("Retry, replay", ["R"]),
    ("Go to overview", ["G", "O"]),
    ("Go to orders", ["G", "R"]),
    ("Go to exceptions", ["G", "E"]),
    ("Go to inventory", ["G", "I"]),
    ("Go to routing", ["G", "T"]),
    ("Go to network", ["G", "N"]),
    ("Go to promises", ["G", "P"]),
    ("Go to connections", ["G", "C"]),
    ("Go to messages", ["G", "M"]),
    ("Go to deliveries", ["G", "D"]),
    ("This help", ["?"]),
)


@dataclass(frozen=True, slots=True)
class Screen:
    """One entry of the menu; `meaning` says what its count counts."""

    title: str
    icon: str
    url: str
    current: bool
    count: int = 0
    tone: str = ""
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Hub:
    """Whose hub this is."""

    name: str
    place: str
    demo: str | None


def menu(here: str) -> list[tuple[str, list[Screen]]]:
    """Return the groups of the menu with what waits for a person.

    Args:
        here: the name of the screen shown.
    """
    with services().store.read() as conn:
        counts = shell.counts(conn, services().tenant)

    def screen(name: str, title: str, icon: str, count: int = 0, tone: str = "", meaning: str = "") -> Screen:
        return Screen(title, icon, url_for(f"console.{name}.page"), name == here, count, tone, meaning)

    return [
        (
            "Operate",
            [
                screen("overview", "Overview", "layout-dashboard"),
                screen("orders", "Orders", "shopping-bag"),
                screen("exceptions", "Exceptions", "alert-triangle", counts.exceptions, "hot", "open exceptions"),
                screen("inventory", "Inventory", "packages"),
                screen("trade", "Trade", "file-invoice"),
            ],
        ),
        (
            "Decide",
            [
                screen("routing", "Routing", "route"),
                screen("network", "Network", "truck", counts.disruptions, "warm", "disruptions going on"),
                screen("promises", "Promises", "calendar"),
            ],
        ),
        (
            "Integrate",
            [
                screen("connections", "Connections", "plug-connected", counts.paused, "warm", "paused connections"),
                screen("partners", "Partners", "file-code", counts.partners, "warm", "refused or unanswered documents"),
                screen("messages", "Messages", "messages", counts.quarantined, "warm", "quarantined messages"),
                screen("deliveries", "Deliveries", "send", counts.dead, "hot", "dead deliveries"),
            ],
        ),
    ]


def screen_of(endpoint: str | None) -> str:
    """Return the name of the screen an endpoint belongs to: `orders` for `console.orders.detail`."""
    parts = (endpoint or "").split(".")
    return parts[1] if len(parts) >= 3 else ""


def install(blueprint: Blueprint, assets: Assets) -> None:
    """Put what the frame shows at the hand of every template."""

    @blueprint.app_context_processor
    def frame() -> dict[str, Any]:
        person = None if g.get("console_plain") else g.get("console_person")
        theme = request.cookies.get("cd_theme")
        found: dict[str, Any] = {
            "assets": assets,
            "nonce": nonce,
            "csrf_token": csrf.token(),
            "me": person,
            "theme": theme if theme in THEMES else None,
            "cd_spark": charts.spark,
            "cd_bars": charts.bars,
            "shortcuts": SHORTCUTS,
        }
        if person is not None:
            hub = services()
            with hub.store.read() as conn:
                found["live_after"] = shell.last_event(conn, hub.tenant)
                demo = shell.demo_badge(conn, hub.tenant)
            found["here"] = screen_of(request.endpoint)
            found["nav"] = menu(found["here"])
            found["hub"] = Hub(hub.company, "Demo data" if demo else "Order hub", demo)
        return found
