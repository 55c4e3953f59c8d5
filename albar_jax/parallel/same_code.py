"""Checks that all processes of a run have the same code, libraries and JAX settings.

Different code would train on different clips, and different libraries might deadlock in a collective. So
the check runs before any computation and uses only the key-value store of the coordination service.
"""

import functools
import hashlib
import importlib.metadata
import json
import os
import platform
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import jax

from albar_jax.errors import UserError

# Packages whose version may change numerical results or the pixels of a film.
_LIBRARIES = (
    "jax",
    "jaxlib",
    "flax",
    "optax",
    "orbax-checkpoint",
    "grain",
    "numpy",
    "scipy",
    "av",
    "decord",
    "opencv-python-headless",
    "pillow",
    "ml_collections",
)
# JAX settings that change numerical results; environment variables, flags or config files can set them.
_SETTINGS = (
    "jax_enable_x64",
    "jax_default_matmul_precision",
    "jax_default_prng_impl",
    "jax_threefry_partitionable",
    "jax_numpy_dtype_promotion",
    "jax_enable_custom_prng",
    "jax_legacy_prng_key",
    "jax_disable_jit",
)
_VARIABLES = ("XLA_FLAGS", "LIBTPU_INIT_ARGS", "NVIDIA_TF32_OVERRIDE")
# XLA options that only write files; they are often set on one process only.
_FREE_OPTIONS = ("--xla_dump",)
_STORE = "albar_jax/code/"
_TIMEOUT_MS = 60_000
# Number of differences that the message names.
_NAMED = 4

PACKAGE = Path(__file__).parents[1]


class Store(Protocol):
    """The methods of JAX's coordination service client that are used here."""

    def key_value_set(self, key: str, value: str) -> None:
        """Stores a value that all processes can read."""

    def blocking_key_value_get(self, key: str, timeout_in_ms: int) -> str:
        """Waits until the value is stored and returns it."""

    def wait_at_barrier(self, barrier_id: str, timeout_in_ms: int) -> None:
        """Waits until all processes have called this method."""


def check_same_code(store: Store, process: int, processes: int) -> None:
    """Compares the code of all processes with that of process 0. Collective: all must call it.

    Raises:
      UserError: a process differs; raised on all processes.
    """
    mine = identity()
    if process == 0:
        store.key_value_set(f"{_STORE}first", json.dumps(mine))
        found = [
            store.blocking_key_value_get(f"{_STORE}{other}", _TIMEOUT_MS)
            for other in range(1, processes)
        ]
        store.key_value_set(f"{_STORE}verdict", next(filter(None, found), ""))
    else:
        first = json.loads(store.blocking_key_value_get(f"{_STORE}first", _TIMEOUT_MS))
        store.key_value_set(f"{_STORE}{process}", _sentence(process, differences(first, mine)))

    verdict = store.blocking_key_value_get(f"{_STORE}verdict", _TIMEOUT_MS)
    # The store disappears when process 0 ends.
    store.wait_at_barrier(f"{_STORE}read", _TIMEOUT_MS)
    if verdict:
        raise UserError(verdict)


def identity() -> dict[str, str]:
    """Returns everything besides the config that affects results: name -> version, value or file hash."""
    found = {"python": platform.python_version()}
    found |= {name: _version(name) for name in _LIBRARIES}
    found |= {name: str(getattr(jax.config, name, None)) for name in _SETTINGS}
    found |= {name: _options(os.environ.get(name, "")) for name in _VARIABLES}
    for path in sorted(PACKAGE.rglob("*.py")):
        found[f"albar_jax/{path.relative_to(PACKAGE).as_posix()}"] = _hash(path)

    return found | _outside()


def differences(first: Mapping[str, str], mine: Mapping[str, str]) -> list[str]:
    """Returns the differences between two identities; a module outside the package may be missing in one."""
    names = [
        name
        for name in first | mine
        if not (name.startswith("module ") and (name not in first or name not in mine))
    ]
    return [
        _difference(name, first.get(name, "absent"), mine.get(name, "absent"))
        for name in names
        if first.get(name) != mine.get(name)
    ]


@functools.cache
def summary() -> str:
    """Returns a line for the log of a run that identifies the version of the code.

    Computed once: the runs of a study share one process, and it runs the code that it has imported.
    """
    code = hashlib.sha256(json.dumps(identity(), sort_keys=True).encode()).hexdigest()[:12]
    return f"albar_jax {_version('albar_jax')}, jax {_version('jax')}, jaxlib {_version('jaxlib')}, code {code}"


def _difference(name: str, first: str, mine: str) -> str:
    if name.startswith("albar_jax/") or name.startswith("module "):
        return name.removeprefix("module ")
    return f"{name}: {first or 'unset'} -> {mine or 'unset'}"


def _sentence(process: int, differing: list[str]) -> str:
    if not differing:
        return ""
    more = f" and {len(differing) - _NAMED} more" if len(differing) > _NAMED else ""
    return (
        f"process {process} runs other code than process 0; install the same version on all hosts; they differ in "
        f"{', '.join(differing[:_NAMED])}{more}"
    )


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


def _options(value: str) -> str:
    return " ".join(sorted(word for word in value.split() if not word.startswith(_FREE_OPTIONS)))


def _hash(path: str | Path) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]


def _outside() -> dict[str, str]:
    """Returns name -> hash of the user's own modules, such as configs and methods."""
    paths = sysconfig.get_paths()
    libraries = tuple(
        os.path.realpath(paths[kind]) + os.sep
        for kind in ("stdlib", "platstdlib", "purelib", "platlib")
    )
    found = {}
    for name, module in sorted(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if not path or not path.endswith(".py") or name.partition(".")[0] == "albar_jax":
            continue
        real = os.path.realpath(path)
        if not real.startswith(libraries) and os.path.isfile(real):
            found[f"module {name}"] = _hash(real)

    return found
