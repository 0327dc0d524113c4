"""Where django-pyas2 and pyas2lib are: in an environment of its own, for their license keeps them out of ours."""

import os
from pathlib import Path

import pytest

MADE = Path(__file__).resolve().parents[3] / ".pyas2" / "bin" / "python"
"""What `make pyas2` makes."""
PYTHON = os.environ.get("CROSSDOCK_TEST_PYAS2_PYTHON") or str(MADE)
needs_pyas2 = pytest.mark.skipif(
    not Path(PYTHON).is_file(),
    reason="no environment with pyas2: `make pyas2` makes one, CROSSDOCK_TEST_PYAS2_PYTHON names the Python of another",
)
