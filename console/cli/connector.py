"""`crossdock connector`: list, info, new, test. No hub is needed for any of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from console.cli.base import Session, changes, group, pass_session

KINDS = ["shop", "marketplace", "edi", "erp", "wms", "carrier", "mail", "file", "crm"]


@group("connector")
def connector_command() -> None:
    """Kinds of partners the hub can be connected to."""


@connector_command.command("list")
@click.option("--kind", multiple=True, type=click.Choice(KINDS), help="Only of this kind; may be repeated.")
@pass_session
def list_(session: Session, /, kind: tuple[str, ...]) -> None:
    """List the connectors of this installation; broken ones too."""
    from connectors.sdk.registry import Registry

    registry = Registry()
    rows: list[dict[str, Any]] = [
        {
            "id": each.id,
            "label": each.label,
            "kind": each.kind,
            "api_version": each.api_version,
            "capabilities": sorted(each.capabilities),
            "state": "ok",
        }
        for each in registry.manifests.values()
        if not kind or each.kind in kind
    ]
    if not kind:
        rows += [{"id": each, "state": "broken"} for each in sorted(registry.broken)]
    session.out.rows(rows, ("id", "label", "kind", "api_version=api", "state", "capabilities"))


@connector_command.command("info")
@click.argument("connector")
@click.option("--readme", is_flag=True, help="Its README, and nothing else.")
@pass_session
def info(session: Session, /, connector: str, readme: bool) -> None:
    """Show what a connector needs and can do; for a broken one, why."""
    from connectors.sdk.registry import Registry
    from core.errors import NotFound

    registry = Registry()
    if connector not in registry.folders:
        raise NotFound(
            f"There is no connector {connector[:60]!r}.", fix=f"There are: {', '.join(sorted(registry.folders))}."
        )
    folder = registry.folders[connector]
    manifest = registry.manifest(connector)
    if manifest is None:
        told = {"id": connector, "state": "broken", "folder": str(folder)}
        if session.json:
            session.out.line({**told, "traceback": registry.broken[connector]})
        else:
            session.out.one(told)
            # As it is: put into a column it would lose its lines.
            click.echo(registry.broken[connector].rstrip())
        raise click.exceptions.Exit(1)
    if readme:
        click.echo((folder / "README.md").read_text(encoding="utf-8"))
        return
    found: dict[str, Any] = {
        "id": manifest.id,
        "label": manifest.label,
        "kind": manifest.kind,
        "state": "ok",
        "api_version": manifest.api_version,
        "end_of_life": manifest.end_of_life,
        "folder": str(folder),
        "capabilities": sorted(manifest.capabilities),
        "settings": [
            {"name": each.name, "type": each.type, "required": each.required, "secret": each.secret,
             "default": each.default, "help": each.help}
            for each in manifest.settings
        ],
        "topics": [{"topic": each.topic, "means": str(each.type), "map": each.map} for each in manifest.documents],
        "limits": dict(manifest.limits),
        "quality": {rule: each.status for rule, each in manifest.quality.items()},
    }  # fmt: skip
    if session.json:
        session.out.line(found)
        return
    for name in ("id", "label", "kind", "api_version", "end_of_life", "folder"):
        click.echo(f"{name:<12} {found[name] if found[name] is not None else '-'}")
    click.echo(f"{'can':<12} {', '.join(found['capabilities']) or '-'}")
    click.echo("\nSettings")
    session.out.rows(found["settings"], ("name", "type", "required", "secret", "default", "help"))
    if found["topics"]:
        click.echo("\nTopics")
        session.out.rows(found["topics"], ("topic", "means", "map"))
    click.echo(f"Next:  crossdock connection add NAME --connector {connector}", err=True)


@connector_command.command("test")
@click.argument("connectors", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Every connector of this installation.")
@click.option("--verbose", is_flag=True, help="Passed checks too, one by one.")
@pass_session
def test(session: Session, /, connectors: tuple[str, ...], every: bool, verbose: bool) -> None:
    """Run the contract suite, offline; exit 1 when a check fails."""
    from connectors.sdk.registry import Registry
    from connectors.sdk.suite import run_suite, summary, tier
    from core.errors import NotFound

    registry = Registry()
    if bool(connectors) == every:
        raise click.UsageError("Name connectors, or say --all.")
    names = tuple(sorted(registry.folders)) if every else connectors
    unknown = [name for name in names if name not in registry.folders]
    if unknown:
        raise NotFound(
            f"There is no connector {unknown[0][:60]!r}.", fix=f"There are: {', '.join(sorted(registry.folders))}."
        )
    failed = False
    for name in names:
        checks = run_suite(name, registry)
        failed = failed or any(each.status == "fail" for each in checks)
        if session.json:
            for each in checks:
                session.out.line(
                    {"connector": name, "check": each.id, "status": each.status, "reason": each.reason or None,
                     "rule": each.rule}
                )  # fmt: skip
        else:
            _show(name, checks, verbose)
            click.echo(f"Quality: {tier(checks) or 'none yet'} · {summary(checks)}")
    if failed:
        raise click.exceptions.Exit(1)


def _show(name: str, checks: list[Any], verbose: bool) -> None:
    click.echo(click.style(name, bold=True))
    for title in dict.fromkeys(each.group for each in checks):
        members = [each for each in checks if each.group == title]
        good = sum(each.status == "pass" for each in members)
        counted = sum(each.status != "skip" for each in members)
        click.echo(f" {title:<10} {good}/{counted}")
        for each in members:
            if each.status == "fail":
                click.echo(f"   {click.style('✗', fg='red')} {each.id}   {each.reason}")
            elif verbose or (each.status == "skip" and (each.group == "quality" or each.reason.startswith("todo ("))):
                click.echo(f"   {'✓' if each.status == 'pass' else '–'} {each.id}   {each.reason}".rstrip())


@connector_command.command("new")
@click.argument("connector")
@click.option("--kind", type=click.Choice(KINDS), default="shop", show_default=True, help="What the partner is.")
@click.option("--label", help="Its name for people.")
@click.option(
    "--sample", "samples", multiple=True, type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A message of the partner as JSON, named after its topic (job.state.json); may be repeated.",
)  # fmt: skip
@click.option("--into", type=click.Path(path_type=Path, file_okay=False), help="Folder to write it in [connectors/].")
@changes
@pass_session
def new(
    session: Session, /, connector: str, kind: str, label: str | None, samples: tuple[Path, ...], into: Path | None
) -> None:
    """Write a connector from samples: manifest, maps guessed by name, fixtures and README; the rest is marked TODO.

    Values in samples must be invented: they become fixtures.
    """
    from connectors.sdk.maps import OWN
    from connectors.sdk.scaffold import scaffold

    made = scaffold(
        into or OWN, connector=connector, kind=kind, label=label, samples=samples, write=not session.dry_run
    )
    found = {
        "id": connector, "folder": str(made.folder), "files": made.files, "mapped": made.mapped, "todo": made.todo,
    }  # fmt: skip
    sentence = f"{len(made.files)} files in {made.folder}: {made.mapped} fields mapped, {len(made.todo)} left to do"
    todo = "".join(f"\n  TODO {each}" for each in made.todo)
    session.out.did(found, sentence + todo, f"crossdock connector test {connector}")
