"""The maps of a connector folder, compiled once per process and file version."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from connectors.sdk.manifest import Manifest
from core.errors import Misconfigured
from mappings.codes import CodeList, from_table
from mappings.document import load_map
from mappings.engine import Map

# Connectors of this repository are ordinary packages; others get a package name of their own.
OWN = Path(__file__).resolve().parent.parent


def code_lists(manifest: Manifest) -> Mapping[str, CodeList]:
    """Return the manifest's code lists by name."""
    return {name: from_table(name, table) for name, table in manifest.codes.items()}


def open_map(manifest: Manifest, name: str) -> Map:
    """Return a map of the connector's folder.

    Raises:
        Misconfigured: there is no such file, or it lies outside the folder.
        MapDocumentError: the map is wrong.
    """
    path = (manifest.folder / name).resolve()
    if not path.is_relative_to(manifest.folder.resolve()) or not path.is_file():
        raise Misconfigured(f"Connector {manifest.id} has no map {name}.", fix=f"Write {manifest.folder / name}.")
    key = (path, path.stat().st_mtime_ns)
    return compiled(key, Hidden(manifest))


class Hidden:
    """A manifest that takes no part in cache keys: the same file always comes with the same manifest."""

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest

    def __hash__(self) -> int:
        return hash(self.manifest.folder)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Hidden) and self.manifest == other.manifest


@lru_cache(maxsize=512)
def compiled(key: tuple[Path, int], hidden: Hidden) -> Map:
    """Return the compiled map of one version of a file."""
    return load_map(key[0], functions=functions(hidden.manifest), codes=code_lists(hidden.manifest))


def functions(manifest: Manifest) -> Mapping[str, Any]:
    """Return the connector's own conversions: `FUNCTIONS` of its transforms.py."""
    if not (manifest.folder / "transforms.py").is_file():
        return {}
    found: Mapping[str, Any] = load_module(manifest.folder, "transforms").FUNCTIONS
    return found


def package_name(folder: Path) -> str:
    """Return the import name of a connector folder."""
    resolved = folder.resolve()
    if resolved.parent == OWN:
        return f"connectors.{folder.name}"
    # Two folders of one name can be loaded side by side.
    return f"_crossdock_connectors.x{abs(hash(str(resolved))):x}.{folder.name}"


def load_module(folder: Path, name: str) -> ModuleType:
    """Return a Python module of a connector folder, imported as part of a package so that relative imports work."""
    package = package_name(folder)
    if package.startswith("connectors."):
        return importlib.import_module(f"{package}.{name}")
    full = f"{package}.{name}"
    if full in sys.modules:
        return sys.modules[full]
    if package not in sys.modules:
        holder = ModuleType(package)
        holder.__path__ = [str(folder)]
        sys.modules[package] = holder
    spec = importlib.util.spec_from_file_location(full, folder / f"{name}.py")
    if spec is None or spec.loader is None:
        raise ImportError(f"{folder / name}.py cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[full] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[full]
        raise
    return module
