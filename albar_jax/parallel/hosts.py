"""Several processes, as a rule one a host or an accelerator, that train or evaluate together.

They are started alike. The first prints, logs and writes; a mistake that any of them meets ends them all.
"""

import collections
import contextlib
import importlib.util
import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence

import jax
import numpy as np
from jax._src.clusters import ClusterEnv
from jax._src.distributed import global_state  # the only way to the store that the processes share
from jax.experimental import multihost_utils

from albar_jax.errors import UserError, say
from albar_jax.parallel import gate, listening, roll_call
from albar_jax.parallel.mesh import data_mesh, replicated, split_batch
from albar_jax.parallel.same_code import check_same_code
from albar_jax.terminal.escapes import show

_FLAGS = "--coordinator HOST:PORT, --processes N and --process I"
_PACKAGES = {"mpi4py": "mpi4py", "k8s": "kubernetes"}  # by which JAX asks these launchers
_MISTAKE = "albar_jax/mistake/"  # where in the store that all processes share
_FIND_SECONDS = 300  # for a launcher to name the other processes
_LOOK_SECONDS = 1.0  # between two looks at it
_LEAVE_SECONDS = 10  # for the others to notice
_AHEAD = 2  # steps that the host may be ahead of the device, see `metrics_window`

_watch: threading.Thread | None = None
_before_leaving: list[Callable[[], None]] = []


def join(
    coordinator: str | None = None, processes: int | None = None, process: int | None = None
) -> None:
    """Makes this process one of several, if the arguments or the environment say so; before anything is computed.

    SLURM, Open MPI, indexed Jobs and JobSets of Kubernetes, and TPU pods say it in the environment.

    Raises:
      UserError: if only some arguments are given, or the others cannot be found or reached.
    """
    given = (coordinator, processes, process)
    launcher = find_launcher(os.environ) if given == (None, None, None) else "deactivate"
    if launcher is None:
        return
    if launcher == "deactivate" and (
        None in given or ":" not in coordinator or not 0 <= process < processes
    ):
        raise UserError(
            f"{_FLAGS}, from 0 to N - 1, go together; they are {coordinator}, {processes} and {process}"
        )
    package = _PACKAGES.get(launcher)
    if package is not None and importlib.util.find_spec(package) is None:
        raise UserError(
            f"these processes find each other by the package {package}: pip install it, or give {_FLAGS}"
        )
    # It would take SIGTERM for itself; `AgreedSignal` does its work.
    jax.config.update("jax_enable_preemption_service", False)
    coordinator, processes, process, devices = _who(given, launcher)
    present = roll_call.answer(coordinator, processes, process)
    where = coordinator if launcher == "deactivate" else f"the others of this {launcher} job"
    with _naming_errors(where):
        if process == 0:
            show(listening.in_words(present.listeners, processes), flush=True)
            address = gate.open_gate(present.listeners, present.key)
        else:
            address = gate.open_tunnel(present.host, present.port, present.key)
        options = {"cluster_detection_method": "deactivate", "coordinator_bind_address": address}
        jax.distributed.initialize(address, processes, process, devices, **options)
        check_same_code(global_state.client, process, processes)
    if global_state.process_id:
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # what C++ prints goes there, too
    global _watch
    _watch = threading.Thread(
        target=_leave_with_the_others, args=(global_state.client,), daemon=True
    )
    _watch.start()


def _who(given: tuple, launcher: str) -> tuple[str, int, int, Sequence[int] | None]:
    """Returns the coordinator, the number of processes, the number of this process, and the devices it may use."""
    if launcher == "deactivate":
        return *given, None
    # JAX has no name for Kubernetes and tries it last.
    method = None if launcher == "k8s" else launcher
    with _naming_errors(f"the others of this {launcher} job"):
        who = ClusterEnv.auto_detect_unset_distributed_params(
            None, None, None, None, method, _FIND_SECONDS
        )
        if None in who[:3]:
            raise RuntimeError(f"JAX cannot find them; give {_FLAGS}")
        return who


@contextlib.contextmanager
def _naming_errors(where: str) -> Iterator[None]:
    try:
        yield
    except UserError:
        raise
    # The launcher's own package may raise any error.
    except Exception as error:
        raise UserError(
            f"cannot work together with {where}: {str(error).partition(chr(10))[0]}"
        ) from error


