"""Checks that all processes of a run have the same code, libraries and JAX settings.

Different code would train on different clips, and different libraries might deadlock in a
collective. So the check runs before any computation, and uses only the key-value store of the
coordination service.
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
from albar_jax.files import content_hash
from albar_jax.schema.changes import differing, listed

# Packages whose version may change numerical results or the decoded pixels of a video.
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
# JAX settings that change numerical results. Environment variables, flags or config files set them.
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
# Folder of the key-value store.
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
        ...

    def wait_at_barrier(self, barrier_id: str, timeout_in_ms: int) -> None:
        """Waits until all processes have called this method."""


def check_same_code(store: Store, process: int, processes: int) -> None:
    """Compares the code of all processes with process 0's. Collective: all must call it.

    Args:
      store: key-value store that all processes share.
      process: number of this process.
      processes: number of processes.

    Raises:
      UserError: a process differs; raised on all processes.
    """
    own = identity()
    if process == 0:
        store.key_value_set(f"{_STORE}first", json.dumps(own))
        sentences = [
            store.blocking_key_value_get(f"{_STORE}{other}", _TIMEOUT_MS)
            for other in range(1, processes)
        ]
        store.key_value_set(f"{_STORE}verdict", next(filter(None, sentences), ""))
    else:
        first = json.loads(store.blocking_key_value_get(f"{_STORE}first", _TIMEOUT_MS))
        store.key_value_set(f"{_STORE}{process}", _sentence(process, differences(first, own)))

    verdict = store.blocking_key_value_get(f"{_STORE}verdict", _TIMEOUT_MS)
    # The store disappears when process 0 ends.
    store.wait_at_barrier(f"{_STORE}read", _TIMEOUT_MS)
    if verdict:
        raise UserError(verdict)


def identity() -> dict[str, str]:
    """Returns everything except the config that affects results.

    Returns:
      Name -> version of a library, value of a setting, or hash of a file.
    """
    entries = {"python": platform.python_version()}
    for name in _LIBRARIES:
        entries[name] = _version(name)
    for name in _SETTINGS:
        entries[name] = str(getattr(jax.config, name, None))
    for name in _VARIABLES:
        entries[name] = _options(os.environ.get(name, ""))

    for path in sorted(PACKAGE.rglob("*.py")):
        entries[f"albar_jax/{path.relative_to(PACKAGE).as_posix()}"] = content_hash(path)

    return entries | _user_modules()


def differences(first: Mapping[str, str], own: Mapping[str, str]) -> list[str]:
    """Returns the differences between two identities, one phrase each.

    A module outside the package may be missing in one of them.

    Args:
      first: identity of process 0.
      own: identity of another process.
    """
    phrases = []
    for name, expected, actual in differing(first, own, absent="absent"):
        is_optional = name.startswith("module ")
        if is_optional and (name not in first or name not in own):
            continue
        phrases.append(_difference(name, expected, actual))

    return phrases


@functools.cache
def summary() -> str:
    """Returns a line for the log of a run that identifies the version of the code.

    Cached, because the runs of a study share one process, and that process runs the code that it
    has imported.
    """
    code = hashlib.sha256(json.dumps(identity(), sort_keys=True).encode()).hexdigest()[:12]
    versions = [f"{name} {_version(name)}" for name in ("albar_jax", "jax", "jaxlib")]

    return f"{', '.join(versions)}, code {code}"


def _difference(name: str, first: str, own: str) -> str:
    if name.startswith(("albar_jax/", "module ")):
        return name.removeprefix("module ")

    return f"{name}: {first or 'unset'} -> {own or 'unset'}"


def _sentence(process: int, phrases: list[str]) -> str:
    """Returns the message about the differences of a process; "" if there are none."""
    if not phrases:
        return ""

    return (
        f"process {process} runs other code than process 0; install the same version on all hosts; "
        f"they differ in {listed(phrases, _NAMED)}"
    )


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


def _options(value: str) -> str:
    """Sorts the options in an environment variable and drops those that only write files."""
    return " ".join(sorted(word for word in value.split() if not word.startswith(_FREE_OPTIONS)))


def _user_modules() -> dict[str, str]:
    """Returns name -> hash of the user's own modules, such as methods.

    Config files are loaded later; `same_launch` compares them.
    """
    paths = sysconfig.get_paths()
    libraries = tuple(
        os.path.realpath(paths[kind]) + os.sep
        for kind in ("stdlib", "platstdlib", "purelib", "platlib")
    )

    hashes = {}
    for name, module in sorted(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if not path or not path.endswith(".py") or name.partition(".")[0] == "albar_jax":
            continue

        real = os.path.realpath(path)
        if not real.startswith(libraries) and os.path.isfile(real):
            hashes[f"module {name}"] = content_hash(real)

    return hashes
