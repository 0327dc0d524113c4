"""The console over a seeded company, by hand: `python -m tests.console.serve 8790 3000` shows 3,000 orders."""

import sys
import tempfile
from pathlib import Path

from connectors.sdk.registry import Registry
from console.servers.supervisor import embedded_servers
from console.web.context import ConsoleServices
from core.services.access import create_user
from core.store.engine import open_engine
from core.store.migrate import upgrade
from core.store.unit import Store
from tests.console.company import found_company
from tests.console.logistics import write_logistics
from tests.console.site import PASSWORD, USER, site


def main(port: int, orders: int) -> None:
    """Serve until stopped."""
    with tempfile.TemporaryDirectory(prefix="console-") as folder, embedded_servers(Path(folder) / "data") as urls:
        store = Store(open_engine(urls.database))
        upgrade(store.engine)
        with store.begin() as unit:
            create_user(unit, USER, "Mira Koch", PASSWORD, "operator")
            company = found_company(unit.conn, orders)
        with store.begin(actor=f"user:{USER}") as unit:
            write_logistics(unit, company)
        services = ConsoleServices(store, Registry(), "0" * 44, company="Fjord & Pine")
        site(services).run(port=port, threaded=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
