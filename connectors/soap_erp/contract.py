"""A parsed SOAP contract: zeep's model of the WSDL and libxml2's schema, built once per process and content."""

from __future__ import annotations

import threading
import warnings
from dataclasses import dataclass, field
from typing import Any

from lxml import etree
from zeep import Settings
from zeep.exceptions import Error as ZeepError
from zeep.wsdl import Document

from connectors.soap_erp import vendoring, xmlsafe
from core.errors import Misconfigured

STRICT = Settings(strict=True, forbid_dtd=True, forbid_entities=True, forbid_external=True, force_https=False)
XSD = vendoring.XSD
# A folder that exists nowhere, in which zeep and libxml2 believe to find the contract.
PLACE = "/contract/"
# zeep reports broken documents with whatever its parsing stumbled over, so the list is long on purpose.
BROKEN = (
    ZeepError,
    etree.LxmlError,
    LookupError,
    ValueError,
    NotImplementedError,
    AttributeError,
    TypeError,
    RecursionError,
)
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
    """The transport zeep gets: it has the contract's own files and reaches nothing else."""

    def __init__(self, files: vendoring.Contents) -> None:
        self.files = files

    def load(self, url: str) -> bytes:
        """Return a file of the contract.

        Raises:
            Misconfigured: the contract names a file it does not have.
        """
        folder, _, name = url.rpartition("/")
        if f"{folder}/" != PLACE or name not in self.files:
            raise Misconfigured(f"The SOAP contract asks for {url[:200]}, which is not one of its files.")
        return self.files[name]


def load(files: vendoring.Contents) -> Contract:
    """Return the contract in the files that `vendoring` collected.

    Raises:
        Misconfigured: the WSDL or its schemas contradict themselves or use what cannot be checked.
    """
    key = vendoring.digest(files)
    with _PARSING:
        if key not in _PARSED:
            _PARSED[key] = _parse(key, files)
        return _PARSED[key]


def _parse(key: str, files: vendoring.Contents) -> Contract:
    transport: Any = Files(files)
    try:
        with warnings.catch_warnings():
            # zeep warns of a message it cannot use and leaves it out; the operation is then missed by name.
            warnings.simplefilter("ignore", UserWarning)
            document = Document(PLACE + vendoring.ENTRY, transport, settings=STRICT)
        if not any(service.ports for service in document.services.values()):
            raise LookupError("it has no service")
        schema = etree.XMLSchema(_driver(files))
    except BROKEN as error:
        raise Misconfigured(
            "The WSDL cannot be used.",
            why=f"{type(error).__name__}: {error}"[:400],
            fix="Check the WSDL with its maker; XML Schema 1.0 with document/literal operations is what is supported.",
            code="SOAP-WSDL-422",
        ) from None
    return Contract(key, document, schema)


def _driver(files: vendoring.Contents) -> etree._Element:
    """Return one schema that imports every schema of the contract, inline ones and files alike.

    libxml2 honors a single import per namespace, so several schemas of one namespace are joined by include.
    """
    homes: dict[str, list[tuple[str, etree._Element]]] = {}
    for file in sorted(name for name in files if name.endswith(".wsdl")):
        for number, schema in enumerate(xmlsafe.parse(files[file]).iter(f"{{{XSD}}}schema")):
            homes.setdefault(schema.get("targetNamespace", ""), []).append((f"{file}-inline-{number}.xsd", schema))
    # Imports between inline schemas carry no location: each learns where its neighbors are.
    joined = {namespace: _place(parts) for namespace, parts in homes.items()}
    resolver = _Inline(files, {name: schema for parts in homes.values() for name, schema in parts}, joined, homes)
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    parser.resolvers.add(resolver)
    lines = "".join(
        f'<xs:import{_attribute("namespace", namespace)} schemaLocation="{name}"/>'
        for namespace, name in joined.items()
    )
    text = f'<xs:schema xmlns:xs="{XSD}" targetNamespace="urn:crossdock:driver">{lines}</xs:schema>'
    return etree.fromstring(text.encode(), parser, base_url=f"{PLACE}driver.xsd")


def _place(parts: list[tuple[str, etree._Element]]) -> str:
    return parts[0][0] if len(parts) == 1 else f"joined-{parts[0][0]}"


def _attribute(name: str, value: str) -> str:
    return f' {name}="{_escape(value)}"' if value else ""


def _escape(value: str) -> str:
    return value.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


class _Inline(etree.Resolver):
    """Serves the contract's files, and the schemas inside its WSDL as if they were files beside it; nothing else."""

    def __init__(
        self,
        files: vendoring.Contents,
        parts: dict[str, etree._Element],
        joined: dict[str, str],
        homes: dict[str, list[tuple[str, etree._Element]]],
    ) -> None:
        self.texts: dict[str, bytes] = dict(files)
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
        """Return a file by its name.

        Raises:
            LookupError: the contract has no such file.
        """
        name = str(system_url or "").rpartition("/")[2]
        if name not in self.texts:
            raise LookupError(f"{str(system_url)[:200]} is not one of the contract's files")
        return self.resolve_string(self.texts[name], context, base_url=f"{PLACE}{name}")
