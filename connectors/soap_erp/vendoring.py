"""A partner's WSDL with everything it imports, kept as local files so that no call ever fetches a schema.

Imports are followed only inside the origin of the WSDL (same scheme, host and port; same folder tree for files); their
locations are rewritten to the local names, so zeep and libxml2 read the same closed set of files.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urldefrag, urljoin, urlsplit

from lxml import etree

from connectors.soap_erp import xmlsafe
from core.errors import Misconfigured

XSD = "http://www.w3.org/2001/XMLSchema"
WSDL = "http://schemas.xmlsoap.org/wsdl/"
ENTRY = "contract.wsdl"
MAX_FILES = 200
MAX_BYTES = 20_000_000
LINKS = {
    f"{{{XSD}}}import": "schemaLocation",
    f"{{{XSD}}}include": "schemaLocation",
    f"{{{XSD}}}redefine": "schemaLocation",
    f"{{{WSDL}}}import": "location",
}

Fetch = Callable[[str], bytes]
# Local name -> bytes.
Contents = Mapping[str, bytes]


def is_url(location: str) -> bool:
    """Tell whether a location is fetched over HTTP rather than read from disk."""
    return urlsplit(location).scheme in ("http", "https")


def vendored(location: str, folder: Path, fetch: Fetch) -> Contents:
    """Return the files of a contract; those behind a URL from the local copy, which is made on first use.

    Args:
        location: URL or path of the WSDL.
        folder: where copies of URLs are kept until somebody removes them; one folder per location is made in it.
        fetch: returns the bytes behind a URL.

    Raises:
        Misconfigured: the WSDL or one of its imports cannot be had, is not safe XML or lies elsewhere.
    """
    if not is_url(location):
        return collect(location, fetch)
    home = folder / hashlib.sha256(location.encode()).hexdigest()[:16]
    if (home / ENTRY).exists():
        return {each.name: each.read_bytes() for each in sorted(home.iterdir())}
    files = collect(location, fetch)
    folder.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=".fresh-", dir=folder))
    try:
        for name, content in files.items():
            (fresh / name).write_bytes(content)
        # When another process was faster, its copy stays: a folder with something in it is not replaced.
        with contextlib.suppress(OSError):
            os.rename(fresh, home)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return files


def digest(files: Contents) -> str:
    """Return one hash over all files of a contract."""
    found = hashlib.sha256()
    for name in sorted(files):
        found.update(f"{name} {len(files[name])}\n".encode())
        found.update(files[name])
    return found.hexdigest()


def collect(location: str, fetch: Fetch) -> Contents:
    """Return the WSDL and all its imports by local name, their locations rewritten.

    Raises:
        Misconfigured: see `vendored`.
    """
    start = location if is_url(location) else str(Path(location).expanduser().resolve())
    names = {start: ENTRY}
    waiting, found, size = [start], dict[str, bytes](), 0
    while waiting:
        address = waiting.pop()
        content = _read(address, fetch)
        size += len(content)
        if size > MAX_BYTES or len(names) > MAX_FILES:
            raise _unusable(location, f"it and its imports are more than {MAX_FILES} files or {MAX_BYTES:,} bytes")
        try:
            root = xmlsafe.parse(content)
        except xmlsafe.UnsafeXml as error:
            raise _unusable(address, str(error)) from None
        for link in root.iter(*LINKS):
            attribute = LINKS[link.tag]
            if (target := link.get(attribute)) is None:
                continue
            wanted = _inside(start, address, target)
            if wanted not in names:
                names[wanted] = f"part-{len(names)}{'.wsdl' if link.tag.startswith('{' + WSDL) else '.xsd'}"
                waiting.append(wanted)
            link.set(attribute, names[wanted])
        found[names[address]] = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return found


def _read(address: str, fetch: Fetch) -> bytes:
    if is_url(address):
        return fetch(address)
    try:
        return Path(address).read_bytes()
    except OSError as error:
        raise _unusable(address, error.strerror or "it cannot be read") from None


def _inside(start: str, base: str, target: str) -> str:
    """Return the absolute address of an import, refused when it leaves the origin of the WSDL."""
    if is_url(start):
        wanted = urldefrag(urljoin(base, target)).url
        if urlsplit(wanted)[:2] == urlsplit(start)[:2]:
            return wanted
    elif not urlsplit(target).scheme and not target.startswith("//"):
        path = (Path(base).parent / target).resolve()
        if path.is_relative_to(Path(start).parent):
            return str(path)
    raise Misconfigured(
        f"The WSDL {start} imports {target[:200]}, which lies elsewhere.",
        why="Imports are followed only inside the WSDL's own origin or folder, so that none can make us call others.",
        fix="Put the imported file beside the WSDL, or save both to a folder and set `wsdl` to the path.",
        code="SOAP-WSDL-403",
    )


def _unusable(address: str, why: str) -> Misconfigured:
    return Misconfigured(
        f"The SOAP contract {address[:200]} cannot be used: {why}.",
        fix="Check the setting `wsdl`: the URL or path of a WSDL 1.1 document.",
        code="SOAP-WSDL-422",
    )
