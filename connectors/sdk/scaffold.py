"""A new connector from sample payloads: manifest, maps with guessed fields and TODOs, fixtures, README."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import orjson

from connectors.sdk.base import BaseConnector
from connectors.sdk.checks.goldens import shown, slug
from connectors.sdk.checks.workbench import Workbench
from connectors.sdk.guesses import Guess, Tally, guess_fields, guess_kind
from connectors.sdk.manifest import FILE
from connectors.sdk.manifest_words import KINDS
from connectors.sdk.registry import Registry
from connectors.sdk.scaffold_texts import MANIFEST, README, WRITE
from core.domain.vocabulary import DocumentType
from core.errors import CrossdockError, InputError, Refused
from core.ports.connectors import InboundMessage
from mappings.syntaxes.json import parse

ID = re.compile(r"\A[a-z][a-z0-9]*(-[a-z0-9]+)*\Z")
WRITES: Mapping[str, tuple[str, ...]] = {
    "shop": ("push_shipment", "push_stock"),
    "marketplace": ("push_shipment", "push_stock"),
    "wms": ("push_fulfillment_order", "cancel_fulfillment_order"),
    "erp": ("push_order", "cancel_order", "push_shipment"),
}


@dataclass(frozen=True, slots=True)
class Scaffolded:
    """What was written, or would be.

    Args:
        folder: of the connector.
        files: in it, by their path inside it.
        messages: how many kinds of message there are.
        mapped: fields whose place in the sample was guessed.
        todo: what is left to a person, as `file: what`.
    """

    folder: Path
    files: Sequence[str]
    messages: int
    mapped: int
    todo: Sequence[str]


@dataclass(frozen=True, slots=True)
class Sample:
    """A payload somebody has from the partner."""

    topic: str
    kind: DocumentType
    body: bytes
    fields: tuple[Guess, ...]

    @property
    def map(self) -> str:
        """Its map's file name."""
        return f"{slug(self.topic)}.in.yaml"


