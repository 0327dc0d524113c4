"""`crossdock partner play`: the partner's AS2 station, so that a connection is rehearsed before he is ready."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from console.cli.base import Command, Session, pass_session
from console.cli.output import note

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connectors.edi.rehearsal import Came, Station

HERE = ("127.0.0.1", "localhost", "::1")
DAYS = 365
PRIVATE = 0o600
AWAY = "See that the hub runs (`crossdock up`) and that --url is its address; then send it again."


@click.command("play", cls=Command, epilog="Example: crossdock partner play acme-retail order.x12 --listen")
@click.argument("name")
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--key", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The partner's private key as PEM; one of its own otherwise, kept in the data folder.",
)  # fmt: skip
@click.option("--receipt", type=click.Choice(["sync", "async", "none"]), default="sync", show_default=True,
              help="Which receipt it asks for.")  # fmt: skip
@click.option("--listen", is_flag=True, help="Then take what the hub sends, at the address in the profile.")
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), default="received", show_default=True,
              help="Where that is written.")  # fmt: skip
@click.option("--no-acknowledge", is_flag=True, help="Do not answer it with 997 or CONTRL.")
@click.option("--count", type=click.IntRange(min=1), help="Stop listening after so many files.")
@click.option("--seconds", type=click.FloatRange(min=0.1), help="Stop when nothing came for so long.")
@click.option("--url", help="Address of the hub; the one that runs here otherwise.")
@pass_session
def play_command(
    session: Session,
    /,
    name: str,
    files: tuple[Path, ...],
    key: Path | None,
    receipt: str,
    listen: bool,
    folder: Path,
    no_acknowledge: bool,
    count: int | None,
    seconds: float | None,
    url: str | None,
) -> None:
    """Play the AS2 station of the partner NAME: send FILES to the hub as he would, and show what its receipts say.

    It signs, encrypts and compresses as the profile demands. With --listen it also takes what the hub sends, answers
    with receipts and acknowledgements, and writes each file into a folder, until Ctrl-C. Its certificate must be one
    of `their_certificates` while you rehearse: take it out before the partner is live.

    Exit 1 when something was not taken.
    """
    from connectors.edi.rehearsal import Station
    from core.store.read.partner_list import read_partner

    with session.hub() as hub, hub.store.read() as conn:
        settings = read_partner(conn, name)["profile"]
    here = _here(name, settings, listen=listen or receipt == "async", receipt=receipt)
    pem = key.read_text(encoding="utf-8") if key else _own_key(session, name, settings)
    door = f"{(url or session.address()).rstrip('/')}/webhooks/{name}"
    player = _Player(session, folder, acknowledges=not no_acknowledge)
    station = Station(name, settings, pem, hub=door, here=here or "", receipt=receipt)
    with closing(station), _listening(station, here) as came:
        player.send(station, [(each.name, each.read_bytes()) for each in files])
        if here is not None:
            # A receipt that comes by itself is waited for, with or without what else may come.
            waits = count if listen else len(files)
            player.take(station, came, waits, seconds, receipts=not listen)
    if player.failed:
        raise click.exceptions.Exit(1)


class _Player:
    """Shows what is sent and what comes, and answers it."""

    def __init__(self, session: Session, folder: Path, *, acknowledges: bool) -> None:
        self.session, self.folder, self.acknowledges = session, folder, acknowledges
        self.failed = False

    def send(self, station: Station, files: list[tuple[str, bytes]]) -> None:
        """Send files one after the other; one that is not taken is told and stops no other."""
        from core.errors import CrossdockError, Transient

        for name, body in files:
            try:
                done = station.send(name, body)
            except CrossdockError as error:
                if isinstance(error, Transient):
                    error.fix = AWAY
                self._fail({"file": name, "verdict": "failed", "error": error.as_dict()}, f"FAIL  {name}: {error}")
                continue
            said = done["said"] or ("its receipt comes by itself" if done["mic"] else "no receipt was asked for")
            self._show({"what": "sent", **done}, f"sent  {name}: {done['verdict']}. {said}")

    def take(
        self, station: Station, came: SimpleQueue[Came], most: int | None, seconds: float | None, *, receipts: bool
    ) -> None:
        """Take what comes until it is enough, nothing comes any more, or somebody stops it."""
        found = 0
        try:
            while most is None or found < most:
                one = came.get(timeout=seconds)
                self._answer(station, one)
                found += (one.receipt is not None) if receipts else bool(one.body)
        except (Empty, KeyboardInterrupt):
            note(f"{found} came.")

    def _answer(self, station: Station, one: Came) -> None:
        if one.receipt is not None:
            said = one.receipt
            word = "proven" if said["proven"] else said["modifier"] or "it does not prove what was sent"
            shown = {"what": "receipt", **said}
            (self._show if said["proven"] else self._fail)(shown, f"mdn   {said['message_id']}: {word}")
            return
        if one.refused is not None:
            error = one.refused
            self._fail({"what": "refused", "error": error.as_dict()}, f"FAIL  what the hub sent was not taken: {error}")
        else:
            path = _written(self.folder, one.name, one.body)
            kinds = "+".join(one.kinds) or "?"
            self._show({"what": "came", "file": str(path), "kinds": one.kinds, "bytes": len(one.body)},
                       f"came  {kinds:<5} {path}")  # fmt: skip
        if one.owed is not None:
            station.transport.send_receipt(one.owed)
        if self.acknowledges and one.body:
            self.send(station, [(each.name, each.body) for each in station.acknowledgements(one.body)])

    def _show(self, found: dict[str, Any], sentence: str) -> None:
        if self.session.json:
            self.session.out.line(found)
        else:
            click.echo(sentence)

    def _fail(self, found: dict[str, Any], sentence: str) -> None:
        self.failed = True
        self._show(found, sentence)


@contextmanager
def _listening(station: Station, here: str | None) -> Iterator[SimpleQueue[Came]]:
    """Yield what comes at an address of this machine."""
    from connectors.sdk.simulation.server import Server, SimRequest, SimResponse
    from core.errors import InputError

    came: SimpleQueue[Came] = SimpleQueue()
    if here is None:
        yield came
        return

    def answer(request: SimRequest) -> SimResponse:
        answered, one = station.take(request)
        if one is not None:
            came.put(one)
        return answered

    try:
        server = Server(("127.0.0.1", urlsplit(here).port or 80), answer)
    except OSError as error:
        raise InputError(
            f"The station cannot listen at {here}: {(error.strerror or str(error)).lower()}.",
            why="Another program, perhaps a station that still runs, has the port, or it is one of the system's.",
            fix="Stop that program; or set transport.url in the partner's file to a free port, then "
            "`crossdock partner add FILE --replace`.",
            code="EDI-PORT-409",
        ) from None
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    note(f"The partner's station listens at {here}.")
    try:
        yield came
    finally:
        server.stop()
        thread.join()


def _here(name: str, settings: Mapping[str, Any], *, listen: bool, receipt: str) -> str | None:
    """Return the address the station listens at: the one the profile has for the partner."""
    from connectors.edi.rehearsal import as2_table
    from core.errors import InputError

    table = as2_table(name, settings)
    if not listen:
        return None
    wanted = {"url": table.get("url")}
    if receipt == "async":
        wanted["their_receipt_url"] = table.get("their_receipt_url")
    for key, address in wanted.items():
        parts = urlsplit(str(address or ""))
        if parts.scheme != "http" or parts.hostname not in HERE or parts.port is None:
            raise InputError(
                f"The station of {name} cannot be played: transport.{key} is {address or 'missing'}.",
                why="What the hub sends must come to this machine, without TLS.",
                fix=f"Set {key}: http://127.0.0.1:8790/as2 in his file while you rehearse, then "
                "`crossdock partner add FILE --replace`.",
                code="EDI-PLAY-422",
            )
    return str(table["url"])


def _own_key(session: Session, name: str, settings: Mapping[str, Any]) -> str:
    """Return the station's own key, made on the first call."""
    from datetime import UTC, datetime

    from connectors.edi.as2.making import make_identity
    from connectors.edi.rehearsal import as2_table

    folder = session.settings().data_dir / "play"
    key, certificate = folder / f"{name}.as2.key", folder / f"{name}.as2.pem"
    if not key.exists():
        made = make_identity(str(as2_table(name, settings)["their_name"])[:64], DAYS, datetime.now(UTC))
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        certificate.write_bytes(made.certificate)
        with os.fdopen(os.open(key, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE), "wb") as handle:
            handle.write(made.key)
        note(f"{key} is a key made for the station; {certificate} is its certificate.")
    note(f"It signs with {key}; {certificate} has to be one of `their_certificates`.")
    return key.read_text(encoding="utf-8")


def _written(folder: Path, name: str, body: bytes) -> Path:
    """Write a file under a name that is free, and return where."""
    folder.mkdir(parents=True, exist_ok=True)
    stem, dot, ending = name.partition(".")
    number = 1
    while True:
        path = folder / (name if number == 1 else f"{stem}-{number}{dot}{ending}")
        try:
            with path.open("xb") as handle:
                handle.write(body)
        except FileExistsError:
            number += 1
            continue
        return path