def find_launcher(said: Mapping[str, str]) -> str | None:
    """What has started several processes, by JAX's name, as environment variables say; None for one that is alone.

    Who is who, JAX finds out by itself.
    """

    def number(name: str) -> int:
        return int(said.get(name) or 1)

    if number("SLURM_NTASKS") > 1 and "SLURM_STEP_NODELIST" in said:  # which only `srun` says
        return "slurm"
    if number("OMPI_COMM_WORLD_SIZE") > 1:
        return (
            "ompi" if "OMPI_MCA_orte_hnp_uri" in said else "mpi4py"
        )  # up to version 4, and from 5
    workers = said.get("TPU_PROCESS_ADDRESSES") or said.get("TPU_WORKER_HOSTNAMES")
    if workers is not None:
        return "gketpu" if "," in workers or number("MEGASCALE_NUM_SLICES") > 1 else None
    if (
        "KUBERNETES_SERVICE_HOST" in said and "JOB_COMPLETION_INDEX" in said
    ):  # an indexed Job, or a JobSet's
        return "k8s"
    # JAX says both when it is imported: that there are TPUs, and that nobody need be asked about them.
    return "gcetpu" if "TPU_ML_PLATFORM" in said and "TPU_SKIP_MDS_QUERY" not in said else None


def before_leaving(work: Callable[[], None]) -> None:
    """Registers `work` to run before this process aborts because another process failed."""
    _before_leaving.append(work)


def fail(sentence: str, status: int) -> int:
    """Says on stderr why the program ends, and returns its exit status; other processes end with this one.

    Of several that fail at once, the first to say so does.
    """
    # A traceback spans several lines.
    lines = sentence.split("\n")
    if _watch is None:
        say(*lines)
        return status
    try:
        global_state.client.key_value_set(f"{_MISTAKE}status", str(status))
        is_first = True
    except RuntimeError as error:
        is_first = "ALREADY_EXISTS" not in str(
            error
        )  # else the store is gone, and its process with it
    if is_first:
        say(*lines)
    _watch.join()
    os._exit(
        status
    )  # not by way of JAX, which would wait for the others, who may wait for this one


def in_words(error: Exception) -> str:
    """What to say of an error that is no mistake of the user's: a traceback, unless another process is to blame."""
    # Between accelerators nothing is raised: JAX itself ends a process whose others are gone.
    if isinstance(error, jax.errors.JaxRuntimeError) and "Gloo" in str(error):
        return f"error: another process has ended, or cannot be reached ({error}); start all of them again"
    return traceback.format_exc()


def _leave_with_the_others(client) -> None:
    """Ends this process, whatever it is at, when one of them has failed."""
    with contextlib.suppress(RuntimeError):  # the work is done, and JAX has let go of the others
        while not (said := client.key_value_dir_get(_MISTAKE)):
            time.sleep(_LOOK_SECONDS)
        with contextlib.suppress(RuntimeError):  # one is dead
            client.wait_at_barrier("albar_jax/leave", 1000 * _LEAVE_SECONDS)
        if global_state.process_id == 0:
            time.sleep(
                _LOOK_SECONDS
            )  # the store is its own, and the others have to hear of the barrier
        _clean_up()
        sys.stdout.flush()
        os._exit(int(said[0][1]))


def _clean_up() -> None:
    for work in (*_before_leaving, gate.remove_sockets):
        worker = threading.Thread(target=work, daemon=True)
        worker.start()
        worker.join(_LEAVE_SECONDS)


class AgreedSignal:
    """The signal that any process was told to stop by, which all learn of at the same step.

    It travels between the devices behind the step in hand and is read when later steps are on their way, so nobody
    waits for it.
    """

    def __init__(self) -> None:
        self._sent: collections.deque[jax.Array] = collections.deque()
        mesh = data_mesh()
        self._split = split_batch(mesh)
        self._largest = jax.jit(lambda told: told.max(), out_shardings=replicated(mesh))

    def __call__(self, told: int) -> int:
        """Takes the number that this process was told, 0 for none; returns what all were, as of some steps ago."""
        if jax.process_count() == 1:
            return told
        mine = np.full(jax.local_device_count(), told, np.int32)
        self._sent.append(self._largest(jax.make_array_from_process_local_data(self._split, mine)))
        return int(self._sent.popleft()) if len(self._sent) > _AHEAD else 0


def gather(facts: Mapping[str, str]) -> dict[str, str]:
    """The facts that all processes know together; each of them has to ask."""
    if jax.process_count() == 1:
        return dict(facts)
    mine = np.frombuffer(json.dumps(dict(facts)).encode(), np.uint8)
    sizes = multihost_utils.process_allgather(np.int32(len(mine)))
    texts = multihost_utils.process_allgather(np.pad(mine, (0, int(sizes.max()) - len(mine))))
    return {
        name: fact
        for text, size in zip(texts, sizes, strict=True)
        for name, fact in json.loads(text[:size].tobytes()).items()
    }