def scaffold(
    target: Path, *, connector: str, kind: str, samples: Sequence[Path], label: str | None = None, write: bool = True
) -> Scaffolded:
    """Write a connector folder, whole or not at all.

    Args:
        target: where the folder goes; for one of this project, `connectors/`.
        connector: its id, such as `acme-wms`.
        kind: shop, wms, erp and so on.
        samples: JSON files as the partner sends them, named after their topics; every value in them invented.
        label: its name for people; made of the id by default.
        write: False only says what would be written.

    Raises:
        InputError: the id, the kind or a sample is not usable.
        Refused: the folder is there already.
    """
    if not ID.match(connector):
        raise InputError(f"{connector[:60]!r} is no connector id.", fix="Use lower case words joined by hyphens.")
    if kind not in KINDS:
        raise InputError(f"{kind!r} is no kind of partner.", fix=f"Use one of: {', '.join(KINDS)}.")
    found = [read_sample(path, kind) for path in samples]
    refuse_twins(found)
    name = connector.replace("-", "_")
    if (target / name).exists():
        raise Refused(f"{target / name} is there already.", fix="Choose another id, or remove the folder.")
    tally = Tally()
    label = label or connector.replace("-", " ").title()
    texts = {
        FILE: manifest_text(connector, label, kind, found),
        "README.md": README.format(label=label),
        "__init__.py": "",
        **{each.map: map_text(each, tally) for each in found},
    }
    with TemporaryDirectory(prefix="crossdock-") as workshop:
        folder = Path(workshop) / name
        (folder / "fixtures").mkdir(parents=True)
        for place, text in texts.items():
            (folder / place).write_text(text, encoding="utf-8")
        for each in found:
            (folder / "fixtures" / f"{slug(each.topic)}.in.json").write_bytes(each.body)
        write_goldens(folder, connector, found, tally)
        files = sorted(str(each.relative_to(folder)) for each in folder.rglob("*.*") if "__pycache__" not in each.parts)
        if write:
            target.mkdir(parents=True, exist_ok=True)
            shutil.copytree(folder, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    tally.open += [f"{FILE}: version, check, limits, webhook, requests", "README.md: its six sections"]
    return Scaffolded(target / name, files, len(found), tally.mapped, tally.open)


def refuse_twins(samples: Sequence[Sample]) -> None:
    """Refuse samples whose files would have the same name: one would be written over the other.

    Raises:
        InputError: two have.
    """
    maps = [each.map for each in samples]
    for each in samples:
        if maps.count(each.map) > 1:
            raise InputError(
                f"Two samples are named after the topic {each.topic!r}.",
                fix="Give one for each topic; further ones go to fixtures/ afterwards, as TOPIC--VARIANT.in.json.",
            )


def read_sample(path: Path, partner: str) -> Sample:
    """Return a sample of a kind of partner; its topic is the file's name without its ending.

    Raises:
        InputError: it cannot be read or is not one JSON object.
    """
    try:
        body = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read.", why=str(error.strerror)) from None
    document = parse(body)
    if not isinstance(document, dict):
        raise InputError(f"{path} is not one JSON object.", fix="Give one message per file, as the partner sends it.")
    topic = re.sub(r"[^A-Za-z0-9_.-]", "_", path.stem)
    kind = guess_kind(topic, document, partner)
    return Sample(topic, kind, body, guess_fields(kind, document))


def manifest_text(connector: str, label: str, kind: str, samples: Sequence[Sample]) -> str:
    """Return connector.yaml."""
    receives = any(each.kind is DocumentType.ORDER for each in samples)
    documents = "\n".join(f"  - {{topic: {each.topic}, map: {each.map}, as: {each.kind}}}" for each in samples)
    lists = dict(code_lists(samples))
    codes = "".join(f"  {name}: {{}} # TODO {hint}\n" for name, hint in lists.items())
    writes = "".join(WRITE.format(verb=verb) for verb in WRITES.get(kind, ("push_order",)))
    return MANIFEST.format(
        connector=connector,
        # JSON text is YAML text, whatever characters it has.
        label=orjson.dumps(label).decode(),
        kind=kind,
        capabilities="receive_orders" if receives else "",
        documents=f"documents:\n{documents}\n" if samples else "documents: []\n",
        codes=f"\ncodes:\n{codes}" if codes else "",
        writes=writes,
    )


def code_lists(samples: Sequence[Sample]) -> Iterator[tuple[str, str]]:
    """Yield the code lists the maps name, with what is to be filled in."""
    for sample in samples:
        for each in sample.fields:
            if each.path and each.words:
                yield f"{sample.kind}_{each.name}", f"{each.seen}: one of {', '.join(each.words)}"


def map_text(sample: Sample, tally: Tally) -> str:
    """Return the map of a sample."""
    lines = [f"map: {sample.kind}", "from: json", "version: 1", f"note: Topic {sample.topic}", "fields:"]
    lines += rules(sample, sample.fields, "  ", "", tally)
    return "\n".join(lines) + "\n"


def rules(sample: Sample, found: Sequence[Guess], indent: str, place: str, tally: Tally) -> Iterator[str]:
    """Yield the lines of a map's rules; what nobody can guess is a comment."""
    for each in found:
        if each.path is None:
            if each.required:
                tally.open.append(f"{sample.map}: {place}{each.name}")
                yield f"{indent}# TODO {each.name}: required, and nothing in the sample is named like it"
            continue
        if each.parts:
            yield f"{indent}{each.name}:"
            yield f"{indent}  {'each' if each.many else 'from'}: {each.path}"
            yield f"{indent}  fields:"
            yield from rules(sample, each.parts, f"{indent}    ", f"{place}{each.name}.", tally)
            continue
        tally.mapped += 1
        yield f"{indent}{each.name}: {rule(sample, each)}"


def rule(sample: Sample, each: Guess) -> str:
    """Return one rule: the path alone, or a table."""
    keys = [f"path: {each.path}"]
    if each.transform:
        keys.append(f"as: {each.transform}")
    if each.words:
        keys.append(f"codes: {sample.kind}_{each.name}")
    if each.required:
        keys.append("required: true")
    return str(each.path) if len(keys) == 1 else f"{{{', '.join(keys)}}}"


def write_goldens(folder: Path, connector: str, samples: Sequence[Sample], tally: Tally) -> None:
    """Write what each sample becomes today; where it becomes nothing yet, the golden is left to do."""
    registry = Registry([folder])
    manifest = registry.manifest(connector)
    if manifest is None:
        raise InputError(f"The scaffold of {connector} does not load.", why=registry.broken.get(connector))
    with Workbench(replace(manifest), registry.connector_class(manifest)) as bench:
        opened: BaseConnector = bench.open()
        for each in samples:
            name = f"{slug(each.topic)}.out.json"
            message = InboundMessage(
                UUID(int=0), each.topic, each.body, "application/json", {}, datetime(2026, 1, 1, tzinfo=UTC)
            )
            try:
                documents: Any = shown(opened.normalize(message))
            except CrossdockError as error:
                tally.open.append(f"fixtures/{name}: {error.what}")
                continue
            (folder / "fixtures" / name).write_bytes(orjson.dumps(documents, option=orjson.OPT_INDENT_2) + b"\n")
