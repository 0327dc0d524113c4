"""`crossdock web`, `worker`, `relay`, `sftp`: one process each, for production and for `crossdock up`."""

from __future__ import annotations

import click

from console.cli.base import Session, command, pass_session


@command("web")
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on [8700].")
@click.option("--host", help="Address to listen on [127.0.0.1].")
@pass_session
def web_command(session: Session, /, port: int | None, host: str | None) -> None:
    """Serve the webhook door, the API and the console until SIGTERM."""
    from console.webserver import run_web
    from console.wiring import locate

    run_web(locate(session.settings(port=port, host=host)))


@command("worker")
@click.option("--threads", type=click.IntRange(1, 64), help="Jobs at once in this process [4].")
@pass_session
def worker_command(session: Session, /, threads: int | None) -> None:
    """Normalize, reserve, route, push and poll until SIGTERM; start as many as wanted."""
    from console.wiring import locate, run_worker

    run_worker(locate(session.settings(worker_threads=threads)))


@command("relay")
@pass_session
def relay_command(session: Session, /) -> None:
    """Say what is due until SIGTERM; one leads, any number may wait to take over."""
    from console.wiring import locate, run_relay

    run_relay(locate(session.settings()))


@command("sftp")
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on; that of the setting sftp.port.")
@click.option("--host", help="Address to listen on [127.0.0.1].")
@pass_session
def sftp_command(session: Session, /, port: int | None, host: str | None) -> None:
    """Take files from partners who push them by SFTP until SIGTERM.

    Each logs in with the name of its connection, whose transport is `hosted`.
    """
    from console.sftpserver import run_sftp
    from console.wiring import locate

    run_sftp(locate(session.settings(sftp__port=port, sftp__host=host)))
