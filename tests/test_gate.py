"""Claims about the gate of JAX's coordination service, on real sockets and a plain server instead of the service."""

import socket
import threading
from pathlib import Path

import pytest

from albar_jax import gate


@pytest.fixture
def service():
    """Opens a gate to a server that answers each line in capitals; yields the key and the port."""
    (listener,) = gate.listen("127.0.0.1", 0)
    key = gate.new_key()
    path = gate.open_gate([listener], key).removeprefix("unix:")
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()

    def serve() -> None:
        while True:
            other, _ = server.accept()
            other.sendall(other.recv(100).upper())

    threading.Thread(target=serve, daemon=True).start()
    return key, listener.getsockname()[1]


def ask(address, family=socket.AF_INET, first: bytes = b"") -> bytes:
    with socket.socket(family) as client:
        client.settimeout(10)
        client.connect(address)
        client.sendall(first + b"hello")
        try:
            return client.recv(100)
        except ConnectionError:
            return b""


def test_a_tunnel_with_the_key_reaches_the_service(service):
    key, port = service
    tunnel = gate.open_tunnel("127.0.0.1", port, key).removeprefix("unix:")
    assert ask(tunnel, socket.AF_UNIX) == b"HELLO"
    assert Path(tunnel).parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("first", [b"", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" * 4, b"0" * gate.KEY_LENGTH])
def test_a_connection_without_the_key_is_closed(service, first):
    assert ask(("127.0.0.1", service[1]), first=first) == b""


def test_a_loopback_name_listens_on_loopback_only():
    listeners = gate.listen("localhost", 0)
    assert {listener.getsockname()[0] for listener in listeners} <= {"127.0.0.1", "::1"}
    for listener in listeners:
        listener.close()


def test_a_host_that_is_not_this_machine_listens_on_all_addresses():
    """This happens behind a load balancer; the address is reserved for documentation (RFC 5737)."""
    (listener,) = gate.listen("192.0.2.1", 0)
    assert listener.getsockname()[0] in ("::", "0.0.0.0")
    assert "all addresses of this host" in gate.in_words([listener], 2)
    listener.close()


def test_a_taken_port_is_reported():
    with socket.create_server(("127.0.0.1", 0)) as other:
        assert gate.listen("127.0.0.1", other.getsockname()[1]) is None
