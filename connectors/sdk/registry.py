"""The connectors of this installation: found by scanning folders, read when asked for, quarantined when broken."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.sdk.manifest import DEFAULT_LIMITS, FILE, Manifest, load_manifest
from core.errors import CrossdockError, Misconfigured
from core.ports.connectors import ConnectionConfig, Connector

if TYPE_CHECKING:
    from connectors.sdk.base import BaseConnector

GROUP = "crossdock.connectors"
OWN = Path(__file__).resolve().parent.parent


class Registry:
    """Finds, reads and opens connectors; making one only lists folders.

    Args:
        folders: further connector folders, or folders full of them.
    """

    def __init__(self, folders: Iterable[Path] = ()) -> None:
        self._found = {identity(each): each for each in scan((OWN, *folders))}
        self._manifests: dict[str, Manifest] = {}
        self._classes: dict[str, type[BaseConnector]] = {}
        self._broken: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"<Registry of {len(self.folders)} connectors>"

    @cached_property
    def folders(self) -> Mapping[str, Path]:
        """Connector id -> folder, those of other distributions included."""
        return {**entry_points(), **self._found}

    @property
    def manifests(self) -> dict[str, Manifest]:
        """Every manifest that can be read, by id."""
        return {name: found for name in sorted(self.folders) if (found := self.manifest(name)) is not None}

    @property
    def broken(self) -> dict[str, str]:
        """Connector id -> traceback of those that could not be read or imported; everything else works without them."""
        _ = self.manifests
        return dict(self._broken)

    def manifest(self, connector: str) -> Manifest | None:
        """Return one manifest; None when the connector is unknown or broken."""
        if connector not in self._manifests and connector in self.folders and connector not in self._broken:
            try:
                self._manifests[connector] = load_manifest(self.folders[connector])
            except CrossdockError:
                self._broken[connector] = traceback.format_exc()
        return self._manifests.get(connector)

    def open(self, connection: ConnectionConfig) -> Connector:
        """Return a connector object for one connection.

        Raises:
            Misconfigured: the connector is missing or broken, or the settings do not fit its manifest.
        """
        manifest = self.manifest(connection.connector)
        if manifest is None:
            raise self._missing(connection.connector)
        kind = self.connector_class(manifest)
        return kind(connection, manifest, manifest.folder)

    def connector_class(self, manifest: Manifest) -> type[BaseConnector]:
        """Return the connector's class: `Connector` of its connector.py, else the declarative one.

        Raises:
            Misconfigured: its code cannot be imported.
        """
        if manifest.id not in self._classes:
            # Imported here: opening a connector needs the HTTP stack, listing them does not.
            from connectors.sdk.declarative import DeclarativeConnector, with_verbs
            from connectors.sdk.maps import load_module

            kind: type[BaseConnector] = DeclarativeConnector
            if (manifest.folder / "connector.py").is_file():
                try:
                    kind = load_module(manifest.folder, "connector").Connector
                except Exception:  # noqa: BLE001 - whatever a stranger's module raises must not stop the hub
                    self._broken[manifest.id] = traceback.format_exc()
                    self._manifests.pop(manifest.id, None)
                    raise self._missing(manifest.id) from None
            verbs = set(manifest.requests)
            if any(row.find for row in manifest.requests.values()):
                verbs.add("find_by_reference")
            self._classes[manifest.id] = with_verbs(kind, verbs if issubclass(kind, DeclarativeConnector) else ())
        return self._classes[manifest.id]

    def capabilities(self, connector: str) -> frozenset[str]:
        """Return a connector's verbs without opening it; empty when it is unknown."""
        manifest = self.manifest(connector)
        return manifest.capabilities if manifest else frozenset()

    def limits(self, connector: str) -> Mapping[str, float]:
        """Return {rate, burst, concurrency, timeout, max_body}; the hub's own defaults when it is unknown."""
        manifest = self.manifest(connector)
        return dict(manifest.limits) if manifest else dict(DEFAULT_LIMITS)

    def kinds(self) -> Mapping[str, str]:
        """Return connector id -> kind."""
        return {name: manifest.kind for name, manifest in self.manifests.items()}

    def _missing(self, connector: str) -> Misconfigured:
        if connector in self._broken:
            last = self._broken[connector].strip().rpartition("\n")[2]
            return Misconfigured(
                f"Connector {connector} is broken.", why=last, fix=f"See `crossdock connector info {connector}`."
            )
        return Misconfigured(
            f"There is no connector {connector}.",
            fix=f"Install it, or use one of: {', '.join(sorted(self.folders))}.",
        )


def identity(folder: Path) -> str:
    """Return the id a folder's name stands for."""
    return folder.name.removeprefix("crossdock_").replace("_", "-")


def scan(roots: Iterable[Path]) -> Iterable[Path]:
    """Yield the connector folders among and directly under the given ones."""
    for root in roots:
        if (root / FILE).is_file():
            yield root
        elif root.is_dir():
            yield from sorted(each for each in root.iterdir() if (each / FILE).is_file())


def entry_points() -> dict[str, Path]:
    """Return the connector folders of installed distributions, without importing them."""
    # Imported here: they take time that a process which only looks at its own folders does not have.
    import importlib.metadata
    import importlib.util

    found = {}
    for point in importlib.metadata.entry_points(group=GROUP):
        try:
            spec = importlib.util.find_spec(point.module)
        except ImportError:
            continue
        if spec is not None and spec.submodule_search_locations:
            found[point.name] = Path(next(iter(spec.submodule_search_locations)))
    return found
