"""Opens the sockets on which processes reach process 0, on as few addresses as needed."""

import contextlib
import errno
import ipaddress
import socket
from collections.abc import Sequence

from albar_jax.errors import UserError

_LOCAL_NAMES = ("localhost", "localhost.localdomain", "localhost6", "ip6-localhost")

# Errors for an address that this machine lacks. `localhost` may be ::1 on machines without IPv6.
_ABSENT = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
# IPv4 and IPv6 where the system supports both.
_EVERYWHERE = ((socket.AF_INET, ""),)


def listen(host: str, port: int) -> list[socket.socket] | None:
    """Opens sockets on which the other processes of the run can reach this one.

    They listen on the addresses of `host`. They listen on all addresses of this machine in two
    cases: `host` is not one of its addresses, as behind a load balancer, or `/etc/hosts` maps its
    own name to loopback.

    Args:
      host: host name or address of process 0.
      port: port of process 0.

    Returns:
      The sockets; None if the port is taken.

    Raises:
      UserError: the system does not allow listening on the port.
    """
    for addresses in filter(None, (_addresses(host, port), _EVERYWHERE)):
        try:
            return _listen_at(addresses, port)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return None

            # If all addresses are absent, `host` is not this machine: try `_EVERYWHERE` next.
            if addresses is _EVERYWHERE or error.errno not in _ABSENT:
                raise UserError(
                    f"--process 0 cannot listen on port {port}: {error.strerror}; "
                    "choose another port"
                ) from error

    raise AssertionError


def in_words(listeners: Sequence[socket.socket], processes: int) -> str:
    """Returns the first line of a run: where process 0 listens, and which ports need protection.

    Args:
      listeners: sockets of process 0; see `listen`.
      processes: number of processes.
    """
    port = listeners[0].getsockname()[1]
    hosts = sorted({listener.getsockname()[0] for listener in listeners})
    where = " and ".join(hosts)
    if set(hosts) & {"::", "0.0.0.0"}:
        where = "all addresses of this host"

    return (
        f"{processes} processes: process 0 listens on port {port} of {where} for processes with "
        "the key of this run; the ports of Gloo and NCCL have no password: block them for all "
        "other hosts (docs/scaling.md)"
    )


def _addresses(host: str, port: int) -> Sequence[tuple[int, str]]:
    """Returns the addresses to listen on, with their families; empty means all."""
    try:
        resolved = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return []

    # A host is text, except in a Python that was built without IPv6.
    addresses = sorted(
        {(family, str(place[0]).partition("%")[0]) for family, _, _, _, place in resolved}
    )
    has_loopback = any(ipaddress.ip_address(address).is_loopback for _, address in addresses)
    # On loopback alone, other machines could not connect. Listen there only if the user said so.
    if has_loopback and host.lower() not in _LOCAL_NAMES and not _is_loopback(host):
        return []

    return addresses


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _listen_at(addresses: Sequence[tuple[int, str]], port: int) -> list[socket.socket]:
    """Returns a socket for each address of this machine; raises an error if there is none."""
    absent = None
    with contextlib.ExitStack() as on_error:
        listeners = []
        for family, address in addresses:
            dual = address == "" and socket.has_dualstack_ipv6()
            if dual:
                family = socket.AF_INET6

            try:
                listener = socket.create_server((address, port), family=family, dualstack_ipv6=dual)
            except OSError as error:
                if error.errno not in _ABSENT:
                    raise
                absent = error
                continue
            listeners.append(on_error.enter_context(listener))

        if absent is not None and not listeners:
            raise absent
        on_error.pop_all()

    return listeners
