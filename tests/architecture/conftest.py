"""The repository as the tests of its shape see it."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def root() -> Path:
    """The top folder of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def own_files() -> list[Path]:
    """Every file that is, or is about to be, part of the repository, relative to its top."""
    listed = subprocess.run(
        # A checkout made by another user is still this checkout.
        ["git", "-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip(f"the list of own files needs a git checkout: {listed.stderr.strip()}")
    return [Path(name) for name in sorted(set(listed.stdout.split("\0"))) if name and (ROOT / name).is_file()]


@pytest.fixture(scope="session")
def own_python(own_files: list[Path]) -> list[Path]:
    """Own Python files, relative to the top."""
    return [path for path in own_files if path.suffix == ".py"]
