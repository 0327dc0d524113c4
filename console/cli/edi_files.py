"""What the commands of `crossdock edi` share: files opened by what they are, and files written whole or not at all."""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import click

from console.cli.base import Session
from console.cli.progress import progress

SYNTAXES = {"edifact": "mappings.edi.edifact.lines", "x12": "mappings.edi.x12.lines"}
"""Modules by what `detect` says: each has read_lines, write_file and write_lines."""
IN_MEMORY = 8 * 2**20
"""Bytes kept in memory of what is printed at once."""
XML = ("ubl", "cxml")
"""Read by mappings.edi.xml.lines, which only has read_lines; it takes schemas."""
NAMES = {
    "edifact": "EDIFACT",
    "x12": "X12",
    "tradacoms": "TRADACOMS",
    "ubl": "UBL",
    "cxml": "cXML",
    "xml": "XML that is neither UBL nor cXML",
}

INPUT = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)
FILE = click.argument("file", type=INPUT)
# Of several, one that is not there is said beside the others, and stops none.
INPUTS = click.Path(dir_okay=False, allow_dash=True, path_type=Path)
FILES = click.argument("files", nargs=-1, required=True, type=INPUTS, metavar="FILE...")
STANDARD_INPUT = Path("-")
STRICT = click.option("--strict", is_flag=True, help="Nothing is tolerated that the standard does not know.")


def name_of(file: Path) -> str:
    """Return what a file is called in sentences."""
    return "standard input" if file == STANDARD_INPUT else file.name


@contextmanager
def source(file: Path) -> Iterator[tuple[BinaryIO, Callable[[], None]]]:
    """Yield a file, or what stands on standard input for `-`, opened for bytes, and what to call now and then.

    Standard input is kept while it is read: what kind of file it is, is told by its beginning.
    """
    if file == STANDARD_INPUT:
        with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as kept:
            shutil.copyfileobj(sys.stdin.buffer, kept)
            kept.seek(0)
            yield cast(BinaryIO, kept), lambda: None
        return
    try:
        opened = file.open("rb")
    except OSError as error:
        from core.errors import InputError

        raise InputError(
            f"{file} cannot be read: {(error.strerror or str(error)).lower()}.",
            fix="Name a file that is there.",
            code="CLI-FILE-400",
        ) from None
    with opened as handle, progress(file, handle) as moved:
        yield handle, moved


@contextmanager
def target(out: Path | None, *, at_once: bool = False) -> Iterator[BinaryIO]:
    """Yield where to write; a file that could not be written to its end is not left behind.

    Args:
        out: the file; standard output where it is None.
        at_once: whether standard output gets nothing before all is written.
    """
    if out is None and at_once:
        with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as kept:
            yield cast(BinaryIO, kept)
            kept.seek(0)
            shutil.copyfileobj(kept, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    if out is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    part = out.with_name(f".{out.name}.part")
    try:
        with part.open("wb") as handle:
            yield handle
        part.replace(out)
    finally:
        with contextlib.suppress(FileNotFoundError):
            part.unlink()


def syntax_of(file: Path, handle: BinaryIO, wanted: tuple[str, ...] = (*SYNTAXES, *XML)) -> str:
    """Return what kind of EDI a file is; it stands at its beginning afterwards.

    Raises:
        InputError: it is of no kind that is wanted.
    """
    from core.errors import InputError
    from mappings.edi.detect import HEAD, detect

    head = handle.read(HEAD)
    found = detect(head)
    handle.seek(0)
    if found in wanted:
        return found
    done = "read" if found not in XML else "written again"
    raise InputError(
        f"{name_of(file)} is {NAMES[found]}, which cannot be {done}." if found else f"{name_of(file)} is no EDI file.",
        why=_reason(head, found),
        fix=f"Give a file of {' or '.join(NAMES[each] for each in wanted)}.",
        code="EDI-SYNTAX-415",
    )


def _reason(head: bytes, found: str | None) -> str | None:
    """Return why a file that begins so is none that is wanted."""
    if found == "xml":
        from mappings.edi.xml.parsing import beginning

        return beginning(head)
    if found is not None:
        return None
    if not head.strip(b"\x00\r\n\t \x1a"):
        return "It is empty." if not head else "There is nothing but blanks in its beginning."
    return "It has no UNA, UNB or ISA segment where an interchange begins, and no element where XML does."


def mode_of(strict: bool) -> Any:
    from mappings.edi.limits import Mode

    return Mode.STRICT if strict else Mode.TOLERANT


def schemas_of(session: Session) -> Any:
    """Return the schemas of the settings, with which XML documents are checked."""
    from mappings.edi.xml.schemas import Schemas

    found = session.settings().schemas
    return Schemas(found.ubl, found.cxml)


def objects(handle: BinaryIO) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects of a file, one a line."""
    import orjson

    from core.errors import InputError

    for number, line in enumerate(handle, 1):
        if not line.strip():
            continue
        try:
            found = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise InputError(f"Line {number} is not JSON: {error}.", fix="Put one object on each line.") from None
        if not isinstance(found, dict):
            raise InputError(f"Line {number} is not a JSON object.", fix="Put one object on each line.")
        yield found
