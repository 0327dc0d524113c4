"""Damaged messages go through maps without anything but an expected error, and never hang on what they hold."""

import contextlib
from functools import lru_cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import CrossdockError
from mappings.edi.shipped import shipped_map
from tests.edi.canonical_documents import ROUND_TRIPS

HEAD = "UNB+UNOC:{v}+4098765000003:14+4012345000009:14+{d}:0941+88'"
BODIES = {
    "orders": "UNH+1+ORDERS:D:96A:UN'BGM+220+A-7+9'DTM+137:202611201041:203'DTM+2:2026112020261127:718'"
    "FTX+AAI+++Ring:twice'RFF+CT:C9'NAD+BY+4098765000015::9++Stores'CTA+IC+:Ada'COM+a@example.com:EM'CUX+2:EUR:9'"
    "LIN+1++4012345000016:EN'PIA+1+MUG:SA+B1:IN'QTY+21:2:PCE'PRI+AAA:19,90'LOC+7+0815'QTY+11:2'UNS+S'CNT+2:1'UNT+19+1'",
    "desadv": "UNH+1+DESADV:D:96A:UN'BGM+351+DA-7+9'DTM+137:20261120:102'DTM+11:20261120:102'RFF+DQ:S1'CPS+1'"
    "CPS+2+1'PAC+1++201'MEA+PD+AAB+KGM:12'PCI+33E'GIN+BJ+340123450000000018'CPS+3+2'PAC+1++CT'"
    "LIN+1++4012345000016:EN'QTY+12:5'GIN+BN+S1+S2'UNT+17+1'",
    "invoic": "UNH+1+INVOIC:D:96A:UN'BGM+380+I-7+9'DTM+137:20261120:102'CUX+2:EUR:4'PAT+1++5::D:30'"
    "ALC+A++++RAA'MOA+8:1'LIN+1++4012345000016:EN'QTY+47:5'MOA+203:9.50'PRI+AAA:1.90'TAX+7+VAT+++:::19'UNS+S'MOA+77:9.50'MOA+79:9.50'"
    "MOA+125:9.50'MOA+176:0'MOA+259:0'MOA+260:0'TAX+7+VAT+++:::19'MOA+125:9.50'MOA+124:1.81'UNT+23+1'",
}


@lru_cache
def whole(name: str, version: str) -> bytes:
    """Return an interchange of one message."""
    head = HEAD.format(v=version, d="20261120" if version == "4" else "261120")
    return (head + BODIES[name] + "UNZ+1+88'").encode()


@st.composite
def damaged(draw: st.DrawFn, name: str) -> bytes:
    """Return an interchange in which some bytes are others, or segments come again or are gone."""
    data = bytearray(whole(name, draw(st.sampled_from(["3", "4"]))))
    start = data.index(b"UNH")
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(start, len(data) - 1))
        if draw(st.booleans()):
            data[at] = draw(st.sampled_from(b"+:'?*09Az.,-\xff"))
        else:
            end = data.find(b"'", at) + 1
            piece = bytes(data[at:end])
            data[at:end] = piece * draw(st.sampled_from([0, 2, 5]))
    return bytes(data)


def used(name: str, data: bytes) -> None:
    """Let a map do with bytes all that it can."""
    chosen = shipped_map(f"edifact/{name}.D96A")
    passing: dict[str, Any] = {**chosen.document.options, "faults": "pass"}
    with contextlib.suppress(CrossdockError):
        for source in chosen.syntax.documents(data, passing, records=None, group_by=None):
            if source.value is not None:
                chosen.unmapped(source.value)
                with contextlib.suppress(CrossdockError):
                    chosen.write(chosen.read(source.value).canonical)


@pytest.mark.parametrize("name", BODIES)
def test_undamaged_it_is_read(name: str) -> None:
    for version in ("3", "4"):
        (reading,) = shipped_map(f"edifact/{name}.D96A").read_bytes(whole(name, version))
        assert reading.error is None, reading.error


@pytest.mark.parametrize("name", BODIES)
def test_no_damage_raises_anything_unexpected(name: str) -> None:
    @settings(max_examples=max(100, ROUND_TRIPS), deadline=None)
    @given(damaged(name))
    def try_one(data: bytes) -> None:
        used(name, data)

    try_one()
