"""The maps that are shipped: by name, such as `edifact/orders.D96A`, and by the message they are for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from core.errors import InputError
from mappings.codes import CodeList, from_table
from mappings.document import load_map
from mappings.edi.xml.kinds import XML
from mappings.engine import Map
from mappings.overlay import is_overlay, load_overlay
from mappings.yaml_text import read_yaml

FOLDER = Path(__file__).parent / "maps"
CODES_FILE = "codes.yaml"
CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


@lru_cache(maxsize=1)
def shipped_codes() -> Mapping[str, CodeList]:
    """Return the code lists of the shipped maps."""
    tables = read_yaml((FOLDER / CODES_FILE).read_text(encoding="utf-8"), CODES_FILE).value
    return {name: from_table(name, table) for name, table in tables.items()}


@lru_cache(maxsize=1)
def shipped_names() -> tuple[str, ...]:
    """Return the names of all shipped maps, such as `edifact/orders.D96A`."""
    # A folder is read once: it was asked for every message of an interchange.
    return tuple(sorted(f"{path.parent.name}/{path.stem}" for path in FOLDER.glob("*/*.yaml")))


def shipped_path(name: str) -> Path:
    """Return the file of a shipped map.

    Raises:
        InputError: there is none of this name; the message names those that are.
    """
    if name not in shipped_names():
        raise InputError(
            f"There is no shipped map {name}.",
            fix=f"Name one of {', '.join(shipped_names())}, or give the file of a map.",
            code="MAP-NAME-404",
        )
    return FOLDER / f"{name}.yaml"


@lru_cache(maxsize=64)
def shipped_map(name: str) -> Map:
    """Return a shipped map.

    Raises:
        InputError: there is none of this name.
    """
    return load_map(shipped_path(name), codes=shipped_codes())


def named_map(name: str, folder: Path | None = None) -> Map:
    """Return a map by the name of a shipped one, or by its file: a map, or an overlay over another.

    Args:
        folder: that files are named from; the working directory unless given.

    Raises:
        InputError: there is no such map, or it is wrong.
    """
    if name in shipped_names():
        return shipped_map(name)
    path = (folder or Path()) / name
    if not path.is_file():
        raise InputError(
            f"{name} is neither a shipped map nor a file.",
            fix=f"Name one of {', '.join(shipped_names())}, or give the file of a map.",
            code="MAP-NAME-404",
        )
    text = read_yaml(path.read_text(encoding="utf-8"), path.name)
    if not is_overlay(text):
        return load_map(path, codes=shipped_codes())

    def base(below: str) -> Path:
        own = path.parent / below
        return own if below not in shipped_names() and own.is_file() else shipped_path(below)

    return load_overlay(text, path.name, base, codes=shipped_codes())


def map_for(syntax: str, message: str, version: str) -> Map | None:
    """Return the shipped map of a message, None when there is none.

    Args:
        syntax: edifact, x12, ubl or cxml.
        message: such as ORDERS, 850 or OrderChange.
        version: such as D96A or 004010; what follows an X12 version (004010VICS) does not matter, and that of an XML
            document does not either.
    """
    return next((shipped_map(name) for name in _names(syntax, message, version, ("in", "out"))), None)


def maps_for(syntax: str, message: str, version: str) -> list[Map]:
    """Return the shipped maps that may be for a message: behind the usual one those of its rarer functions.

    Args:
        syntax: edifact, x12, ubl or cxml.
        message: such as INVOIC, which may be a credit note.
        version: such as D96A.
    """
    return [shipped_map(name) for name in names_for(syntax, message, version)]


@lru_cache(maxsize=256)
def names_for(syntax: str, message: str, version: str) -> tuple[str, ...]:
    """Return the names of the shipped maps that may be for a message, as `maps_for` does."""
    usual = _names(syntax, message, version, ("in", "out"))[:1]
    if syntax in XML:
        return tuple(usual)
    rarer = [
        name for each in usual for name in shipped_names()
        if name.startswith(f"{each.rpartition('.')[0]}-") and name.endswith(each.rpartition(".")[2])
    ]  # fmt: skip
    return (*usual, *rarer)


def map_that_writes(syntax: str, kind: str) -> Map | None:
    """Return the shipped map that writes an XML document, None when there is none.

    Args:
        syntax: ubl or cxml.
        kind: such as OrderChange.
    """
    return next((shipped_map(name) for name in _names(syntax, kind, "", ("out",))), None)


def map_that_reads_again(syntax: str, kind: str) -> Map | None:
    """Return the shipped map that reads an XML document as the one that writes it means it, None when there is none.

    What comes may mean something else: a credit note is read as the refund it makes, and written as a paper.

    Args:
        syntax: ubl or cxml.
        kind: such as CreditNote.
    """
    writer = map_that_writes(syntax, kind)
    stem = f"{syntax}/{_stem(kind)}"
    readers = [shipped_map(name) for name in shipped_names() if re.fullmatch(rf"{stem}(_sent)?\.in", name)]
    return next((each for each in readers if writer is None or each.canonical_type == writer.canonical_type), None)


def _names(syntax: str, message: str, version: str, ways: tuple[str, ...]) -> list[str]:
    if syntax in XML:
        wanted = [f"{syntax}/{_stem(message)}.{way}" for way in ways]
    elif syntax == "edifact":
        wanted = [f"edifact/{message.lower()}.{version}"]
    else:
        wanted = [f"{syntax}/{message}.{version[:6]}"]
    return [name for name in wanted if name in shipped_names()]


def _stem(kind: str) -> str:
    return CAPITAL.sub("_", kind).lower()
