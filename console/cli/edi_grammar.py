"""`crossdock edi import-grammar`: partners' guides in SEF as grammars of ours."""

from __future__ import annotations

from pathlib import Path

import click

from console.cli.base import Session, command, pass_session

MAX_BYTES = 50_000_000


def import_grammar(session: Session, file: Path, message: str | None, out: Path | None) -> None:
    """Write the grammar of one message of a SEF file.

    Raises:
        InputError: it is no SEF, has no such message, or several and none was named.
    """
    from mappings.edi.grammar.loader import GrammarError, read_grammar
    from mappings.edi.grammar.sef import grammar_of, read_sef
    from mappings.edi.grammar.writing import grammar_yaml

    if file.stat().st_size > MAX_BYTES:
        raise GrammarError(f"{file.name} is larger than {MAX_BYTES:,} bytes.", fix="Export the messages you need only.")
    sef = read_sef(file.read_bytes().decode("latin-1"))
    if message is None:
        if len(sef.sets) != 1:
            some = ", ".join(list(sef.sets)[:20])
            raise GrammarError(f"{file.name} has {len(sef.sets)} messages: {some}.", fix="Name one by --message.")
        (message,) = sef.sets
    text = grammar_yaml(grammar_of(sef, message))
    # What was written must be readable: a guide can say things that a grammar cannot.
    found = read_grammar(text, f"{message}.yaml")
    target = out or Path(f"{message}.yaml")
    target.write_text(text, encoding="utf-8")
    tags = found.tags()
    session.out.did(
        {"file": str(target), "standard": str(found.standard), "message": message, "version": found.version,
         "segments": len(tags)},
        f"{target} describes {message} {found.version} with {len(tags)} segments.",
    )  # fmt: skip


@command("import-grammar")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--message", help="Message to take, such as 850 [the only one].")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write [MESSAGE.yaml].")
@pass_session
def import_grammar_command(session: Session, /, file: Path, message: str | None, out: Path | None) -> None:
    """Make a grammar of a partner's guide in SEF.

    FILE is the guide; what it says of the structure of one message is written as a grammar, which docs/edi-grammars.md
    describes.
    """
    import_grammar(session, file, message, out)
