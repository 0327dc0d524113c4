"""`crossdock trigger`: a signed delivery through the true door, as the partner would send it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import click

from console.cli.base import Session, command, pass_session
from console.cli.lists import Span


@command("trigger")
@click.argument("target", metavar="CONNECTION/TOPIC")
@click.option(
    "--file", type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The body; the connector's own sample of the topic otherwise.",
)  # fmt: skip
@click.option(
    "--set", "sets", multiple=True, metavar="PATH=VALUE",
    help="Change a value of a JSON body; {n}, {uuid} and {now} are filled in anew for each.",
)  # fmt: skip
@click.option("--same", is_flag=True, help="Keep the identity of the sample: the same order again.")
@click.option("--times", type=click.IntRange(1, 1_000_000), default=1, show_default=True, help="How many.")
@click.option("--rate", type=click.FloatRange(min=0.01), help="How many a second; as fast as they are taken otherwise.")
@click.option("--duplicate", is_flag=True, help="Send each twice, as partners do when they miss our answer.")
@click.option(
    "--late", type=Span(), help="As if sent so long ago, such as 2h; beyond what is allowed, 401 is the right answer."
)
@click.option("--bad-signature", is_flag=True, help="With a signature that is wrong; 401 is then the right answer.")
@click.option("--url", help="Address of the hub; the one that runs here otherwise.")
@pass_session
def trigger_command(
    session: Session,
    /,
    target: str,
    file: Path | None,
    sets: tuple[str, ...],
    same: bool,
    times: int,
    rate: float | None,
    duplicate: bool,
    late: timedelta | None,
    bad_signature: bool,
    url: str | None,
) -> None:
    """Send a webhook as the partner would: signed with the connection's secret, over HTTP.

    In the demo the simulated shop takes the order into its books first: it is asked about it when it is shipped.

    Exit 1 when an answer is not the expected one.
    """
    from console.cli.sending import Sender, send_all
    from console.demo.running import partner_of

    name, slash, topic = target.partition("/")
    if not slash or not topic:
        raise click.UsageError("Write CONNECTION/TOPIC, such as shopify/orders.create.")
    with session.hub() as hub:
        sender = Sender.find(hub, name, topic, file=file, sets=sets, fresh=not same)
    sender.late = late or timedelta(0)
    sender.bad_signature = bad_signature
    partner = None if url else partner_of(session.settings(), name)
    unexpected = send_all(
        session, sender, url or session.address(), times=times, rate=rate, twice=duplicate, partner=partner
    )
    if unexpected:
        raise click.exceptions.Exit(1)
