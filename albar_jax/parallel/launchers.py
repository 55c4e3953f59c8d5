"""Detects the launcher that has started several processes, such as SLURM or Kubernetes."""

import importlib.util
from collections.abc import Mapping, Sequence

from jax._src.clusters import ClusterEnv

from albar_jax.errors import UserError

# Packages by which JAX asks these launchers for the other processes.
_PACKAGES = {"mpi4py": "mpi4py", "k8s": "kubernetes"}
# Seconds within which a launcher must name the other processes.
_TIMEOUT_SECONDS = 300


def find_launcher(environment: Mapping[str, str]) -> str | None:
    """Returns JAX's name of the launcher that has started several processes.

    JAX itself detects which process is which; see `detect`.

    Args:
      environment: environment variables.

    Returns:
      "slurm", "ompi", "mpi4py", "gketpu", "gcetpu" or "k8s"; None for a single process.
    """

    def number(name: str) -> int:
        return int(environment.get(name) or 1)

    # Only `srun` sets SLURM_STEP_NODELIST; the batch script itself is a single process.
    if number("SLURM_NTASKS") > 1 and "SLURM_STEP_NODELIST" in environment:
        return "slurm"

    if number("OMPI_COMM_WORLD_SIZE") > 1:
        # Open MPI sets this variable up to version 4; version 5 needs mpi4py.
        return "ompi" if "OMPI_MCA_orte_hnp_uri" in environment else "mpi4py"

    workers = environment.get("TPU_PROCESS_ADDRESSES") or environment.get("TPU_WORKER_HOSTNAMES")
    if workers is not None:
        is_several = "," in workers or number("MEGASCALE_NUM_SLICES") > 1
        return "gketpu" if is_several else None

    # An indexed Job or a JobSet. Other pods are single processes.
    if "KUBERNETES_SERVICE_HOST" in environment and "JOB_COMPLETION_INDEX" in environment:
        return "k8s"

    # JAX sets both on import: the first if there are TPUs, the second if they need no metadata.
    if "TPU_ML_PLATFORM" in environment and "TPU_SKIP_MDS_QUERY" not in environment:
        return "gcetpu"

    return None


def require_package(launcher: str, flags: str) -> None:
    """Raises UserError if JAX needs a missing package to ask the launcher.

    Args:
      launcher: a name from `find_launcher`.
      flags: the flags that can be given instead, for the message.
    """
    package = _PACKAGES.get(launcher)
    if package is not None and importlib.util.find_spec(package) is None:
        raise UserError(
            f"these processes find each other by the package {package}: pip install it, "
            f"or give {flags}"
        )


def detect(launcher: str, flags: str) -> tuple[str, int, int, Sequence[int] | None]:
    """Asks a launcher for the processes of this run.

    Args:
      launcher: a name from `find_launcher`.
      flags: the flags that can be given instead, for the message.

    Returns:
      HOST:PORT of process 0, the number of processes, the number of this process, and its local
      devices (None for all).

    Raises:
      RuntimeError: JAX cannot find the other processes.
    """
    # JAX has no name for Kubernetes and tries it last.
    method = None if launcher == "k8s" else launcher
    coordinator, processes, process, devices = ClusterEnv.auto_detect_unset_distributed_params(
        None, None, None, None, method, _TIMEOUT_SECONDS
    )
    if coordinator is None or processes is None or process is None:
        raise RuntimeError(f"JAX cannot find them; give {flags}")

    return coordinator, processes, process, devices
