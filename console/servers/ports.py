"""TCP ports: free, or who has them."""

import random
import socket
from contextlib import suppress

import psutil

from console.servers.errors import PortTaken

# Below what systems give to outgoing connections: a port found here is not taken by one before it is listened on.
LOWEST, HIGHEST, TRIES = 15_000, 32_000, 50


def listen_on_any(host: str) -> socket.socket:
    """Return a socket that listens on a free port of a host; closing it leaves the port to be listened on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in random.sample(range(LOWEST, HIGHEST), TRIES):
        with suppress(OSError):
            return socket.create_server((host, port), family=family)
    return socket.create_server((host, 0), family=family)


def free_port_or_fail(host: str, port: int) -> int:
    """The port, when it is free to listen on; 0 finds one.

    Raises:
        PortTaken: somebody listens there, or the address is not ours; names who where the system tells.
    """
    if port == 0:
        with suppress(OSError), listen_on_any(host) as found:
            return int(found.getsockname()[1])
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise PortTaken(
                "SERVER-PORT-001",
                f"The hub cannot listen on {host}:{port}: {error.strerror}{_holder(port)}. Stop that program, or "
                f"choose another port with --port (0 takes any free one).",
            ) from None
        return int(listener.getsockname()[1])


def _holder(port: int) -> str:
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        return ""
    for connection in connections:
        listens = connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr[1] == port
        if listens and connection.pid:
            try:
                command = " ".join(psutil.Process(connection.pid).cmdline())[:120]
            except psutil.Error:
                continue
            return f"; pid {connection.pid} ({command}) listens there"
    return ""
