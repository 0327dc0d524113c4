"""Secrets on their way in: from files, standard input, the environment or a prompt; never from flags."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from core.errors import CrossdockError

VARIABLE = "CROSSDOCK_CLI_SECRET_"
Function = Callable[..., Any]


def secret_options(function: Function) -> Function:
    """Give a command the ways secrets come in."""
    function = click.option(
        "--secret-env", multiple=True, metavar="NAME=VARIABLE",
        help=f"A secret from the environment; {VARIABLE}NAME is read without being named.",
    )(function)  # fmt: skip
    return click.option(
        "--secret-file", multiple=True, metavar="NAME=PATH", help="A secret from a file; - reads standard input."
    )(function)


def take_secrets(
    known: Sequence[str], required: Sequence[str], files: Sequence[str], variables: Sequence[str]
) -> dict[str, str]:
    """Return the secrets given; on a terminal those required and missing are asked for.

    Raises:
        UsageError: a name nobody knows, a file or variable that is not there.
    """
    found = {name: os.environ[VARIABLE + name.upper()] for name in known if os.environ.get(VARIABLE + name.upper())}
    for each in variables:
        name, variable = _pair(each, known, "VARIABLE")
        if variable not in os.environ:
            raise click.UsageError(f"The variable {variable} is not set.")
        found[name] = os.environ[variable]
    for each in files:
        name, path = _pair(each, known, "PATH")
        found[name] = read_secret(path)
    for name in required:
        if name not in found and sys.stdin.isatty():
            found[name] = click.prompt(name, hide_input=True, err=True)
    return found


def missing_flags(error: CrossdockError, connector: str) -> str | None:
    """Return which flags give what a connection that is not there yet lacks; None where the error names nothing."""
    places = [each["path"].partition(".") for each in error.data.get("errors") or ()]
    if not places or any(kind not in ("settings", "secrets") for kind, _, _ in places):
        return None
    flags = [
        f"--secret-file {name}=PATH or --secret-env {name}=VARIABLE" if kind == "secrets" else f"--set {name}=VALUE"
        for kind, _, name in places
    ]
    return f"Give {', and '.join(flags)}; `crossdock connector info {connector}` says what each is."


def read_secret(path: str) -> str:
    """Return the one secret in a file, without the line break at its end; - is standard input."""
    if path == "-":
        return sys.stdin.readline().rstrip("\r\n")
    return Path(path).expanduser().read_text(encoding="utf-8").rstrip("\r\n")


def _pair(text: str, known: Sequence[str], what: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not value:
        raise click.UsageError(f"{name!r}: write NAME={what}.")
    if known and name not in known:
        raise click.UsageError(f"There is no secret {name!r}; there are {', '.join(known)}.")
    return name, value
