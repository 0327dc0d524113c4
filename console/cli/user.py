"""`crossdock user`: add, list, password, remove."""

from __future__ import annotations

import os
import sys

import click

from console.cli.base import Session, changes, group, pass_session
from console.cli.secrets import read_secret

VARIABLE = "CROSSDOCK_CLI_PASSWORD"
password_option = click.option(
    "--password-file", metavar="PATH", help=f"The password from a file; - reads standard input. Else {VARIABLE}."
)


@group("user")
def user_command() -> None:
    """People who may sign in."""


@user_command.command("add")
@click.argument("email")
@click.option("--name", default="", help="Name shown to others; the address by default.")
@click.option(
    "--role", type=click.Choice(["viewer", "operator", "admin", "auditor"]), default="operator", show_default=True,
    help="What the person may do.",
)  # fmt: skip
@password_option
@changes
@pass_session
def add(session: Session, /, email: str, name: str, role: str, password_file: str | None) -> None:
    """Add a person. The password comes from a file, standard input, the environment or a prompt."""
    from core.domain.ids import public_id
    from core.services.access import create_user

    password = _password(password_file)
    with session.hub() as hub, session.changing(hub) as unit:
        user_id = create_user(unit, email, name, password, role)
    session.out.did(
        {"id": public_id("user", user_id), "email": email.strip().lower(), "role": role},
        f"{email} may sign in as {role}.",
        f"{session.address()}",
    )


@user_command.command("list")
@pass_session
def list_(session: Session, /) -> None:
    """List people."""
    from core.services.people import list_users

    with session.hub() as hub, hub.store.read() as conn:
        session.out.rows(list_users(conn), ("email", "name", "role", "active", "last_login_at=last login"))


@user_command.command("password")
@click.argument("email")
@password_option
@changes
@pass_session
def password_(session: Session, /, email: str, password_file: str | None) -> None:
    """Give a person a new password; their sessions end."""
    from core.services.people import set_password

    new = _password(password_file)
    with session.hub() as hub, session.changing(hub) as unit:
        set_password(unit, email, new)
    session.out.did({"email": email, "changed": True}, f"{email} has a new password.")


@user_command.command("remove")
@click.argument("email")
@changes
@pass_session
def remove(session: Session, /, email: str) -> None:
    """Take a person's access away; what they did stays in the history under their name."""
    from core.services.people import remove_user

    session.agree(f"Take the access of {email} away?")
    with session.hub() as hub, session.changing(hub) as unit:
        remove_user(unit, email)
    session.out.did({"email": email, "removed": True}, f"{email} may no longer sign in.")


def _password(file: str | None) -> str:
    if file is not None:
        return read_secret(file)
    if os.environ.get(VARIABLE):
        return os.environ[VARIABLE]
    if sys.stdin.isatty():
        found: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return found
    raise click.UsageError(f"No password given: use --password-file PATH (- for standard input) or {VARIABLE}.")
