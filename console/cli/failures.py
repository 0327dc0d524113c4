"""Every failure as words for a person or one JSON object for a program, with its exit code."""

from __future__ import annotations

import json
import os
import sys
import traceback
from dataclasses import dataclass
from typing import Any

import click

OK, FAILED, USAGE, UNREACHABLE, MISSING, UNSAFE, STOPPED = 0, 1, 2, 3, 4, 5, 130


@dataclass(frozen=True)
class Failure:
    """What is said of an error: what happened, why, how to mend it, its stable code, and the exit code."""

    what: str
    code: str
    exit_code: int
    why: str | None = None
    fix: str | None = None


def colors() -> bool | None:
    """Return False where color is not wanted, None where the terminal decides."""
    return False if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else None


def report(error: BaseException, *, as_json: bool) -> int:
    """Say what failed and return the exit code."""
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, click.exceptions.Abort):
        click.echo("Stopped.", err=True)
        return STOPPED
    if isinstance(error, BrokenPipeError):
        # Whoever read us has gone; nothing can be said to them, and the interpreter must not try at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    failure = describe(error)
    if os.environ.get("CROSSDOCK_CLI_DEBUG"):
        traceback.print_exception(error)
    if as_json:
        told = {"code": failure.code, "what": failure.what, "why": failure.why, "fix": failure.fix}
        click.echo(json.dumps({"error": told}, ensure_ascii=False))
    else:
        click.echo(click.style("Error: ", fg="red", bold=True) + failure.what, err=True, color=colors())
        for name, value in (("Why", failure.why), ("Fix", failure.fix), ("Code", failure.code)):
            if value:
                click.echo(f"  {name + ':':<6}{value}", err=True)
    return failure.exit_code


def describe(error: BaseException) -> Failure:
    """Return what to say of an error; classes are known by name, so that none is imported for it."""
    if isinstance(error, click.UsageError):
        command = error.ctx.command_path if error.ctx else "crossdock"
        return Failure(error.format_message(), "CLI-USAGE-400", USAGE, fix=f"See `{command} --help`.")
    if isinstance(error, click.ClickException):
        return Failure(error.format_message(), "CLI-ERROR-400", USAGE)
    kinds = {f"{kind.__module__}.{kind.__name__}" for kind in type(error).__mro__}
    known: Any = error
    if "core.errors.CrossdockError" in kinds:
        return Failure(known.what, known.error_code, _exit_code(kinds), known.why, known.fix)
    if "config.errors.SettingsError" in kinds:
        return Failure("; ".join(known.problems), known.code, USAGE)
    if "console.servers.errors.ServerError" in kinds:
        away = known.code.startswith(("HUB-", "SERVER-DATABASE"))
        return Failure(str(known), known.code, UNREACHABLE if away else FAILED)
    if kinds & {"sqlalchemy.exc.OperationalError", "sqlalchemy.exc.TimeoutError", "psycopg.OperationalError"}:
        reason = str(getattr(known, "orig", None) or known).strip().splitlines()
        return Failure(
            "The database cannot be reached.",
            "HUB-DATABASE-503",
            UNREACHABLE,
            reason[0] if reason else type(error).__name__,
            "Start the hub with `crossdock up`, or mend CROSSDOCK_DATABASE_URL.",
        )
    if kinds & {"sqlalchemy.exc.ProgrammingError", "psycopg.errors.UndefinedTable"} and "does not exist" in str(error):
        return Failure(
            "The database has no schema, or an old one.", "DB-SCHEMA-503", FAILED, fix="Run `crossdock db upgrade`."
        )
    if isinstance(error, OSError):
        name = f"{error.filename}: " if error.filename else ""
        return Failure(f"{name}{error.strerror or error}", "CLI-FILE-400", USAGE)
    return Failure(
        f"A fault of the command: {type(error).__name__}: {error}",
        "CLI-FAULT-500",
        FAILED,
        fix="Set CROSSDOCK_CLI_DEBUG=1 to see where, and report it.",
    )


def _exit_code(kinds: set[str]) -> int:
    for name, code in (
        ("NotFound", MISSING),
        ("Unavailable", UNREACHABLE),
        ("Refused", UNSAFE),
        ("InputError", USAGE),
    ):
        if f"core.errors.{name}" in kinds:
            return code
    return FAILED
