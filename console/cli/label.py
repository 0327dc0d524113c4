"""`crossdock label`: the logistic labels of a shipment, for a printer or as PDF."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from console.cli.base import Session, command, find_id, pass_session


@command("label", epilog="Example: crossdock label shp_0198f3c2 --pdf --output labels.pdf")
@click.argument("shipment")
@click.option("--zpl", "format_", flag_value="zpl", help="For label printers, as ZPL.")
@click.option("--pdf", "format_", flag_value="pdf", default="pdf", help="As PDF, one A6 page for each package [this].")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Where to; standard output by default.")
@pass_session
def label_command(session: Session, /, shipment: str, format_: str, output: Path | None) -> None:
    """Print the labels of a shipment's packages; each says what the despatch advice says, or none is printed."""
    from core.services.advising import labels_of
    from mappings.labels.pdf import to_pdf
    from mappings.labels.zpl import to_zpl

    with session.hub() as hub:
        with hub.store.read() as conn:
            shipment_id = find_id(conn, "shipment", shipment)
        with session.changing(hub) as unit:
            labels = labels_of(unit, hub.numbers, shipment_id)
        content = to_zpl(labels).encode() if format_ == "zpl" else to_pdf(labels)
    if output is None:
        sys.stdout.buffer.write(content)
    else:
        output.write_bytes(content)
        session.out.did({"labels": len(labels), "file": str(output)}, f"{len(labels)} labels in {output}.")
