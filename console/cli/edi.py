"""`crossdock edi`: EDI files and XML documents read, checked and written, without a hub."""

from __future__ import annotations

import contextlib
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

import click

from console.cli.base import Session, group, pass_session
from console.cli.edi_grammar import import_grammar_command
from console.cli.edi_tree import STARTS, show
from console.cli.output import note
from console.cli.progress import progress

SYNTAXES = {"edifact": "mappings.edi.edifact.lines", "x12": "mappings.edi.x12.lines"}
"""Modules by what `detect` says: each has read_lines, write_file and write_lines."""
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
SEGMENT_PLACE = ("place.number=segment", "place.tag=tag", "place.element=element")
XML_PLACE = ("place.line=line", "place.path=path")
MOVES = 2_000
"""Objects between two movements of the progress bar."""
JSON_HEAD = 4_096
SYNTAX_SAID = re.compile(rb'"syntax": ?"(\w+)"')

FILE = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
STRICT = click.option("--strict", is_flag=True, help="Nothing is tolerated that the standard does not know.")


@group("edi")
def edi_command() -> None:
    """Read, check and write EDI files and XML documents."""


edi_command.add_command(import_grammar_command)


@edi_command.command("read")
@FILE
@STRICT
@pass_session
def read_command(session: Session, /, file: Path, strict: bool) -> None:
    """Show what is in FILE: as a tree, or with --json one object for each part and segment.

    Exit code 1 when something in it is rejected.
    """
    counts: Counter[str] = Counter()
    with _opened(file, strict) as (syntax, lines):
        if not session.json:
            click.echo(f"{file.name}: {NAMES[syntax]}")
        for line in _counted(lines, counts):
            if session.json:
                session.out.line(line)
            else:
                show(line)
    _conclude(counts)


@edi_command.command("check")
@FILE
@STRICT
@pass_session
def check_command(session: Session, /, file: Path, strict: bool) -> None:
    """List what is wrong with FILE and what was tolerated; exit code 1 when something in it is rejected.

    UBL and cXML are checked with the schemas that the settings schemas.ubl and schemas.cxml name.
    """
    counts: Counter[str] = Counter()
    with _opened(file, strict, session) as (syntax, lines):
        found = (line for line in _counted(lines, counts) if line["what"] == "fault")
        session.out.rows(
            found,
            (
                "kind",
                "code",
                "place.interchange=interchange",
                "place.message=message",
                *(XML_PLACE if syntax in XML else SEGMENT_PLACE),
                "text=what",
            ),
            empty="Nothing is wrong.",
        )
    _conclude(counts)


@edi_command.command("write")
@FILE
@STRICT
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write [standard output].")
@click.option("--charset", help="Character set, such as UNOC or UNOY [that of FILE].")
@click.option("--syntax-version", "version", type=click.Choice(["1", "2", "3", "4"]), help="[that of FILE]")
@click.option("--line-ends", is_flag=True, help="A line break after every segment.")
@click.option("--una", is_flag=True, help="Announce the service characters, also the usual ones.")
@pass_session
def write_command(session: Session, /, file: Path, strict: bool, out: Path | None, **given: Any) -> None:
    """Write FILE again without what was only tolerated, counts and references made right.

    FILE is EDI, or what `crossdock edi read --json` printed, perhaps changed since. Faults of an EDI file are told;
    exit code 1 when something in it was rejected.
    """
    options = {name: value for name, value in given.items() if value not in (None, False)}
    counts: Counter[str] = Counter()

    def told(fault: Any) -> None:
        counts[str(fault.kind)] += 1
        if fault.rejects:
            note(f"Segment {fault.place.number or '-'}: {fault.text}")

    with file.open("rb") as handle, progress(file, handle) as moved, _target(out) as target:
        module, as_json = _written(file, handle)
        if as_json:
            chunks = module.write_lines(_objects(handle), **options)
        else:
            chunks = module.write_file(handle, _mode(strict), told, **options)
        for number, chunk in enumerate(chunks):
            target.write(chunk)
            if number % MOVES == 0:
                moved()
    if out is not None:
        session.out.did({"file": str(out), "errors": counts["error"]}, f"{out} was written.")
    if counts["error"]:
        raise click.exceptions.Exit(1)


