"""Golden files of a connector: what came in and what it means, what is written and which requests that makes.

In `fixtures/`, named after the topic or verb (every character but letters and digits becomes `_`), with an optional
variant after `--`:

- `<topic>[--variant].in.<ext>`: a message as the partner sends it, and beside it
  `<topic>[--variant].out.json`: `[{"type": …, "body": {…}, "holds": […]}]`, or `{"error": "MAP-CODE-404"}`.
- `<verb>[--variant].push.json`: `{"reference": …, "payload": {…}, "steps": [STEP …], "receipt": {"reference": …},
  "find": {"steps": [STEP …], "receipt": {…}}, "absent": {"steps": [STEP …]}}`; instead of `receipt`, where the
  partner refuses, `"error": "OUT-…"`.
- `<list verb>[--variant].list.json`: `{"steps": [STEP …]}`, where each STEP also has
  `"page": {"records": [{"topic": …, "body": …}], "more": true}`.
- `connection.json`: `{"settings": {…}}` the suite opens the connector with; `{url}` stands for the partner's address.

STEP is `{"request": {"method", "path", "query", "headers", "body"}, "response": {"status", "headers", "body"}}`, with
`"write": true` on the one that changes something when it is not the last. A body is JSON; `"text"` holds any other,
`"file"` names a file beside it. What the request leaves out is not compared; the text `{any}` fits every value.
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from lxml import etree

from connectors.sdk.checks.results import Failed
from connectors.sdk.manifest import DocumentRow, Manifest
from core.domain.payloads import jsonable

ANY = "{any}"
IN = re.compile(r"\A(?P<name>[A-Za-z0-9_]+)(--[A-Za-z0-9_-]+)?\.in\.(?P<ext>[a-z0-9]+)\Z")
PUSH = re.compile(r"\A(?P<name>[a-z_]+)(--[A-Za-z0-9_-]+)?\.push\.json\Z")
LIST = re.compile(r"\A(?P<name>[a-z_]+)(--[A-Za-z0-9_-]+)?\.list\.json\Z")
TYPES = {"json": "application/json", "jsonl": "application/x-ndjson", "xml": "text/xml", "csv": "text/csv"}


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message and what it must become."""

    name: str
    topic: str | None
    body: bytes
    content_type: str
    headers: Mapping[str, str]
    expected: Any


@dataclass(frozen=True, slots=True)
class Step:
    """One request that must be made, and the answer it gets."""

    request: Mapping[str, Any]
    status: int
    headers: Mapping[str, str]
    body: bytes
    page: Mapping[str, Any] = field(default_factory=dict)
    write: bool = False


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A write, or a list, and the requests it must make."""

    name: str
    verb: str
    steps: tuple[Step, ...]
    given: Mapping[str, Any]
    find: tuple[Step, ...] | None = None
    absent: tuple[Step, ...] | None = None

    @property
    def writing(self) -> int:
        """The step that changes something: the marked one, else the last."""
        return next((n for n, step in enumerate(self.steps) if step.write), len(self.steps) - 1)


class Goldens:
    """The fixtures of one connector."""

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest
        self.folder = manifest.folder / "fixtures"

    def read(self) -> None:
        """Read them all.

        Raises:
            Failed: one is not JSON or lacks a part; the file is named.
        """
        for path in self.files():
            if IN.match(path.name) or path.suffix != ".json":
                continue
            try:
                given = orjson.loads(path.read_bytes())
            except orjson.JSONDecodeError as error:
                raise Failed(f"fixtures/{path.name} is not JSON: {error}") from None
            needed = ("reference", "payload", "steps") if PUSH.match(path.name) else ("steps",)
            if not PUSH.match(path.name) and not LIST.match(path.name):
                continue
            lacking = [name for name in needed if name not in given]
            parts = [given, given.get("find") or {}, given.get("absent") or {}]
            if not all("request" in step for part in parts for step in part.get("steps", ())):
                lacking.append("request in each of its steps")
            if lacking:
                raise Failed(f"fixtures/{path.name} lacks {', '.join(lacking)}")

    def files(self) -> list[Path]:
        """Return the files in the folder, by name."""
        return sorted(each for each in self.folder.glob("*") if each.is_file()) if self.folder.is_dir() else []

    def incoming(self) -> Iterator[Incoming]:
        """Yield the messages."""
        for path in self.files():
            found = IN.match(path.name)
            if not found:
                continue
            stem = path.name[: found.end("name")] + (found[2] or "")
            expected = self.folder / f"{stem}.out.json"
            headers = self.folder / f"{stem}.headers.json"
            kind = TYPES.get(found["ext"]) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            yield Incoming(
                path.name,
                topic_for(self.manifest.documents, found["name"]),
                path.read_bytes(),
                kind,
                orjson.loads(headers.read_bytes()) if headers.is_file() else {},
                orjson.loads(expected.read_bytes()) if expected.is_file() else None,
            )

    def pushes(self) -> Iterator[Outgoing]:
        """Yield the writes."""
        yield from self._outgoing(PUSH)

    def lists(self) -> Iterator[Outgoing]:
        """Yield the lists."""
        yield from self._outgoing(LIST)

    def settings(self) -> dict[str, Any]:
        """Return the settings the connector's tests need beyond invented ones."""
        path = self.folder / "connection.json"
        found = orjson.loads(path.read_bytes()) if path.is_file() else {}
        settings: dict[str, Any] = found.get("settings", {})
        return settings

    def unused(self) -> list[str]:
        """Return the files that no golden refers to."""
        used = {"connection.json"}
        for path in self.files():
            if IN.match(path.name):
                stem = path.name.split(".in.")[0]
                used |= {path.name, f"{stem}.out.json", f"{stem}.headers.json"}
            elif PUSH.match(path.name) or LIST.match(path.name):
                used |= {path.name, *re.findall(r'"file":\s*"([^"]+)"', path.read_text(encoding="utf-8"))}
        return [path.name for path in self.files() if path.name not in used]

    def _outgoing(self, pattern: re.Pattern[str]) -> Iterator[Outgoing]:
        for path in self.files():
            found = pattern.match(path.name)
            if not found:
                continue
            given = orjson.loads(path.read_bytes())
            find, absent = given.get("find"), given.get("absent")
            yield Outgoing(
                path.name,
                found["name"],
                self.steps(given),
                given,
                self.steps(find) if find else None,
                self.steps(absent) if absent else None,
            )

    def steps(self, given: Mapping[str, Any]) -> tuple[Step, ...]:
        """Return the steps of a golden with their bodies as bytes."""
        return tuple(
            Step(
                {**each["request"], **({"bytes": self.body(each["request"])} if has_body(each["request"]) else {})},
                each.get("response", {}).get("status", 200),
                self.headers(each.get("response", {})),
                self.body(each.get("response", {})),
                each.get("page", {}),
                bool(each.get("write")),
            )
            for each in given.get("steps", ())
        )

    def headers(self, response: Mapping[str, Any]) -> dict[str, str]:
        """Return the headers of an answer, with the content type its body suggests."""
        kind = "application/json"
        if "file" in response:
            kind = TYPES.get(Path(response["file"]).suffix[1:], kind)
        elif "text" in response:
            kind = "text/xml" if response["text"].lstrip().startswith("<") else "text/plain"
        return {"Content-Type": kind, **response.get("headers", {})}

    def body(self, given: Mapping[str, Any]) -> bytes:
        """Return a body as bytes."""
        if "file" in given:
            return (self.folder / str(given["file"])).read_bytes()
        if "text" in given:
            return str(given["text"]).encode()
        return orjson.dumps(given["body"]) if "body" in given else b""


