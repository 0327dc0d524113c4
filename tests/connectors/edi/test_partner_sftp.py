"""A trading partner who pushes by SFTP to the hub's own server, from his file to an order."""

import json
from pathlib import Path
from typing import Any

import asyncssh
from sqlalchemy import text

from config.settings import Settings, Sftp
from connectors.edi.transports import hosted
from connectors.edi.transports.sftp import SftpTransport
from console.cli.launching import hub_services
from console.sftpserver import guests
from core.jobs.schedule import poll
from core.store.unit import Store
from tests.connectors.edi.loops import Loop
from tests.connectors.edi.partner_world import EdiWorld, order, x12


def test_a_file_pushed_to_the_hub_becomes_an_order_and_is_acknowledged(store: Store, tmp_path: Path) -> None:
    world, theirs, loop = EdiWorld(store, tmp_path / "acme"), asyncssh.generate_private_key("ssh-ed25519"), Loop()
    transport = {
        "kind": "hosted", "root": str(tmp_path / "acme"), "settle_seconds": 0,
        "authorized_keys": [theirs.export_public_key().decode()],
    }  # fmt: skip
    with store.begin() as unit:
        kept = unit.conn.execute(text("SELECT settings FROM connection WHERE name = 'acme'")).scalar_one()
        unit.conn.execute(
            text("UPDATE connection SET settings = CAST(:s AS json), version = version + 1 WHERE name = 'acme'"),
            {"s": json.dumps({**kept, "transport": transport})},
        )
    lookup = guests(world.hub)
    assert (lookup("shop"), lookup("nobody")) == (None, None)
    key = asyncssh.generate_private_key("ssh-ed25519")
    server = loop.do(hosted.listen(lookup, "127.0.0.1", 0, key))
    table: dict[str, Any] = {
        "host": "127.0.0.1", "port": server.get_port(), "user": "acme", "host_keys": [key.get_fingerprint()],
        "outbox": "/inbox", "inbox": "/outbox", "secrets": {"ssh_key": theirs.export_private_key().decode()},
    }  # fmt: skip
    partner = SftpTransport(table, max_bytes=100_000)
    try:
        partner.send("po.x12", x12(order("PO-9")), "")
        (tmp_path / "acme" / "inbox" / "po.x12.done").touch()
        with store.begin() as unit:
            unit.conn.exec_driver_sql("UPDATE cursor SET next_at = clock_timestamp() WHERE name = 'files'")
        assert poll(world.hub, world.acme, "files") == 1
        world.drain()
        assert world.one("SELECT count(*) AS n FROM orders").n == 1
        world.deliver(world.acme)
        assert partner.check()["waiting"] >= 1
    finally:
        partner.close()
        loop.loop.call_soon_threadsafe(server.close)
        loop.end()
    with store.begin() as unit:
        unit.conn.execute(text("UPDATE connection SET mode = 'off' WHERE name = 'acme'"))
    assert lookup("acme") is None


def test_the_server_is_a_service_of_the_hub_only_where_a_port_is_set() -> None:
    def names(sftp: Sftp) -> list[str]:
        return [each.name for each in hub_services(Settings(redis_url="redis://localhost", workers=1, sftp=sftp))]

    assert names(Sftp()) == ["web", "worker-1", "relay"]
    assert names(Sftp(port=2222)) == ["web", "worker-1", "relay", "sftp"]
