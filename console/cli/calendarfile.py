"""Calendars of nodes in a YAML file: `calendars:`, a list of nodes with cut-off, week, handling time and closures."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import time
from io import StringIO
from pathlib import Path
from typing import Any

from marshmallow import fields, validate
from ruamel.yaml import YAML

from core.domain.documents import Strict, a_text, checked
from core.services.catalog import node_coded
from core.services.nodehours import lock_nodes, set_calendar, set_cutoff
from core.store.unit import Unit
from mappings.yaml_text import read_yaml
from webhooks.api.calendars import CLOCK, CalendarBody

Json = dict[str, Any]
KEPT = ("node", "cutoff", "handling_minutes", "week", "closures")
"""What of a calendar as it is shown goes into the file; the rest follows from the node."""


class NodeCalendar(CalendarBody):
    """One node's calendar, whole; its cut-off stays as it is where the file does not say it."""

    node = a_text(64, required=True)
    cutoff = fields.String(allow_none=True, validate=CLOCK)


class CalendarFile(Strict):
    """What a file holds."""

    calendars = fields.List(fields.Nested(NodeCalendar), required=True, validate=validate.Length(1, 5_000))


def written(calendars: Sequence[Json]) -> str:
    """Return the file of calendars as they are shown."""
    yaml, out = YAML(typ="safe", pure=True), StringIO()
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.dump({"calendars": [{name: each[name] for name in KEPT} for each in calendars]}, out)
    return out.getvalue()


def read(path: Path) -> list[Json]:
    """Return the calendars of a file.

    Raises:
        InputError: it is not YAML, or does not fit; every reason is told with its path.
    """
    found = read_yaml(path.read_text(encoding="utf-8"), path.name).value
    fix = "Compare it with what `crossdock calendars export` writes."
    calendars: list[Json] = checked(CalendarFile(), found, f"{path.name} does not fit", fix=fix)["calendars"]
    return calendars


def write(unit: Unit, calendars: Sequence[Json]) -> None:
    """Write calendars in place of those their nodes have.

    Raises:
        NotFound: there is no such node.
        InputError: a day closes before it opens.
    """
    nodes = {each["node"]: node_coded(unit, each["node"]) for each in calendars}
    lock_nodes(unit, nodes.values())
    for each in calendars:
        node_id = nodes[each["node"]]
        set_calendar(unit, node_id, each["week"], each["handling_minutes"], each["closures"])
        if "cutoff" in each:
            set_cutoff(unit, node_id, None if each["cutoff"] is None else time.fromisoformat(each["cutoff"]))
