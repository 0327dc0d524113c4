"""docs/partners.md, procurement networks: the profile, the order and the answer of the page are what it says."""

import re
from pathlib import Path

import requests

from connectors.edi.partnerfile import read_partner_file
from connectors.edi.trying import opened, try_samples
from core.services.edi_partners import set_up
from core.store.unit import Store
from tests.connectors.edi.http_world import trading
from tests.connectors.edi.test_partner_docs import PAGE, block

TOLD = re.compile(r"\$ curl .*?/webhooks/example-network\n(.*?)^```", re.M | re.S)


def test_the_network_of_the_page_and_its_order_give_every_document(tmp_path: Path) -> None:
    file, sample = tmp_path / "network.yaml", tmp_path / "order.xml"
    file.write_text(block("network.yaml"), encoding="utf-8")
    sample.write_text(block("order.xml"), encoding="utf-8")
    with opened(read_partner_file(file)) as connector:
        found = try_samples(connector, [sample])
    shown = []
    for each in found:
        assert each.passed, each.reasons
        shown.append(f"pass  {each.kind:<8} {each.way:<4} {each.sample}")
    printed = PAGE.read_text(encoding="utf-8").partition("test network.yaml order.xml\n")[2].partition("\n4 passed")[0]
    assert shown == printed.splitlines()


def test_the_order_of_the_page_is_answered_as_the_page_says(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "network.yaml"
    file.write_text(block("network.yaml"), encoding="utf-8")
    found = read_partner_file(file)
    with trading(store, tmp_path / "acme") as world:
        with store.begin() as unit:
            set_up(
                unit, world.partners, world.hub.box, name=found.name, label=found.label, settings=found.settings,
                terms=found.terms, secrets={"shared_secret_in": "a secret of theirs", "shared_secret_out": "ours"},
            )  # fmt: skip
        world.forget()
        answer = requests.post(
            f"{world.url}/webhooks/example-network", data=block("order.xml").encode(),
            headers={"Content-Type": "text/xml"}, timeout=60,
        )  # fmt: skip
        printed = TOLD.search(PAGE.read_text(encoding="utf-8"))
        assert printed
        shown = re.sub(r'payloadID="\w+@', 'payloadID="…@', answer.text)
        assert re.sub(r'timestamp="[^"]+"', 'timestamp="…"', shown) == printed[1].rstrip("\n")
        world.drain()
        assert world.one("SELECT external_id FROM orders").external_id == "PO-1001"
