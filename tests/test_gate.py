"""Claims about the gate of JAX's coordination service, on real sockets.

A plain server replaces the service.
"""

import contextlib
import os
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from albar_jax.parallel import gate, listening

ROOT = Path(__file__).parent.parent


@pytest.fixture
def service():
    """Opens a gate to a server that answers each line in capitals; yields the key and the port."""
    (listener,) = listening.listen("127.0.0.1", 0)
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


@pytest.mark.parametrize(
    "first", [b"", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" * 4, b"0" * gate.KEY_LENGTH]
)
def test_a_connection_without_the_key_is_closed(service, first):
    assert ask(("127.0.0.1", service[1]), first=first) == b""


def test_silent_strangers_do_not_take_all_files_of_the_process(service, monkeypatch):
    monkeypatch.setattr(gate, "_KEY_SECONDS", 60.0)
    key, port = service

    with contextlib.ExitStack() as stack:
        strangers = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(150)
        ]
        hung_up: set[socket.socket] = set()
        deadline = time.monotonic() + 30

        while len(hung_up) < 86 and time.monotonic() < deadline:
            hung_up |= {*select.select([*set(strangers) - hung_up], [], [], 1)[0]}

        assert len(hung_up) == 86

    deadline = time.monotonic() + 30
    while (answer := ask(("127.0.0.1", port), first=key.encode())) != b"HELLO":
        assert time.monotonic() < deadline, answer


def test_a_name_of_loopback_is_listened_at_on_loopback_only():
    listeners = listening.listen("localhost", 0)
    assert {listener.getsockname()[0] for listener in listeners} <= {"127.0.0.1", "::1"}

    for listener in listeners:
        listener.close()


def test_a_name_with_an_address_that_this_machine_lacks_is_not_listened_at_everywhere(monkeypatch):
    """An example is `localhost` without IPv6. An address of documentation stands for ::1."""
    resolve = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda *args, **more: resolve("127.0.0.1", *args[1:], **more) + resolve("192.0.2.1", 0),
    )
    monkeypatch.setattr(listening, "_LOCAL_NAMES", ("both",))
    (listener,) = listening.listen("both", 0)
    assert listener.getsockname()[0] == "127.0.0.1"
    listener.close()


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder whose path leaves room for the names of sockets, which have at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="gate") as folder:
        yield Path(folder)


def test_the_folder_of_a_killed_process_is_removed_by_the_next_and_that_of_a_live_one_is_not(
    short_path, monkeypatch
):
    code = (
        "from albar_jax.parallel import gate\n"
        "print(gate.open_tunnel('127.0.0.1', 1, ''), flush=True)\n"
        "input()\n"
    )
    command, environment = [sys.executable, "-c", code], os.environ | {"TMPDIR": str(short_path)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    killed, live = (subprocess.Popen(command, env=environment, cwd=ROOT, **pipes) for _ in range(2))

    with killed, live:
        left, used = (
            Path(process.stdout.readline().strip().removeprefix("unix:"))
            for process in (killed, live)
        )
        killed.kill()
        killed.wait()
        assert left.is_socket()
        monkeypatch.setattr(tempfile, "tempdir", str(short_path))
        # Another program's.
        (short_path / "albar_jax_0").mkdir()
        own = Path(gate.open_tunnel("127.0.0.1", 1, "").removeprefix("unix:"))
        expected = ["albar_jax_0", used.parent.name, own.parent.name]
        assert sorted(os.listdir(short_path)) == sorted(expected)
        assert used.is_socket()
        live.stdin.close()
        live.wait()
        assert not used.parent.exists()


def test_a_host_that_is_not_this_one_is_listened_for_at_all_addresses():
    """An example is a load balancer. The address is one of documentation (RFC 5737)."""
    (listener,) = listening.listen("192.0.2.1", 0)
    assert listener.getsockname()[0] in ("::", "0.0.0.0")
    assert "all addresses of this host" in listening.in_words([listener], 2)
    listener.close()


def test_a_taken_port_is_reported():
    with socket.create_server(("127.0.0.1", 0)) as other:
        assert listening.listen("127.0.0.1", other.getsockname()[1]) is None


def test_process_0_waits_at_its_end_until_the_others_have_disconnected(service, monkeypatch):
    """The service's last answer may still be on its way to them."""
    monkeypatch.setattr(gate, "_LAST_SECONDS", 60.0)
    key, port = service
    end = threading.Thread(target=gate._end)

    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(key.encode() + b"hello")
        assert client.recv(100) == b"HELLO"
        end.start()
        end.join(0.5)
        assert end.is_alive()

    end.join(30)
    assert not end.is_alive()


def test_the_gate_ends_after_jax_has_left_the_other_processes():
    code = (
        "from albar_jax.parallel import hosts\n"
        "from albar_jax.terminal import last\n"
        "from jax._src import distributed\n"
        "distributed.shutdown = lambda: print('jax')\n"
        "last.run_at_the_end(lambda: print('gate'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["jax", "gate"]
