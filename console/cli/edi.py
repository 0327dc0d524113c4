"""`crossdock edi`: EDI files and XML documents read, checked and written, without a hub."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

import click

from console.cli.base import Session, group, pass_session
from console.cli.edi_files import (
    FILE,
    FILES,
    NAMES,
    STRICT,
    SYNTAXES,
    XML,
    mode_of,
    name_of,
    objects,
    schemas_of,
    source,
    syntax_of,
    target,
)
from console.cli.edi_grammar import import_grammar_command
from console.cli.edi_maps import convert_command, diff_command
from console.cli.edi_tree import STARTS, show
from console.cli.failures import describe
from console.cli.output import note

SEGMENT_PLACE = ("place.number=segment", "place.tag=tag", "place.element=element")
XML_PLACE = ("place.line=line", "place.path=path")
MOVES = 2_000
"""Objects between two movements of the progress bar."""
JSON_HEAD = 4_096
NOT_WHOLE = frozenset({"no-interchange", "trailer-missing", "truncated", "unclosed"})
"""Names of faults of files of which the end is not there: an envelope written anew would hide that."""
SYNTAX_SAID = re.compile(rb'"syntax": ?"(\w+)"')


@group("edi")
def edi_command() -> None:
    """Read, check, write and convert files of EDIFACT, X12, UBL and cXML; no hub has to run.

    What a file is, is told by what is in it, not by its name. Where a command takes FILE, - is standard input.
    """


for each in (import_grammar_command, convert_command, diff_command):
    edi_command.add_command(each)


@edi_command.command("read", epilog="Example: crossdock edi read orders.edi")
@FILES
@STRICT
@pass_session
def read_command(session: Session, /, files: tuple[Path, ...], strict: bool) -> None:
    """Show what is in each FILE, as a tree.

    With --json it is one object for each part and segment. Envelopes, counts and references are looked at; `crossdock
    edi check` also looks at what messages hold. Exit code 1 when something is rejected, 2 when a file is none that
    can be read; of several files the worst.
    """

    def read(file: Path, counts: Counter[str]) -> None:
        with _opened(file, strict) as (syntax, lines):
            if not session.json:
                click.echo(f"{name_of(file)}: {NAMES[syntax]}")
            for line in _counted(lines, counts):
                if session.json:
                    session.out.line(_named(line, file, files))
                else:
                    show(line)

    _each(session, files, read)


@edi_command.command("check", epilog="Example: crossdock edi check --strict inbox/*.edi")
@FILES
@STRICT
@click.option(
    "--rules",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Also check XML with these rules: Schematron (.sch), or a stylesheet of it (.xsl). May be repeated.",
)
@pass_session
def check_command(session: Session, /, files: tuple[Path, ...], strict: bool, rules: tuple[Path, ...]) -> None:
    """List what is wrong with each FILE and what was tolerated.

    EDIFACT and X12: envelopes, counts and references, and what messages hold by the grammars that come with Crossdock.
    UBL and cXML: the schemas that the settings schemas.ubl and schemas.cxml name. Rules, such as those of Peppol, are
    the user's own files; docs/edi.md says where to get them. Exit code 1 when something is rejected, 2 when a file is
    none that can be read; of several files the worst.
    """
    from mappings.edi.content import with_content

    def check(file: Path, counts: Counter[str]) -> None:
        with _opened(file, strict, session, rules) as (syntax, lines):
            if syntax not in XML:
                lines = with_content(lines, syntax, mode_of(strict))
            found = (_named(line, file, files) for line in _counted(lines, counts) if line["what"] == "fault")
            if not session.json and len(files) > 1:
                click.echo(click.style(f"{name_of(file)}: {NAMES[syntax]}", bold=True))
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

    _each(session, files, check)


@edi_command.command("write")
@FILE
@STRICT
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write [standard output].")
@click.option("--charset", help="EDIFACT: character set, such as UNOC or UNOY [that of FILE].")
@click.option("--syntax-version", "version", type=click.Choice(["1", "2", "3", "4"]), help="EDIFACT [that of FILE].")
@click.option("--line-ends", is_flag=True, help="A line break after every segment.")
@click.option("--una", is_flag=True, help="EDIFACT: announce the service characters, also the usual ones.")
@pass_session
def write_command(session: Session, /, file: Path, strict: bool, out: Path | None, **given: Any) -> None:
    """Write FILE again: nothing tolerated, counts made right.

    FILE is EDIFACT, X12, or what `crossdock edi read --json` printed, perhaps changed since. Counts and references are
    those of what is written. Faults are told; exit code 1 when something was rejected. A file that cannot be read
    whole, because its end or an envelope is missing, is not written: nobody could tell it from a whole one afterwards.
    """
    options = {name: value for name, value in given.items() if value not in (None, False)}
    counts: Counter[str] = Counter()

    def told(fault: Any) -> None:
        counts[str(fault.kind)] += 1
        counts["not whole"] += fault.name in NOT_WHOLE
        if fault.rejects:
            note(f"Segment {fault.place.number or '-'}: {fault.text}")

    with source(file) as (handle, moved), target(out, at_once=True) as sink:
        module, as_json = _written(file, handle)
        if as_json:
            chunks = module.write_lines(objects(handle), **options)
        else:
            chunks = module.write_file(handle, mode_of(strict), told, **options)
        for number, chunk in enumerate(chunks):
            sink.write(chunk)
            counts["written"] += 1
            if number % MOVES == 0:
                moved()
        if counts["not whole"] or not counts["written"]:
            note(f"{name_of(file)} cannot be read whole. Nothing was written; have it sent again.")
            raise click.exceptions.Exit(1)
    if out is not None:
        session.out.did({"file": str(out), "errors": counts["error"]}, f"{out} was written.")
    if counts["error"]:
        raise click.exceptions.Exit(1)


def _written(file: Path, handle: BinaryIO) -> tuple[Any, bool]:
    """Return the module that writes a file again, and whether the file is JSON."""
    head = handle.read(JSON_HEAD)
    handle.seek(0)
    if not head.startswith(b"{"):
        return _module(syntax_of(file, handle, tuple(SYNTAXES))), False
    said = SYNTAX_SAID.search(head)
    return _module(said[1].decode() if said and said[1].decode() in SYNTAXES else "edifact"), True


@contextmanager
def _opened(
    file: Path, strict: bool, checking: Session | None = None, rules: tuple[Path, ...] = ()
) -> Iterator[tuple[str, Iterator[dict[str, Any]]]]:
    """Yield what kind of EDI a file is, and what is in it; with a session, XML is checked with its schemas."""
    with source(file) as (handle, moved):
        syntax = syntax_of(file, handle)
        if syntax in XML:
            from mappings.edi.schematron.rules import Rules
            from mappings.edi.xml.lines import read_lines

            compiled = [Rules(each) for each in rules]
            lines = read_lines(handle, mode_of(strict), None if checking is None else schemas_of(checking), compiled)
        elif rules:
            from core.errors import InputError

            raise InputError(
                f"{name_of(file)} is {NAMES[syntax]}, and rules are about XML documents.",
                fix="Leave --rules out; EDIFACT and X12 are checked by their grammars.",
                code="EDI-RULES-415",
            )
        else:
            lines = _module(syntax).read_lines(handle, mode_of(strict))
        yield syntax, _moving(lines, moved)


def _moving(lines: Iterator[dict[str, Any]], moved: Callable[[], None]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines):
        if number % MOVES == 0:
            moved()
        yield line


def _module(syntax: str) -> Any:
    return import_module(SYNTAXES[syntax])


def _counted(lines: Iterable[dict[str, Any]], counts: Counter[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        counts[line["kind"] if line["what"] == "fault" else line["what"]] += 1
        yield line


def _named(line: dict[str, Any], file: Path, files: tuple[Path, ...]) -> dict[str, Any]:
    """Return a line that says its file where there are several."""
    return {"file": str(file), **line} if len(files) > 1 else line


def _each(session: Session, files: tuple[Path, ...], work: Callable[[Path, Counter[str]], None]) -> None:
    """Work on one file after the other, say of each what there was, and end with the worst exit code.

    Args:
        work: takes a file and what counts what is in it; of several files one that cannot be read stops no other.
    """
    from core.errors import CrossdockError

    worst = 0
    for file in files:
        counts: Counter[str] = Counter()
        try:
            work(file, counts)
        except CrossdockError as error:
            if len(files) == 1:
                raise
            if session.json:
                session.out.line({"file": str(file), "error": error.as_dict()})
            said = str(error)
            note(said if said.startswith(name_of(file)) else f"{name_of(file)}: {said}")
            worst = max(worst, describe(error).exit_code)
            continue
        _conclude(counts, f"{name_of(file)}: " if len(files) > 1 else "")
        worst = max(worst, int(bool(counts["error"])))
    if worst:
        raise click.exceptions.Exit(worst)


def _conclude(counts: Counter[str], head: str) -> None:
    """Say what there was."""
    words = [
        f"{counts[each]} {each}{'' if counts[each] == 1 else 's'}"
        for each in (*STARTS, "segment", "element")
        if counts[each]
    ]
    if counts["warning"]:
        words.append(f"{counts['warning']} warning{'' if counts['warning'] == 1 else 's'}")
    for kind, many in (("error", "errors"), ("tolerance", "tolerances")):
        words.append(f"{counts[kind] or 'no'} {kind if counts[kind] == 1 else many}")
    note(f"{head}{', '.join(words)}.")
