"""Which row of a profile a message that comes is for, where several are of its kind: a change, or a cancellation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

from connectors.edi.profile import Exchanged
from core.domain.vocabulary import DocumentType
from core.errors import MappingError
from mappings.edi.choosing import alike, functions, stated, takes
from mappings.edi.shipped import names_for
from mappings.edi.xml.kinds import XML
from mappings.engine import Map

MapOf = Callable[[str], Map]


def with_rarer(rows: Sequence[Exchanged], map_of: MapOf) -> list[Exchanged]:
    """Return rows of a kind that comes, and behind them what is read beside them by shipped maps.

    Whoever names the map of the usual function of a message gets its rarer ones as well: with that of an 860 that
    changes an order comes that of an 860 which cancels it.

    Args:
        rows: of one kind.
        map_of: opens a map by its name in the profile.
    """
    found = list(rows)
    for row in rows:
        if row.syntax in XML:
            continue
        named = map_of(row.map)
        usual, *rarer = names_for(row.syntax, row.kind, named.document.options["version"]) or [row.map]
        if rarer and map_of(usual).canonical_type == named.canonical_type:
            read = [name for name in rarer if map_of(name).canonical_type in list(DocumentType)]
            found += [Exchanged(row.kind, True, name) for name in read if name not in [each.map for each in found]]
    return found


def chosen(rows: Sequence[Exchanged], body: bytes, map_of: MapOf, partner: str) -> Exchanged:
    """Return the first of some rows whose map takes a message; the only one, and one of XML, takes all there are.

    Args:
        rows: of the message's kind, one at least.
        body: of the message, with its envelope.
        map_of: opens a map by its name in the profile.
        partner: his connection, for errors.

    Raises:
        MappingError: none takes it; what each would take is named.
    """
    if len(rows) == 1 or rows[0].syntax in XML:
        return rows[0]
    opened = []
    for row in rows:
        map_ = map_of(row.map)
        message = next((each.value for each in map_.documents(body) if each.value is not None), None)
        if message is not None:
            if takes(map_, message):
                return row
            opened.append((row, stated(map_, message)))
    if not opened:
        # Of another version, or wrong: the first map says so.
        return rows[0]
    said = {place: ", ".join(values) or "empty" for _, found in opened for place, values in found.items()}
    told = " and ".join(f"{place} is {value}" for place, value in said.items())
    raise MappingError(
        f"No map of {partner} takes this {rows[0].kind}: {told}.",
        why="; ".join(f"{row.map} takes {words(map_of(row.map))}" for row in rows) + ".",
        fix="Have the partner send one of these, or add a row to `documents` whose map takes it.",
        code="EDI-KIND-422",
    )


def words(map_: Map) -> str:
    """Return which messages a map takes, in words."""
    found = [f"{place} {' or '.join(codes)}" for place, codes in functions(map_).items()]
    return " and ".join(found) or "any"


def twins(rows: Sequence[tuple[int, Exchanged]], map_of: MapOf) -> list[tuple[int, int]]:
    """Return pairs of rows that come, by their numbers, which would take the same messages.

    Args:
        rows: with their numbers in the profile, each with a map that fits it.
        map_of: opens a map by its name in the profile.
    """
    coming = [(at, row) for at, row in rows if row.incoming]
    return [
        (at, other)
        for (at, row), (other, below) in combinations(coming, 2)
        if row.kind == below.kind and alike(map_of(row.map), map_of(below.map))
    ]
