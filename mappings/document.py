"""Loads a map document: YAML text to checked rules, every complaint with file and line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from marshmallow import ValidationError

from mappings.codes import CODES, CodeList
from mappings.edi.places.guide import GuideRule, GuideSchema, check_place
from mappings.engine import Map
from mappings.faults import MapDocumentError, Unfit
from mappings.functions import FUNCTIONS
from mappings.paths import field_path, segments
from mappings.rules import Limits, MapDocument, Rule
from mappings.schema import MapSchema
from mappings.syntaxes.registry import SYNTAXES
from mappings.transform import Maker, Transform
from mappings.yaml_text import YamlText, read_yaml

Functions = Mapping[str, Maker | Transform]
Codes = Mapping[str, CodeList]
Path_ = tuple[Any, ...]


def load_map(source: Path | str, *, functions: Functions | None = None, codes: Codes | None = None) -> Map:
    """Return the compiled map of a file, or of the text of one.

    Args:
        source: a Path is read; text is the document itself.
        functions: the connector's own functions, beside the built-in ones.
        codes: the connector's own code lists, beside the built-in ones.

    Raises:
        MapDocumentError: the document is wrong; the error names every file:line.
    """
    if isinstance(source, Path):
        name = source.name
        try:
            text = source.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise MapDocumentError(f"{name} cannot be read: {error}.") from None
    else:
        name, text = "map", source
    return Map(Loader(name, read_yaml(text, name), functions or {}, codes or {}).document())


def together(kind: str, own: Mapping[str, Any], built_in: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return both tables in one; a name has one meaning everywhere."""
    twice = sorted(set(own) & set(built_in))
    if twice:
        raise MapDocumentError(
            f"The {kind} {', '.join(twice)} is built in.", fix="Give the connector's own another name."
        )
    return {**built_in, **own}


