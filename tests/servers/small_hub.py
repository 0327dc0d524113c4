"""Run as a script: a small hub on the data folder given, for tests that kill it.

Further arguments are names of services that ignore SIGTERM.
"""

import sys
from pathlib import Path

from console.servers.supervisor import Service, Supervisor, Urls

SLEEP = "import time; time.sleep(600)"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"
PARENT = f"""
import signal, subprocess, sys
signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
subprocess.run([sys.executable, "-S", "-c", {SLEEP!r}])
"""
"""A service with a child that it ends when asked to stop, as web servers do."""


def services(urls: Urls) -> list[Service]:
    """Three services that do nothing, and the deaf ones."""
    return [
        *(Service(name, [sys.executable, "-S", "-c", DEAF], grace=0.2) for name in sys.argv[2:]),
        Service("web", [sys.executable, "-S", "-c", PARENT]),
        Service("worker-1", [sys.executable, "-S", "-c", SLEEP]),
        Service("relay", [sys.executable, "-S", "-c", SLEEP]),
    ]


if __name__ == "__main__":
    supervisor = Supervisor(Path(sys.argv[1]), services, say=lambda text: print(text, flush=True), keep_ballast=False)
    supervisor.start()
    print("READY", flush=True)
    supervisor.run_forever()
