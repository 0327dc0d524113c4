"""Third-party ORDERS, DESADV and INVOIC through the shipped maps: what becomes of each, and what is left unread."""

import dataclasses
import re
from pathlib import Path

import pytest

from core.domain.documents import check_document
from core.domain.papers import PAPERS, check_paper
from mappings.edi.converting import Converted, Found, convert, differences, messages
from mappings.edi.detect import HEAD, detect
from mappings.edi.limits import Mode
from mappings.edi.shipped import named_map
from mappings.engine import Map

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "corpora" / "edifact-samples"
pytestmark = [
    pytest.mark.corpora,
    pytest.mark.skipif(not SAMPLES.is_dir(), reason="the third-party samples in ../shared/corpora are not here"),
]
TYPES = ("ORDERS", "DESADV", "INVOIC")
# What a partner's overlay says: directories between the two that are shipped, and orders without a currency.
OVERLAY = """overlay: edifact/{name}
options: {{also: [D93A, D96B, D97A, D97B, 096A], faults: pass}}
fields: {{{fields}}}
"""
CURRENCY = {
    "orders": '{first_of: ["SG7[CUX/1.1=2]/CUX/1.2"], default: CHF, as: currency}',
    "invoic": '{first_of: ["SG7[CUX/1.1=2]/CUX/1.2", "SG7[CUX/1.1=4]/CUX/1.2"], default: CHF, as: currency}',
}


def overlaid(message: str, version: str, folder: Path) -> Map:
    name = message.lower()
    release = "D01B" if version == "D01B" else "D96A"
    fields = f"currency: {CURRENCY[name]}" if name in CURRENCY else ""
    path = folder / f"{name}.yaml"
    path.write_text(OVERLAY.format(name=f"{name}.{release}", fields=fields), encoding="utf-8")
    return named_map(str(path))


def samples() -> list[tuple[str, Found]]:
    found = []
    for path in sorted(SAMPLES.rglob("*")):
        if path.is_file() and detect(path.read_bytes()[:HEAD]) == "edifact":
            with path.open("rb") as handle:
                name = path.relative_to(SAMPLES).as_posix()
                found += [
                    (f"{name}#{each.number}", each)
                    for each in messages(handle, "edifact", Mode.TOLERANT)
                    if isinstance(each, Found) and each.type in TYPES
                ]
    return found


def outcome(converted: Converted) -> str:
    return "document" if converted.error is None else converted.error.what.partition(" (")[0]


def test_every_sample_becomes_a_document_or_says_why_not(tmp_path: Path) -> None:
    done: dict[str, tuple[str, int]] = {}
    for name, found in samples():
        converted = convert(found, overlaid(found.type, found.version, tmp_path))
        done[name] = outcome(converted), len(converted.unmapped)
        if converted.document is not None:
            assert converted.map is not None
            kind = converted.map.canonical_type
            (check_paper if kind in PAPERS else check_document)(kind, converted.document)
            assert differences(converted) or not converted.unmapped
    assert done == EXPECTED


def test_a_segment_that_is_not_reported_is_in_the_document(tmp_path: Path) -> None:
    tried = 0
    for name, found in samples():
        if name not in ORDERS:
            continue
        chosen = overlaid("ORDERS", found.version, tmp_path)
        whole = convert(found, chosen)
        unread = {tag for each in whole.unmapped for tag in re.findall(r"[A-Z]{3}", each)}
        for index, segment in enumerate(found.segments[1:-1], 1):
            if segment.tag in ("UNS", "CNT", *unread):
                continue
            without = dataclasses.replace(found, segments=[*found.segments[:index], *found.segments[index + 1 :]])
            assert convert(without, chosen).document != whole.document, (name, index, segment)
            tried += 1
    assert tried == TRIED


ORDERS = ("ballerina-edi-tools/d96a-orders.edi#1", "pydifact/order.edi#1", "pydifact/wikipedia_de.edi#1")
TRIED = 39
EXPECTED: dict[str, tuple[str, int]] = {
    "EDI.Net/edifact.Issue188.edi#2": ("BGM[1=380|384|393][3:=9]/2: is missing and required", 0),
    "EDI.Net/edifact.Issue188.edi#4": ("BGM[1=380|384|393][3:=9]/2: is missing and required", 0),
    "EDI.Net/edifact.Issue203.edi#1": ("BGM[1=380|384|393][3:=9]/2: is missing and required", 90),
    "ballerina-edi-tools/d96a-orders.edi#1": ("document", 11),
    "php-edifact/D96ADESADV.edi#1": ("DTM[1.1=137]/1.*: is missing and required", 5),
    "php-edifact/example_order_error.edi#1": ("document", 17),
    "php-edifact/example_utf8.edi#1": ("DTM[1.1=137]/1.*: is missing and required", 5),
    "pydifact/invoice1.edi#1": ("BGM[1=380|384|393][3:=9]/2: is missing and required", 12),
    "pydifact/invoice_with_colon_at_end.edi#1": ("BGM[1=380|384|393][3:=9]/2: is missing and required", 12),
    "pydifact/order.edi#1": ("document", 3),
    "pydifact/wikipedia_de.edi#1": ("document", 6),
    "staedi/EDIFACT/invoic_d93a_una.edi#1": ("DTM[1.1=137]/1.*: is missing and required", 14),
    "staedi/EDIFACT/invoic_d97b.edi#1": ("DTM[1.1=137]/1.*: is missing and required", 10),
    "staedi/EDIFACT/invoic_d97b_bad.edi#1": ("DTM[1.1=137]/1.*: is missing and required", 11),
    "staedi/EDIFACT/invoic_d97b_una.edi#1": ("DTM[1.1=137]/1.*: is missing and required", 10),
    "staedi/EDIFACT/issue128/wrapped_invoic_d97b_una.edi#1": ("DTM[1.1=137]/1.*: is missing and required", 10),
    "staedi/EDIFACT/orders-with-group.edi#1": ("document", 8),
}
