"""The glossary is kept: its words and no others, in US spelling."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PARTNERS_WORDS = {"connectors", "mappings"}
"""Folders where partners' documents are spoken of in their own words."""

BRITISH = re.compile(
    r"""
    (?<![a-z]) (
        [a-z]* (?: normalis | organis | recognis | serialis | initialis | synchronis | authoris | summaris | prioritis
                 | customis | minimis | maximis | emphasis(?=e) | utilis | finalis | categoris ) [a-z]*
      | optimis (?: e | ed | er | ers | es | ing | ation | ations )
      | fulfil (?: ment | ments | s )?
      | (?: un | re )? (?: cancell | labell | modell | signall | travell ) (?: ed | ing )
      | (?: colour | behaviour | favour | honour | neighbour | flavour ) [a-z]*
      | catalogue s? | licence s? | centre s? | grey | artefact s? | programme s? | judgement | whilst | cheque s?
      | analyse [ds]? | analysing
    ) (?![a-z])
    """,
    re.IGNORECASE | re.VERBOSE,
)
OTHERS_SPELLING = {
    "CancelledError": "asyncio's name",
}
TEXT = {".py", ".md", ".toml", ".cfg", ".html", ".yaml", ".yml"}
NOT_OURS = {"LICENSE", "console/static", "console/assets"}


def forbidden(root: Path) -> dict[str, str]:
    """Return the words the glossary replaces, each with the word to use."""
    found: dict[str, str] = {}
    for line in (root / "CONTEXT.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and len(cells) == 3:
            found |= dict.fromkeys(re.findall(r"`(\w+)`", cells[2]), cells[0])
    return found


def names(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield each name a module gives to something, with its line."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name, node.lineno
            case ast.arg():
                yield node.arg, node.lineno
            case ast.Name(ctx=ast.Store()):
                yield node.id, node.lineno
            case ast.Attribute(ctx=ast.Store()):
                yield node.attr, node.lineno
            case _:
                pass


def words(name: str) -> str:
    """Return a name as its words: `nodeETA_at` is `_node_eta_at_`."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return f"_{spaced.strip('_').lower()}_"


def test_the_glossary_is_read(root: Path) -> None:
    found = forbidden(root)
    assert found["qty"] == "On hand"
    assert found["transformer"] == "Map, Normalizer"
    assert len(found) > 15


def test_words_splits_names() -> None:
    assert words("orderETA") == "_order_eta_"
    assert words("ETag") == "_e_tag_"
    assert words("__qty_on_node") == "_qty_on_node_"


def test_nothing_is_named_by_a_word_the_glossary_replaces(root: Path, own_python: list[Path]) -> None:
    glossary = forbidden(root)
    found = [
        f"{path}:{line}: {name}: say {use}"
        for path in own_python
        if not PARTNERS_WORDS & set(path.parts)
        for name, line in [(path.stem, 0), *names(ast.parse((root / path).read_text(encoding="utf-8")))]
        for word, use in glossary.items()
        if f"_{word}_" in words(name) or f"_{word}s_" in words(name)
    ]
    assert not found, "\n".join(found)


def test_spelling_is_us(root: Path, own_files: list[Path]) -> None:
    found = [
        f"{path}:{number}: {match[0]}"
        for path in own_files
        if path.suffix in TEXT
        and not PARTNERS_WORDS & set(path.parts)
        and not any(path.as_posix().startswith(prefix) for prefix in NOT_OURS)
        and path != Path("tests/architecture/test_words.py")
        for number, line in enumerate((root / path).read_text(encoding="utf-8").splitlines(), 1)
        for match in BRITISH.finditer(line)
        if match[0] not in OTHERS_SPELLING
    ]
    assert not found, "\n".join(found)
