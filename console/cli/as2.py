"""`crossdock as2`: a key and a certificate of our own."""

from __future__ import annotations

import os
from pathlib import Path

import click

from console.cli.base import Session, changes, group, pass_session

PRIVATE = 0o600
COMMON_NAME = 64
"""Characters of a common name (X.520)."""


@group("as2")
def as2_command() -> None:
    """AS2: keys and certificates of our own."""


@as2_command.command("certificate", epilog="Example: crossdock as2 certificate FJORDPINE")
@click.argument("name")
@click.option("--days", type=click.IntRange(30, 3650), default=1095, show_default=True, help="How long it holds.")
@click.option(
    "--out",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=".",
    help="Folder of the two files [this one].",
)
@changes
@pass_session
def certificate_command(session: Session, /, name: str, days: int, out: Path) -> None:
    """Make a key and a certificate signed by itself for NAME, our AS2 name, and say what the partner gets.

    Writes NAME.as2.key and NAME.as2.pem, which only their owner may read, and replaces no file.
    """
    from datetime import UTC, datetime

    from connectors.edi.as2.making import make_identity
    from core.errors import Conflict, InputError

    if not 0 < len(name.strip()) <= COMMON_NAME or not name.isprintable():
        raise InputError(
            f"{name[:COMMON_NAME]!r} cannot be the name of a certificate.",
            fix=f"Give our AS2 name, of at most {COMMON_NAME} characters.",
        )
    stem = "".join(each if each.isalnum() or each in "._-" else "-" for each in name.strip())
    key_file, certificate_file = out / f"{stem}.as2.key", out / f"{stem}.as2.pem"
    for path in (key_file, certificate_file):
        if path.exists():
            raise Conflict(
                f"{path} is there already.",
                why="A key that partners know is never replaced.",
                fix="Give another folder by --out, or move the file away.",
                code="AS2-FILE-409",
            )
    made = make_identity(name.strip(), days, datetime.now(UTC))
    if not session.dry_run:
        _write(key_file, made.key)
        _write(certificate_file, made.certificate)
    ends = f"{made.ends:%Y-%m-%d}"
    session.out.did(
        {"key": str(key_file), "certificate": str(certificate_file), "fingerprint": made.fingerprint, "ends": ends},
        f"{key_file} is the key; it stays here. {certificate_file} is the certificate, until {ends}.\n"
        f"Give the partner {certificate_file} and our AS2 name {name.strip()}, and tell him by another way than mail:\n"
        f"SHA-256 {made.fingerprint}\n"
        "Put the certificate into `our_certificates` of his profile.",
        f"crossdock partner add FILE --secret-file as2_keys={key_file}",
    )


def _write(path: Path, content: bytes) -> None:
    """Write a file that is new, and that only its owner may read."""
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE), "wb") as handle:
        handle.write(content)
