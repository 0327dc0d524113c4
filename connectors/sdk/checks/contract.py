"""The connector as a whole: manifest, capabilities, settings form, README, secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from connectors.sdk.checks.results import Report, Skipped, expect
from connectors.sdk.manifest import FILE, Manifest
from connectors.sdk.manifest_words import LISTS
from connectors.sdk.maps import code_lists, open_map
from connectors.sdk.redaction import SENSITIVE
from connectors.sdk.template import PLACE
from core.domain.vocabulary import DocumentType, Write

if TYPE_CHECKING:
    from connectors.sdk.base import BaseConnector
    from connectors.sdk.checks.workbench import Workbench

SECTIONS = ("purpose", "scopes", "set-up", "limits", "troubleshooting", "removal")
METHODS = {"receive_files": ("claim_files", "settle_files")}
LOOKS_SECRET = {
    "private key": re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY"),
    "access token": re.compile(
        rb"\b(shp(at|ca|pa|ss)_[0-9a-fA-F]{16,}|gh[pousr]_[A-Za-z0-9]{30,}|xox[abps]-[0-9A-Za-z-]{20,})"
    ),
    "cloud key": re.compile(rb"\bAKIA[0-9A-Z]{16}\b"),
    "payment key": re.compile(rb"\b[sr]k_live_[0-9A-Za-z]{16,}"),
    "JSON web token": re.compile(rb"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\."),
}


def check_contract(report: Report, bench: Workbench) -> bool:
    """Check what can be known without a message or a request; return whether the rest can be checked at all."""
    manifest = bench.manifest
    with report.check("contract", "fixtures"):
        bench.goldens.read()
    if report.failed:
        return False
    with report.check("contract", "opens"):
        bench.open()
    opens = not report.failed
    with report.check("contract", "capabilities"):
        check_capabilities(manifest, bench.kind)
    with report.check("contract", "settings"):
        check_settings(manifest)
    with report.check("contract", "templates"):
        check_templates(manifest)
    with report.check("contract", "codes"):
        if not manifest.codes:
            raise Skipped("it has no code lists")
        code_lists(manifest)
    with report.check("contract", "readme"):
        check_readme(manifest)
    with report.check("contract", "fixtures_without_secrets"):
        check_fixtures(bench)
    return opens


def check_capabilities(manifest: Manifest, kind: type[BaseConnector]) -> None:
    """Every verb that is stated can be called; every verb that can be called is stated."""
    stated = manifest.capabilities
    orders = {DocumentType.ORDER, DocumentType.ORDER_CANCEL, DocumentType.REFUND}
    for verb in sorted(stated - {"receive_orders"}):
        for method in METHODS.get(verb, (verb,)):
            expect(callable(getattr(kind, method, None)), f"{verb} is stated, but there is no method {method}")
    if "receive_orders" in stated:
        expect(
            any(row.type in orders for row in manifest.documents), "receive_orders is stated, but no document is one"
        )
    for verb in sorted({*map(str, Write), *LISTS, "find_by_reference", *METHODS} - stated):
        for method in METHODS.get(verb, (verb,)):
            expect(not hasattr(kind, method), f"{method} is there, but {verb} is not stated in {FILE}")


def check_settings(manifest: Manifest) -> None:
    """The form is complete: every setting explains itself, and what sounds secret is."""
    for setting in manifest.settings:
        expect(setting.help.strip().endswith((".", "?")), f"the help of {setting.name} is not a sentence")
        if SENSITIVE.search(setting.name) and setting.type == "text":
            expect(setting.secret, f"{setting.name} sounds like a secret, but is not marked as one")
    if manifest.webhook is not None and manifest.webhook.scheme != "custom":
        key = manifest.setting(manifest.webhook.secret or "")
        expect(key is not None and key.required, "the webhook secret is not required")


def templates(value: Any) -> Iterator[str]:
    """Yield every text in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from templates(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from templates(inner)


def check_templates(manifest: Manifest) -> None:
    """Templates name settings that exist, and never secret ones: those go by `auth` only."""
    found: list[str] = [*manifest.hosts, manifest.check or "", manifest.auth.token_url or ""]
    for row in manifest.requests.values():
        found += templates([row.path, row.query, row.headers, row.body])
        if row.find:
            found += templates([row.find.path, row.find.query])
    places = [place for each in found for place in PLACE.findall(each)]
    if not places:
        raise Skipped("it has no templates")
    plain = {each.name for each in manifest.settings if not each.secret}
    for place in places:
        first, _, rest = place.partition(".")
        expect(first in {"payload", "settings", "reference", "cursor"}, f"{{{place}}} names nothing")
        if first == "settings":
            expect(rest in plain, f"{{{place}}} is no setting, or a secret one")


def check_readme(manifest: Manifest) -> None:
    """The README has the sections people look for."""
    path = manifest.folder / "README.md"
    expect(path.is_file(), "there is no README.md")
    headings = [line.lstrip("# ").lower() for line in path.read_text(encoding="utf-8").splitlines() if line[:1] == "#"]
    for section in SECTIONS:
        expect(any(section in heading for heading in headings), f"README.md has no section on {section}")


def check_fixtures(bench: Workbench) -> None:
    """No fixture has anything that looks like a credential."""
    for path in bench.goldens.files():
        data = path.read_bytes()
        for what, pattern in LOOKS_SECRET.items():
            expect(not pattern.search(data), f"{path.name} has what looks like a {what}")


def check_maps(report: Report, bench: Workbench) -> bool:
    """Every map of the manifest compiles; every map in the folder is used. Return whether they compile."""
    manifest = bench.manifest
    named = {row.map for row in manifest.documents if row.map}
    named |= {row.map for row in manifest.requests.values() if row.map}
    with report.check("mapping", "maps", "maps"):
        for name in sorted(named):
            open_map(manifest, name)
        for row in manifest.documents:
            if row.map:
                kind = open_map(manifest, row.map).canonical_type
                expect(kind == row.type, f"{row.map} makes {kind}, but topic {row.topic} says {row.type}")
    compiled = not report.failed
    with report.check("mapping", "maps_used", "maps"):
        texts = [path.read_text(encoding="utf-8") for path in manifest.folder.glob("*.py")]
        for path in sorted(manifest.folder.glob("*.yaml")):
            expect(path.name == FILE or path.name in named or mentioned(path.name, texts), f"nothing uses {path.name}")
    return compiled


def mentioned(name: str, texts: Sequence[str]) -> bool:
    """Return whether Python code names a map: whole, or its stem and its ending apart."""
    stem, _, ending = name.partition(".")
    return any(name in text or (stem in text and f".{ending}" in text) for text in texts)


def check_leaks(report: Report, bench: Workbench) -> None:
    """Nothing the connector showed in all the checks before had a secret in it."""
    with report.check("egress", "secrets"):
        if not bench.secrets:
            raise Skipped("it has no secrets")
        leaks = bench.leaks()
        expect(not leaks, f"a secret shows in: {', '.join(leaks)}")
