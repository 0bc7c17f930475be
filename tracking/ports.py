"""Ports of this machine, for servers that nobody else reaches."""

import socket

from hemosweep.errors import BadInput

LOOPBACK = "127.0.0.1"
"""Address at which this machine alone reaches a server."""
_PORTS_TRIED = 50


def free_port(first: int) -> int:
    """The first port from this one on that is free on this machine.

    Raises:
        BadInput: none of many is.
    """
    last = min(first + _PORTS_TRIED, 65536)
    for port in range(first, last):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return port
    raise BadInput(f"ports {first} to {last - 1} are all taken; name another one with --port")