def has_body(given: Mapping[str, Any]) -> bool:
    """Return whether a request states its body."""
    return bool({"file", "text", "body"} & set(given))


def slug(topic: str) -> str:
    """Return a topic as it stands in file names."""
    return re.sub(r"[^A-Za-z0-9]", "_", topic)


def topic_for(rows: tuple[DocumentRow, ...], name: str) -> str | None:
    """Return the topic a fixture's name stands for, None when no row has it."""
    for row in rows:
        if slug(row.topic) == name:
            return row.topic
    for row in rows:
        if row.topic.endswith("*") and name.startswith(slug(row.topic[:-1])):
            return row.topic[:-1] + name[len(row.topic) - 1 :]
    return None


def shown(documents: Any) -> list[dict[str, Any]]:
    """Return documents as an `.out.json` holds them."""
    found = []
    for each in documents:
        row: dict[str, Any] = {"type": str(each.type), "body": jsonable(each.body)}
        if each.holds:
            row["holds"] = jsonable(list(each.holds))
        found.append(row)
    return found


def difference(expected: Any, found: Any, path: str = "") -> str | None:
    """Return the first place where two JSON values differ, None when they are equal; `{any}` fits everything."""
    if expected == ANY:
        return None
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        for key in [*expected, *(key for key in found if key not in expected)]:
            place = f"{path}.{key}".lstrip(".")
            if key not in found:
                return f"{place} is missing"
            if key not in expected:
                return f"{place} was not expected"
            inner = difference(expected[key], found[key], place)
            if inner:
                return inner
        return None
    if isinstance(expected, list) and isinstance(found, list):
        for number, (one, other) in enumerate(zip(expected, found, strict=False)):
            inner = difference(one, other, f"{path}[{number}]")
            if inner:
                return inner
        return (
            None
            if len(expected) == len(found)
            else f"{path or 'the list'} has {len(found)} members, {len(expected)} expected"
        )
    if type(expected) is type(found) and expected == found:
        return None
    return f"{path or 'the value'} is {found!r}, {expected!r} expected"


def body_difference(expected: bytes, found: bytes) -> str | None:
    """Return where two bodies differ: as JSON, else as XML, else byte by byte."""
    try:
        return difference(orjson.loads(expected), orjson.loads(found))
    except orjson.JSONDecodeError:
        pass
    try:
        one, other = canonical_xml(expected), canonical_xml(found)
    except etree.XMLSyntaxError:
        one, other = expected, found
    if one == other:
        return None
    place = next((n for n, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), len(one))
    return f"the body differs at byte {place}: {other[place : place + 60]!r}, {one[place : place + 60]!r} expected"


def canonical_xml(body: bytes) -> bytes:
    """Return XML in canonical form, without the space between elements."""
    parser = etree.XMLParser(remove_blank_text=True, resolve_entities=False, no_network=True)
    return etree.tostring(etree.fromstring(body, parser), method="c14n")
