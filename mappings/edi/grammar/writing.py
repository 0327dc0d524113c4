"""Writes grammars as the YAML they are read from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mappings.edi.grammar.model import ElementType, Grammar, Node, SegmentType, Use
from mappings.edi.grammar.notation import shown_place, shown_type, shown_uses


def grammar_yaml(grammar: Grammar, *, uses: str | None = None) -> str:
    """Return a grammar as YAML.

    Args:
        uses: the dictionary that describes its segments; without it the grammar describes them itself.
    """
    head = [f"standard: {grammar.standard}", f'message: "{grammar.message}"', f'version: "{grammar.version}"']
    if uses:
        head.append(f"uses: {uses}")
    lines = [*head, "structure:", *structure_lines(grammar.root.nodes, 1)]
    if not uses:
        tags = grammar.tags()
        lines += dictionary_lines(found for tag, found in grammar.segments.items() if tag in tags)
    return "\n".join(lines) + "\n"


def structure_lines(nodes: Iterable[Node], depth: int) -> Iterator[str]:
    """Yield the lines of a structure."""
    for node in nodes:
        text = shown_place(node.name, node.low, node.high, nested=node.nested)
        yield f"{'  ' * depth}- {text}{':' if node.nodes else ''}"
        yield from structure_lines(node.nodes, depth + 2)


def dictionary_lines(segments: Iterable[SegmentType]) -> Iterator[str]:
    """Yield the lines of what segments hold: elements, composites, segments."""
    found = sorted(segments, key=lambda each: each.tag)
    types: dict[str, ElementType] = {}
    composites: dict[str, tuple[Use, ...]] = {}
    for segment in found:
        collect(segment.uses, types, composites)
    yield "elements:"
    for name, kind in sorted(types.items(), key=lambda item: (len(item[0]), item[0])):
        yield f'  "{name}": {shown_type(kind)}'
    if composites:
        yield "composites:"
    for name, parts in sorted(composites.items()):
        yield f'  {name}: "{shown_uses(parts)}"'
    yield "segments:"
    for segment in found:
        rules = " ".join(each.kind + "".join(f"{at:02}" for at in each.positions) for each in segment.conditions)
        yield f'  "{segment.tag}": "{shown_uses(segment.uses)}{"; " + rules if rules else ""}"'


def collect(uses: Iterable[Use], types: dict[str, ElementType], composites: dict[str, tuple[Use, ...]]) -> None:
    """Collect the types and composites that uses need."""
    for each in uses:
        if each.type is not None:
            types[each.id] = each.type
        else:
            composites[each.id] = each.parts
            collect(each.parts, types, composites)
