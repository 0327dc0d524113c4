"""A trading partner over folders: sends real orders, takes what the hub sends, and acknowledges it as it should be."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Self

from connectors.edi.envelope import Content, pack
from connectors.edi.inbound import acknowledgement, owed, segments_of
from connectors.edi.profile import Profile, read_profile
from connectors.sdk.drop import outbox
from connectors.sdk.drop.folders import open_folders
from connectors.sdk.simulation.server import SimRequest, SimResponse
from connectors.sdk.simulator import Simulator
from mappings.edi.acks.answers import answers
from mappings.edi.acks.findings import ANSWERS, Problem
from mappings.edi.acks.judging import judge
from mappings.edi.keys import keys_of
from mappings.edi.x12.segments import Segment

LOOK = 0.1
REFUSAL = Problem("condition", "7", "The partner does not know this code.", "PO1", 3, 2)


class Partner(Simulator):
    """The other side of the folders under `root`: the hub's outbox is what he takes, its inbox where he puts.

    Options: `root`; `ours` and `theirs` as the hub's profile has them; `refuse` refuses that share of what comes;
    `silent` leaves that share unanswered; `currency` is that of his orders, which say none without it.
    """

    folder: ClassVar[Path] = Path(__file__).parent
    defaults: ClassVar[dict[str, Any]] = {
        "root": "", "ours": "HUB", "theirs": "ACME", "refuse": 0.0, "silent": 0.0, "functional": "997",
        "currency": "",
    }  # fmt: skip

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._numbers: dict[str, itertools.count[int]] = {}
        self.folders = open_folders({"root": self.options["root"]})
        self.profile: Profile = read_profile(
            {
                # Seen from his side: what is ours to the hub is theirs to him.
                "identifiers": {"ours": {"id": self.options["theirs"], "qualifier": "ZZ"},
                                "theirs": {"id": self.options["ours"], "qualifier": "ZZ"}},
                "documents": [{"in": kind, "map": kind} for kind in ("855", "856", "810")],
                "transport": {"kind": "folder"},
                "acks": {"send": {"functional": self.options["functional"], "contrl": "always"}},
            },
            "the simulated partner",
        )  # fmt: skip

    def number(self, series: str, *, start: int, limit: int, on_rollover: str) -> tuple[int, int]:
        """Return his next control number; he begins anew with every start, in another range."""
        del limit, on_rollover
        with self.lock:
            first = start + self.lives * 10_000
            return next(self._numbers.setdefault(series, itertools.count(first))), 0

    def start(self) -> Self:
        """Begin to look into the hub's outbox."""
        found = super().start()
        self.later(LOOK, self._look)
        return found

    def handle(self, request: SimRequest) -> SimResponse:
        """Refuse: he speaks by files."""
        return self.refusal(404, "FILES_ONLY", f"{request.path} is nothing here; files are exchanged.")

    def command(self, name: str, body: Any) -> Any:
        """Send an order (`order`): {"po", "lines": [[sku, quantity, price]], "test"}; return the name of the file."""
        if name != "order":
            raise KeyError(name)
        lines = [
            Segment("PO1", [str(at), str(quantity), "EA", str(price), "", "VP", str(sku)])
            for at, (sku, quantity, price) in enumerate(body["lines"], 1)
        ]
        today = f"{datetime.now(UTC):%Y%m%d}"
        currency = [Segment("CUR", ["BY", str(self.options["currency"])])] if self.options["currency"] else []
        content = [
            Segment("BEG", ["00", "SA", str(body["po"]), "", today]),
            *currency,
            Segment("N1", ["ST", "Store 815", "UL", "4098765000003"]),
            Segment("N3", ["Am Markt 1"]),
            Segment("N4", ["Kiel", "", "24103", "DE"]),
            *lines,
            Segment("CTT", [str(len(lines))]),
        ]
        return self._send([Content("850", content)], test=bool(body.get("test")))

    def details(self) -> dict[str, Any]:
        """Return how many files wait on either side."""
        return {
            "waiting_for_hub": len(list(self.folders.inbox.iterdir())),
            "waiting_for_partner": len(self._waiting()),
        }

    def _waiting(self) -> list[Path]:
        return sorted(each for each in self.folders.outbox.iterdir() if not each.name.startswith("."))

    def _look(self) -> None:
        for path in self._waiting():
            body = path.read_bytes()
            path.unlink()
            self._take(body)
        self.later(LOOK, self._look)

    def _take(self, body: bytes) -> None:
        for judged in judge(body):
            found = judged.findings
            self.effect("interchange", f"{found.syntax}:{found.reference}")
            refused = self.dice.hits(float(self.options["refuse"]))
            for message in found.messages():
                segments = segments_of(judged.bodies[message.position])
                if message.kind in ANSWERS:
                    for each in answers(message.kind, segments):
                        self.effect(f"answer.{each.verdict}", f"{each.interchange}{each.group}:{each.message}")
                    continue
                number, _ = keys_of(message.kind, segments)
                self.effect(message.kind, number or message.reference)
                if refused:
                    message.problems.append(REFUSAL)
            if owed(found, self.profile) and not self.dice.hits(float(self.options["silent"])):
                contents, note = acknowledgement(found, self.profile)
                self._send(contents, found.syntax, note, test=found.test)

    def _send(
        self, contents: Sequence[Content], syntax: str = "x12", note: Segment | None = None, *, test: bool = False
    ) -> str:
        made = pack(self.profile, self, syntax, contents, ta1=note, test=test)
        outbox.write(self.folders.inbox, made.name, made.body)
        outbox.write(self.folders.inbox, f"{made.name}.done", b"")
        return made.name
