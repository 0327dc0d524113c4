"""`crossdock bench`: the measured claims, each a program of its own in benchmarks/."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click

from console.cli.base import Session, command, pass_session

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


def names() -> list[str]:
    """Return the benchmarks there are: the modules that are also programs, named with `-` for `_`."""
    programs = (each for each in FOLDER.glob("*.py") if "__main__" in each.read_text(encoding="utf-8"))
    return sorted(each.stem.replace("_", "-") for each in programs if not each.stem.endswith("_worker"))


@command("bench", context_settings={"ignore_unknown_options": True})
@click.argument("name", required=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@pass_session
def bench_command(session: Session, /, name: str | None, arguments: tuple[str, ...]) -> None:
    """Measure one claim and print one JSON object; without NAME, list what can be measured."""
    if name is None:
        session.out.rows([{"name": each} for each in names()], ("name",), empty="No benchmark is installed.")
        return
    name = name.replace("_", "-")
    if name not in names():
        from core.errors import NotFound

        raise NotFound(f"There is no benchmark {name!r}.", fix=f"There are: {', '.join(names())}.")
    # A process of its own: what this one has loaded and opened must not be measured with it.
    module = f"benchmarks.{name.replace('-', '_')}"
    done = subprocess.run([sys.executable, "-m", module, *arguments], cwd=FOLDER.parent, check=False)  # noqa: S603
    raise click.exceptions.Exit(done.returncode)
