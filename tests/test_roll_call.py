"""Claims about the roll call of the processes of a run: threads here, over real sockets."""

import socket
import threading

import pytest

from albar_jax.errors import UserError
from albar_jax.parallel import roll_call


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return free.getsockname()[1]


def call(port: int, *who: tuple[int, int]) -> list[str]:
    """Calls the roll with the given processes, each (processes, process).

    Returns:
      The error sentence of each process; "" if there is none.
    """
    sentences = [""] * len(who)

    def answer(place: int, processes: int, process: int) -> None:
        try:
            present = roll_call.answer(f"localhost:{port}", processes, process)
            for listener in present.listeners:
                listener.close()
        except UserError as error:
            sentences[place] = str(error)

    threads = [
        threading.Thread(target=answer, args=(place, *each)) for place, each in enumerate(who)
    ]
    for thread in threads:
        thread.start()

    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()

    return sentences


def test_processes_with_different_numbers_are_complete(port):
    assert call(port, (3, 2), (3, 0), (3, 1)) == ["", "", ""]
    # The port is free again.
    assert call(port, (1, 0)) == [""]


@pytest.mark.parametrize("number", [0, 1])
def test_two_processes_with_one_number_both_get_the_sentence(port, number):
    others = [(3, number), (3, number)] if number else [(3, 0)]
    sentences = call(port, (3, 0), *others)
    assert set(sentences) == {
        f"two processes were started with --process {number}; number them 0 to 2"
    }


def test_different_counts_are_reported_to_all(port):
    sentences = call(port, (2, 0), (3, 1))
    assert set(sentences) == {
        "process 1 was started with --processes 3 and process 0 with --processes 2; "
        "give all the same number"
    }


def test_missing_processes_are_named(port, monkeypatch, capsys):
    monkeypatch.setattr(roll_call, "TIMEOUT_SECONDS", 1.0)
    monkeypatch.setattr(roll_call, "_PATIENCE_SECONDS", 0.3)
    assert "2 processes (1, 2) did not connect" in call(port, (3, 0))[0]
    assert "no process answers at" in call(port, (3, 2))[0]
    printed = capsys.readouterr().err
    assert f"waiting for 2 processes (1, 2) at localhost:{port}" in printed
    assert f"waiting for process 0 at localhost:{port}" in printed


def test_a_port_of_another_program_is_reported(port):
    def serve(listener: socket.socket) -> None:
        other = listener.accept()[0]
        other.recv(100)
        # The first bytes of a gRPC server.
        other.sendall(b"\x00\x00\x06\x04\x00")
        other.close()

    with socket.create_server(("", port)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        assert "is taken by another program, or by a run that is under way" in call(port, (2, 1))[0]
        thread.join(10)


@pytest.mark.parametrize("coordinator", ["host:", "host:port", "host:0", "host:70000"])
def test_an_address_without_a_port_is_refused(coordinator):
    with pytest.raises(UserError, match="it is HOST:PORT"):
        roll_call.answer(coordinator, 2, 0)
