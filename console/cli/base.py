"""What all commands share: the options --json and --data, where the hub is, and how a change is made or only tried."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from console.cli.output import Output, note

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy import Connection

    from config.settings import Settings
    from connectors.sdk.registry import Registry
    from core.jobs.hub import Hub
    from core.store.unit import Unit

Function = Callable[..., Any]


class Session:
    """One call of the command line: what was asked for everywhere, and what is opened on demand."""

    def __init__(self) -> None:
        self.json = False
        self.data: Path | None = None
        self.dry_run = False
        self.yes = False

    @property
    def out(self) -> Output:
        """Where results go."""
        return Output(self.json, dry_run=self.dry_run)

    def settings(self, **overrides: Any) -> Settings:
        """Return the settings of this call; flags win.

        Args:
            overrides: values of flags by setting, dots written as two underscores; None was not given.
        """
        from config.settings import load_settings

        flags = {name.replace("__", "."): value for name, value in overrides.items()}
        return load_settings(overrides={"data_dir": str(self.data) if self.data else None, **flags})

    def located(self) -> Settings:
        """Return the settings with the address of the database, that of the running hub where none is set."""
        from console.wiring import locate

        return locate(self.settings())

    def address(self) -> str:
        """Return where the hub is reached: where the one that runs here listens, else the base URL of the settings."""
        from console.servers.state import read_state

        settings = self.settings()
        state = read_state(settings.data_dir)
        web = state.parts.get("web") if state else None
        if web is not None and web.port is not None and web.port != settings.port:
            return f"http://127.0.0.1:{web.port}"
        return settings.base_url

    @contextmanager
    def hub(self) -> Iterator[Hub]:
        """Yield the hub's parts."""
        from config.logging import configure_logging
        from console.wiring import open_hub

        settings = self.located()
        configure_logging(settings, "cli")
        with open_hub(settings, "cli") as hub:
            yield hub

    @contextmanager
    def changing(self, hub: Hub) -> Iterator[Unit]:
        """Run a change as one unit of work in the name of who sits here; a dry run does all of it and rolls back."""
        try:
            with hub.store.begin(actor=actor()) as unit:
                yield unit
                if self.dry_run:
                    unit.flush_events()
                    raise _OnlyTried
        except _OnlyTried:
            return

    def for_each(self, names: Sequence[str], act: Callable[[str], tuple[Mapping[str, Any], str]]) -> None:
        """Do something with each of several things: one that fails is told and stops no other.

        Args:
            names: of the things.
            act: does it, and returns what came of it and the same as a sentence.

        Raises:
            Exit: with 1 when some failed.
        """
        from core.errors import CrossdockError

        failed = False
        for name in names:
            try:
                found, sentence = act(name)
            except CrossdockError as error:
                if len(names) == 1:
                    raise
                failed = True
                if self.json:
                    self.out.line({"id": name, "error": error.as_dict()})
                else:
                    note(f"{name}: {error}")
            else:
                self.out.did(found, sentence)
        if failed:
            raise click.exceptions.Exit(1)

    def agree(self, question: str) -> None:
        """Ask before something that cannot be taken back; without a terminal the command itself is the agreement.

        Raises:
            click.Abort: the answer was no.
        """
        if not (self.yes or self.dry_run) and sys.stdin.isatty():
            click.confirm(question, abort=True, err=True)


def registry(hub: Hub) -> Registry:
    """Return the installed connectors with their manifests."""
    from connectors.sdk.registry import Registry

    assert isinstance(hub.connectors, Registry)
    return hub.connectors


class _OnlyTried(Exception):
    """Ends a dry run."""


def actor() -> str:
    """Return who is named in history and audit log."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "unknown"
    return f"cli:{name}"


def find_id(conn: Connection, kind: str, text: str) -> UUID:
    """Return the UUID of a public identifier, whole or as much of it as tells it from others.

    Raises:
        NotFound: nothing has it.
        InputError: several begin like this.
    """
    from core.store.read.short_ids import find_by_short_id

    return find_by_short_id(conn, kind, text.strip())


def _session(ctx: click.Context) -> Session:
    return ctx.ensure_object(Session)


def _take(name: str) -> Callable[[click.Context, click.Parameter, bool], None]:
    def take(ctx: click.Context, _option: click.Parameter, value: bool) -> None:
        if value:
            setattr(_session(ctx), name, True)

    return take


def _take_data(ctx: click.Context, _option: click.Parameter, value: str | None) -> None:
    if value is not None:
        _session(ctx).data = Path(value)


JSON = click.Option(
    ["--json"], is_flag=True, expose_value=False, callback=_take("json"), help="One JSON object a line instead of text."
)
DATA = click.Option(
    ["--data"], metavar="DIR", expose_value=False, callback=_take_data, help="Data folder of the hub [.crossdock]."
)


class Command(click.Command):
    """A command that also takes --json and --data."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += [JSON, DATA]


class Group(click.Group):
    """A group of such commands."""

    command_class = Command

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("no_args_is_help", True)
        super().__init__(*args, **kwargs)


def command(name: str, **more: Any) -> Callable[[Function], click.Command]:
    """Return the decorator of a command outside a group."""
    return click.command(name, cls=Command, **more)


def group(name: str, **more: Any) -> Callable[[Function], Group]:
    """Return the decorator of a group."""
    return click.group(name, cls=Group, **more)


pass_session = click.make_pass_decorator(Session, ensure=True)


def changes(function: Function) -> Function:
    """Give a changing command --dry-run and --yes."""
    yes = click.option(
        "--yes", "-y", "--no-input", is_flag=True, expose_value=False, callback=_take("yes"), help="Do not ask."
    )
    dry_run = click.option(
        "--dry-run",
        is_flag=True,
        expose_value=False,
        callback=_take("dry_run"),
        help="Do all of it, keep nothing, and say what came of it.",
    )
    return dry_run(yes(function))
