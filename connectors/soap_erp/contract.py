"""A parsed SOAP contract: zeep's model of the WSDL and libxml2's schema, built once per process and content."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lxml import etree
from zeep import Settings
from zeep.exceptions import Error as ZeepError
from zeep.wsdl import Document

from connectors.soap_erp import vendoring, xmlsafe
from core.errors import Misconfigured

STRICT = Settings(strict=True, forbid_dtd=True, forbid_entities=True, forbid_external=True, force_https=False)
XSD = vendoring.XSD
_PARSED: dict[str, Contract] = {}
_PARSING = threading.Lock()


@dataclass(frozen=True, eq=False)
class Contract:
    """What both sides agreed on; shared by all connections with the same WSDL."""

    digest: str
    document: Any
    schema: Any
    # An XMLSchema keeps its errors on itself, so one thread validates at a time.
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def faults(self, element: etree._Element) -> list[str]:
        """Return what the schema says against an element, empty when it is valid."""
        with self.lock:
            if self.schema.validate(element):
                return []
            return [f"{each.path}: {each.message}"[:400] for each in self.schema.error_log]


class Files:
    """The transport zeep gets: it reads the contract's own folder and nothing else."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, url: str) -> bytes:
        """Return a file of the contract.

        Raises:
            Misconfigured: the contract names a file outside its folder.
        """
        path = Path(url)
        if path.parent != self.folder:
            raise Misconfigured(f"The SOAP contract asks for {url[:200]}, which is not one of its files.")
        return path.read_bytes()


def load(entry: Path) -> Contract:
    """Return the contract in a folder made by `vendoring`.

    Raises:
        Misconfigured: the WSDL or its schemas contradict themselves or use what cannot be checked.
    """
    files = vendoring.stored(entry.parent)
    key = vendoring.digest(files)
    with _PARSING:
        if key not in _PARSED:
            _PARSED[key] = _parse(key, entry)
        return _PARSED[key]


def _parse(key: str, entry: Path) -> Contract:
    folder = entry.parent.resolve()
    try:
        files: Any = Files(folder)
        document = Document(str(folder / entry.name), files, settings=STRICT)
        schema = etree.XMLSchema(_driver(folder))
    except (
        ZeepError,
        etree.LxmlError,
        LookupError,
        ValueError,
        NotImplementedError,
        AttributeError,
        TypeError,
    ) as error:
        # zeep reports broken documents with whatever its parsing stumbled over, so the list is long on purpose.
        raise Misconfigured(
            "The WSDL's types cannot be read.",
            why=f"{type(error).__name__}: {error}"[:400],
            fix="Check the WSDL with its maker; XML Schema 1.0 with document/literal operations is what is supported.",
            code="SOAP-WSDL-422",
        ) from None
    return Contract(key, document, schema)


def _driver(folder: Path) -> etree._Element:
    """Return one schema that imports every schema of the contract, inline ones and files alike.

    libxml2 honors a single import per namespace, so several schemas of one namespace are joined by include.
    """
    homes: dict[str, list[tuple[str, etree._Element]]] = {}
    for path in sorted(folder.glob("*.wsdl")):
        inline = xmlsafe.parse(path.read_bytes()).iter(f"{{{XSD}}}schema")
        for number, schema in enumerate(inline):
            homes.setdefault(schema.get("targetNamespace", ""), []).append((f"{path.stem}-inline-{number}.xsd", schema))
    # Imports between inline schemas carry no location: each learns where its neighbors are.
    joined = {namespace: _place(parts) for namespace, parts in homes.items()}
    resolver = _Inline({name: schema for parts in homes.values() for name, schema in parts}, joined, homes)
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    parser.resolvers.add(resolver)
    lines = "".join(
        f'<xs:import{_attribute("namespace", namespace)} schemaLocation="{name}"/>'
        for namespace, name in joined.items()
    )
    text = f'<xs:schema xmlns:xs="{XSD}" targetNamespace="urn:crossdock:driver">{lines}</xs:schema>'
    return etree.fromstring(text.encode(), parser, base_url=str(folder / "driver.xsd"))


def _place(parts: list[tuple[str, etree._Element]]) -> str:
    return parts[0][0] if len(parts) == 1 else f"joined-{parts[0][0]}"


def _attribute(name: str, value: str) -> str:
    return f' {name}="{_escape(value)}"' if value else ""


def _escape(value: str) -> str:
    return value.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


class _Inline(etree.Resolver):
    """Serves the schemas that stand inside the WSDL as if they were files beside it."""

    def __init__(
        self,
        parts: dict[str, etree._Element],
        joined: dict[str, str],
        homes: dict[str, list[tuple[str, etree._Element]]],
    ) -> None:
        self.texts: dict[str, bytes] = {}
        for name, schema in parts.items():
            for link in schema.iter(f"{{{XSD}}}import"):
                neighbor = link.get("namespace", "")
                if link.get("schemaLocation") is None and neighbor in joined:
                    link.set("schemaLocation", joined[neighbor])
            self.texts[name] = etree.tostring(schema)
        for namespace, own in homes.items():
            if len(own) > 1:
                lines = "".join(f'<xs:include schemaLocation="{name}"/>' for name, _ in own)
                target = _attribute("targetNamespace", namespace)
                self.texts[joined[namespace]] = f'<xs:schema xmlns:xs="{XSD}"{target}>{lines}</xs:schema>'.encode()

    def resolve(self, system_url: Any, public_id: Any, context: Any) -> Any:  # type: ignore[override]  # noqa: ARG002
        """Return an inline schema by its made-up name; None lets lxml read the file."""
        name = (system_url or "").rpartition("/")[2]
        if name in self.texts:
            return self.resolve_string(self.texts[name], context, base_url=system_url)
        return None
