"""TCP ports: free, or who has them."""

import socket

import psutil

from console.servers.errors import PortTaken


def free_port_or_fail(host: str, port: int) -> int:
    """The port, when it is free to listen on; 0 finds one.

    Raises:
        PortTaken: somebody listens there, or the address is not ours; names who where the system tells.
    """
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
