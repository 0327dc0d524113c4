"""`crossdock demo`: the hub with a made-up company, simulated partners and traffic; and breaking it on purpose."""

from __future__ import annotations

import os
import sys
import threading
import time
import webbrowser
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from console.cli.base import JSON, Session, pass_session
from console.cli.output import hint, note

if TYPE_CHECKING:
    from config.settings import Settings
    from console.demo.running import Business, Demo
    from console.demo.scorecard import Progress

NAMES = (
    "erp-429", "wms-outage", "oversell-race", "bad-mapping", "duplicate-storm", "price-typo", "sku-alias", "restock",
    "erp-articles",
)  # fmt: skip


def _take_folder(ctx: click.Context, _option: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.ensure_object(Session).data = Path(value)


FOLDER = click.Option(
    ["--data-dir"],
    metavar="DIR",
    expose_value=False,
    callback=_take_folder,
    help="Data folder of the hub [.crossdock].",
)


class DemoCommand(click.Command):
    """A command with --json and --data-dir."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += [JSON, FOLDER]


class DemoGroup(click.Group):
    """A group with --json and --data-dir: here --data names a folder of orders to run."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += [JSON, FOLDER]


@click.group("demo", cls=DemoGroup, invoke_without_command=True)
@click.option("--orders", type=click.IntRange(1), metavar="N", help="Place N orders, then no more [no end].")
@click.option(
    "--speed", type=click.FloatRange(0.1, 3600), default=60.0, show_default=True, help="Simulated seconds in one."
)
@click.option("--seed", type=int, default=7, show_default=True, help="Of all chance: the same seed, the same company.")
@click.option("--exit", "exits", is_flag=True, help="Run the orders to their end, print the summary, and stop.")
@click.option("--no-open", is_flag=True, help="Do not open the console in a browser.")
@click.option(
    "--data",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Run the orders of a folder with orders.csv, items.csv and customers.csv instead of made-up ones.",
)
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 takes any free one [8700].")
@click.option("--workers", type=click.IntRange(1, 64), help="Worker processes [2].")
@pass_session
@click.pass_context
def demo_command(
    ctx: click.Context, session: Session, orders: int | None, speed: float, seed: int, exits: bool, no_open: bool,
    folder: Path | None, port: int | None, workers: int | None,
) -> None:  # fmt: skip
    """Start the hub with a company at work: catalog, five nodes, ninety days of history, simulated partners, traffic.

    Everything is made up and stays on this machine. An earlier demo in the same data folder makes room; a hub in
    earnest is never touched. With --exit the exit code is 0 only if every order is final or has an open exception, and
    nothing was lost, doubled or oversold.
    """
    if ctx.invoked_subcommand is not None:
        return
    if exits and orders is None and folder is None:
        raise click.UsageError("--exit needs --orders N or --data DIR: otherwise there is no end to run to.")
    from dataclasses import replace

    from console.cli.launching import with_free_port
    from console.demo.running import Demo, Plan

    begun = time.monotonic()
    # The terminal belongs to the person who watches; whoever wants to see more sets the level.
    os.environ.setdefault("CROSSDOCK_LOG_LEVEL", "warning")
    if folder is None:
        os.environ.setdefault("CROSSDOCK_COMPANY", "Fjord & Pine")
    settings = session.settings(port=port or None, workers=workers)
    settings = with_free_port(replace(settings, port=0) if port == 0 else settings)
    note("Crossdock demo: no account, no Docker, nothing leaves this machine")
    demo = Demo(settings, Plan(seed, orders, speed, exits, folder), say=note, step=_ready)
    supervisor = demo.supervisor()
    supervisor.start()
    try:
        demo.started()
        if exits:
            good, found = _run(demo, settings)
            if session.json:
                session.out.line(found)
            else:
                click.echo(summary(found))
            ctx.exit(0 if good else 1)
        _tell(session, settings, opened=not no_open and _opened(settings.base_url))
        traffic = demo.traffic(demo.control())
        for name, task in (("traffic", traffic.run), ("first", partial(_tell_first, settings, traffic, begun))):
            threading.Thread(target=task, name=name, daemon=True).start()
        supervisor.run_forever()
        traffic.stop()
        note("Stopped.")
    finally:
        supervisor.stop()


def _ready(what: str, seconds: float) -> None:
    note(f" ✓ {what:<72} {seconds:5.1f} s")


def _tell(session: Session, settings: Settings, *, opened: bool) -> None:
    from console.cli.launching import shown
    from console.demo.running import KEY_FILE
    from console.demo.seeding import EMAIL, PASSWORD

    key = settings.data_dir / KEY_FILE
    if session.json:
        found = {"url": settings.base_url, "email": EMAIL, "key_file": str(key), "data_dir": str(settings.data_dir)}
        session.out.line(found)
    else:
        click.echo(f"Console  {settings.base_url}   {EMAIL} / {PASSWORD}{'   (opened)' if opened else ''}")
        click.echo(f"API      {settings.base_url}/api/docs   key in {shown(key)}")
    hint(
        "crossdock trigger shopify-eu/orders/create    watch one order arrive",
        "crossdock demo scenario oversell-race         break something; there are " + str(len(NAMES)) + " ways",
    )


def _opened(url: str) -> bool:
    """Open a browser where there is a screen to show it on; a text browser would take the terminal."""
    screen = sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return bool(screen) and webbrowser.open(url)


def _tell_first(settings: Settings, traffic: Business, begun: float) -> None:
    """Say when the first order has been shipped, counted from the command."""
    from console.demo.scorecard import progress
    from console.wiring import locate, open_hub

    since = datetime.now(UTC)
    with open_hub(locate(settings), "cli") as hub:
        while not traffic.done.wait(0.5):
            if progress(hub.store, traffic.placed, since).final:
                _ready("First order through: in, reserved, routed, picked, shipped", time.monotonic() - begun)
                return


def _run(demo: Demo, settings: Settings) -> tuple[bool, dict[str, Any]]:
    """Run the orders to their end beside the services; return the verdict and all figures."""
    from console.demo.csvrun import reckon
    from console.demo.running import run_to_end
    from console.demo.scorecard import shelves
    from console.wiring import locate, open_hub

    control = demo.control()
    with open_hub(locate(settings), "cli") as hub:
        traffic = demo.traffic(control)
        begun, since = time.monotonic(), datetime.now(UTC)
        told = [begun]

        def tell(found: Progress) -> None:
            now = time.monotonic()
            if now - told[0] >= 5:
                told[0] = now
                note(
                    f"   {now - begun:4.0f} s  {found.placed} placed, {found.final} final, {found.excepted} under an"
                    f" exception, {found.messages} messages and {found.deliveries} deliveries to go"
                )

        score = run_to_end(hub.store, control, traffic, since, shelves(control), tell)
        for each in traffic.failures[:5]:
            note(f"   The traffic could not: {each}")
        if demo.data is None:
            return score.good, score.as_dict()
        reckoning = reckon(hub.store, demo.data, since)
        good = score.good and reckoning.equal
        return good, {**score.as_dict(), "good": good, "input": reckoning.as_dict()}


def summary(found: dict[str, Any]) -> str:
    """Return the figures of a run as a person reads them."""

    def times(name: str) -> str:
        return "{:.2f} s, p95 {:.2f} s".format(*found[name]) if found[name] else "none"

    lines = [
        f"{found['orders']} orders: {found['final']} final, {found['under_exception']} under an open exception, "
        f"{found['unsettled']} unsettled, {found['lost']} lost",
        f"oversold {found['oversold']}, duplicate effects at partners {found['duplicates']} "
        f"({found['repeats_recognized']} repeats recognized), ledger differences {found['ledger_differences']}",
        f"units shipped: {found['units_shipped']} by the hub's books, {found['units_left_warehouses']} by the nodes",
        f"to routed {times('to_routed')}; to shipped {times('to_shipped')}; shipment told to the shop in "
        f"{times('to_shop_told')} (medians)",
        f"{found['seconds']} s, {found['orders_per_second']} orders/s, {found['messages']} messages in, "
        f"{found['deliveries']} deliveries out",
    ]
    if "input" in found:
        given = found["input"]
        lines.append(
            f"files: {given['input_orders']} orders, {given['input_units']} units, {given['input_value']}; hub: "
            f"{given['hub_orders']} orders, {given['hub_units']} units, {given['hub_value']}: "
            f"{'equal' if given['equal'] else 'NOT EQUAL'}; rows left out {given['rows_left_out']}"
        )
    return "\n".join([*lines, "All settled." if found["good"] else "NOT all settled: see the figures above."])


@demo_command.command("scenario", cls=DemoCommand)
@click.argument("name", type=click.Choice(NAMES))
@click.option("--seconds", type=click.FloatRange(1, 3600), default=60.0, show_default=True, help="Length of an outage.")
@pass_session
def scenario_command(session: Session, name: str, seconds: float) -> None:
    """Break something on purpose in the demo that runs, and say what to look at.

    \b
    erp-429          the ERP answers 429 for a minute
    wms-outage       the warehouse system of Hamburg is down for a minute
    oversell-race    more buyers than units at the same moment
    bad-mapping      webhooks that cannot be read, then mended
    duplicate-storm  every webhook twice and out of order
    price-typo       totals that do not add up
    sku-alias        an item under a code nobody knows
    restock          what is sold out arrives; backorders are filled
    erp-articles     the ERP gets the articles it lacked
    """
    from console.demo.running import available_units, running_demo
    from console.demo.scenarios import SCENARIOS, Stage

    company, control = running_demo(session.settings())
    with session.hub() as hub:
        units = available_units(hub.store)
    told = SCENARIOS[name](Stage(company, control, units, note, seconds))
    session.out.did({"scenario": name, "told": told}, told, "crossdock exceptions list", "crossdock status")
