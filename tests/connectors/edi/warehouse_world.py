"""The company of `EdiWorld` whose node HAM is worked by `depot`, a warehouse that speaks X12 over folders."""

from pathlib import Path
from typing import Any

from core.services import catalog
from core.store.unit import Store
from tests.connectors.edi.partner_world import EdiWorld, x12

GROUPS = {"945": "SW", "944": "RE", "846": "IB", "824": "AG"}
DOCUMENTS = [
    {"out": "940", "map": "x12/940.004010"},
    {"out": "940", "map": "x12/940-cancel.004010"},
    {"in": "945", "map": "x12/945.004010"},
    {"out": "943", "map": "x12/943.004010"},
    {"in": "944", "map": "x12/944.004010"},
    {"in": "846", "map": "x12/846.004010"},
]


class WarehouseWorld(EdiWorld):
    """`acme` is the warehouse of HAM, and there is no other node with stock."""

    def __init__(self, store: Store, root: Path, **profile: Any) -> None:
        super().__init__(store, root, **{"documents": DOCUMENTS, **profile})
        self.serial_of_file = 0
        with store.begin() as unit:
            catalog.upsert_node(unit, {"code": "HAM", "connection": "acme"})

    def tell(self, code: str, *segments: str) -> None:
        """Have the warehouse send one set of these segments, and the hub work on it."""
        self.serial_of_file += 1
        ref = self.serial_of_file
        body = "~".join([f"ST*{code}*0001", *segments, f"SE*{len(segments) + 2}*0001"]) + "~"
        self.drop(x12(body, ref=ref, function=GROUPS[code], group=ref), f"{code}-{ref}.edi")

    def told(self, code: str) -> list[list[str]]:
        """Deliver what is due to the warehouse and return the segments of every new message of this kind."""
        found = []
        for body in self.sent():
            texts = body.decode().rstrip("~").split("~")
            start = next((at for at, each in enumerate(texts) if each.startswith(f"ST*{code}*")), None)
            if start is not None:
                end = next(at for at, each in enumerate(texts) if each.startswith("SE*"))
                found.append(texts[start + 1 : end])
        return found
