"""Where settings come from, and which of them wins: flags, environment, file, defaults."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any

from config.errors import SettingsError
from config.names import nearest
from config.settings import Settings

PREFIX = "CROSSDOCK_"
CONFIG_VARIABLE = "CROSSDOCK_CONFIG"
FOREIGN_PREFIXES = ("CROSSDOCK_TEST_", "CROSSDOCK_CLI_")
"""Variables of the test suite and of the command line's client side: not settings of the hub."""
DEFAULT_FILE = Path("crossdock.toml")


@dataclass
class Gathered:
    """Raw values as a tree, and for each dotted path the place its value was found at."""

    tree: dict[str, Any] = field(default_factory=dict)
    origin: dict[str, str] = field(default_factory=dict)

    def put(self, path: str, value: Any, origin: str) -> None:
        """Set one value, replacing what a weaker source said."""
        *sections, name = path.split(".")
        here = self.tree
        for section in sections:
            inner = here.setdefault(section, {})
            if not isinstance(inner, dict):
                raise SettingsError(
                    "CONFIG-VALUE-422", f"{self.where(section)}: '{section}' is a section, not a value: [{section}]"
                )
            here = inner
        here[name] = value
        self.origin[path] = origin

    def where(self, path: str) -> str:
        """Return the place a path, or the nearest section above it, was found at."""
        path = path.partition("[")[0]
        while path not in self.origin and "." in path:
            path = path.rpartition(".")[0]
        return self.origin.get(path, "settings")


def leaves() -> dict[str, Any]:
    """Return every setting by dotted path with its default, in the order they are declared."""
    return dict(_leaves(Settings, ""))


def _leaves(kind: type[Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for item in fields(kind):
        default = _default(item)
        if is_dataclass(default):
            yield from _leaves(type(default), f"{prefix}{item.name}.")
        else:
            yield prefix + item.name, default


def _default(item: Field[Any]) -> Any:
    return item.default if item.default_factory is MISSING else item.default_factory()


def variable(path: str) -> str:
    """Return the environment variable of a dotted path: `web.threads` is CROSSDOCK_WEB_THREADS."""
    return PREFIX + path.replace(".", "_").upper()


def gather(env: Mapping[str, str] | None, path: Path | None, overrides: Mapping[str, Any] | None) -> Gathered:
    """Read file, environment and flags into one tree; the later wins.

    Raises:
        SettingsError: the file cannot be read, or a variable or flag names no setting.
    """
    env = os.environ if env is None else env
    found = Gathered()
    named = path or (Path(env[CONFIG_VARIABLE]) if env.get(CONFIG_VARIABLE) else None)
    if named is not None or DEFAULT_FILE.exists():
        file = named or DEFAULT_FILE
        _spread(found, _read(file, said_by=CONFIG_VARIABLE if path is None and named else None), "", str(file))
    _take_environment(found, env)
    known = leaves()
    for name, value in (overrides or {}).items():
        if name not in known:
            raise SettingsError("CONFIG-KEY-400", f"flags: unknown setting '{name}'{nearest(name, known)}")
        if value is not None:
            found.put(name, value, "--" + name.replace(".", "-").replace("_", "-"))
    return found


def _read(file: Path, said_by: str | None) -> dict[str, Any]:
    try:
        with file.open("rb") as stream:
            return tomllib.load(stream)
    except FileNotFoundError:
        who = f"; {said_by} names it" if said_by else ""
        raise SettingsError("CONFIG-FILE-404", f"{file}: this settings file does not exist{who}") from None
    except OSError as error:
        raise SettingsError("CONFIG-FILE-403", f"{file}: cannot be read: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError("CONFIG-FILE-400", f"{file}: is not valid TOML: {error}") from error


def _spread(found: Gathered, tree: Mapping[str, Any], prefix: str, origin: str) -> None:
    for name, value in tree.items():
        if isinstance(value, dict):
            found.origin[prefix + name] = origin
            _spread(found, value, f"{prefix}{name}.", origin)
            if not value:
                found.put(prefix + name, {}, origin)
        else:
            found.put(prefix + name, value, origin)


def _take_environment(found: Gathered, env: Mapping[str, str]) -> None:
    known = {variable(path): (path, default) for path, default in leaves().items()}
    unknown = [
        f"{name}: unknown setting{nearest(name, known, PREFIX)}"
        for name in sorted(env)
        if name.startswith(PREFIX)
        and name != CONFIG_VARIABLE
        and name not in known
        and not name.startswith(FOREIGN_PREFIXES)
    ]
    if unknown:
        raise SettingsError("CONFIG-KEY-400", *unknown)
    for name, (path, default) in known.items():
        if env.get(name):  # an empty variable is how compose files and shells say "not set"
            found.put(path, _parsed(env[name], default), name)


def _parsed(text: str, default: Any) -> Any:
    """Give a variable's text the type of the setting's default; what does not fit is left for the schema to refuse."""
    if isinstance(default, tuple):
        return [part.strip() for part in text.split(",") if part.strip()]
    if isinstance(default, int):
        try:
            return int(text)
        except ValueError:
            return text
    return text
