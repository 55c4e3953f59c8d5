"""Checks that all processes of a run have the same code, libraries and settings of JAX.

Other code would train on other clips, and other libraries may not even meet in a collective. So this
uses only the key-value store of the processes, before any computation.
"""

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

# Distributions whose version may change numbers, or the pixels of a film.
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
# Settings of JAX that change numbers; they come from variables, flags or config files.
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
# Options of XLA that only write files; often one process has them.
_FREE_OPTIONS = ("--xla_dump",)
_STORE = "albar_jax/code/"
_TIMEOUT_MS = 60_000
# Differences that a sentence names.
_NAMED = 4

PACKAGE = Path(__file__).parent


class Store(Protocol):
    """The part of JAX's client of the coordination service that is needed here."""

    def key_value_set(self, key: str, value: str) -> None:
        """Stores a value that all processes can read."""

    def blocking_key_value_get(self, key: str, timeout_in_ms: int) -> str:
        """Returns the value, once it is stored."""

    def wait_at_barrier(self, barrier_id: str, timeout_in_ms: int) -> None:
        """Waits until all processes have called it."""


def check_same_code(store: Store, process: int, processes: int) -> None:
    """Compares the code of all processes with that of process 0. Collective: all must call it.

    Raises:
      UserError: on all processes, if one differs.
    """
    mine = identity()
    if process == 0:
        store.key_value_set(f"{_STORE}first", json.dumps(mine))
        found = [store.blocking_key_value_get(f"{_STORE}{other}", _TIMEOUT_MS) for other in range(1, processes)]
        store.key_value_set(f"{_STORE}verdict", next(filter(None, found), ""))
    else:
        first = json.loads(store.blocking_key_value_get(f"{_STORE}first", _TIMEOUT_MS))
        store.key_value_set(f"{_STORE}{process}", _sentence(process, differences(first, mine)))
    verdict = store.blocking_key_value_get(f"{_STORE}verdict", _TIMEOUT_MS)
    # The store ends with process 0.
    store.wait_at_barrier(f"{_STORE}read", _TIMEOUT_MS)
    if verdict:
        raise UserError(verdict)


def identity() -> dict[str, str]:
    """Returns what decides the numbers besides the config: name -> version, value or hash of a file."""
    found = {"python": platform.python_version()}
    found |= {name: _version(name) for name in _LIBRARIES}
    found |= {name: str(getattr(jax.config, name, None)) for name in _SETTINGS}
    found |= {name: _options(os.environ.get(name, "")) for name in _VARIABLES}
    for path in sorted(PACKAGE.rglob("*.py")):
        found[f"albar_jax/{path.relative_to(PACKAGE).as_posix()}"] = _hash(path)

    return found | _outside()


def differences(first: Mapping[str, str], mine: Mapping[str, str]) -> list[str]:
    """Returns what differs between two identities. A module outside the package may be in only one."""
    names = [
        name for name in first | mine if not (name.startswith("module ") and (name not in first or name not in mine))
    ]
    return [
        _difference(name, first.get(name, "absent"), mine.get(name, "absent"))
        for name in names
        if first.get(name) != mine.get(name)
    ]


def summary() -> str:
    """Returns one line that tells versions of this program apart, for the log of a run."""
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
        f"process {process} runs other code than process 0; install the same everywhere; they differ in "
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
    """Returns the user's own modules, such as the config's and those of methods: name -> hash."""
    paths = sysconfig.get_paths()
    libraries = tuple(os.path.realpath(paths[kind]) + os.sep for kind in ("stdlib", "platstdlib", "purelib", "platlib"))
    found = {}
    for name, module in sorted(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if not path or not path.endswith(".py") or name.partition(".")[0] == "albar_jax":
            continue
        real = os.path.realpath(path)
        if not real.startswith(libraries) and os.path.isfile(real):
            found[f"module {name}"] = _hash(real)

    return found
