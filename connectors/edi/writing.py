"""From a canonical paper to the message it leaves as."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.edi.envelope import Content
from connectors.edi.profile import Exchanged
from core.domain.vocabulary import Paper
from core.errors import MappingError, Unwritable
from core.ports.connectors import Json
from mappings.engine import Map


def written(row: Exchanged, map_: Map, payload: Json, kind: Paper, expects: Mapping[str, float]) -> Content:
    """Return the message of a paper.

    Args:
        row: what was agreed of it.
        map_: the map of that row.
        payload: of the write; the paper stands in it under its kind.
        kind: which paper.
        expects: seconds by which it is answered, by state.

    Raises:
        Unwritable: it does not fit the map, or the message would be wrong.
    """
    try:
        message = map_.write(payload[kind] if map_.canonical_type == kind else payload)
    except MappingError as error:
        raise Unwritable(
            f"The {kind.replace('_', ' ')} cannot be written as {row.kind} by the map {row.map}.",
            why=" ".join(part for part in (error.what, error.why) if part),
            fix=error.fix or "Mend the map, or what the paper is made of; then send it again.",
            code=error.error_code,
        ) from None
    options = map_.document.options
    version: tuple[str, ...] = ()
    if row.syntax == "edifact":
        directory = str(options["version"])
        version = (directory[:1], directory[1:], "UN", options.get("association") or "")
    return Content(row.kind, message.body, version, expects=dict(expects), keys=_keys(payload[kind]))


def _keys(paper: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the numbers of a paper, wherever its map puts them: its own, its order's, its packages'."""
    orders = {paper.get("order_number"), paper.get("order_external_id")}
    packages = [("sscc", each["sscc"]) for each in paper.get("packages", ()) if each.get("sscc")]
    return [("number", paper["number"]), *(("po", each) for each in orders if each), *packages]
