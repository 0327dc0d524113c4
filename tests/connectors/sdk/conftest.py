"""A scripted partner, and connector folders made from a few lines of YAML."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from connectors.sdk.checks.workbench import Partner
from connectors.sdk.registry import Registry
from core.domain.vocabulary import Mode
from core.ports.connectors import ConnectionConfig

CONNECTION = UUID("0190f3c2-a4b0-7c1e-8d3f-5a6b7c8d9eaa")
BASE = """
id: acme
label: Acme
kind: shop
capabilities: [{verbs}]
settings:
  - {{name: base_url, type: url, required: true, help: "Address."}}
  - {{name: key, type: text, secret: true, help: "Its key."}}
  - {{name: client, type: text, help: "Client."}}
"""
Opening = Callable[..., Any]


@pytest.fixture
def partner() -> Iterator[Partner]:
    """Answers as scripted."""
    found = Partner()
    yield found
    found.stop()


@pytest.fixture
def opened(tmp_path: Path, partner: Partner) -> Iterator[Opening]:
    """Opens a connector `acme` made of a manifest's further lines, and closes it again."""
    made: list[Any] = []

    def act(
        more: str = "",
        *,
        verbs: str = "",
        url: str | None = None,
        settings: Mapping[str, Any] | None = None,
        secrets: Mapping[str, str] | None = None,
        files: Mapping[str, str] | None = None,
        connection: UUID = CONNECTION,
    ) -> Any:
        folder = tmp_path / "acme"
        folder.mkdir(exist_ok=True)
        (folder / "connector.yaml").write_text(BASE.format(verbs=verbs) + more)
        for name, text in (files or {}).items():
            (folder / name).write_text(text)
        config = ConnectionConfig(
            connection,
            "acme-1",
            "acme",
            Mode.LIVE,
            {"base_url": url or partner.url, **(settings or {})},
            {"key": "sesame-open-4711"} if secrets is None else secrets,
        )
        connector = Registry([folder]).open(config)
        made.append(connector)
        return connector

    yield act
    for each in made:
        each.close()
