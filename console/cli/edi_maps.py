"""`crossdock edi convert` and `diff`: EDI files and XML documents through maps, without a hub."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import click

from console.cli.base import Session, command, pass_session
from console.cli.edi_files import (
    FILE,
    STRICT,
    mode_of,
    name_of,
    objects,
    schemas_of,
    source,
    syntax_of,
    target,
)
from console.cli.output import note

JSON_STARTS = (b"{", b"[")
Opened = tuple[BinaryIO, Callable[[], None]]
MAP = click.option(
    "--map", "map_name", help="Shipped map, such as edifact/orders.D96A, or a map's file [the one for the message]."
)


@command("convert")
@FILE
@STRICT
@MAP
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write [standard output].")
@click.option("--sender", help="Id of the sender of the interchange that is written.")
@click.option("--sender-qualifier", help="Of that id, such as 14 for a GLN in EDIFACT.")
@click.option("--recipient", help="Id of the recipient of the interchange that is written.")
@click.option("--recipient-qualifier", help="Of that id, such as 14 for a GLN in EDIFACT.")
@click.option("--reference", help="Control reference of the interchange that is written.")
@click.option("--test", is_flag=True, help="Mark the interchange as a test.")
@pass_session
def convert_command(
    session: Session, /, file: Path, strict: bool, map_name: str | None, out: Path | None, **envelope: Any
) -> None:
    """Turn messages into canonical documents, or back.

    FILE of EDI or XML: each message is printed with its canonical document, what was held, its faults and the places
    its map does not read; with --json, and with --out, as one JSON object on a line. A message with faults is
    converted all the same, unless --strict is given. FILE of JSON, canonical documents or what this command has
    printed, is written with --map as one interchange, or as one XML document. Exit code 1 when a message could not be
    converted, or none was read.
    """
    failed = read = 0
    with contextlib.ExitStack() as stack:
        opened = handle, _ = stack.enter_context(source(file))
        is_json = handle.read(64).lstrip().startswith(JSON_STARTS)
        handle.seek(0)
        if is_json:
            given = {name: value for name, value in envelope.items() if value}
            write_edi(session, file, opened, map_name, out, given)
            return
        sink = stack.enter_context(target(out)) if out is not None else None
        for each in converted(file, opened, strict, map_name, schemas_of(session)):
            read += 1
            failed += each.error is not None
            line = each.public()
            if sink is not None:
                sink.write(json.dumps(line, ensure_ascii=False, default=str).encode() + b"\n")
            elif session.json:
                session.out.line(line)
            else:
                show(line)
        refuse_nothing(file, read)
    if failed:
        note(f"{failed} could not be converted.")
        raise click.exceptions.Exit(1)


@command("diff")
@FILE
@STRICT
@MAP
@pass_session
def diff_command(session: Session, /, file: Path, strict: bool, map_name: str | None) -> None:
    """Show what of each message its map does not give back.

    Each message of FILE is turned into its canonical document and back, and the segments, or texts of XML, that differ
    are shown. Differences are no failure: exit code 1 when a message could not be converted or written again, or none
    was read.
    """
    from core.errors import MappingError
    from mappings.edi.converting import differences

    failed = read = 0
    with source(file) as opened:
        for each in converted(file, opened, strict, map_name, schemas_of(session), again=True):
            read += 1
            line = {name: each.public()[name] for name in ("message", "type", "version", "reference", "map", "error")}
            found = []
            if each.error is None:
                try:
                    found = [one.public() for one in differences(each)]
                except MappingError as error:
                    line["error"] = error.what
            failed += line["error"] is not None
            line = {**line, "same": line["error"] is None and not found, "differences": found}
            if session.json:
                session.out.line(line)
            else:
                show_differences(line)
    refuse_nothing(file, read)
    if failed:
        note(f"{failed} could not be compared.")
        raise click.exceptions.Exit(1)


def refuse_nothing(file: Path, read: int) -> None:
    """End with 1 where no message of a file could be read."""
    if not read:
        note(f"No message of {name_of(file)} could be read.")
        raise click.exceptions.Exit(1)


def converted(
    file: Path, opened: Opened, strict: bool, map_name: str | None, schemas: Any = None, *, again: bool = False
) -> Iterator[Any]:
    """Yield what became of each message of a file; what is wrong around messages is told.

    Args:
        file: of EDI or XML.
        opened: what `source` yields of it.
        strict: whether anything is tolerated.
        map_name: the map; by the message where it is None.
        schemas: that XML documents are checked with.
        again: whether it is to be written again.

    Raises:
        InputError: the file is no EDI file, or the map is none.
    """
    from mappings.edi.converting import Found, convert_by, messages
    from mappings.edi.shipped import map_that_reads_again, maps_for, named_map
    from mappings.edi.xml.kinds import XML

    named = named_map(map_name) if map_name else None
    handle, moved = opened
    syntax = syntax_of(file, handle)
    for each in messages(handle, syntax, mode_of(strict), schemas):
        moved()
        if isinstance(each, Found):
            chosen = [named] if named else maps_for(each.syntax, each.type, each.version)
            if again and named is None and each.syntax in XML:
                reader = map_that_reads_again(each.syntax, each.type)
                chosen = [reader] if reader else chosen
            yield convert_by(each, chosen, strict=strict)
        elif each.rejects:
            note(each.text)


def show(line: dict[str, Any]) -> None:
    """Print what became of a message, for people."""
    heading(line)
    if line["document"] is not None:
        click.echo(json.dumps(line["document"], indent=2, ensure_ascii=False))
    for fault in line["faults"]:
        click.echo(click.style(f"! {fault['text']}", fg="red" if fault["kind"] == "error" else "yellow"))
    for hold in line["holds"]:
        click.echo(click.style(f"held: {hold['kind']} {hold['path']}: {hold['detail']}", fg="yellow"))
    if line["unmapped"]:
        click.echo(f"not read: {', '.join(line['unmapped'])}")


def heading(line: dict[str, Any]) -> None:
    """Print which message is meant, and why there is nothing of it."""
    words = f"message {line['message']} {line['type']} {line['version']} {line['reference']}"
    click.echo(click.style(words, bold=True) + (f"  {line['map']}" if line["map"] else ""))
    if line["error"]:
        click.echo(click.style(f"! {line['error']}", fg="red"))


def show_differences(line: dict[str, Any]) -> None:
    """Print the segments that differ."""
    heading(line)
    if line["same"]:
        click.echo("the same")
    for each in line["differences"]:
        click.echo(f"@ segment {each['segment']}")
        for sign, color, segments in (("-", "red", each["came"]), ("+", "green", each["written"])):
            for segment in segments:
                click.echo(click.style(f"{sign} {segment}", fg=color))


def write_edi(
    session: Session, file: Path, opened: Opened, map_name: str | None, out: Path | None, envelope: dict[str, Any]
) -> None:
    """Write the canonical documents of a file as one interchange.

    Raises:
        InputError: no map is named, or the file holds no documents.
        MappingError: a document cannot be written; no file is left behind.
    """
    from core.errors import InputError
    from mappings.edi.shipped import named_map

    if map_name is None:
        raise InputError(f"{name_of(file)} is JSON, and nothing says which map writes it.", fix="Name one by --map.")
    chosen = named_map(map_name)
    documents = list(canonical(*opened))
    if not documents:
        raise InputError(f"{name_of(file)} holds no document.", fix="Give canonical documents, one on each line.")
    xml = chosen.document.syntax == "xml"
    if xml:
        from mappings.edi.xml.converting import enveloped

        documents = enveloped(chosen, documents, envelope)
    lost = dict.fromkeys(path for each in documents for path in chosen.unwritten(each))
    data = chosen.write_bytes(documents) if xml else chosen.write_interchange(documents, envelope)
    with target(out) as sink:
        sink.write(data)
    if lost:
        note(f"Not written, as the map has no place for it: {', '.join(lost)}.")
    if out is not None:
        session.out.did({"file": str(out), "messages": len(documents), "unwritten": list(lost)}, f"{out} was written.")


def canonical(handle: BinaryIO, moved: Callable[[], None]) -> Iterator[dict[str, Any]]:
    """Yield the canonical documents of a JSON file: one document, a list, or one on each line."""
    found: Any = None
    with contextlib.suppress(ValueError):
        found = json.loads(handle.read())
    handle.seek(0)
    listed = found if isinstance(found, list) else [found] if isinstance(found, dict) else objects(handle)
    for each in listed:
        moved()
        # What this command has printed has the document in it.
        yield each["document"] if "message" in each and "document" in each else each
