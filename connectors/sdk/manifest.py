"""The manifest of a connector: `connector.yaml` as typed data, read without importing any connector code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from core.domain.vocabulary import DocumentType
from core.errors import Misconfigured

FILE = "connector.yaml"
# What a partner does by calling us.
PASSIVE = frozenset({"receive_orders"})
# What the hub assumes of a partner that states no limits.
DEFAULT_LIMITS: Mapping[str, float] = {"rate": 5, "burst": 10, "concurrency": 4, "timeout": 20, "max_body": 5_242_880}


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing a person fills in for a connection; secret ones are kept in the connection's secrets."""

    name: str
    type: str = "text"
    help: str = ""
    label: str | None = None
    secret: bool = False
    required: bool = False
    default: Any = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Auth:
    """How requests prove who they are; names of settings stand for their values."""

    scheme: str = "none"
    secret: str | None = None
    username: str | None = None
    header: str = "Authorization"
    prefix: str = ""
    token_url: str | None = None
    client_id: str | None = None
    scope: str | None = None


@dataclass(frozen=True, slots=True)
class Webhook:
    """How incoming calls are proven and where their metadata stands; header names are lower case."""

    scheme: str
    secret: str | None = None
    header: str = "x-signature"
    encoding: str = "hex"
    prefix: str = ""
    signed: str = "{body}"
    id_header: str | None = None
    event_header: str | None = None
    topic_header: str | None = None
    topic_path: str | None = None
    time_header: str | None = None
    tolerance: int = 300
    challenge: str | None = None
    expected_status: int = 202


@dataclass(frozen=True, slots=True)
class Poll:
    """How often one list is asked for, and how far back each round looks again (seconds)."""

    interval: int = 900
    overlap: int = 300


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """What one topic means: the canonical type its map yields or it has already, or a reason to ignore it."""

    topic: str
    type: DocumentType
    map: str | None = None
    canonical: bool = False
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Paging:
    """How the next page is asked for: `cursor`, `page`, `offset` or `link`."""

    scheme: str
    next: str | None = None
    parameter: str | None = None
    size_parameter: str | None = None
    size: int = 100
    more: str | None = None


@dataclass(frozen=True, slots=True)
class Find:
    """How an earlier effect is looked up by our reference."""

    path: str
    method: str = "GET"
    query: Mapping[str, str] = field(default_factory=dict)
    at: str | None = None
    match: str | None = None
    equals: str = "{reference}"
    when: str | None = None
    reference: str | None = None
    missing: tuple[int, ...] = (404,)


@dataclass(frozen=True, slots=True)
class Request:
    """One verb as an HTTP request; texts may hold `{…}` templates."""

    verb: str
    path: str
    method: str = "POST"
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    map: str | None = None
    body: Any = None
    idempotency_header: str | None = None
    ok: tuple[int, ...] = (200, 201, 202, 204)
    reference: str | None = None
    find: Find | None = None
    # Lists only.
    topic: str | None = None
    records: str | None = None
    changed_at: str | None = None
    since: str | None = None
    paging: Paging | None = None


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """One partner error and the class it becomes; every condition that is given must hold."""

    raises: str
    status: int | None = None
    code: str | None = None
    verbs: tuple[str, ...] = ()
    fix: str | None = None


@dataclass(frozen=True, slots=True)
class Errors:
    """Where a partner's error code and message stand, and what they mean."""

    code: str | None = None
    message: str | None = None
    rows: tuple[ErrorRow, ...] = ()


@dataclass(frozen=True, slots=True)
class QualityRule:
    """One rule of the quality scale: done, todo, or exempt with a reason."""

    status: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything the hub knows of a connector before it runs any of its code."""

    id: str
    label: str
    kind: str
    folder: Path
    api_version: str | None = None
    end_of_life: date | None = None
    capabilities: frozenset[str] = frozenset()
    settings: tuple[Setting, ...] = ()
    # Hosts of the vendor that no setting names, such as `https://{shop}.example.com`; always public addresses.
    hosts: tuple[str, ...] = ()
    check: str | None = None
    auth: Auth = field(default_factory=Auth)
    limits: Mapping[str, float] = field(default_factory=lambda: dict(DEFAULT_LIMITS))
    webhook: Webhook | None = None
    poll: Mapping[str, Poll] = field(default_factory=dict)
    documents: tuple[DocumentRow, ...] = ()
    unknown_topic: str = "ignore"
    requests: Mapping[str, Request] = field(default_factory=dict)
    codes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    errors: Errors = field(default_factory=Errors)
    quality: Mapping[str, QualityRule] = field(default_factory=dict)

    @property
    def secret_names(self) -> frozenset[str]:
        """The settings whose values never leave the connector."""
        return frozenset(each.name for each in self.settings if each.secret)

    @property
    def calls(self) -> bool:
        """Whether we ever call this partner: what only sends to us is never called."""
        return bool(self.capabilities - PASSIVE)

    def setting(self, name: str) -> Setting | None:
        """Return the setting of that name."""
        return next((each for each in self.settings if each.name == name), None)


def load_manifest(folder: Path) -> Manifest:
    """Return the manifest of a connector folder.

    Raises:
        Misconfigured: the file is missing, is not YAML 1.2, or does not fit the schema; every complaint names its key.
    """
    # Imported here: both cost start-up time that `crossdock --help` does not have.
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    from connectors.sdk.manifest_schema import read_manifest

    path = folder / FILE
    try:
        found = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Misconfigured(
            f"The manifest {path} cannot be read.", why=str(error.strerror), fix=f"Put a {FILE} there."
        ) from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise Misconfigured(
            f"The manifest {path} is not YAML 1.2.", why=" ".join(str(error).split()), fix="Mend the line named."
        ) from None
    return read_manifest(found, folder)
