"""The roll call of processes that work together: threads here, over real sockets."""

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
    """What each of the processes, given as (processes, process), is told: "" or a sentence."""
    told = [""] * len(who)

    def answer(place: int, processes: int, process: int) -> None:
        try:
            present = roll_call.answer(f"localhost:{port}", processes, process)
            for listener in present.listeners:
                listener.close()
        except UserError as error:
            told[place] = str(error)

    threads = [
        threading.Thread(target=answer, args=(place, *each)) for place, each in enumerate(who)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    return told


def test_all_who_have_numbers_of_their_own_go_on(port):
    assert call(port, (3, 2), (3, 0), (3, 1)) == ["", "", ""]
    assert call(port, (1, 0)) == [""]  # the port is free again


@pytest.mark.parametrize("number", [0, 1])
def test_two_of_one_number_are_both_told_so(port, number):
    told = call(port, (3, 0), (3, number), (3, number)) if number else call(port, (3, 0), (3, 0))
    assert set(told) == {f"two processes were started with --process {number}; number them 0 to 2"}


def test_other_counts_are_told_to_all(port):
    told = call(port, (2, 0), (3, 1))
    assert set(told) == {
        "process 1 was started with --processes 3 and process 0 with --processes 2; give all the same number"
    }


def test_who_does_not_come_is_named(port, monkeypatch, capsys):
    monkeypatch.setattr(roll_call, "TIMEOUT_SECONDS", 1.0)
    monkeypatch.setattr(roll_call, "_PATIENCE_SECONDS", 0.3)
    assert "2 processes (1, 2) did not come" in call(port, (3, 0))[0]
    assert "nobody answers at" in call(port, (3, 2))[0]
    printed = capsys.readouterr().err
    assert f"waiting for 2 processes (1, 2) at localhost:{port}" in printed
    assert f"waiting for process 0 at localhost:{port}" in printed


def test_a_port_of_another_program_is_told(port):
    def serve(listener: socket.socket) -> None:
        other = listener.accept()[0]
        other.recv(100)
        other.sendall(b"\x00\x00\x06\x04\x00")  # as gRPC answers
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
