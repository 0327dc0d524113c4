"""Files stay short, and packages hold nothing in their `__init__.py`."""

from pathlib import Path

LIMIT = 300
TEST_LIMIT = 450
"""Tests of one subject are a list of cases; they may stay together a little longer."""
EXEMPT = {
    "core/store/migrations/versions/*.py": "a migration is a frozen list of statements, read once and not changed",
    "core/domain/documents.py": "the canonical documents, read top to bottom; halves would import each other",
}
"""Longer files, each with the reason why it is one."""


def exempt(path: Path) -> bool:
    return any(path.match(pattern) for pattern in EXEMPT)


def limit(path: Path) -> int:
    return TEST_LIMIT if path.parts[0] == "tests" else LIMIT


def test_python_files_stay_under_the_limit(root: Path, own_python: list[Path]) -> None:
    lengths = {path: len((root / path).read_text(encoding="utf-8").splitlines()) for path in own_python}
    too_long = {str(path): length for path, length in lengths.items() if length > limit(path) and not exempt(path)}
    assert too_long == {}


def test_no_exemption_outlives_its_file(root: Path, own_python: list[Path]) -> None:
    needed = {
        pattern
        for pattern in EXEMPT
        for path in own_python
        if path.match(pattern) and len((root / path).read_text(encoding="utf-8").splitlines()) > LIMIT
    }
    assert needed == set(EXEMPT)


def test_package_markers_are_empty(root: Path, own_python: list[Path]) -> None:
    assert [str(path) for path in own_python if path.name == "__init__.py" and (root / path).stat().st_size] == []
