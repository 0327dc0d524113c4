"""`crossdock partner`: trading partners who speak EDI, what went between them and us, and sending anew."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from console.cli.base import Session, changes, find_id, group, pass_session
from console.cli.lists import limit_option, pages
from console.cli.output import note, tell_paused
from console.cli.partner_deciding import refuse_command, send_command, take_command
from console.cli.partner_play import play_command
from console.cli.secrets import secret_options, take_secrets

SHOWN = 10
if TYPE_CHECKING:
    from connectors.edi.partnerfile import PartnerFile

PARTNERS = ("name", "label", "mode", "theirs", "transport", "came", "left", "refused", "set_aside", "silent", "last_at")
INTERCHANGES = ("id", "at", "partner", "direction", "reference", "state", "test", "messages", "answered_at")
DOCUMENTS = ("id", "at", "partner", "direction", "kind", "number", "state", "message_state=work", "due_at")
FILE = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
SAMPLES = click.argument("samples", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
DIRECTION = click.option("--direction", type=click.Choice(["in", "out"]), help="Only what came in, or what left.")
PARTNER = click.option("--partner", help="Only of this partner.")


@group("partner")
def partner_command() -> None:
    """Trading partners who speak EDI: set up, tried, looked at.

    A partner is one file, his profile: `test` tries it on samples, `add` sets him up, and `documents` shows what went
    between him and us. docs/partners.md has every key of the file.
    """


for each in (send_command, take_command, refuse_command):
    partner_command.add_command(each)


@partner_command.command("test", epilog="Example: crossdock partner test acme.yaml samples/*")
@FILE
@SAMPLES
@click.option("--show", is_flag=True, help="Also show what each message means, and what would leave.")
@secret_options
@pass_session
def test_command(
    session: Session,
    /,
    file: Path,
    samples: tuple[Path, ...],
    show: bool,
    secret_file: tuple[str, ...],
    secret_env: tuple[str, ...],
) -> None:
    """Try the profile in FILE on SAMPLES, without a hub.

    SAMPLES are files as the partner sends them, files as he wants them from us, or canonical papers as JSON. What is
    to leave and has no sample is made of the sample of an order. Exit code 1 when something does not pass.
    The settings of the transport are looked at as well; given its secrets, whether they fit the certificates.
    """
    from connectors.edi.partnerfile import read_partner_file
    from connectors.edi.trying import opened, try_samples

    partner = read_partner_file(file)
    with opened(partner, take_secrets([], [], secret_file, secret_env)) as connector:
        found = try_samples(connector, samples, partner.terms)
        elsewhere = connector.missing_folder()
    failed = [each for each in found if not each.passed]
    if session.json:
        for each in found:
            session.out.line(
                {"sample": each.sample, "kind": each.kind, "direction": each.way, "passed": each.passed,
                 "reasons": each.reasons, "notes": each.notes, "canonical": each.canonical, "written": each.written}
            )  # fmt: skip
    else:
        for each in found:
            click.echo(f"{'pass' if each.passed else 'FAIL'}  {each.kind:<8} {each.way:<4} {each.sample or '-'}")
            for reason in each.reasons:
                click.echo(f"      {reason}")
            for said in each.notes:
                click.echo(f"    - {said}")
            if show:
                _show(each)
    _tell_endings(partner)
    if elsewhere:
        note(f"There is no folder {elsewhere} on this machine; where the hub runs it must be there.")
    note(f"{len(found) - len(failed)} passed, {len(failed)} failed.")
    if failed:
        raise click.exceptions.Exit(1)


def _tell_endings(partner: PartnerFile) -> None:
    from datetime import UTC, datetime

    from connectors.edi.transports.as2_profile import ending_soon

    for each in ending_soon(partner.settings["transport"], datetime.now(UTC)):
        note(each)


def _show(tried: Any) -> None:
    import orjson

    if tried.canonical is not None:
        click.echo(orjson.dumps(tried.canonical, option=orjson.OPT_INDENT_2).decode())
    if tried.written:
        click.echo(tried.written)


@partner_command.command("add", epilog="Example: crossdock partner add acme.yaml")
@FILE
@click.option(
    "--mode",
    type=click.Choice(["off", "observe", "shadow", "live"]),
    help="Of a new partner; off: nothing goes; observe: files are only taken in; shadow: what would leave is kept, and "
    "not sent; live, the default.",
)
@click.option("--replace", is_flag=True, help="Change the partner of that name to what FILE says.")
@secret_options
@changes
@pass_session
def add_command(
    session: Session,
    /,
    file: Path,
    mode: str | None,
    replace: bool,
    secret_file: tuple[str, ...],
    secret_env: tuple[str, ...],
) -> None:
    """Set up the partner of FILE, or change him.

    With --mode live, the default, files are taken and sent at once; try him before with `crossdock partner test`.
    """
    from connectors.edi.partnerfile import read_partner_file
    from core.domain.vocabulary import Mode
    from core.errors import InputError, Misconfigured
    from core.services import audit
    from core.services.edi_partners import missing_secrets, set_up
    from core.store.read.plumbing import read_connection

    if replace and mode:
        raise click.UsageError(
            "--mode is of a new partner; `crossdock connection mode NAME MODE` switches one that is there."
        )
    found = read_partner_file(file)
    with session.hub() as hub:
        secrets = take_secrets([], [], secret_file, secret_env)
        try:
            with session.changing(hub) as unit:
                shown = set_up(
                    unit, hub.connectors, hub.box, name=found.name, label=found.label, settings=found.settings,
                    terms=found.terms, secrets=secrets, mode=Mode(mode or "live"), replace=replace,
                )  # fmt: skip
                missing = missing_secrets(unit, hub.connectors, hub.box, found.name)
                connection = read_connection(unit.conn, found.name, unit.tenant)
                audit.record(
                    unit, "partner.changed" if replace else "partner.added", found.name, {"mode": shown["mode"]}
                )
        except Misconfigured as error:
            raise InputError(error.what, why=error.why, fix=error.fix, code=error.error_code) from None
    _tell_endings(found)
    for each in missing:
        note(f"The secret {each} is still missing: without it nothing goes either way.")
    if kept := shown.get("kept_stores"):
        listed = ", ".join(kept[:SHOWN]) + (" …" if len(kept) > SHOWN else "")
        note(
            f"Addresses of stores that FILE does not have were kept: {listed}. Add them to it, or set terms without "
            f"them by `crossdock terms set {found.name} TERMS`."
        )
    give = [f"crossdock connection secrets {found.name} --secret-file {each.split()[0]}=FILE" for each in missing]
    said = f"Partner {found.name} is there ({shown['mode']})."
    session.out.did(shown, said, *give, f"crossdock connection test {found.name}")
    tell_paused(connection)


@partner_command.command("list")
@limit_option
@pass_session
def list_command(session: Session, /, limit: int) -> None:
    """List partners with what went both ways in seven days.

    came, left and refused are documents; set_aside are those whose content is in quarantine; silent are those of ours
    whose answer is overdue.
    """
    from core.store.read.partner_list import list_partners

    with session.hub() as hub, hub.store.read() as conn:
        session.out.rows(
            pages(lambda piece: list_partners(conn, piece), limit),
            PARTNERS,
            empty="There is no trading partner yet. Add one: crossdock partner add FILE",
        )


@partner_command.command("show")
@click.argument("name")
@pass_session
def show_command(session: Session, /, name: str) -> None:
    """Show one partner: his profile, never his secrets."""
    from core.store.read.partner_list import read_partner

    with session.hub() as hub, hub.store.read() as conn:
        session.out.one(read_partner(conn, name))


@partner_command.command("interchanges")
@PARTNER
@DIRECTION
@click.option(
    "--state",
    multiple=True,
    help="Only in this state: made, sent, taken, refused, repeated or quarantined. May be repeated.",
)
@click.option("--reference", help="Only of this control reference.")
@limit_option
@pass_session
def interchanges_command(session: Session, /, limit: int, **given: Any) -> None:
    """List interchanges that came and left, newest first."""
    from core.store.read.partners import list_interchanges

    with session.hub() as hub, hub.store.read() as conn:
        session.out.rows(
            pages(lambda piece: list_interchanges(conn, piece, **given), limit),
            INTERCHANGES,
            empty="No interchange fits.",
        )


@partner_command.command("documents", epilog="Example: crossdock partner documents --find 4500012345")
@click.option("--find", help="Order number, SSCC, GLN or control reference, whole.")
@PARTNER
@DIRECTION
@click.option("--kind", multiple=True, help="Only of this kind, such as 850; may be repeated.")
@click.option(
    "--state",
    multiple=True,
    help="Only in this state: made, sent, received, accepted, answered, refused, replaced or taken. May be repeated.",
)
@limit_option
@pass_session
def documents_command(session: Session, /, limit: int, **given: Any) -> None:
    """List documents that came and left, and how far they are.

    What left is sent, then received, accepted and answered, or refused; `work` is how far the hub is with what came.
    """
    from core.store.read.partners import list_documents

    with session.hub() as hub, hub.store.read() as conn:
        session.out.rows(
            pages(lambda piece: list_documents(conn, piece, **given), limit), DOCUMENTS, empty="No document fits."
        )


@partner_command.command("raw")
@click.argument("interchange")
@pass_session
def raw_command(session: Session, /, interchange: str) -> None:
    """Write the bytes of INTERCHANGE to standard output.

    They are those that left, or the file it came in. Who asked for them is kept in the audit log. INTERCHANGE is an id
    that `crossdock partner interchanges` lists, or as much of it as tells it from others.
    """
    from core.services import audit
    from core.store.read.partners import raw_interchange

    with session.hub() as hub, session.changing(hub) as unit:
        found = find_id(unit.conn, "interchange", interchange)
        body = raw_interchange(unit.conn, found, unit.tenant)
        audit.record(unit, "interchange.read", interchange)
    sys.stdout.buffer.write(body)
    sys.stdout.buffer.flush()


@partner_command.command("maps")
@pass_session
def maps_command(session: Session, /) -> None:
    """List the shipped maps that `documents` may name."""
    from mappings.edi.shipped import shipped_map, shipped_names

    session.out.rows(
        ({"map": each, "canonical": shipped_map(each).canonical_type} for each in shipped_names()),
        ("map", "canonical"),
        empty="No map is shipped.",
    )


partner_command.add_command(play_command)
