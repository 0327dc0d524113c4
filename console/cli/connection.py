"""`crossdock connection`: add, list, show, test, mode, secrets, pause, resume, remove."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from console.cli.base import Session, changes, group, pass_session, registry
from console.cli.lists import Moment, limit_option, pages
from console.cli.output import tell_paused
from console.cli.secrets import missing_flags, secret_options, take_secrets

COLUMNS = ("name", "connector", "mode", "paused", "pause_reason=reason", "failures", "label")
MODES = click.Choice(["off", "observe", "shadow", "live"])


@group("connection")
def connection_command() -> None:
    """Accounts at partners."""


@connection_command.command("list")
@click.option("--connector", multiple=True, help="Only of this kind; may be repeated.")
@click.option("--mode", multiple=True, type=MODES, help="Only in this mode; may be repeated.")
@limit_option
@pass_session
def list_(session: Session, /, limit: int, **given: Any) -> None:
    """List connections by name."""
    from core.store.read.plumbing import list_connections

    with session.hub() as hub, hub.store.read() as conn:
        session.out.rows(
            pages(lambda piece: list_connections(conn, piece, **given), limit),
            COLUMNS,
            empty="There is no connection yet. Add one: crossdock connection add NAME --connector KIND",
        )


@connection_command.command("show")
@click.argument("name")
@pass_session
def show(session: Session, /, name: str) -> None:
    """Show one connection with its backlog and the address partners call; never its secrets."""
    from core.store.read.plumbing import read_connection

    with session.hub() as hub, hub.store.read() as conn:
        found = read_connection(conn, name)
    session.out.one({**found, "webhook_url": f"{session.address()}/webhooks/{found['name']}"})


@connection_command.command("add")
@click.argument("name")
@click.option("--connector", required=True, help="Kind of partner: see `crossdock connector list`.")
@click.option(
    "--set", "sets", multiple=True, metavar="NAME=VALUE", help="A setting; `crossdock connector info KIND` lists them."
)
@click.option("--label", help="A name for people.")
@click.option("--mode", type=MODES, default="live", show_default=True, help="How far it is switched on.")
@secret_options
@changes
@pass_session
def add(
    session: Session,
    /,
    name: str,
    connector: str,
    sets: tuple[str, ...],
    label: str | None,
    mode: str,
    secret_file: tuple[str, ...],
    secret_env: tuple[str, ...],
) -> None:
    """Add an account. Secrets come from files, the environment or a prompt, never from flags."""
    from core.domain.vocabulary import Mode
    from core.errors import InputError, Misconfigured, Refused
    from core.services import audit
    from core.services.connections import add_connection
    from core.store.read.plumbing import read_connection

    with session.hub() as hub:
        manifest = registry(hub).manifest(connector)
        secret_names = sorted(manifest.secret_names) if manifest else []
        calls = manifest is not None and (manifest.check is not None or manifest.calls)
        settings: dict[str, Any] = {}
        for each in sets:
            key, equals, value = each.partition("=")
            if not equals:
                raise click.UsageError(f"{key!r}: write --set NAME=VALUE.")
            if key in secret_names:
                raise Refused(
                    f"{key} is a secret: flags are seen by everybody on this machine and kept in the shell's history.",
                    fix=f"Use --secret-file {key}=PATH, --secret-env {key}=VARIABLE, or the prompt.",
                    code="CLI-SECRET-403",
                )
            setting = manifest.setting(key) if manifest else None
            settings[key] = _typed(value) if setting and setting.type == "json" else value
        required = [each.name for each in manifest.settings if each.secret and each.required] if manifest else []
        secrets = take_secrets(secret_names, required, secret_file, secret_env)
        try:
            with session.changing(hub) as unit:
                add_connection(
                    unit, hub.connectors, hub.box, name=name, connector=connector, settings=settings, secrets=secrets,
                    label=label, mode=Mode(mode),
                )  # fmt: skip
                shown = read_connection(unit.conn, name, unit.tenant)
                audit.record(unit, "connection.added", name, {"connector": connector, "mode": mode})
        except Misconfigured as error:
            fix = missing_flags(error, connector) or error.fix
            raise InputError(error.what, why=error.why, fix=fix, code=error.error_code) from None
    session.out.did(
        {**shown, "webhook_url": f"{session.address()}/webhooks/{name}"},
        f"Connection {name} is there ({connector}, {mode}). Partners call {session.address()}/webhooks/{name}",
        f"crossdock connection {'test' if calls else 'show'} {name}",
    )


def _typed(value: str) -> Any:
    from console.cli.changes import parsed

    return parsed(value)


@connection_command.command("test")
@click.argument("name")
@pass_session
def test(session: Session, /, name: str) -> None:
    """Call the partner harmlessly and say what came of it; exit 1 when it does not work.

    A connector that only takes calls has nobody to call: that is said, with exit 0.
    """
    from core.errors import CrossdockError, Transient
    from core.services.catalog import connection_named
    from core.services.connections import config_of
    from core.store.read.plumbing import read_connection

    with session.hub() as hub:
        with hub.store.begin() as unit:
            config_row, now = connection_named(unit, name), unit.now
            shown = read_connection(unit.conn, config_row.name, unit.tenant)
        try:
            connector = hub.connectors.open(config_of(config_row, hub.box, now))
            try:
                answer = connector.check()
            finally:
                connector.close()
        except CrossdockError as error:
            failed = error
        else:
            found = {"connection": name, "ok": True, "answer": answer, "error": None}
            nothing = f"{name}: nothing to call, as a connector of this kind makes no calls."
            session.out.did(found, nothing if answer is None else f"{name} answers: {answer}")
            tell_paused(shown)
            return
    if isinstance(failed, Transient):
        failed.fix = "See that the address in its settings is right and answers from this machine, then test it again."
    tell_paused(shown)
    if session.json:
        session.out.line({"connection": name, "ok": False, "answer": None, "error": failed.as_dict()})
        raise click.exceptions.Exit(1)
    raise failed


@connection_command.command("mode")
@click.argument("name")
@click.argument("mode", type=MODES)
@changes
@pass_session
def mode_(session: Session, /, name: str, mode: str) -> None:
    """Switch a connection off, or to observe, shadow or live."""
    from core.domain.vocabulary import Mode
    from core.services import audit
    from core.services.catalog import connection_named
    from core.services.switching import switch
    from core.store.read.plumbing import read_connection

    with session.hub() as hub, session.changing(hub) as unit:
        switch(unit, hub.connectors, hub.box, connection_named(unit, name).id, Mode(mode))
        shown = read_connection(unit.conn, name, unit.tenant)
        audit.record(unit, "connection.mode_set", name, {"mode": mode})
    session.out.did(shown, f"{name} is {mode}.", f"crossdock connection show {name}")
    tell_paused(shown)


@connection_command.command("secrets")
@click.argument("name")
@secret_options
@changes
@pass_session
def secrets_(session: Session, /, name: str, secret_file: tuple[str, ...], secret_env: tuple[str, ...]) -> None:
    """Replace secrets; webhooks signed with the previous ones are accepted for a day."""
    from core.services.catalog import connection_named
    from core.services.connections import refuse_unfit_secrets, rotate_secrets

    with session.hub() as hub, hub.store.begin() as unit:
        manifest, box, connectors = (
            registry(hub).manifest(connection_named(unit, name).connector),
            hub.box,
            hub.connectors,
        )
    given = take_secrets(sorted(manifest.secret_names) if manifest else [], [], secret_file, secret_env)
    if not given:
        raise click.UsageError("No secret given: use --secret-file NAME=PATH or --secret-env NAME=VARIABLE.")

    def rotate(unit: Any, found: Any) -> None:
        rotate_secrets(unit, box, found, given)
        refuse_unfit_secrets(unit, connectors, box, found, given)

    _change(
        session, name, "connection.secrets_rotated", {"names": sorted(given)},
        f"{name} has new values for {', '.join(sorted(given))}.", rotate,
    )  # fmt: skip


@connection_command.command("pause")
@click.argument("name")
@click.option("--reason", default="paused by hand", show_default=True, help="Why, for those who look.")
@click.option("--until", type=Moment(ahead=True), help="When it goes on by itself, such as 2h.")
@changes
@pass_session
def pause_(session: Session, /, name: str, reason: str, until: datetime | None) -> None:
    """Send nothing to a connection; everything waits in order."""
    from core.services.connections import pause

    _change(
        session, name, "connection.paused", {"reason": reason}, f"{name} is paused.",
        lambda unit, found: pause(unit, found, reason, until),
    )  # fmt: skip


@connection_command.command("resume")
@click.argument("name")
@changes
@pass_session
def resume_(session: Session, /, name: str) -> None:
    """Let a paused connection go on."""
    from core.services.connections import resume

    _change(
        session, name, "connection.resumed", {}, f"{name} goes on.",
        resume,
    )  # fmt: skip


@connection_command.command("remove")
@click.argument("name")
@changes
@pass_session
def remove_(session: Session, /, name: str) -> None:
    """Remove a connection nothing refers to; one with messages or orders is switched off instead."""
    from core.services import audit
    from core.services.catalog import connection_named
    from core.services.connections import remove

    session.agree(f"Remove connection {name} and its secrets?")
    with session.hub() as hub, session.changing(hub) as unit:
        remove(unit, connection_named(unit, name).id)
        audit.record(unit, "connection.removed", name)
    session.out.did({"name": name, "removed": True}, f"{name} is removed.")


def _change(session: Session, /, name: str, action: str, detail: Any, sentence: str, act: Any) -> None:
    from core.services import audit
    from core.services.catalog import connection_named
    from core.store.read.plumbing import read_connection

    with session.hub() as hub, session.changing(hub) as unit:
        act(unit, connection_named(unit, name).id)
        shown = read_connection(unit.conn, name, unit.tenant)
        audit.record(unit, action, name, detail)
    session.out.did(shown, sentence, f"crossdock connection show {name}")
    if action != "connection.paused":
        tell_paused(shown)
