"""Connections that check the address they are about to talk to, after name resolution and before the first byte."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection

# Where clouds hand out credentials; never a partner, whatever a setting says.
METADATA = frozenset(
    ipaddress.ip_address(each) for each in ("169.254.169.254", "169.254.170.2", "100.100.100.200", "fd00:ec2::254")
)


class AddressRefused(OSError):
    """A host resolves to an address the connection may not talk to."""


def refuse_address(host: str, address: str, *, private_allowed: bool) -> None:
    """Refuse addresses a partner cannot have.

    Args:
        private_allowed: the host was configured by name, so an address of one's own network is meant.

    Raises:
        AddressRefused: metadata, link-local, multicast or unspecified; private or loopback unless allowed.
    """
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    never = found in METADATA or found.is_link_local or found.is_multicast or found.is_unspecified
    if never or not (private_allowed or found.is_global):
        raise AddressRefused(f"{host} resolves to {found}, which is not an address of a partner")


def connect(connection: Any, private: frozenset[str]) -> socket.socket:
    """Open the socket of a urllib3 connection to an address that was checked, not to a name resolved again."""
    host = connection.host.strip("[]")
    try:
        found = socket.getaddrinfo(host, connection.port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        reason = error if isinstance(error, socket.gaierror) else socket.gaierror(str(error))
        raise NameResolutionError(host, connection, reason) from error
    addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
    for address in addresses:
        refuse_address(host, address, private_allowed=host.lower() in private)
    problem: OSError = OSError("no address")
    for address in addresses:
        try:
            return create_connection(
                (address, connection.port), connection.timeout, socket_options=connection.socket_options
            )
        except OSError as error:
            problem = error
    if isinstance(problem, TimeoutError):
        raise ConnectTimeoutError(connection, f"Connection to {host} timed out.") from problem
    raise NewConnectionError(connection, f"Failed to establish a new connection: {problem}") from problem


def pool_classes(private: frozenset[str]) -> dict[str, Any]:
    """Return urllib3's pool classes with connections that check addresses.

    Args:
        private: lower-case hosts that may have private addresses.
    """

    class CheckedHTTP(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return connect(self, private)

    class CheckedHTTPS(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return connect(self, private)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = CheckedHTTP

    class TLSPool(HTTPSConnectionPool):
        ConnectionCls = CheckedHTTPS

    return {"http": PlainPool, "https": TLSPool}


class CheckedAdapter(HTTPAdapter):
    """The transport of every session: no retries of its own, checked addresses."""

    def __init__(self, private: frozenset[str], connections: int) -> None:
        self._private = private
        super().__init__(max_retries=0, pool_connections=4, pool_maxsize=connections)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **more: Any) -> None:
        """Make the pool manager with checking pools."""
        self.poolmanager = PoolManager(num_pools=connections, maxsize=maxsize, block=block, **more)
        self.poolmanager.pool_classes_by_scheme = pool_classes(self._private)
