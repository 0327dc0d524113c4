"""`crossdock openapi`: the HTTP contract; no hub is needed for it."""

from __future__ import annotations

from pathlib import Path

import click

from console.cli.base import Session, command, pass_session


@command("openapi")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write it there instead of stdout.")
@pass_session
def openapi_command(session: Session, /, output: Path | None) -> None:
    """Print the OpenAPI 3.1 document of the HTTP API as JSON."""
    from console.wiring import openapi_document

    text = openapi_document(session.settings(), compact=session.json)
    if output is None:
        click.echo(text)
    else:
        output.write_text(text + "\n", encoding="utf-8")
