"""The company of `TradeWorld` with trading partners who speak EDI over folders."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

from connectors.sdk.registry import Registry
from core.jobs.schedule import poll
from core.services import connections
from core.services.agreements import set_terms
from core.store.unit import Store
from tests.core.trade_world import TERMS, TradeWorld
from tests.core.world import Partners

MAPS = Path(__file__).parent / "maps"
ISA = (
    "ISA*00*          *00*          *ZZ*{sender:<15}*ZZ*{recipient:<15}*260301*1200*U*00401*{ref:0>9}*{ack}*{usage}*>~"
)
GS = "GS*{function}*{sender}*{recipient}*20260301*1200*{group}*X*004010~"
ORDER = (
    "ST*850*{st}~BEG*00*SA*{po}**20260301~N1*ST*Store 815*UL*4098765000003~N3*Am Markt 1~N4*Kiel**24103*DE~"
    "PO1*1*{quantity}*EA*19.95**VP*{sku}~CTT*1~SE*{count}*{st}~"
)


def order(po: str, *, sku: str = "A", quantity: str = "3", st: str = "0001", count: int = 8) -> str:
    """Return an 850."""
    return ORDER.format(po=po, sku=sku, quantity=quantity, st=st, count=count)


def x12(*sets: str, ref: int = 1, ack: str = "0", usage: str = "P", function: str = "PO", group: int = 7) -> bytes:
    """Return an interchange of ACME to HUB with one group."""
    names = {"sender": "ACME", "recipient": "HUB"}
    head = ISA.format(ref=ref, ack=ack, usage=usage, **names) + GS.format(function=function, group=group, **names)
    return f"{head}{''.join(sets)}GE*{len(sets)}*{group}~IEA*1*{ref:09}~".encode()


class Mixed(Partners):
    """Partners in memory, and those who speak EDI as they are."""

    registry = Registry()

    def open(self, connection: Any) -> Any:
        return self.registry.open(connection) if connection.connector == "edi" else super().open(connection)

    def capabilities(self, connector: str) -> frozenset[str]:
        return self.registry.capabilities("edi") if connector == "edi" else super().capabilities(connector)

    def kinds(self) -> dict[str, str]:
        return {**super().kinds(), "edi": "edi"}


class EdiWorld(TradeWorld):
    """The connection `acme`: a partner over folders in `root`."""

    def __init__(self, store: Store, root: Path, **profile: Any) -> None:
        super().__init__(store)
        self.partners = Mixed(self.partners.partners)
        self.hub.connectors = self.partners
        self.hub.facts._connectors = self.partners
        self.root = root
        root.mkdir(exist_ok=True)
        settings = {
            "identifiers": {"ours": {"id": "HUB", "qualifier": "ZZ"}, "theirs": {"id": "ACME", "qualifier": "ZZ"}},
            "documents": [{"in": "850", "map": "850"}, {"out": "855", "map": "855"}, {"in": "ORDERS", "map": "ORDERS"}],
            "transport": {"kind": "folder", "root": str(root), "ready": "done"},
            "maps": str(MAPS),
            **profile,
        }
        with store.begin() as unit:
            self.acme: UUID = connections.add_connection(
                unit, self.partners, self.hub.box, name="acme", connector="edi", settings=settings
            )
            set_terms(unit, self.acme, TERMS)

    def change(self, **settings: Any) -> None:
        """Change keys of the partner's profile."""
        with self.store.begin() as unit:
            unit.conn.exec_driver_sql(
                "UPDATE connection SET settings = (settings::jsonb || %s::jsonb)::json, version = version + 1"
                " WHERE name = 'acme'",
                (json.dumps(settings),),
            )

    def drop(self, body: bytes, name: str = "in.edi") -> None:
        """Have the partner put a file into our inbox, and the hub take it in and work on it."""
        (self.root / "inbox").mkdir(exist_ok=True)
        (self.root / "inbox" / name).write_bytes(body)
        (self.root / "inbox" / f"{name}.done").touch()
        with self.store.begin() as unit:
            unit.conn.exec_driver_sql("UPDATE cursor SET next_at = clock_timestamp() WHERE name = 'files'")
        poll(self.hub, self.acme, "files")
        self.drain()

    def sent(self) -> list[bytes]:
        """Deliver what is due to the partner and return what is new in his folder, oldest number first."""
        self.deliver(self.acme)
        found = sorted((self.root / "outbox").iterdir(), key=lambda each: each.name.split("-")[-1])
        bodies = [each.read_bytes() for each in found if not each.name.startswith(".")]
        for each in found:
            each.unlink()
        return bodies

    def cases(self) -> list[str]:
        """Return the codes of open cases."""
        return [row.code for row in self.all("SELECT code FROM exception_case WHERE state = 'open' ORDER BY code")]
