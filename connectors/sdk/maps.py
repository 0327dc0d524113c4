"""The maps of a connector folder, compiled once per process and file version."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Compiled:
    """A compiled map, and of which version of its file and under which manifest."""

    changed: int
    manifest: Manifest
    map: Map


# (folder, file name) -> its newest compilation; as many as there are map files.
COMPILED: dict[tuple[str, str], Compiled] = {}


def open_map(manifest: Manifest, name: str, home: Path | None = None) -> Map:
    """Return a map of the connector's folder; a changed file is compiled anew.

    Args:
        manifest: of the connector, with its functions and code lists.
        name: of the file.
        home: another folder, for connections that bring maps of their own.

    Raises:
        Misconfigured: there is no such file, or it lies outside the folder.
        MapDocumentError: the map is wrong.
    """
    home = home or manifest.folder
    folder = str(home)
    try:
        changed = os.stat(f"{folder}/{name}").st_mtime_ns
    except (OSError, ValueError):
        raise missing(manifest, home / name) from None
    known = COMPILED.get((folder, name))
    if known is not None and known.changed == changed and (known.manifest is manifest or known.manifest == manifest):
        return known.map
    path = (home / name).resolve()
    if not path.is_relative_to(home.resolve()):
        raise missing(manifest, home / name)
    found = load_map(path, functions=functions(manifest), codes=code_lists(manifest))
    COMPILED[folder, name] = Compiled(changed, manifest, found)
    return found


def missing(manifest: Manifest, path: Path) -> Misconfigured:
    """Return the error for a map file that is not there."""
    return Misconfigured(f"Connector {manifest.id} has no map {path.name}.", fix=f"Write {path}.")


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
    return f"_crossdock_{abs(hash(str(resolved))):x}_{folder.name}"


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