def _written(file: Path, handle: BinaryIO) -> tuple[Any, bool]:
    """Return the module that writes a file again, and whether the file is JSON."""
    head = handle.read(JSON_HEAD)
    handle.seek(0)
    if not head.startswith(b"{"):
        return _module(_syntax(file, handle, tuple(SYNTAXES))), False
    said = SYNTAX_SAID.search(head)
    return _module(said[1].decode() if said and said[1].decode() in SYNTAXES else "edifact"), True


@contextmanager
def _target(out: Path | None) -> Iterator[BinaryIO]:
    """Yield where to write; a file that could not be written to its end is not left behind."""
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


@contextmanager
def _opened(
    file: Path, strict: bool, checking: Session | None = None
) -> Iterator[tuple[str, Iterator[dict[str, Any]]]]:
    """Yield what kind of EDI a file is, and what is in it; with a session, XML is checked with its schemas."""
    with file.open("rb") as handle, progress(file, handle) as moved:
        syntax = _syntax(file, handle)
        if syntax in XML:
            from mappings.edi.xml.lines import read_lines

            lines = read_lines(handle, _mode(strict), _schemas(checking))
        else:
            lines = _module(syntax).read_lines(handle, _mode(strict))
        yield syntax, _moving(lines, moved)


def _schemas(session: Session | None) -> Any:
    if session is None:
        return None
    from mappings.edi.xml.schemas import Schemas

    found = session.settings().schemas
    return Schemas(found.ubl, found.cxml)


def _moving(lines: Iterator[dict[str, Any]], moved: Callable[[], None]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines):
        if number % MOVES == 0:
            moved()
        yield line


def _syntax(file: Path, handle: BinaryIO, wanted: tuple[str, ...] = (*SYNTAXES, *XML)) -> str:
    """Return what kind of EDI a file is; it stands at its beginning afterwards.

    Raises:
        InputError: it is of no kind that is wanted.
    """
    from core.errors import InputError
    from mappings.edi.detect import HEAD, detect

    found = detect(handle.read(HEAD))
    handle.seek(0)
    if found in wanted:
        return found
    done = "read" if found not in XML else "written again"
    raise InputError(
        f"{file.name} is {NAMES[found]}, which cannot be {done}." if found else f"{file.name} is no EDI file.",
        why=None if found else "It has no UNA, UNB or ISA segment where an interchange begins.",
        fix=f"Give a file of {' or '.join(NAMES[each] for each in wanted)}.",
        code="EDI-SYNTAX-415",
    )


def _module(syntax: str) -> Any:
    return import_module(SYNTAXES[syntax])


def _mode(strict: bool) -> Any:
    from mappings.edi.limits import Mode

    return Mode.STRICT if strict else Mode.TOLERANT


def _objects(handle: BinaryIO) -> Iterator[dict[str, Any]]:
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


def _counted(lines: Iterable[dict[str, Any]], counts: Counter[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        counts[line["kind"] if line["what"] == "fault" else line["what"]] += 1
        yield line


def _conclude(counts: Counter[str]) -> None:
    """Say what there was, and end with 1 when something was rejected."""
    words = [
        f"{counts[each]} {each}{'' if counts[each] == 1 else 's'}"
        for each in (*STARTS, "segment", "element")
        if counts[each]
    ]
    for kind, many in (("error", "errors"), ("tolerance", "tolerances")):
        words.append(f"{counts[kind] or 'no'} {kind if counts[kind] == 1 else many}")
    note(", ".join(words) + ".")
    if counts["error"]:
        raise click.exceptions.Exit(1)
