"""Connects several processes, usually one per host or accelerator, that train or evaluate together.

All processes are launched with the same command. Process 0 prints, logs and writes. If one process
fails, all of them end; see `failures`.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import cast

import jax

# JAX has no public access to the key-value store that the processes share.
from jax._src.distributed import global_state

from albar_jax.errors import UserError
from albar_jax.parallel import failures, gate, launchers, listening, roll_call
from albar_jax.parallel.same_code import Store, check_same_code
from albar_jax.terminal.escapes import show

_FLAGS = "--coordinator HOST:PORT, --processes N and --process I"


def join(
    coordinator: str | None = None, processes: int | None = None, process: int | None = None
) -> None:
    """Connects this process to the others of its run; must be called before any computation.

    Without arguments it looks for a launcher in the environment: SLURM, Open MPI, indexed Jobs and
    JobSets of Kubernetes, or TPU pods. It does nothing if there is only one process.

    Args:
      coordinator: HOST:PORT of process 0; the port must be free.
      processes: number of processes.
      process: number of this process, from 0.

    Raises:
      UserError: only some arguments are given, or the other processes cannot be found or reached.
    """
    if (coordinator, processes, process) == (None, None, None):
        launcher = launchers.find_launcher(os.environ)
        if launcher is None:
            return
        peers = f"the others of this {launcher} job"
        launchers.require_package(launcher, _FLAGS)
        with _naming_peers(peers):
            address, count, number, devices = launchers.detect(launcher, _FLAGS)
    else:
        address, count, number = _checked_flags(coordinator, processes, process)
        peers = address
        devices = None

    # JAX's service would handle SIGTERM itself; `exchange.AgreedSignal` does its work.
    jax.config.update("jax_enable_preemption_service", False)

    present = roll_call.answer(address, count, number)
    with _naming_peers(peers):
        _connect(present, count, number, devices)

    if global_state.process_id:
        _silence_stdout()
    failures.watch(global_state.client)


def _checked_flags(
    coordinator: str | None, processes: int | None, process: int | None
) -> tuple[str, int, int]:
    """Returns the arguments of `join`; raises UserError if one is missing or out of range."""
    if (
        coordinator is not None
        and processes is not None
        and process is not None
        and ":" in coordinator
        and 0 <= process < processes
    ):
        return coordinator, processes, process

    raise UserError(
        f"{_FLAGS}, from 0 to N - 1, go together; they are {coordinator}, {processes} and {process}"
    )


def _connect(present: roll_call.Present, processes: int, process: int, devices) -> None:
    """Connects JAX's processes through the gate and compares their code."""
    if process == 0:
        show(listening.in_words(present.listeners, processes), flush=True)
        address = gate.open_gate(present.listeners, present.key)
    else:
        address = gate.open_tunnel(present.host, present.port, present.key)

    jax.distributed.initialize(
        address,
        processes,
        process,
        devices,
        cluster_detection_method="deactivate",
        coordinator_bind_address=address,
    )
    # `initialize` has made the client.
    check_same_code(cast(Store, global_state.client), process, processes)


def _silence_stdout() -> None:
    """Discards what this process prints on stdout, also from C++; process 0 prints for all."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextlib.contextmanager
def _naming_peers(peers: str) -> Iterator[None]:
    """Converts any error to a UserError that names the processes to connect to."""
    try:
        yield
    except UserError:
        raise
    # The launcher's own package may raise any error.
    except Exception as error:
        reason = str(error).partition("\n")[0]
        raise UserError(f"cannot work together with {peers}: {reason}") from error