class Loader:
    """Turns one YAML document into a MapDocument."""

    def __init__(self, name: str, text: YamlText, functions: Functions, codes: Codes) -> None:
        self.name, self.text = name, text
        self.functions = together("function", functions, FUNCTIONS)
        self.codes = together("code list", codes, CODES)
        self.inbound = True

    def document(self) -> MapDocument:
        """Return the checked document."""
        if not isinstance(self.text.value, dict):
            raise MapDocumentError(f"{self.name} is not a mapping with map, from or to, and fields.")
        try:
            data = MapSchema().load(self.text.value)
        except ValidationError as error:
            raise self.complain(flat(error.messages)) from None
        self.inbound = "inbound" in data
        syntax = data["inbound" if self.inbound else "outbound"]
        try:
            options = SYNTAXES[syntax].options.load(data.get("options", {}))
        except ValidationError as error:
            raise self.complain([(("options", *path), reason) for path, reason in flat(error.messages)]) from None
        rules = self.rules(data["fields_"], ("fields",), dotted=not self.inbound and syntax in ("json", "jsonl"))
        if "columns" in options and options["columns"] is None:
            options["columns"] = list(dict.fromkeys(columns(rules, inbound=self.inbound)))
        return MapDocument(
            canonical=data["map"],
            syntax=syntax,
            inbound=self.inbound,
            version=data["version"],
            name=self.name,
            fields=rules,
            options=options,
            records=data.get("records"),
            group_by=data.get("group_by"),
            digest=self.text.digest,
            shape=data["shape"],
            guide=self.guide(data["guide"]),
        )

    def guide(self, data: Mapping[str, Any]) -> tuple[GuideRule, ...]:
        """Return what a partner requires at places of a message."""
        found = []
        for place, said in data.items():
            path = ("guide", place)
            try:
                check_place(place)
                given = GuideSchema().load(said)
            except ValidationError as error:
                raise self.complain(flat(error.messages, path)) from None
            except Unfit as error:
                raise self.complain([(path, str(error))]) from None
            given.pop("note", None)
            if given["codes"] is not None:
                given["codes"] = tuple(given["codes"])
            found.append(GuideRule(place, self.line(path), **given))
        return tuple(found)

    def rules(self, data: Mapping[str, Any], path: Path_, *, dotted: bool) -> tuple[Rule, ...]:
        """Return the rules of one `fields:`."""
        names: dict[tuple[str, ...], str] = {}
        for key in data:
            if self.inbound or dotted:
                parts = segments(self.key(key, dotted=dotted))
                if parts is None:
                    raise self.complain([((*path, key), "is not a field name, plain or dotted")])
                names[tuple(parts)] = key
        for name, key in names.items():
            for length in range(1, len(name)):
                other = names.get(name[:length])
                if other is not None and not self.is_object(data[other]):
                    raise self.complain([((*path, key), f"lies inside {other}, which is one value")])
        return tuple(
            self.rule(self.key(key, dotted=dotted), rule, (*path, key), dotted=dotted) for key, rule in data.items()
        )

    @staticmethod
    def key(name: str, *, dotted: bool) -> str:
        """Return a field's name as a path; a partner's JSON name may have any character."""
        return (field_path(name) or name) if dotted else name

    @staticmethod
    def is_object(rule: Mapping[str, Any]) -> bool:
        """Return whether a rule makes an object that dotted names can add to."""
        return "fields_" in rule and "each" not in rule

    def rule(self, key: str, data: Mapping[str, Any], path: Path_, *, dotted: bool) -> Rule:
        """Return one rule."""
        if not self.inbound:
            for name in ("on_missing", "on_invalid"):
                if name in data:
                    raise self.complain([((*path, name), "holds are for maps that read; use required")])
        hold, invalid = data.get("on_missing"), data.get("on_invalid")
        return Rule(
            key=key,
            line=self.line(path),
            path=data.get("path"),
            const=data.get("const"),
            default=data.get("default"),
            first_of=self.parts(key, data, path, "first_of"),
            concat=self.parts(key, data, path, "concat"),
            separator=data.get("separator", " "),
            fields=self.rules(data["fields_"], (*path, "fields"), dotted=dotted) if "fields_" in data else (),
            scope=data.get("scope"),
            each=data.get("each"),
            where=data.get("where"),
            when=data.get("when"),
            transforms=self.transforms(data.get("transforms"), (*path, "as")),
            codes=self.code_list(data.get("codes"), (*path, "codes")),
            required=data.get("required", False),
            hold=hold and hold.removeprefix("hold."),
            hold_invalid=invalid and invalid.removeprefix("hold."),
            one_way=data.get("one_way", False),
            limits=Limits(data.get("max_length"), data.get("pattern"), data.get("min"), data.get("max")),
        )

    def parts(self, key: str, data: Mapping[str, Any], path: Path_, name: str) -> tuple[Rule, ...]:
        """Return the alternatives or parts of a rule; they are values, and their owner says what is required."""
        found = []
        for index, part in enumerate(data.get(name, ())):
            where = (*path, name, index)
            wrong = [word for word in ("fields_", "required", "on_missing", "on_invalid", "one_way") if word in part]
            if wrong:
                raise self.complain([(where, f"{wrong[0].rstrip('_')} belongs to the rule around it")])
            found.append(self.rule(key, part, where, dotted=False))
        return tuple(found)

    def transforms(self, said: Any, path: Path_) -> tuple[Transform, ...]:
        """Return the functions of an `as:`: a name, {name: options}, or a list of those."""
        if said is None:
            return ()
        return tuple(self.transform(each, path) for each in (said if isinstance(said, list) else [said]))

    def transform(self, said: Any, path: Path_) -> Transform:
        """Return one function."""
        name, options = next(iter(said.items())) if isinstance(said, dict) and len(said) == 1 else (said, {})
        if not isinstance(name, str) or not isinstance(options, dict):
            raise self.complain([(path, "must be a function name, or {name: {option: value}}")])
        maker = self.functions.get(name)
        if maker is None:
            raise self.complain([(path, f"{name} is no function; there are {', '.join(sorted(self.functions))}")])
        if isinstance(maker, Transform):
            if options:
                raise self.complain([(path, f"{name} has no options")])
            return maker
        try:
            made: Transform = maker(**options)
        except (TypeError, ValueError, ArithmeticError, Unfit) as error:
            raise self.complain([(path, f"{name} cannot be made with these options: {error}")]) from None
        return made

    def code_list(self, name: str | None, path: Path_) -> CodeList | None:
        """Return a code list by name."""
        if name is None:
            return None
        found: CodeList | None = self.codes.get(name)
        if found is None:
            raise self.complain([(path, f"{name} is no code list; there are {', '.join(sorted(self.codes))}")])
        return found

    def line(self, path: Path_) -> int:
        """Return the line of a place in the document, or of the nearest one around it."""
        while path and path not in self.text.lines:
            path = path[:-1]
        return self.text.lines.get(path, 1)

    def complain(self, reasons: list[tuple[Path_, str]]) -> MapDocumentError:
        """Return the error that lists what is wrong, with lines."""
        listed = [
            f"{self.name}:{self.line(path)} {'.'.join(map(str, path))}: {reason.rstrip('.')}"
            for path, reason in reasons
        ]
        return MapDocumentError(
            f"The map is wrong: {'; '.join(listed[:5])}.",
            fix="See docs/maps.md.",
            errors=listed[:50],
        )


def columns(rules: tuple[Rule, ...], *, inbound: bool) -> Iterator[str]:
    """Yield the columns a map of rows writes, in the order of its rules."""
    for rule in rules:
        if rule.fields:
            yield from columns(rule.fields, inbound=inbound)
        elif not inbound:
            yield rule.key
        elif not rule.one_way and (path := rule.path or (rule.first_of and rule.first_of[0].path)):
            yield path


def flat(messages: Any, path: Path_ = ()) -> list[tuple[Path_, str]]:
    """Return marshmallow's nested messages as (path, reason)."""
    if isinstance(messages, dict):
        found = []
        for key, inner in messages.items():
            found += flat(inner, path if key == "_schema" else (*path, key))
        return found
    if isinstance(messages, list):
        return [reason for inner in messages for reason in flat(inner, path)]
    return [(path, str(messages))]
