"""Paths into dicts: plain dotted paths become direct getters and setters, the rest is JMESPath."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions, signature
from jmespath.visitor import Options, TreeInterpreter

from mappings.faults import Unfit, kind_of

# (scope, root) -> value, None when there is nothing.
Getter = Callable[[Any, Any], Any]
Setter = Callable[[dict[str, Any], Any], None]
Test = Callable[[Any, Any], bool]

SEGMENT = r'(?:[A-Za-z_][A-Za-z0-9_]*|"[^"\\]+")'
DOTTED = re.compile(rf"{SEGMENT}(?:\.{SEGMENT})*")
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# A field's own name needs no quotes for other characters than dots.
PART = r'(?:[^."\\]+|"[^"\\]+")'
FIELD = re.compile(rf"{PART}(?:\.{PART})*")
ROOT = "$."
EVALUATION = (JMESPathError, TypeError, ValueError, AttributeError, LookupError, ArithmeticError, RecursionError)


class ExactFunctions(Functions):  # type: ignore[misc]  # jmespath has no types
    """JMESPath's functions, taught that numbers are Decimal and stay exact."""

    def _get_allowed_pytypes(self, types: list[str]) -> tuple[list[str], list[tuple[str, ...]]]:
        allowed, inner = super()._get_allowed_pytypes(types)
        if "float" in allowed:
            allowed.append("Decimal")
        if "dict" in allowed:
            allowed.append("Watched")
        if "list" in allowed:
            allowed.append("WatchedList")
        return allowed, [(*names, "Decimal") if "float" in names else names for names in inner]

    @signature({"types": []})  # type: ignore[untyped-decorator]
    def _func_to_number(self, value: Any) -> Any:
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            return value
        if not isinstance(value, str):
            return None
        try:
            number = Decimal(value)
        except InvalidOperation:
            return None
        return number if number.is_finite() else None


OPTIONS = Options(custom_functions=ExactFunctions())


def segments(path: str) -> list[str] | None:
    """Return the names of a plain dotted path, or None when it is more than that."""
    if not DOTTED.fullmatch(path):
        return None
    return [name.strip('"') for name in re.findall(SEGMENT, path)]


def field_path(name: str) -> str | None:
    """Return a partner's field name as a path, quoted where it has other characters; None when it cannot be one."""
    if not FIELD.fullmatch(name):
        return None
    parts = [part.strip('"') for part in re.findall(PART, name)]
    return ".".join(part if PLAIN.fullmatch(part) else f'"{part}"' for part in parts)


def getter(path: str) -> Getter:
    """Compile a path; `$.` in front reads from the root of the document.

    Raises:
        Unfit: the path is not JMESPath.
    """
    if path.startswith(ROOT):
        inner = getter(path.removeprefix(ROOT))
        return lambda _scope, root: inner(root, root)
    names = segments(path)
    if names is None:
        return searcher(path)
    if len(names) == 1:
        only = names[0]
        return lambda scope, _root: scope.get(only)
    return dotted(names)


def dotted(names: list[str]) -> Getter:
    """Return a getter through nested objects; a missing object on the way means nothing is there."""
    *parents, last = names

    def get(scope: Any, _root: Any) -> Any:
        found = scope
        for name in parents:
            found = found.get(name)
            if found is None:
                return None
            if not isinstance(found, dict):
                raise Unfit(f"{name} is {kind_of(found)}, not an object")
        return found.get(last)

    return get


def searcher(path: str) -> Getter:
    """Return a getter that evaluates a JMESPath expression."""
    try:
        with warnings.catch_warnings():
            # A literal that is not JSON (`x` instead of 'x') is deprecated: maps do not start with it.
            warnings.simplefilter("error", PendingDeprecationWarning)
            parsed = jmespath.compile(path).parsed
    except PendingDeprecationWarning:
        raise Unfit(f"{path!r} has a literal that is not JSON; text is written as 'x'") from None
    except EVALUATION as error:
        reason = " ".join(str(error).split())
        raise Unfit(f"{path!r} is not JMESPath ({reason}); a name with other characters is quoted") from None
    interpreter = TreeInterpreter(OPTIONS)

    def get(scope: Any, _root: Any) -> Any:
        try:
            return interpreter.visit(parsed, scope)
        except EVALUATION as error:
            reason = " ".join(str(error).split())
            raise Unfit(f"the expression cannot be evaluated here ({reason[:200]})") from None

    return get


def condition(expression: str) -> Test:
    """Compile a JMESPath condition; empty text, lists, objects, null and false are false."""
    if expression.startswith(ROOT):
        inner = searcher(expression.removeprefix(ROOT))
        return lambda _scope, root: truth(inner(root, root))
    get = searcher(expression)
    return lambda scope, root: truth(get(scope, root))


def truth(value: Any) -> bool:
    """Return JMESPath's idea of truth: zero is true."""
    return not (value is None or value is False or value == "" or value == [] or value == {})


def setter(path: str) -> Setter:
    """Compile a plain dotted path into a setter that makes the objects on the way.

    Raises:
        Unfit: the path is not a plain dotted one.
    """
    names = segments(path)
    if names is None:
        raise Unfit(f"{path!r} cannot be written to: only plain dotted paths can")
    *parents, last = names
    if not parents:
        return Put(last)

    def put(out: dict[str, Any], value: Any) -> None:
        for name in parents:
            inner = out.get(name)
            if inner is None:
                inner = out[name] = {}
            elif not isinstance(inner, dict):
                raise Unfit(f"cannot be put inside {name}, which another rule fills with {kind_of(inner)}")
            out = inner
        place(out, last, value)

    return put


def place(out: dict[str, Any], name: str, value: Any) -> None:
    """Set a value; an object joins the object that another rule has put there."""
    if type(value) is dict and isinstance(there := out.get(name), dict):
        for key, inner in value.items():
            place(there, key, inner)
        return
    out[name] = value


def exact_getter(name: str) -> Getter:
    """Return a getter for one key, whatever characters it has."""
    return lambda scope, _root: scope.get(name)


class Put:
    """A setter for one key, whatever characters it has."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, out: dict[str, Any], value: Any) -> None:
        """Set the value."""
        place(out, self.name, value)
