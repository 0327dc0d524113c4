"""`crossdock up`: the whole hub in the foreground, until Ctrl-C."""

from __future__ import annotations

import click

from console.cli.base import Session, command, pass_session
from console.cli.output import hint, note


@command("up")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 takes any free one [8700].")
@click.option("--host", help="Address to listen on [127.0.0.1].")
@click.option("--workers", type=click.IntRange(1, 64), help="Worker processes [2].")
@pass_session
def up_command(session: Session, /, port: int | None, host: str | None, workers: int | None) -> None:
    """Start the whole hub and keep it running: embedded PostgreSQL and Redis unless their URLs are set, migrations,
    web, workers and relay.

    Ctrl-C stops everything in order. The first start makes an administrator and an API key and says where they are.
    """
    from console.cli.firststart import EMAIL, FirstAccess, first_start
    from console.cli.launching import make_supervisor, shown, with_free_port

    settings = session.settings(port=port or None, host=host, workers=workers)
    if port == 0:
        from dataclasses import replace

        settings = replace(settings, port=0)
    settings = with_free_port(settings)
    made: list[FirstAccess] = []
    supervisor = make_supervisor(settings, say=note, prepare=lambda found: made.append(first_start(found)))
    note(f"Starting the hub; its data is in {settings.data_dir.resolve()}")
    supervisor.start()
    first = made[0]
    if session.json:
        session.out.line(
            {
                "url": settings.base_url,
                "data_dir": str(settings.data_dir),
                "parts": supervisor.pids(),
                "password_file": str(first.password_file) if first.password_file else None,
                "key_file": str(first.key_file) if first.key_file else None,
            }
        )
    else:
        password = f"   {EMAIL}, password in {shown(first.password_file)}" if first.password_file else ""
        key = f"   key in {shown(first.key_file)}" if first.key_file else ""
        click.echo(f"Console  {settings.base_url}{password}")
        click.echo(f"API      {settings.base_url}/api/docs{key}")
    hint(
        "crossdock connector list       kinds of partners that can be connected",
        "crossdock status               what runs; Ctrl-C here stops it",
    )
    supervisor.run_forever()
    note("Stopped.")
