"""The third-party X12 samples, and small interchanges of our own."""

from pathlib import Path
from typing import Any

from mappings.edi.x12.events import Event, InterchangeEnd, TransactionSet
from mappings.edi.x12.reader import X12Reader

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "corpora" / "x12-samples"
ABSENT = "the third-party samples in ../shared/corpora are not here"
ISA = "ISA*00*          *00*          *ZZ*ACME           *ZZ*HUB            *260301*1200*U*00401*000000001*0*P*>~"
ISA5 = "ISA*00*          *00*          *ZZ*ACME           *ZZ*HUB            *260301*1200*^*00501*000000001*1*T*:~"
GS = "GS*PO*ACME*HUB*20260301*1200*1*X*004010~"
ORDER = "ST*850*0001~BEG*00*SA*4500000001**20260301~PO1*1*3*EA*19.95*PE*VN*LAMP-1~CTT*1~SE*5*0001~"
ORDER2 = ORDER.replace("0001~", "0002~", 1).replace("SE*5*0001", "SE*5*0002")
TAIL = "GE*1*1~IEA*1*000000001~"
WHOLE = ISA + GS + ORDER + TAIL


def sample_files() -> list[Path]:
    """All samples, in a fixed order."""
    return sorted(path for path in FOLDER.rglob("*") if path.is_file() and "LICENSE" not in path.name)


def read(text: str | bytes, **options) -> list[Any]:
    """All events of an interchange."""
    return list(X12Reader(text.encode() if isinstance(text, str) else text, **options))


def faults(events: list[Event]) -> list[tuple[str, str, str | None]]:
    """(level or kind, name, code) of all faults, in the order of the events."""
    return [
        (str(fault.rejects or fault.kind), fault.name, fault.code)
        for event in events
        for fault in getattr(event, "faults", ())
    ]


def sets(events: list[Event]) -> list[TransactionSet]:
    """The transaction sets among events."""
    return [event for event in events if isinstance(event, TransactionSet)]


def ends(events: list[Event]) -> list[Any]:
    """The ends of interchanges among events."""
    return [event for event in events if isinstance(event, InterchangeEnd)]
