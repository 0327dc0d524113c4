"""A new connector from samples: what can be guessed is guessed, the rest is marked TODO."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

from connectors.sdk.checks.goldens import Goldens, shown, slug
from connectors.sdk.checks.mapping import message
from connectors.sdk.registry import OWN, Registry
from console.cli.guesses import guess_map, meaning
from core.domain.vocabulary import Mode
from core.errors import Conflict, CrossdockError, InputError
from core.ports.connectors import ConnectionConfig

ID = re.compile(r"\A[a-z][a-z0-9]*(-[a-z0-9]+)*\Z")
MANIFEST = """\
id: {id}
label: {label}
kind: {kind}
capabilities: [{capabilities}]

settings:
  - {{name: base_url, type: url, required: true, help: "TODO: address, such as https://api.example.com."}}
  - {{name: api_key, type: text, secret: true, required: true, help: "TODO: where it is made, with which scopes."}}
  - {{name: webhook_secret, type: text, secret: true, required: true, help: "TODO: where it is found."}}

# TODO: a harmless request that proves address and key.
check: /
auth: {{scheme: bearer, secret: api_key}}
# TODO: what the partner allows.
limits: {{rate: 5, burst: 10, concurrency: 4, timeout: 20, max_body: 1048576}}

# TODO: how the partner signs; docs/connectors.md has every key.
webhook:
  scheme: hmac-sha256
  secret: webhook_secret
  header: X-Signature
  encoding: hex
  signed: "{{body}}"
  id_header: X-Delivery-Id
  topic_header: X-Topic

documents:
{documents}
quality:
  maps: todo
  goldens: todo
"""
README = """\
# {label}

## Purpose

TODO: what this connector takes from the partner, and what it tells it.

## Scopes

TODO: what the API key needs, and nothing else.

## Set-up

1. TODO: make the key and the webhook key at the partner.
2. `crossdock connection add NAME --connector {id} --set base_url=https://…`; it asks for the keys.
3. TODO: enter the address the command prints as webhook address.
4. `crossdock connection test NAME` says what answered.

## Limits

TODO: requests a second, size of bodies, age of calls.

## Troubleshooting

| what you see | why | what to do |
|---|---|---|
| `HOOK-SIGNATURE-401` | the webhook keys differ | enter the partner's key in `webhook_secret` |

## Removal

TODO: delete the webhook and the key at the partner, then `crossdock connection remove NAME`.
"""


@dataclass
class Made:
    """What was written: text by path below the folder, how many fields were mapped, what is left to do."""

    folder: Path
    files: dict[str, str] = field(default_factory=dict)
    mapped: int = 0
    todo: list[str] = field(default_factory=list)


def scaffold(
    connector: str, kind: str, label: str | None, samples: Sequence[Path], into: Path | None, *, write: bool
) -> Made:
    """Make the files of a connector and write them.

    Raises:
        InputError: the id or a sample is not usable.
        Conflict: the folder is there already.
    """
    if not ID.match(connector):
        raise InputError(
            f"{connector[:60]!r} cannot be a connector's id.",
            fix="Use lower-case words joined by hyphens, such as acme-wms.",
            code="CLI-SCAFFOLD-422",
        )
    made = Made((into or OWN) / connector.replace("-", "_"))
    if made.folder.exists():
        raise Conflict(f"{made.folder} is there already.", fix="Choose another id.", code="CLI-SCAFFOLD-409")
    rows = [_sample(made, kind, path) for path in samples]
    capabilities = "receive_orders" if any(" as: order," in row for row in rows) else ""
    name = label or connector.replace("-", " ").title()
    documents = "".join(f"  - {row}\n" for row in rows) or "  []\n"
    made.files["connector.yaml"] = MANIFEST.format(
        id=connector, label=name, kind=kind, capabilities=capabilities, documents=documents
    )
    if not rows:
        made.files["connector.yaml"] = made.files["connector.yaml"].replace("documents:\n  []\n", "documents: []\n")
    made.files["README.md"] = README.format(id=connector, label=name)
    made.files["__init__.py"] = ""
    made.todo.append("connector.yaml: check, limits, webhook and help texts")
    made.todo.append("README.md: its six sections")
    with TemporaryDirectory(prefix="crossdock-") as workshop:
        folder = Path(workshop) / made.folder.name
        _write(made.files, folder)
        made.files |= _goldens(folder, connector)
    if write:
        _write(made.files, made.folder)
    return made


def _write(files: Mapping[str, str], folder: Path) -> None:
    for place, text in files.items():
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def _goldens(folder: Path, connector: str) -> dict[str, str]:
    """Return what the guessed maps make of the samples; whoever goes on corrects map and golden together."""
    registry = Registry([folder])
    secrets = {"api_key": "invented", "webhook_secret": "invented"}
    config = ConnectionConfig(UUID(int=0), "new", connector, Mode.OFF, {"base_url": "https://example.com"}, secrets)
    opened = registry.open(config)
    manifest = registry.manifest(connector)
    assert manifest is not None, "it was opened"
    found = {}
    for sample in Goldens(manifest).incoming():
        try:
            golden: Any = shown(opened.normalize(message(sample.topic or "", sample.body, sample.content_type)))
        except CrossdockError as error:
            golden = {"error": error.error_code}
        stem = sample.name.removesuffix(".in.json")
        found[f"fixtures/{stem}.out.json"] = json.dumps(golden, indent=2, ensure_ascii=False) + "\n"
    return found


def _sample(made: Made, kind: str, path: Path) -> str:
    """Add the files of one sample and return its row of `documents`."""
    try:
        sample = json.loads(path.read_bytes())
    except ValueError as error:
        raise InputError(f"{path} is not JSON: {error}", code="CLI-SCAFFOLD-415") from None
    topic = path.name.split(".")[0]
    stem = slug(topic)
    means = meaning(topic, kind)
    made.files[f"fixtures/{stem}.in.json"] = json.dumps(sample, indent=2, ensure_ascii=False) + "\n"
    found = guess_map(means, sample) if means else None
    if found is None:
        made.todo.append(f"{topic}: say what it means; it is ignored until then")
        reason = "TODO: say what it means."
        return f'{{topic: {topic}, as: ignore, reason: "{reason}"}}'
    name = f"{stem}.in.yaml"
    made.files[name] = found.text
    made.mapped += found.mapped
    made.todo += [f"{name}: {each}" for each in found.todo]
    return f"{{topic: {topic}, as: {found.kind}, map: {name}}}"
